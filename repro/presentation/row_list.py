"""The list of rows: what there is, what the paper reports of it, and how much has run."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from repro.experiments import views, wanted
from repro.experiments.config import Row
from repro.presentation import grid
from repro.presentation.columns import Column, Schema, View
from repro.records import planning, validity
from repro.records.store import Store


class Entry(NamedTuple):
    """A row, and its trials under the reading `printed`."""

    item: wanted.Item
    n_done: int
    n_crashed: int
    crashes: str  # how many crashed, and what runs them again; nothing if none did


def entries(rows: Iterable[Row], store: Store) -> list[Entry]:
    """The rows with what is stored of them.

    Raises
    ------
    repro.records.store.StoreError
        If a results file cannot be read.

    """
    plan = planning.plan(wanted.items([(row, None) for row in rows]), store)
    return [
        Entry(item, len(plan.done[key]), len(lost), validity.crashes(views.run(item.condition, item.row), lost))
        for item in plan.items
        for key, lost in [(item.condition.key, plan.lost[item.condition.key])]
    ]


def render(found: Sequence[Entry], form: str, names: Sequence[str] = ()) -> str:
    """The list in any of `grid.FORMATS`, with the columns of these names or all.

    Raises
    ------
    repro.presentation.columns.ColumnsError
        If there is no such column.

    """
    if form in grid.DATA:
        return SCHEMA.data(found, form, names)
    shown = grid.bare(SCHEMA.block(found, names), form)
    crashed = [f"{entry.item.row.name}: {entry.crashes}." for entry in found if entry.crashes]
    return "\n\n".join([shown, *(grid.wrapped(said, form) for said in crashed if form in grid.TEXT)])


def _published_sequences(row: Row) -> int | None:
    return next((line.sequences for line in reversed(row.published) if line.sequences and not line.beyond), None)


SCHEMA = Schema[Entry](
    "repro list",
    (
        Column("row", str, "", "name of the row, as `repro run` takes it", lambda entry: entry.item.row.name),
        Column("experiment", str, "", "title of its experiment", lambda entry: entry.item.row.title),
        Column("learner", str, "", "what learns", lambda entry: entry.item.row.learner),
        Column("weights", int, "weights", "size of our net", lambda entry: entry.item.row.setup().n_weights),
        Column(
            "table", str, "", "tables of the paper that it is in; text: in no table; ours: not in the paper",
            lambda entry: ", ".join(sorted({str(line.table) for line in entry.item.row.published})),
        ),
        Column(
            "sequences_published", int, "sequences", "training until success, in the paper: a mean",
            lambda entry: _published_sequences(entry.item.row),
        ),
        Column("trials", int, "trials", "how many there are when all have run", lambda entry: entry.item.n_trials),
        Column("done", int, "trials", "how many have run and count", lambda entry: entry.n_done),
        Column("crashed", int, "trials", "how many are missing because they crashed", lambda entry: entry.n_crashed),
    ),
    {
        "row": View("row", key=True),
        "experiment": View("experiment", above=True),
        "learner": View("learner"),
        "weights": View("weights"),
        "table": View("table"),
        "sequences_published": View("paper: success after"),
        "trials": View("trials"),
        "done": View("done"),
        "crashed": View("crashed"),
    },
)  # fmt: skip
