"""Every view that has columns, by the command that prints it."""

from collections.abc import Sequence
from typing import Any

from repro import conditions, grid, race_view, row_list, screen_view, stored_list, table_view, verdict_table
from repro.columns import Schema

SCHEMAS: dict[str, Sequence[Schema[Any]]] = {
    "table": (table_view.SCHEMA, *conditions.SCHEMAS.values()),
    "compare": (verdict_table.SCHEMA,),
    "list": (row_list.SCHEMA, stored_list.SCHEMA),
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
