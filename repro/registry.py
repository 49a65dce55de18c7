"""The two contracts of the house: what a module of learners/ and one of tasks/ offers; and where modules are looked up.

The folder is the registry: a file there is a learner or a task of its name. What is asked of the compiled functions
that `build` returns stands in `kernels.contract`. Everything but `build`, `allocate`, `weights` and `initialise` has to
work without a compiler, as lists and tables ask it: Numba is imported inside `build` alone.

Arrays of nets and of tasks have the lanes as their last axis: ``width`` trials side by side.
"""

from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

from repro.errors import ReproError, similar
from repro.files import PACKAGE

if TYPE_CHECKING:
    import numpy as np

    from repro import settings as groups
    from repro.kernels.contract import Interface, Learner, Task
    from repro.learners import bptt, cascade, chunker, elman, guessing, layered_lstm, lstm, rtrl
    from repro.tasks import adding, long_lag, reber, temporal_order, two_sequence


class NoModuleError(ReproError):
    """A learner or a task that there is not."""


class LearnerModule(Protocol):
    """What a module of learners/ must offer.

    It may offer more, which is looked for by name:

    - ``disagrees(settings, task, stop)``: why it does not go with them; "" if it does.
    - ``facts(net, lane)``: a dictionary of whole numbers for the record of a trial that has ended.
    - ``WIDEST``: the most lanes of a crew, where fewer are faster.
    """

    @property
    def Settings(self) -> "type[groups.Learner]":  # noqa: N802
        """What its table in a configuration may say."""

    def refuses(self, settings: Any, interface: "Interface") -> str:
        """Say why it cannot take such a task; "" if it can. Asked before anything is built."""

    def n_weights(self, settings: Any, interface: "Interface") -> int:
        """Count the weights of its net, biases included."""

    def allocate(self, settings: Any, interface: "Interface", width: int) -> Any:
        """Make the arrays of ``width`` nets, all 0: a NamedTuple with the fields that `kernels.contract` asks for."""

    def weights(self, settings: Any, net: Any, interface: "Interface", lane: int) -> "list[np.ndarray]":
        """Show one lane's weights as views (rows of sources, a row a unit), in an order that never changes."""

    def initialise(self, settings: Any, net: Any, interface: "Interface", lane: int, uniform: Any) -> None:
        """Draw one lane's weights: ``uniform(low, high)`` gives the next number of the trial's own stream."""

    def watch(self, settings: Any, net: Any, interface: "Interface", lane: int) -> "dict[str, np.ndarray]":
        """Show one lane's activations after a time step as views, by kind of unit, for `repro replay --watch`."""

    def build(self, settings: Any, interface: "Interface", width: int) -> "Learner":
        """Compile its functions for a net of this size."""


class TaskModule(Protocol):
    """What a module of tasks/ must offer.

    It may offer more, which is looked for by name:

    - ``enter(settings, state, lane)``: a trial starts in a lane, where something is kept from sequence to sequence.
    - ``prepare(settings, state, lane, below)``: draw the training and test set of a trial, if settings have ``pairs``.
    - ``SYMBOLS``: a letter for each input, where these are symbols.
    """

    @property
    def Settings(self) -> "type[groups.Settings]":  # noqa: N802
        """What its table in a configuration may say."""

    def interface(self, settings: Any) -> "Interface":
        """Say what it looks like to a learner: sizes, symbols or numbers, where targets are."""

    def allocate(self, settings: Any, width: int, precision: str) -> Any:
        """Make the arrays of ``width`` sequences."""

    def build(self, settings: Any, width: int, precision: str) -> "Task":
        """Compile its functions."""


@lru_cache(maxsize=None)
def names(folder: str) -> list[str]:
    """The names of all modules of ``learners`` or ``tasks``."""
    return sorted(path.stem for path in (PACKAGE / folder).glob("*.py") if path.stem != "__init__")


def learner(name: str) -> LearnerModule:
    """The learner of a name.

    Raises
    ------
    NoModuleError
        If there is none.

    """
    return cast(LearnerModule, _module("learners", name))


def task(name: str) -> TaskModule:
    """The task of a name.

    Raises
    ------
    NoModuleError
        If there is none.

    """
    return cast(TaskModule, _module("tasks", name))


def _module(folder: str, name: str) -> Any:
    known = names(folder)
    if name not in known:
        raise NoModuleError(f"there is no {folder[:-1]} '{name}'{similar(name, known)}")
    return import_module(f"repro.{folder}.{name}")


if TYPE_CHECKING:  # mypy holds each module to its contract; a test, this list to the folders
    LEARNERS: tuple[LearnerModule, ...] = (bptt, cascade, chunker, elman, guessing, layered_lstm, lstm, rtrl)
    TASKS: tuple[TaskModule, ...] = (adding, long_lag, reber, temporal_order, two_sequence)
