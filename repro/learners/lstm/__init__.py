"""The 1997 LSTM net and its truncated-gradient learning rule (Hochreiter & Schmidhuber 1997, Appendix A.1).

Forward, at each time step (memory cell blocks j, cells v in block j, sources m, outputs k; f the logistic function)::

    y_in(t)  = f(net_in)      y_out(t) = f(net_out)        gates of block j                        (eqs 7, 8)
    s(t)     = s(t-1) + y_in g(net_c),  s(0) = 0           internal state of cell jv                  (eq 9)
    y_c(t)   = y_out h(s(t))                               cell output                                (eq 9)
    y_k(t)   = f(net_k)                                    output units: of the cells at time t

A source m of a hidden unit (gate or cell) is an input at time t, a hidden unit at time t-1, or the bias, which is 1.

The partial derivatives of s, carried along with it; the truncation sets d net / d y(t-1) to 0 for gates and cells::

    d_in[jv, m]   += g(net_c)  f'(net_in) y_m              (eq 25)
    d_cell[jv, m] += g'(net_c) y_in       y_m              (eq 27)

Where a target exists, with the output weights w_kc as they are before the update::

    e_k = f'(net_k) (target_k - y_k)                                                                 (eq 19)
    e_out[j] = f'(net_out) sum_v h(s_jv) sum_k w_kc e_k                                              (eq 21)
    e_s[jv]  = y_out h'(s_jv) sum_k w_kc e_k                                                         (eq 23)
    dw_km = lr e_k y_m      dw_out[j, m] = lr e_out[j] y_m                                           (eqs 22, 26)
    dw_in[j, m] = lr sum_v e_s[jv] d_in[jv, m]      dw_cell[jv, m] = lr e_s[jv] d_cell[jv, m]        (eqs 26, 28)

Order of the hidden units: input gates, output gates, cells. Departure from A.1, as the paper's section 5 has it:
outputs see the cells of the same time step.

Where there is a target at every time step, weights change at every one, or at the end of the sequence by the sum of the
changes (``update``), or, as in the author's later simulator, when the hidden units have done the first time step of the
next sequence, whatever that is for. Inputs that are one-hot and given by their index cost the same whatever their
number: their weights and partial derivatives are kept apart (``w_symbol``, ``d_in_symbol``, ``d_cell_symbol``), and a
time step touches those of one symbol alone.

Readings may drop f' from e_k (``output_error``) or double it (``error_factor``), make the outputs linear, give other
units biases or keep biases as they were drawn, let cells see the gates of the same time step (``cells_see_gates``), or
follow the exact gradient (``gradient``, see `full`). Gates and cells may see less of the hidden units:
weights from what is not seen do not exist (``gates_see``, ``cells_see``). Activations may be 1/2 before a sequence
(``start``). With ``outputs_see = "previous"`` the outputs see the cells of the time step before, as Appendix A.1 has
it: the hidden units then run a time step behind, on inputs that were kept, and stand still at the first one.
"""

from typing import Any

import numpy as np

from repro.kernels.contract import Interface, Learner
from repro.learners.lstm.net import Net, draw
from repro.learners.lstm.net import allocate as allocate_net
from repro.learners.lstm.net import units as units_of
from repro.learners.lstm.settings import Settings as Settings
from repro.learners.lstm.shape import Sight, shape_of


def refuses(settings: Settings, interface: Interface) -> str:
    """Why the learner cannot take a task; nothing if it can."""
    return "its outputs are not made for targets given by their index" if interface.target_symbols else ""


def exact_gradient(settings: Settings) -> bool:
    """Whether weights change down the slope of half the squared error, nothing left out."""
    return settings.gradient == "full" and settings.output_error == "derivative" and settings.output == "logistic"


def n_weights(settings: Settings, interface: Interface) -> int:
    """The number of weights, biases included, as Table 10 counts them; those from what is not seen do not exist."""
    n = shape_of(settings, interface)
    symbols = interface.n_in * n.hidden if interface.input_symbols else 0
    return symbols + 2 * n.blocks * n.gate.n_seen + n.cells * n.cell.n_seen + n.n_out * n.to_output


def allocate(settings: Settings, interface: Interface, width: int) -> Net:
    """The arrays of ``width`` nets before a sequence, all weights zero."""
    longest = interface.longest if settings.gradient == "full" else 0
    return allocate_net(shape_of(settings, interface), interface.n_in, longest, width, settings.precision)


def weights(settings: Settings, net: Net, interface: Interface, lane: int) -> list[np.ndarray]:
    """One lane's weights as views, unit by unit: to input gates, output gates, cells, outputs; a bias is the last.

    This is the order in which they are drawn, and in which the digest of a trial's final weights reads them.
    """
    units = units_of(shape_of(settings, interface), net, interface.n_in, lane)
    return [part for unit in units for part in unit]


def initialise(settings: Settings, net: Net, interface: Interface, lane: int, uniform: Any) -> None:
    """Draw one lane's initial weights with ``uniform()``, numbers from 0 to 1; biases that are set are not drawn."""
    listed: dict[int, float] = {}
    for first, biases in ((0, settings.input_gate_bias), (settings.blocks, settings.output_gate_bias)):
        if biases != "random":
            listed |= {first + j: bias for j, bias in enumerate(biases)}
    shape, added = shape_of(settings, interface), settings.listed_biases == "added"
    draw(shape, net, interface.n_in, lane, uniform, settings.init, settings.bias_init, listed, added)


def watch(settings: Settings, net: Net, interface: Interface, lane: int) -> dict[str, np.ndarray]:
    """What is to be seen of one lane's net after a time step: views of its activations."""
    n, y = settings.blocks, net.y[:, lane]
    return {
        "input gate": y[:n],
        "output gate": y[n : 2 * n],
        "internal state": net.s[:, lane],
        "cell output": y[2 * n :],
    }


def build(settings: Settings, interface: Interface, width: int) -> Learner:
    """Compile the learner for ``width`` lanes; all sizes are compile-time constants (a quarter faster, measured)."""
    from repro.kernels import errors, maths
    from repro.kernels.jit import kernel
    from repro.kernels.lanes import loader, store
    from repro.learners.lstm import full, truncated

    load = loader(width)
    shape = shape_of(settings, interface)
    calculus = maths.build(settings.precision)
    logistic = calculus.logistic
    squash_g = maths.squashing(*settings.g, calculus)
    squash_h = maths.identity if settings.h == "identity" else maths.squashing(*settings.h, calculus)
    if settings.gradient == "full":
        rule = full.build(shape, width, settings.precision)
    else:
        rule = truncated.build(shape, squash_h, width)
    carry, keep, descend, settle_rule, reset_rule = rule.carry, rule.keep, rule.learn, rule.settle, rule.reset
    n_blocks, size, n_cells, n_hidden, n_gates = shape.blocks, shape.size, shape.cells, shape.hidden, 2 * shape.blocks
    n_dense, n_sources, n_out = shape.dense, shape.sources, shape.n_out
    to_output, symbols, current_gates, waits = shape.to_output, shape.symbols, shape.current_gates, shape.waits
    late, behind, symbols_wait = shape.late, shape.behind, symbols and (settings.gradient == "truncated" or shape.late)
    start = np.dtype(settings.precision).type(shape.start)
    linear, plain_error = settings.output == "linear", settings.output_error == "plain"

    @kernel
    def look_up(net):
        """The weights that the input given by its index has to all hidden units."""
        for lane in range(width):
            k = np.int64(net.symbol[lane])
            for i in range(n_hidden):
                net.into[i, lane] = net.w_symbol[k, i, lane]

    def net_input(sight: Sight) -> Any:
        """The net input of units that see so much."""
        gap, after, to = sight.gap, sight.after, sight.to
        first = 0 if gap > 0 else after
        nothing = first >= to  # but an input that is given by its index

        @kernel
        def add_up(net, source, i):
            """The net input of unit i, all lanes: sum_m w[i, m] y_m over what it sees of source, and the symbol."""
            w = net.w
            if nothing:
                return load(net.into, i)
            total = load(w, i, first) * load(source, first)
            for m in range(first + 1, to):
                if m < gap or m >= after:
                    total = total + load(w, i, m) * load(source, m)
            if symbols:
                total = total + load(net.into, i)
            return total

        return add_up

    net_of_gate, net_of_cell = net_input(shape.gate), net_input(shape.cell)

    @kernel
    def fall_behind(net):
        """Hidden units get the inputs of the time step before; those of this one are kept."""
        for m in range(n_dense):
            now = load(net.source, m)
            store(net.source, load(net.kept, m), m)
            store(net.kept, now, m)
        for lane in range(width):
            symbol = net.symbol[lane]
            net.symbol[lane] = net.kept_symbol[lane]
            net.kept_symbol[lane] = symbol

    @kernel
    def update_cell_source(net):
        """What cells see: as source, but the gates of this time step in the place of those before."""
        for m in range(n_sources + 1):
            store(net.cell_source, load(net.source, m), m)
        for i in range(n_gates):
            store(net.cell_source, load(net.y, i), n_dense + i)

    @kernel
    def change(net, lane):
        """Add what has waited to the weights."""
        if symbols_wait:
            for i in range(n_hidden):
                for k in range(net.w_symbol.shape[0]):
                    net.w_symbol[k, i, lane] += net.dw_symbol[k, i, lane]
                    net.dw_symbol[k, i, lane] = 0
        for i in range(n_hidden):
            for m in range(n_sources + 1):
                net.w[i, m, lane] += net.dw[i, m, lane]
                net.dw[i, m, lane] = 0
        for k in range(n_out):
            for c in range(n_cells + 1):
                net.w_out[k, c, lane] += net.dw_out[k, c, lane]
                net.dw_out[k, c, lane] = 0

    @kernel
    def forget(net, lane):
        """Activations, internal states and what is known of the sequence."""
        for i in range(n_hidden):
            net.y[i, lane] = start
        for c in range(n_cells):
            net.s[c, lane] = 0
        reset_rule(net, lane)

    @kernel
    def step(net):
        """A time step of gates (eqs 7, 8) and cells (eq 9): y (hidden,), s (cells,), and what the rule is to keep."""
        source, y, s = net.source, net.y, net.s
        if behind:
            fall_behind(net)
        for i in range(n_hidden):
            store(source, load(y, i), n_dense + i)
        if symbols:
            look_up(net)
        for i in range(n_gates):
            store(y, logistic(net_of_gate(net, source, i)), i)
        seen = source
        if current_gates:
            update_cell_source(net)
            seen = net.cell_source
        for j in range(n_blocks):
            y_in = load(y, j)
            y_out = load(y, n_blocks + j)
            dy_in = y_in * (1.0 - y_in)
            for c in range(j * size, (j + 1) * size):
                g, dg = squash_g(net_of_cell(net, seen, n_gates + c))
                state = load(s, c) + y_in * g
                h, dh = squash_h(state)
                store(s, state, c)
                store(y, y_out * h, n_gates + c)
                carry(net, c, y_in, dy_in, g, dg, h, dh)
        keep(net)
        if behind:
            for lane in range(width):
                if net.opening[lane] == 1:
                    forget(net, lane)
                    net.opening[lane] = 0
        if late:
            for lane in range(width):
                if net.waiting[lane] == 1:
                    change(net, lane)
                    net.waiting[lane] = 0

    @kernel
    def respond(net):
        """The outputs y_k (out,) = f(net_k), or net_k where they are linear, of the cells' outputs and 1."""
        w_out, y, y_k = net.w_out, net.y, net.y_k
        for k in range(n_out):
            total = load(w_out, k, 0) * load(y, n_gates)
            for c in range(1, n_cells):
                total = total + load(w_out, k, c) * load(y, n_gates + c)
            if to_output > n_cells:
                total = total + load(w_out, k, n_cells)
            if linear:
                store(y_k, total, k)
            else:
                store(y_k, logistic(total), k)

    @kernel
    def learn(net):
        """The errors e_k (out,) of eq 19, or without f'; from them the rule changes weights."""
        for k in range(n_out):
            y_k = load(net.y_k, k)
            error = load(net.target, k) - y_k
            if linear or plain_error:
                store(net.e_k, error, k)
            else:
                store(net.e_k, y_k * (1.0 - y_k) * error, k)  # eq 19
        descend(net)

    @kernel
    def settle(net, lane, mean_error):
        """What the rule knows only now; then changes that wait are added, or wait for a time step more (late)."""
        settle_rule(net, lane)
        if late:
            net.waiting[lane] = 1
        elif waits:
            change(net, lane)

    @kernel
    def reset(net, lane):
        """Forget the sequence. Units that run behind stand still for the first time step of the next."""
        forget(net, lane)
        net.opening[lane] = 1

    @kernel
    def finite(net, lane):
        for i in range(n_hidden):
            for m in range(n_sources + 1):
                if not np.isfinite(net.w[i, m, lane]):
                    return False
            for k in range(net.w_symbol.shape[0]):
                if not np.isfinite(net.w_symbol[k, i, lane]):
                    return False
        for k in range(n_out):
            for c in range(n_cells + 1):
                if not np.isfinite(net.w_out[k, c, lane]):
                    return False
        return True

    assess = errors.build(n_out, width)
    return Learner(step=step, respond=respond, assess=assess, learn=learn, settle=settle, reset=reset, finite=finite)
