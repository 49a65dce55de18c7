"""Strips: every trial as a dot, beside the published value."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from repro.analysis.tables import Line
from repro.presentation.plots import captions, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_GOLDEN = 0.6180339887498949  # multiples of it, modulo 1, are never close to each other's neighbours
_STACK = 3  # failures that stand above each other


@style.applied()
def figure(lines: Sequence[Line]) -> "Figure":
    """A strip for every row, stage and reading; the axis of training sequences is logarithmic.

    Filled dots are the trials that were solved, spread vertically by their number; below them is their mean with its
    95 % interval. Hollow marks at the right are the trials that were not: rings reached the limit, crosses diverged.
    The black bar is the published mean; an arrow at it says that there was no success by then. Rows that were not run
    have the bar alone.

    Raises
    ------
    repro.presentation.plots.style.PlotError
        If none of the lines has records.

    """
    drawn = captions.with_records(lines)
    looks = style.looks([line.variant for line in drawn])
    notes = [
        "Dots: trials solved; hollow mark below them: their mean, with its 95 % interval (BCa). Black bar: published "
        "mean; with an arrow: none solved by then. Right: trials not solved by the limit (rings), or diverged "
        "(crosses).",
        *captions.notes(lines),
    ]
    title = f"Every trial, and the published mean: {captions.place(lines)}"
    result = style.new(title, 1.0 + 0.3 * len(lines), notes)
    times, failures = result.subplots(1, 2, sharey=True, width_ratios=[5, 1])
    for y, line in enumerate(lines):
        _strip(times, y, line, looks)
        _failures(failures, y, line, looks)
    for axes in (times, failures):
        captions.name_strips(axes, lines)
    times.set_xscale("log")
    times.set_xlabel("training sequences to success")
    style.log_axis(times.xaxis)
    failures.set_xlabel("not solved")
    failures.set_xticks([])
    failures.set_xlim(-0.7, max(max(line.measured.n - line.measured.n_solved for line in lines) / _STACK, 6))
    return result


def _strip(axes: "Axes", y: int, line: Line, looks: dict[str, style.Look]) -> None:
    from matplotlib.markers import CARETRIGHTBASE

    p, m = line.published, line.measured
    if p.sequences:
        axes.plot([p.sequences] * 2, [y - 0.42, y + 0.42], color=style.BLACK, linewidth=1.6, zorder=3)
        if p.beyond:
            axes.plot(p.sequences, y, marker=CARETRIGHTBASE, color=style.BLACK, markersize=6)
    if not line.records:
        return
    look = looks[line.variant]
    ends = [(s.sequences, record.trial) for record in line.records for s in record.stages if s.name == p.stage]
    jitter = [y - 0.34 + 0.4 * (trial * _GOLDEN % 1) for _, trial in ends]
    axes.plot(
        [end for end, _ in ends], jitter, look.marker, color=look.colour, markersize=3, alpha=0.7, markeredgewidth=0
    )
    if m.sequences:
        e = m.sequences
        if e.low is not None and e.high is not None:
            axes.plot([e.low, e.high], [y + 0.25] * 2, color=look.colour, linewidth=1)
        axes.plot(e.value, y + 0.25, look.marker, color="white", markeredgecolor=look.colour, markersize=4.5)


def _failures(axes: "Axes", y: int, line: Line, looks: dict[str, style.Look]) -> None:
    if not line.records:
        axes.annotate("not run", (0, y), va="center")
        return
    failed = [record for record in line.records if all(s.name != line.published.stage for s in record.stages)]
    failed.sort(key=lambda record: record.outcome)
    for k, record in enumerate(failed):
        place = k // _STACK, y - 0.26 + 0.26 * (k % _STACK)
        ring = record.outcome in ("limit", "solved")
        axes.plot(*place, "o" if ring else "x", color=looks[line.variant].colour, markerfacecolor="none", markersize=3)
    count = f"{len(failed)} of {line.measured.n}"
    axes.annotate(count, (1.03, y), xycoords=("axes fraction", "data"), va="center", annotation_clip=False)
