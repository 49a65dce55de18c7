"""What sources that are always on do to memory cells: derivatives against time, states against training."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from repro.looking.courses import Course, Question
from repro.presentation.plots import courses as panels
from repro.presentation.plots import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@style.applied()
def figure(measured: tuple[Sequence[Course], Sequence[tuple[Question, Sequence[Course]]]]) -> "Figure":
    """A panel for the derivatives, and one for each question; lines are medians, bands hold the middle half.

    ``measured`` is what `repro.looking.always_on.measure` gives.
    """
    growth, answers = measured
    result = style.new(
        "Sources that are always on",
        5.4,
        [
            "Lines: medians over trials, test sequences and, in the first panel, cells; bands: the middle half. First "
            "panel: fresh nets of 2c (q = p = 200) as printed, |d s / d w| of weights to a cell. A symbol's weight "
            "gets a term where the symbol comes, a gate's at every time step.",
            "Other panels: trials that go on whatever they learn. 'Control': what changes something else and does not "
            "help, or not as much. A state of 10 has h within 1e-4 of its end, where nothing can be learnt any more.",
        ],
    )
    axes = result.subplots(2, 2).ravel()
    panels.panel(axes[0], "2c, fresh nets: |d s / d w|", growth)
    axes[0].set_xlabel("time step")
    for ax, (question, courses) in zip(axes[1:], answers, strict=True):
        panels.answer(ax, question, courses)
    for ax in axes:
        ax.set_yscale("log")
    return result
