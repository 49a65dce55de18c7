"""Success rates: the share of trials that are solved, published and ours."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from repro.contrasts import count_of
from repro.plots import captions, style
from repro.stats import Estimate, success_rate
from repro.tables import Line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEIGHT = 0.36  # of a bar; a line has two
_HATCHED = {"facecolor": "white", "edgecolor": style.BLACK, "hatch": "////"}


@style.applied()
def figure(lines: Sequence[Line]) -> "Figure":
    """Two bars for each line, with Wilson's 95 % intervals: above, hatched, the published rate; below, filled, ours.

    The published rate has an interval where the paper says how many trials it is of; no bar is drawn where it prints no
    number. Rows that were not run say so.

    Raises
    ------
    repro.plots.style.PlotError
        If none of the lines has records.

    """
    looks = style.looks([line.reading for line in captions.with_records(lines)])
    notes = [
        "Hatched: published; filled: ours. Whiskers: Wilson, 95 %; none where the paper does not say how many trials "
        "its rate is of.",
        *captions.notes(lines),
    ]
    result = style.new(f"Success rates: {captions.place(lines)}", 1.0 + 0.28 * len(lines), notes)
    axes = result.add_subplot()
    for y, line in enumerate(lines):
        _bar(axes, y - _HEIGHT / 2, published_rate(line), _HATCHED)
        _bar(axes, y + _HEIGHT / 2, line.measured.rate, {"color": looks[line.reading].colour} if line.records else {})
        _numbers(axes, y, line)
    captions.name_strips(axes, lines)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.set_xlabel("trials solved")
    return result


def published_rate(line: Line) -> Estimate | None:
    """The rate that the paper prints, with an interval if it says how many trials it is of."""
    success, trials = line.published.success, line.published.trials
    if not isinstance(success, int | float):
        return None
    return success_rate(count_of(success, trials), trials) if trials else Estimate(success / 100, None, None)


def _bar(axes: "Axes", y: float, rate: Estimate | None, look: dict[str, Any]) -> None:
    if rate is None:
        return
    axes.barh(y, rate.value, _HEIGHT, linewidth=0.6, **look)
    ends = None if rate.low is None or rate.high is None else [[rate.value - rate.low], [rate.high - rate.value]]
    axes.errorbar(
        rate.value, y, xerr=ends, color=style.BLACK, elinewidth=0.8, capsize=2, marker="o", markersize=3,  # for 0 %
        markerfacecolor="white" if look is _HATCHED else style.BLACK, markeredgewidth=0.7, clip_on=False,
    )  # fmt: skip


def _numbers(axes: "Axes", y: float, line: Line) -> None:
    m = line.measured
    said = (
        f"paper: {captions.paper_success(line) or '-'}",
        f"ours: {m.n_solved} of {m.n} trials" if m.n else "ours: not run",
    )
    for text, offset in zip(said, (-_HEIGHT / 2, _HEIGHT / 2), strict=True):
        place = (1.03, y + offset)
        axes.annotate(
            text, place, xycoords=("axes fraction", "data"), va="center_baseline", size=6.5, annotation_clip=False
        )
