"""A base for learning rules in one short file: it makes the arrays of a net, and the functions that all rules share.

A learner of its own is a file that names its arrays of weights and others, and writes the kernels that are its rule::

    refuses, n_weights, allocate, weights, initialise, watch, parts = plain.net(
        __name__,
        weights={"w": lambda settings, task: (settings.hidden, task.n_in + 1)},
        scratch={"y": lambda settings, task: (settings.hidden,)},
        shown={"hidden unit": "y"},
    )

A shape is a function of the settings and of the task's `Interface`; the lanes come as one axis more, the last. Weights
are matrices: a row a unit, a column a source, and a bias, if there is one, in a column more. They are drawn one after
the other, array by array and row by row. To these come, under names that are taken:

- ``source`` (n_in,): the task's inputs. A rule may name an array of weights' sources so, if inputs are the first.
- ``symbol`` (): the input's index, where inputs are given so; `Parts.read` makes ``source`` of it, one-hot.
- ``y_k``, ``target``, ``e_k`` (n_out,): outputs, what they should have been, and errors, for the rule to fill.
- ``rate``, ``absolute``, ``square``, ``worst`` (): see `kernels.contract`.
- ``d_NAME`` for each array of weights, if changes ``wait`` for the end of the sequence.

Inputs that are written out one by one cost as much as there are symbols: fine for ten, not for a thousand. Numba is
imported when kernels are built; arrays are counted without it.
"""

import sys
from collections import namedtuple
from collections.abc import Callable, Mapping
from math import prod
from typing import Any, NamedTuple

import numpy as np

from repro.kernels.contract import Interface

Shapes = Mapping[str, Callable[[Any, Interface], tuple[int, ...]]]  # of arrays, by name


class Functions(NamedTuple):
    """What `net` gives: functions that a module of a learner has to offer, in this order, and its `Parts`."""

    declines: Callable[[Any, Interface], str]  # (settings, interface): targets that are given by their index
    n_weights: Callable[[Any, Interface], int]  # (settings, interface)
    allocate: Callable[[Any, Interface, int], Any]  # (settings, interface, width): all 0
    weights: Callable[[Any, Any, Interface, int], list[np.ndarray]]  # (settings, net, interface, lane): views, by unit
    initialise: Callable[[Any, Any, Interface, int, Any], None]  # (settings, net, interface, lane, uniform)
    shows: Callable[[Any, Any, Interface, int], dict[str, np.ndarray]]  # (settings, net, interface, lane): views
    parts: Callable[[Any, Interface, int], "Parts"]  # (settings, interface, width)


class Parts(NamedTuple):
    """Compiled functions for ``width`` lanes, to write a rule with; the last three are parts of a `Learner`.

    ``w`` is a matrix of weights, of which unit i has w[i, m] from source m, the first of ``n``; if it has a column n,
    that is the bias.
    """

    read: Any  # (net): inputs given by their index into net.source, one-hot; nothing to do for others
    weigh: Any  # (w, i, sources, n): the net input of unit i, sum_m w[i, m] sources[m] and the bias
    back: Any  # (w, m, errors, n): what comes back to source m from the first n units, sum_i w[i, m] errors[i]
    descend: Any  # (net, w, i, error, sources, n): w[i, m] += rate error sources[m], and the bias likewise
    add: Any  # (net, w, i, m, change): w[i, m] += rate change
    settle: Any  # (net, lane, mean_error): the changes that have waited are added to the weights, if any do
    assess: Any  # (net)
    finite: Any  # (net, lane)


def _declines(settings: Any, interface: Interface) -> str:
    """Why a learner cannot take a task; nothing if it can."""
    return "its outputs are not made for targets given by their index" if interface.target_symbols else ""


def _none(settings: Any, interface: Interface) -> tuple[int, ...]:
    return ()


def _inputs(settings: Any, interface: Interface) -> tuple[int, ...]:
    return (interface.n_in,)


def _outputs(settings: Any, interface: Interface) -> tuple[int, ...]:
    return (interface.n_out,)


def net(
    module: str,
    *,
    weights: Shapes,
    scratch: Shapes,
    columns: Shapes | None = None,
    whole: Shapes | None = None,
    shown: Mapping[str, str] | None = None,
    wait: bool = False,
) -> Functions:
    """A net of arrays with such shapes, for the module of that name (``__name__``).

    Its type is a NamedTuple, put into the module as ``Net``: by that name compiled kernels on disk know the types of
    their arguments.

    Parameters
    ----------
    module
        The name of the learner's module.
    weights
        Matrices, in the order in which they are drawn.
    scratch
        Whatever else there is.
    columns
        Likewise, for what is used by each lane on its own: `lanes.columns`.
    whole
        Likewise, of whole numbers (uint32), such as a clock.
    shown
        One-dimensional arrays to be looked at after a time step (``watch``), by what they are called there.
    wait
        Do changes of weights wait for the end of the sequence, in ``d_NAME``.

    """
    waiting = {f"d_{name}": shape for name, shape in weights.items()} if wait else {}
    usual: dict[str, Any] = {
        "y_k": _outputs, "target": _outputs, "e_k": _outputs,
        "rate": _none, "absolute": _none, "square": _none, "worst": _none,
    }  # fmt: skip
    if "source" not in scratch:
        usual = {"source": _inputs, **usual}
    real = [*weights.items(), *waiting.items(), *scratch.items(), *usual.items()]
    far, counts = list((columns or {}).items()), [("symbol", _none), *(whole or {}).items()]
    fields = " ".join(name for name, _ in (*real, *far, *counts))
    kind: Any = namedtuple("Net", fields, module=module)  # type: ignore[misc]
    setattr(sys.modules[module], "Net", kind)  # noqa: B010

    def matrices(settings: Any, interface: Interface) -> list[tuple[int, ...]]:
        return [shape(settings, interface) for shape in weights.values()]

    def n_weights(settings: Any, interface: Interface) -> int:
        """The number of weights, biases included."""
        return sum(map(prod, matrices(settings, interface)))

    def allocate(settings: Any, interface: Interface, width: int) -> Any:
        """The arrays of ``width`` nets, all 0."""
        from repro.kernels import lanes

        dtype = np.dtype(settings.precision)
        made = [(real, lanes.zeros, dtype), (far, lanes.columns, dtype), (counts, lanes.zeros, np.dtype(np.uint32))]
        return kind(*(make(shape(settings, interface), width, of) for some, make, of in made for _, shape in some))

    def weights_of(settings: Any, net: Any, interface: Interface, lane: int) -> list[np.ndarray]:
        """One lane's weights as views, unit by unit."""
        return [getattr(net, name)[i, :, lane] for name in weights for i in range(getattr(net, name).shape[0])]

    def initialise(settings: Any, net: Any, interface: Interface, lane: int, uniform: Any) -> None:
        """Draw one lane's weights from -init to init; ``uniform()`` gives numbers from 0 to 1."""
        for row in weights_of(settings, net, interface, lane):
            for m in range(len(row)):
                row[m] = settings.init * (2 * uniform() - 1)

    def shows(settings: Any, net: Any, interface: Interface, lane: int) -> dict[str, np.ndarray]:
        """What is to be seen of one lane's net after a time step: views."""
        return {what: getattr(net, name)[:, lane] for what, name in (shown or {}).items()}

    def parts(settings: Any, interface: Interface, width: int) -> Parts:
        """Compile what all rules share."""
        from repro.kernels import errors

        sizes = matrices(settings, interface)
        change, finite = _change(0, len(sizes), sizes if wait else []), _finite(0, sizes)
        assess = errors.build(interface.n_out, width)
        return Parts(_read(interface, width), *_sums(width), *_descent(width), _settle(change), assess, finite)

    return Functions(_declines, n_weights, allocate, weights_of, initialise, shows, parts)


def _read(interface: Interface, width: int) -> Any:
    from repro.kernels.jit import kernel
    from repro.kernels.lanes import loader, select, splat, store

    load, n_in, symbols = loader(width), interface.n_in, interface.input_symbols

    @kernel
    def read(net):
        if symbols:
            symbol, zero = load(net.symbol), splat(0.0, load(net.rate))
            for m in range(n_in):
                store(net.source, select(symbol == m, 1.0, zero), m)

    return read


def _sums(width: int) -> tuple[Any, Any]:
    from repro.kernels.jit import kernel
    from repro.kernels.lanes import loader

    load = loader(width)

    @kernel
    def weigh(w, i, sources, n):
        total = load(w, i, 0) * load(sources, 0)
        for m in range(1, n):
            total = total + load(w, i, m) * load(sources, m)
        if w.shape[1] > n:
            total = total + load(w, i, n)
        return total

    @kernel
    def back(w, m, errors, n):
        total = load(w, 0, m) * load(errors, 0)
        for i in range(1, n):
            total = total + load(w, i, m) * load(errors, i)
        return total

    return weigh, back


def _descent(width: int) -> tuple[Any, Any]:
    """Where the rate is 0 not a bit changes, whatever the change is there."""
    from repro.kernels.jit import kernel
    from repro.kernels.lanes import loader, select, store

    load = loader(width)

    @kernel
    def add(net, w, i, m, change):
        rate, old = load(net.rate), load(w, i, m)
        store(w, select(rate > 0.0, old + rate * change, old), i, m)

    @kernel
    def descend(net, w, i, error, sources, n):
        for m in range(n):
            add(net, w, i, m, error * load(sources, m))
        if w.shape[1] > n:
            add(net, w, i, n, error)

    return descend, add


def _settle(change: Any) -> Any:
    from repro.kernels.jit import kernel

    @kernel
    def settle(net, lane, mean_error):
        change(net, lane)

    return settle


# Arrays are told apart by their places in the NamedTuple, one kernel for each, as each has a type of its own.


def _finite(place: int, sizes: list[tuple[int, ...]]) -> Any:
    """Are all weights finite: of the array at ``place``, and of those after it."""
    from repro.kernels.jit import kernel

    if not sizes:

        @kernel
        def nothing(net, lane):
            return True

        return nothing
    (n, n_sources), rest = sizes[0], _finite(place + 1, sizes[1:])

    @kernel
    def finite(net, lane):
        for i in range(n):
            for m in range(n_sources):
                if not np.isfinite(net[place][i, m, lane]):
                    return False
        return rest(net, lane)

    return finite


def _change(place: int, waits: int, sizes: list[tuple[int, ...]]) -> Any:
    """Add to the weights at ``place`` what waits at ``place + waits``, and so on."""
    from repro.kernels.jit import kernel

    if not sizes:

        @kernel
        def nothing(net, lane):
            return

        return nothing
    (n, n_sources), at, rest = sizes[0], place + waits, _change(place + 1, waits, sizes[1:])

    @kernel
    def change(net, lane):
        for i in range(n):
            for m in range(n_sources):
                net[place][i, m, lane] += net[at][i, m, lane]
                net[at][i, m, lane] = 0
        rest(net, lane)

    return change
