"""The forest: every value that the paper prints against ours, with interval and margin: the answer in one picture."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from repro.analysis.tables import order
from repro.analysis.verdicts import VERDICTS, Comparison, Margins, Unit, Verdict, counts, implied
from repro.experiments.config import PRINTED
from repro.presentation.plots import captions, style
from repro.presentation.table_notes import title_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PAGE = 10.0  # inches: all that the paper prints is to fit on a page, A4 or letter
_STEPS = (0.11, 0.16)  # inches from strip to strip: as far as the page allows, but not less, nor more
_GAP = 1.4  # strips, of a heading
_SIZE = 6.0  # points, of labels


class _Panel(NamedTuple):
    """An axis for the values of one unit."""

    what: str
    width: float  # relative to others
    null: float  # where there is no difference
    scale: float  # of contrasts


_PANELS: dict[Unit, _Panel] = {
    "points": _Panel("ours - published, points", 1.0, 0, 100),
    "ratio": _Panel("ours / published", 1.4, 1, 1),
    "share": _Panel("ours - published, points", 0.85, 0, 100),
}
_VALUES = {
    "success rate": "success rate", "success after": "training sequences to success", "test error": "test error",
    "wrong of 2560": "wrong test sequences", "fraction wrong": "wrong test sequences",
}  # fmt: skip


class _Mark(NamedTuple):
    """How a verdict is drawn: never by colour alone."""

    marker: str
    colour: str
    face: str


_MARKS: dict[Verdict, _Mark] = {
    "EQUIVALENT": _Mark("o", style.GREEN, style.GREEN),
    "CONSISTENT": _Mark("D", style.BLUE, "white"),
    "DIFFERS": _Mark("s", style.VERMILION, style.VERMILION),
    "NOT COMPARABLE": _Mark("x", style.GREY, style.GREY),
    "NOT RUN": _Mark("|", style.GREY, style.GREY),
}


class _Strip(NamedTuple):
    """What stands at one height: at most one value in each panel."""

    y: float
    label: str
    values: dict[Unit, Comparison]


@style.applied()
def figure(comparisons: Sequence[Comparison], margins: Margins) -> "Figure":
    """A strip for every line of the paper's tables, a panel for every unit, a heading for every table.

    A marker is ours against the published value, and tells the verdict by its shape and colour; its line is the 95 %
    interval, with an arrow where it leaves the axis. Grey bands are the ``margins`` by which the values were judged.
    Where there is nothing to compare, words at the left edge of a panel say why. ``comparisons`` are what
    `verdicts.compare` gives, in its order.

    Raises
    ------
    repro.presentation.plots.style.PlotError
        If the paper prints nothing of the rows, or none of them has records.

    """
    if not comparisons:
        raise style.PlotError("nothing to draw: the paper prints nothing of these rows")
    captions.with_records([comparison.line for comparison in comparisons])
    units = [unit for unit in _PANELS if any(comparison.unit == unit for comparison in comparisons)]
    groups: list[tuple[float, list[Comparison], list[_Strip]]] = []
    y = 0.0
    for table in sorted({comparison.line.published.table for comparison in comparisons}, key=order):
        members = [comparison for comparison in comparisons if comparison.line.published.table == table]
        strips = _strips(members, y + _GAP)
        groups.append((y, members, strips))
        y = strips[-1].y + 1
    notes = _notes(comparisons, margins)
    around = 1.4 + 0.1 * len(notes)  # axes, titles, notes
    step = min(max((_PAGE - around) / y, _STEPS[0]), _STEPS[1])
    result = style.new("Which published values hold", around + step * y, notes)
    panels = result.subplots(1, len(units), sharey=True, squeeze=False, width_ratios=[_PANELS[u].width for u in units])
    for axes, unit in zip(panels[0], units, strict=True):
        _axis(axes, unit, [comparison for comparison in comparisons if comparison.unit == unit], margins)
        for _, _, strips in groups:
            _panel(axes, unit, strips, margins)
    for y, members, _ in groups:
        _heading(panels[0, -1], y, members)
    first: Axes = panels[0, 0]
    labels = {strip.y: strip.label for _, _, strips in groups for strip in strips}
    first.set_yticks([*labels], [*labels.values()], size=_SIZE)
    first.set_ylim(max(labels) + 0.6, -0.6)
    _legend(result, comparisons)
    return result


def _strips(comparisons: Sequence[Comparison], y: float) -> list[_Strip]:
    """The values of a line at one height, from ``y`` on; where two are of one unit, the second has a strip below."""
    strips: list[_Strip] = []
    before = None
    for comparison in comparisons:
        line = comparison.line.row.name, comparison.line.published.stage, comparison.line.variant
        if line != before or comparison.unit in strips[-1].values:
            name = captions.row(comparison.line) + (
                "" if comparison.line.variant == PRINTED else f", {comparison.line.variant}"
            )
            strips.append(_Strip(y + len(strips), comparison.value if line == before else name, {}))
        strips[-1].values[comparison.unit] = comparison
        before = line
    return strips


def _margin(unit: Unit, margins: Margins) -> tuple[float, float]:
    """Between which a value is equivalent, as its panel has it."""
    if unit == "ratio":
        return 1 / margins.ratio, margins.ratio
    most = _PANELS[unit].scale * (margins.rate if unit == "points" else margins.wrong)
    return -most, most


def _axis(axes: "Axes", unit: Unit, comparisons: Sequence[Comparison], margins: Margins) -> None:
    """It has room for every value, and for its interval up to three margins away."""
    from matplotlib.ticker import LogLocator, NullFormatter

    panel, (low, high) = _PANELS[unit], _margin(unit, margins)
    contrasts = [comparison.contrast for comparison in comparisons if comparison.contrast]
    if unit == "points":
        axes.set_xlim(-106, 106)
        axes.set_xticks([-100, -50, 0, 50, 100])
    elif unit == "ratio":
        left = min([low**2, *(max(c.low, c.value * low**3) for c in contrasts)]) / 1.1
        right = max([high**2, *(min(c.high, c.value * high**3) for c in contrasts)]) * 1.1
        axes.set_xscale("log")
        axes.set_xlim(left, right)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if right < 10_000 * left else (1,)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        left = min([1.5 * low, *(panel.scale * max(c.low, c.value + 3 * low / panel.scale) for c in contrasts)])
        right = max([1.5 * high, *(panel.scale * min(c.high, c.value + 3 * high / panel.scale) for c in contrasts)])
        axes.set_xlim(left - 0.1 * high, right + 0.1 * high)
    axes.xaxis.set_major_formatter("{x:,.12g}" if unit == "ratio" else _signed)
    what = ", ".join(dict.fromkeys(_VALUES[comparison.value] for comparison in comparisons))
    axes.set_title(f"{what}:\n{panel.what}", loc="left", size=7)
    axes.tick_params(axis="x", which="both", top=True, labeltop=True, labelsize=_SIZE)
    axes.tick_params(axis="y", length=0, pad=2)
    axes.spines[["left", "top"]].set_visible(False)
    axes.set_facecolor("none")


def _signed(number: float, _: object) -> str:
    return f"{number:+g}" if number else "0"


def _panel(axes: "Axes", unit: Unit, strips: Sequence[_Strip], margins: Margins) -> None:
    """What a panel shows of a table: nothing, if the table has no value of its unit."""
    own_strips = [strip for strip in strips if unit in strip.values]
    if not own_strips:
        return
    edges = [strips[0].y - 0.5, strips[-1].y + 0.5]
    axes.fill_betweenx(edges, *_margin(unit, margins), color=style.PALE, linewidth=0, zorder=0)
    axes.plot([_PANELS[unit].null] * 2, edges, color=style.GREY, linewidth=0.6, zorder=1)
    for strip in own_strips:
        axes.axhline(strip.y, color=style.BAND, linewidth=0.4, zorder=0.5)
        comparison = strip.values[unit]
        if comparison.contrast:
            _interval(
                axes, strip.y, comparison, comparison.contrast.value, comparison.contrast.low, comparison.contrast.high
            )
        else:
            _words(axes, strip.y, comparison)


def _interval(axes: "Axes", y: float, comparison: Comparison, *contrast: float) -> None:
    from matplotlib.markers import CARETLEFTBASE, CARETRIGHTBASE

    mark, (left, right) = _MARKS[comparison.verdict], axes.get_xlim()
    value, low, high = (_PANELS[comparison.unit].scale * number for number in contrast)
    dashes = (0, (1, 0.8)) if comparison.unit == "points" and implied(comparison.line.published) else "-"
    axes.plot([max(low, left), min(high, right)], [y, y], color=mark.colour, linewidth=0.9, linestyle=dashes)
    for leaves, end, caret in ((low < left, left, CARETLEFTBASE), (high > right, right, CARETRIGHTBASE)):
        if leaves:
            axes.plot(end, y, marker=caret, color=mark.colour, markersize=4, markeredgewidth=0, clip_on=False)
    axes.plot(
        value, y, mark.marker, color=mark.colour, markerfacecolor=mark.face, markersize=3.3, markeredgewidth=0.8,
    )  # fmt: skip


def _words(axes: "Axes", y: float, comparison: Comparison) -> None:
    mark = _MARKS[comparison.verdict]
    axes.plot(0.03, y, mark.marker, color=mark.colour, markersize=2.6, markeredgewidth=0.7,
              transform=axes.get_yaxis_transform())  # fmt: skip
    axes.annotate(
        comparison.brief, (0.03, y), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points",
        va="center_baseline", size=_SIZE - 0.5, color=style.QUIET,
    )  # fmt: skip


def _heading(axes: "Axes", y: float, comparisons: Sequence[Comparison]) -> None:
    """The title of a table, and its verdicts, across all panels."""
    verdicts = ", ".join(f"{n} {verdict}" for verdict, n in counts(comparisons).items() if n)
    for x, text, ha, weight in ((0.008, title_of([comparison.line for comparison in comparisons]), "left", "bold"),
                                (0.992, verdicts, "right", "normal")):  # fmt: skip
        axes.annotate(
            text, (x, y + 0.3), xycoords=("figure fraction", "data"), ha=ha, va="center_baseline", size=_SIZE,
            weight=weight, annotation_clip=False,
        ).set_in_layout(False)  # fmt: skip


def _legend(figure: "Figure", comparisons: Sequence[Comparison]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [], [], marker=mark.marker, color=mark.colour, markerfacecolor=mark.face, markersize=4,
            linewidth=0.9 if verdict in VERDICTS[:3] else 0,
            label=f"{n} {verdict}",
        )
        for (verdict, mark), n in zip(_MARKS.items(), counts(comparisons).values(), strict=True)
    ]  # fmt: skip
    figure.legend(
        handles=handles, loc="outside upper right", ncols=len(handles), handlelength=1.8, columnspacing=1.2,
        handletextpad=0.5, fontsize=6.5,
    )  # fmt: skip


def _notes(comparisons: Sequence[Comparison], margins: Margins) -> list[str]:
    lines = [comparison.line for comparison in comparisons]
    return [
        "Line: 95 % interval, with an arrow where it leaves the axis; dotted: the paper gives the mean of so many "
        "trials and no word of failures, which implies a success rate. Grey band: the margin within which values are "
        f"equivalent, a factor of {margins.ratio:g}, {100 * margins.rate:g} points, {100 * margins.wrong:g} points.",
        "Not comparable: too few of our trials were solved, or the paper prints a bound, or it does not say how many "
        "trials its value is of (then: ours / published).",
        *captions.readings(lines),
        *(["Counts are of the printed reading."] if any(line.variant != PRINTED for line in lines) else []),
        *captions.crashes(lines),
    ]
