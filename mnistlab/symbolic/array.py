"""Arrays of symbols on which the library's own code runs.

The layers are plain NumPy calls. NumPy hands each call to the type of its arguments, and this type hands it to SymPy:
``np.exp`` of an array of symbols is an array of exponentials. So the code that trains networks writes formulas too.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import sympy as sp

__all__ = ["SymbolicArray", "is_shift", "symbols"]

ELEMENTWISE: dict[np.ufunc, Callable[..., sp.Expr]] = {
    np.exp: sp.exp,
    np.log: sp.log,
    np.tanh: sp.tanh,
    np.sqrt: sp.sqrt,
    np.absolute: sp.Abs,
    np.maximum: sp.Max,
    np.minimum: sp.Min,
    # A comparison with a symbol is neither true nor false; as the mask of a gradient it is a step function. Its
    # value at the step itself is left open, since no derivative exists there.
    np.greater: lambda a, b: sp.Heaviside(a - b),
    np.greater_equal: lambda a, b: sp.Heaviside(a - b),
    np.less: lambda a, b: sp.Heaviside(b - a),
    np.less_equal: lambda a, b: sp.Heaviside(b - a),
    np.sign: sp.sign,
}


class SymbolicArray(np.ndarray):
    """An array of dtype object that holds SymPy expressions; made by :func:`symbols`.

    Arithmetic, sums and matrix products are NumPy's own, entry by entry. Functions and comparisons become SymPy's.
    Floats that meet symbols are taken as the exact fractions that they are.

    The maximum along an axis, by which stable code shifts its exponents, becomes a fresh symbol: as an expression it
    would only be in the way, and whatever is proved then holds for *every* shift, if the result does not depend on
    it. That must be shown: :func:`is_shift` tells such symbols from others.

    Raises
    ------
    TypeError
        If a function has no counterpart in SymPy here.
    """

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: object, **options: object) -> object:
        """Apply ``ufunc`` to symbols."""
        inputs = tuple(_exact(value) for value in inputs)
        out = options.pop("out", None)
        if out is not None:
            options["out"] = tuple(_plain(array) for array in out)
        if method == "reduce" and ufunc in (np.maximum, np.minimum):
            result = _shift(*inputs, **options)
        elif ufunc in ELEMENTWISE and method == "__call__":
            result = np.frompyfunc(ELEMENTWISE[ufunc], ufunc.nin, 1)(*inputs, **options)
        elif ufunc in (np.add, np.subtract, np.multiply, np.divide, np.negative, np.matmul, np.power, np.square):
            result = getattr(ufunc, method)(*inputs, **options)
        else:
            raise TypeError(f"numpy.{ufunc.__name__} (method {method}) has no counterpart on symbols")
        if out is not None:
            return out[0]
        return result.view(SymbolicArray) if isinstance(result, np.ndarray) else result

    def __array_function__(self, function: Callable, types: object, arguments: tuple, options: dict) -> object:
        """Take ``np.dot`` of matrices as their ``np.matmul``, which is a ufunc; leave all else to NumPy."""
        if function is np.dot:
            return np.matmul(*arguments, **options)
        return super().__array_function__(function, types, arguments, options)


def symbols(name: str, shape: tuple[int, ...]) -> SymbolicArray:
    """Return an array of real symbols such as ``W_{00}``, counted from 0."""
    array = np.empty(shape, dtype=object)
    for index in np.ndindex(shape):
        array[index] = sp.Symbol(f"{name}_{{{','.join(map(str, index))}}}", real=True)
    return array.view(SymbolicArray)


def is_shift(symbol: sp.Symbol) -> bool:
    """Return whether the symbol stands for a maximum that was taken along an axis."""
    return isinstance(symbol, sp.Dummy) and symbol.name == "m"


def _shift(array: np.ndarray, axis: int | None = None, keepdims: bool = False, **_: object) -> np.ndarray:
    """Return an array of fresh symbols of the shape that the maximum would have."""
    shape = np.max(np.zeros(array.shape), axis=axis, keepdims=keepdims).shape
    result = np.empty(shape, dtype=object)
    for index in np.ndindex(shape):
        result[index] = sp.Dummy("m", real=True)
    return result.view(SymbolicArray)


def _plain(value: object) -> object:
    return value.view(np.ndarray) if isinstance(value, SymbolicArray) else value


def _exact(value: object) -> object:
    """Return an operand whose floats are exact fractions."""
    value = _plain(value)
    if isinstance(value, float | np.floating):
        return sp.Rational(Fraction(float(value)))
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return np.frompyfunc(lambda x: sp.Rational(Fraction(float(x))), 1, 1)(value)
    if isinstance(value, np.ndarray) and value.dtype == object:
        return np.frompyfunc(lambda x: sp.Rational(Fraction(x)) if isinstance(x, float) else x, 1, 1)(value)
    return value
