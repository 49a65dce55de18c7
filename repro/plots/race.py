"""The shares of two contestants' trials solved against training sequences."""

from typing import TYPE_CHECKING

from repro.plots import style
from repro.race import Result, Side, words_of
from repro.stats import success_rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def figure(result: Result) -> "Figure":
    """One panel with a curve for each contestant up to their common limit, in bands of Wilson's 95 % intervals."""
    sides = (result.first, result.second)
    title = f"{result.second.name} against {result.first.name}"
    notes = [*words_of(result), "Bands: Wilson, 95 %. A curve ends (|) at the limit of training sequences."]
    drawn = style.new(title, 2.6, notes)
    axes = drawn.subplots()
    looks = style.looks([side.name for side in sides])
    times = [time for side in sides for time in side.successes]
    left = min([*times, result.limit]) / 2
    for side in sides:
        _curve(axes, side, left, result.limit, looks[side.name])
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), handlelength=2.6)
    axes.set_xscale("log")
    axes.set_xlim(left, None)
    axes.set_ylim(-0.06, 1.06)
    axes.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    axes.set_ylabel("trials solved")
    axes.set_xlabel("training sequences")
    style.log_axis(axes.xaxis)
    return drawn


def _curve(axes: "Axes", side: Side, left: float, limit: int, look: style.Look) -> None:
    ends = sorted(side.successes)
    shares = [success_rate(k, side.n) for k in range(len(ends) + 1)]
    x, shares = [left, *ends, limit], [*shares, shares[-1]]
    low, high = ([share.low or 0.0 for share in shares], [share.high or 0.0 for share in shares])
    axes.fill_between(x, low, high, step="post", color=look.colour, alpha=0.15, linewidth=0)
    axes.plot(
        x, [share.value for share in shares], drawstyle="steps-post", color=look.colour, linestyle=look.dashes,
        label=f"{side.name}: {side.n_solved} of {side.n}",
    )  # fmt: skip
    axes.plot(limit, shares[-1].value, color=look.colour, marker="|", markersize=7)
