"""What the curve of output units does to learning: errors and f' against training, errors against targets."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from repro.looking.courses import Course, Question
from repro.looking.output_curve import BOUNDS, LEARNT
from repro.presentation.plots import courses as panels
from repro.presentation.plots import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@style.applied()
def figure(measured: tuple[Sequence[tuple[Question, Sequence[Course]]], Sequence[Course]]) -> "Figure":
    """A panel for each question, and one for errors by target; lines are medians, bands hold the middle half.

    ``measured`` is what `repro.looking.output_curve.measure` gives.
    """
    answers, by_target = measured
    result = style.new(
        "The curve of the output units",
        5.6,
        [
            "Lines: medians over trials and test sequences; bands: the middle half. f' is y (1 - y), with which the "
            "printed output error is multiplied. 'Control': one of two things changed that help together.",
            f"Last panel: after {LEARNT:,} training sequences, the mean |error| of test sequences whose target lies "
            f"between {', '.join(f'{bound:g}' for bound in BOUNDS)}; over trials.",
        ],
    )
    axes = result.subplots(2, 2).ravel()
    for ax, (question, courses) in zip(axes[:-1], answers, strict=True):
        panels.answer(ax, question, courses)
    panels.panel(axes[-1], "4, T = 100: mean |error|", by_target)
    axes[-1].set_xlabel("target")
    axes[-1].set_yscale("log")
    return result
