"""Reruns a stored trial from its identity, says whether the bits agree, and shows what its net does on a sequence."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from repro.campaign import source_of
from repro.config import PRINTED, Row, load
from repro.errors import ReproError
from repro.integrity import cell_of
from repro.selection import one, parse_override
from repro.store import Store
from repro.trial import Cell, Record

_MOST_COLUMNS = 16  # of one kind in a table


class ReplayError(ReproError):
    """A trial that is not stored, or cannot be run again."""


@dataclass(frozen=True)
class Watched:
    """What is to be seen of a net on one sequence; the first axis of all arrays but the weights is time."""

    inputs: np.ndarray  # (time, n_in); inputs given by their index are one-hot
    targets: np.ndarray  # (time, n_out); NaN where there is none
    outputs: np.ndarray  # (time, n_out)
    units: dict[str, np.ndarray]  # by kind: (time, units of that kind)
    weights: list[np.ndarray]  # of the net, float64, in the learner's order
    input_names: Sequence[str] = ()
    output_names: Sequence[str] = ()


# --------------------------------------------------------------------------------------------------- a stored trial


def stored(trial: str, reading: str | None, overrides: Iterable[str], seed: int, store: Store) -> Record:
    """The record of a trial such as ``6a/lstm:3``, of the cell that the options of ``run`` mean.

    Raises
    ------
    ReplayError
        If the text is of another form, or there is no such record.
    repro.config.ConfigError
        If there is no such row or reading, or an override does not fit.
    repro.store.StoreError
        If the results file cannot be read.

    """
    name, _, number = trial.rpartition(":")
    if not name or not number.isdecimal():
        raise ReplayError(f"a trial is ROW:NUMBER, such as 6a/lstm:3; not '{trial}'")
    row = one(name, load())
    cell = row.cell(reading or PRINTED, dict(map(parse_override, overrides)), seed)
    return _find(row, cell, int(number), store)


def _find(row: Row, cell: Cell, trial: int, store: Store) -> Record:
    """The stored record of a trial of a cell: that of today's source, if there is one, else the latest."""
    of_row = [record for record in store.read(row.experiment) if record.row == row.name]
    stored = [record for record in of_row if record.outcome != "crashed"]
    mine = [record for record in of_row if record.cell == cell.key and record.trial == trial]
    ended = sorted((r for r in mine if r.outcome != "crashed"), key=lambda r: r.source == source_of(cell))
    if ended:
        return ended[-1]
    if mine:
        why = (mine[-1].error or "").rpartition("\n")[2]
        raise ReplayError(
            f"trial {trial} of {row.name} crashed, and left nothing to compare with: {why}; `repro run` with the same "
            "options runs it again"
        )
    if not stored:
        raise ReplayError(f"no trials of {row.name} are in {store.folder}; `repro run '{row.name}'` runs them")
    there: dict[str, set[int]] = {}
    for record in stored:
        there.setdefault(_options(row, record), set()).add(record.trial)
    lines = "\n".join(f"  {options}: {_ranges(trials)}" for options, trials in there.items())
    raise ReplayError(f"trial {trial} of {row.name} under these settings is not in {store.folder}; stored are\n{lines}")


def _options(row: Row, record: Record) -> str:
    """What has to be said beside the row to mean a record's cell."""
    known = record.reading in row.readings
    options = [] if record.reading == PRINTED else [f"--reading {record.reading}"]
    options += [f"--seed {record.seed}"] if record.seed else []
    usual = row.cell(record.reading if known else PRINTED).settings
    for group, settings in record.settings.items():
        for name, value in settings.items():
            if usual.get(group, {}).get(name) != value:
                options.append(f"--set '{group}.{name}={json.dumps(value)}'")
    return " ".join(options) or "no options"


def _ranges(numbers: Iterable[int]) -> str:
    """``trials 0-3, 7``."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return "trials " + ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def circumstances(record: Record) -> str:
    """Which trial a record is of, and what of the source, versions and processor that computed it is not of today."""
    from repro.crew import processor, versions

    cell = cell_of(record)
    then = {"numerical source": record.source, **record.versions, "processor": record.processor}
    now = {"numerical source": source_of(cell), **versions(), "processor": processor()}
    changed = [
        f"{name} {then.get(name, 'unknown')}, now {value}" for name, value in now.items() if then.get(name) != value
    ]
    trial = f"{record.row}:{record.trial}, reading {record.reading}"
    return f"{trial}; recorded with {'; '.join(changed)}" if changed else trial


def results(record: Record) -> dict[str, Any]:
    """All of a record that must be the same whenever its trial is run, by the name of each part."""
    found: dict[str, Any] = {name: getattr(record, name) for name in ("outcome", "sequences", "steps", "weights")}
    for stage in record.stages:
        found |= {f"stage {stage.name}: {name}": value for name, value in stage.model_dump(exclude={"name"}).items()}
    return found | record.facts | {"weights digest": record.weights_digest}


def compared(before: Record, after: Record) -> list[tuple[str, str, str, str]]:
    """Of each part of two records' results: its name, what it was, what it is, and whether they are the same."""
    then, now = ({name: str(value) for name, value in results(record).items()} for record in (before, after))
    return [
        (name, then.get(name, "-"), now.get(name, "-"), "yes" if then.get(name) == now.get(name) else "no")
        for name in {**then, **now}
    ]


# ------------------------------------------------------------------------------------------------- run and looked at


class Rerun:
    """A trial in a crew of its own, at first untrained; the net can be looked at."""

    def __init__(self, cell: Cell, trial: int) -> None:
        from repro.crew import Crew  # compiles kernels

        self.cell, self.trial = cell, trial
        self._crew = Crew(cell, 1)
        self._crew.enlist(0, trial)

    def train(self, show: Callable[[int], object] = lambda _: None) -> Record:
        """Run the trial to its end; ``show`` is told of each few training sequences how many they were."""
        from repro.crew import run_in

        for event in run_in(self._crew):
            if isinstance(event, Record):
                return event
            show(event.sequences)
        raise AssertionError("a trial ends")

    def watch(self, sequence: int = 0) -> Watched:
        """Show the net the test sequence of that number, with all before it, as a test would; it learns nothing."""
        from repro.crew import kept, uninterrupted

        crew, face = self._crew, self._crew.interface
        stream = self.cell.streams(self.trial)[2].reshape(4, 1)
        with uninterrupted():
            play = kept(_player(*crew.kernels()))
            play(-1, 0, crew.state, stream, crew.net)
        for number in range(sequence):
            play(-1, play(number, 0, crew.state, stream, crew.net), crew.state, stream, crew.net)
        moments = []
        for _ in range(play(sequence, 0, crew.state, stream, crew.net)):
            play(-1, 1, crew.state, stream, crew.net)
            moments.append(_seen(crew.net, face) | {name: np.array(y, float) for name, y in crew.units(0).items()})
        film = {name: np.array([moment[name] for moment in moments]) for name in moments[0]}
        inputs, targets, outputs = (film.pop(name) for name in ("input", "target", "output"))
        if not face.every_step:
            targets[:-1] = np.nan
        symbols = getattr(import_module(f"repro.tasks.{self.cell.settings['task']['name']}"), "SYMBOLS", "")
        predicts = face.every_step and face.n_in == face.n_out  # its outputs are its inputs a time step later
        return Watched(
            inputs, targets, outputs, film,
            weights=[np.array(part, float) for part in crew.weights(0)],
            input_names=_names(symbols, face.n_in), output_names=_names(symbols if predicts else "", face.n_out),
        )  # fmt: skip


def watch(cell: Cell, trial: int, sequence: int = 0, train: bool = True) -> Watched:
    """What a trial's net does on the test sequence of a number, when it has been trained to its end, or not at all.

    Sequences are counted from 0, from the start of the trial's test stream; of a task with test sets it is the place in
    the set. A net that is never told where sequences begin comes to it through all before it.
    """
    rerun = Rerun(cell, trial)
    if train:
        rerun.train()
    return rerun.watch(sequence)


def title(record: Record, sequence: int) -> str:
    """What a figure of a trial's net is called."""
    reading = "" if record.reading == PRINTED else f", {record.reading}"
    after = f"{record.outcome} after {record.sequences:,} sequences"
    return f"{record.row}{reading}, trial {record.trial} ({after}): test sequence {sequence}"


def _player(task: Any, learner: Any) -> Any:
    """The compiled function ``play(number, n, state, stream, net)`` for one lane."""
    from repro.kernels.jit import entry

    begin, present, target = task.begin, task.present, task.target
    step, respond, assess, reset = learner.step, learner.respond, learner.assess, learner.reset

    def play(number, n, state, stream, net):  # type: ignore[no-untyped-def]
        """Begin a sequence, if its number is not negative, and go on for n time steps; the sequence's time steps."""
        length = 0
        if number >= 0:
            reset(net, 0)
            length = begin(state, stream, 0, number)
        for _ in range(n):
            present(state, stream, net)
            step(net)
            target(state, net)
            respond(net)
            assess(net)
        return length

    return entry(play)


def _seen(net: Any, face: Any) -> dict[str, np.ndarray]:
    """Inputs, targets and outputs of the net in the first lane."""

    def dense(values: np.ndarray, n: int) -> np.ndarray:
        return np.array(values[:n, 0], float)

    def one_hot(index: np.ndarray, n: int) -> np.ndarray:
        return np.array(np.arange(n) == index[0], float)

    return {
        "input": one_hot(net.symbol, face.n_in) if face.input_symbols else dense(net.source, face.n_in),
        "target": one_hot(net.goal, face.n_out) if face.target_symbols else dense(net.target, face.n_out),
        "output": dense(net.y_k, face.n_out),
    }


def _names(symbols: str, n: int) -> tuple[str, ...]:
    return tuple(symbols) if len(symbols) == n else tuple(str(k + 1) for k in range(n))


class _Number(float):
    """A number that is shown with three decimals."""

    def __str__(self) -> str:
        return f"{float(self):.3f}"


def table(watched: Watched, form: str) -> tuple[list[str], list[list[Any]]]:
    """Headings and rows, a row for each time step, with three decimals; ``form`` is one of `repro.grid.FORMATS`.

    Of what is one-hot, or too wide, the most active one stands for all. Nothing stands where there is no number.
    """
    kinds: list[tuple[str, np.ndarray, Sequence[str]]] = [
        ("input", watched.inputs, watched.input_names),
        ("target", watched.targets, watched.output_names),
        ("output", watched.outputs, watched.output_names),
        *((name, values, _names("", values.shape[1])) for name, values in watched.units.items()),
    ]

    def number(value: float) -> _Number | None:
        return _Number(round(value, 3)) if np.isfinite(value) else None

    columns: dict[str, list[Any]] = {"time step": list(range(1, len(watched.inputs) + 1))}
    for kind, values, names in kinds:
        there = np.isfinite(values).all(axis=1)
        most = [names[k] if ok else None for ok, k in zip(there, np.argmax(values, axis=1), strict=True)]
        if is_one_hot(values):
            columns[kind] = most
        elif len(names) > _MOST_COLUMNS:
            columns |= {f"most active {kind}": most, f"{kind}, most active": [number(x) for x in values.max(axis=1)]}
        else:
            columns |= {f"{kind} {name}": [number(x) for x in values[:, k]] for k, name in enumerate(names)}
    heads = [head.replace(" ", "\n") for head in columns] if form == "text" else list(columns)
    return heads, [list(row) for row in zip(*columns.values(), strict=True)]


def is_one_hot(values: np.ndarray) -> bool:
    """Whether all rows that are numbers are 0 but for one 1, in two columns or more."""
    rows = values[np.isfinite(values).all(axis=1)]
    return values.shape[1] > 1 and bool((np.sort(rows, axis=1) == [0] * (values.shape[1] - 1) + [1]).all())
