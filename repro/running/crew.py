"""Runs the trials of one condition side by side, one in each SIMD lane, and refills a lane when its trial ends."""

import hashlib
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

import numpy as np

from repro import registry
from repro.experiments.condition import Condition
from repro.kernels import driver, random, stop_rule, trace
from repro.kernels.contract import Learner, Task
from repro.records.provenance import machine
from repro.records.source import edited, numerical_digest
from repro.records.trial import LastLook, Outcome, Record, StageRecord
from repro.running import kernel_cache

WIDEST = 32  # lanes; more would pay on AVX-512 only, and no row of the paper has more trials than that
_SLICE_S = 0.15  # how long the kernel may keep Python waiting
_PATIENCE_S = 1.0  # how long most lanes may idle before the others move to a narrower crew, which has to be compiled

_OUTCOMES: dict[int, Outcome] = {stop_rule.SOLVED: "solved", stop_rule.LIMIT: "limit", stop_rule.DIVERGED: "diverged"}


@dataclass(frozen=True)
class Progress:
    """What a crew did since it last said so: its trials together."""

    sequences: int  # training sequences
    steps: int  # time steps, in training and test


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Put off Ctrl-C: raised while LLVM calls back into Python, it would be swallowed or break the compilation."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[int] = []
    before = {
        number: signal.signal(number, lambda n, _: caught.append(n)) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for caught_number in caught:
            signal.raise_signal(caught_number)


def width_for(n_trials: int, widest: int = WIDEST) -> int:
    """The number of lanes for so many trials: the next power of two, up to ``widest``."""
    return min(widest, 1 << max(0, n_trials - 1).bit_length())


def widest(condition: Condition) -> int:
    """The most lanes that pay for a condition: fewer where its learner's nets fill the vectors by themselves."""
    learner = registry.learner(condition.settings["learner"]["name"])
    return int(getattr(learner, "WIDEST", WIDEST))


_entries: dict[str, Any] = {}  # by name


def kept(compiled: Any) -> Any:
    """A compiled entry, on disk and in this process only once for each name: that tells all that it closes over."""
    name = compiled.__qualname__
    if name not in _entries:
        _entries[name] = kernel_cache.keep(compiled)
    return _entries[name]


def _rules(stop: Mapping[str, Any]) -> stop_rule.Rules:
    """The stop rule as the training loop reads it."""
    stages = stop["stages"]

    def one(value: Any, dtype: Any = np.int64) -> np.ndarray:
        return np.array([value], dtype)

    def each(name: str, otherwise: float, dtype: Any = np.int64) -> np.ndarray:
        return np.array([otherwise if stage[name] is None else stage[name] for stage in stages], dtype)

    return stop_rule.Rules(
        tolerance=one(stop["tolerance"], np.float64),
        squared=one(stop["error"] == "squared", np.bool_),
        max_wrong=each("max_wrong", stop["window"]),
        mean_error=each("mean_error", inf, np.float64),
        exam_sequences=one(stop["exam_sequences"]),
        exam_every=one(stop["exam_every"]),
        exam_fixed=one(stop["exam_set"] == "fixed", np.bool_),
        exam_max_wrong=each("exam_max_wrong", stop["exam_sequences"]),
        exam_mean_error=each("exam_mean_error", inf, np.float64),
        test_sequences=each("test_sequences", stop["test_sequences"]),
        max_sequences=one(stop["max_sequences"]),
        ask_every=one(stop["ask_every"]),
    )


def _arrays(group: Any) -> Iterator[np.ndarray]:
    """All arrays of a group that may have groups in it: some learners have two nets."""
    for member in group:
        yield from _arrays(member) if isinstance(member, tuple) else (member,)


def _finite(value: float) -> float | None:
    return float(value) if isfinite(value) else None


class Crew:
    """The arrays of ``width`` trials of a condition, and the compiled loop that advances them."""

    def __init__(self, condition: Condition, width: int, traced: bool = False) -> None:
        self.condition = condition
        self.width = width
        self.traced = traced  # is a learning trace kept
        self._learner: Any = registry.learner(condition.settings["learner"]["name"])
        self._task: Any = registry.task(condition.settings["task"]["name"])
        self.learner = self._learner.Settings.model_validate(condition.settings["learner"])
        self.task = self._task.Settings.model_validate(condition.settings["task"])
        self.interface = self._task.interface(self.task)
        stop = condition.settings["stop"]
        self.stages = stop["stages"]
        self.rules = _rules(stop)
        self.book, self.tally, self.streams = driver.allocate(
            width, stop["window"], len(self.stages), self.learner.precision
        )
        self.net = self._nets(width)
        self.state = self._task.allocate(self.task, width, self.learner.precision)
        self.trials: list[int | None] = [None] * width
        self.cpu_s = [0.0] * width
        with uninterrupted():
            self.run = kept(driver.build(*self.kernels(), self.interface, width))
            self.advance(0)

    def _nets(self, width: int) -> Any:
        net = self._learner.allocate(self.learner, self.interface, width)
        return trace.allocate(net, width) if self.traced else net

    def kernels(self) -> tuple[Task, Learner]:
        """The compiled functions of task and learner."""
        task = self._task.build(self.task, self.width, self.learner.precision)
        learner = self._learner.build(self.learner, self.interface, self.width)
        return task, trace.build(learner) if self.traced else learner

    def enlist(self, lane: int, trial: int) -> None:
        """Start a trial in an idle lane."""
        weights, training, test = self.condition.streams(trial)
        net = self._nets(1)
        self._learner.initialise(self.learner, net, self.interface, 0, random.uniform(weights.reshape(4, 1)))
        for crew, one in zip(_arrays(self.net), _arrays(net), strict=True):
            crew[..., lane] = one[..., 0]
        pair = self.condition.pair(trial)
        if pair is not None:
            self._task.prepare(self.task, self.state, lane, random.whole(pair.reshape(4, 1)))
        if hasattr(self._task, "enter"):
            self._task.enter(self.task, self.state, lane)
        driver.enlist(self.book, self.streams, lane, self.learner.rate, training, test)
        self.trials[lane] = trial
        self.cpu_s[lane] = 0.0

    def advance(self, ticks: int) -> int:
        """Advance all lanes by so many time steps, or until a trial ends; the time steps done."""
        running = [lane for lane, trial in enumerate(self.trials) if trial is not None]
        start = time.process_time()
        done = self.run(ticks, self.book, self.rules, self.tally, self.streams, self.state, self.net)
        for lane in running:
            self.cpu_s[lane] += (time.process_time() - start) / len(running)
        return int(done)

    def ended(self) -> list[int]:
        """Lanes whose trial has ended."""
        return [lane for lane in range(self.width) if self.book.mode[lane] in _OUTCOMES]

    def arrays(self) -> tuple[np.ndarray, ...]:
        """All arrays that have the lanes as their last axis."""
        return tuple(_arrays((self.net, self.state, self.streams, self.tally)))

    def narrowed(self, width: int) -> "Crew":
        """The running trials in a crew of fewer lanes; not one bit of theirs changes."""
        crew = Crew(self.condition, width, self.traced)
        running = [lane for lane, trial in enumerate(self.trials) if trial is not None]
        for new, old in enumerate(running):
            for theirs, ours in zip(crew.book, self.book, strict=True):
                theirs[new] = ours[old]
            for theirs, ours in zip(crew.arrays(), self.arrays(), strict=True):
                theirs[..., new] = ours[..., old]
            crew.trials[new], crew.cpu_s[new] = self.trials[old], self.cpu_s[old]
        return crew

    def weights(self, lane: int) -> list[np.ndarray]:
        """A lane's weights as views, in the learner's order."""
        return list(self._learner.weights(self.learner, self.net, self.interface, lane))

    def units(self, lane: int) -> dict[str, np.ndarray]:
        """What the learner lets be seen of a lane's net after a time step, as views, by kind of unit."""
        return dict(self._learner.watch(self.learner, self.net, self.interface, lane))

    def dismiss(self, lane: int) -> Record:
        """Take a trial that has ended out of its lane, where its net stays until another trial is enlisted."""
        book, condition, trial = self.book, self.condition, self.trials[lane]
        assert trial is not None
        outcome = _OUTCOMES[int(book.mode[lane])]
        facts = self._learner.facts(self.net, lane) if hasattr(self._learner, "facts") else {}
        values = np.concatenate(self.weights(lane))
        book.mode[lane] = stop_rule.IDLE
        self.trials[lane] = None
        return Record(
            condition=self.condition, trial=trial, outcome=outcome,
            sequences=int(book.sequences[lane]), steps=int(book.steps[lane]),
            stages=tuple(self._stage(lane, k) for k in range(int(book.stage[lane]))),
            cpu_s=round(self.cpu_s[lane], 3),
            weights=len(values), facts=facts,
            weights_digest=hashlib.sha256(values.astype(values.dtype.newbyteorder("<")).tobytes()).hexdigest()[:16],
            source=numerical_digest(condition.settings["learner"]["name"], condition.settings["task"]["name"]),
            machine=machine(),
            last_look=self._last_look(lane) if outcome == "limit" else None,
            trace=tuple(trace.read(self.net, lane)) if self.traced else None,
        )  # fmt: skip

    def _last_look(self, lane: int) -> LastLook:
        """How near a trial came that has ended at its limit: its last exam, or its recent training sequences."""
        book, stop, face = self.book, self.condition.settings["stop"], self.interface
        if stop["exam_sequences"]:
            stage = int(book.stage[lane])
            n = int(book.tested[lane, stage])
            each_step = face.every_step and not face.judged_at_end
            return LastLook(
                at="exam", sequences=n, wrong=int(book.test_wrong[lane, stage]),
                late_wrong=int(book.late_wrong[lane]) if each_step else None,
                mean_absolute_error=_finite(book.test_absolute[lane, stage] / n),
                mean_squared_error=_finite(book.test_square[lane, stage] / n),
            )  # fmt: skip
        n = min(int(book.sequences[lane]), stop["window"])
        error = _finite(book.recent_error[lane, :n].mean())
        absolute, square = (error, None) if stop["error"] == "absolute" else (None, error)
        return LastLook(
            at="training", sequences=n, wrong=int(book.n_wrong[lane]), late_wrong=None,
            mean_absolute_error=absolute, mean_squared_error=square,
        )  # fmt: skip

    def _stage(self, lane: int, k: int) -> StageRecord:
        book, n = self.book, int(self.book.tested[lane, k])
        known = n > 0 and isfinite(book.test_absolute[lane, k])  # where an output was NaN, nothing of the test is known

        def number(value: float) -> float | None:
            return _finite(value) if known else None

        return StageRecord(
            name=self.stages[k]["name"],
            sequences=int(book.stage_sequences[lane, k]),
            steps=int(book.stage_steps[lane, k]),
            test_sequences=n,
            test_wrong=int(book.test_wrong[lane, k]),
            mean_absolute_error=number(book.test_absolute[lane, k] / max(n, 1)),
            mean_squared_error=number(book.test_square[lane, k] / max(n, 1)),
            max_error=number(book.test_worst[lane, k]),
        )


def run(
    condition: Condition, trials: Sequence[int], width: int | None = None, traced: bool = False
) -> Iterator[Record | Progress]:
    """Run trials of a condition, yielding each record as its trial ends, and progress in between."""
    crew = Crew(condition, width or width_for(len(trials), widest(condition)), traced)
    if changed := edited(condition.settings["learner"]["name"], condition.settings["task"]["name"]):
        raise RuntimeError(f"{', '.join(changed)}: edited after this process had begun, which may know half of it")
    yield from run_in(crew, trials)


def run_in(crew: Crew, trials: Sequence[int] = ()) -> Iterator[Record | Progress]:
    """Run the trials of a crew to their end, and others as lanes become free."""
    waiting = list(reversed(trials))
    ticks = 1000
    last_end = time.perf_counter()
    while True:
        for lane in range(crew.width):
            if crew.trials[lane] is None and waiting:
                crew.enlist(lane, waiting.pop())
        running = sum(trial is not None for trial in crew.trials)
        if not running:
            return
        if not waiting and 4 * running <= crew.width and time.perf_counter() - last_end > _PATIENCE_S:
            crew = crew.narrowed(width_for(running))
        before = int(crew.book.sequences.sum())
        start = time.perf_counter()
        done = crew.advance(ticks)
        elapsed = time.perf_counter() - start
        yield Progress(int(crew.book.sequences.sum()) - before, done * running)
        if elapsed > 0 and done == ticks:
            ticks = max(100, min(4 * ticks, int(ticks * _SLICE_S / elapsed)))
        for lane in crew.ended():
            last_end = time.perf_counter()
            yield crew.dismiss(lane)
