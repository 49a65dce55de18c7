"""A SIMD vector as a value inside Numba kernels: one independent trial in each lane.

Arrays carry the lane as their last, contiguous axis, and a kernel reads like the scalar formula::

    load = loader(16)
    ...
    store(y, logistic(load(w, i) * load(x, i)), i)

Numba has no vector type of its own, and LLVM's loop vectoriser loses these short lane loops (it unrolls them before it
looks at them, and cannot rule out that the arrays overlap); so a `Vector` is lowered to an LLVM ``<width x type>``
directly. Only IEEE add, subtract, multiply, divide, compare and select are offered, and exact integer operations: the
bits of a result do not depend on the width or on the processor.

The same source runs without the JIT (``NUMBA_DISABLE_JIT=1``): a vector is then a NumPy row, and every function below
is its own plain definition. Kernels must not use in-place operators on vectors: without the JIT they would write
through to other names.
"""

import operator
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, models, register_model

RUN = 16  # numbers in a run; a constant, so that sums over runs do not depend on the processor

# ------------------------------------------------------------------------------------------ the plain definitions


def zeros(shape: tuple[int, ...], width: int, dtype: Any) -> np.ndarray:
    """Zeros of shape ``(*shape, width)``, aligned to a cache line so that no vector straddles two of them."""
    shape = (*shape, width)
    n_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.zeros(n_bytes + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + n_bytes].view(dtype).reshape(shape)


def columns(shape: tuple[int, ...], width: int, dtype: Any) -> np.ndarray:
    """Zeros of shape ``(*shape, width)``, the first axis contiguous and the lanes far apart, aligned to a cache line.

    For numbers of which a lane uses many in a row at a time of its own: see `run_loader`.
    """
    return zeros((width, *reversed(shape[1:])), shape[0], dtype).transpose()


def padded(n: int) -> int:
    """``n`` rounded up to whole runs."""
    return -(-n // RUN) * RUN


def store(array, vector, *index):
    """Write ``vector`` to all lanes of ``array[index]``."""
    array[index] = vector


def load_run(array, first, *index):
    """The `RUN` numbers from ``array[first, *index]`` down the first axis of `columns`, as a vector."""
    return array[(slice(first, first + RUN), *index)].copy()


def store_run(array, vector, first, *index):
    """Write ``vector`` to `columns`, where `load_run` reads it."""
    array[(slice(first, first + RUN), *index)] = vector


def total(vector):
    """The sum of a vector's numbers, by halves: always in the same order."""
    while len(vector) > 1:
        vector = vector[: len(vector) // 2] + vector[len(vector) // 2 :]
    return vector[0]


def highest(vector):
    """The largest of a vector's numbers, by halves; of a NaN and a number the one in the upper half."""
    while len(vector) > 1:
        vector = maximum(vector[: len(vector) // 2], vector[len(vector) // 2 :])
    return vector[0]


def square_root(vector):
    """The square root, correctly rounded as IEEE 754 demands; NaN of negative numbers."""
    with np.errstate(invalid="ignore"):
        return np.sqrt(vector)


def splat(number, like):
    """``number`` in every lane of a vector of the type of ``like``."""
    return np.full_like(like, number)


def select(mask, a, b):
    """``a`` in the lanes where ``mask`` holds, ``b`` in the others; ``a`` or ``b`` (not both) may be a number."""
    return np.where(mask, a, b).astype((a if isinstance(a, np.ndarray) else b).dtype)


def minimum(a, b):
    """``a`` where a < b, else ``b``: where either is NaN, ``b``. So write ``minimum(bound, x)``, and a NaN stays."""
    return select(a < b, a, b)


def maximum(a, b):
    """``a`` where a > b, else ``b``: where either is NaN, ``b``. So write ``maximum(bound, x)``, and a NaN stays."""
    return select(a > b, a, b)


def to_float(vector, dtype):
    """Whole numbers as floating point of type ``dtype``."""
    return vector.astype(dtype)


def bits_of(vector):
    """The bit patterns of floating-point lanes, as unsigned whole numbers of the same size."""
    return vector.view(np.uint32 if vector.dtype == np.float32 else np.uint64)


def from_bits(vector):
    """The floating-point lanes that have these bit patterns; the inverse of `bits_of`."""
    return vector.view(np.float32 if vector.dtype == np.uint32 else np.float64)


# ---------------------------------------------------------------------------------------- the same, as LLVM vectors

_ELEMENT = {
    types.boolean: ir.IntType(1),
    types.uint32: ir.IntType(32),
    types.uint64: ir.IntType(64),
    types.float32: ir.FloatType(),
    types.float64: ir.DoubleType(),
}
_BITS = {types.float32: types.uint32, types.float64: types.uint64}
_FLOAT = {bits: number for number, bits in _BITS.items()}


class Vector(types.Type):
    """Numba type of ``width`` numbers of type ``dtype`` (or of truth values: a mask) held in SIMD registers."""

    def __init__(self, dtype: types.Type, width: int) -> None:
        self.dtype = dtype
        self.width = width
        super().__init__(name=f"Vector({dtype}x{width})")

    def of(self, dtype: types.Type) -> "Vector":
        """A vector of the same width."""
        return Vector(dtype, self.width)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Vector) -> None:
        super().__init__(dmm, fe_type, ir.VectorType(_ELEMENT[fe_type.dtype], fe_type.width))


def _primitive(function: Callable[..., Any], rule: Callable[..., Any], *kinds: Any, key: str | None = None) -> Any:
    """Decorate the function that writes the LLVM code of ``function`` for arguments of ``kinds``.

    ``rule`` maps argument types to the result's type, None where it does not apply. This is the lower level of Numba's
    extension interface, which compiles a kernel in half the time of `numba.extending.overload`: the instruction is
    written where it is used, while an overload is one more function to be typed, compiled and inlined.
    """

    class Template(AbstractTemplate):
        def generic(self, args, kws):
            args = [types.unliteral(a) for a in args]
            result = rule(*args)
            return None if result is None else signature(result, *args)

    infer_global(function, typing_key=key or function)(Template)
    return lower_builtin(key or function, *kinds)


def _run_pointer(context, builder, kinds, args, vector):
    """Where ``array[first, *index]`` is, as a pointer to a vector; the numbers down the first axis are contiguous."""
    array = context.make_array(kinds[0])(context, builder, args[0])
    offset = ir.Constant(ir.IntType(64), 0)
    for k, (kind, i) in enumerate(zip(kinds[1:], args[1:], strict=True)):
        stride = builder.extract_value(array.strides, k)
        offset = builder.add(offset, builder.mul(stride, context.cast(builder, i, kind, types.intp)))
    start = builder.gep(builder.bitcast(array.data, ir.IntType(8).as_pointer()), [offset])
    return builder.bitcast(start, context.get_value_type(vector).as_pointer())


def _pointer(context, builder, kinds, args, vector):
    """Where ``array[index]`` starts, as a pointer to a vector; the array is C-contiguous, its last axis the lanes."""
    array = context.make_array(kinds[0])(context, builder, args[0])
    offset = ir.Constant(ir.IntType(64), 0)
    for k, (kind, i) in enumerate(zip(kinds[1:], args[1:], strict=True)):
        size = builder.extract_value(array.shape, k)
        offset = builder.add(builder.mul(offset, size), context.cast(builder, i, kind, types.intp))
    offset = builder.mul(offset, ir.Constant(ir.IntType(64), vector.width))
    return builder.bitcast(builder.gep(array.data, [offset]), context.get_value_type(vector).as_pointer())


def _in_all_lanes(context, builder, value, kind, vector):
    """``value`` if it is a vector, else the number in every lane."""
    if isinstance(kind, Vector):
        return value
    scalar = context.cast(builder, value, kind, vector.dtype)
    blank = ir.Constant(ir.VectorType(scalar.type, vector.width), ir.Undefined)
    first = builder.insert_element(blank, scalar, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), vector.width), [0] * vector.width)
    return builder.shuffle_vector(first, first, zeros)


@lru_cache(maxsize=None)
def loader(width: int) -> Callable[..., Any]:
    """The function ``load(array, *index)`` for arrays of shape (..., width): all lanes of ``array[index]``, a vector.

    The width must be known when a kernel is compiled and an array's type does not hold it, so it is bound here.
    """

    def load(array, *index):
        return array[index].copy()

    def rule(array, *index):
        fits = isinstance(array, types.Array) and len(index) == array.ndim - 1
        return Vector(array.dtype, width) if fits else None

    @_primitive(load, rule, types.Array, types.VarArg(types.Integer), key=f"load{width}")
    def write(context, builder, sig, args):
        pointer = _pointer(context, builder, sig.args, args, sig.return_type)
        return builder.load(pointer, align=sig.return_type.dtype.bitwidth // 8)

    return load


def _store_rule(array, vector, *index):
    fits = isinstance(array, types.Array) and len(index) == array.ndim - 1
    return types.void if fits and isinstance(vector, Vector) and array.dtype == vector.dtype else None


@_primitive(store, _store_rule, types.Array, Vector, types.VarArg(types.Integer))
def _store(context, builder, sig, args):
    array, vector, *index = sig.args
    pointer = _pointer(context, builder, [array, *index], [args[0], *args[2:]], vector)
    builder.store(args[1], pointer, align=vector.dtype.bitwidth // 8)
    return context.get_dummy_value()


def _run_rule(array, first, *index):
    return Vector(array.dtype, RUN) if isinstance(array, types.Array) and len(index) == array.ndim - 1 else None


@_primitive(load_run, _run_rule, types.Array, types.VarArg(types.Integer))
def _load_run(context, builder, sig, args):
    pointer = _run_pointer(context, builder, sig.args, args, sig.return_type)
    return builder.load(pointer, align=sig.return_type.dtype.bitwidth // 8)


def _store_run_rule(array, vector, first, *index):
    return types.void if _run_rule(array, first, *index) == vector else None


@_primitive(store_run, _store_run_rule, types.Array, Vector, types.VarArg(types.Integer))
def _store_run(context, builder, sig, args):
    array, vector, *index = sig.args
    pointer = _run_pointer(context, builder, [array, *index], [args[0], *args[2:]], vector)
    builder.store(args[1], pointer, align=vector.dtype.bitwidth // 8)
    return context.get_dummy_value()


def _by_halves(function, combine):
    @_primitive(function, lambda vector: vector.dtype, Vector)
    def write(context, builder, sig, args):
        vector, width = args[0], sig.args[0].width
        while width > 1:
            width //= 2
            low, high = (
                builder.shuffle_vector(
                    vector, vector, ir.Constant(ir.VectorType(ir.IntType(32), width), list(range(k, k + width)))
                )
                for k in (0, width)
            )
            vector = combine(builder, low, high)
        return builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))


_by_halves(total, lambda builder, low, high: builder.fadd(low, high))
_by_halves(highest, lambda builder, low, high: builder.select(builder.fcmp_ordered(">", low, high), low, high))


@_primitive(square_root, lambda vector: vector, Vector)
def _square_root(context, builder, sig, args):
    kind = context.get_value_type(sig.return_type)
    name = f"llvm.sqrt.v{sig.return_type.width}f{sig.return_type.dtype.bitwidth}"
    return builder.call(cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind]), name), args)


@_primitive(splat, lambda number, like: like, types.Number, Vector)
def _splat(context, builder, sig, args):
    return _in_all_lanes(context, builder, args[0], sig.args[0], sig.return_type)


def _select_rule(mask, a, b):
    return a if isinstance(a, Vector) else b


@_primitive(select, _select_rule, Vector, types.Any, types.Any)
def _select(context, builder, sig, args):
    a, b = (_in_all_lanes(context, builder, args[i], sig.args[i], sig.return_type) for i in (1, 2))
    return builder.select(args[0], a, b)


@_primitive(to_float, lambda vector, dtype: vector.of(dtype.dtype), Vector, types.Any)
def _to_float(context, builder, sig, args):
    return builder.uitofp(args[0], context.get_value_type(sig.return_type))


@_primitive(bits_of, lambda vector: vector.of(_BITS[vector.dtype]), Vector)
@_primitive(from_bits, lambda vector: vector.of(_FLOAT[vector.dtype]), Vector)
def _reinterpret(context, builder, sig, args):
    return builder.bitcast(args[0], context.get_value_type(sig.return_type))


_WHOLE = (types.Integer, types.Boolean)


def _binary(
    function: Callable[..., Any], emit: Callable[..., Any], *, of: Any = types.Type, mask: bool = False
) -> None:
    """Offer ``function`` of two vectors of one type ``of``, or of a vector and a number on either side.

    ``emit(builder, a, b, is_float)`` writes the instruction. A number becomes one of the vector's type; with vectors of
    whole numbers it must not be negative or too large, which the plain definitions refuse and compiled code does not.
    """

    def rule(a, b):
        vectors = [x for x in (a, b) if isinstance(x, Vector)]
        numbers = [x for x in (a, b) if isinstance(x, types.Number)]
        if not vectors or len(vectors) + len(numbers) < 2 or vectors[0] != vectors[-1]:
            return None
        if not isinstance(vectors[0].dtype, of):
            return None
        return vectors[0].of(types.boolean) if mask else vectors[0]

    def write(context, builder, sig, args):
        vector = next(x for x in sig.args if isinstance(x, Vector))
        a, b = (_in_all_lanes(context, builder, x, kind, vector) for x, kind in zip(args, sig.args, strict=True))
        return emit(builder, a, b, isinstance(vector.dtype, types.Float))

    _primitive(function, rule, Vector, Vector)(write)
    for kinds in ((Vector, types.Number), (types.Number, Vector)):
        lower_builtin(function, *kinds)(write)


def _arithmetic(for_floats: str, for_integers: str) -> Callable[..., Any]:
    return lambda builder, a, b, is_float: getattr(builder, for_floats if is_float else for_integers)(a, b)


def _instruction(instruction: str) -> Callable[..., Any]:
    return lambda builder, a, b, is_float: getattr(builder, instruction)(a, b)


def _compared(builder, sign, a, b, is_float):
    return (builder.fcmp_ordered if is_float else builder.icmp_unsigned)(sign, a, b)


_binary(operator.add, _arithmetic("fadd", "add"))
_binary(operator.sub, _arithmetic("fsub", "sub"))
_binary(operator.mul, _arithmetic("fmul", "mul"))
_binary(operator.truediv, _instruction("fdiv"), of=types.Float)
_binary(operator.and_, _instruction("and_"), of=_WHOLE)
_binary(operator.or_, _instruction("or_"), of=_WHOLE)
_binary(operator.xor, _instruction("xor"), of=_WHOLE)
_binary(operator.lshift, _instruction("shl"), of=_WHOLE)
_binary(operator.rshift, _instruction("lshr"), of=_WHOLE)
_binary(operator.eq, lambda builder, a, b, is_float: _compared(builder, "==", a, b, is_float), mask=True)
_binary(operator.lt, lambda builder, a, b, is_float: _compared(builder, "<", a, b, is_float), mask=True)
_binary(operator.gt, lambda builder, a, b, is_float: _compared(builder, ">", a, b, is_float), mask=True)


def _extremum_rule(a, b):
    return a if isinstance(a, Vector) else b if isinstance(b, Vector) else None


def _extremum(sign: str) -> Callable[..., Any]:
    def write(context, builder, sig, args):
        a, b = (
            _in_all_lanes(context, builder, x, kind, sig.return_type) for x, kind in zip(args, sig.args, strict=True)
        )
        return builder.select(_compared(builder, sign, a, b, isinstance(sig.return_type.dtype, types.Float)), a, b)

    return write


_primitive(minimum, _extremum_rule, types.Any, types.Any)(_extremum("<"))
_primitive(maximum, _extremum_rule, types.Any, types.Any)(_extremum(">"))
