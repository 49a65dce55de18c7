"""The live table of a run: where it is narrow, names are folded, then columns left out; no number is shortened."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table

_HEADS = ("row", "trials", "solved", "sequences/s", "time steps/s", "time left")
_WORDS = (0, 5)  # columns that may be folded
_LEFT_OUT = (4, 3, 2)  # where it is narrow, this one first
_LEAST, _GAP = 12, 2  # columns of the terminal: for words, and between columns


@dataclass(frozen=True)
class Rows:
    """The rows of a run: a cell for each of the columns."""

    rows: Sequence[Sequence[str]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shown = self._shown(options.max_width)
        table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
        for k in shown:
            words = k in _WORDS
            table.add_column(
                _HEADS[k], justify="left" if words else "right", no_wrap=not words, overflow="fold" if words else "crop"
            )
        for row in self.rows:
            table.add_row(*(row[k] for k in shown))
        yield table

    def _shown(self, width: int) -> list[int]:
        """The columns that there is room for."""
        shown = list(range(len(_HEADS)))
        for k in _LEFT_OUT:
            if sum(self._least(shown)) <= width:
                break
            shown.remove(k)
        return shown

    def _least(self, shown: Sequence[int]) -> Iterator[int]:
        for k in shown:
            widest = max(len(row[k]) for row in (_HEADS, *self.rows))
            yield (min(widest, _LEAST) if k in _WORDS else widest) + _GAP
