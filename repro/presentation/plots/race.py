"""The shares of two contestants' trials solved against training sequences."""

from typing import TYPE_CHECKING

from repro.analysis.race import Result, words_of
from repro.analysis.stats import success_rate
from repro.presentation.plots import style, survival

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure(result: Result) -> "Figure":
    """One panel with a curve for each contestant up to their common limit, in bands of Wilson's 95 % intervals."""
    sides = (result.first, result.second)
    title = f"{result.first.name} against {result.second.name}"
    notes = [*words_of(result), "Bands: Wilson, 95 %. A curve ends (|) at the limit of training sequences."]
    drawn = style.new(title, 2.6, notes)
    axes = drawn.subplots()
    looks = style.looks([side.name for side in sides])
    times = [time for side in sides for time in side.successes]
    left = min([*times, result.limit]) / 2
    for side in sides:
        ends = sorted(side.successes)
        solved = [success_rate(k, side.n) for k in range(len(ends) + 1)]
        label = f"{side.name}: {side.n_solved} of {side.n}"
        survival.curve(axes, ends, solved, left, result.limit, looks[side.name], label=label)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), handlelength=2.6)
    axes.set_ylabel("trials solved")
    survival.ruled(axes, left)
    return drawn
