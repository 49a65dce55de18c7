"""Tables on a terminal: as wide as it is, nothing cut off, no word and no number broken.

A table that has room is drawn as it is. One that has not is laid out anew, in three ways that go together: cells fold
at spaces; columns go on in a band of their own below, beside the same names; and names, or what lines have in common,
go above them. Of all that fits, what takes the fewest lines is drawn: it is what can be compared at a glance.
"""

import io
import os
import re
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # a tenth of a second to import: only where there is a terminal
    from rich.table import Table

_GAP = 2  # between columns
_INDENT = 2  # of lines under what they have in common
_USUAL = (80, 24)  # if the terminal does not tell its size
_GLUE = "\xa0"  # a space that does not fold


def width() -> int:
    """The columns of the terminal that stdout is; ``COLUMNS`` in the environment replaces them."""
    return shutil.get_terminal_size(_USUAL).columns


def _glued(text: str) -> str:
    """A text in which intervals, and numbers with their percent signs, are words: they do not fold."""
    return re.sub(r"\[[^][ ]+ [^][ ]+\]|\S+ %", lambda found: found[0].replace(" ", _GLUE), text)


@lru_cache(maxsize=10_000)
def _fold(text: str, width: int) -> list[str]:
    """The lines of a text, folded at spaces; a word that is longer than ``width`` stays whole."""
    return [
        part.replace(_GLUE, " ")
        for line in _glued(text).split("\n")
        for part in textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) or [""]
    ]


@dataclass(frozen=True, eq=False)
class Column:
    """A column; neighbours of one group share its heading."""

    head: str
    cells: Sequence[str]
    right: bool = False  # aligned so
    group: str = ""
    key: bool = False  # names the lines: it stands in every band

    @property
    def _texts(self) -> Sequence[str]:
        return self.group, self.head, *self.cells

    @cached_property
    def whole(self) -> int:
        """The width in which no cell folds; headings do."""
        return max(self.least, *map(len, self.cells), 0)

    @cached_property
    def least(self) -> int:
        """The width of the longest word."""
        return max(len(word) for text in self._texts for word in re.split("[ \n]", _glued(text)))

    @cached_property
    def wanted(self) -> int:
        """The width in which headings do not fold either."""
        return max(self.whole, len(self.group), *map(len, self.head.split("\n")))

    @cached_property
    def _depths(self) -> dict[int, list[int]]:
        return {}

    def depths(self, wide: int) -> list[int]:
        """The lines that each cell takes in so many columns."""
        if wide not in self._depths:
            self._depths[wide] = [1 if len(cell) <= wide else len(_fold(cell, wide)) for cell in self.cells]
        return self._depths[wide]


class _Layout(NamedTuple):
    """A way to lay a table out: bands of columns, and the one that stands above the lines, if any."""

    bands: Sequence[Sequence[Column]]
    above: Column | None

    def cost(self, width: int) -> tuple[int, int, int, int]:
        """What it takes: columns more than there are, lines, bands, and the columns of the widest one."""
        beyond, n_lines, widest = 0, 0, 0
        for band in self.bands:
            widths = _widths(band, self.room(width))
            widest = max(widest, _total(widths))
            beyond = max(beyond, _total(widths) - self.room(width))
            n_lines += max(map(len, _heads(band, widths))) + 2 + _n_lines(band, widths)
            n_lines += 1 + len(_runs(self.above.cells)) if self.above else 0
        return beyond, n_lines, len(self.bands), widest

    def room(self, width: int) -> int:
        """The columns of the terminal that there are for a band."""
        return width - (_INDENT if self.above else 0)


def table(columns: Sequence[Column], above: Column | None, width: int) -> str:
    """A table, laid out for a terminal of ``width`` columns; ``above`` is the column that may go above the lines."""
    ways = [None, above] if above and len(columns) > 1 else [None]
    layouts = [layout for way in ways for layout in _layouts(columns, way, width)]
    best = min(layouts, key=lambda layout: layout.cost(width))
    return "\n\n".join(_drawn(band, best.above, best.room(width)) for band in best.bands)


def bold(text: str) -> str:
    """A text that stands out, where the terminal can do that."""
    from rich.text import Text

    return _printed(Text(text, style="bold"))


def _layouts(columns: Sequence[Column], above: Column | None, width: int) -> Iterator[_Layout]:
    """From few bands, whose cells fold, to many whose cells do not."""
    keys = [column for column in columns if column.key and column is not above]
    rest = [column for column in columns if not column.key and column is not above]
    room = width - (_INDENT if above else 0)

    def too_wide(band: Sequence[Column], limit: int, *, folded: bool) -> bool:
        return _total([column.least if folded else column.whole for column in (*keys, *band)]) > limit

    groups = [list(group) for _, group in groupby(rest, key=lambda column: column.group or id(column))]
    if any(too_wide(group, room, folded=True) for group in groups):
        groups = [[column] for column in rest]
    known = set()
    total = sum(column.whole + _GAP for column in columns)
    for limit in range(total, 0, -1):
        bands: list[list[Column]] = [[]]
        for group in groups:
            band = [*bands[-1], *group]
            if bands[-1] and (too_wide(band, room, folded=True) or too_wide(band, limit, folded=False)):
                bands.append([])
            bands[-1] += group
        if (cuts := tuple(map(len, bands))) not in known:
            known.add(cuts)
            yield _Layout([[*keys, *band] for band in bands], above)


def _widths(band: Sequence[Column], room: int) -> list[int]:
    """The widths of columns: what adds the fewest lines folds until there is room; what is left goes to headings."""
    widths = [column.whole for column in band]
    while _total(widths) > room:
        narrower = [
            [*widths[:k], widths[k] - 1, *widths[k + 1 :]] for k, column in enumerate(band) if widths[k] > column.least
        ]
        if not narrower:
            return widths
        widths = min(narrower, key=lambda some: _folds(band, some))
    for k, column in enumerate(band):
        widths[k] += max(0, min(room - _total(widths), column.wanted - widths[k]))
    return widths


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _n_lines(band: Sequence[Column], widths: Sequence[int]) -> int:
    """The lines below the headings."""
    return sum(map(max, zip(*map(Column.depths, band, widths), strict=True)))


def _folds(band: Sequence[Column], widths: Sequence[int]) -> tuple[int, int, int]:
    """How much folds: lines, then cells; and how uneven the widths are."""
    cells = sum(map(sum, map(Column.depths, band, widths)))
    return _n_lines(band, widths), cells, sum(wide * wide for wide in widths)


def headings(heads: Sequence[str], groups: Sequence[str]) -> list[str]:
    """Headings of two lines, a group only over its first column."""
    return [
        head if not group else f"\n{head}" if group == before else f"{group}\n{head}"
        for head, group, before in zip(heads, groups, ["", *groups], strict=False)
    ]


def _heads(band: Sequence[Column], widths: Sequence[int]) -> list[list[str]]:
    shown = headings([column.head for column in band], [column.group for column in band])
    return _folded([head.lstrip("\n") for head in shown], widths)  # they will stand on the rule


def _folded(cells: Sequence[str], widths: Sequence[int]) -> list[list[str]]:
    return [_fold(cell, wide) for cell, wide in zip(cells, widths, strict=True)]


def _runs(cells: Sequence[str]) -> list[tuple[str, int]]:
    """Equal neighbours: what they are, and how many."""
    return [(cell, len(list(run))) for cell, run in groupby(cells)]


def _drawn(band: Sequence[Column], above: Column | None, room: int) -> str:
    widths = _widths(band, room)
    heads = _heads(band, widths)
    deepest = max(map(len, heads))
    lowered = ["\n".join([""] * (deepest - len(lines)) + lines) for lines in heads]
    rows = [_folded(row, widths) for row in zip(*(column.cells for column in band), strict=True)]
    shown = [["\n".join(lines) for lines in row] for row in rows]
    if above is None:
        return _printed(_rich(band, widths, lowered, shown))
    parts = [bold(above.head), _indented(_printed(_rich(band, widths, lowered, [])))]
    start = 0
    for name, n in _runs(above.cells):
        parts.append(bold(name) if name else "")
        parts.append(_indented(_printed(_rich(band, widths, None, shown[start : start + n]))))
        start += n
    return "\n".join(parts)


def _indented(text: str) -> str:
    return textwrap.indent(text, " " * _INDENT)


def _rich(
    band: Sequence[Column], widths: Sequence[int], heads: Sequence[str] | None, rows: Sequence[Sequence[str]]
) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    rule = box.Box("    \n    \n -- \n" + "    \n" * 5, ascii=True)
    drawn = Table(box=rule, show_edge=False, pad_edge=False, padding=(0, _GAP - 1, 0, 0), show_header=heads is not None)
    for column, wide, head in zip(band, widths, heads or [""] * len(band), strict=True):
        drawn.add_column(Text(head, style="bold"), justify="right" if column.right else "left", width=wide)
    for row in rows:
        drawn.add_row(*map(Text, row))  # as it is: what is in brackets is no markup
    return drawn


def _printed(what: object) -> str:
    """What is written to a terminal to show it: without any control sequence, if it can or shall have none."""
    from rich.console import Console

    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM", "dumb") in ("dumb", "unknown")
    out = io.StringIO()
    console = Console(  # the sizes keep rich from its own opinion of a dumb terminal: 80 columns, and the rest cut off
        file=out, force_terminal=True, color_system=None if plain else "standard", width=10_000, height=24,
        legacy_windows=False,
    )  # fmt: skip
    console.print(what)
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip("\n").split("\n"))
