"""Real-time recurrent learning (Williams & Zipser 1989), the competitor of experiments 1, 2a and 2b.

Nets are those of `kernels.recurrent`: ``layered`` with ``hidden`` recurrent units (in 2a and 2b one, and outputs that
see the inputs too), or ``full``, all units recurrent (Smith & Zipser 1989, on the Reber grammar). Beside the
activations a net carries along how each depends on each weight w_ij to a recurrent unit i from a source j::

    p^u_ij(t) = f'(net_u(t)) (sum_l w_ul p^l_ij(t-1) + [u = i] z_j(t)),   p(0) = 0

    dw_ij = lr sum_u e_u p^u_ij        at every time step with a target, e the errors at the activations

That is the exact gradient as long as weights do not change within a sequence (``update = "sequence"``); on line,
changed at every step, they are assumed to change slowly. With ``teacher_forcing`` the outputs of a full net are
replaced by their targets before the next time step, and their p by 0, in training sequences. Without ``forgets``
neither activations nor p start anew with a sequence: Smith and Zipser's nets were told no string boundaries. (Tests
start from where training is, and training goes on from there after them; ``start`` is then what a trial begins with.)

Numbers p of less than 1e-30 (1e-250 in double precision) count as 0: soon they would be subnormal, at which processors
are slow.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from repro.kernels.contract import Interface, Learner
from repro.kernels.recurrent_learner import functions
from repro.kernels.recurrent_learner import watch as watch
from repro.kernels.recurrent_shape import NARROW, Shape
from repro.settings import RecurrentNet

WIDEST = NARROW


class Settings(RecurrentNet):
    """What a configuration says of the net."""

    name: Literal["rtrl"]
    net: Literal["layered", "full"]
    direct: bool = Field(True, description="do the outputs of a layered net see the inputs too")
    teacher_forcing: bool = Field(False, description="do the targets take the place of a full net's outputs")
    forgets: bool = Field(True, description="does each sequence start anew, from activations of start")
    update: Literal["step", "sequence"] = Field("step", description="when weights change")

    @model_validator(mode="after")
    def _outputs_see_hidden_units(self) -> Self:
        if self.outputs_see == "previous" and self.net == "full":
            raise ValueError("outputs_see = 'previous' needs net = 'layered': the outputs of a full net are recurrent")
        if self.outputs_see == "previous" and not self.forgets:
            raise ValueError("outputs_see = 'previous' needs forgets: units fall behind where a sequence begins")
        return self

    @model_validator(mode="after")
    def _forced_outputs_feed_back(self) -> Self:
        if self.teacher_forcing and self.net == "layered":
            raise ValueError("teacher_forcing needs net = 'full': the outputs of a layered net feed nothing back")
        return self


def refuses(settings: Settings, interface: Interface) -> str:
    """Why the learner cannot take a task; nothing if it can."""
    if interface.target_symbols and settings.net == "full":
        return "the outputs of a full net are not made for targets given by their index"
    if not interface.every_step and not settings.forgets:
        return "without forgets it needs a target at every time step: that tells it training from tests"
    return ""


def exact_gradient(settings: Settings) -> bool:
    """Whether weights change down the slope of half the squared error, nothing left out."""
    return settings.update == "sequence" and settings.forgets and not settings.teacher_forcing


def _shape(settings: Settings, interface: Interface) -> Shape:
    return Shape(
        n_in=interface.n_in, n_out=interface.n_out, hidden=settings.hidden, full=settings.net == "full",
        direct=settings.direct, biased=settings.biased == "all", symbols=interface.input_symbols,
        goals=interface.target_symbols,
        waits=settings.update == "sequence" and interface.every_step,
        behind=settings.outputs_see == "previous", start=settings.start,
    )  # fmt: skip


n_weights, allocate, weights, initialise = functions(
    _shape, lambda settings, _: {"sensitivities": True, "forgets": settings.forgets}
)


def build(settings: Settings, interface: Interface, width: int) -> Learner:
    """Compile the learner for ``width`` lanes."""
    from repro.kernels import recurrent, rtrl

    shape = _shape(settings, interface)
    rule = rtrl.build(shape, settings.precision, settings.teacher_forcing)
    return recurrent.crew(recurrent.build(shape, rule, settings.precision, forgets=settings.forgets), width)
