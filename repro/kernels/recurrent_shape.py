"""The sizes of a simple recurrent net, and what its learning rule is to it."""

from typing import Any, NamedTuple

NARROW = 8  # lanes that pay: trials follow each other, and more of them would only crowd the processor's cache


class Shape(NamedTuple):
    """A net of logistic units, whose recurrent units see the inputs and all recurrent units of the time step before.

    Layered, the recurrent units are the hidden ones, and output units without recurrence see them at the same time
    step. In a full net (Williams & Zipser 1989) the outputs are the last of the recurrent units.
    """

    n_in: int
    n_out: int
    hidden: int
    full: bool = False
    direct: bool = False  # do the outputs of a layered net see the inputs too
    biased: bool = False
    symbols: bool = False  # are inputs given by their index
    goals: bool = False  # are targets
    waits: bool = False  # do changes of weights wait for the end of the sequence
    behind: bool = False  # do recurrent units run a time step behind the outputs
    start: float = 0.0  # activations of recurrent units before a sequence

    @property
    def recurrent(self) -> int:
        """Recurrent units."""
        return self.hidden + self.n_out if self.full else self.hidden

    @property
    def sources(self) -> int:
        """What a recurrent unit sees: inputs, recurrent units, and 1 for a bias."""
        return self.n_in + self.recurrent + self.biased

    @property
    def by_index(self) -> int:
        """Sources of a layered net's outputs that are given by their index."""
        return self.n_in if self.direct and self.symbols else 0

    @property
    def seen(self) -> int:
        """The other sources of its outputs: inputs, hidden units, and 1 for a bias."""
        return (self.n_in if self.direct and not self.symbols else 0) + self.hidden + self.biased

    @property
    def n_weights(self) -> int:
        """Weights, biases included."""
        to_outputs = 0 if self.full else self.n_out * (self.by_index + self.seen)
        return self.recurrent * self.sources + to_outputs


class Rule(NamedTuple):
    """A learning rule, as compiled functions of a net and one of its lanes."""

    keep: Any  # what is to be kept of the time step, whose activations are known
    learn: Any  # learn from the errors net.e at the activations of the recurrent units
    settle: Any  # a training sequence has ended
    reset: Any  # forget the sequence
