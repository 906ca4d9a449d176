"""Arrays of symbols on which the library's own code runs.

The layers are plain NumPy calls. NumPy hands each call to the type of its arguments, and this type hands it to SymPy:
``np.exp`` of an array of symbols is an array of exponentials. So the code that trains networks writes formulas too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
import sympy as sp
from numpy.lib.mixins import NDArrayOperatorsMixin

from mnistlab.symbolic.values import FUNCTIONS, NotUnderstood, Truth, Value, apply, choose, exact, number, renamed

__all__ = ["Selection", "Shift", "SymbolicArray", "expressions", "is_shift", "reading", "symbols", "values"]

MAKING = {np.array, np.asarray, np.asanyarray, np.ascontiguousarray}
"""Functions of NumPy that make an array of what they are given."""

ARRANGING = {
    *(np.copy, np.shape, np.ndim, np.size, np.zeros_like, np.ones_like, np.full_like, np.empty_like),
    *(np.reshape, np.ravel, np.transpose, np.swapaxes, np.moveaxis, np.expand_dims, np.squeeze, np.broadcast_to),
    *(np.atleast_1d, np.atleast_2d, np.concatenate, np.stack, np.vstack, np.hstack, np.split, np.array_split),
    *(np.repeat, np.tile, np.flip, np.roll, np.take, np.diagonal, np.diag, np.pad),
    *(np.may_share_memory, np.shares_memory, np.result_type, np.lib.stride_tricks.sliding_window_view),
}
"""Functions of NumPy that put entries elsewhere and ask nothing of them."""

REDUCING = {np.sum, np.mean, np.max, np.amax, np.min, np.amin, np.clip, np.trace}
"""Functions of NumPy that call ufuncs, which then decide."""

LINEAR = {np.dot, np.inner, np.outer, np.vdot, np.tensordot, np.einsum}
"""Sums of products: NumPy's own code, on the entries."""


class Shift(sp.Dummy):
    """A fresh symbol in the place of a maximum along an axis; ``of`` is that maximum."""

    __slots__ = ("of",)

    def __deepcopy__(self, memo: object) -> Shift:
        return self  # as symbols are: a copy would be equal, and not know of what it is the maximum


class SymbolicArray(np.ndarray):
    """An array of dtype object that holds SymPy expressions; made by :func:`symbols`.

    Arithmetic, sums and matrix products are NumPy's own, entry by entry. Functions and comparisons become SymPy's.
    Floats that meet symbols are taken as the exact fractions that they are.

    The maximum along an axis, by which stable code shifts its exponents, becomes a fresh symbol: as an expression it
    would only be in the way, and whatever is proved then holds for *every* shift, if the result does not depend on
    it. That must be shown: :func:`is_shift` tells such symbols from others.

    Raises
    ------
    NotUnderstood
        If a function has no counterpart in SymPy here, or code asks for the truth of a comparison. What is understood
        is a list: :data:`~mnistlab.symbolic.values.FUNCTIONS` of single entries, and those of this module.
    """

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """Apply ``ufunc`` to symbols."""
        if any(isinstance(value, Selection) for value in inputs):
            return NotImplemented
        out, where = options.pop("out", None), options.pop("where", True)
        if options.pop("dtype", None) not in (None, object, np.dtype(object)):
            raise NotUnderstood(f"numpy.{ufunc.__name__} with a dtype: symbols are real numbers, and nothing else")
        for name in ("casting", "order", "subok"):
            options.pop(name, None)
        plain = tuple(_exact(value) for value in inputs)
        if method == "__call__" and ufunc is np.matmul:
            result = np.matmul(*_factors(plain))
        elif method == "__call__" and not options:
            if ufunc not in FUNCTIONS:
                apply(ufunc)  # which refuses it
            result = np.frompyfunc(partial(apply, ufunc), ufunc.nin, 1)(*plain)
        elif method == "outer" and ufunc in FUNCTIONS and not options:
            result = np.frompyfunc(partial(apply, ufunc), ufunc.nin, 1).outer(*plain)
        elif method == "reduce" and ufunc in (np.maximum, np.minimum) and options.keys() <= {"axis", "keepdims"}:
            result = _shift(plain[0], np.max if ufunc is np.maximum else np.min, **{"axis": 0, **options})
        elif method in ("reduce", "accumulate") and ufunc in (np.add, np.multiply):
            if where is not True:
                raise NotUnderstood(f"numpy.{ufunc.__name__}.{method} with where=: multiply by the mask")
            result = getattr(ufunc, method)(_numbers(plain[0]), **options)
        else:
            raise NotUnderstood(f"numpy.{ufunc.__name__} (method {method}, {options}) has no counterpart on symbols")
        if out is not None:
            (target,) = out
            if where is not True:
                result = np.where(_array(where), _array(result), target)
            target_plain = _plain(target)
            target_plain[...] = _plain(result)
            return target
        if where is not True:
            raise NotUnderstood(f"numpy.{ufunc.__name__} with where= and no out=: the other entries would be anything")
        return result.view(SymbolicArray) if isinstance(result, np.ndarray) else result

    def __array_function__(self, function: Callable, types: Any, arguments: Any, options: Any) -> Any:
        """Understand the functions that are listed, and refuse all others."""
        if function is np.where and len(arguments) == 3 and not options:
            return _array(np.frompyfunc(choose, 3, 1)(*(_exact(each) for each in arguments)))
        if function is np.copyto and len(arguments) == 2 and options.keys() <= {"casting"}:
            _plain(arguments[0])[...] = _exact(arguments[1])
            return None
        if function in LINEAR:
            out = options.pop("out", None)
            plain = iter(_factors([_exact(each) for each in arguments if isinstance(each, np.ndarray)]))
            arguments = [next(plain) if isinstance(each, np.ndarray) else each for each in arguments]
            result = function(*arguments, **options)
            if out is None:
                return result.view(SymbolicArray) if isinstance(result, np.ndarray) else result
            if out.shape != np.shape(result):
                raise ValueError(f"out has shape {out.shape}, the result {np.shape(result)}")
            _plain(out)[...] = result
            return out
        if function in MAKING:  # they come here by ``like`` alone, and NumPy 2.1 cannot hand them on
            return function(*arguments, **options)
        if function in ARRANGING or function in REDUCING:
            return super().__array_function__(function, types, arguments, options)
        name = f"{function.__module__}.{function.__name__}"
        raise NotUnderstood(f"{name} has no counterpart on symbols")

    def __getitem__(self, key: Any) -> Any:
        """Return entries; by a mask of comparisons, a :class:`Selection`."""
        mask = _mask(key)
        if mask is None:
            return super().__getitem__(_index(key))
        if mask.shape != self.shape:
            raise NotUnderstood(f"a mask of shape {mask.shape} on an array of shape {self.shape}")
        return Selection(self, mask)

    def __setitem__(self, key: Any, value: Any) -> None:
        """Write entries; by a mask of comparisons, where it holds."""
        mask = _mask(key)
        if mask is None:
            value = _exact(value) if isinstance(value, np.ndarray) else value
            super().__setitem__(_index(key), value)
            return
        if mask.shape != self.shape:
            raise NotUnderstood(f"a mask of shape {mask.shape} on an array of shape {self.shape}")
        if isinstance(value, Selection):
            value = value.under(mask)
        elif np.ndim(value):
            raise NotUnderstood("an array is written where a mask of symbols holds: its length is unknown")
        self[...] = np.where(mask, value, self)

    def astype(self, dtype: Any, *_: Any, **__: Any) -> SymbolicArray:  # type: ignore[override]  # of symbols only
        """Return a copy: of dtype object, in which truths are numbers."""
        if np.dtype(dtype) != object:
            raise NotUnderstood(f"symbols as {np.dtype(dtype)}")
        return _numbers(_plain(self).copy()).view(SymbolicArray)

    def __bool__(self) -> bool:
        """Return the truth of a single entry, if it is known."""
        if self.size != 1:
            raise NotUnderstood("the truth of an array of symbols")
        (entry,) = self.ravel().view(np.ndarray)
        return bool(Value(entry) if isinstance(entry, sp.Expr) else entry)


class Selection(NDArrayOperatorsMixin):
    """The entries of an array where a mask of comparisons holds: ``x[x > 0]``. How many there are is not known.

    The array is one of symbols, or of symbolic shape; the selection is a copy, as in NumPy.
    """

    def __init__(self, array: Any, mask: Any):
        self.array, self.mask = array.copy(), mask.copy()

    def under(self, mask: Any) -> Any:
        """Return the whole array, if it was selected by this very mask."""
        if reading(mask) != reading(self.mask):
            raise NotUnderstood("entries selected by one mask meet those of another")
        return self.array

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        """Apply a function to each of the entries."""
        if (
            method != "__call__"
            or options
            or any(getattr(v, "ndim", 0) for v in inputs if not isinstance(v, Selection))
        ):
            raise NotUnderstood(f"numpy.{ufunc.__name__} ({method}) of selected entries and an array")
        whole = [value.under(self.mask) if isinstance(value, Selection) else value for value in inputs]
        result = ufunc(*whole)
        if out is not None:
            out[0].array = result
            return out[0]
        return Selection(result, self.mask)

    def __array_function__(self, function: Callable, types: object, arguments: tuple, options: dict) -> Any:
        """Return the sum of the entries."""
        if function is np.sum and len(arguments) == 1 and not options:
            return self.sum()
        raise NotUnderstood(f"numpy.{function.__name__} of selected entries")

    def sum(self) -> Any:
        """Return the sum of the entries."""
        return np.sum(np.where(self.mask, self.array, 0))

    ndim = 1


def symbols(name: str, shape: tuple[int, ...]) -> SymbolicArray:
    """Return an array of real symbols such as ``W_{00}``, counted from 0."""
    array = np.empty(shape, dtype=object)
    for index in np.ndindex(shape):
        array[index] = sp.Symbol(f"{name}_{{{','.join(map(str, index))}}}", real=True)
    return array.view(SymbolicArray)


def values(array: np.ndarray) -> SymbolicArray:
    """Return the array with each expression as a :class:`~mnistlab.symbolic.values.Value`."""
    return _each(Value, _plain(array)).view(SymbolicArray)


def expressions(array: Any) -> np.ndarray:
    """Return the expressions of an array, or of a single number, as a plain array; the opposite of :func:`values`.

    Raises
    ------
    NotUnderstood
        If an entry is none.
    """
    return _each(exact, _plain(np.asanyarray(array, dtype=object)))


def reading(array: Any) -> Any:
    """Return what an array holds now, to be compared with what it holds later; None of None."""
    if array is None:
        return None
    if isinstance(array, Value):
        return renamed(array.expr)[0]
    return array.reading() if hasattr(array, "reading") else (np.shape(array), expressions(array).tolist())


def is_shift(symbol: sp.Symbol) -> bool:
    """Return whether the symbol stands for a maximum that was taken along an axis."""
    return isinstance(symbol, Shift)


def _shift(array: np.ndarray, function: Callable, axis: Any = None, keepdims: bool = False) -> Any:
    """Return an array of fresh symbols of the shape that the maximum would have."""
    order = np.arange(array.size).reshape(array.shape)
    shape = function(order, axis=axis, keepdims=keepdims).shape
    marks = np.empty(array.shape, dtype=object)
    for index in np.ndindex(array.shape):
        marks[index] = [exact(array[index])]
    parts = np.add.reduce(marks, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]  # any bool will do
    strict = any(isinstance(each, Value) for each in array.flat)
    result = np.empty(shape, dtype=object)
    for index in np.ndindex(shape):
        entries = parts[index] if isinstance(parts, np.ndarray) else parts
        shift = _shift_for(tuple(entries), function is np.max)
        result[index] = Value(shift) if strict else shift
    return result.view(SymbolicArray) if shape else result[()]


@lru_cache
def _shift_for(entries: tuple[sp.Expr, ...], largest: bool) -> Shift:
    """Return the symbol for a maximum or minimum: the same for the same one."""
    shift = Shift("m", real=True)
    # To look for the largest among long formulas takes SymPy long, and would seldom find it.
    signed = entries if largest else tuple(-each for each in entries)
    maximum = sp.Max(*dict.fromkeys(signed), evaluate=False) if len(signed) > 1 else signed[0]
    shift.of = maximum if largest else -maximum
    return shift


def _array(value: Any) -> Any:
    return value.view(SymbolicArray) if isinstance(value, np.ndarray) else value


def _plain(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, SymbolicArray) else value


def _mask(key: Any) -> SymbolicArray | None:
    """Return the mask, if the index is an array of comparisons."""
    if isinstance(key, Truth):
        raise NotUnderstood("a single comparison as an index")
    if isinstance(key, np.ndarray) and key.dtype == object:
        if not all(isinstance(each, Truth | bool | np.bool_) for each in _plain(key).flat):
            raise NotUnderstood("an array of symbols as an index")
        return key.view(SymbolicArray)
    return None


def _index(key: Any) -> Any:
    for part in key if isinstance(key, tuple) else (key,):
        if isinstance(part, Truth | Value | sp.Expr) or (isinstance(part, np.ndarray) and part.dtype == object):
            raise NotUnderstood("symbols as a part of an index")
    return key


def _factors(arrays: Any) -> list[Any]:
    """Return what a sum of products is of, as numbers; of truth values alone NumPy makes an OR of ANDs."""
    if all(isinstance(each, Truth | bool | np.bool_) for array in arrays for each in np.ravel(array)):
        raise NotUnderstood("a product of two arrays of truth values: make numbers of one by 1 * (x > 0)")
    return [_numbers(each) for each in arrays]


def _numbers(value: Any) -> Any:
    """Return an array with truths as 1 and 0."""
    if isinstance(value, np.ndarray) and any(isinstance(each, Truth) for each in value.flat):
        return _each(number, value)
    return value


def _exact(value: Any) -> Any:
    """Return an operand whose floats are exact fractions; a single value in an array, for NumPy to leave it alone."""
    value = _plain(value)
    if isinstance(value, Value | Truth):
        box = np.empty((), dtype=object)
        box[()] = value
        return box
    if isinstance(value, float | np.floating):
        return exact(value)
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return _each(exact, value)
    if isinstance(value, np.ndarray) and value.dtype == object:
        return _each(lambda x: exact(x) if isinstance(x, float | np.floating) else x, value)
    return value


def _each(function: Callable[[Any], Any], array: np.ndarray) -> np.ndarray:
    """Return the array of what a function makes of each entry, also where it is a single one."""
    result = np.empty(array.shape, dtype=object)
    for index in np.ndindex(array.shape):
        result[index] = function(array[index])
    return result
