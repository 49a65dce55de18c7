"""Which readings carry which rows: a matrix, one reading a column, one row of the paper's tables a row."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from repro.analysis.readings import STANDINGS, Fit, Standing, by_learner, counts, sets_told
from repro.analysis.tables import order
from repro.hints import command
from repro.presentation.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STEP, _WIDE = 0.15, 0.3  # inches from row to row, and from column to column
_SIZE = 6.0  # points, of labels


class _Mark(NamedTuple):
    """How a standing is drawn: never by colour alone."""

    face: str
    sign: str
    ink: str


_MARKS: dict[Standing, _Mark] = {
    "carries": _Mark(style.GREEN, "●", "white"),
    "no difference proven": _Mark(style.PALE_BLUE, "◇", style.BLUE),
    "does not carry": _Mark(style.PALE_VERMILION, "×", style.VERMILION),
    "cannot be judged": _Mark(style.PALE, "?", style.GREY),
    "not run": _Mark("white", "", style.GREY),
}


@style.applied()
def figure(fits: Sequence[Fit]) -> "Figure":
    """A square for each row under each reading that was run on it, by its standing; empty where it was not.

    Readings stand by the number of LSTM's rows that they carry, those of other learners alone last. Beside a row stands
    how many settings were tried on it; a row whose name is bold had a part in choosing readings.

    Raises
    ------
    repro.presentation.plots.style.PlotError
        If no reading was run on any of the rows.

    """
    run = [fit for fit in fits if fit.run]
    if not run:
        raise style.PlotError(f"nothing to draw: no row has run; `{command('run')}` runs them")
    rows = list(dict.fromkeys(fit.row.name for fit in fits))
    groups = by_learner(fits)
    numbers = [counts(some) for some in groups.values()]
    names = list(dict.fromkeys([*(name for of_some in numbers for name in of_some), *(fit.reading for fit in run)]))
    tried = {fit.row.name: fit for fit in fits}
    notes = [
        "; ".join(f"{mark.sign} {standing}: {STANDINGS[standing]}" for standing, mark in _MARKS.items() if mark.sign)
        + ". Empty: not run.",
        "Bold: rows that readings were chosen on. On the right: settings tried on the row. Above: rows carried, of "
        f"those that were judged, of {' and of '.join(groups)}.",
        *(sets_told(whose, some) for whose, some in groups.items()),
    ]
    result = style.new(
        "Which readings carry which rows", 1.6 + _STEP * len(rows) + 0.1 * len(notes), list(filter(None, notes))
    )
    axes = result.add_subplot()
    for fit in run:
        _square(axes, names.index(fit.reading), rows.index(fit.row.name), _MARKS[fit.standing])
    _tables(axes, fits, rows)
    axes.set_yticks(range(len(rows)), rows, size=_SIZE)
    for label, name in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_fontweight("bold" if tried[name].screened else "normal")
    labels = [
        "  ".join([name, *("{}/{}".format(*of_some[name]) for of_some in numbers if name in of_some)]) for name in names
    ]
    axes.set_xticks(range(len(names)), labels, size=_SIZE, rotation=90)
    axes.xaxis.tick_top()
    for y, name in enumerate(rows):
        axes.text(len(names) - 0.3, y, str(tried[name].tried), size=_SIZE, va="center_baseline", color=style.GREY)
    axes.set_xlim(-0.6, len(names) + 0.4)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    return result


def _square(axes: "Axes", x: int, y: int, mark: _Mark) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((x - 0.46, y - 0.46), 0.92, 0.92, facecolor=mark.face, edgecolor="none"))
    axes.text(x, y, mark.sign, size=_SIZE, color=mark.ink, ha="center", va="center_baseline")


def _tables(axes: "Axes", fits: Sequence[Fit], rows: Sequence[str]) -> None:
    """A line between two tables."""
    table = {fit.row.name: order(fit.values[0].line.published.table) for fit in fits}
    for y in range(1, len(rows)):
        if table[rows[y]] != table[rows[y - 1]]:
            axes.axhline(y - 0.5, color=style.GREY, linewidth=0.5)
