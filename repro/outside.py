"""Learners and tasks that are not of this package: files that a user names, and packages that are installed.

A file is one learner or one task, called as the file is. An installed package offers them by entry points of the groups
``repro.learners`` and ``repro.tasks``. Their source is read when they are loaded: by it their trials are attested, and
their compiled kernels named.
"""

import hashlib
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.abc import InspectLoader
from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint, entry_points
from importlib.util import decode_source, module_from_spec
from pathlib import Path
from types import CodeType
from typing import Any

from repro.errors import ReproError
from repro.kernels import foreign


class OutsideError(ReproError):
    """A file or a package that is not to be had as a learner or a task."""


@dataclass(frozen=True)
class Outside:
    """A learner or a task of somebody else's."""

    name: str
    module: Any
    source: Mapping[Path, bytes]  # all files that it may compute with, as they were when it was loaded
    given: Path | None = None  # the file that a user named; None if it is installed


def is_name(text: str) -> bool:
    """Whether a learner or a task can be called so."""
    return re.fullmatch("[a-z][a-z0-9_]*", text) is not None


class _Content(InspectLoader):
    """Makes a module of the bytes that its digest is of.

    Python's own loader would read the file once more, and where an edit leaves its size and second as they were, take
    compiled code of the text before.
    """

    def __init__(self, path: Path, content: bytes) -> None:
        self._path, self._content = path, content

    def get_source(self, fullname: str) -> str:
        """The text."""
        return decode_source(self._content)

    def get_code(self, fullname: str) -> CodeType:
        """The text compiled; errors name the file."""
        return self.source_to_code(self._content, str(self._path))


def load(path: Path) -> Outside:
    """The module that a file makes.

    Raises
    ------
    OutsideError
        If it cannot be read, or has an error of its own.

    """
    if path.suffix != ".py" or not is_name(path.stem):
        raise OutsideError(
            f"{path}: a learner or task is a file NAME.py, its name of a-z, 0-9 and _, such as my_rule.py"
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise OutsideError(f"{path}: cannot be read: {error.strerror}") from None
    digest = hashlib.sha256(content).hexdigest()[:16]
    name = f"repro_with_{path.stem}_{digest}"  # compiled kernels on disk know their types by it
    foreign.DIGESTS[name] = digest
    if name not in sys.modules:
        loader = _Content(path, content)
        module = module_from_spec(ModuleSpec(name, loader, origin=str(path)))
        sys.modules[name] = module
        try:
            loader.exec_module(module)
        except (Exception, SystemExit) as error:
            del sys.modules[name]
            raise OutsideError(f"{_place(path, error)}: {type(error).__name__}: {_said(error)}") from None
    return Outside(path.stem, sys.modules[name], {path.resolve(): content}, path.resolve())


def _said(error: BaseException) -> str:
    return error.msg if isinstance(error, SyntaxError) else str(error)


def _place(path: Path, error: BaseException) -> str:
    """The file, and the last line of it that was on the way to an error."""
    line = error.lineno if isinstance(error, SyntaxError) else None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"{path}:{line}" if line else str(path)


@lru_cache(maxsize=None)
def installed(folder: str) -> Mapping[str, EntryPoint]:
    """What installed packages offer as ``learners`` or ``tasks``, by name."""
    return {point.name: point for point in entry_points(group=f"repro.{folder}")}


@lru_cache(maxsize=None)
def of_package(folder: str, name: str) -> Outside:
    """The module that an installed package offers by a name.

    Raises
    ------
    OutsideError
        If it cannot be imported.

    """
    point = installed(folder)[name]
    try:
        module = point.load()
    except Exception as error:
        raise OutsideError(f"{folder[:-1]} '{name}' ({point.value}): {type(error).__name__}: {error}") from None
    top = point.module.partition(".")[0]
    folders = [Path(folder) for folder in getattr(sys.modules[top], "__path__", ())]
    files = sorted(file for folder in folders for file in folder.rglob("*.py")) or [Path(module.__file__)]
    source = {path: path.read_bytes() for path in files}
    foreign.DIGESTS[top] = hashlib.sha256(b"".join(source.values())).hexdigest()[:16]
    return Outside(name, module, source)
