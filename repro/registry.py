"""The two contracts of the house: what a module of learners/ and one of tasks/ offers; and where modules are looked up.

The folder is the registry: a file there is a learner or a task of its name. What is asked of the compiled functions
that `build` returns stands in `kernels.contract`. Everything but `build`, `allocate`, `weights` and `initialise` has to
work without a compiler, as lists and tables ask it: Numba is imported inside `build` alone.

Arrays of nets and of tasks have the lanes as their last axis: ``width`` trials side by side.
"""

import shlex
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from repro import outside
from repro.errors import ReproError, similar
from repro.files import PACKAGE
from repro.hints import command
from repro.outside import Outside

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
    - ``exact_gradient(settings)``: are its changes after a sequence those down the slope of half the squared error
      (times ``error_factor``); `repro check` then compares them with finite differences.
    - ``EXAMPLE``: settings of a small net, with which `repro check` tries it.
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
        """Draw one lane's weights: ``uniform()`` gives the next number of the trial's own stream, from 0 to 1."""

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
    - ``EXAMPLE``: settings of a small case, with which `repro check` tries it.
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


_given: dict[tuple[str, str], Outside] = {}  # from files that a user named, by folder and name


@lru_cache(maxsize=None)
def ours(folder: str) -> list[str]:
    """The names of the modules of ``learners`` or ``tasks`` that come with the package."""
    files = [*(PACKAGE / folder).glob("*.py"), *(path.parent for path in (PACKAGE / folder).glob("*/__init__.py"))]
    return sorted(path.stem for path in files if path.stem != "__init__")


def names(folder: str) -> list[str]:
    """The names of all ``learners`` or ``tasks``: ours, those from files, those of installed packages."""
    given = [name for kind, name in _given if kind == folder]
    return list(dict.fromkeys([*ours(folder), *given, *outside.installed(folder)]))


def use(paths: Iterable[Path]) -> None:
    """Take up the learners and tasks in files, and forget others that were taken up.

    Raises
    ------
    repro.outside.OutsideError
        As `add` does.

    """
    _given.clear()
    for path in paths:
        add(path)


def add(path: Path) -> tuple[str, str]:
    """Take up the learner or task in a file; ``learners`` or ``tasks``, and its name.

    Raises
    ------
    repro.outside.OutsideError
        If the file makes none, or one of a name that there is already.

    """
    found = outside.load(path)
    folder = _kind(found.module, str(path))
    before = _given.get((folder, found.name))
    if found.name in ours(folder) or (before and before.given != found.given):
        raise outside.OutsideError(
            f"{path}: there is a {folder[:-1]} '{found.name}' already: give the file another name"
        )
    _given[folder, found.name] = found
    return folder, found.name


def named(text: str) -> tuple[str, str]:
    """What a user calls a learner, a task or a file with one: ``learners`` or ``tasks``, and its name.

    Raises
    ------
    NoModuleError
        If there is none of that name.
    repro.outside.OutsideError
        If the file makes none.

    """
    if text.endswith(".py"):
        return add(Path(text))
    for folder in ("learners", "tasks"):
        if text in names(folder):
            return folder, text
    no_such = f"there is no learner and no task '{text}'"
    file = f"{text}.py"
    with suppress(OSError):  # of a name that no file can have
        if Path(file).is_file():
            raise NoModuleError(f"{no_such}, but there is a file: `{command(f'check {shlex.quote(file)}')}`")
    raise NoModuleError(f"{no_such}{similar(text, [*names('learners'), *names('tasks')])}")


def given() -> tuple[Path, ...]:
    """The files that were taken up, for another process to do the same."""
    return tuple(one.given for one in _given.values() if one.given)


def source(folder: str, name: str) -> dict[Path, bytes]:
    """The files of a module from elsewhere, as they were when it was loaded; none if it is ours."""
    found = _outside(folder, name)
    return dict(found.source) if found else {}


def _outside(folder: str, name: str) -> Outside | None:
    if name in ours(folder):
        return None
    if (folder, name) in _given:
        return _given[folder, name]
    return outside.of_package(folder, name) if name in outside.installed(folder) else None


def _kind(module: Any, where: str) -> str:
    """Whether a module is a learner or a task; it has to have all that its contract asks for."""
    contract: type
    if hasattr(module, "initialise"):
        folder, contract = "learners", LearnerModule
    elif hasattr(module, "interface"):
        folder, contract = "tasks", TaskModule
    else:
        raise outside.OutsideError(
            f"{where}: neither a learner, which has `initialise`, nor a task, which has `interface`"
        )
    lacking = [name for name in vars(contract) if name[0] != "_" and not hasattr(module, name)]
    if lacking:
        raise outside.OutsideError(
            f"{where}: not a {folder[:-1]}: it has no {', '.join(lacking)} (see repro/registry.py)"
        )
    return folder


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


@lru_cache(maxsize=None)
def _own(folder: str, name: str) -> Any:
    return import_module(f"repro.{folder}.{name}")


def _module(folder: str, name: str) -> Any:
    if name in ours(folder):
        return _own(folder, name)
    known = names(folder)
    if name not in known:
        meant = similar(name, known)
        hint = " One in a file of your own is named by `repro --with FILE.py`." if meant == "." else ""
        raise NoModuleError(f"there is no {folder[:-1]} '{name}'{meant}{hint}")
    found = _outside(folder, name)
    assert found is not None, name
    _kind(found.module, f"{folder[:-1]} '{name}'")
    return found.module


if TYPE_CHECKING:  # mypy holds each module to its contract; a test, this list to the folders
    LEARNERS: tuple[LearnerModule, ...] = (bptt, cascade, chunker, elman, guessing, layered_lstm, lstm, rtrl)
    TASKS: tuple[TaskModule, ...] = (adding, long_lag, reber, temporal_order, two_sequence)
