"""Survival curves: the share of trials that are solved, against training sequences."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from repro.analysis.stats import Estimate, success_rate
from repro.analysis.tables import Line
from repro.presentation.plots import captions, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ENTRY = 0.15  # inches of a line of a legend


@style.applied()
def figure(lines: Sequence[Line]) -> "Figure":
    """A panel for every row and stage; in it, for every reading, the share of trials solved (one minus Kaplan-Meier).

    A curve ends at the limit of sequences; a marker in its colour is where the mean of the solved trials is, which is
    what the paper prints. That published mean is a black line. Bands are Wilson's 95 % intervals. All panels share the
    axes; that of sequences is logarithmic, as rows of a table differ by orders of magnitude.

    Raises
    ------
    repro.presentation.plots.style.PlotError
        If none of the lines has records.

    """
    drawn = captions.with_records(lines)
    panels: dict[tuple[str, str], list[Line]] = {}
    for line in drawn:
        panels.setdefault((captions.row(line), str(line.published.table)), []).append(line)
    looks = style.looks([line.variant for line in drawn])
    notes = [
        "A curve ends (|) at the limit of training sequences. A marker on the axis is our mean of the solved trials, a "
        "black line the published mean; a dotted one says that none was solved by then. Bands: Wilson, 95 %.",
        *captions.notes(lines),
    ]
    title = f"Trials solved against training sequences: {captions.place(lines)}"
    entries = max(len(members) + bool(members[0].published.sequences) for members in panels.values())
    result = style.new(title, 0.85 + max(0.95, _ENTRY * entries + 0.2) * len(panels), notes)
    grid = result.subplots(len(panels), 1, sharex=True, sharey=True, squeeze=False)
    left = _start(drawn)
    for axes, ((name, _), members) in zip(grid[:, 0], panels.items(), strict=True):
        axes.set_title(name, loc="left", pad=2)
        _published(axes, members[0])
        for line in members:
            _curve(axes, line, left, looks[line.variant])
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=2.6)
    ruled(grid[-1, 0], left)
    return result


def _start(lines: Sequence[Line]) -> float:
    """Where the axis begins: before anything happens."""
    happens = [time for line in lines if line.measured.survival for time in line.measured.survival.times[:1]]
    happens += [line.published.sequences for line in lines if line.published.sequences]
    return min(happens, default=100) / 2


def _published(axes: "Axes", line: Line) -> None:
    p = line.published
    if p.sequences:
        axes.axvline(p.sequences, color=style.BLACK, dashes=(1, 1.5) if p.beyond else (), label=captions.paper(line))


def ruled(axes: "Axes", left: float) -> None:
    """Rule axes for such curves: sequences from ``left``, on a logarithmic scale, and shares in percent."""
    axes.set_xscale("log")
    axes.set_xlim(left, None)
    axes.set_ylim(-0.06, 1.06)
    axes.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    axes.set_xlabel("training sequences")
    style.log_axis(axes.xaxis)


def curve(
    axes: "Axes", times: Sequence[float], solved: Sequence[Estimate], left: float, limit: float, look: style.Look,
    **more: Any,
) -> None:  # fmt: skip
    """Draw the share of trials that are solved, from ``left`` up to the limit, in a band of its interval.

    ``solved`` is the share before any of the ``times``, and after each; ``more`` goes to the line.
    """
    shares = [*solved, solved[-1]]
    x = [left, *times, limit]
    low, high = ([share.low or 0.0 for share in shares], [share.high or 0.0 for share in shares])
    axes.fill_between(x, low, high, step="post", color=look.colour, alpha=0.15, linewidth=0)
    values = [share.value for share in shares]
    axes.plot(x, values, drawstyle="steps-post", color=look.colour, linestyle=look.dashes, **more)
    axes.plot(limit, values[-1], color=look.colour, marker="|", markersize=7)


def _curve(axes: "Axes", line: Line, left: float, look: style.Look) -> None:
    survival = line.measured.survival
    assert survival is not None  # there are records
    solved = [success_rate(0, survival.n), *survival.solved]
    marks = {"marker": look.marker, "markersize": 4, "markevery": []}
    curve(axes, survival.times, solved, left, survival.limit, look, label=captions.ours(line), **marks)
    if line.measured.sequences:
        axes.plot(line.measured.sequences.value, 0, look.marker, color=look.colour, markersize=4, clip_on=False)
