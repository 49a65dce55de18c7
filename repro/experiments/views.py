"""Which of the stored conditions are looked at: a row's own settings, others, or all that differ in some of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from repro.experiments.cell import Cell
from repro.experiments.config import PRINTED, Row, full_key
from repro.experiments.selection import text

READING, SEED = "reading", "seed"  # what a view may be split by beside settings


@dataclass(frozen=True)
class View:
    """What to look at of a row and reading: its settings with some replaced, and what else there is of some keys."""

    changes: Mapping[str, Any] = field(default_factory=dict)  # as `--set` has them
    seed: int = 0
    by: tuple[str, ...] = ()  # settings, ``reading`` or ``seed``: every stored value of theirs

    @property
    def usual(self) -> bool:
        """Is it of the rows' own settings alone."""
        return not (self.changes or self.seed or self.by)

    def cells(self, row: Row, reading: str, stored: Iterable[Cell]) -> list[Cell]:
        """The cells to look at: what the settings make, or, of some keys, each that is stored; in order of the values.

        Raises
        ------
        ConfigError
            If the row has no such reading, or a setting is not one of it.

        """
        base = row.cell(reading, self.changes, self.seed)
        keys = self._keys(row, reading)
        if not keys and SEED not in self.by:
            return [base]
        wanted = _without(base, keys)
        found = [
            cell
            for cell in stored
            if (cell.row, cell.reading) == (row.name, reading)
            and (SEED in self.by or cell.seed == self.seed)
            and _without(cell, keys) == wanted
        ]
        return sorted(found, key=lambda cell: [_order(value(cell, key)) for key in (*keys, SEED)])

    def _keys(self, row: Row, reading: str) -> list[str]:
        return [full_key(key, row.setup(reading)) for key in self.by if key not in (READING, SEED)]

    def named(self, cell: Cell, row: Row) -> dict[str, Any]:
        """What tells a cell from others in this view: the values of its keys, and what is not as the row has it."""
        if self.usual:
            return {}
        keys = [*self._keys(row, cell.reading), *(key for key in self.by if key == SEED)]
        return {key: value(cell, key) for key in keys} | changes(cell, row)


USUAL = View()


def _without(cell: Cell, keys: Sequence[str]) -> dict[str, Any]:
    return {key: value for key, value in _flat(cell.settings) if key not in keys}


def _flat(groups: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    for group, values in groups.items():
        for name, one in values.items():
            yield f"{group}.{name}", one


def _order(one: Any) -> tuple[bool, float, str]:
    """Numbers by their size, then all else by its text."""
    is_number = isinstance(one, int | float) and not isinstance(one, bool)
    return not is_number, one if is_number else 0.0, text(one)


def value(cell: Cell, key: str) -> Any:
    """The root seed, or a setting of a cell by its full key; None if it has no such setting."""
    group, _, name = key.partition(".")
    return cell.seed if key == SEED else cell.settings.get(group, {}).get(name)


def settings(cell: Cell, row: Row | None) -> dict[str, Any]:
    """The settings of a cell that are not as its row has them under its reading, by their full keys.

    Of a row or a reading that is in no configuration all are told.
    """
    known = row is not None and cell.reading in row.readings
    usual = dict(_flat(row.cell(cell.reading).settings)) if row is not None and known else {}
    return {key: one for key, one in _flat(cell.settings) if key not in usual or usual[key] != one}


def changes(cell: Cell, row: Row | None) -> dict[str, Any]:
    """These settings, and the root seed if it is not 0: all that tells a cell from the row's own."""
    return settings(cell, row) | ({SEED: cell.seed} if cell.seed else {})


def options(cell: Cell, row: Row | None) -> list[str]:
    """What has to be said beside the row to mean a cell; nothing if it is the row's own."""
    reading = [] if cell.reading == PRINTED else [f"--reading {cell.reading}"]
    seed = [f"--seed {cell.seed}"] if cell.seed else []
    return [*reading, *seed, *(f"--set '{key}={text(one)}'" for key, one in settings(cell, row).items())]


def run(cell: Cell, row: Row | None) -> str:
    """The command that runs trials of a cell."""
    return " ".join([f"repro run '{cell.row}'", *options(cell, row)])
