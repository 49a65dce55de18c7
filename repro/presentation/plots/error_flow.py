"""How errors are scaled on their way back through time, in conventional nets and in memory cells (section 3)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from repro.looking.error_flow import Flow
from repro.presentation.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LEAST = 1e-45  # about the smallest number of single precision, in which the nets learn
_NEAR = (1e-2, 1e2)  # what the right panel shows
_LONGEST = 100  # time steps back
_COLOURS = (style.VERMILION, style.BLUE, style.PURPLE, style.ORANGE)  # of conventional nets
_LSTM = {"carousel": style.BLACK, "whole": style.GREEN}
_NOTES = (
    "Lines: the most by which an error can be scaled, however it is spread over units (largest singular value), median "
    "over trials and all time steps of test sequences; bands: least to largest. Solid: trained; dashed: fresh, with "
    "weights as they were drawn. The left axis ends where single precision does.",
    "LSTM: errors at internal states. The whole gradient includes what the rule of 1997 drops: errors that leave "
    "memory cells by gates and cell inputs.",
)


@style.applied()
def figure(flows: Sequence[Flow]) -> "Figure":
    """Factors against q, logarithmic: on the left those of all flows, on the right what of them is near 1.

    ``flows`` are what `repro.looking.error_flow.measure` gives.
    """
    nets = [flow for flow in flows if flow.kind == "conventional"]
    title = "Error flow: how errors are scaled on their way back through time"
    result = style.new(title, 4.0, (*_NOTES, _links(nets)))
    left, right = result.subplots(1, 2, width_ratios=(1.4, 1))
    colours = dict(zip(dict.fromkeys(flow.label for flow in nets), _COLOURS, strict=False))
    for flow in flows:
        for axes in (left, right):
            _draw(axes, flow, _LSTM.get(flow.kind) or colours[flow.label])
        if flow.kind == "conventional":
            _name_net(left, right, flow, colours[flow.label])
        elif flow.kind == "whole":
            _name(right, flow, 0.95, f"whole gradient, {_state(flow)}", _LSTM["whole"], (0, 3), "right", "bottom")
    _name_carousel(left, right, [flow for flow in flows if flow.kind == "carousel"])
    for axes in (left, right):
        axes.set_yscale("log")
        axes.set_xlim(0, _LONGEST)
        axes.set_xlabel("q, time steps back")
    left.set_ylim(_LEAST, 1e9)
    left.set_ylabel("factor by which an error is scaled")
    left.set_title("All nets", loc="left")
    right.set_ylim(*_NEAR)
    right.set_title("The same near 1", loc="left")
    return result


def _links(nets: Sequence[Flow]) -> str:
    """Where the condition of section 3.1 is met: a sentence."""
    grow = [
        f"{100 * (1 - flow.shrinking):.1f} % ({flow.label}, {_state(flow)})"
        for flow in nets
        if flow.shrinking is not None and flow.shrinking < 1
    ]
    rule = (
        "A step from unit u to v of a conventional net scales an error by f'(net_v) w_uv, below 1 wherever |w_uv| < 4"
    )
    return f"{rule} (section 3.1); here in all steps{' but ' if grow else ''}{' and '.join(grow)}."


def _state(flow: Flow) -> str:
    return "trained" if flow.trained else "fresh"


def _title(flow: Flow) -> str:
    return f"{flow.label},\n{flow.outcomes.count('solved')} of {len(flow.outcomes)} solved"


def _draw(axes: "Axes", flow: Flow, colour: str) -> None:
    """The median as a line, the range as a band."""
    least, median, largest = flow.factor.T
    axes.fill_between(flow.q, least, largest, color=colour, alpha=0.2, linewidth=0)
    axes.plot(flow.q, median, color=colour, linestyle="-" if flow.trained else (0, (4, 1.6)))


def _name_net(left: "Axes", right: "Axes", flow: Flow, colour: str) -> None:
    """Trained: to the upper right of the curve's middle, and where it ends near 1; fresh: to the right of its end."""
    weights = f"|w| ≤ {flow.largest_weight:.2g}"
    if not flow.trained:
        falls_out = flow.factor[-1, 1] < _LEAST
        _name(left, flow, 1, f"fresh:\n{weights}", colour, (3, 0), "left", "bottom" if falls_out else "top")
        return
    _name(left, flow, 0.5, f"{_title(flow)}: {weights}", colour, (4, 4), "left", "bottom")
    if flow.factor[-1, 1] > _NEAR[0]:
        _name(right, flow, 1, f"{flow.label},\ntrained", colour, (3, 0), "left", "center")


def _name_carousel(left: "Axes", right: "Axes", flows: Sequence[Flow]) -> None:
    values = np.concatenate([flow.factor.ravel() for flow in flows])
    span = "exactly 1" if np.all(values == 1) else f"{values.min():.3g} to {values.max():.3g}"
    for axes, text, up in ((left, _title(flows[-1]), 6), (right, f"constant error carousel: {span}", -4)):
        _name(axes, flows[0], 0.95, text, _LSTM["carousel"], (0, up), "right", "bottom" if up > 0 else "top")


def _name(axes: "Axes", flow: Flow, at: float, text: str, colour: str, shift: tuple[int, int], *align: str) -> None:
    """A label beside a point of the median, ``at`` so much of what is seen of it, shifted by so many points."""
    median = flow.factor[:, 1]
    last = np.count_nonzero((median > _LEAST) & (flow.q <= _LONGEST)) - 1
    point = int(at * last)
    ha, va = align
    place = (flow.q[point], median[point])
    axes.annotate(text, place, shift, textcoords="offset points", color=colour, ha=ha, va=va)
