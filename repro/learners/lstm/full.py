"""The exact gradient of an LSTM net, by going back through a remembered sequence: nothing is truncated.

A net whose time steps are those of `learners.lstm` keeps them here, one after the other; when the sequence has ended,
the errors go back through all of them, by the chain rule (back-propagation through time). A reading, not the paper's
learning rule: plain scalar code, lane by lane.

With delta_u(t) = -dE/d net_u(t), hidden units u, outputs k, and w from the unit in the second index to that in the
first::

    a_u(t)       = sum_v w_vu delta_v(t+1) + (of cells:) sum_k w_ku e_k(t)        what arrives at the activation of u
    e_s,c(t)     = a_c y_out h'(s_c) + e_s,c(t+1)                                  at the internal state
    delta_c      = e_s,c y_in g'(net_c)
    delta_out,j  = f'(net_out) (a_out,j + sum_v h(s_jv) a_jv)
    delta_in,j   = f'(net_in)  (a_in,j  + sum_v g(net_jv) e_s,jv)
    dw_um        = lr sum_t delta_u(t) y_m,    dw_km = lr sum_t e_k(t) y_m

If cells see the gates of the same time step, what comes from cells to gates is that of t, not t+1. If the hidden units
run a time step behind the outputs, what is remembered first are the activations before the sequence: constants, from
which output weights learn, and no others.
"""

from typing import Any

import numpy as np

from repro.kernels.jit import kernel
from repro.kernels.lanes import columns, store
from repro.learners.lstm.shape import Rule, Shape


def _kept(shape: Shape) -> int:
    """Numbers of a time step: the input's index; sources, 1; activations; g, g', h, h' of each cell; e_k."""
    return 1 + shape.sources + 1 + shape.hidden + 4 * shape.cells + shape.n_out


def allocate(shape: Shape, longest: int, width: int, dtype: Any) -> Any:
    """Memory of sequences, shape (kept, longest, width)."""
    return columns((_kept(shape), longest), width, dtype)


def build(shape: Shape, width: int, dtype: Any) -> Rule:
    """Compile for ``width`` lanes."""
    n_blocks, size, n_dense, n_sources, n_out = shape.blocks, shape.size, shape.dense, shape.sources, shape.n_out
    gate_gap, gate_after, gate_learns = shape.gate.gap, shape.gate.after, shape.gate.learns
    cell_gap, cell_after, cell_learns = shape.cell.gap, shape.cell.after, shape.cell.learns
    output_learns, symbols, current_gates, late = shape.output_learns, shape.symbols, shape.current_gates, shape.late
    behind = shape.behind
    n_cells, n_hidden, n_gates = shape.cells, shape.hidden, 2 * shape.blocks
    at_source, at_y = 1, 1 + n_sources + 1
    at_curves = at_y + n_hidden
    at_error = at_curves + 4 * n_cells
    number = np.dtype(dtype).type
    zero, one, first = number(0), number(1), number(shape.start)

    @kernel
    def carry(net, c, y_in, dy_in, g, dg, h, dh):
        """The curves of cell c at this time step into curves (4, cells): g, g', h, h'."""
        store(net.curves, g, 0, c)
        store(net.curves, dg, 1, c)
        store(net.curves, h, 2, c)
        store(net.curves, dh, 3, c)

    @kernel
    def keep(net):
        """A time step of all lanes into past (kept, longest), in the order of `_kept`; its errors are 0 as yet."""
        past, curves = net.past, net.curves
        for lane in range(width):
            t = min(np.int64(net.clock[lane]), past.shape[1] - 1)  # in lanes that idle
            if symbols:
                past[0, t, lane] = net.symbol[lane]
            for m in range(n_sources + 1):
                past[at_source + m, t, lane] = net.source[m, lane]
            for i in range(n_hidden):
                past[at_y + i, t, lane] = net.y[i, lane]
            for k in range(4):
                for c in range(n_cells):
                    past[at_curves + k * n_cells + c, t, lane] = curves[k, c, lane]
            for k in range(n_out):
                past[at_error + k, t, lane] = zero
            net.clock[lane] = t + 1

    @kernel
    def learn(net):
        """The errors e_k (out,) into past, beside the time step that they are of."""
        for lane in range(width):
            t = np.int64(net.clock[lane]) - 1
            if net.rate[lane] > zero:
                for k in range(n_out):
                    net.past[at_error + k, t, lane] = net.e_k[k, lane]

    @kernel
    def errors(net, t, lane):
        """delta(t) of all hidden units from delta(t+1), and e_s(t) from e_s(t+1)."""
        past, w, delta, arrives, e_s = net.past, net.w, net.delta, net.arrives, net.e_s
        for i in range(n_hidden):
            total = zero
            for u in range(n_hidden):
                if not (current_gates and u >= n_gates and i < n_gates):
                    total += w[u, n_dense + i, lane] * delta[u, lane]
            arrives[i, lane] = total
        for c in range(n_cells):
            total = arrives[n_gates + c, lane]
            for k in range(n_out):
                total += net.w_out[k, c, lane] * past[at_error + k, t, lane]
            arrives[n_gates + c, lane] = total
        for j in range(n_blocks):
            y_in, y_out = past[at_y + j, t, lane], past[at_y + n_blocks + j, t, lane]
            for c in range(j * size, (j + 1) * size):
                dg, dh = past[at_curves + n_cells + c, t, lane], past[at_curves + 3 * n_cells + c, t, lane]
                e_s[c, lane] += arrives[n_gates + c, lane] * y_out * dh
                delta[n_gates + c, lane] = e_s[c, lane] * y_in * dg
        for j in range(n_blocks):
            at_in, at_out = arrives[j, lane], arrives[n_blocks + j, lane]
            if current_gates:
                for c in range(n_cells):
                    at_in += w[n_gates + c, n_dense + j, lane] * delta[n_gates + c, lane]
                    at_out += w[n_gates + c, n_dense + n_blocks + j, lane] * delta[n_gates + c, lane]
            for c in range(j * size, (j + 1) * size):
                at_in += past[at_curves + c, t, lane] * e_s[c, lane]
                at_out += past[at_curves + 2 * n_cells + c, t, lane] * arrives[n_gates + c, lane]
            y_in, y_out = past[at_y + j, t, lane], past[at_y + n_blocks + j, t, lane]
            delta[j, lane] = y_in * (one - y_in) * at_in
            delta[n_blocks + j, lane] = y_out * (one - y_out) * at_out

    @kernel
    def change(net, t, rate, lane):
        """Changes of the weights to hidden units by their errors at t."""
        past, dw, delta, to_symbol = net.past, net.dw, net.delta, net.w_symbol
        if late:
            to_symbol = net.dw_symbol
        for u in range(n_hidden):
            step = rate * delta[u, lane]
            for m in range(gate_learns if u < n_gates else cell_learns):
                if (u < n_gates and gate_gap <= m < gate_after) or (u >= n_gates and cell_gap <= m < cell_after):
                    continue  # it is not seen
                y_m = past[at_source + m, t, lane]
                if current_gates and u >= n_gates and n_dense <= m < n_dense + n_gates:
                    y_m = past[at_y + m - n_dense, t, lane]
                dw[u, m, lane] += step * y_m
            if symbols:
                to_symbol[np.int64(past[0, t, lane]), u, lane] += step

    @kernel
    def settle(net, lane):
        """Back through the sequence, the last time step first: delta(t), and the changes that follow from it."""
        past, dw_out, delta = net.past, net.dw_out, net.delta
        rate = net.rate[lane]
        for i in range(n_hidden):
            delta[i, lane] = zero
        for c in range(n_cells):
            net.e_s[c, lane] = zero
        for t in range(np.int64(net.clock[lane]) - 1, -1, -1):
            if not behind or t > 0:
                errors(net, t, lane)
                change(net, t, rate, lane)
            for k in range(n_out):
                step = rate * past[at_error + k, t, lane]
                for c in range(n_cells):
                    dw_out[k, c, lane] += step * past[at_y + n_gates + c, t, lane]
                if output_learns > n_cells:
                    dw_out[k, n_cells, lane] += step

    @kernel
    def reset(net, lane):
        """No time step is kept; but y(0), where the outputs see it first."""
        net.clock[lane] = 0
        if behind:
            for k in range(net.past.shape[0]):
                net.past[k, 0, lane] = zero
            for i in range(n_hidden):
                net.past[at_y + i, 0, lane] = first
            net.clock[lane] = 1

    return Rule(carry=carry, keep=keep, learn=learn, settle=settle, reset=reset)
