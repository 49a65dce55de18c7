"""What a net does on one sequence, time step by time step: inputs, units of each kind, outputs and targets."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from repro.looking.watching import Watched, is_one_hot
from repro.presentation.plots import style

if TYPE_CHECKING:  # Matplotlib takes half a second: only where something is drawn
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LOOKS = (  # colour, dashes, marker: told apart without colour too
    (style.BLUE, "-", "."), (style.VERMILION, (0, (4, 1.5)), "s"), (style.GREEN, (0, (1, 1)), "^"),
    (style.PURPLE, (0, (5, 1.5, 1, 1.5)), "D"), (style.ORANGE, (0, (8, 2)), "v"),
    (style.BLACK, (0, (2, 1, 1, 1, 1, 1)), "x"),
)  # fmt: skip
_MOST_NAMES = 16  # on an axis


@style.applied()
def watch(watched: Watched, title: str) -> "Figure":
    """A panel for the inputs, one for each kind of unit, and one for the outputs with their targets.

    Six units or fewer are lines, more are a heat map; inputs are marks.
    """
    units = {kind: values for kind, values in watched.units.items() if values.shape[1]}
    panels: list[tuple[str, np.ndarray, Sequence[str]]] = [
        ("input", watched.inputs, watched.input_names),
        *((kind, values, [str(k + 1) for k in range(values.shape[1])]) for kind, values in units.items()),
        ("output", watched.outputs, watched.output_names),
    ]
    heights = [0.4 + 0.1 * min(_MOST_NAMES, max(6, len(names))) for _, _, names in panels]
    height = 0.65 + 0.15 * len(title.splitlines()) + sum(heights)
    figure = style.new(title, height, ["Circles are targets."])
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for ax, (kind, values, names) in zip(axes, panels, strict=True):
        if is_one_hot(values) and kind == "input":
            ax.scatter(_steps(values), values.argmax(axis=1) + 1, marker="s", s=5, color=style.BLACK, linewidths=0)
            _rows(ax, names)
        elif len(names) <= len(_LOOKS):
            _lines(ax, values, names, marks=kind == "input")
        else:
            _heat(figure, ax, values, names)
        if kind.endswith("gate"):
            ax.set_ylim(-0.05, 1.05)
        ax.set_ylabel(kind.replace(" ", "\n"))
    _targets(axes[-1], watched.targets)
    axes[-1].set_xlabel("time step")
    axes[-1].set_xlim(0.5, len(watched.inputs) + 0.5)
    axes[-1].xaxis.get_major_locator().set_params(integer=True)
    figure.align_ylabels(axes)
    return figure


def _steps(values: np.ndarray) -> np.ndarray:
    return np.arange(1, len(values) + 1)


def _lines(ax: "Axes", values: np.ndarray, names: Sequence[str], marks: bool) -> None:
    for name, column, (colour, dashes, marker) in zip(names, values.T, _LOOKS, strict=False):
        look: Any = {"linestyle": dashes}
        if marks:
            look = {"linestyle": "", "marker": marker, "markersize": 3, "fillstyle": "none", "markeredgewidth": 0.7}
        ax.plot(_steps(values), column, color=colour, label=name, **look)
    if len(names) > 1:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.06), handlelength=3)


def _heat(figure: "Figure", ax: "Axes", values: np.ndarray, names: Sequence[str]) -> None:
    extent = (0.5, len(values) + 0.5, len(names) + 0.5, 0.5)
    low, high = (0, 1) if values.min() >= 0 and values.max() <= 1 else (None, None)
    image: Any = ax.imshow(
        values.T, aspect="auto", cmap="Greys", interpolation="nearest", extent=extent, vmin=low, vmax=high
    )
    figure.colorbar(image, ax=ax, pad=0.01, aspect=10)
    _rows(ax, names)


def _rows(ax: "Axes", names: Sequence[str]) -> None:
    """A row for each of the names, the first on top."""
    ax.set_ylim(len(names) + 0.5, 0.5)
    if len(names) <= _MOST_NAMES:
        ax.set_yticks(range(1, len(names) + 1), names)


def _targets(ax: "Axes", targets: np.ndarray) -> None:
    """Circles: on the scale of the lines, or in a heat map around what should be active."""
    look: Any = {"marker": "o", "facecolors": "none", "clip_on": False, "zorder": 3}
    if targets.shape[1] <= len(_LOOKS):
        for column, (colour, _, _) in zip(targets.T, _LOOKS, strict=False):
            ax.scatter(_steps(targets), column, s=22, linewidths=1.1, edgecolors=colour, **look)
    else:
        t, k = np.nonzero(np.nan_to_num(targets) > 0.5)
        size, width = (16, 1.1) if targets.shape[1] <= _MOST_NAMES else (5, 0.6)
        ax.scatter(t + 1, k + 1, s=size, linewidths=width, edgecolors=style.VERMILION, **look)
