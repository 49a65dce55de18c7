"""Compiled kernels on disk, so that a second start takes no compiler.

Numba's own disk cache misses whenever a kernel holds other kernels in its closure, and serves stale code when a callee
in another file changes; and where it cannot have the folder that it was given, it takes another one without a word.
Here a kernel is found by its name, which tells all that it closes over (see `kernels.jit`), in a folder named by a
digest of the source. Each kernel has a file of its own, so that processes which save different ones at the same time do
not get in each other's way. While one compiles a kernel it holds a lock, for which others wait that would compile the
same: a machine does it once. No other folder is read or written: where this one cannot be written to, kernels are
compiled anew, which is said once. A file begins with a digest of what follows: code of which a bit has changed on disk
may well run, and compute something else.

What is stored calls its parts by symbols. The linker would take a symbol of the same name from any other kernel in the
process, and leave the call hanging when that one is freed. So the symbols of a kernel that is kept hold a mark of the
process that compiled it, and are found nowhere else.
"""

import fcntl
import hashlib
import os
import pickle
import re
import shutil
import sys
import time
import warnings
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numba
from numba import config
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from repro import files
from repro.records.source import kernel_digest

_KEPT_VERSIONS = 4
_PATIENCE_S, _PAUSE_S = 120.0, 0.05  # that another process may take to compile a kernel, and between looks
_MARK = f"_{os.urandom(8).hex()}"
_DIGEST = hashlib.sha256().digest_size
_SOURCE = kernel_digest()  # when this process began


class CacheWarning(UserWarning):
    """Compiled kernels that are not kept."""


def folder() -> Path:
    """Where compiled kernels are kept: ``REPRO_CACHE``, or a folder of the user's cache.

    Raises
    ------
    RuntimeError
        If the user has no home.

    """
    given = os.environ.get("REPRO_CACHE")
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(given) if given else (Path(cache) if cache else Path.home() / ".cache") / "repro") / "kernels"


class _Disk(NullCache):
    """Where what is compiled of an entry is found again; to Numba it is the cache of a function.

    A folder that is read-only, full or broken costs a compilation, never a run.
    """

    def __init__(self, version: Path, name: str) -> None:
        self._version, self._name = version, name
        self._lock: IO[bytes] | None = None  # of a kernel that is compiled here

    def _place(self, sig: Any, codegen: Any) -> tuple[Path, bytes]:
        """The file of a kernel, and a key: of source, entry, types, processor, Python and Numba."""
        made_with = codegen.magic_tuple(), sys.implementation.cache_tag, numba.__version__
        key = hashlib.sha256(repr((self._version.name, self._name, sig, *made_with)).encode())
        return self._version / f"{key.hexdigest()[:32]}.kernel", key.digest()

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What was stored, or None if nothing was, or nothing that can be read."""
        target_context.refresh()
        path, key = self._place(sig, target_context.codegen())
        code = _read(path, key)
        if code is None:
            self._lock = _locked(path)
            code = _read(path, key)  # another process may have written it meanwhile
        if code is None:
            return None
        self._free(path)
        with suppress(OSError):
            os.utime(self._version)  # it is in use
        return CompileResult._rebuild(target_context, *pickle.loads(code))

    def _free(self, path: Path) -> None:
        """Let others have the lock of a kernel; if it cannot be compiled, it goes with this object."""
        if self._lock is not None:
            with suppress(OSError):
                _lock_of(path).unlink()
            self._lock.close()
            self._lock = None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Store what was compiled, or say why that cannot be."""
        path, key = self._place(sig, data.codegen)
        if not data.library.has_dynamic_globals:  # an address in this process
            self._save(path, key, data)
        self._free(path)

    def _save(self, path: Path, key: bytes, data: Any) -> None:
        code = dumps(data._reduce())
        try:
            self._version.mkdir(parents=True, exist_ok=True)
            files.write(path, _sum(key, code) + code)
        except (OSError, files.FileError) as error:  # no folder, no room
            reason = error if isinstance(error, OSError) else error.__cause__
            _not_kept(f"in {self._version.parent} ({getattr(reason, 'strerror', None) or error})")
        else:
            with suppress(OSError):
                _forget_old_versions(self._version.parent)


def _read(path: Path, key: bytes) -> bytes | None:
    """What was stored, or None if nothing was, or nothing that is whole: that is written anew."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, code = content[:_DIGEST], content[_DIGEST:]
    return code if digest == _sum(key, code) else None


def _lock_of(path: Path) -> Path:
    return path.with_suffix(".lock")


def _locked(path: Path) -> IO[bytes] | None:
    """The lock of a kernel that is to be compiled; None where there are no locks, or if another keeps it for too long.

    Whoever then compiles what another does as well has lost some time, and nothing else.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _lock_of(path).open("ab")
    except OSError:
        return None
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except BlockingIOError:
            time.sleep(_PAUSE_S)
        except OSError:
            break
    file.close()
    return None


def _sum(key: bytes, code: bytes) -> bytes:
    return hashlib.sha256(key + code).digest()


def _not_kept(where: str) -> None:
    _warn(
        f"compiled kernels cannot be kept {where}: every start compiles them anew, some seconds each. "
        "Set REPRO_CACHE to a folder that can be written to."
    )


@lru_cache(maxsize=None)  # once a process
def _warn(text: str) -> None:
    warnings.warn(text, CacheWarning, stacklevel=2)


def keep(compiled: Any) -> Any:
    """``compiled``, a new entry with no compiled version yet, from now on kept on disk, if that can be."""
    if config.DISABLE_JIT:
        return compiled
    if kernel_digest() != _SOURCE:  # which would stand for code that this process has not read
        _warn("compiled kernels are not kept by this process: the source was edited after it began.")
    else:
        try:
            compiled._cache = _Disk(folder() / _SOURCE, f"{compiled.py_func.__module__}.{compiled.__qualname__}")
        except RuntimeError:
            _not_kept("where there is no home folder")
    _mark(compiled)
    return compiled


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
