"""The paper's tables with today's numbers beside them, from records and published values."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from repro.analysis.stats import Summary, summarise
from repro.experiments import views
from repro.experiments.condition import Condition
from repro.experiments.config import PRINTED, ConfigError, Row
from repro.experiments.schema import Published
from repro.experiments.selection import select, words
from repro.experiments.views import USUAL, View
from repro.hints import command
from repro.limits import whole
from repro.records import attestation
from repro.records.attestation import Ledger
from repro.records.store import Store
from repro.records.trial import Record
from repro.records.validity import crashes, current, lost, source_of, stale

OURS = "ours"  # the table of rows that the paper does not have


@dataclass(frozen=True)
class Line:
    """A line of a table of the paper, and what was measured under one reading."""

    row: Row
    reading: str
    published: Published
    n_weights: int
    n_target: int
    condition: Condition
    records: tuple[Record, ...]  # those that count, one a trial
    measured: Summary
    n_other: int = 0  # records of the row and reading that do not count, as their settings are others
    n_stale: int = 0  # likewise, as their source is not attested to give today's bits
    lost: tuple[int, ...] = ()  # trials that are missing because they crashed
    origin: str = ""  # what computed those that count, if not today's source
    changes: Mapping[str, Any] = field(default_factory=dict)  # in which settings it may differ from its row

    @property
    def variant(self) -> str:
        """The reading, and what else is not as the row has it: what tells a line from others of its row and stage."""
        if not self.changes:
            return self.reading
        changed = words(self.changes)
        return changed if self.reading == PRINTED else f"{self.reading}, {changed}"

    @property
    def settings(self) -> dict[str, Any]:
        """What is not as the row has it, the root seed aside."""
        return {key: value for key, value in self.changes.items() if key != views.SEED}

    @property
    def whose(self) -> str:
        """Whose row it is: the paper's, the project's, or somebody else's."""
        return self.row.owner or ("paper" if self.row.in_paper else "repro")

    @property
    def command(self) -> str:
        """What runs its trials."""
        return views.run(self.condition, self.row)

    @property
    def words(self) -> str:
        """What means its trials on the command line."""
        return views.words(self.condition, self.row)

    @property
    def unattested(self) -> str:
        """That stored trials do not count, and what may change that; nothing if all do."""
        if not self.n_stale:
            return ""
        what = "1 stored trial does" if self.n_stale == 1 else f"{self.n_stale} stored trials do"
        finds_out = command(f"attest '{self.row.name}'")
        return f"{what} not count, as today's source is not attested to give the same bits; `{finds_out}` finds out"

    @property
    def crashes(self) -> str:
        """How many of its trials crashed, and what runs them again; nothing if none did."""
        return crashes(self.command, self.lost)


def lines(rows: Iterable[Row], store: Store, table: int | str | None = None, view: View = USUAL) -> list[Line]:
    """The lines of the rows, in the order of the paper: printed first, then other readings that have records.

    Rows of a user's own follow those of the paper's table, or of ours, in the order of ``rows``.

    Under other settings than the row's own, all trials that are stored are taken, be they more than the paper's.

    Raises
    ------
    repro.records.store.StoreError
        If a results file cannot be read.
    repro.experiments.config.ConfigError
        If no row has a setting that the ``view`` names.

    """
    result: list[Line] = []
    rows = list(rows)
    unfit: dict[str, ConfigError] = {}
    ledger = attestation.read(store.folder)
    files = {experiment: store.stored(experiment) for experiment in dict.fromkeys(row.experiment for row in rows)}
    for row in rows:
        file = files[row.experiment]
        of_row = [condition for condition in file.conditions if condition.row == row.name]
        for reading in row.readings:
            try:
                conditions = view.conditions(row, reading, of_row)
            except ConfigError as error:
                unfit[row.name] = error
                break
            keys = {condition.key for condition in conditions}
            n_other = sum(
                file.n_lines(stored.key) for stored in of_row if stored.reading == reading and stored.key not in keys
            )
            for condition in conditions:
                records = file.records(condition.key)
                if reading == PRINTED or records or (n_other and view.usual):
                    result += _of_condition(row, condition, records, n_other, ledger, table, view)
    if unfit and not result:
        raise next(iter(unfit.values()))
    if unfit:
        warnings.warn(f"left out, as they have no such setting: {', '.join(unfit)}", stacklevel=2)
    places = {row.name: n for n, row in enumerate(rows, 1) if row.owner}  # of no paper: in the order of their files

    def place(line: Line) -> tuple[Any, ...]:
        published = line.published
        return order(published.table), places.get(line.row.name, 0), published.line, line.reading != PRINTED

    return sorted(result, key=place)


def _of_condition(
    row: Row,
    condition: Condition,
    records: Sequence[Record],
    n_other: int,
    ledger: Ledger,
    table: int | str | None,
    view: View,
) -> list[Line]:
    """The lines of a condition: one for each stage and table that the paper has the row in."""
    numbers = [record.trial for record in records if not record.screened]
    n = row.trials if view.usual else max(row.trials, 1 + max(numbers, default=0))
    counted = tuple(current(condition, n, records, ledger))
    stages = [stage["name"] for stage in condition.settings["stop"]["stages"]]
    n_weights = row.setup(condition.reading, views.settings(condition, row)).n_weights
    return [
        Line(
            row, condition.reading, published, n_weights, n, condition, counted,
            summarise(counted, published.stage), n_other, len(stale(n, records, counted)), lost(n, records, counted),
            attestation.origin(counted, source_of(condition), ledger), view.named(condition, row),
        )
        for published in row.published
        if table in (None, published.table) and published.stage in stages
    ]  # fmt: skip


def order(table: int | str) -> tuple[bool, bool, int | str]:
    """Sorts tables by their number, then what the paper says in its text, then our own rows."""
    return table == OURS, isinstance(table, str), table


def meant(patterns: Iterable[str], rows: Mapping[str, Row]) -> Sequence[tuple[list[Row], int | str | None]]:
    """For each pattern the rows that it means, and the one table that it asks for, if it names a table.

    Raises
    ------
    repro.experiments.config.ConfigError
        If a pattern means nothing.

    """
    numbers = sorted({published.table for row in rows.values() for published in row.published}, key=order)
    result = []
    for pattern in patterns:
        number = pattern if pattern in numbers else whole(pattern)
        if number is not None and number not in numbers:
            known = ", ".join(map(str, numbers))
            raise ConfigError(
                f"no row is in Table {number}; there are {known}, and in `repro table` 10 and 11, the experimental "
                "conditions. Experiment 4 is '4/*'."
            )
        chosen = select([pattern if number is None else f"table:{number}"], rows)
        result.append(([row for row, _ in chosen], number))
    return result


def beside(number: int | str, rows: Mapping[str, Row], store: Store, view: View = USUAL) -> list[Line]:
    """Lines of rows that the paper does not have, on the experiments of a table, as if they stood at its end."""
    places = [(row, published) for row in rows.values() for published in row.published if published.table == number]
    experiments, last = {row.experiment for row, _ in places}, max(published.line for _, published in places)
    own = [row for row in rows.values() if row.experiment in experiments and not row.in_paper]
    return [
        replace(line, published=line.published.model_copy(update={"table": number, "line": last + k}))
        for k, line in enumerate(lines(own, store, OURS, view), 1)
    ]


def of_paper(rows: Mapping[str, Row], store: Store) -> list[Line]:
    """All lines of the paper's tables and text, as `selected` raises."""
    return [line for line in selected(["@paper"], rows, store) if line.published.table != OURS]


def records_of(lines: Iterable[Line]) -> list[Record]:
    """The records behind lines, each once."""
    return list({(r.key, r.trial): r for line in lines for r in line.records}.values())


def selected(
    patterns: Iterable[str], rows: Mapping[str, Row], store: Store, view: View = USUAL, *, with_ours: bool = False
) -> list[Line]:
    """The lines of tables named by number, ``text`` or ``ours``, and of rows as `select` takes them; each once.

    A table may be followed by what is not in the paper (``with_ours``), on the same experiments.

    Raises
    ------
    repro.experiments.config.ConfigError
        If a pattern means nothing.
    repro.records.store.StoreError
        If a results file cannot be read.

    """
    unique: dict[object, Line] = {}
    for chosen, number in meant(patterns, rows):
        more = beside(number, rows, store, view) if with_ours and number not in (None, OURS) else []
        for line in lines(chosen, store, number, view) + more:
            unique[line.condition.key, line.published.table, line.published.line, line.published.stage] = line
    if not unique and view.by:
        lists = f"`{command('list --stored')}` lists what is"
        warnings.warn(f"nothing is stored of these rows under such settings; {lists}", stacklevel=2)
    return list(unique.values())
