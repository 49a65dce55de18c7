"""Compiled kernels on disk, so that a second start takes no compiler.

Numba's own disk cache misses whenever a kernel holds other kernels in its closure, and serves stale code when a callee
in another file changes. Here a kernel is found by its name, which tells all that it closes over (see `kernels.jit`), in
a folder named by a digest of the source. Each name has files of its own, so that processes which save different kernels
at the same time do not get in each other's way.

What is stored calls its parts by symbols. The linker would take a symbol of the same name from any other kernel in the
process, and leave the call hanging when that one is freed. So the symbols of a kernel that is kept hold a mark of the
process that compiled it, and are found nowhere else.
"""

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from types import FunctionType
from typing import Any

from numba import config
from numba.core.caching import FunctionCache

from repro.source import kernel_digest

_KEPT_VERSIONS = 4
_MARK = f"_{os.urandom(8).hex()}"


def folder() -> Path:
    """Where compiled kernels are kept: ``REPRO_CACHE``, or a folder of the user's cache."""
    given = os.environ.get("REPRO_CACHE")
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(given) if given else (Path(cache) if cache else Path.home() / ".cache") / "repro") / "kernels"


class _NamedCache(FunctionCache):
    """A disk cache that takes a kernel's name for what it closes over, where Numba's would take the pickled closure.

    A folder that is read-only, full or broken costs a compilation, never a run.
    """

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        return sig, codegen.magic_tuple(), self._py_func.__qualname__

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # whatever a damaged file makes of unpickling
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(OSError):
            super().save_overload(sig, data)


def keep(compiled: Any) -> Any:
    """``compiled``, a new entry with no compiled version yet, from now on kept on disk."""
    if config.DISABLE_JIT:
        return compiled
    with suppress(OSError, RuntimeError):  # RuntimeError: no home, or Numba's word for a folder that it cannot write
        version = folder() / kernel_digest()
        config.CACHE_DIR = str(version)
        compiled._cache = _NamedCache(_twin(compiled.py_func))
        os.utime(version)
        _forget_old_versions(version.parent)
    _mark(compiled)
    return compiled


def _twin(function: FunctionType) -> FunctionType:
    """A function of the same name and code: what the files on disk are named after."""
    twin = FunctionType(function.__code__, function.__globals__, function.__name__, None, function.__closure__)
    twin.__qualname__, twin.__module__ = function.__qualname__, function.__module__
    return twin


def _mark(compiled: Any) -> None:
    """Put the mark of this process into the names of a kernel and of all it closes over.

    Kernels without a closure are left: they belong to their modules, live as long, and are the same everywhere.
    """
    function = compiled.py_func
    if function.__closure__ and _MARK not in function.__qualname__:
        function.__qualname__ += _MARK
        for cell in function.__closure__:
            if hasattr(cell.cell_contents, "py_func"):
                _mark(cell.cell_contents)


def _forget_old_versions(cache: Path) -> None:
    ours = [path for path in cache.iterdir() if path.is_dir() and re.fullmatch("[0-9a-f]{16}", path.name)]
    by_age = sorted(ours, key=lambda path: path.stat().st_mtime)
    for old in by_age[:-_KEPT_VERSIONS]:
        shutil.rmtree(old, ignore_errors=True)
