"""Runs a trial again to look at its net: what it does on a test sequence, and whether that is right."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any

import numpy as np

from repro import registry
from repro.experiments.condition import Condition
from repro.experiments.config import PRINTED
from repro.records.trial import Record

_MOST_COLUMNS = 16  # of one kind in a table
_SEARCHED = 2560  # test sequences, if a stop rule has neither test nor exam


@dataclass(frozen=True)
class Verdict:
    """Whether a net gets a test sequence right, as the stop rule judges it."""

    sequence: int  # its number
    worst: float  # the most that the task says outputs are wrong by, where it judges them; NaN if any is not finite
    tolerance: float  # of the stop rule

    @property
    def right(self) -> bool:
        """Is it wrong by less than the tolerance."""
        return self.worst < self.tolerance


@dataclass(frozen=True)
class Search:
    """Which test sequences a net gets wrong."""

    start: int  # number of the first one looked at
    n: int  # looked at
    wrong: tuple[int, ...]  # their numbers

    @property
    def shown(self) -> int:
        """The first wrong one; if none is, the first one."""
        return self.wrong[0] if self.wrong else self.start


@dataclass(frozen=True)
class Watched:
    """What is to be seen of a net on one sequence; the first axis of all arrays but the weights is time."""

    inputs: np.ndarray  # (time, n_in); inputs given by their index are one-hot
    targets: np.ndarray  # (time, n_out); NaN where there is none
    outputs: np.ndarray  # (time, n_out)
    units: dict[str, np.ndarray]  # by kind: (time, units of that kind)
    weights: list[np.ndarray]  # of the net, float64, in the learner's order
    verdict: Verdict
    input_names: Sequence[str] = ()
    output_names: Sequence[str] = ()


class Rerun:
    """A trial in a crew of its own, at first untrained; the net can be looked at."""

    def __init__(self, condition: Condition, trial: int) -> None:
        from repro.running.crew import Crew  # compiles kernels

        self.condition, self.trial = condition, trial
        self._crew = Crew(condition, 1)
        self._crew.enlist(0, trial)

    def train(self, show: Callable[[int], object] = lambda _: None) -> Record:
        """Run the trial to its end; ``show`` is told of each few training sequences how many they were."""
        from repro.running.crew import run_in

        for event in run_in(self._crew):
            if isinstance(event, Record):
                return event
            show(event.sequences)
        raise AssertionError("a trial ends")

    def watch(self, sequence: int = 0) -> Watched:
        """Show the net the test sequence of that number, with all before it, as a test would; it learns nothing."""
        crew, face = self._crew, self._crew.interface
        moments = []
        with self._test() as play:
            for number in range(sequence):
                play(-1, play(number, 0))
            for _ in range(play(sequence, 0)):
                play(-1, 1)
                moments.append(_seen(crew.net, face) | {name: np.array(y, float) for name, y in crew.units(0).items()})
            verdict = self._verdict(sequence)
        film = {name: np.array([moment[name] for moment in moments]) for name in moments[0]}
        inputs, targets, outputs = (film.pop(name) for name in ("input", "target", "output"))
        if not face.every_step:
            targets[:-1] = np.nan
        symbols = getattr(registry.task(self.condition.settings["task"]["name"]), "SYMBOLS", "")
        predicts = face.every_step and face.n_in == face.n_out  # its outputs are its inputs a time step later
        return Watched(
            inputs, targets, outputs, film,
            [np.array(part, float) for part in crew.weights(0)], verdict,
            input_names=_names(symbols, face.n_in), output_names=_names(symbols if predicts else "", face.n_out),
        )  # fmt: skip

    @property
    def n_searched(self) -> int:
        """How many sequences `search` looks at: those of the longest test or exam of the stop rule, else 2,560."""
        stop = self.condition.settings["stop"]
        own = [stage["test_sequences"] for stage in stop["stages"]]
        tests = [stop["test_sequences"] if n is None else n for n in own]
        return max(stop["exam_sequences"], *tests) or _SEARCHED

    def search(self, start: int = 0, show: Callable[[int], object] = lambda _: None) -> Search:
        """Find which test sequences from number ``start`` on the net gets wrong; ``show`` is told 1 after each."""
        wrong = []
        with self._test() as play:
            for number in range(start + self.n_searched):
                play(-1, play(number, 0))
                if number >= start and not self._verdict(number).right:
                    wrong.append(number)
                show(1)
        return Search(start, self.n_searched, tuple(wrong))

    @contextmanager
    def _test(self) -> Iterator[Callable[[int, int], int]]:
        """Hand out what plays the test stream from its start; the net is afterwards what it was before."""
        from repro.kernels import player
        from repro.running.crew import kept, uninterrupted

        crew = self._crew
        stream = self.condition.streams(self.trial)[2].reshape(4, 1)
        before = [array.copy() for array in crew.arrays()]

        def play(number: int, n: int) -> int:
            return int(compiled(number, n, crew.state, stream, crew.net, crew.tally))

        with uninterrupted():
            compiled = kept(player.build(*crew.kernels(), crew.interface))
            play(-1, 0)
        try:
            yield play
        finally:
            for array, values in zip(crew.arrays(), before, strict=True):
                array[...] = values

    def _verdict(self, sequence: int) -> Verdict:
        """On the sequence just played."""
        tally = self._crew.tally
        worst = float(tally.worst[0]) if np.isfinite(tally.absolute[0]) else nan
        return Verdict(sequence, worst, float(self.condition.settings["stop"]["tolerance"]))


def watch(condition: Condition, trial: int, sequence: int = 0, train: bool = True) -> Watched:
    """What a trial's net does on the test sequence of a number, when it has been trained to its end, or not at all.

    Sequences are counted from 0, from the start of the trial's test stream; of a task with test sets it is the place in
    the set. A net that is never told where sequences begin comes to it through all before it.
    """
    rerun = Rerun(condition, trial)
    if train:
        rerun.train()
    return rerun.watch(sequence)


def said(verdict: Verdict, search: Search | None = None) -> list[str]:
    """A verdict in words; what a search has found, if there was one, is a second text."""
    error = f"{verdict.worst:.4g}" if isfinite(verdict.worst) else "not finite"
    is_right = "right" if verdict.right else "wrong"
    text = f"test sequence {verdict.sequence}: {is_right}, worst error {error}, tolerance {verdict.tolerance:g}"
    if search is None:
        return [text]
    among = f"the {search.n:,} from number {search.start} on"
    if not search.wrong:
        return [text, f"none of {among} is wrong"]
    which = f"the first of {len(search.wrong):,} wrong ones" if len(search.wrong) > 1 else "the only wrong one"
    return [text, f"{which} among {among}"]


def title(record: Record, texts: Sequence[str]) -> str:
    """What a figure of a trial's net is called: the trial, and each text on a line of its own."""
    reading = "" if record.reading == PRINTED else f", {record.reading}"
    after = f"{record.outcome} after {record.sequences:,} sequences"
    return "\n".join([f"{record.row}{reading}, trial {record.trial} ({after})", *texts])


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
    """Headings and rows, a row for each time step, with three decimals; ``form`` is that of `presentation.grid`.

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
