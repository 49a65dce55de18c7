"""A learning trace: the error of a trial against its training sequences, coarse and bounded in size.

A learner is traced by wrapping it: its nets get a few arrays more, and when a training sequence has ended, its mean
|error| is added to a bucket. A bucket holds the sum over so many sequences in a row: one at first; when all buckets are
full, neighbours are merged, and each holds twice as many. So a trace of n sequences has no more than `BUCKETS` points,
evenly spaced, and at least half as many if n is that large. Of the trial itself not one bit changes.
"""

from collections import namedtuple
from math import isfinite
from typing import Any

import numpy as np

from repro.kernels.contract import Learner
from repro.kernels.jit import kernel
from repro.kernels.lanes import zeros

BUCKETS = 128
_DIGITS = 6  # significant ones of the errors that are told

_SHAPES: dict[str, tuple[tuple[int, ...], Any]] = {
    "trace_sum": ((BUCKETS,), np.float64),  # of the mean |error| of the sequences in a bucket
    "trace_width": ((), np.int64),  # sequences that go into a bucket
    "trace_count": ((), np.int64),  # training sequences so far
}


def _with_trace(kind: Any) -> Any:
    """A NamedTuple of all fields of ``kind`` and of the trace.

    It has a name in this module: by that, compiled kernels on disk know the types of their arguments.
    """
    name = f"Traced_{kind.__module__}_{kind.__name__}".replace(".", "_")
    if name not in globals():
        globals()[name] = namedtuple(name, (*kind._fields, *_SHAPES), module=__name__)
    return globals()[name]


def allocate(net: Any, width: int) -> Any:
    """The arrays of ``width`` nets, and those of their traces, which are empty; the lanes are the last axis."""
    arrays = {name: zeros(shape, width, kind) for name, (shape, kind) in _SHAPES.items()}
    arrays["trace_width"][:] = 1
    return _with_trace(type(net))(*net, *arrays.values())


def build(learner: Learner) -> Learner:
    """``learner``, for nets with a trace."""
    settle_untraced = learner.settle

    @kernel
    def merge(net, lane):
        """Make room: half as many buckets, twice as wide."""
        for k in range(BUCKETS // 2):
            net.trace_sum[k, lane] = net.trace_sum[2 * k, lane] + net.trace_sum[2 * k + 1, lane]
        for k in range(BUCKETS // 2, BUCKETS):
            net.trace_sum[k, lane] = 0
        net.trace_width[lane] *= 2

    @kernel
    def settle(net, lane, mean_error):
        """As the learner does; then add mean_error to the bucket of this sequence, trace_sum (BUCKETS,)."""
        settle_untraced(net, lane, mean_error)
        if net.trace_count[lane] == BUCKETS * net.trace_width[lane]:
            merge(net, lane)
        net.trace_sum[net.trace_count[lane] // net.trace_width[lane], lane] += mean_error
        net.trace_count[lane] += 1

    return learner._replace(settle=settle)


def read(net: Any, lane: int) -> list[tuple[int, float | None]]:
    """One lane's trace: training sequences so far, and the mean error of those since the point before.

    All points but the last are evenly spaced. The error is None if it is not finite: that of a net that diverged.
    """
    n, width = int(net.trace_count[lane]), int(net.trace_width[lane])
    points: list[tuple[int, float | None]] = []
    for k, start in enumerate(range(0, n, width)):
        end = min(start + width, n)
        error = float(net.trace_sum[k, lane]) / (end - start)
        points.append((end, float(f"{error:.{_DIGITS}g}") if isfinite(error) else None))
    return points
