"""Success rates: the share of trials that are solved, published and ours."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from repro.analysis.stats import Estimate, success_rate
from repro.analysis.tables import Line
from repro.analysis.verdicts import implied
from repro.presentation.plots import captions, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEIGHT = 0.36  # of a bar; a line has two
_PRINTED = {"facecolor": "white", "edgecolor": style.BLACK, "hatch": "////"}
_IMPLIED = {"facecolor": "white", "edgecolor": style.BLACK, "hatch": "....", "linestyle": (0, (4, 2))}


@style.applied()
def figure(lines: Sequence[Line]) -> "Figure":
    """Two bars for each line, with Wilson's 95 % intervals: above, hatched, the published rate; below, filled, ours.

    The published rate has an interval where the paper says how many trials it is of. Where the paper gives the mean of
    so many trials and no word of failures, the bar is that of all of them, dotted, with a dashed edge, and named
    implied, as `compare` takes it; there is none where the paper prints no number. Rows that were not run say so.

    Raises
    ------
    repro.presentation.plots.style.PlotError
        If none of the lines has records.

    """
    looks = style.looks([line.variant for line in captions.with_records(lines)])
    notes = [
        "Hatched: published; filled: ours. Whiskers: Wilson, 95 %; none where the paper does not say how many trials "
        "its rate is of.",
        *captions.notes(lines),
    ]
    if any(implied(line.published) for line in lines):
        why = "the paper gives the mean of so many trials and no word of failures"
        notes.insert(1, f"Dotted, dashed edge: implied, as {why}.")
    result = style.new(f"Success rates: {captions.place(lines)}", 1.0 + 0.28 * len(lines), notes)
    axes = result.add_subplot()
    for y, line in enumerate(lines):
        _bar(axes, y - _HEIGHT / 2, published_rate(line), _IMPLIED if implied(line.published) else _PRINTED)
        _bar(axes, y + _HEIGHT / 2, line.measured.rate, {"color": looks[line.variant].colour} if line.records else {})
        _numbers(axes, y, line)
    captions.name_strips(axes, lines)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.set_xlabel("trials solved")
    return result


def published_rate(line: Line) -> Estimate | None:
    """The rate that the paper prints or implies, with an interval if it says how many trials it is of."""
    p = line.published
    if p.trials and p.solved is not None and (p.success is not None or implied(p)):
        return success_rate(p.solved, p.trials)
    return Estimate(p.success / 100, None, None) if isinstance(p.success, float) else None


def _bar(axes: "Axes", y: float, rate: Estimate | None, look: dict[str, Any]) -> None:
    if rate is None:
        return
    axes.barh(y, rate.value, _HEIGHT, linewidth=0.6, **look)
    ends = None if rate.low is None or rate.high is None else [[rate.value - rate.low], [rate.high - rate.value]]
    axes.errorbar(
        rate.value, y, xerr=ends, color=style.BLACK, elinewidth=0.8, capsize=2, marker="o", markersize=3,  # for 0 %
        markerfacecolor="white" if "hatch" in look else style.BLACK, markeredgewidth=0.7, clip_on=False,
    )  # fmt: skip


def _numbers(axes: "Axes", y: float, line: Line) -> None:
    m, p = line.measured, line.published
    said = (
        f"paper: all of {p.trials}, implied" if implied(p) else f"paper: {captions.paper_success(line) or '-'}",
        f"ours: {m.n_solved} of {m.n} trials" if m.n else "ours: not run",
    )
    for text, offset in zip(said, (-_HEIGHT / 2, _HEIGHT / 2), strict=True):
        place = (1.03, y + offset)
        axes.annotate(
            text, place, xycoords=("axes fraction", "data"), va="center_baseline", size=6.5, annotation_clip=False
        )
