"""The one home of the Numba options, and of the rule by which compiled kernels are kept on disk.

Every kernel is compiled with ``error_model="numpy"`` (a division by zero gives inf or NaN as IEEE 754 says, with no
branch in the loop) and without fast-math: a kernel's bits depend on its source alone, never on the processor.

Numba's own disk cache cannot serve this project: it misses whenever a kernel holds other kernels in its closure, and
it serves stale code when a callee in another file changes. `entry` keeps the one compiled function a crew calls, in a
folder named by a digest of the package's numerical source (set `cache_folder` before the first `entry`), under a key
that names everything the closure holds.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from numba import config, njit
from numba.core.caching import FunctionCache

_folder: Path | None = None


def cache_folder(folder: Path | None) -> None:
    """Keep compiled entries under ``folder``; None keeps nothing."""
    global _folder
    _folder = folder


def kernel(function: Callable[..., Any]) -> Any:
    """``function`` compiled, to be called from other kernels only.

    Without the wrapper through which Python would call it, which takes a third of the compilation.
    """
    return njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)


class _KeyedCache(FunctionCache):
    """A disk cache whose entries are found by a name we give, not by the pickled closure.

    A folder that is read-only, full or broken costs a compilation, never a run.
    """

    def __init__(self, function: Callable[..., Any], key: str) -> None:
        self._key = key
        super().__init__(function)

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        return sig, codegen.magic_tuple(), self._key

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


def entry(function: Callable[..., Any], key: str) -> Any:
    """``function`` compiled, to be called from Python, and kept on disk under ``key``.

    ``key`` must name all that ``function`` closes over: learner, task, their compile-time constants and the width.
    """
    compiled = njit(error_model="numpy")(function)
    if _folder is not None and not config.DISABLE_JIT:
        config.CACHE_DIR = str(_folder)
        with suppress(OSError, RuntimeError):  # Numba's words for a folder that it cannot write
            _folder.mkdir(parents=True, exist_ok=True)
            compiled._cache = _KeyedCache(function, key)
    return compiled
