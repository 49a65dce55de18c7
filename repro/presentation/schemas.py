"""Every view that has columns, by the command that prints it."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from repro.presentation import (
    conditions,
    grid,
    race_view,
    readings_view,
    row_list,
    screen_view,
    stored_list,
    table_view,
    trials,
    verdict_table,
)
from repro.presentation.columns import KINDS


class Described(Protocol):
    """What has columns."""

    @property
    def title(self) -> str:
        """The command that prints it."""

    def described(self) -> list[tuple[str, str, str, str]]:
        """Of each column: name, type, unit, what it says."""


class _Trials(NamedTuple):
    """The columns of `repro trials`: how many there are depends on the trials."""

    title: str = "repro trials, and repro.frame"

    def described(self) -> list[tuple[str, str, str, str]]:
        """Of each column: name, type, unit, what it says."""
        return [(name, KINDS[kind], unit, about) for name, (kind, unit, about) in trials.ABOUT.items()]


SCHEMAS: dict[str, Sequence[Described]] = {
    "table": (table_view.SCHEMA, *conditions.SCHEMAS.values()),
    "compare": (verdict_table.SCHEMA, verdict_table.CLAIMS),
    "readings": (readings_view.SCHEMA,),
    "list": (row_list.SCHEMA, stored_list.SCHEMA),
    "trials": (_Trials(),),
    "screen": (screen_view.SCHEMA,),
    "race": (race_view.SCHEMA,),
}
HEADS = ("column", "type", "unit", "what it says")


def told(command: str, form: str) -> str:
    """The columns of what a command prints, with what each of them is, as ``text``, ``terminal`` or ``md``."""
    blocks = [
        grid.Block(schema.title, HEADS, schema.described(), (), ["left"] * len(HEADS)) for schema in SCHEMAS[command]
    ]
    return "\n\n".join(grid.render(block, form) for block in blocks)
