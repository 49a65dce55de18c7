"""What sources that are always on do to memory cells: derivatives against time, states against training."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from repro.always_on import Course, Question
from repro.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LOOKS = ((style.VERMILION, "-"), (style.ORANGE, (0, (4, 1.5))), (style.BLUE, (0, (1, 1))))


@style.applied()
def figure(growth: Sequence[Course], answers: Sequence[tuple[Question, Sequence[Course]]]) -> "Figure":
    """A panel for the derivatives, and one for each question; lines are medians, bands go from least to largest.

    Arguments are what `repro.always_on.measure` gives.
    """
    result = style.new(
        "Sources that are always on",
        5.4,
        [
            "Lines: medians over trials, test sequences and, in the first panel, cells; bands: least to largest. First "
            "panel: fresh nets of 2c (q = p = 200) as printed, |d s / d w| of weights to a cell. A symbol's weight "
            "gets a term where the symbol comes, a gate's at every time step.",
            "Other panels: trials that go on whatever they learn. 'Control': what changes something else and does not "
            "help, or not as much. A state of 10 has h within 1e-4 of its end, where nothing can be learnt any more.",
        ],
    )
    axes = result.subplots(2, 2).ravel()
    for one, look in zip(growth, _LOOKS, strict=True):
        _draw(axes[0], one, look)
    axes[0].set_title("2c, fresh nets: |d s / d w|", loc="left")
    axes[0].set_xlabel("time step")
    axes[0].set_yscale("log")
    for ax, (question, courses) in zip(axes[1:], answers, strict=True):
        for one, look in zip(courses, _LOOKS, strict=True):
            _draw(ax, one, look)
        ax.set_title(f"{question.title}: {question.what}", loc="left")
        ax.set_xscale("symlog", linthresh=min(n for n in question.sequences if n))
        ax.set_xlim(0, max(question.sequences))
        ax.set_yscale("log")
        ax.set_xlabel("training sequences")
    for ax in axes:
        ax.legend(loc="best")
    return result


def _draw(ax: "Axes", one: Course, look: tuple[str, Any]) -> None:
    colour, dashes = look
    low, middle, high = one.value.T
    ax.plot(one.x, middle, color=colour, linestyle=dashes, label=one.label)
    ax.fill_between(one.x, low, high, color=colour, alpha=0.15, linewidth=0)
