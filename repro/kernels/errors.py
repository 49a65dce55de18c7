"""How far a net's outputs are from the targets, for nets whose outputs have the lanes side by side."""

from typing import Any

from repro.kernels.jit import kernel
from repro.kernels.lanes import loader, maximum, select, store


def build(n_out: int, width: int) -> Any:
    """`Learner.assess` for arrays ``target`` and ``y_k`` of shape (n_out, width)."""
    load = loader(width)

    @kernel
    def assess(net):
        total, square, worst = load(net.absolute), load(net.absolute), load(net.absolute)
        for k in range(n_out):
            error = load(net.target, k) - load(net.y_k, k)
            size = select(error < 0.0, 0.0 - error, error)
            if k == 0:
                total, square, worst = size, error * error, size
            else:
                total, square, worst = total + size, square + error * error, maximum(worst, size)
        store(net.absolute, total / n_out)
        store(net.square, square / n_out)
        store(net.worst, worst)

    return assess
