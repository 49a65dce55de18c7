"""The sizes of a simple recurrent net, and what its learning rule is to it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from repro.kernels.contract import Interface

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


class Functions(NamedTuple):
    """What a module of learners/ has to offer beside its settings and its rule, for a learner with such a net."""

    n_weights: Callable[[Any, Interface], int]  # (settings, interface): weights, biases included
    allocate: Callable[[Any, Interface, int], Any]  # (settings, interface, width): a `kernels.recurrent.Net`
    weights: Callable[[Any, Any, Interface, int], list[np.ndarray]]  # (settings, net, interface, lane): views, by unit
    initialise: Callable[[Any, Any, Interface, int, Any], None]  # (settings, net, interface, lane, uniform): draw them


def functions(
    shape_of: Callable[[Any, Interface], Shape], room: Callable[[Any, Interface], dict[str, Any]]
) -> Functions:
    """Those functions for nets of a shape, with ``room`` for what `kernels.recurrent.allocate` calls so.

    They import Numba when they are called: what needs no compiler is to be had without it.
    """

    def n_weights(settings: Any, interface: Interface) -> int:
        return shape_of(settings, interface).n_weights

    def allocate(settings: Any, interface: Interface, width: int) -> Any:
        from repro.kernels import recurrent

        shape = shape_of(settings, interface)
        return recurrent.allocate(shape, width, settings.precision, **room(settings, interface))

    def weights(settings: Any, net: Any, interface: Interface, lane: int) -> list[np.ndarray]:
        from repro.kernels import recurrent

        return recurrent.weights(shape_of(settings, interface), net, lane)

    def initialise(settings: Any, net: Any, interface: Interface, lane: int, uniform: Any) -> None:
        from repro.kernels import recurrent

        recurrent.draw(weights(settings, net, interface, lane), settings.init, uniform)

    return Functions(n_weights, allocate, weights, initialise)


class Rule(NamedTuple):
    """A learning rule, as compiled functions of a net and one of its lanes."""

    keep: Any  # what is to be kept of the time step, whose activations are known
    learn: Any  # learn from the errors net.e at the activations of the recurrent units
    settle: Any  # a training sequence has ended
    reset: Any  # forget the sequence
