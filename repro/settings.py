"""What every group of settings has in common: strict types, no unknown keys, no NaN, and never changed once read."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """A frozen, strictly validated group of settings."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


def _low_to_high(curve: tuple[float, float] | str) -> tuple[float, float] | str:
    if not isinstance(curve, str) and not curve[0] < curve[1]:
        raise ValueError(f"a squashing range goes from low to high, not from {curve[0]} to {curve[1]}")
    return curve


_Limits = Annotated[tuple[float, float], Field(strict=False)]
Range = Annotated[_Limits, AfterValidator(_low_to_high)]  # of a squashing curve
RangeOrIdentity = Annotated[_Limits | Literal["identity"], AfterValidator(_low_to_high)]


def _zero_or_half(activation: float) -> float:
    if activation not in (0.0, 0.5):
        raise ValueError("activations before a sequence are 0 or 0.5")
    return activation + 0.0  # of -0, which equals 0, too


Start = Annotated[float, AfterValidator(_zero_or_half)]  # activations of all units before a sequence


class Learner(Settings):
    """What configurations say of every learner, and what the crew asks of their settings."""

    name: str
    precision: Literal["float32", "float64"] = "float32"

    @property
    def rate(self) -> float:
        """The `net.rate` of lanes that learn; 1 where there is no learning rate, to tell training from tests."""
        return 1.0


class Descent(Learner):
    """What they say of every learner that goes down the slope of an error."""

    error_factor: Literal[1, 2] = Field(1, description="2 for the gradient of the sum of squares without its half")
    init: float = Field(gt=0, le=100, description="weights are drawn uniformly from -init to init")
    learning_rate: float = Field(gt=0, le=1000)

    @property
    def rate(self) -> float:
        """The factor of the error is one of every change of a weight, as the learning rate is."""
        return self.learning_rate * self.error_factor


class RecurrentNet(Descent):
    """What they say of every simple recurrent net, whatever its learning rule."""

    hidden: int = Field(ge=1, le=256, description="hidden units")
    biased: Literal["none", "all"] = Field(description="units that have a bias")
    outputs_see: Literal["current", "previous"] = Field("current", description="hidden units of which time step")
    start: Start = Field(0.0, description="activations of all units before a sequence")
