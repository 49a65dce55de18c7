"""The rule of real-time recurrent learning, which `learners.rtrl` states; the chunker's two nets learn by it too."""

import numpy as np

from repro.kernels.jit import kernel
from repro.kernels.lanes import RUN, load_run, select, splat, store_run
from repro.kernels.recurrent_shape import Rule, Shape

_TINY = {"float32": 1e-30, "float64": 1e-250}  # what is smaller soon becomes subnormal: processors are slow at it


def build(shape: Shape, precision: str, teacher_forcing: bool = False) -> Rule:
    """Compile for a net of ``shape``."""
    tiny = _TINY[precision]
    n, hidden, waits = shape.recurrent, shape.hidden, shape.waits

    @kernel
    def carry(net, lane, m, i):
        """A run of p, of weights from sources m on to unit i: p^u_im(t) from p(t-1) (Williams & Zipser 1989)."""
        n_in, p, w = np.int64(net.inputs[lane]), net.p, net.w
        for u in range(n):
            change = load_run(p, m, 0, i, lane) * w[n_in, u, lane]
            for v in range(1, n):
                change = change + load_run(p, m, v, i, lane) * w[n_in + v, u, lane]
            if u == i:
                change = change + load_run(net.x, m, lane)
            change = change * net.slope[u, lane]
            size = select(change < 0.0, 0.0 - change, change)
            change = select(size < tiny, 0.0, change)
            if n == 1:
                store_run(p, change, m, u, i, lane)
            else:
                store_run(net.fresh, change, 0, u, lane)
        if n > 1:
            for u in range(n):
                store_run(p, load_run(net.fresh, 0, u, lane), m, u, i, lane)

    @kernel
    def keep(net, lane):
        """All of p (sources, recurrent, recurrent) at this time step, whose z_m are in x and whose f' in slope."""
        for i in range(n):
            for m in range(0, net.x.shape[0], RUN):
                carry(net, lane, m, i)

    @kernel
    def forget(net, lane, u):
        """Set p^u to 0, of all weights: unit u depends on none."""
        blank = splat(0.0, load_run(net.x, 0, lane))
        for i in range(n):
            for m in range(0, net.x.shape[0], RUN):
                store_run(net.p, blank, m, u, i, lane)

    @kernel
    def learn(net, lane):
        """Changes dw_im = lr sum_u e_u p^u_im, into w, or dw if they wait. Forced outputs become targets, their p 0."""
        to, p, rate = net.w, net.p, net.rate[lane]
        if waits:
            to = net.dw
        for i in range(n):
            for m in range(0, net.x.shape[0], RUN):
                change = load_run(p, m, 0, i, lane) * net.e[0, lane]
                for u in range(1, n):
                    change = change + load_run(p, m, u, i, lane) * net.e[u, lane]
                store_run(to, load_run(to, m, i, lane) + change * rate, m, i, lane)
        if teacher_forcing:
            for k in range(net.target.shape[0]):
                net.y[hidden + k, lane] = net.target[k, lane]
                forget(net, lane, hidden + k)

    @kernel
    def settle(net, lane):
        return

    @kernel
    def reset(net, lane):
        for u in range(n):
            forget(net, lane, u)

    return Rule(keep, learn, settle, reset)
