"""The simple recurrent net of Elman, a competitor of experiment 1 (Cleeremans, Servan-Schreiber & McClelland 1989).

Hidden units see the inputs and a copy of the hidden units of the time step before, the context; outputs see the hidden
units. The context counts as one more input: errors go back to it and no further, so this is back-propagation through
time that is cut after one step. Activations and errors are those of `kernels.recurrent`::

    delta_h(t) = f'(net_h(t)) sum_k w_kh e_k(t)        dw_hm = lr delta_h(t) z_m(t)

Weights change at every time step with a target, or at the end of the sequence. With ``direct`` the outputs see the
inputs too, as those of 2a and 2b do. If they see the hidden units of the time step before (``outputs_see``), e_k(t + 1)
takes the place of e_k(t); at the first time step hidden units learn nothing.
"""

from typing import Literal

from pydantic import Field

from repro.kernels.contract import Interface, Learner
from repro.kernels.recurrent_learner import functions
from repro.kernels.recurrent_learner import watch as watch
from repro.kernels.recurrent_shape import NARROW, Rule, Shape
from repro.settings import RecurrentNet

WIDEST = NARROW


class Settings(RecurrentNet):
    """What a configuration says of the net."""

    name: Literal["elman"]
    direct: bool = Field(False, description="do the outputs see the inputs too")
    update: Literal["step", "sequence"] = Field("step", description="when weights change")


def refuses(settings: Settings, interface: Interface) -> str:
    """Why the learner cannot take a task: it takes them all."""
    return ""


def _shape(settings: Settings, interface: Interface) -> Shape:
    return Shape(
        n_in=interface.n_in, n_out=interface.n_out, hidden=settings.hidden, full=False, direct=settings.direct,
        biased=settings.biased == "all", symbols=interface.input_symbols, goals=interface.target_symbols,
        waits=settings.update == "sequence" and interface.every_step,
        behind=settings.outputs_see == "previous", start=settings.start,
    )  # fmt: skip


n_weights, allocate, weights, initialise = functions(_shape, lambda *_: {})


def build(settings: Settings, interface: Interface, width: int) -> Learner:
    """Compile the learner for ``width`` lanes."""
    from repro.kernels import recurrent

    shape = _shape(settings, interface)
    return recurrent.crew(recurrent.build(shape, _rule(shape), settings.precision), width)


def _rule(shape: Shape) -> Rule:
    from repro.kernels.jit import kernel
    from repro.kernels.lanes import RUN, load_run, store_run

    n, waits = shape.recurrent, shape.waits

    @kernel
    def learn(net, lane):
        """Changes dw_hm = lr f'(net_h) e_h z_m of all weights to hidden units, into w, or dw if they wait."""
        to, rate = net.w, net.rate[lane]
        if waits:
            to = net.dw
        for u in range(n):
            step = rate * (net.slope[u, lane] * net.e[u, lane])
            for m in range(0, to.shape[0], RUN):
                store_run(to, load_run(to, m, u, lane) + load_run(net.x, m, lane) * step, m, u, lane)

    @kernel
    def nothing(net, lane):
        return

    return Rule(nothing, learn, nothing, nothing)
