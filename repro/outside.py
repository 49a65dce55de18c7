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
from importlib.metadata import EntryPoint, entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
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


def load(path: Path) -> Outside:
    """The module that a file makes.

    Raises
    ------
    OutsideError
        If it cannot be read, or has an error of its own.

    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*\.py", path.name):
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
        spec = spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[name]
            raise OutsideError(f"{_place(path, error)}: {type(error).__name__}: {_said(error)}") from None
    return Outside(path.stem, sys.modules[name], {path.resolve(): content}, path.resolve())


def _said(error: Exception) -> str:
    return error.msg if isinstance(error, SyntaxError) else str(error)


def _place(path: Path, error: Exception) -> str:
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
    file = Path(module.__file__)
    top = point.module.partition(".")[0]
    package = sys.modules.get(top)
    root = Path(str(package.__file__)).parent if package is not None and hasattr(package, "__path__") else None
    files = sorted(root.rglob("*.py")) if root else [file]
    source = {path: path.read_bytes() for path in files}
    foreign.DIGESTS[top] = hashlib.sha256(b"".join(source.values())).hexdigest()[:16]
    return Outside(name, module, source)
