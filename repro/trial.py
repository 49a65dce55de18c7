"""What a trial leaves behind. A `Record` describes itself: nothing but the record is needed to understand it."""

from typing import Any, Literal

from pydantic import Field

from repro.cell import canonical
from repro.settings import Settings

SCHEMA: Literal[1] = 1

Outcome = Literal["solved", "limit", "diverged", "crashed"]


class StageRecord(Settings):
    """A stage of the stop rule that a trial passed, and the test that followed."""

    name: str
    sequences: int = Field(description="training sequences when the stage was passed")
    steps: int = Field(description="training time steps when the stage was passed")
    test_sequences: int
    test_wrong: int
    mean_absolute_error: float | None = Field(description="over test sequences and outputs; null if none or not finite")
    mean_squared_error: float | None
    max_error: float | None = Field(description="the most that the outputs were wrong by, where that decides")


LOOKED_AT = {"exam": "a last exam", "training": "the most recent training sequences"}  # by `LastLook.at`, in words


class LastLook(Settings):
    """How near a trial came that ended at its limit."""

    at: Literal["exam", "training"] = Field(description="a last exam, or the most recent training sequences")
    sequences: int = Field(description="that were looked at")
    wrong: int
    late_wrong: int | None = Field(description="of them at the last time step but one; null unless each step is judged")
    mean_absolute_error: float | None = Field(description="over sequences and outputs; null if not known or not finite")
    mean_squared_error: float | None


class Record(Settings):
    """What a trial leaves behind; one JSON line."""

    version: Literal[1] = Field(alias="schema")
    experiment: str
    row: str
    reading: str
    cell: str = Field(description="digest of row, reading, settings and seed")
    trial: int
    seed: int
    outcome: Outcome
    sequences: int = Field(description="training sequences used")
    steps: int = Field(description="training time steps used")
    stages: list[StageRecord]
    cpu_s: float = Field(description="CPU seconds; a crew's time is shared out among its running trials")
    weights: int = Field(description="number of weights")
    facts: dict[str, int] = Field(default_factory=dict, description="what the learner tells of its net beyond them")
    weights_digest: str | None = Field(description="of the final weights, in their order, little-endian")
    source: str = Field(description="digest of the numerical source")
    settings: dict[str, dict[str, Any]]
    versions: dict[str, str]
    processor: str
    error: str | None = None
    trace: list[tuple[int, float | None]] | None = Field(
        None, description="where asked for: training sequences, and the mean error of those since the point before"
    )
    last_look: LastLook | None = Field(None, description="of a trial that ended at its limit; older records lack it")

    def results(self) -> dict[str, Any]:
        """All of it that must be the same whenever its trial is run, by the name of each part.

        The last look is not among it: it decides nothing, and older records lack it.
        """
        found: dict[str, Any] = {name: getattr(self, name) for name in ("outcome", "sequences", "steps", "weights")}
        for stage in self.stages:
            found |= {
                f"stage {stage.name}: {name}": value for name, value in stage.model_dump(exclude={"name"}).items()
            }
        return found | self.facts | {"weights digest": self.weights_digest}

    def line(self) -> str:
        """The record as a line of JSON, without the line break; a trace or a last look only if there is one."""
        left_out = {name for name in ("trace", "last_look") if getattr(self, name) is None}
        return canonical(self.model_dump(mode="json", by_alias=True, exclude=left_out))
