"""The list of all that is stored: every condition, whatever its settings, with how many trials there are of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from repro.experiments import views
from repro.experiments.condition import Condition
from repro.experiments.config import Row
from repro.experiments.selection import words
from repro.hints import command
from repro.presentation import grid
from repro.presentation.columns import Column, Schema, View
from repro.presentation.trials import stored
from repro.records.store import Store
from repro.records.trial import Record


@dataclass(frozen=True)
class Entry:
    """A stored condition."""

    condition: Condition
    row: Row | None  # None: it is in no configuration
    trials: Sequence[tuple[Record, bool]]  # a record each, and whether it counts

    def n(self, *outcomes: str) -> int:
        """The trials that ended so."""
        return sum(record.outcome in outcomes for record, _ in self.trials)

    @cached_property
    def settings(self) -> str:
        """What is not as the row has it, the root seed aside."""
        return words(views.settings(self.condition, self.row))


def entries(patterns: Sequence[str], rows: Mapping[str, Row], store: Store) -> list[Entry]:
    """Every stored condition of some rows, of all if there is no pattern; in the order of rows and readings.

    Raises
    ------
    repro.experiments.config.ConfigError
        If a pattern means no row.
    repro.records.store.StoreError
        If a results file cannot be read.

    """
    found = [Entry(condition, rows.get(condition.row), trials) for condition, trials in stored(patterns, rows, store)]
    places = {name: k for k, name in enumerate(rows)}
    return sorted(found, key=lambda entry: (places.get(entry.condition.row, len(places)), *_place(entry)))


def _place(entry: Entry) -> tuple[int, int, str, str]:
    """Of a row: as its readings are, then by seed, then what is as the row has it first."""
    readings = list(entry.row.readings) if entry.row else []
    reading = entry.condition.reading
    known = readings.index(reading) if reading in readings else len(readings)
    return known, entry.condition.seed, reading, entry.settings


def render(found: Sequence[Entry], form: str, names: Sequence[str] = ()) -> str:
    """The list in any of `grid.FORMATS`, with the columns of these names or the usual ones.

    Raises
    ------
    repro.presentation.columns.ColumnsError
        If there is no such column.

    """
    if form in grid.DATA:
        return SCHEMA.data(found, form, names)
    if not found:
        return "Nothing is stored of these rows."
    notes = [
        f"`{command('trials')}` lists the trials; `{command('table --set')}`, `--seed`, `--by` show them as the "
        "paper's tables do."
    ]
    if any(entry.row is None for entry in found):
        notes.append("*: a row that is in no configuration.")
    return grid.render(SCHEMA.block(found, names, "Stored trials, by condition", notes), form)


SCHEMA = Schema[Entry](
    "repro list --stored",
    (
        Column("row", str, "", "name of the row, as `repro run` takes it", lambda entry: entry.condition.row),
        Column("reading", str, "", "how the paper is read; printed: literally", lambda entry: entry.condition.reading),
        Column(
            "settings", str, "", "what else is not as the row has it, as `--set` takes it; empty: nothing",
            lambda entry: entry.settings,
        ),
        Column("seed", int, "", "root of all random streams", lambda entry: entry.condition.seed),
        Column(
            "max_sequences", int, "sequences", "the limit: training after which a trial has failed",
            lambda entry: entry.condition.settings["stop"]["max_sequences"],
        ),
        Column("trials", int, "trials", "how many are stored, whatever came of them", lambda entry: len(entry.trials)),
        Column(
            "counts", int, "trials", "how many count: today's source gives their bits, and none of a screening",
            lambda entry: sum(counts for _, counts in entry.trials),
        ),
        Column("solved", int, "trials", "how many passed all stages", lambda entry: entry.n("solved")),
        Column("failed", int, "trials", "how many ended without", lambda entry: entry.n("limit", "diverged")),
        Column("crashed", int, "trials", "how many are to be run again", lambda entry: entry.n("crashed")),
        Column(
            "screened", int, "trials", "how many are of a screening",
            lambda entry: sum(record.screened for record, _ in entry.trials),
        ),
        Column("cpu_s", float, "seconds", "CPU time of all", lambda entry: sum(r.cpu_s for r, _ in entry.trials)),
        Column("configured", bool, "", "is there such a row today", lambda entry: entry.row is not None),
        Column("condition", str, "", "digest that names the condition", lambda entry: entry.condition.key),
    ),
    {
        "row": View("row", lambda entry: entry.condition.row + "*" * (entry.row is None), key=True, above=True),
        "reading": View("reading", key=True),
        "settings": View("settings", needed=lambda found: any(entry.settings for entry in found), key=True),
        "seed": View("seed", needed=lambda found: any(entry.condition.seed for entry in found)),
        "trials": View("trials"),
        "counts": View("counts"),
        "solved": View("solved"),
        "failed": View("failed"),
        "crashed": View("crashed", needed=lambda found: any(entry.n("crashed") for entry in found)),
        "screened": View("screened", needed=lambda found: any(r.screened for e in found for r, _ in e.trials)),
        "cpu_s": View("CPU s"),
    },
)  # fmt: skip
