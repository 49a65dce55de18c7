"""The paper's tables with today's numbers beside them, from records and published values."""

import json
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from repro import attestation, views
from repro.attestation import Ledger
from repro.campaign import crashes, current, lost, source_of, stale
from repro.cell import Cell
from repro.config import PRINTED, ConfigError, Row
from repro.grid import Block
from repro.grid import render as render_block
from repro.schema import Published
from repro.selection import select, words
from repro.stats import Estimate, Nearness, Summary, Survival, summarise
from repro.store import Store
from repro.trial import LOOKED_AT, Record
from repro.views import USUAL, View


@dataclass(frozen=True)
class Line:
    """A line of a table of the paper, and what was measured under one reading."""

    row: Row
    reading: str
    published: Published
    n_weights: int
    n_target: int
    cell: Cell
    records: tuple[Record, ...]  # those that count, one a trial
    measured: Summary
    n_other: int = 0  # records of the row and reading that do not count, as their settings are others
    n_stale: int = 0  # likewise, as their source is not attested to give today's bits
    lost: tuple[int, ...] = ()  # trials that are missing because they crashed
    origin: str = ""  # what computed those that count, if not today's source
    changes: Mapping[str, Any] = field(default_factory=dict)  # what is not as the row has it under the reading

    @property
    def variant(self) -> str:
        """The reading, and what else is not as the row has it: what tells a line from others of its row and stage."""
        if not self.changes:
            return self.reading
        changed = words(self.changes)
        return changed if self.reading == PRINTED else f"{self.reading}, {changed}"

    @property
    def command(self) -> str:
        """What runs its trials."""
        return views.run(self.cell, self.row)

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
        return crashes(self.command, self.lost)

    def data(self) -> dict[str, Any]:
        """All of it, flat, with plain names: for programs."""
        m, p, s, near = self.measured, self.published, self.measured.survival, self.measured.nearness

        def parts(name: str, estimate: Estimate | None) -> dict[str, float | None]:
            edges = (estimate.value, estimate.low, estimate.high) if estimate else (None, None, None)
            return dict(zip((name, f"{name}_low", f"{name}_high"), edges, strict=True))

        return {
            "table": p.table, "line": p.line, "row": self.row.name, "reading": self.reading, "stage": p.stage,
            "weights_published": p.weights, "weights": self.n_weights,
            "test_wrong_published": p.test_wrong, "test_wrong": m.wrong, "test_wrong_most": m.wrong_most,
            "test_fraction_published": p.test_fraction, "test_fraction": m.fraction_wrong,
            "success_percent_published": None if p.success == "some" else p.success,
            "sequences_published": p.sequences, "sequences_published_is_bound": p.beyond,
            **parts("sequences", m.sequences), **parts("median_sequences", s.median if s else None),
            **parts("restricted_mean_sequences", s.restricted_mean if s else None),
            "max_sequences": s.limit if s else None, **{f"mean_{name}": value for name, value in m.facts.items()},
            "trials_target": self.n_target, "trials": m.n, "solved": m.n_solved, **parts("success_rate", m.rate),
            "test_error_published": p.test_error, "mean_absolute_error": m.mean_absolute_error,
            "mean_squared_error": m.mean_squared_error, "max_error": m.max_error,
            "failures_looked_at": near.n if near else None, "failures_look_at": near.at if near else None,
            "failures_look_sequences": near.sequences if near else None,
            "failures_wrong_median": near.wrong[1] if near else None,
            "failures_late_share": near.late if near else None,
            "failures_mean_absolute_error": near.mean_absolute_error if near else None,
            "cpu_s": m.cpu_s,
            **{f"outcome_{name}": m.outcomes.get(name, 0) for name in ("solved", "limit", "diverged")},
            "outcome_crashed": len(self.lost),
        }  # fmt: skip


def lines(rows: Iterable[Row], store: Store, table: int | str | None = None, view: View = USUAL) -> list[Line]:
    """The lines of the rows, in the order of the paper: printed first, then other readings that have records.

    Under other settings than the row's own, all trials that are stored are taken, be they more than the paper's.

    Raises
    ------
    repro.store.StoreError
        If a results file cannot be read.
    repro.config.ConfigError
        If no row has a setting that the ``view`` names.

    """
    result: list[Line] = []
    rows = list(rows)
    unfit: dict[str, ConfigError] = {}
    ledger = attestation.read(store.folder)
    files = {experiment: store.stored(experiment) for experiment in dict.fromkeys(row.experiment for row in rows)}
    for row in rows:
        file = files[row.experiment]
        of_row = [cell for cell in file.cells if cell.row == row.name]
        for reading in row.readings:
            try:
                cells = view.cells(row, reading, of_row)
            except ConfigError as error:
                unfit[row.name] = error
                break
            keys = {cell.key for cell in cells}
            n_other = sum(file.n_lines(one.key) for one in of_row if one.reading == reading and one.key not in keys)
            for cell in cells:
                mine = file.records(cell.key)
                if reading == PRINTED or mine or (n_other and view.usual):
                    result += _of_cell(row, cell, mine, n_other, ledger, table, view)
    if unfit and not result:
        raise next(iter(unfit.values()))
    if unfit:
        warnings.warn(f"left out, as they have no such setting: {', '.join(unfit)}", stacklevel=2)
    return sorted(result, key=lambda line: (order(line.published.table), line.published.line, line.reading != PRINTED))


def _of_cell(
    row: Row, cell: Cell, records: Sequence[Record], n_other: int, ledger: Ledger, table: int | str | None, view: View
) -> list[Line]:
    """The lines of a cell: one for each stage and table that the paper has the row in."""
    there = [record.trial for record in records if not record.screened]
    n = row.trials if view.usual else max(row.trials, 1 + max(there, default=0))
    counted = tuple(current(cell, n, records, ledger))
    stages = [stage["name"] for stage in cell.settings["stop"]["stages"]]
    return [
        Line(
            row, cell.reading, published, row.setup(cell.reading, view.changes).n_weights, n, cell, counted,
            summarise(counted, published.stage), n_other, len(stale(n, records, counted)), lost(n, records, counted),
            attestation.origin(counted, source_of(cell), ledger), {} if view.usual else views.changes(cell, row),
        )
        for published in row.published
        if table in (None, published.table) and published.stage in stages
    ]  # fmt: skip


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


def selected(patterns: Iterable[str], rows: Mapping[str, Row], store: Store, view: View = USUAL) -> list[Line]:
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
        for line in lines(chosen, store, number, view):
            found[line.cell.key, line.published.table, line.published.line, line.published.stage] = line
    return list(found.values())


# ------------------------------------------------------------------------------------------------- how they are shown


def _whole(number: float | None) -> str:
    return "-" if number is None else f"{number:,.0f}"


def _decimal(number: float | None) -> str:
    return "-" if number is None else f"{number:.4f}"


def _fraction(number: float | None) -> str:
    return "-" if number is None else f"{number:.6f}"


def _one_decimal(number: float | None) -> str:
    return "-" if number is None else f"{number:,.1f}"


def _with_interval(estimate: Estimate | None) -> str:
    if estimate is None:
        return "-"
    return _whole(estimate.value) + (f" [{_whole(estimate.low)}, {_whole(estimate.high)}]" if estimate.low else "")


def _median(survival: Survival | None) -> str:
    """What it exceeds where no more than half succeed; the limit where the interval has no upper end."""
    if survival is None:
        return "-"
    if survival.median is None:
        return f">{_whole(survival.beyond)}"
    m = survival.median
    high = f">{_whole(survival.limit)}" if m.high is None else _whole(m.high)
    return f"{_whole(m.value)} [{_whole(m.low)}, {high}]"


def _published_sequences(published: Published) -> str:
    return (">" if published.beyond else "") + _whole(published.sequences)


def _published_success(published: Published) -> str:
    return "some" if published.success == "some" else _whole(published.success)


def _solved(measured: Summary) -> str:
    if measured.rate is None:
        return "-"
    low, high = measured.rate.low or 0.0, measured.rate.high or 0.0
    return f"{measured.n_solved} of {measured.n}: {100 * measured.rate.value:.0f} % [{100 * low:.0f}, {100 * high:.0f}]"


class _Column(NamedTuple):
    """A column; neighbours of one group share its heading."""

    group: str
    head: str  # may have two lines, if there is no group
    value: Callable[[Line], str]
    needed: Callable[[Line], bool] = lambda line: True  # it is shown if any line needs it


def _prints(name: str) -> Callable[[Line], bool]:
    """Does the paper print such a value."""
    return lambda line: getattr(line.published, name) is not None


_COLUMNS = (
    _Column("", "row", lambda line: line.row.name),
    _Column("", "stop", lambda line: line.published.stage),
    _Column("", "reading", lambda line: line.reading),
    _Column("", "#\nweights", lambda line: _whole(line.n_weights)),
    _Column("# wrong of 2560:", "paper", lambda line: _whole(line.published.test_wrong), _prints("test_wrong")),
    _Column("# wrong of 2560:", "ours", lambda line: _one_decimal(line.measured.wrong), _prints("test_wrong")),
    _Column("fraction wrong:", "paper", lambda line: _fraction(line.published.test_fraction), _prints("test_fraction")),
    _Column("fraction wrong:", "ours", lambda line: _fraction(line.measured.fraction_wrong), _prints("test_fraction")),
    _Column("", "test error:\npaper", lambda line: _decimal(line.published.test_error), _prints("test_error")),
    _Column("", "mean abs.\nerror", lambda line: _decimal(line.measured.mean_absolute_error), _prints("test_error")),
    _Column("", "mean sq.\nerror", lambda line: _decimal(line.measured.mean_squared_error), _prints("test_error")),
    _Column("success after:", "paper", lambda line: _published_sequences(line.published), _prints("sequences")),
    _Column("success after:", "ours [95 %]", lambda line: _with_interval(line.measured.sequences)),
    _Column("all trials:", "median [95 %]", lambda line: _median(line.measured.survival)),
    _Column(
        "all trials:",
        "mean to limit",
        lambda line: _whole(line.measured.survival.restricted_mean.value if line.measured.survival else None),
        lambda line: 0 < line.measured.n_solved < line.measured.n,
    ),
    _Column("", "% success:\npaper", lambda line: _published_success(line.published), _prints("success")),
    _Column("", "success rate\n[95 %]", lambda line: _solved(line.measured)),
    _Column("", "CPU s\na trial", lambda line: _one_decimal(line.measured.cpu_s)),
)


def render(table_lines: Sequence[Line], form: str) -> str:
    """Tables as text, Markdown, CSV, LaTeX or JSON (``form`` is one of `grid.FORMATS`); one after the other."""
    if form == "json":
        return json.dumps([line.data() for line in table_lines], indent=2, allow_nan=False)
    if form == "csv":
        import pandas as pd  # half a second to import: only where it is used

        return str(pd.DataFrame([line.data() for line in table_lines]).to_csv(index=False)).rstrip("\n")
    numbers = sorted({line.published.table for line in table_lines}, key=order)
    return "\n\n".join(
        _one([line for line in table_lines if line.published.table == number], form) for number in numbers
    )


_PLACES = {"text": "Reported in the paper's text", "ours": "Not in the paper: rows of our own"}


def title_of(table_lines: Sequence[Line]) -> str:
    """The title of a table, from its lines."""
    number = table_lines[0].published.table
    titles = dict.fromkeys(f"{line.row.title} (experiment {line.row.experiment})" for line in table_lines)
    return f"{f'Table {number}' if isinstance(number, int) else _PLACES[number]}. {'; '.join(titles)}"


def _one(table_lines: Sequence[Line], form: str) -> str:
    columns = [
        column for column in _COLUMNS
        if any(column.needed(line) for line in table_lines)
    ]  # fmt: skip
    if len({line.published.stage for line in table_lines}) == 1:
        columns = [column for column in columns if column.head != "stop"]
    body = [[column.value(line) for column in columns] for line in table_lines]
    align = ["left" if column.head in ("row", "stop", "reading") else "right" for column in columns]
    return render_block(Block(title_of(table_lines), _heads(columns, form), body, _notes(table_lines), align), form)


def _heads(columns: Sequence[_Column], form: str) -> list[str]:
    """Headings; as text of two lines, the group only over its first column."""
    if form != "text":
        return [f"{column.group} {column.head}".replace("\n", " ").replace(":", ",").strip() for column in columns]
    before = ["", *(column.group for column in columns)]
    return [
        f"{'' if column.group == group else column.group}\n{column.head}" if column.group else column.head
        for column, group in zip(columns, before, strict=False)
    ]


def near(nearness: Nearness, n_failures: int) -> str:
    """How near the failures came, in words."""
    least, middle, most = nearness.wrong
    found = f"{least:,}" if least == most else f"{least:,} to {most:,} (median {middle:,g})"
    late = "" if not nearness.late else f", {100 * nearness.late:.0f} % of them at the second symbol from the end"
    errors = [
        f"mean {kind} error {value:.3g}"
        for kind, value in (("absolute", nearness.mean_absolute_error), ("squared", nearness.mean_squared_error))
        if value is not None
    ]
    some = f"{n_failures} failures" if nearness.n == n_failures else f"{nearness.n} of {n_failures} failures"
    return (
        f"how near {some} came, by {LOOKED_AT[nearness.at]}: {found} of {nearness.sequences:,} wrong{late}; "
        f"{', '.join(errors) or 'errors that are not finite'}"
    )


def origins(table_lines: Iterable[Line]) -> list[str]:
    """Which source computed the records of lines, where that is not today's, and how far they are attested to it."""
    places: dict[str, dict[str, None]] = {}
    for line in table_lines:
        if line.origin:
            places.setdefault(line.origin, {})[f"{line.row.name}, {line.reading}"] = None
    return [f"{'; '.join(about)}: {origin}." for origin, about in places.items()]


def _notes(table_lines: Sequence[Line]) -> list[str]:
    """What a reader must know to read the table right."""
    notes = []
    readings: Mapping[str, str] = {
        line.reading: line.row.readings[line.reading].note for line in table_lines if line.reading != PRINTED
    }
    notes += [f"Reading '{name}': {note}." for name, note in readings.items()]
    about: dict[str, list[str]] = {}
    for line in table_lines:
        if line.published.note and line.reading == PRINTED:
            about.setdefault(line.published.note, []).append(f"{line.row.name}, {line.published.stage}")
    notes += [f"Paper, {'; '.join(places)}: {note}." for note, places in about.items()]
    notes += origins(table_lines)
    not_run = []
    for (name, reading), line in {(line.row.name, line.reading): line for line in table_lines}.items():
        n = line.n_target - line.measured.n
        if n == line.n_target:
            not_run.append(line)
        elif n:
            notes.append(
                f"{name}, {reading}: {n} trials missing, and those that end first are the quick ones: mean and rate "
                f"are not final; `{line.command}` runs them."
            )
        if line.crashes:
            notes.append(f"{name}, {reading}: {line.crashes}.")
        for fact, value in line.measured.facts.items():
            notes.append(
                f"{name}, {reading}: {fact.replace('_', ' ')}: {value:,.1f}, the mean of the trials that succeeded."
            )
        if line.measured.nearness:
            notes.append(
                f"{name}, {reading}: {near(line.measured.nearness, line.measured.n - line.measured.n_solved)}."
            )
        if line.n_other:
            notes.append(
                f"{name}, {reading}: {line.n_other} records of other settings; `repro list --stored` names them."
            )
        if line.unattested:
            notes.append(f"{name}, {reading}: {line.unattested}.")
    if not_run:
        which = "it" if len(not_run) == 1 else "the first"
        names = ", ".join(line.command.removeprefix("repro run ") for line in not_run)
        notes.append(f"Not run yet: {names}. `{not_run[0].command}` runs {which}.")
    if any(line.measured.n_solved < line.measured.n for line in table_lines):
        notes.append(
            "'Success after', wrong and errors are means over the trials that succeeded; 'all trials' is the "
            "Kaplan-Meier estimate, failures being censored at the limit."
        )
    return notes
