"""The one home of the Numba options, and of the names of compiled kernels.

Every kernel is compiled with ``error_model="numpy"`` (a division by zero gives inf or NaN as IEEE 754 says, with no
branch in the loop) and without fast-math: a kernel's bits depend on its source alone, never on the processor.

They are also compiled into one another (LLVM's own measure leaves the larger ones out, and to hand over a net of thirty
arrays takes longer than most of them run: a quarter to two thirds more steps a second, measured) and without Numba's
runtime, which would count the references to all these arrays whenever a loop comes round: up to twice as fast,
measured; and a kernel that allocates an array does not compile.

Learners and tasks are closures over the sizes of a net, so one line of source makes many kernels. Numba names a
compiled function by its qualified name and a counter, which starts again in every process; a kernel that is loaded
from disk may then bring a name along that stands for another kernel here, and the linker takes the first of a name
that it has seen. So a kernel's name holds a digest of what it closes over. An entry closes over all there is, the
width included: its name tells its code, and `kernel_cache` finds it on disk by that name. The names of its parts do not
tell the width, which they know through `load` alone; `kernel_cache` marks them as those of one process.
"""

import hashlib
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
from numba import njit

from repro.kernels import foreign


def kernel(function: Callable[..., Any]) -> Any:
    """``function`` compiled, to be called from other kernels only.

    Without the wrapper through which Python would call it, which takes a third of the compilation.

    Raises
    ------
    TypeError
        If it closes over anything but numbers, text, types, tuples of them and other functions.

    """
    options = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "forceinline": True}
    return njit(error_model="numpy", _nrt=False, **options)(_named(function))


def entry(function: Callable[..., Any]) -> Any:
    """``function`` compiled, to be called from Python; otherwise like `kernel`."""
    return njit(error_model="numpy", _nrt=False)(_named(function))


def _named(function: Any) -> Any:
    """``function``, its name made to say what it closes over."""
    if function.__closure__:
        function.__qualname__ += f"_{hashlib.sha256(_content(function).encode()).hexdigest()[:16]}"
    return function


def _content(value: Any) -> str:
    """A text that is the same for equal values only."""
    value = getattr(value, "py_func", value)  # of a compiled kernel, whose name tells its content
    if isinstance(value, FunctionType):
        inside = ", ".join(_content(cell.cell_contents) for cell in value.__closure__ or ())
        code, module = value.__code__, value.__module__
        source = foreign.DIGESTS.get(module.partition(".")[0], "")
        return f"{module}{source}.{value.__qualname__} {code.co_code.hex()} {code.co_consts!r} ({inside})"
    if isinstance(value, tuple):
        return f"({', '.join(map(_content, value))})"
    if value is None or isinstance(value, bool | int | float | str | type | np.generic):
        return repr(value)
    raise TypeError(f"a kernel cannot close over {value!r}: its name could not tell it from others")
