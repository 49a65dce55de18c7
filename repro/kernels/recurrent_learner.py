"""What RTRL, BPTT and Elman nets offer alike as modules of learners/, beside their settings and their rules.

Numba is imported when these functions are called: what needs no compiler is to be had without it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from repro.kernels.contract import Interface
from repro.kernels.recurrent_shape import Shape


class Functions(NamedTuple):
    """What every module of learners/ has to offer, for a learner with such a net."""

    n_weights: Callable[[Any, Interface], int]  # (settings, interface): weights, biases included
    allocate: Callable[[Any, Interface, int], Any]  # (settings, interface, width): a `kernels.recurrent.Net`
    weights: Callable[[Any, Any, Interface, int], list[np.ndarray]]  # (settings, net, interface, lane): views, by unit
    initialise: Callable[[Any, Any, Interface, int, Any], None]  # (settings, net, interface, lane, uniform): draw them


def functions(
    shape_of: Callable[[Any, Interface], Shape], room: Callable[[Any, Interface], dict[str, Any]]
) -> Functions:
    """Those functions for nets of a shape, with ``room`` for what `kernels.recurrent.allocate` calls so."""

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


def watch(settings: Any, net: Any, interface: Interface, lane: int) -> dict[str, np.ndarray]:
    """What is to be seen of one lane's net after a time step: its hidden units, as a view."""
    return {"hidden unit": net.y[: settings.hidden, lane]}
