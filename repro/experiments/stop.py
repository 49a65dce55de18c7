"""When a trial ends: the settings of the stop rule."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from repro.settings import Settings


class Stage(Settings):
    """A stage of the stop rule: conditions on the most recent training sequences, on an exam, or both."""

    name: str
    max_wrong: int | None = Field(None, ge=0, description="so many of the most recent ones may be wrong; null: any")
    mean_error: float | None = Field(None, gt=0, description="their mean |error| must be below; null: no bound")
    exam_max_wrong: int | None = Field(None, ge=0, description="so many sequences of the exam may be wrong; null: any")
    exam_mean_error: float | None = Field(None, gt=0, description="their mean |error| must be below; null: no bound")
    test_sequences: int | None = Field(None, ge=0, le=10**9, description="if not those of all stages")


class Stop(Settings):
    """When a trial ends, and how it is tested.

    An exam that passes a stage without a test of its own is handed on to the next stage, which asks about it alone.
    The rule is asked when the number of training sequences is a multiple of ``ask_every``; the limit holds at any.
    """

    window: int = Field(1, ge=1, le=1_000_000, description="how many training sequences are the most recent ones")
    tolerance: float = Field(ge=0, description="a sequence is right if the |error| of every output is below")
    error: Literal["absolute", "squared"] = Field("absolute", description="what mean errors are the mean of")
    max_sequences: int = Field(ge=1, le=10**12, description="training sequences after which a trial has failed")
    exam_sequences: int = Field(0, ge=0, le=10**9, description="test sequences that decide on a stage; 0 for none")
    exam_every: int = Field(1, ge=1, le=10**9, description="training sequences from one exam to the next, at least")
    ask_every: int = Field(1, ge=1, le=10**9, description="training sequences from one asking of the rule to the next")
    exam_set: Literal["fresh", "fixed"] = Field("fresh", description="do the exams of a trial share their sequences")
    test_sequences: int = Field(ge=0, le=10**9, description="drawn after a stage, for the record")
    stages: Annotated[tuple[Stage, ...], Field(strict=False, min_length=1)]

    @model_validator(mode="after")
    def _stages_ask_something(self) -> Self:
        for stage in self.stages:
            recent = stage.max_wrong is not None or stage.mean_error is not None
            exam = stage.exam_max_wrong is not None or stage.exam_mean_error is not None
            if exam and not self.exam_sequences:
                raise ValueError(f"stage '{stage.name}' asks for an exam, but exam_sequences is 0")
            if not exam and (self.exam_sequences or not recent):
                raise ValueError(f"stage '{stage.name}' asks for nothing: max_wrong, exam_max_wrong or a mean error")
        return self
