"""Courses in a panel: lines are medians, bands hold the middle half."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from repro.looking.courses import Course, Question
from repro.presentation.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOOKS: tuple[tuple[str, Any], ...] = (
    (style.VERMILION, "-"),
    (style.ORANGE, (0, (4, 1.5))),
    (style.BLUE, (0, (1, 1))),
    (style.GREEN, (0, (5, 1.5, 1, 1.5))),
)


def panel(ax: "Axes", title: str, courses: Sequence[Course]) -> None:
    """Draw some courses, at most as many as there are looks."""
    for one, (colour, dashes) in zip(courses, LOOKS, strict=False):
        low, middle, high = one.value.T
        ax.plot(one.x, middle, color=colour, linestyle=dashes, label=one.label)
        ax.fill_between(one.x, low, high, color=colour, alpha=0.15, linewidth=0)
    ax.set_title(title, loc="left")
    ax.legend(loc="best")


def answer(ax: "Axes", question: Question, courses: Sequence[Course]) -> None:
    """Draw what a question's nets do with training."""
    panel(ax, f"{question.title}: {question.what}", courses)
    ax.set_xscale("symlog", linthresh=min(n for n in question.sequences if n))
    ax.set_xlim(0, max(question.sequences))
    ax.set_xlabel("training sequences")
