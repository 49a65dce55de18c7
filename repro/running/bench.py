"""Speed on one core: full training, and the kernel alone."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from repro.experiments import config
from repro.kernels.jit import entry
from repro.running import crew, memory
from repro.running.engine import Job

Line = tuple[str, int, float, float]  # what, lanes, million time steps a second, nanoseconds a trial and step

ROWS = (  # what is measured if nothing else is said, each with its learner
    "1/lstm/3x2,lr=0.1", "2a/lstm/p=100", "2c/lstm/q=1000,p=50", "2c/lstm/q=1000,p=1000", "3a/lstm/T=1000,N=3",
    "6b/lstm", "4/lstm/T=100", "4/lstm/T=500", "4/lstm/T=1000",
    "1/rtrl/hidden=3,lr=0.05", "1/rtrl/hidden=12,lr=0.1", "2a/rtrl/p=4,lr=1", "2a/rtrl/p=100,lr=1", "4/rtrl/T=100",
    "2a/bptt/p=100,lr=1", "4/bptt/T=100", "1/elman/hidden=15", "4/elman/T=100", "2a/chunker/p=100",
    "1/cascade", "3a/guessing/A1,T=100,N=3", "3a/guessing/A2,T=100,N=3",
)  # fmt: skip
_LANES = 16
_ROUNDS = 5
_ROUND_S = 0.4


def measure(rows: Sequence[config.Row], lanes: int | None, show: Callable[[str], object]) -> Iterator[Line]:
    """Speed of all of the rows, and of the kernel alone of the last one; ``show`` is told what comes next.

    16 trials go side by side, or fewer if that does as well.
    """
    memory.check([Job(row.condition(), (0,), lanes or _LANES) for row in rows], 1)
    for row in rows:
        show(f"compiling or loading kernels of {row.name}")
        team = _Team(row.condition(), lanes)
        show(f"measuring {row.name}")
        yield _training(row, team)
        if row is rows[-1]:
            show(f"measuring the kernel alone of {row.name}")
            yield _kernel(row, team)


def _training(row: config.Row, team: "_Team") -> Line:
    """Time steps a second of training, exams included."""
    return _line(f"full training, {row.name}", team.lanes, team.advance)


def _kernel(row: config.Row, team: "_Team") -> Line:
    """Time steps a second of a row's kernel alone: no task, no updates, no stop rule."""
    step = team.crew.kernels()[1].step

    def steps(n: int, net: Any) -> int:
        for _ in range(n):
            step(net)
        return n

    loop = entry(steps)
    return _line(f"kernel alone, {row.name}", team.lanes, lambda n: int(loop(n, team.crew.net)))


class _Team:
    """A crew in which a new trial takes the place of each one that ends."""

    def __init__(self, condition: Any, lanes: int | None) -> None:
        self.name = condition.row
        self.lanes = lanes or crew.width_for(_LANES, crew.widest(condition))
        self.crew = crew.Crew(condition, self.lanes)
        for lane in range(self.lanes):
            self.crew.enlist(lane, lane)
        self._next = self.lanes

    def advance(self, ticks: int) -> int:
        done = self.crew.advance(ticks)
        for lane in self.crew.ended():
            self.crew.dismiss(lane)
            self.crew.enlist(lane, self._next)
            self._next += 1
        return done


def _line(name: str, lanes: int, advance: Any) -> Line:
    """The best of some rounds: other load on the machine can only slow a round down."""
    advance(1000)
    ticks, best = 1000, 0.0
    for _ in range(_ROUNDS + 2):
        start = time.perf_counter()
        done = 0
        while done < ticks:
            done += advance(ticks - done)
        elapsed = time.perf_counter() - start
        best = max(best, done * lanes / elapsed)
        ticks = max(1000, int(ticks * _ROUND_S / elapsed))
    return name, lanes, round(best / 1e6, 1), round(1e9 / best, 1)
