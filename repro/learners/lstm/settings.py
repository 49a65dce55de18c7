"""What a configuration says of an LSTM net."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from repro.settings import Descent, Range, RangeOrIdentity, Start

GateBias = Literal["random"] | Annotated[tuple[float, ...], Field(strict=False)]
Units = Literal["none", "gates", "cells", "outputs", "hidden", "gates+outputs", "cells+outputs", "all"]
Seen = Literal["everything", "no gates", "inputs"]


class Settings(Descent):
    """What a configuration says of an LSTM net."""

    name: Literal["lstm"]
    blocks: int = Field(ge=1, le=64, description="memory cell blocks")
    size: int = Field(ge=1, le=64, description="memory cells in a block")
    biased: Units = Field(description="units that have a bias; hidden are gates and cells")
    input_gate_bias: GateBias = Field("random", description="initial biases, one a block, or drawn as weights are")
    output_gate_bias: GateBias = Field("random", description="likewise, for the output gates")
    listed_biases: Literal["set", "added"] = Field("set", description="instead of drawn ones, or on top of them")
    g: Range = Field((-2.0, 2.0), description="range of the logistic curve that squashes a cell's net input")
    h: RangeOrIdentity = Field((-1.0, 1.0), description="range of the curve that squashes the state")
    output: Literal["logistic", "linear"] = Field("logistic", description="output units")
    output_error: Literal["derivative", "plain"] = Field("derivative", description="is f' a factor of e_k, or left out")
    update: Literal["step", "sequence", "late"] = Field(
        "sequence", description="when weights change; late: after the first time step of the next sequence"
    )
    gradient: Literal["truncated", "full"] = Field("truncated", description="what errors flow back through")
    cells_see_gates: Literal["previous", "current"] = Field("previous", description="of which time step")
    gates_see: Seen = Field("everything", description="what gates see: inputs and hidden units, or less")
    cells_see: Seen = Field("everything", description="likewise, of cells")
    outputs_see: Literal["current", "previous"] = Field("current", description="cells of which time step")
    start: Start = Field(0.0, description="activations of all units before a sequence")
    train_biases: bool | Units = Field(True, description="do biases learn, or those of some units alone")
    bias_init: float | None = Field(None, gt=0, le=100, description="as init, for biases; null: that of weights")

    @model_validator(mode="after")
    def _gate_biases_fit(self) -> Self:
        for name in ("input_gate_bias", "output_gate_bias"):
            values = getattr(self, name)
            if values != "random" and len(values) != self.blocks:
                raise ValueError(f"{name} has {len(values)} values for {self.blocks} blocks")
            if values != "random" and self.biased == "none":
                raise ValueError(f"{name} is given, but biased = 'none'")
        return self

    @model_validator(mode="after")
    def _cells_see_what_they_are_said_to(self) -> Self:
        if self.cells_see_gates == "current" and self.cells_see != "everything":
            raise ValueError(f"cells_see_gates = 'current', but cells_see = '{self.cells_see}': they see no gates")
        return self

    @model_validator(mode="after")
    def _nothing_is_learnt_before_a_sequence(self) -> Self:
        if self.outputs_see == "previous" and self.h != "identity" and self.h[0] != -self.h[1]:
            raise ValueError("outputs_see = 'previous' needs an h with h(0) = 0, from -x to x or the identity")
        return self

    @model_validator(mode="after")
    def _full_gradient_waits(self) -> Self:
        if self.gradient == "full" and self.update == "step":
            raise ValueError(
                "the full gradient is known at the end of a sequence: it needs update = 'sequence' or 'late'"
            )
        return self
