"""Every stored trial as a line: what differs from its row, what came of it, and whether it counts. Tidy, for pandas."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repro.experiments import views
from repro.experiments.condition import Condition
from repro.experiments.config import ConfigError, Row, load
from repro.experiments.selection import select, text, words
from repro.experiments.views import View
from repro.records import attestation
from repro.records.attestation import Ledger
from repro.records.store import Store, StoreError
from repro.records.trial import LastLook, Record, StageRecord
from repro.records.validity import ALL, current

if TYPE_CHECKING:
    import pandas as pd


_TEST = "test after it: "
# Of each column its type, unit and meaning, in this order. Some stand for as many as the trials need: GROUP.NAME for
# settings, FACT for facts, stage_N... for stage_1..., stage_2..., and so on.
ABOUT: dict[str, tuple[type, str, str]] = {
    "experiment": (str, "", "experiment of the row"),
    "row": (str, "", "name of the row, as `repro run` takes it"),
    "reading": (str, "", "how the paper is read; printed: literally"),
    "settings": (str, "", "what else is not as the row has it, in short; empty: nothing"),
    "seed": (int, "", "root of all random streams"),
    "trial": (int, "", "number of the trial, from 0"),
    "GROUP.NAME": (str, "", "a setting, such as `learner.learning_rate`, that differs from its row's in some line"),
    "outcome": (str, "", "solved, limit, diverged, or crashed: to be run again"),
    "counts": (bool, "", "today's source gives its bits, and it is not of a screening"),
    "screened": (bool, "", "it is of a screening: no table and no verdict takes it"),
    "sequences": (int, "sequences", "training until the end"),
    "steps": (int, "time steps", "training until the end"),
    "max_sequences": (int, "sequences", "the limit: training after which a trial has failed"),
    "cpu_s": (float, "seconds", "CPU time; what runs side by side shares it"),
    "weights": (int, "weights", "of the net at the end"),
    "FACT": (int, "", "what a learner tells of its nets, by its name, such as `guesses` or `cell_added_after`"),
    "stage_N": (str, "", "name of the stage of the stop rule that was passed; empty: it was not"),
    "stage_N_sequences": (int, "sequences", "training until it was passed"),
    "stage_N_steps": (int, "time steps", "training until it was passed"),
    "stage_N_test_sequences": (int, "sequences", _TEST + "its size"),
    "stage_N_test_wrong": (int, "sequences", _TEST + "wrong ones"),
    "stage_N_mean_absolute_error": (float, "", _TEST + "of outputs"),
    "stage_N_mean_squared_error": (float, "", _TEST + "of outputs"),
    "stage_N_max_error": (float, "", _TEST + "the most that outputs were wrong by, where that decides"),
    "look_at": (str, "", "last look at a failure: exam, a last one; training, the last sequences"),
    "look_sequences": (int, "sequences", "how many were looked at"),
    "look_wrong": (int, "sequences", "wrong ones of these"),
    "look_late_wrong": (int, "sequences", "wrong ones of these at the last time step but one"),
    "look_mean_absolute_error": (float, "", "of outputs"),
    "look_mean_squared_error": (float, "", "of outputs"),
    "error": (str, "", "why it crashed"),
    "condition": (str, "", "digest that names the condition: row, reading, settings, seed"),
    "weights_digest": (str, "", "of the final weights"),
    "source": (str, "", "digest of the numerical source that computed it"),
}


def frame(
    select: str | Iterable[str] = (), *, results: str | Path = "results", view: View | None = None
) -> "pd.DataFrame":
    """Every stored trial of some rows as a pandas DataFrame, a line a trial.

    Parameters
    ----------
    select
        Rows as `repro run` takes them: names, globs, experiments, ``table:9``. Nothing means all that is stored, also
        of rows that are in no configuration.
    results
        The folder with the records.
    view
        Settings, a root seed and keys, as `views.View`: only trials of these. None: all.

    Returns
    -------
    pandas.DataFrame
        Columns as `table` says. Whole numbers that may be missing are ``Int64``, truth values ``boolean``.

    Raises
    ------
    repro.errors.ReproError
        If a pattern means no row, or a results file cannot be read.

    """
    import pandas as pd

    patterns = [select] if isinstance(select, str) else list(select)
    if not Path(results).is_dir():
        raise StoreError(f"there is no results folder '{results}'")
    names, lines = table(patterns, load(), Store(Path(results)), view)
    columns = list(zip(*lines, strict=True)) or [()] * len(names)
    return pd.DataFrame({name: _series(name, values) for name, values in zip(names, columns, strict=True)})


def _series(name: str, values: Sequence[Any]) -> Any:
    """A column of a type that does not depend on what is missing in it."""
    import pandas as pd

    if "." in name:  # a setting, of whatever type
        return list(values)
    kind, _, _ = ABOUT.get(re.sub(r"^stage_\d+", "stage_N", name), ABOUT["FACT"])
    if (kind is int and name.startswith(("stage_", "look_"))) or None in values:
        return pd.array(list(values), dtype=_NULLABLE[kind])
    return list(values)


_NULLABLE = {int: "Int64", float: "float64", bool: "boolean", str: "string"}


def table(
    patterns: Sequence[str], rows: Mapping[str, Row], store: Store, view: View | None = None
) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
    """The stored trials of some rows, of all if there is no pattern: names of columns, and a line for each trial.

    ``settings`` says in words what is not as the row has it; each setting that differs in any of the trials has a
    column of its own, by its full key, with the value of every trial. ``counts``: today's source gives its bits, and no
    setting was chosen by it. Of a trial that was run more than once the record that counts is taken, else the latest.

    ``stage_1`` is the name of the first stage that the trial passed, ``stage_1_sequences`` the training sequences at
    which it did, ``stage_1_test_wrong`` how many test sequences were wrong, and so on; ``look_...`` is what a last look
    at a trial that failed found. What a learner tells of its nets (``cell_added``, ...) stands under its own name.

    Raises
    ------
    repro.experiments.config.ConfigError
        If a pattern means no row.
    repro.records.store.StoreError
        If a results file cannot be read.

    """
    conditions = list(stored(patterns, rows, store, view))
    changed = [views.settings(condition, rows.get(condition.row)) for condition, _ in conditions]
    keys = list(dict.fromkeys(key for one in changed for key in one))
    every = [record for _, records in conditions for record, _ in records]
    n_stages = max((len(record.stages) for record in every), default=0)
    looked = any(record.last_look for record in every)
    facts = dict.fromkeys(name for record in every if record.facts for name in record.facts)
    of_stage = [name for name in ABOUT if name.startswith("stage_N")]
    stages = [name.replace("N", str(k), 1) for k in range(1, n_stages + 1) for name in of_stage]
    many = {"GROUP.NAME": keys, "FACT": list(facts), **{name: [] for name in of_stage}, "stage_N": stages}
    names = [name for one in ABOUT if looked or not one.startswith("look_") for name in many.get(one, [one])]
    lines = (
        line
        for (condition, records), settings in zip(conditions, changed, strict=True)
        for line in _lines(condition, records, settings, keys, tuple(facts), n_stages, looked)
    )
    return names, lines


def _lines(
    condition: Condition, records: Sequence[tuple[Record, bool]], settings: Mapping[str, Any], keys: Sequence[str],
    facts: Sequence[str], n_stages: int, looked: bool,
) -> Iterator[tuple[Any, ...]]:  # fmt: skip
    """The lines of a condition. A million of them are made here, so what they share is made once."""
    shared = (condition.experiment, condition.row, condition.reading, words(settings), condition.seed)
    values = tuple(_plain(views.value(condition, key)) for key in keys)
    most = condition.settings["stop"]["max_sequences"]
    no_stage, no_look = (None,) * len(StageRecord.__struct_fields__), (None,) * len(LastLook.__struct_fields__)
    for record, counts in records:
        line = (
            *shared, record.trial, *values, record.outcome, counts, record.screened, record.sequences,
            record.steps, most, record.cpu_s, record.weights,
        )  # fmt: skip
        if facts:
            line += tuple([record.facts.get(name) for name in facts])
        for stage in record.stages:
            line += _of_stage(stage)
        line += no_stage * (n_stages - len(record.stages))
        if looked:
            line += _of_look(record.last_look) if record.last_look else no_look
        yield (*line, record.error, condition.key, record.weights_digest, record.source)


_of_stage = attrgetter(*StageRecord.__struct_fields__)
_of_look = attrgetter(*LastLook.__struct_fields__)


def _plain(value: Any) -> Any:
    """A value of a setting as one cell: lists and tables as `--set` takes them."""
    return text(value) if isinstance(value, list | tuple | dict) else value


def stored(
    patterns: Sequence[str], rows: Mapping[str, Row], store: Store, view: View | None = None
) -> Iterator[tuple[Condition, list[tuple[Record, bool]]]]:
    """Of each stored condition of the selected rows its condition and its trials: a record each, and whether it counts.

    Raises
    ------
    repro.experiments.config.ConfigError
        If a pattern means no row.
    repro.records.store.StoreError
        If a results file cannot be read.

    """
    wanted = {row.name: row for row, _ in select(patterns, rows)} if patterns else None
    ledger = attestation.read(store.folder)
    names = store.experiments() if wanted is None else dict.fromkeys(row.experiment for row in wanted.values())
    for experiment in names:
        file = store.stored(experiment)
        conditions = [condition for condition in file.conditions if wanted is None or condition.row in wanted]
        seen = None if view is None else _seen(view, conditions, rows)
        for condition in conditions:
            if seen is None or condition.key in seen:
                yield condition, _trials(condition, file.records(condition.key), ledger)


def _seen(view: View, conditions: Sequence[Condition], rows: Mapping[str, Row]) -> set[str]:
    """The keys of the conditions that a view is of, of whatever row; rows that do not have its settings have none."""
    found = set()
    for name in {condition.row for condition in conditions} & rows.keys():
        for reading in rows[name].readings:
            with suppress(ConfigError):
                found |= {condition.key for condition in view.conditions(rows[name], reading, conditions)}
    return found


def _trials(condition: Condition, records: Sequence[Record], ledger: Ledger) -> list[tuple[Record, bool]]:
    counted = {record.trial: record for record in current(condition, ALL, records, ledger)}
    if len(counted) == len(records):
        return [(record, True) for record in counted.values()]
    latest = {record.trial: record for record in records}
    return [(counted.get(trial, latest[trial]), trial in counted) for trial in sorted(latest)]
