"""A layer of logistic output units, of which a net with many outputs has its wide axis: outputs side by side in memory.

An output sees one source that is given by its index, if there are such, and the others ``z``::

    y_k = f(w_km + sum_j w_kj z_j)        e_k = f'(net_k) (target_k - y_k)        dw_km = lr e_k,  dw_kj = lr e_k z_j

The errors go back to the others as ``back_j = sum_k w_kj e_k``, with the weights as they are before the update. With
one-hot inputs a time step touches the weights of one of them alone. All functions are for one lane: trials follow each
other. A net has these arrays, outputs padded to whole runs, sources by index first::

    w_out  (outputs, sources)     dw_out  the same, changes that wait for the end of the sequence
    z, back  (other sources,)
    out, wanted, e_k, is_output  (outputs,); wanted are the targets, is_output is 1, but 0 in what is no output

and, for each lane, ``symbol``, ``goal`` and ``aimed`` (the one before) or ``target``, ``rate``, ``n_out``,
``absolute``, ``square``, ``worst``.
"""

from typing import Any, NamedTuple

import numpy as np

from repro.kernels import maths
from repro.kernels.jit import kernel
from repro.kernels.lanes import RUN, highest, load_run, maximum, select, splat, store_run, total


class Outputs(NamedTuple):
    """Compiled functions of a net and a lane."""

    aim: Any  # the targets into `wanted`; long before `assess`, as the processor waits for one number of a vector
    respond: Any  # the outputs
    assess: Any  # targets less outputs into e_k; mean |error|, mean squared error, largest |error|
    descend: Any  # from e_k, which becomes the error at the net input: errors that go back, changes of weights
    settle: Any  # a training sequence has ended: what waited is added
    finite: Any  # are all weights finite


def build(precision: str, symbols: bool, goals: bool, waits: bool, plain_error: bool = False) -> Outputs:
    """Compile the layer.

    ``symbols``: is there a source given by its index. ``goals``: are targets given by theirs. ``waits``: do changes
    wait for the end of the sequence. ``plain_error``: is f' left out of e_k.
    """
    logistic = maths.build(precision).logistic
    number = np.dtype(precision).type
    zero, one = number(0), number(1)

    @kernel
    def aim(net, lane):
        """The targets into wanted (outputs,): 1 for the goal and 0 for others, or those that are given."""
        if goals:
            goal = np.int64(net.goal[lane])
            net.wanted[np.int64(net.aimed[lane]), lane] = zero
            net.wanted[goal, lane] = one
            net.aimed[lane] = goal
        else:
            for k in range(net.target.shape[0]):
                net.wanted[k, lane] = net.target[k, lane]

    @kernel
    def respond(net, lane):
        """The outputs y_k = f(w_km + sum_j w_kj z_j) into out (outputs,)."""
        w, z = net.w_out, net.z
        n, first = z.shape[0], w.shape[1] - z.shape[0]
        for k in range(0, w.shape[0], RUN):
            if symbols:
                net_k = load_run(w, k, np.int64(net.symbol[lane]), lane)
            else:
                net_k = splat(0.0, load_run(net.out, k, lane))
            for j in range(n):
                net_k = net_k + load_run(w, k, first + j, lane) * z[j, lane]
            store_run(net.out, logistic(net_k), k, lane)

    @kernel
    def assess(net, lane):
        """Errors target_k - y_k into e_k (outputs,); their means and the largest into absolute, square and worst."""
        absolute = splat(0.0, load_run(net.out, 0, lane))
        square, worst = absolute, absolute
        for k in range(0, net.e_k.shape[0], RUN):
            error = load_run(net.wanted, k, lane) - load_run(net.out, k, lane) * load_run(net.is_output, k, lane)
            store_run(net.e_k, error, k, lane)
            size = select(error < 0.0, 0.0 - error, error)
            absolute, square, worst = absolute + size, square + error * error, maximum(worst, size)
        net.absolute[lane] = total(absolute) / net.n_out[lane]
        net.square[lane] = total(square) / net.n_out[lane]
        net.worst[lane] = highest(worst)

    @kernel
    def descend(net, lane):
        """Changes lr e_k and lr e_k z_j of w_out, into dw_out if they wait; and back_j, by the weights before."""
        w, to, e_k, rate = net.w_out, net.w_out, net.e_k, net.rate[lane]
        n, first = net.z.shape[0], w.shape[1] - net.z.shape[0]
        if waits:
            to = net.dw_out
        for k in range(0, e_k.shape[0], RUN):
            y_k, error = load_run(net.out, k, lane), load_run(e_k, k, lane)
            if not plain_error:
                error = y_k * (1.0 - y_k) * error
            store_run(e_k, error, k, lane)
            if symbols:
                m = np.int64(net.symbol[lane])
                store_run(to, load_run(to, k, m, lane) + error * rate, k, m, lane)
        for j in range(n):
            back = splat(0.0, load_run(e_k, 0, lane))
            for k in range(0, e_k.shape[0], RUN):
                error = load_run(e_k, k, lane)
                back = back + load_run(w, k, first + j, lane) * error
                change = error * rate * net.z[j, lane]
                store_run(to, load_run(to, k, first + j, lane) + change, k, first + j, lane)
            net.back[j, lane] = total(back)

    @kernel
    def settle(net, lane):
        """Add dw_out (outputs, sources) to w_out, if changes wait, and set it to 0."""
        if waits:
            blank = splat(0.0, load_run(net.out, 0, lane))
            for m in range(net.w_out.shape[1]):
                for k in range(0, net.w_out.shape[0], RUN):
                    change = load_run(net.dw_out, k, m, lane)
                    store_run(net.w_out, load_run(net.w_out, k, m, lane) + change, k, m, lane)
                    store_run(net.dw_out, blank, k, m, lane)

    @kernel
    def finite(net, lane):
        for m in range(net.w_out.shape[1]):
            for k in range(net.w_out.shape[0]):
                if not np.isfinite(net.w_out[k, m, lane]):
                    return False
        return True

    return Outputs(aim, respond, assess, descend, settle, finite)
