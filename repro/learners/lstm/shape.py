"""What an LSTM net and its learning rule know of each other."""

from typing import Any, NamedTuple

from repro.kernels.contract import Interface
from repro.learners.lstm.settings import Seen, Settings, Units


class Sight(NamedTuple):
    """The sources that a kind of hidden unit sees: those before ``gap``, and those from ``after`` on.

    Sources are dense inputs, input gates, output gates, cells, and 1 for a bias, in this order. What is not seen has no
    weight.
    """

    gap: int
    after: int
    to: int  # end of the sources: with that of the bias, if there is one
    learns: int  # end of those whose weights learn: without that of a bias that does not

    @property
    def ranges(self) -> tuple[slice, ...]:
        """The sources that are seen, in order."""
        return tuple(part for part in (slice(0, self.gap), slice(self.after, self.to)) if part.start < part.stop)

    @property
    def n_seen(self) -> int:
        """Their number."""
        return sum(part.stop - part.start for part in self.ranges)


class Shape(NamedTuple):
    """The sizes of a net: hidden units are input gates, output gates, cells, in this order; a bias is a unit's last."""

    blocks: int
    size: int
    dense: int  # inputs, but for those given by their index
    sources: int  # dense inputs and hidden units
    gate: Sight
    cell: Sight
    to_output: int  # cells, and the bias if there is one
    output_learns: int  # cells, and the bias if it learns
    n_out: int
    symbols: bool  # are inputs given by their index
    current_gates: bool  # do cells see the gates of the same time step
    waits: bool  # do changes of weights wait for the end of the sequence, in dw and dw_out
    late: bool  # and for the first time step of the next one
    behind: bool  # do hidden units run a time step behind the outputs
    start: float  # activations of hidden units before a sequence

    @property
    def cells(self) -> int:
        """Memory cells."""
        return self.blocks * self.size

    @property
    def hidden(self) -> int:
        """Gates and cells."""
        return 2 * self.blocks + self.cells

    def has_bias(self, unit: int) -> bool:
        """Whether a unit has one: hidden units come first, then outputs."""
        if unit >= self.hidden:
            return self.to_output > self.cells
        return (self.gate if unit < 2 * self.blocks else self.cell).to > self.sources


class Rule(NamedTuple):
    """A learning rule, as compiled functions of a net."""

    carry: Any  # (net, c, y_in, dy_in, g, dg, h, dh): what is to be kept of cell c at this time step
    keep: Any  # (net): the time step is done
    learn: Any  # (net): learn from the errors net.e_k, in lanes whose rate is not 0
    settle: Any  # (net, lane): the sequence has ended; what is known of the changes only now
    reset: Any  # (net, lane): forget the sequence


_KINDS = {  # of units
    "none": (), "gates": ("gate",), "cells": ("cell",), "outputs": ("output",), "hidden": ("gate", "cell"),
    "gates+outputs": ("gate", "output"), "cells+outputs": ("cell", "output"), "all": ("gate", "cell", "output"),
}  # fmt: skip


def _sight(sees: Seen, dense: int, gates: int, sources: int, biases: tuple[bool, bool]) -> Sight:
    """What a kind of hidden unit sees; ``biases``: does it have one, does that learn."""
    gap, after = {
        "everything": (0, 0),
        "no gates": (dense, dense + gates),
        "inputs": (dense, sources),
    }[sees]
    has, learns = biases
    return Sight(gap=gap, after=after, to=sources + has, learns=sources + (has and learns))


def shape_of(settings: Settings, interface: Interface) -> Shape:
    """The sizes that settings mean for a task."""
    cells, gates = settings.blocks * settings.size, 2 * settings.blocks
    dense = 0 if interface.input_symbols else interface.n_in
    sources = dense + gates + cells
    trained: Units = "none" if settings.train_biases is False else "all"
    if isinstance(settings.train_biases, str):
        trained = settings.train_biases
    has, learns = (
        {kind: kind in _KINDS[units] for kind in ("gate", "cell", "output")} for units in (settings.biased, trained)
    )
    late = settings.update == "late"
    return Shape(
        blocks=settings.blocks, size=settings.size, dense=dense, sources=sources,
        gate=_sight(settings.gates_see, dense, gates, sources, (has["gate"], learns["gate"])),
        cell=_sight(settings.cells_see, dense, gates, sources, (has["cell"], learns["cell"])),
        to_output=cells + has["output"],
        output_learns=cells + (has["output"] and learns["output"]),
        n_out=interface.n_out,
        symbols=interface.input_symbols,
        current_gates=settings.cells_see_gates == "current",
        waits=settings.gradient == "full" or late or (interface.every_step and settings.update == "sequence"),
        late=late,
        behind=settings.outputs_see == "previous",
        start=settings.start,
    )  # fmt: skip
