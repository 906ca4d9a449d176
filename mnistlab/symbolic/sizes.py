"""The unchanged code on arrays whose *shape* is symbolic: proved for every batch size and every width.

A :class:`Sized` array knows its shape as symbols, such as N × D, and an entry as an expression of symbolic indices. A
matrix product is a ``Sum``, and so is a sum along an axis; a function acts on the entry; what is written into an array
is its new entry. What ``backward`` wrote at symbolic indices must equal the derivative of what ``forward`` computed, by
the same algebra as in the lemmas (:mod:`mnistlab.symbolic.lemmas`), and ``forward`` must be the lemma's equation.
"""

from __future__ import annotations

import copy
import itertools
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import sympy as sp
from numpy.lib.mixins import NDArrayOperatorsMixin

from mnistlab.convolution import Conv2D, MaxPool2D
from mnistlab.layer import Layer
from mnistlab.layers import Dropout, Softmax
from mnistlab.losses import CrossEntropy, Loss, SoftmaxCrossEntropy
from mnistlab.symbolic import equations
from mnistlab.symbolic.array import Selection, SymbolicArray
from mnistlab.symbolic.lemmas import (
    SIZE,
    D,
    K,
    N,
    P,
    c,
    collapse,
    d,
    epsilon,
    i,
    j,
    k,
    m,
    n,
    q,
    r,
    smoothing,
    written_out,
)
from mnistlab.symbolic.passes import Pass, layer_passes, loss_passes
from mnistlab.symbolic.prove import Entry, Proof
from mnistlab.symbolic.updates import Update, compare_steps
from mnistlab.symbolic.values import (
    Above,
    NotUnderstood,
    Truth,
    Value,
    all_understood,
    apply,
    choose,
    exact,
    number,
    renamed,
)
from mnistlab.symbolic.zero import cancels, differs, is_positive, is_zero, with_steps

__all__ = ["Sized", "prove_for_every_size", "sized"]

Index: TypeAlias = sp.Expr | int
Read = Callable[..., Any]  # an entry, or of a view an index

_numbers = itertools.count()


def _fresh() -> sp.Symbol:
    return sp.Symbol(f"r{next(_numbers)}", integer=True)


class Sized(NDArrayOperatorsMixin):
    """An array of symbolic shape; made by :func:`sized`.

    Parameters
    ----------
    shape
        Sizes: symbols, or 1.
    read
        From an index for each axis to the entry there.
    base
        Of a view, the array that it shows; ``read`` then maps indices to those of the base. Views cannot be written.
    """

    dtype = np.dtype(object)

    def __init__(self, shape: Sequence[sp.Expr | int], read: Read, base: Sized | None = None):
        self.sizes, self.read, self.base = tuple(map(sp.sympify, shape)), read, base

    @property
    def shape(self) -> tuple[Value | int, ...]:
        """Sizes that answer no question to which the answer depends on them."""
        return tuple(int(size) if size.is_Integer else Value(size) for size in self.sizes)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.sizes)

    @property
    def size(self) -> Value:
        """Number of entries."""
        return Value(sp.Mul(*self.sizes))

    def reader(self) -> Read:
        """Return what gives the entries as they are now, whatever is written later."""
        if self.base is None:
            return self.read
        below, place = self.base.reader(), self.read
        return lambda *index: below(*place(*index))

    def entry(self, *index: Index) -> sp.Expr:
        """Return an entry as an expression."""
        return exact(self.reader()(*index))

    @property
    def T(self) -> Sized:
        """The transpose, a view."""
        return Sized(self.sizes[::-1], lambda *index: index[::-1], self)

    def copy(self) -> Sized:
        """Return an array of its own with the same entries."""
        return Sized(self.sizes, self.reader())

    def astype(self, dtype: Any, *_: Any, **__: Any) -> Sized:
        """Return a copy: of dtype object, in which truths are numbers."""
        if np.dtype(dtype) != object:
            raise NotUnderstood(f"entries of symbolic shape as {np.dtype(dtype)}")
        return _elementwise(number, self)

    def reading(self) -> Any:
        """Return what the array holds now, to be compared with what it holds later."""
        index = [sp.Symbol(f"place{axis}", integer=True) for axis in range(self.ndim)]
        return self.sizes, renamed(self.entry(*index))[0]

    def sum(self, axis: int | None = None, keepdims: bool = False, out: Sized | None = None) -> Any:
        """Return the sum along an axis, or of all."""
        return _total(self, axis, keepdims=keepdims, out=out)

    def mean(self, axis: int | None = None, keepdims: bool = False) -> Any:
        """Return the mean along an axis, or of all."""
        return _mean(self, axis, keepdims=keepdims)

    def max(self, axis: int | None = None, keepdims: bool = False) -> Any:
        """Return a free number for each row, which must cancel."""
        return _largest(self, axis, keepdims=keepdims)

    def dot(self, other: Any) -> Sized:
        """Return the matrix product."""
        return _dot(self, other)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        """Apply a function to the entries."""
        if method == "reduce" and ufunc is np.add:
            return _total(*inputs, out=out[0] if out else None, **{"axis": 0, **options})  # type: ignore[misc]  # one
        if method == "reduce" and ufunc is np.maximum:
            return _largest(*inputs, **{"axis": 0, **options})
        if method != "__call__" or options:
            raise NotUnderstood(f"numpy.{ufunc.__name__} ({method}, {options}) of arrays of symbolic shape")
        result = _product(*inputs) if ufunc is np.matmul else _elementwise(lambda *each: apply(ufunc, *each), *inputs)
        return _written(out[0] if out else None, result)

    def __array_function__(self, function: Callable, types: object, arguments: tuple, options: dict) -> Any:
        """Understand the functions that are listed, and refuse all others."""
        if function not in HANDLED:
            raise NotUnderstood(f"numpy.{function.__name__} of arrays of symbolic shape")
        return HANDLED[function](*arguments, **options)

    def __getitem__(self, key: Any) -> Any:
        """Return a view by ``:`` and ``None``; by a mask of comparisons, a :class:`Selection`."""
        if isinstance(key, Sized):
            _check_mask(key, self)
            return Selection(self, key)
        keys = key if isinstance(key, tuple) else (key,)
        if any(isinstance(part, Sized) or (part is not None and part != slice(None)) for part in keys):
            raise NotUnderstood(f"the index {key!r} of an array of symbolic shape: only : and None are understood")
        keys += (slice(None),) * (self.ndim - sum(part is not None for part in keys))
        shape, left = [], list(self.sizes)
        for part in keys:
            shape.append(sp.S.One if part is None else left.pop(0))
        if left:
            raise NotUnderstood("too few axes")
        kept = [place for place, part in enumerate(keys) if part is not None]
        return Sized(shape, lambda *index: tuple(index[place] for place in kept), self)

    def __setitem__(self, key: Any, value: Any) -> None:
        """Write all entries, or those where a mask of comparisons holds."""
        if isinstance(key, Sized):
            _check_mask(key, self)
            if getattr(value, "ndim", 0) and not isinstance(value, Selection):
                raise NotUnderstood("an array is written where a mask of symbols holds: its length is unknown")
            value = value.under(key) if isinstance(value, Selection) else value
            _written(self, _elementwise(choose, key, value, self))
        elif key is Ellipsis or key == slice(None):
            _written(self, _broadcast(value, self.sizes))
        else:
            raise NotUnderstood(f"the index {key!r} of an array of symbolic shape")

    def __len__(self) -> int:
        raise NotUnderstood("len of an array of symbolic shape must be an integer: write x.shape[0]")

    def __iter__(self) -> Any:
        raise NotUnderstood("a loop over an array of symbolic shape")

    def __bool__(self) -> bool:
        raise NotUnderstood("the truth of an array")

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise NotUnderstood("an array of symbolic shape as an array of numbers")

    def __repr__(self) -> str:
        return f"Sized{self.sizes}"

    __hash__ = object.__hash__


def sized(name: str, *shape: sp.Symbol, **assumptions: bool) -> Sized:
    """Return an array of free real numbers, such as ``x[n, d]``."""
    base = sp.IndexedBase(sp.Symbol(name, real=True, **assumptions), real=True, **assumptions)
    return Sized(shape, lambda *index: Value(base[tuple(index)]))


# What NumPy's functions are on such arrays.


def _check_mask(mask: Sized, array: Sized) -> None:
    if mask.sizes != array.sizes:
        raise NotUnderstood(f"a mask of the shape {mask.sizes} on an array of the shape {array.sizes}")
    index = [sp.Symbol(f"place{axis}", integer=True) for axis in range(mask.ndim)]
    if not isinstance(mask.reader()(*index), Truth):
        raise NotUnderstood("an array of symbols as an index")


def _as_sized(value: Any) -> Sized:
    if isinstance(value, Sized):
        return value
    if isinstance(value, np.ndarray) and value.ndim:
        raise NotUnderstood("an array of numbers meets one of symbolic shape")
    single = (
        value if isinstance(value, Value | Truth) else Value(value.item() if isinstance(value, np.ndarray) else value)
    )
    return Sized((), lambda: single)


def _shape_of(arrays: Sequence[Sized]) -> tuple[sp.Expr, ...]:
    axes = max(array.ndim for array in arrays)
    shape = []
    for axis in range(-axes, 0):
        sizes = {array.sizes[axis] for array in arrays if array.ndim >= -axis} - {sp.S.One}
        if len(sizes) > 1:
            raise ValueError(f"shapes do not fit for every size: {[array.sizes for array in arrays]}")
        shape.append(sizes.pop() if sizes else sp.S.One)
    return tuple(shape)


def _reader_at(array: Sized, shape: tuple[sp.Expr, ...]) -> Read:
    """Return what gives the entries of an array that is broadcast to a shape."""
    read, axes, sizes = array.reader(), array.ndim, array.sizes

    def at(*index: Index) -> Value | Truth:
        mine = index[len(shape) - axes :]
        return read(*(sp.S.Zero if size == 1 else each for size, each in zip(sizes, mine, strict=True)))

    return at


def _elementwise(function: Callable[..., Any], *arguments: Any) -> Any:
    arrays = [_as_sized(each) for each in arguments]
    shape = _shape_of(arrays)
    readers = [_reader_at(array, shape) for array in arrays]
    if not shape:
        return function(*(read() for read in readers))
    return Sized(shape, lambda *index: function(*(read(*index) for read in readers)))


def _broadcast(value: Any, shape: tuple[sp.Expr, ...]) -> Sized:
    array = _as_sized(value)
    if _shape_of([array, Sized(shape, lambda *_: Value(0))]) != shape:
        raise ValueError(f"{array.sizes} cannot be broadcast to {shape}")
    return Sized(shape, _reader_at(array, shape))


def _written(out: Sized | None, result: Any) -> Any:
    if out is None:
        return result
    if out.base is not None:
        raise NotUnderstood("a view of an array of symbolic shape is written to")
    result = _as_sized(result)
    if out.sizes != result.sizes:
        raise ValueError(f"out has the shape {out.sizes}, the result {result.sizes}")
    out.read = result.reader()
    return out


def _product(a: Any, b: Any) -> Sized:
    a, b = _as_sized(a), _as_sized(b)
    if a.ndim != 2 or b.ndim != 2:
        raise NotUnderstood("a matrix product of other than two axes")
    if a.sizes[1] != b.sizes[0]:
        raise ValueError(f"matrices of shapes {a.sizes} and {b.sizes} do not fit for every size")
    left, right, size = a.reader(), b.reader(), a.sizes[1]

    def read(row: Index, column: Index) -> Value:
        t = _fresh() if size != 1 else sp.S.Zero
        factors = left(row, t), right(t, column)
        if all(isinstance(each, Truth) for each in factors):
            raise NotUnderstood("a product of two arrays of truth values: make numbers of one by 1 * (x > 0)")
        term = exact(factors[0]) * exact(factors[1])
        return Value(sp.Sum(term, (t, 0, size - 1)) if size != 1 else term)

    return Sized((a.sizes[0], b.sizes[1]), read)


def _dot(a: Any, b: Any, out: Sized | None = None) -> Sized:
    return _written(out, _product(a, b))


def _axis(array: Sized, axis: Any) -> list[int]:
    axes = range(array.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return [each % array.ndim for each in axes]


def _total(
    array: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **options: Any
) -> Any:
    if dtype is not None or options:
        raise NotUnderstood("a sum with further options")
    array = _as_sized(array)
    read, axes, sizes = array.reader(), _axis(array, axis), array.sizes
    shape = [sp.S.One if place in axes else size for place, size in enumerate(sizes) if keepdims or place not in axes]

    def at(*index: Index) -> Value:
        rest, full, limits = list(index), [], []
        for place, size in enumerate(sizes):
            if place not in axes:
                full.append(rest.pop(0))
                continue
            if keepdims:
                rest.pop(0)
            full.append(_fresh() if size != 1 else sp.S.Zero)
            if size != 1:
                limits.append((full[-1], 0, size - 1))
        term = exact(number(read(*full)))
        return Value(sp.Sum(term, *limits) if limits else term)

    return _written(out, Sized(shape, at) if shape else at())


def _mean(array: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    array = _as_sized(array)
    count = sp.Mul(*(array.sizes[place] for place in _axis(array, axis)))
    return _total(array, axis, keepdims=keepdims) / Value(count)


SHIFT = "shift"


@lru_cache
def _shift_number(array: Any, axes: tuple[int, ...], keepdims: bool) -> int:
    """Return a number for a maximum: the same for the same one."""
    return next(_numbers)


def _largest(array: Any, axis: Any = None, *, keepdims: bool = False, **options: Any) -> Any:
    """Return a free number for each maximum: whatever is proved holds for every number, if it cancels."""
    if options:
        raise NotUnderstood("a maximum with further options")
    array = _as_sized(array)
    axes = _axis(array, axis)
    base = _base(SHIFT + str(_shift_number(array.reading(), tuple(axes), keepdims)))
    shape = [
        sp.S.One if place in axes else size for place, size in enumerate(array.sizes) if keepdims or place not in axes
    ]
    if not shape:
        return Value(base[sp.S.Zero])
    return Sized(shape, lambda *index: Value(base[tuple(index)]))


def _filled(value: int) -> Callable[..., Sized]:
    def like(array: Sized, **options: Any) -> Sized:
        if options.keys() - {"dtype"} or options.get("dtype") not in (None, object, np.dtype(object)):
            raise NotUnderstood(f"an array like another, with {options}")
        return Sized(array.sizes, lambda *_: Value(value))

    return like


def _junk_like(array: Sized, **options: Any) -> Sized:
    return sized(f"junk{next(_numbers)}", *array.sizes)


HANDLED: dict[Callable, Callable] = {
    np.dot: _dot,
    np.sum: _total,
    np.mean: _mean,
    np.max: _largest,
    np.amax: _largest,
    np.where: lambda *three: _elementwise(choose, *three),
    np.clip: lambda array, low, high: np.minimum(np.maximum(array, low), high),
    np.zeros_like: _filled(0),
    np.ones_like: _filled(1),
    np.empty_like: _junk_like,
    np.transpose: lambda array: array.T,
    np.asarray: lambda array: array,
    np.copy: lambda array: array.copy(),
    np.shape: lambda array: array.shape,
}


class _Chance:
    """A generator whose numbers are symbols: what dropout draws, and others if it draws again."""

    def __init__(self, name: str):
        self.name, self.drawn = name, 0

    def random(self, shape: Any = None, dtype: Any = None) -> Sized:
        self.drawn += 1
        return sized(self.name + str(self.drawn) * (self.drawn > 1), *map(exact, shape))

    def __getattr__(self, name: str) -> Any:
        raise NotUnderstood(f"{name} of a generator: only random is understood at symbolic shape")


# Proofs.


def prove_for_every_size(part: Layer | Loss | Update) -> Proof:
    """Prove the unchanged code of a layer, a loss or an optimizer's step for every number of samples and every width.

    Parameters
    ----------
    part
        A layer without parameters, or one whose ``parameter_shapes`` follow from its ``inputs`` and ``outputs``; a
        loss; or one of :data:`mnistlab.symbolic.updates.UPDATES`. Numbers such as dropout's rate, the label smoothing
        and the floor of :class:`~mnistlab.CrossEntropy` become symbols, if they are not 0.

    Returns
    -------
    Proof
        Entries at symbolic indices, so that each stands for all. Call :meth:`Proof.check` to raise an error if it does
        not hold.

    Raises
    ------
    TypeError
        If ``part`` is none of these, such as a class in place of a layer.
    NotUnderstood
        If the code uses what has no counterpart on arrays of symbolic shape. A convolution and a pooling do, since they
        cut images into pieces; they are proved at fixed sizes.
    """
    if not isinstance(part, Layer | Loss | Update):
        raise TypeError(f"{part!r} is no layer, no loss and no update: pass an object such as ReLU()")
    if isinstance(part, Conv2D | MaxPool2D):
        raise NotUnderstood(f"{part!r} cuts images into pieces, which is proved at fixed sizes: see prove_gradients")
    start = time.perf_counter()
    with all_understood():
        if isinstance(part, Update):
            proof = Proof(f"each step is the formula, for every number P of parameters:\n  {part.of}")
            proof.entries = compare_steps(part, _Vectors())
        elif isinstance(part, Loss):
            proof = Proof(f"backward is the derivative of forward, for every N and K:\n  {part!r}")
            proof.entries = _of_loss(part)
        else:
            names = "N, D and K" if part.inputs is not None else "N and K"
            proof = Proof(f"backward is the derivative of forward, for every {names}:\n  {part!r}")
            proof.entries = _of_layer(part)
    if isinstance(part, SoftmaxCrossEntropy):
        proof.claim += "\n  targets: rows that add to 1"
    if isinstance(part, Layer | Loss):
        proof.claim += "\n  real numbers, away from kinks"
        if not equations.is_known(part):
            proof.claim += "\n  no equation known, forward taken at its word"
    proof.seconds = time.perf_counter() - start
    return proof


INDICES = {N: (m, n), D: (d, c), K: (k, j), P: (q, r)}
"""Indices of an entry that is compared, by the size of its axis: two, for arrays such as K × K."""


def _index(sizes: Sequence[sp.Expr]) -> list[sp.Expr]:
    """Return an index that stands for every entry of an array of these sizes."""
    left = {size: iter(indices) for size, indices in INDICES.items()}
    try:
        return [sp.S.Zero if size == 1 else next(left[size]) for size in sizes]
    except (KeyError, StopIteration):
        raise NotUnderstood(f"an array of the shape {tuple(sizes)}") from None


def _of_layer(layer: Layer) -> list[Entry]:
    kept = dict(vars(layer))
    try:
        if layer.inputs is not None:
            layer.inputs, layer.outputs = Value(D), Value(K)  # type: ignore[assignment]  # symbols for a while
        if isinstance(layer, Dropout) and layer.rate:
            layer.rate = Value(sp.Symbol("rate", positive=True))  # type: ignore[assignment]  # as above
        quiet, training = _passes(layer, False), _passes(layer, True)
        entries = _entries(layer, *quiet, False)
        if not isinstance(layer, Dropout) and [each.reading() for each in quiet] == [
            each.reading() for each in training
        ]:
            return entries
        return entries + _entries(layer, *training, True)
    finally:
        vars(layer).clear()
        vars(layer).update(kept)


def _shapes(layer: Any) -> dict[str, tuple[sp.Expr, ...]]:
    return {name: tuple(map(exact, shape)) for name, shape in layer.parameter_shapes().items()}


def _symbol(name: str) -> str:
    """Return the name of a parameter's symbol, which is that of nothing else."""
    return name if name in ("W", "b") else f"parameter {name}"


def _like(name: str, array: Any) -> Sized:
    return sized(name, *array.sizes)


def _passes(layer: Any, training: bool) -> tuple[Pass, Pass]:
    shapes, twin = _shapes(layer), copy.deepcopy(layer)
    parameters, gradients = (
        [sized(start + _symbol(name), *shape) for name, shape in shapes.items()] for start in ("", "d")
    )
    views = dict(zip([*shapes, *("d" + name for name in shapes)], parameters + gradients, strict=True))
    vars(layer).update(views, bound=frozenset(views))
    vars(twin).update({name: sized("twin" + name, *shape) for name, shape in shapes.items()})

    def batch(name: str, more: int) -> Sized:
        return sized(name, N + more, D if layer.inputs is not None else K)

    def rng(old: bool) -> _Chance | None:
        return _Chance("before" if old else "chance") if training else None

    return layer_passes(layer, twin, batch, _like, parameters, gradients, rng)


def _entries(layer: Layer, alone: Pass, full: Pass, training: bool) -> list[Entry]:
    x, y, dx = full.x, full.y, full.dx
    entries, whole = _without_shifts(_sum_of(sized("g", *y.sizes), y))
    expected = _equation(layer, training)
    if expected is not None:
        index = _index(y.sizes)
        expected = _slope(expected, sized("g", *y.sizes).entry(*index))
        entries.append(_compare("y", _with_zero_shifts(y.entry(*index)), expected))
    for (name, shape), mine, without in zip(_shapes(layer).items(), full.gradients, alone.gradients, strict=True):
        index = _index(shape)
        slope = _slope(whole, sized(_symbol(name), *shape).entry(*index))
        entries.append(_compare(f"d{name}", mine.entry(*index), slope))
        entries.append(_compare(f"d{name} without dx", without.entry(*index), slope))
    if dx.sizes != x.sizes:
        raise ValueError(f"dx has the shape {dx.sizes}, and x {x.sizes}")
    index = _index(x.sizes)
    return [*entries, _compare("dx", dx.entry(*index), _slope(whole, x.entry(*index)))]


def _sum_of(a: Sized, b: Sized) -> sp.Expr:
    if a.sizes != b.sizes:
        raise ValueError(f"an output of shape {b.sizes}")
    return exact(_total(a * b))


def _slope(function: sp.Expr, variable: sp.Expr) -> sp.Expr:
    return collapse(with_steps(sp.diff(function, variable)))


def _equation(layer: Layer, training: bool) -> sp.Expr | None:
    """Return the lemma's ``Σ dy · y(x)`` with the names that are used here, or None."""
    function = equations.function_of(layer)
    if function is None:
        return None
    names = {name: "g" for name in ("dy", "dz", "dp")} | ({"theta": "x"} if isinstance(layer, Softmax) else {})
    bases = {base: _base(names.get(str(base), str(base))) for base in function.atoms(sp.IndexedBase)}
    function = function.replace(lambda node: isinstance(node, sp.Indexed), lambda node: bases[node.base][node.indices])
    if isinstance(layer, Dropout):
        # Kept with the probability 1 - rate, and then divided by it; a pass without chance keeps all.
        rate = exact(layer.rate)
        share = Above(1 - rate - _base("chance")[n, i]) / (1 - rate) if training and rate != 0 else sp.S.One
        function = function.xreplace({_base("mask")[n, i]: share})
    if "b" in map(str, function.atoms(sp.IndexedBase)) and not getattr(layer, "bias", True):
        function = function.replace(lambda node: isinstance(node, sp.Indexed) and str(node.base) == "b", lambda _: 0)
    return function


def _base(name: str) -> sp.IndexedBase:
    return sp.IndexedBase(sp.Symbol(name, real=True), real=True)


def _of_loss(loss: Any) -> list[Entry]:
    kept = dict(vars(loss))
    try:
        for name, symbol in (("label_smoothing", smoothing), ("epsilon", epsilon)):
            if getattr(loss, name, 0):
                setattr(loss, name, Value(symbol))
        name = "theta" if isinstance(loss, SoftmaxCrossEntropy) else "p" if isinstance(loss, CrossEntropy) else "y"

        def outputs(given: str, more: int) -> Sized:
            return sized(name if given == "y" else given, N + more, K)

        def targets(given: str, more: int) -> Sized:
            return sized(given, N + more, K)

        made, gradient = loss_passes(loss, copy.deepcopy(loss), outputs, targets)
        y = outputs("y", 0)
        entries, value = _without_shifts(exact(made))
        if gradient.sizes != y.sizes:
            raise ValueError(f"backward returns the shape {gradient.sizes}")
        ones = isinstance(loss, SoftmaxCrossEntropy)
        expected = equations.function_of(loss)
        if expected is not None:
            if isinstance(loss, SoftmaxCrossEntropy) and not loss.label_smoothing:
                expected = expected.xreplace({smoothing: sp.S.Zero})
            entries.append(_compare("L", _with_zero_shifts(value), expected, ones))
        return [*entries, _compare(f"d{name}", gradient.entry(m, k), _slope(value, y.entry(m, k)), ones)]
    finally:
        vars(loss).clear()
        vars(loss).update(kept)


def _without_shifts(value: sp.Expr) -> tuple[list[Entry], sp.Expr]:
    """Return an entry for each maximum along an axis, which must cancel, and the value."""
    entries = []
    for base in sorted({each for each in value.atoms(sp.IndexedBase) if str(each).startswith(SHIFT)}, key=str):
        places = {len(each.indices) for each in value.atoms(sp.Indexed) if each.base == base}
        (axes,) = places
        if axes > 2:
            raise NotUnderstood("a maximum of more than two axes")
        # One number a row, with the other axis kept or gone; or one of all.
        samples = {each.indices for each in value.atoms(sp.Indexed) if each.base == base}
        index = tuple(sp.S.Zero if all(each[place] == 0 for each in samples) else m for place in range(axes))
        slope = _slope(value, base[index])
        gone = cancels(value, base, sp.S.Zero) and _same(slope, sp.S.Zero, False)
        entries.append(Entry("L/shift", sp.S.Zero, slope, gone))
    return entries, value


def _with_zero_shifts(value: sp.Expr) -> sp.Expr:
    """Return the value with 0 for each maximum that was shown to cancel."""
    return value.replace(
        lambda node: isinstance(node, sp.Indexed) and str(node.base).startswith(SHIFT), lambda _: sp.S.Zero
    )


def _compare(name: str, written: sp.Expr, derivative: sp.Expr, ones: bool = False) -> Entry:
    """Return the entry that says whether two expressions are equal for every size."""
    proved = _same(written, derivative, ones)
    return Entry(name, written, derivative, proved, None if proved else _counterexample(written, derivative, ones))


def _same(a: sp.Expr, b: sp.Expr, ones: bool) -> bool:
    difference = _canonical(a) - _canonical(b)
    difference = _canonical(sp.expand(difference))
    if ones:
        difference = difference.replace(_is_row_of_targets, lambda *_: sp.S.One)
        difference = _canonical(sp.expand(difference))
    return _vanishes(difference)


def _is_row_of_targets(node: sp.Basic) -> bool:
    if not (isinstance(node, sp.Sum) and len(node.limits) == 1 and isinstance(node.function, sp.Indexed)):
        return False
    entry, (index, first, last) = node.function, node.limits[0]
    return str(entry.base) == "t" and entry.indices[1:] == (index,) and (first, last) == (0, K - 1)


def _vanishes(expression: sp.Expr) -> bool:
    """Return whether an expression is zero whatever its sums stand for."""
    opaque: dict[sp.Expr, sp.Dummy] = {}
    walk = sp.preorder_traversal(expression)
    for node in walk:
        if isinstance(node, sp.Sum | sp.Indexed):
            walk.skip()
            sign = {"positive": True} if isinstance(node, sp.Sum) and is_positive(node) else {"real": True}
            opaque.setdefault(node, sp.Dummy(**sign))
    return is_zero(expression.xreplace(opaque))


def _canonical(expression: sp.Expr) -> sp.Expr:
    """Return the same with exponentials of sums as products, factors outside of sums, and indices in one order."""
    expression = collapse(_split(with_steps(sp.sympify(expression))))
    return renamed(expression)[0]


def _split(expression: sp.Expr) -> sp.Expr:
    if not expression.args or isinstance(expression, sp.Indexed):
        return expression
    if isinstance(expression, sp.Tuple):
        return expression
    parts = [_split(part) for part in expression.args]
    result = expression.func(*parts)
    if isinstance(result, sp.exp):
        return sp.expand(result, power_base=False, log=False)
    if isinstance(result, sp.log):
        return _logarithm(collapse(result.args[0]))
    return result


def _logarithm(argument: sp.Expr) -> sp.Expr:
    """Return the logarithm of a product with exponentials, and reciprocals of what is positive, taken out."""
    total, rest = sp.S.Zero, []
    for factor in sp.Mul.make_args(argument):
        if isinstance(factor, sp.exp):
            total += factor.exp
        elif factor.is_Pow and factor.exp == -1 and is_positive(factor.base):
            total -= _logarithm(factor.base)
        else:
            rest.append(factor)
    left = sp.Mul(*rest)
    return total + (sp.log(left) if left != 1 else 0)


def _counterexample(a: sp.Expr, b: sp.Expr, ones: bool) -> dict[str, float] | None:
    """Return numbers for which the two differ, at small sizes; None where a maximum stands in them."""
    if any(str(base).startswith(SHIFT) for each in (a, b) for base in sp.sympify(each).atoms(sp.IndexedBase)):
        return None
    sizes = {N: sp.Integer(2), D: sp.Integer(3), K: sp.Integer(4), P: sp.Integer(3)}
    free = {symbol for each in (a, b) for symbol in sp.sympify(each).free_symbols}
    at = sizes | {index: sp.S.One for index in SIZE if index in free} | {index: sp.S.Zero for index in (c, j, n, r)}
    try:
        left, right = (written_out(sp.sympify(each), at) for each in (a, b))
    except (TypeError, ValueError):
        return None
    if ones:
        rows = {
            sp.Symbol(f"t[{row}, 3]", real=True): 1 - sum(sp.Symbol(f"t[{row}, {j}]", real=True) for j in range(3))
            for row in range(2)
        }
        left, right = left.xreplace(rows), right.xreplace(rows)
    found = differs(left, right)
    if found is not None:
        found["written"], found["derivative"] = found.pop("a"), found.pop("b")
    return found


class _Vectors:
    """Vectors of P numbers, each known by its entry at the index q."""

    def symbols(self, name: str, **assumptions: bool) -> np.ndarray:
        return np.array([sized(name, P, **assumptions).entry(q)], dtype=object).view(SymbolicArray)

    def given(self, expressions: np.ndarray) -> Sized:
        (entry,) = expressions
        return Sized((P,), lambda index: Value(exact(entry).xreplace({q: index})))

    def read(self, array: Sized) -> np.ndarray:
        if array.sizes != (P,):
            raise ValueError(f"a vector of the shape {array.sizes}")
        return np.array([array.entry(q)], dtype=object)

    def overwrite(self, array: Sized) -> None:
        array[...] = sized("overwritten", P)
