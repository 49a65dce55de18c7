"""The columns of what is shown: CSV and JSON, tables for people and results/COLUMNS.md all follow from them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from math import isfinite
from typing import Any, Generic, TypeVar

from repro.errors import ReproError
from repro.presentation import grid

T = TypeVar("T")  # what a line is about

KINDS = {int: "integer", float: "number", bool: "true or false", str: "text"}
_DTYPES = {int: "Int64", float: "Float64", bool: "boolean", str: "string"}  # pandas' own, with a place for missing


class ColumnsError(ReproError):
    """Columns that are not there."""


@dataclass(frozen=True)
class Column(Generic[T]):
    """A column for programs."""

    name: str
    kind: type  # int, float, bool or str
    unit: str
    about: str
    value: Callable[[T], Any]  # None where there is none

    def of(self, line: T) -> Any:
        """Its value, of its kind; None where there is none, or no finite one."""
        value = self.value(line)
        if value is None or value == "" or (isinstance(value, float) and not isfinite(value)):
            return None
        return self.kind(value)


@dataclass(frozen=True)
class View(Generic[T]):
    """The same column for people: perhaps with more in a cell, such as a number with its interval."""

    head: str  # of two lines where a line break is in it
    text: Callable[[T], str] | None = None  # of a cell; else the value
    group: str = ""  # neighbours of one group share this heading
    align: str = ""  # left or right; else text is left
    needed: Callable[[Sequence[T]], bool] = lambda lines: True  # is it shown where nobody asks for it
    key: bool = False  # it names the line: on a terminal it stands in every band
    above: bool = False  # on a narrow terminal it may stand above the lines that have it in common


@dataclass(frozen=True)
class Schema(Generic[T]):
    """All columns of a view; ``views`` are those that people see who do not ask for columns, in this order."""

    title: str
    columns: Sequence[Column[T]]
    views: Mapping[str, View[T]] = field(default_factory=dict)

    def choose(self, names: Sequence[str]) -> list[Column[T]]:
        """The columns of these names, in this order.

        Raises
        ------
        ColumnsError
            If there is none of a name, or a name comes twice.

        """
        known = {column.name: column for column in self.columns}
        for name in names:
            if name not in known:
                close = get_close_matches(name, known, n=3, cutoff=0.5)
                hint = f"Did you mean {' or '.join(close)}?" if close else f"There are {', '.join(known)}."
                raise ColumnsError(f"no column is called '{name}'. {hint} `--columns help` says what each of them is.")
            if names.count(name) > 1:
                raise ColumnsError(f"--columns names '{name}' twice")
        return [known[name] for name in names]

    def data(self, lines: Sequence[T], form: str, names: Sequence[str] = ()) -> str:
        """Lines for programs, as ``csv`` or ``json``: the columns of these names, or all.

        Raises
        ------
        ColumnsError
            As `choose` does.

        """
        chosen = self.choose(names) or self.columns
        body = [[column.of(line) for column in chosen] for line in lines]
        return grid.listing([column.name for column in chosen], body, form)

    def block(
        self, lines: Sequence[T], names: Sequence[str] = (), title: str = "", notes: Sequence[str] = ()
    ) -> grid.Block:
        """Lines for people: the columns of these names, or those that are needed.

        Raises
        ------
        ColumnsError
            As `choose` does.

        """
        usual = [name for name, view in self.views.items() if view.needed(lines)]
        chosen = self.choose(names or usual)
        views = [self.views.get(column.name) or View[T](column.name) for column in chosen]
        shown = [
            view.text or (lambda line, column=column: _plain(column.of(line)))
            for column, view in zip(chosen, views, strict=True)
        ]
        sides = ["left" if column.kind is str else "right" for column in chosen]
        return grid.Block(
            title,
            heads=[view.head for view in views],
            body=[[text(line) for text in shown] for line in lines],
            notes=notes,
            align=[view.align or side for view, side in zip(views, sides, strict=True)],
            groups=[view.group for view in views],
            keys=[k for k, view in enumerate(views) if view.key] or [0],
            above=next((k for k, view in enumerate(views) if view.above), None),
        )

    def dtypes(self) -> dict[str, str]:
        """The pandas types of the columns by name, as `pandas.read_csv` takes them."""
        return {column.name: _DTYPES[column.kind] for column in self.columns}

    def described(self) -> list[tuple[str, str, str, str]]:
        """Of each column: name, type, unit, what it says."""
        return [(column.name, KINDS[column.kind], column.unit, column.about) for column in self.columns]


def whole(number: float | None) -> str:
    """A number without its fraction, for people; a dash where there is none."""
    return "-" if number is None else f"{number:,.0f}"


def _plain(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
