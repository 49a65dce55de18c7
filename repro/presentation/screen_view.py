"""How screenings are shown: every variant that was tried, the best first, and what came of those run again."""

from collections.abc import Sequence
from typing import NamedTuple

from repro.analysis import tables
from repro.analysis.screen import Rule, Standing, ranked, survivors
from repro.experiments.config import Row
from repro.experiments.selection import words
from repro.experiments.views import View as Settings
from repro.experiments.wanted import Item
from repro.presentation import grid, table_view
from repro.presentation.columns import Column, Schema, View
from repro.records.store import Store

Screening = tuple[Row, Rule, Sequence[Standing]]


class _Line(NamedTuple):
    place: int
    one: Standing
    n_tried: int


def _fate(line: _Line) -> str:
    if not line.one.times:
        return "solved nothing"
    return f"dropped out in round {line.one.n_rounds}" if line.one.out else "survived"


def _published(lines: Sequence[_Line]) -> bool:
    return any(line.one.published for line in lines)


SCHEMA = Schema[_Line](
    "repro screen",
    (
        Column("row", str, "", "name of the row", lambda line: line.one.item.row.name),
        Column("place", int, "", "1 is the best: further rounds first, then the smaller mean", lambda line: line.place),
        Column("variant", str, "", "what the file of variants calls it", lambda line: line.one.item.variant),
        Column("reading", str, "", "how the paper is read", lambda line: line.one.item.condition.reading),
        Column(
            "settings", str, "", "what is replaced, as `--set` takes it; --max-sequences aside",
            lambda line: words(line.one.again.overrides),
        ),
        Column("trials", int, "trials", "how many ran", lambda line: len(line.one.records)),
        Column("solved", int, "trials", "how many of these succeeded", lambda line: len(line.one.times)),
        Column(
            "sequences", float, "sequences", "training until success, mean of the trials that succeeded",
            lambda line: line.one.mean,
        ),
        Column(
            "restricted_mean_sequences", float, "sequences", "training until success or limit, mean of all trials",
            lambda line: line.one.restricted_mean,
        ),
        Column("sequences_published", float, "sequences", "what the paper prints", lambda line: line.one.published),
        Column("ratio", float, "", "of the mean to the published one", lambda line: line.one.ratio),
        Column("rounds", int, "rounds", "of halving that it took part in", lambda line: line.one.n_rounds),
        Column("fate", str, "", "survived, dropped out, or solved nothing", _fate),
        Column("variants_tried", int, "variants", "of this row", lambda line: line.n_tried),
        Column("limit", int, "sequences", "training after which a trial has failed", lambda line: line.one.limit),
        Column("seed", int, "", "root of the screening's streams", lambda line: line.one.item.condition.seed),
    ),
    {
        "place": View("", key=True),
        "variant": View("variant", needed=lambda lines: any(line.one.item.variant for line in lines), key=True),
        "reading": View(
            "reading", needed=lambda lines: len({line.one.item.condition.reading for line in lines}) > 1, key=True
        ),
        "settings": View(
            "settings", needed=lambda lines: not all(line.one.item.variant for line in lines), key=True
        ),
        "trials": View("trials"),
        "solved": View("solved"),
        "sequences": View("success after"),
        "restricted_mean_sequences": View("mean of all\nto limit"),
        "sequences_published": View("paper", needed=_published),
        "ratio": View(
            "ours/paper", lambda line: "-" if line.one.ratio is None else f"x {line.one.ratio:.2f}", needed=_published
        ),
        "fate": View(""),
    },
)  # fmt: skip


def render(
    screenings: Sequence[Screening], confirmed: Sequence[Item], store: Store, form: str, names: Sequence[str] = ()
) -> str:
    """Screenings in any of `grid.FORMATS`; as text, followed by the trials of survivors that were ``confirmed``.

    Raises
    ------
    repro.presentation.columns.ColumnsError
        If there is no column of one of the names.

    """
    groups = [
        [_Line(k, one, len(standings)) for k, one in enumerate(ranked(standings), 1)] for _, _, standings in screenings
    ]
    if form in grid.DATA:
        return SCHEMA.data([line for lines in groups for line in lines], form, names)
    parts = []
    for (row, _, standings), lines in zip(screenings, groups, strict=True):
        n, left = len(standings), len(survivors(standings))
        tried = f"{row.name}: {n} variants tried, {left} left, up to {lines[0].one.limit:,} training sequences"
        title = f"{tried}. These trials are a screening and count nowhere."
        parts.append(grid.render(SCHEMA.block(lines, names, title, _notes(lines)), form))
    if confirmed:
        found = [line for item in confirmed for line in _lines(item, store)]
        said = "Survivors, run again with fresh seeds and all trials:"
        parts += [said, table_view.render(found, form)]
    return "\n\n".join(parts)


def _notes(lines: Sequence[_Line]) -> list[str]:
    if any(line.one.times for line in lines):
        return ["What is best of many looks better than it is: `--confirm` runs the survivors again, with fresh seeds."]
    return ["No variant solved a trial within the limit."]


def _lines(item: Item, store: Store) -> list[tables.Line]:
    found = tables.lines([item.row], store, None, Settings(item.overrides, item.condition.seed))
    return [line for line in found if line.condition.key == item.condition.key]
