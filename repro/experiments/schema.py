"""What a file of configs/ may say, as strict models; `config` reads them and looks at what goes together."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from repro.errors import shown
from repro.limits import MOST_PUBLISHED, MOST_TRIALS
from repro.settings import Settings

TEST_SEQUENCES = 2560  # of which the paper's tables count the wrong ones


class Published(Settings):
    """A line of a table of the paper, or of its text; or, without numbers, of our own rows."""

    table: Annotated[int, Field(ge=1)] | Literal["text", "ours"]
    line: int = Field(ge=1)
    stage: str = Field("", description="the stage of the stop rule that the line is about; empty: the last")
    trials: int | None = Field(
        None, ge=1, le=MOST_PUBLISHED, description="that the paper says it is of; null: it does not say"
    )
    weights: int | None = Field(None, ge=1)
    success: Annotated[float, Field(ge=0, le=100)] | Literal["some"] | None = Field(
        None, description="trials that succeed, in percent"
    )
    sequences: int | None = Field(None, ge=1, description="'success after', in training sequences")
    beyond: bool = Field(False, description="no success after so many sequences")
    test_wrong: int | None = Field(None, ge=0, le=TEST_SEQUENCES, description="of the test sequences")
    test_fraction: float | None = Field(None, ge=0, le=1, description="of the test sequences that are wrong")
    test_error: float | None = Field(None, gt=0)
    test_error_unclear: str = Field("", description="why the test error cannot be compared; empty: it can")
    not_in_table_10: bool = Field(False, description="Table 10 has no line for such sequences")
    note: str = ""

    @model_validator(mode="after")
    def _numbers_agree(self) -> Self:
        if self.trials and self.success == "some":
            raise ValueError('success = "some" is of trials that nobody counted: leave trials out, or say how many %')
        if self.trials and isinstance(self.success, float) and self.solved is None:
            raise ValueError(f"success = {self.success:g} is no percentage of trials = {self.trials}, to the unit")
        given = [name for name in ("sequences", "test_wrong", "test_fraction", "test_error") if self._is_mean(name)]
        if given and self.success == 0:
            raise ValueError(f"success = 0, so there is no mean of those that succeed: {', '.join(given)}")
        return self

    def _is_mean(self, name: str) -> bool:
        return getattr(self, name) is not None and not (name == "sequences" and self.beyond)

    @property
    def solved(self) -> int | None:
        """How many of its trials succeeded, if it says how many there were: all, if it says nothing else.

        None too if no number of successes is its percentage, rounded: 97 % of 30 are 29, and of 10 there are none.
        """
        if self.trials is None:
            return None
        percent = self.success if isinstance(self.success, float) else 100.0
        count = round(percent * self.trials / 100)
        return count if round(100 * count / self.trials) == round(percent) else None


Names = Annotated[tuple[str, ...], Field(strict=False)]


class Reading(Settings):
    """A way to read what the paper leaves open."""

    note: str
    learners: Names = Field((), description="that it is about; none: all")
    choices: Names = ()
    set: dict[str, Any] = Field(default_factory=dict)


class Choices(Settings):
    """Choices of the printed reading that are about some of the learners."""

    learners: Names
    note: str = Field("", description="of the printed reading, where that of all learners does not fit")
    choices: Names


def _row_name(name: str) -> str:
    if not re.fullmatch("[0-9a-z]+/[0-9a-z_]+(/[0-9A-Za-z_.,=-]+)?", name):
        raise ValueError(
            "a row is called EXPERIMENT/LEARNER or EXPERIMENT/LEARNER/MORE, of a-z, 0-9, and _ but in the first part; "
            f"MORE may have A-Z . , = - too. Not {shown(name)}"
        )
    return name


def _experiment_name(name: str) -> str:
    if not re.fullmatch("[0-9a-z]+", name):
        raise ValueError(f"an experiment is called by letters a-z and digits, not {shown(name)}")
    return name


_Trials = Annotated[int, Field(ge=1, le=MOST_TRIALS)]


class RowEntry(Settings):
    """A row of a table, or one of ours."""

    name: Annotated[str, AfterValidator(_row_name)]
    learner: str = Field("", description="of the file's learners; empty: that in the name")
    trials: _Trials | None = Field(None, description="null: as many as the file's rows have")
    set: dict[str, Any] = Field(default_factory=dict)
    quick: dict[str, _Trials] = Field(default_factory=dict, description="trials that @quick runs, by reading")
    published: tuple[Published, ...] = Field((), strict=False)


class Shares(Settings):
    """What a file takes from shared.toml, by name."""

    readings: Names = ()
    choices: Names = ()


class Shared(Settings):
    """The file shared.toml: what several experiments have in common."""

    learners: dict[str, dict[str, Any]] = Field(default_factory=dict, description="settings, by module of learners/")
    readings: dict[str, Reading] = Field(default_factory=dict)
    choices: dict[str, Choices] = Field(default_factory=dict)


class File(Settings):
    """Any other file: one experiment."""

    owner: str = Field("", description="whose rows they are; empty, in a folder of one's own: called as the folder")
    experiment: Annotated[str, AfterValidator(_experiment_name)]
    title: str
    section: str
    trials: _Trials | None = Field(None, description="of each row that does not say itself")
    shares: Shares = Shares()
    task: dict[str, Any]
    learners: dict[str, dict[str, Any]]
    stop: dict[str, Any]
    readings: dict[str, Reading]
    choices: tuple[Choices, ...] = Field((), strict=False)
    rows: tuple[RowEntry, ...] = Field(strict=False, min_length=1)
