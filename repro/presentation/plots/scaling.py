"""Table 3's scaling: training sequences against the minimal time lag q, and against distractor frequency q/p."""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from repro.analysis.tables import Line
from repro.presentation.plots import captions, style

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class _Point(NamedTuple):
    q: int  # minimal time lag
    p: int  # distractor symbols
    line: Line


_X = Callable[[_Point], float]


@style.applied()
def figure(lines: Sequence[Line]) -> "Figure":
    """Two panels, axes logarithmic: as many distractor symbols as time steps (q = p), and the longest lag with fewer.

    Each reading has a row of them: in one, marks and numbers of several would hide each other. Black crosses are the
    published means. Ours are the means of all trials, with 95 % intervals and how many were solved. A trial that failed
    counts with the limit, as more training would at best have solved it later: such a mean is a bound from below, drawn
    hollow, with an arrow up and a dotted line. So what is joined is one quantity, and not the means of a few quick
    survivors as if they were all. Rows that were not run are named below.

    Raises
    ------
    repro.presentation.plots.style.PlotError
        If a line is not of experiment 2c, or there is none.

    """
    from matplotlib.ticker import NullLocator

    points = [_point(line) for line in lines]
    if not points:
        raise style.PlotError("nothing to draw: no row of Table 3 is selected")
    longest = max(point.q for point in points)
    panels: tuple[tuple[str, str, list[_Point], _X], ...] = (
        ("q = p", "minimal time lag q", [point for point in points if point.q == point.p], lambda point: point.q),
        (f"q = {longest:,}", "distractor frequency q/p",
         [point for point in points if point.q == longest], lambda point: point.q / point.p),
    )  # fmt: skip
    notes = [
        "Ours: mean of all trials, 95 % interval (BCa), solved / all. Hollow, dotted, with an arrow: some failed and "
        "count with the limit, so the mean is at least this. Published: means, no spread printed.",
        *captions.notes(lines),
    ]
    looks = style.looks([line.variant for line in lines])
    run = {point.line.variant for point in points if point.line.measured.survival}
    shown = [reading for reading in looks if reading in run] or [points[0].line.variant]
    result = style.new(f"Scaling of training time: {captions.place(lines)}", 0.9 + max(2.5, 1.7 * len(shown)), notes)
    grid = result.subplots(len(shown), 2, sharex="col", sharey=True, squeeze=False)
    for reading, both in zip(shown, grid, strict=True):
        for axes, (title, label, members, x) in zip(both, panels, strict=True):
            axes.set_title(f"{reading}: {title}", loc="left")
            axes.set_xlabel(label if reading == shown[-1] else "")
            axes.set_xscale("log")
            axes.set_yscale("log")
            _published(axes, members, x)
            ours = [point for point in members if point.line.variant == reading]
            for limit in sorted({point.line.measured.survival.limit for point in ours if point.line.measured.survival}):
                axes.axhline(limit, color=style.GREY, linewidth=0.6, dashes=(6, 3), zorder=0, label="limit of ours")
            _ours(axes, ours, x, looks[reading])
            ticks = sorted({x(point) for point in members})
            axes.set_xticks(ticks, [f"{tick:,.5g}" for tick in ticks])
            axes.xaxis.set_minor_locator(NullLocator())
            axes.margins(0.08, 0.2)
        style.log_axis(both[0].yaxis)
    result.supylabel("training sequences to success")
    handles, labels = _legend(grid.flat)
    result.legend(handles, labels, loc="outside upper right", ncols=len(labels))  # within, it might cover something
    return result


def _point(line: Line) -> _Point:
    task = line.row.setup(line.reading).task.model_dump()
    if task.get("kind") != "trigger":
        raise style.PlotError(f"this figure is of experiment 2c (Table 3), and {line.row.name} is not of it")
    return _Point(task["q"], task["p"], line)


def _published(axes: "Axes", points: Sequence[_Point], x: _X) -> None:
    known = sorted({(x(point), point.line.published.sequences) for point in points if point.line.published.sequences})
    if known:
        axes.plot(
            *zip(*known, strict=True), "X-", color=style.BLACK, linewidth=0.8, markersize=5.5, label="published mean"
        )


def _ours(axes: "Axes", points: Sequence[_Point], x: _X, look: style.Look) -> None:
    """The means of one reading, each with its interval and with how many trials were solved."""
    means = []
    for point in sorted(points, key=x):
        m, theirs = point.line.measured, point.line.published.sequences
        if m.survival is None:
            continue
        mean = m.survival.restricted_mean
        bound = m.n_solved < m.n
        low, high = mean.low or mean.value, mean.high or mean.value
        means.append((x(point), mean.value, bound))
        axes.plot([x(point)] * 2, [low, high], color=look.colour, linewidth=0.9)
        if bound:
            axes.annotate(
                "", (x(point), high), xytext=(0, 11), textcoords="offset points",
                arrowprops={"arrowstyle": "<-", "color": look.colour, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0},
            )  # fmt: skip
        above = not bound and mean.value >= (theirs or 0)  # on the side where neither line nor arrow is
        below = theirs if theirs and low / 4 < theirs < low else low  # not upon the published mean
        axes.annotate(
            f"{m.n_solved}/{m.n}", (x(point), high if above else below), xytext=(0, 5 if above else -5),
            textcoords="offset points", ha="center", va="bottom" if above else "top", color=look.colour,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.6},
        )  # fmt: skip
    for (x1, y1, bound1), (x2, y2, bound2) in pairwise(means):
        axes.plot([x1, x2], [y1, y2], color=look.colour, linestyle=":" if bound1 or bound2 else look.dashes)
    for at, value, bound in means:
        axes.plot(
            at, value, look.marker, color=look.colour, markersize=4.5, markerfacecolor="white" if bound else look.colour
        )


def _legend(axes: Iterable["Axes"]) -> tuple[list["Artist"], list[str]]:
    """What is drawn in any of the panels, once."""
    found: dict[str, Artist] = {}
    for panel in axes:
        handles, labels = panel.get_legend_handles_labels()
        found |= dict(zip(labels, handles, strict=True))
    return list(found.values()), list(found)
