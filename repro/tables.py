"""The paper's tables with today's numbers beside them, from records and published values."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from repro import attestation
from repro.campaign import command, crashes, current, lost, source_of, stale
from repro.config import PRINTED, ConfigError, Row
from repro.schema import Published
from repro.selection import select
from repro.stats import Summary, summarise
from repro.store import Store
from repro.trial import Record


@dataclass(frozen=True)
class Line:
    """A line of a table of the paper, and what was measured under one reading."""

    row: Row
    reading: str
    published: Published
    n_weights: int
    n_target: int
    records: tuple[Record, ...]  # those that count, one a trial
    measured: Summary
    n_other: int = 0  # records of the row and reading that do not count, as their settings are others
    n_stale: int = 0  # likewise, as their source is not attested to give today's bits
    lost: tuple[int, ...] = ()  # trials that are missing because they crashed
    origin: str = ""  # what computed those that count, if not today's source

    @property
    def command(self) -> str:
        """What runs its trials."""
        return command(self.row.name, self.reading)

    @property
    def unattested(self) -> str:
        """That stored trials do not count, and what may change that; nothing if all do."""
        if not self.n_stale:
            return ""
        what = "1 stored trial does" if self.n_stale == 1 else f"{self.n_stale} stored trials do"
        return (
            f"{what} not count, as today's source is not attested to give the same bits; "
            f"`repro attest '{self.row.name}'` finds out"
        )

    @property
    def crashes(self) -> str:
        """How many of its trials crashed, and what runs them again; nothing if none did."""
        return crashes(self.row.name, self.reading, self.lost)


def lines(rows: Iterable[Row], store: Store, table: int | str | None = None) -> list[Line]:
    """The lines of the rows, in the order of the paper: printed first, then other readings that have records.

    Raises
    ------
    repro.store.StoreError
        If a results file cannot be read.

    """
    result = []
    rows = list(rows)
    ledger = attestation.read(store.folder)
    stored = {experiment: store.read(experiment) for experiment in dict.fromkeys(row.experiment for row in rows)}
    for row in rows:
        records = [record for record in stored[row.experiment] if record.row == row.name]
        for reading in row.readings:
            mine = [record for record in records if record.reading == reading]
            if reading != PRINTED and not mine:
                continue
            cell = row.cell(reading)
            counted = tuple(current(cell, row.trials, mine, ledger))
            n_stale = len(stale(cell, row.trials, mine, counted))
            result += [
                Line(
                    row, reading, published, row.setup(reading).n_weights, row.trials, counted,
                    summarise(counted, published.stage), sum(record.cell != cell.key for record in mine), n_stale,
                    lost(cell, row.trials, mine, counted), attestation.origin(counted, source_of(cell), ledger),
                )
                for published in row.published
                if table in (None, published.table)
            ]  # fmt: skip
    return sorted(result, key=lambda line: (order(line.published.table), line.published.line, line.reading != PRINTED))


def order(table: int | str) -> tuple[bool, bool, int | str]:
    """Sorts tables by their number, then what the paper says in its text, then our own rows."""
    return table == "ours", isinstance(table, str), table


def meant(patterns: Iterable[str], rows: Mapping[str, Row]) -> Sequence[tuple[list[Row], int | str | None]]:
    """For each pattern the rows that it means, and the one table that it asks for, if it names a table.

    Raises
    ------
    repro.config.ConfigError
        If a pattern means nothing.

    """
    numbers = sorted({published.table for row in rows.values() for published in row.published}, key=order)
    result = []
    for pattern in patterns:
        number = int(pattern) if pattern.isdecimal() else pattern if pattern in numbers else None
        if number is not None and number not in numbers:
            known = ", ".join(map(str, numbers))
            raise ConfigError(f"no row is in Table {number}; there are {known}. Experiment 4 is '4/*'.")
        chosen = select([pattern if number is None else f"table:{number}"], rows)
        result.append(([row for row, _ in chosen], number))
    return result


def selected(patterns: Iterable[str], rows: Mapping[str, Row], store: Store) -> list[Line]:
    """The lines of tables named by number, ``text`` or ``ours``, and of rows as `select` takes them; each once.

    Raises
    ------
    repro.config.ConfigError
        If a pattern means nothing.
    repro.store.StoreError
        If a results file cannot be read.

    """
    found: dict[object, Line] = {}
    for chosen, number in meant(patterns, rows):
        for line in lines(chosen, store, number):
            found[line.row.name, line.reading, line.published.table, line.published.line, line.published.stage] = line
    return list(found.values())
