"""Whether the memory has room for the nets of a run: found out on one lane, before any are made to be run.

What `allocate` makes is zeros that nobody has written to yet: they take next to no memory, however many they are.
"""

from collections.abc import Iterable, Iterator
from heapq import nlargest
from math import inf
from typing import Any

import numpy as np

from repro import registry
from repro.errors import ReproError
from repro.experiments.condition import Condition
from repro.experiments.setups import Setup, interface_of, validated
from repro.running.engine import Job
from repro.running.room import free_bytes

_WIDEST = 32  # lanes, as in `crew`, which is not imported: it loads the compiler
_FEWER = "fewer workers (-j), fewer trials side by side (--lanes), "


class RoomError(ReproError):
    """There is not enough memory."""


def check(jobs: Iterable[Job], n_workers: int, free: float | None = None) -> None:
    """Refuse jobs of which the largest ones, run at the same time, take more memory than is ``free``.

    Raises
    ------
    RoomError
        With how much they take, how much there is, and what to do.

    """
    free = free_bytes() if free is None else free
    crews = [(job.condition, n_lanes(job)) for job in jobs]
    if free is None or sum(nlargest(n_workers, (n * at_most(condition) for condition, n in crews))) <= free:
        return
    sizes = {condition.key: of_one(condition) for condition, _ in crews}
    together = nlargest(n_workers, ((n * sizes[condition.key], n, condition.row) for condition, n in crews))
    total = sum(size for size, *_ in together)
    if total > free:
        size, n, row = together[0]
        trials = "a trial takes" if n == 1 else f"{n} trials side by side take"
        others = f", with what else is run at the same time {_said(total)}" if total > size else ""
        fewer = _FEWER if n > 1 or others else ""
        raise RoomError(
            f"{row}: {trials} {_said(size)} of memory or more{others}, and {_said(free)} are free: "
            f"choose {fewer}shorter sequences or a smaller net"
        )


def _said(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:,.1f} GB"


def n_lanes(job: Job) -> int:
    """The lanes of a job's crew."""
    widest = int(getattr(registry.learner(job.condition.settings["learner"]["name"]), "WIDEST", _WIDEST))
    return job.lanes or min(widest, 1 << max(0, len(job.trials) - 1).bit_length())


def at_most(condition: Condition) -> float:
    """Bytes of a trial that no learner of ours goes beyond, told without the compiler.

    The largest arrays are of a number for each weight and recurrent unit, or for each unit and time step; of a task's
    those with its strings are.
    """
    setup = _setup(condition)
    n, longest = setup.n_weights + 16, interface_of(setup.task).longest
    return float(64 * n * (n + longest) + 16 * setup.stop.window + 10_000_000)


def of_one(condition: Condition) -> float:
    """Bytes of the arrays of a trial: its net, its task, and its recent sequences."""
    from repro.kernels import driver  # loads the compiler

    setup = _setup(condition)
    learner, task = registry.learner(setup.learner.name), registry.task(setup.task.name)
    precision = setup.learner.precision
    try:
        arrays = (
            learner.allocate(setup.learner, interface_of(setup.task), 1),
            task.allocate(setup.task, 1, precision),
            driver.allocate(1, setup.stop.window, len(setup.stop.stages), precision),
        )
    except MemoryError as error:  # NumPy's tells of what array
        return float(np.prod(getattr(error, "shape", (inf,)))) * np.dtype(getattr(error, "dtype", np.uint8)).itemsize
    return float(sum(array.nbytes for array in _flat(arrays)))


def _setup(condition: Condition) -> Setup:
    setup, faults = validated(condition.settings)
    assert setup is not None, faults
    return setup


def _flat(group: Any) -> Iterator[Any]:
    """All arrays of groups that may have groups in them."""
    for member in group:
        yield from _flat(member) if isinstance(member, tuple) else (member,)
