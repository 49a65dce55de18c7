"""Learning curves: the error of single trials against training sequences, from their traces."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite, nan
from typing import TYPE_CHECKING

from repro.analysis.tables import Line
from repro.experiments.config import PRINTED
from repro.presentation.plots import captions, style
from repro.records.trial import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS = ("o", "D", "s", "^", "v", "P")  # of the stages of a stop rule
_COLOURS = (style.BLUE, style.VERMILION, style.GREEN, style.PURPLE, style.ORANGE, style.SKY, style.BLACK)
_MOST_NAMES = 10  # trials of a panel that are numbered; more would cover each other's numbers


@style.applied()
def figure(lines: Sequence[Line]) -> "Figure":
    """A panel for every row and reading, with a curve for each of its records that has a trace; axes logarithmic.

    A point of a trace is the mean error of the training sequences since the point before, and is drawn as a step over
    them; there is a gap where the error is not finite, or 0. Marks are where a trial passed a stage of the stop rule.

    Raises
    ------
    repro.presentation.plots.style.PlotError
        If no record has a trace.

    """
    chosen: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        chosen.setdefault((line.row.name, line.variant), []).append(line)
    records = {key: _records(members) for key, members in chosen.items()}
    drawn = {key: traced for key, all_of_it in records.items() if (traced := [r for r in all_of_it if r.trace])}
    if not drawn:
        what, run = captions.some_rows(lines)
        raise style.PlotError(
            f"no stored trial of {what} has a learning trace; `{run} --trace` runs its trials again, to the same bits, "
            "and keeps one of each"
        )
    named = any(len(traced) <= _MOST_NAMES for traced in drawn.values())
    notes = [
        "A step is the mean |error| of the training sequences that it spans"
        + ("; a number at the end of a curve is that of the trial" if named else "")
        + ". Marks: stages of the stop rule passed. Dashed: trials that did not pass the last.",
        *_missing(records),
        *captions.crashes(lines),
    ]
    result = style.new("Learning curves", 1.0 + 1.5 * len(drawn), notes)
    grid = result.subplots(len(drawn), 1, sharex=True, squeeze=False)
    left = min(record.trace[0][0] for traced in drawn.values() for record in traced if record.trace) / 2
    for axes, ((name, reading), traced) in zip(grid[:, 0], drawn.items(), strict=True):
        axes.set_title(name if reading == PRINTED else f"{name}, {reading}", loc="left", pad=2)
        axes.set_xscale("log")
        axes.set_yscale("log")
        style.log_axis(axes.yaxis)
        axes.set_ylabel("mean |error|")
        stages = [stage.name for stage in chosen[name, reading][0].row.setup(reading).stop.stages]
        marks = dict(zip(stages, _MARKERS, strict=False))
        for k, record in enumerate(traced):
            _curve(axes, record, left, marks, _COLOURS[k % len(_COLOURS)], numbered=len(traced) <= _MOST_NAMES)
        for stage, marker in marks.items():
            axes.plot([], [], marker, color=style.BLACK, markerfacecolor="white", markersize=4, label=stage)
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), title="stage passed", alignment="left")
    grid[-1, 0].set_xlim(left, None)
    grid[-1, 0].set_xlabel("training sequences")
    style.log_axis(grid[-1, 0].xaxis)
    return result


def _records(lines: Iterable[Line]) -> list[Record]:
    """Those of lines of one row and reading, such as those of its stages; each once."""
    found = {record.trial: record for line in lines for record in line.records}
    return [found[trial] for trial in sorted(found)]


def _curve(axes: "Axes", record: Record, left: float, marks: dict[str, str], colour: str, *, numbered: bool) -> None:
    trace = record.trace or ()
    ends = [end for end, _ in trace]
    errors = [error or nan for _, error in trace]
    passed = {stage.name: stage.sequences for stage in record.stages}
    dashes = "-" if [*marks][-1] in passed else (0, (4, 1.5))
    axes.plot([left, *ends], [errors[0], *errors], drawstyle="steps-pre", color=colour, linestyle=dashes, linewidth=0.9)
    for stage, sequences in passed.items():
        error = next(error for end, error in zip(ends, errors, strict=True) if end >= sequences)
        axes.plot(sequences, error, marks[stage], color=colour, markerfacecolor="white", markersize=4, zorder=3)
    finite = [point for point in zip(ends, errors, strict=True) if isfinite(point[1])]
    if numbered and finite:
        axes.annotate(
            str(record.trial), finite[-1], xytext=(3, 0), textcoords="offset points", va="center", color=colour,
            size=6,
        )  # fmt: skip


def _missing(records: Mapping[tuple[str, str], Sequence[Record]]) -> list[str]:
    """Which trials have no trace."""
    without = [
        f"{name}, {reading} ({f'{n} of {len(mine)} trials' if mine else 'not run'})"
        for (name, reading), mine in records.items()
        if (n := sum(not record.trace for record in mine)) or not mine
    ]
    return [f"Without trace: {'; '.join(without)}."] if without else []
