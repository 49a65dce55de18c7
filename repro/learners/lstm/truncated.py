"""The learning rule of 1997: the gradient truncated to what flows back through internal states (Appendix A.1).

See `learners.lstm` for the equations. All lanes at once, but for the weights from inputs given by their index: of those
a time step touches one in each lane, and an update all of a lane that learns, `RUN` at a time.
"""

from typing import Any

import numpy as np

from repro.kernels.jit import kernel
from repro.kernels.lanes import RUN, load_run, loader, select, splat, store, store_run
from repro.learners.lstm.shape import Rule, Shape


def build(shape: Shape, squash_h: Any, width: int) -> Rule:
    """Compile for ``width`` lanes."""
    load = loader(width)
    n_blocks, size, n_cells, n_out = shape.blocks, shape.size, shape.cells, shape.n_out
    gate_gap, gate_after, gate_learns = shape.gate.gap, shape.gate.after, shape.gate.learns
    cell_gap, cell_after, cell_learns = shape.cell.gap, shape.cell.after, shape.cell.learns
    output_learns, symbols, current_gates, waits = shape.output_learns, shape.symbols, shape.current_gates, shape.waits
    n_partial = max(shape.gate.to, shape.cell.to)

    @kernel
    def carry(net, c, y_in, dy_in, g, dg, h, dh):
        """What the state of cell c depends on grows: d_in[c] (eq 25) and d_cell[c] (eq 27), both (sources + 1,)."""
        source, seen, d_in, d_cell = net.source, net.source, net.d_in, net.d_cell
        if current_gates:
            seen = net.cell_source
        at_gate = g * dy_in
        at_cell = dg * y_in
        for m in range(n_partial):
            if m < gate_gap or m >= gate_after:
                store(d_in, load(d_in, c, m) + at_gate * load(source, m), c, m)  # eq 25
            if m < cell_gap or m >= cell_after:
                store(d_cell, load(d_cell, c, m) + at_cell * load(seen, m), c, m)  # eq 27
        if symbols:
            store(net.slopes, at_gate, 0, c)
            store(net.slopes, at_cell, 1, c)

    @kernel
    def keep(net):
        """Eqs 25 and 27 for the weights from inputs given by their index: in each lane one row, that of its symbol."""
        if symbols:
            for lane in range(width):
                k = np.int64(net.symbol[lane])
                for c in range(n_cells):
                    net.d_in_symbol[k, c, lane] += net.slopes[0, c, lane]
                    net.d_cell_symbol[k, c, lane] += net.slopes[1, c, lane]

    @kernel
    def add(learns, array, change, i, m):
        """Add to a weight, in the lanes that learn."""
        old = load(array, i, m)
        store(array, select(learns, old + change, old), i, m)

    @kernel
    def descend(net):
        """Changes from e_k: eqs 23, 21, 26, 28 and 22, into w and w_out, or dw and dw_out if they wait."""
        w_out, source, y, s = net.w_out, net.source, net.y, net.s
        d_in, d_cell, e_s, e_k = net.d_in, net.d_cell, net.e_s, net.e_k
        to, to_out = net.w, net.w_out
        if waits:
            to, to_out = net.dw, net.dw_out
        rate = load(net.rate)
        learns = rate > 0.0
        for j in range(n_blocks):
            y_out = load(y, n_blocks + j)
            e_out = splat(0.0, rate)
            for c in range(j * size, (j + 1) * size):
                back = load(w_out, 0, c) * load(e_k, 0)
                for k in range(1, n_out):
                    back = back + load(w_out, k, c) * load(e_k, k)
                h, dh = squash_h(load(s, c))
                e_out = e_out + h * back
                store(e_s, y_out * dh * back, c)  # eq 23
            e_out = rate * (y_out * (1.0 - y_out) * e_out)  # eq 21
            if symbols:
                store(net.e_out, e_out, j)
            for m in range(gate_learns):
                if m < gate_gap or m >= gate_after:
                    add(learns, to, e_out * load(source, m), n_blocks + j, m)
                    total = load(e_s, j * size) * load(d_in, j * size, m)
                    for c in range(j * size + 1, (j + 1) * size):
                        total = total + load(e_s, c) * load(d_in, c, m)
                    add(learns, to, rate * total, j, m)  # eq 26
            for c in range(j * size, (j + 1) * size):
                e = rate * load(e_s, c)
                for m in range(cell_learns):
                    if m < cell_gap or m >= cell_after:
                        add(learns, to, e * load(d_cell, c, m), 2 * n_blocks + c, m)  # eq 28
        for k in range(n_out):
            e = rate * load(e_k, k)
            for c in range(n_cells):
                add(learns, to_out, e * load(y, 2 * n_blocks + c), k, c)  # eq 22
            if output_learns > n_cells:
                add(learns, to_out, e, k, n_cells)

    @kernel
    def descend_symbols(net, lane):
        """Eqs 21, 26 and 28 for the weights from inputs given by their index."""
        w, rate = net.w_symbol, net.rate[lane]
        if waits:
            w = net.dw_symbol
        for j in range(n_blocks):
            w[np.int64(net.symbol[lane]), n_blocks + j, lane] += net.e_out[j, lane]
            for k in range(0, w.shape[0], RUN):
                change = load_run(net.d_in_symbol, k, j * size, lane) * net.e_s[j * size, lane]
                for c in range(j * size + 1, (j + 1) * size):
                    change = change + load_run(net.d_in_symbol, k, c, lane) * net.e_s[c, lane]
                store_run(w, load_run(w, k, j, lane) + change * rate, k, j, lane)
                for c in range(j * size, (j + 1) * size):
                    change = load_run(net.d_cell_symbol, k, c, lane) * (rate * net.e_s[c, lane])
                    i = 2 * n_blocks + c
                    store_run(w, load_run(w, k, i, lane) + change, k, i, lane)

    @kernel
    def learn(net):
        descend(net)
        if symbols:
            for lane in range(width):
                if net.rate[lane] > 0:
                    descend_symbols(net, lane)

    @kernel
    def settle(net, lane):
        return

    @kernel
    def reset(net, lane):
        """No partial derivative is left: as s, they are 0 before a sequence."""
        for c in range(n_cells):
            for m in range(n_partial):
                net.d_in[c, m, lane] = 0
                net.d_cell[c, m, lane] = 0
        if symbols:
            blank = splat(0.0, load_run(net.w_symbol, 0, 0, lane))
            for c in range(n_cells):
                for k in range(0, net.w_symbol.shape[0], RUN):
                    store_run(net.d_in_symbol, blank, k, c, lane)
                    store_run(net.d_cell_symbol, blank, k, c, lane)

    return Rule(carry=carry, keep=keep, learn=learn, settle=settle, reset=reset)
