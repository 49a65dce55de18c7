"""What a trial leaves behind: a `Record`. It refers to what it shares with others, its condition and its machine."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, structs

from repro.experiments.condition import Condition
from repro.records.provenance import Machine

Outcome = Literal["solved", "limit", "diverged", "crashed"]
Number = Annotated[int, Meta(ge=0, lt=2**32)]  # of a trial: a word of the seed
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]  # as kernels count
Amount = Annotated[float, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0, le=1e9)]  # of a processor: 30 years


class StageRecord(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A stage of the stop rule that a trial passed, and the test that followed."""

    name: str
    sequences: Count  # training sequences when the stage was passed
    steps: Count  # training time steps when the stage was passed
    test_sequences: Count
    test_wrong: Count
    mean_absolute_error: Amount | None  # over test sequences and outputs; None if none or not finite
    mean_squared_error: Amount | None
    max_error: float | None  # the most that the outputs were wrong by, where that decides


LOOKED_AT = {"exam": "a last exam", "training": "the most recent training sequences"}  # by `LastLook.at`, in words


class LastLook(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """How near a trial came that ended at its limit."""

    at: Literal["exam", "training"]  # a last exam, or the most recent training sequences
    sequences: Count  # that were looked at
    wrong: Count
    late_wrong: Count | None  # of them at the last time step but one; None unless each step is judged
    mean_absolute_error: Amount | None  # over sequences and outputs; None if not known or not finite
    mean_squared_error: Amount | None


class Record(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """What a trial leaves behind; one line of JSON, in which its condition and machine are digests."""

    condition: Condition = msgspec.field(name="cell")
    trial: Number
    outcome: Outcome
    sequences: Count  # training sequences used
    steps: Count  # training time steps used
    stages: tuple[StageRecord, ...]
    cpu_s: Seconds  # CPU seconds; a crew's time is shared out among its running trials
    weights: Count  # number of weights
    weights_digest: str | None  # of the final weights, in their order, little-endian
    source: str  # digest of the numerical source
    machine: Machine
    facts: dict[str, Count] = {}  # what the learner tells of its net beyond them
    error: str | None = None
    last_look: LastLook | None = None  # of a trial that ended at its limit; older records lack it
    trace: tuple[tuple[Count, Amount | None], ...] | None = None  # where asked for: training sequences, and the mean
    # error of those since the point before
    screened: bool = False  # run to choose among settings: no verdict and no table takes it

    @property
    def key(self) -> str:
        """The key of its condition: a digest of row, reading, settings and seed."""
        return self.condition.key

    @property
    def experiment(self) -> str:
        """The experiment of its row."""
        return self.condition.experiment

    @property
    def row(self) -> str:
        """The name of its row."""
        return self.condition.row

    @property
    def reading(self) -> str:
        """The reading under which it was run."""
        return self.condition.reading

    @property
    def seed(self) -> int:
        """The root seed."""
        return self.condition.seed

    @property
    def settings(self) -> Mapping[str, Mapping[str, Any]]:
        """The groups task, learner and stop, complete."""
        return self.condition.settings

    @property
    def versions(self) -> dict[str, str]:
        """Versions of what computed it."""
        return self.machine.versions

    @property
    def processor(self) -> str:
        """The model of the processor that computed it."""
        return self.machine.processor

    def results(self) -> dict[str, Any]:
        """All of it that must be the same whenever its trial is run, by the name of each part.

        The last look is not among it: it decides nothing, and older records lack it.
        """
        results: dict[str, Any] = {name: getattr(self, name) for name in ("outcome", "sequences", "steps", "weights")}
        for stage in self.stages:
            values = structs.asdict(stage)
            name = values.pop("name")
            results |= {f"stage {name}: {part}": value for part, value in values.items()}
        return results | self.facts | {"weights digest": self.weights_digest}
