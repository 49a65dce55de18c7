"""What a file of configs/ may say, as strict models; `config` reads them and looks at what goes together."""

from typing import Annotated, Any, Literal

from pydantic import Field

from repro.settings import Settings


class Published(Settings):
    """A line of a table of the paper, or of its text; or, without numbers, of our own rows."""

    table: int | Literal["text", "ours"]
    line: int
    stage: str = Field("", description="the stage of the stop rule that the line is about; empty: the last")
    trials: int | None = Field(None, description="that the paper says it is of; null: it does not say")
    weights: int | None = None
    success: float | Literal["some"] | None = Field(None, description="trials that succeed, in percent")
    sequences: int | None = Field(None, description="'success after', in training sequences")
    beyond: bool = Field(False, description="no success after so many sequences")
    test_wrong: int | None = Field(None, description="of the test sequences")
    test_fraction: float | None = Field(None, description="of the test sequences that are wrong")
    test_error: float | None = None
    test_error_unclear: str = Field("", description="why the test error cannot be compared; empty: it can")
    not_in_table_10: bool = Field(False, description="Table 10 has no line for such sequences")
    note: str = ""


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


class RowEntry(Settings):
    """A row of a table, or one of ours."""

    name: str = Field(pattern=r"^[0-9a-z]+/[0-9a-z_]+(/[0-9A-Za-z_.,=-]+)?$")
    learner: str = Field("", description="of the file's learners; empty: that in the name")
    trials: int | None = Field(None, ge=1, description="null: as many as the file's rows have")
    set: dict[str, Any] = Field(default_factory=dict)
    quick: dict[str, int] = Field(default_factory=dict, description="trials that @quick runs, by reading")
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
    experiment: str = Field(pattern="^[0-9a-z]+$")
    title: str
    section: str
    trials: int | None = Field(None, ge=1, description="of each row that does not say itself")
    shares: Shares = Shares()
    task: dict[str, Any]
    learners: dict[str, dict[str, Any]]
    stop: dict[str, Any]
    readings: dict[str, Reading]
    choices: tuple[Choices, ...] = Field((), strict=False)
    rows: tuple[RowEntry, ...] = Field(strict=False, min_length=1)
