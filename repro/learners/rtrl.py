"""Real-time recurrent learning (Williams & Zipser 1989), the competitor of experiments 1, 2a and 2b.

Nets are those of `kernels.recurrent`: ``layered`` with ``hidden`` recurrent units (in 2a and 2b one, and outputs that
see the inputs too), or ``full``, all units recurrent (Smith & Zipser 1989, on the Reber grammar). Beside the
activations a net carries along how each depends on each weight w_ij to a recurrent unit i from a source j::

    p^u_ij(t) = f'(net_u(t)) (sum_l w_ul p^l_ij(t-1) + [u = i] z_j(t)),   p(0) = 0

    dw_ij = lr sum_u e_u p^u_ij        at every time step with a target, e the errors at the activations

That is the exact gradient as long as weights do not change within a sequence (``update = "sequence"``); on line,
changed at every step, they are assumed to change slowly. With ``teacher_forcing`` the outputs of a full net are
replaced by their targets before the next time step, and their p by 0, in training sequences. Without ``forgets``
neither activations nor p start anew with a sequence: Smith and Zipser's nets were told no string boundaries.
"""

from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from repro.kernels.contract import Interface, Learner
from repro.kernels.recurrent_shape import Shape
from repro.settings import RecurrentNet

WIDEST = 8  # trials side by side: they follow each other, and more would only crowd the processor's cache


class Settings(RecurrentNet):
    """What a configuration says of the net."""

    name: Literal["rtrl"]
    net: Literal["layered", "full"]
    direct: bool = Field(True, description="do the outputs of a layered net see the inputs too")
    teacher_forcing: bool = Field(False, description="do the targets take the place of a full net's outputs")
    forgets: bool = Field(True, description="does each sequence start from activations of 0")
    update: Literal["step", "sequence"] = Field("step", description="when weights change")

    @model_validator(mode="after")
    def _forced_outputs_feed_back(self) -> Self:
        if self.teacher_forcing and self.net == "layered":
            raise ValueError("teacher_forcing needs net = 'full': the outputs of a layered net feed nothing back")
        return self


def refuses(settings: Settings, interface: Interface) -> str:
    """Why the learner cannot take a task; nothing if it can."""
    by_index = interface.target_symbols and settings.net == "full"
    return "the outputs of a full net are not made for targets given by their index" if by_index else ""


def _shape(settings: Settings, interface: Interface) -> Shape:
    return Shape(
        interface.n_in, interface.n_out, settings.hidden, settings.net == "full", settings.direct,
        settings.biased == "all", interface.input_symbols, interface.target_symbols,
        waits=settings.update == "sequence" and interface.every_step,
    )  # fmt: skip


def n_weights(settings: Settings, interface: Interface) -> int:
    """The number of weights, biases included."""
    return _shape(settings, interface).n_weights


def allocate(settings: Settings, interface: Interface, width: int) -> Any:
    """The arrays of ``width`` nets, a `kernels.recurrent.Net`."""
    from repro.kernels import recurrent

    return recurrent.allocate(_shape(settings, interface), width, settings.precision, sensitivities=True)


def weights(settings: Settings, net: Any, interface: Interface, lane: int) -> list[np.ndarray]:
    """One lane's weights as views, unit by unit: recurrent units, then the outputs of a layered net."""
    from repro.kernels import recurrent

    return recurrent.weights(_shape(settings, interface), net, lane)


def initialise(settings: Settings, net: Any, interface: Interface, lane: int, uniform: Any) -> None:
    """Draw one lane's initial weights with ``uniform()``, numbers from 0 to 1."""
    from repro.kernels import recurrent

    recurrent.draw(weights(settings, net, interface, lane), settings.init, uniform)


def build(settings: Settings, interface: Interface, width: int) -> Learner:
    """Compile the learner for ``width`` lanes."""
    from repro.kernels import recurrent, rtrl

    shape = _shape(settings, interface)
    rule = rtrl.build(shape, settings.teacher_forcing)
    return recurrent.crew(recurrent.build(shape, rule, settings.precision, forgets=settings.forgets), width)
