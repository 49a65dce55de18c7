"""What figures say of the lines of tables that they show: titles, labels, numbers, notes."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from repro.analysis.tables import Line
from repro.experiments.config import PRINTED
from repro.presentation.plots import style
from repro.presentation.plots.style import PlotError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PLACES = {"text": "the paper's text", "ours": "rows of our own"}


def place(lines: Iterable[Line]) -> str:
    """Where in the paper the lines are, such as ``Tables 1 and 2``."""
    tables = dict.fromkeys(line.published.table for line in lines)
    numbers = [str(table) for table in tables if isinstance(table, int)]
    others = [_PLACES[table] for table in tables if isinstance(table, str)]
    return _and([*([f"Table{'s' * (len(numbers) > 1)} {_and(numbers)}"] if numbers else []), *others])


def _and(parts: Sequence[str]) -> str:
    return ", ".join(parts[:-1]) + (" and " if parts[1:] else "") + parts[-1]


def row(line: Line) -> str:
    """The row of a line, with its stage if the row has several."""
    several = len({published.stage for published in line.row.published}) > 1
    return f"{line.row.name}, {line.published.stage}" if several else line.row.name


def paper_success(line: Line) -> str:
    """What the paper prints of successes, such as ``97 % of 30 trials``; empty if nothing."""
    p = line.published
    n = f"{p.trials} trials" if p.trials else "trials"
    if p.success is None:
        return n if p.trials else ""
    return f"some fraction of {n}" if p.success == "some" else f"{p.success:g} % of {n}"


def paper(line: Line) -> str:
    """What the paper prints of sequences and successes; empty if it prints neither."""
    p = line.published
    mean = "" if p.sequences is None else f"none by {p.sequences:,}" if p.beyond else f"mean {p.sequences:,}"
    said = ", ".join(filter(None, [mean, paper_success(line)]))
    return said and f"paper: {said}"


def ours(line: Line) -> str:
    """What was measured, in the same words."""
    m = line.measured
    said = f"mean {m.sequences.value:,.0f}, " if m.sequences else ""
    return f"{line.variant}: {said}{m.n_solved} of {m.n} trials"


def with_records(lines: Sequence[Line]) -> list[Line]:
    """The lines of which there is something to draw.

    Raises
    ------
    PlotError
        If there is none.

    """
    found = [line for line in lines if line.records]
    if not found:
        what, run = some_rows(lines)
        todo = " ".join(crashes(lines)) or f"`{run}` runs it"
        raise PlotError(f"nothing to draw: no trial of {what} has been run to its end; {todo}")
    return found


def some_rows(lines: Sequence[Line]) -> tuple[str, str]:
    """The rows of lines in a few words, and the command that runs the first."""
    names = list(dict.fromkeys(line.row.name for line in lines))
    more = f" and {len(names) - 1} more" if names[1:] else ""
    return f"'{names[0]}'{more}", lines[0].command


def notes(lines: Sequence[Line]) -> list[str]:
    """Other readings in words, and what is missing: no row is silently left out."""
    said = readings(lines)
    missing = {(line.row.name, line.variant): line for line in lines if line.measured.n < line.n_target}
    some = [
        f"{name}, {reading} ({line.measured.n} of {line.n_target} trials)"
        for (name, reading), line in missing.items()
        if line.records
    ]
    none = [name + ("" if reading == PRINTED else f", {reading}") for (name, reading), line in missing.items()
            if not line.records]  # fmt: skip
    if some:
        said.append(f"Not finished, and trials that end first are the quick ones: {'; '.join(some)}.")
    if none:
        said.append(f"Not run: {'; '.join(none)}.")
    return said + crashes(lines)


def readings(lines: Sequence[Line]) -> list[str]:
    """What readings other than the printed one are."""
    found = {line.reading: line.row.readings[line.reading].note for line in lines if line.reading != PRINTED}
    return [f"Reading '{name}': {note}." for name, note in found.items()]


def crashes(lines: Sequence[Line]) -> list[str]:
    """Which trials crashed, and what runs them again."""
    said = [f"{line.row.name}, {line.variant}: {line.crashes}." for line in lines if line.crashes]
    return list(dict.fromkeys(said))  # a row has a line for each of its stages


def name_strips(axes: "Axes", lines: Sequence[Line]) -> None:
    """Name horizontal strips, one a line at 0, 1, ... from above, and part those of different rows or stages."""
    names = [row(line) for line in lines]
    labels = []
    for y, line in enumerate(lines):
        first = not y or names[y] != names[y - 1]
        labels.append(", ".join([names[y]] * first + [line.variant] * (line.variant != PRINTED)))
        if y and first:
            axes.axhline(y - 0.5, color=style.PALE, linewidth=0.6, zorder=0)
    axes.set_yticks(range(len(lines)), labels)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
