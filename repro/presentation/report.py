"""A report: one static page that holds what was run, every verdict, table, figure, deviation, and how to rerun it all.

The page needs neither network nor script. Everything on it follows from the records, the configurations and the
published values: the same data give the same bytes.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from repro import files
from repro.analysis import claims, readings, tables
from repro.analysis.tables import Line
from repro.analysis.verdicts import VERDICTS, Comparison, Margins, Verdict, compare, counts, of_readings
from repro.experiments.config import PRINTED, Row
from repro.presentation import conditions, grid, readings_view, table_notes, table_view, verdict_table
from repro.presentation.plots import forest, kinds, style
from repro.presentation.plots import readings as matrix
from repro.records.store import Store
from repro.records.trial import Record
from repro.version import __version__


class Deviation(NamedTuple):
    """A reading of what the paper leaves open: the printed one with its choices, or another with its changes."""

    rows: str  # experiment and learner
    reading: str
    note: str
    changes: tuple[str, ...]
    choices: tuple[str, ...]
    n_records: int


class Part(NamedTuple):
    """What there is to say of one table of the paper."""

    anchor: str
    title: str
    said: Sequence[str]  # what holds of it, in a sentence
    counts: Mapping[Verdict, int]
    verdicts: str  # these three are HTML
    table: str
    figures: Sequence[str]
    deviations: Sequence[Deviation]
    commands: Sequence[str]


def write(
    path: Path, rows: Mapping[str, Row], store: Store, margins: Margins, *, error_flow: bool = False,
    show: Callable[[str], object] = lambda _: None,
) -> Path:  # fmt: skip
    """Write the report of all that the paper prints; ``error_flow`` runs nets for a figure of section 3, for a minute.

    ``show`` is told what comes next.

    Raises
    ------
    repro.files.FileError
        If the file cannot be written.
    repro.records.store.StoreError
        If a results file cannot be read.

    """
    files.check_writable(path)
    files.write(path, render(rows, store, margins, error_flow=error_flow, show=show).encode())
    return path


def render(
    rows: Mapping[str, Row], store: Store, margins: Margins, *, error_flow: bool = False,
    show: Callable[[str], object] = lambda _: None,
) -> str:  # fmt: skip
    """The page as HTML."""
    import jinja2
    from markupsafe import Markup

    show("reading records")
    lines = tables.of_paper(rows, store)
    show("verdicts")
    found = compare(lines, margins)
    every = sorted({line.published.table for line in lines}, key=tables.order)
    fits = readings.of(found, store)
    flow = kinds.draw("errorflow", (), rows, store, show=show) if error_flow else None
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
                                     lstrip_blocks=True)  # fmt: skip
    template = environment.from_string(
        resources.files("repro.presentation").joinpath("report.html.j2").read_text("utf-8")
    )
    records = tables.records_of(lines)
    parts = []
    for n, table in enumerate(every, 1):
        show(f"tables and figures, part {n} of {len(every)}")
        of_table = [line for line in lines if line.published.table == table]
        parts.append(_part(of_table, [one for one in found if one.line.published.table == table]))
    return template.render(
        version=__version__,
        verdicts=VERDICTS,
        counts=counts(found),
        forest=Markup(style.svg(forest.figure(of_readings(found, ""), margins), "forest")) if records else "",
        meaning=verdict_table.paragraphs(found, margins),
        matrix=Markup(style.svg(matrix.figure(fits), "readings")) if any(fit.run for fit in fits) else "",
        readings=readings_view.paragraphs(fits),
        parts=parts,
        n_trials=len(records),
        n_rows=len({record.row for record in records}),
        n_all_rows=len({line.row.name for line in lines}),
        cpu_hours=sum(record.cpu_s for record in records) / 3600,
        n_crashed=sum(map(len, {(line.row.name, line.variant): line.lost for line in lines}.values())),
        error_flow=Markup(style.svg(flow, "errorflow")) if flow else "",
        conditions=[Markup(grid.render(conditions.conditions(n, rows), "html")) for n in conditions.TABLES],
        environment=_environment(records),
    )


def _part(lines: Sequence[Line], found: Sequence[Comparison]) -> Part:
    from markupsafe import Markup

    table = lines[0].published.table
    anchor = f"table-{table}"
    said = claims.of(found)
    blocks = verdict_table.blocks(of_readings(found, ""), said=said)
    return Part(
        anchor=anchor,
        title=table_notes.title_of(lines),
        said=[claim.text for claim in said if not claim.learner],
        counts=counts(found),
        verdicts=Markup("".join(_marked(grid.render(block, "html")) for block in blocks)),
        table=Markup(table_view.render(lines, "html")),
        figures=[
            Markup(style.svg(figure, f"{kind}-{anchor}"))
            for kind in _figures(table)
            if (figure := _drawn(kind, lines)) is not None
        ],
        deviations=_deviations(lines),
        commands=list(dict.fromkeys(line.command for line in lines)),
    )


def _figures(table: int | str) -> list[str]:
    """The kinds of figures that a table has, as far as there is something to draw: learning needs traces."""
    more = {1: ["success"], 2: ["success"], 3: ["scaling"]}
    return ["survival", "strips", "learning", *(more.get(table, []) if isinstance(table, int) else [])]


def _drawn(kind: str, lines: Sequence[Line]) -> Any:
    """A figure of lines, or None if there is nothing to draw."""
    try:
        return kinds.of_lines(kind, lines)
    except style.PlotError:
        return None


def _marked(table: str) -> str:
    """A table of verdicts, with a class for their colour; cells tell their head, as on a phone they have none above."""
    heads = re.findall(r"<th(?: [^>]*)?>\s*(.*?)\s*</th>", table)

    def cells(row: re.Match[str]) -> str:
        names = iter(heads)
        return re.sub(
            r"<td([^>]*)>\s*(.*?)\s*</td>",
            lambda cell: f'<td{cell[1]}{_class(cell[2])} data-head="{next(names)}">{cell[2]}</td>',
            row[0],
        )

    return re.sub("<tr><td.*</tr>", cells, table)


def _class(cell: str) -> str:
    if cell in VERDICTS:
        return f' class="verdict {cell.lower().replace(" ", "-")}"'
    return ' class="nothing"' if cell == "-" else ""


def _deviations(lines: Sequence[Line]) -> list[Deviation]:
    """Every reading that is about the rows, by experiment and learner, printed ones first."""

    def rows(line: Line) -> str:
        return f"{line.row.experiment}, {line.row.learner}"

    counted = Counter((rows(line), line.reading) for line in lines for _ in line.records)
    found = {}
    for line in lines:
        for name, reading in line.row.readings.items():
            changes = tuple(f"{key} = {value}" for key, value in reading.set.items())
            key = rows(line), name
            found[key] = Deviation(*key, reading.note, changes, tuple(reading.choices), counted[key])
    return sorted(found.values(), key=lambda one: one.reading != PRINTED)


def _environment(records: Sequence[Record]) -> list[tuple[str, str]]:
    """What computed the records, with how many there are of each."""

    def listed(values: Iterable[str]) -> str:
        return "; ".join(f"{value} ({n:,} trials)" for value, n in sorted(Counter(values).items()))

    def versions(record: Record) -> str:
        return ", ".join(f"{name} {number}" for name, number in sorted(record.versions.items()))

    return [
        ("Versions", listed(versions(r) for r in records)),
        ("Processors", listed(r.processor or "not known" for r in records)),
        ("Root seeds", listed(str(r.seed) for r in records)),
        ("Numerical source", listed(
            f"{r.settings['learner']['name']} on {r.settings['task']['name']}: {r.source}" for r in records
        )),
    ]  # fmt: skip
