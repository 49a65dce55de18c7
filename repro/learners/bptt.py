"""Back-propagation through time, the exact gradient over whole sequences, for the nets of `learners.rtrl`.

Time steps are kept until the sequence ends. Then the errors e_u(t) at the activations of the recurrent units, from the
outputs that saw them, go back through all of them (Hochreiter & Schmidhuber 1997, section 3.1)::

    delta_u(t) = f'(net_u(t)) (e_u(t) + sum_i w_iu delta_i(t+1))        dw_um = lr sum_t delta_u(t) z_m(t)

and the weights change, once in a sequence. The sum equals that of RTRL. Errors at y(0), which outputs see first if they
see the time step before (``outputs_see``), go nowhere: that is a constant.
"""

from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from repro.kernels.contract import Interface, Learner
from repro.kernels.recurrent_learner import functions
from repro.kernels.recurrent_learner import watch as watch
from repro.kernels.recurrent_shape import NARROW, Rule, Shape
from repro.settings import RecurrentNet

WIDEST = NARROW


class Settings(RecurrentNet):
    """What a configuration says of the net."""

    name: Literal["bptt"]
    net: Literal["layered", "full"]
    direct: bool = Field(True, description="do the outputs of a layered net see the inputs too")

    @model_validator(mode="after")
    def _outputs_see_hidden_units(self) -> Self:
        if self.outputs_see == "previous" and self.net == "full":
            raise ValueError("outputs_see = 'previous' needs net = 'layered': the outputs of a full net are recurrent")
        return self


def refuses(settings: Settings, interface: Interface) -> str:
    """Why the learner cannot take a task; nothing if it can."""
    by_index = interface.target_symbols and settings.net == "full"
    return "the outputs of a full net are not made for targets given by their index" if by_index else ""


def exact_gradient(settings: Settings) -> bool:
    """Whether weights change down the slope of half the squared error, nothing left out."""
    return True


def _shape(settings: Settings, interface: Interface) -> Shape:
    return Shape(
        n_in=interface.n_in, n_out=interface.n_out, hidden=settings.hidden, full=settings.net == "full",
        direct=settings.direct, biased=settings.biased == "all", symbols=interface.input_symbols,
        goals=interface.target_symbols, waits=True,
        behind=settings.outputs_see == "previous", start=settings.start,
    )  # fmt: skip


n_weights, allocate, weights, initialise = functions(_shape, lambda _, interface: {"longest": interface.longest})


def build(settings: Settings, interface: Interface, width: int) -> Learner:
    """Compile the learner for ``width`` lanes."""
    from repro.kernels import recurrent

    shape = _shape(settings, interface)
    return recurrent.crew(recurrent.build(shape, _rule(shape, settings.precision), settings.precision), width)


def _rule(shape: Shape, precision: str) -> Rule:
    """A time step is kept in ``past`` as its sources, activations and errors; of one-hot inputs the index alone."""
    from repro.kernels.jit import kernel
    from repro.kernels.lanes import RUN, load_run, splat, store_run

    n, biased, symbols = shape.recurrent, shape.biased, shape.symbols
    number = np.dtype(precision).type
    zero, start = number(0), number(shape.start)

    @kernel
    def keep(net, lane):
        """A time step into past (kept, longest): x or the symbol, y, and errors of 0 as yet, each in whole runs."""
        past, units = net.past, net.y.shape[0]
        t = min(np.int64(net.clock[lane]), past.shape[1] - 1)  # in lanes that idle
        at_y, at_e = past.shape[0] - 2 * units, past.shape[0] - units
        if symbols:
            past[0, t, lane] = net.before[lane]  # the one in x
        else:
            for m in range(0, at_y, RUN):
                store_run(past, load_run(net.x, m, lane), m, t, lane)
        for u in range(0, units, RUN):
            y = load_run(net.y, u, lane)
            store_run(past, y, at_y + u, t, lane)
            store_run(past, splat(0.0, y), at_e + u, t, lane)
        net.clock[lane] = t + 1

    @kernel
    def learn(net, lane):
        """The errors e (recurrent,) into past, beside the time step that they are of."""
        t, at_e = np.int64(net.clock[lane]) - 1, net.past.shape[0] - net.y.shape[0]
        if t < 0:  # outputs saw y(0), which no weight can change
            return
        for u in range(n):
            net.past[at_e + u, t, lane] = net.e[u, lane]

    @kernel
    def go_back(net, t, lane):
        """From delta(t+1) to delta(t) = f'(net_u(t)) (e_u(t) + sum_i w_iu delta_i(t+1)), of all recurrent units u."""
        past, units, delta = net.past, net.y.shape[0], net.delta
        n_in, at_y, at_e = np.int64(net.inputs[lane]), past.shape[0] - 2 * units, past.shape[0] - units
        for u in range(n):
            error = past[at_e + u, t, lane]
            for i in range(n):
                error = error + net.w[n_in + u, i, lane] * delta[i, lane]
            net.e[u, lane] = error
        for u in range(0, units, RUN):
            y = load_run(past, at_y + u, t, lane)
            store_run(delta, y * (1.0 - y) * load_run(net.e, u, lane), u, lane)

    @kernel
    def change(net, u, t, lane):
        """Changes dw_um = lr delta_u(t) z_m(t) of the weights to unit u, from all its sources m."""
        past, dw, step = net.past, net.dw, net.rate[lane] * net.delta[u, lane]
        if symbols:
            n_in, at_y = np.int64(net.inputs[lane]), past.shape[0] - 2 * net.y.shape[0]
            dw[np.int64(past[0, t, lane]), u, lane] += step
            for i in range(n):
                if t > 0:
                    dw[n_in + i, u, lane] += step * past[at_y + i, t - 1, lane]
                elif start > zero:
                    dw[n_in + i, u, lane] += step * start
            if biased:
                dw[n_in + n, u, lane] += step
        else:
            for m in range(0, dw.shape[0], RUN):
                store_run(dw, load_run(dw, m, u, lane) + load_run(past, m, t, lane) * step, m, u, lane)

    @kernel
    def settle(net, lane):
        """Back through the sequence, the last time step first; what is summed up in dw is added after that."""
        for u in range(n):
            net.delta[u, lane] = zero
        for t in range(np.int64(net.clock[lane]) - 1, -1, -1):
            go_back(net, t, lane)
            for u in range(n):
                change(net, u, t, lane)

    @kernel
    def reset(net, lane):
        net.clock[lane] = 0

    return Rule(keep, learn, settle, reset)
