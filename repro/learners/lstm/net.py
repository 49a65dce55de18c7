"""The arrays of a crew of LSTM nets."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from repro.learners.lstm.shape import Shape


class Net(NamedTuple):
    """The arrays of a crew of nets, each with the lanes as an extra last axis; those not needed have size 0."""

    w: Any  # (hidden, sources + 1) weights to gates and cells, 0 from what is not seen; last column the bias
    w_out: Any  # (out, cells + 1) weights to the outputs; last column the bias
    w_symbol: Any  # (symbols, hidden) weights from inputs given by their index; `columns`
    source: Any  # (sources + 1,) what the hidden units see: inputs now, hidden units a step ago, 1
    cell_source: Any  # (sources + 1,) what cells see, if that is not the same
    symbol: Any  # () the input's index
    into: Any  # (hidden,) scratch: the weights from that input
    y: Any  # (hidden,) activations of gates and cells
    s: Any  # (cells,) internal states
    d_in: Any  # (cells, sources + 1) d s / d weights to the block's input gate
    d_cell: Any  # (cells, sources + 1) d s / d weights to the cell
    d_in_symbol: Any  # (symbols, cells) likewise, weights from inputs given by their index; `columns`
    d_cell_symbol: Any
    curves: Any  # (4, cells) scratch: g, g', h, h' of the time step
    slopes: Any  # (2, cells) scratch: what d_in and d_cell grow by, but for the source
    e_s: Any  # (cells,) scratch: errors at the internal states
    e_out: Any  # (blocks,) scratch: errors at the output gates
    e_k: Any  # (out,) scratch: errors at the outputs
    dw: Any  # as w: changes that wait for the end of the sequence
    dw_out: Any  # as w_out
    dw_symbol: Any  # as w_symbol; `columns`
    past: Any  # the sequence so far, as `full` remembers it; `columns`
    clock: Any  # () its time steps
    waiting: Any  # () 1 if changes wait for the first time step of the next sequence
    opening: Any  # () 1 until hidden units that run behind have stood still for the first time step
    kept: Any  # (dense inputs,) what the task presented a time step ago, to hidden units that run behind
    kept_symbol: Any  # ()
    delta: Any  # (hidden,) scratch of `full`
    arrives: Any  # (hidden,)
    y_k: Any  # (out,) outputs
    target: Any  # (out,) what they should have been
    rate: Any  # () learning rate, 0 in lanes that do not learn now
    absolute: Any  # () mean |error| of the outputs
    square: Any  # () mean squared error
    worst: Any  # () largest |error|


def allocate(n: Shape, n_in: int, longest: int, width: int, precision: str) -> Net:
    """The arrays of ``width`` nets before a sequence, all weights zero.

    With ``longest`` there is room for the exact gradient of sequences of so many time steps.
    """
    from repro.kernels.lanes import columns, padded, zeros
    from repro.learners.lstm.full import allocate as memory

    dtype, whole, truncated = np.dtype(precision), np.uint32, not longest
    n_out, n_symbols = n.n_out, padded(n_in) if n.symbols else 0
    w, w_out, d = (n.hidden, n.sources + 1), (n_out, n.cells + 1), (n.cells, n.sources + 1)
    d = d if truncated else (0, 0)

    def lanes(*shape: int) -> Any:
        return zeros(shape, width, dtype)

    net = Net(
        w=lanes(*w), w_out=lanes(*w_out), w_symbol=columns((n_symbols, n.hidden), width, dtype),
        source=lanes(n.sources + 1), cell_source=lanes(n.sources + 1 if n.current_gates else 0),
        symbol=zeros((), width, whole), into=lanes(n.hidden), y=lanes(n.hidden), s=lanes(n.cells),
        d_in=lanes(*d), d_cell=lanes(*d),
        d_in_symbol=columns((n_symbols, n.cells), width, dtype),
        d_cell_symbol=columns((n_symbols, n.cells), width, dtype),
        curves=lanes(4, n.cells), slopes=lanes(2, n.cells),
        e_s=lanes(n.cells), e_out=lanes(n.blocks), e_k=lanes(n_out),
        dw=lanes(*w) if n.waits else lanes(0, 0), dw_out=lanes(*w_out) if n.waits else lanes(0, 0),
        dw_symbol=columns((n_symbols, n.hidden) if n.waits and (truncated or n.late) else (0, 0), width, dtype),
        past=columns((0, 0), width, dtype) if truncated else memory(n, longest, width, dtype),
        clock=zeros((), width, whole), waiting=zeros((), width, whole), opening=zeros((), width, whole),
        kept=lanes(n.dense if n.behind else 0), kept_symbol=zeros((), width, whole),
        delta=lanes(n.hidden), arrives=lanes(n.hidden),
        y_k=lanes(n_out), target=lanes(n_out), rate=lanes(), absolute=lanes(), square=lanes(), worst=lanes(),
    )  # fmt: skip
    net.source[n.sources] = 1
    net.y[:] = n.start
    net.opening[:] = 1
    return net


def units(n: Shape, net: Net, n_in: int, lane: int) -> list[list[np.ndarray]]:
    """One lane's weights as views, in one or more parts for each unit; a bias is the last of all."""
    sights = [n.gate] * (2 * n.blocks) + [n.cell] * n.cells
    hidden = [[net.w[i, part, lane] for part in sight.ranges] for i, sight in enumerate(sights)]
    if n.symbols:
        hidden = [[net.w_symbol[:n_in, i, lane], *parts] for i, parts in enumerate(hidden)]
    return hidden + [[net.w_out[k, : n.to_output, lane]] for k in range(n.n_out)]


def draw(
    n: Shape, net: Net, n_in: int, lane: int, uniform: Any, init: float, bias_init: float | None,
    listed: Mapping[int, float], added: bool,
) -> None:  # fmt: skip
    """Draw one lane's weights from -``init`` to ``init``, biases from -``bias_init`` to ``bias_init`` if it is given.

    ``listed`` biases, by the number of their unit, are set, or ``added`` to the drawn ones.
    """
    for unit, parts in enumerate(units(n, net, n_in, lane)):
        for part in parts:
            for m in range(len(part)):
                is_bias = n.has_bias(unit) and part is parts[-1] and m == len(part) - 1
                if is_bias and unit in listed and not added:
                    part[m] = listed[unit]
                    continue
                limit = bias_init if is_bias and bias_init else init
                part[m] = limit * (2 * uniform() - 1)
                if is_bias and unit in listed:
                    part[m] += listed[unit]
