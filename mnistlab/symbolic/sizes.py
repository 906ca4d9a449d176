"""The unchanged code on arrays whose *shape* is symbolic: proved for every batch size and every width.

A :class:`Sized` array knows its shape as symbols, such as N × D, and an entry as an expression of symbolic indices. A
matrix product is a ``Sum``, and so is a sum along an axis; a function acts on the entry; what is written into an array
is its new entry. What ``backward`` wrote at symbolic indices must equal the derivative of what ``forward`` computed, by
the same algebra as in the lemmas (:mod:`mnistlab.symbolic.lemmas`), and ``forward`` must be the lemma's equation.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import sympy as sp
from numpy.lib.mixins import NDArrayOperatorsMixin

from mnistlab.convolution import Conv2D, MaxPool2D
from mnistlab.layer import Layer
from mnistlab.layers import Dropout, Softmax
from mnistlab.losses import CrossEntropy, Loss, SoftmaxCrossEntropy
from mnistlab.symbolic import equations
from mnistlab.symbolic.array import SymbolicArray
from mnistlab.symbolic.lemmas import SIZE, D, K, N, P, collapse, d, epsilon, i, k, m, n, q, smoothing, written_out
from mnistlab.symbolic.prove import Entry, Proof
from mnistlab.symbolic.updates import Update, compare_steps
from mnistlab.symbolic.values import Above, NotUnderstood, Truth, Value, apply, choose, exact, number
from mnistlab.symbolic.zero import differs, is_positive, is_zero, with_steps

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
            return _total(*inputs, out=out[0] if out else None, **options)  # type: ignore[misc]  # one input
        if method == "reduce" and ufunc is np.maximum:
            return _largest(*inputs, **options)
        if method != "__call__" or options:
            raise NotUnderstood(f"numpy.{ufunc.__name__} ({method}, {options}) of arrays of symbolic shape")
        result = _product(*inputs) if ufunc is np.matmul else _elementwise(lambda *each: apply(ufunc, *each), *inputs)
        return _written(out[0] if out else None, result)

    def __array_function__(self, function: Callable, types: object, arguments: tuple, options: dict) -> Any:
        """Understand the functions that are listed, and refuse all others."""
        if function not in HANDLED:
            raise NotUnderstood(f"numpy.{function.__name__} of arrays of symbolic shape")
        return HANDLED[function](*arguments, **options)

    def __getitem__(self, key: Any) -> Sized:
        """Return a view by ``:`` and ``None``."""
        keys = key if isinstance(key, tuple) else (key,)
        if any(part is not None and part != slice(None) for part in keys if not isinstance(part, Sized)) or any(
            isinstance(part, Sized) for part in keys
        ):
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
            if key.sizes != self.sizes or (isinstance(value, Sized) and value.ndim):
                raise NotUnderstood("a mask of another shape, or an array written where a mask holds")
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
        t = _fresh()
        return Value(sp.Sum(exact(left(row, t)) * exact(right(t, column)), (t, 0, size - 1)))

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


def _mean(array: Any, axis: Any = None, keepdims: bool = False) -> Any:
    array = _as_sized(array)
    count = sp.Mul(*(array.sizes[place] for place in _axis(array, axis)))
    return _total(array, axis, keepdims=keepdims) / Value(count)


SHIFT = "shift"


def _largest(array: Any, axis: Any = None, keepdims: bool = False, **options: Any) -> Any:
    """Return a free number for each maximum: whatever is proved holds for every number, if it cancels."""
    if options:
        raise NotUnderstood("a maximum with further options")
    array = _as_sized(array)
    axes = _axis(array, axis)
    base = sp.IndexedBase(sp.Symbol(f"{SHIFT}{next(_numbers)}", real=True), real=True)
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
    """A generator whose numbers are symbols: what dropout draws."""

    def random(self, shape: Any = None, dtype: Any = None) -> Sized:
        return sized("chance", *map(exact, shape))


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
    start = time.perf_counter()
    if isinstance(part, Update):
        proof = Proof(f"each step is the formula, for every number P of parameters:\n  {part.of}")
        proof.entries = compare_steps(part, _Vectors())
    elif isinstance(part, Loss):
        proof = Proof(f"backward is the derivative of forward, for every N and K:\n  {part!r}")
        proof.entries = _of_loss(part)
    elif isinstance(part, Conv2D | MaxPool2D):
        raise NotUnderstood(f"{part!r} cuts images into pieces, which is proved at fixed sizes: see prove_gradients")
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


INDICES = {N: m, D: d, K: k}
"""The index of an entry that is compared, by the size of its axis."""
RUNNING = {N: n, D: sp.Symbol("c", integer=True), K: i}


def _of_layer(layer: Layer) -> list[Entry]:
    kept = dict(vars(layer))
    try:
        entries = []
        if layer.inputs is not None:
            layer.inputs, layer.outputs = Value(D), Value(K)  # type: ignore[assignment]  # symbols for a while
        if isinstance(layer, Dropout):
            if layer.rate:
                layer.rate = Value(sp.Symbol("rate", positive=True))  # type: ignore[assignment]  # as above
            entries += _of_passes(layer, None)
            return entries + _of_passes(layer, _Chance())
        return _of_passes(layer, None)
    finally:
        vars(layer).clear()
        vars(layer).update(kept)


def _of_passes(layer: Any, rng: Any) -> list[Entry]:
    width = D if layer.inputs is not None else K
    shapes = {name: tuple(map(exact, shape)) for name, shape in layer.parameter_shapes().items()}
    for name, shape in shapes.items():
        setattr(layer, name, sized(name, *shape))

    def run(given: str, need_dx: bool) -> tuple[Sized, Sized, Any, dict[str, Sized]]:
        for name, shape in shapes.items():
            setattr(layer, "d" + name, sized("junk" + name, *shape))
        x = sized(given, N, width)
        y = layer.forward(x, rng)
        dy = sized("g", *y.sizes)
        return x, y, layer.backward(dy, need_dx), {name: getattr(layer, "d" + name) for name in shapes}

    run("old", False)
    *_, alone = run("x", False)
    x, y, dx, gradients = run("x", True)
    whole = _sum_of(sized("g", *y.sizes), y)
    entries, whole = _without_shifts(whole)
    expected = _equation(layer, rng is not None)
    if expected is not None:
        index = [INDICES[size] for size in y.sizes]
        expected = _slope(expected, sized("g", *y.sizes).entry(*index))
        entries.append(_compare("y", _with_zero_shifts(y.entry(*index)), expected))
    for name, shape in shapes.items():
        index = [INDICES[size] for size in shape]
        slope = _slope(whole, sized(name, *shape).entry(*index))
        entries.append(_compare(f"d{name}", gradients[name].entry(*index), slope))
        entries.append(_compare(f"d{name} without dx", alone[name].entry(*index), slope))
    index = [m, INDICES[width]]
    if dx.sizes != x.sizes:
        raise ValueError(f"dx has the shape {dx.sizes}, and x {x.sizes}")
    entries.append(_compare("dx", dx.entry(*index), _slope(whole, x.entry(*index))))
    return entries


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
    renamed = {name: "g" for name in ("dy", "dz", "dp")} | ({"theta": "x"} if isinstance(layer, Softmax) else {})
    bases = {base: _base(renamed.get(str(base), str(base))) for base in function.atoms(sp.IndexedBase)}
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
        loss.forward(sized("old", N, K), sized("older", N, K))
        loss.backward()
        y, t = sized(name, N, K), sized("t", N, K)
        entries, value = _without_shifts(exact(loss.forward(y, t)))
        gradient = loss.backward()
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
        entries.append(_compare("L/shift", sp.S.Zero, _slope(value, base[index])))
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
    return _renamed(expression)[0]


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


def _renamed(expression: sp.Expr) -> tuple[sp.Expr, int]:
    """Return the expression with bound indices named by their size and depth, and its depth."""
    if not expression.has(sp.Sum):
        return expression, 0
    if not isinstance(expression, sp.Sum):
        parts = [_renamed(part) for part in expression.args]
        return expression.func(*(part for part, _ in parts)), max(depth for _, depth in parts)
    body, depth = _renamed(expression.function)
    limits = sorted(expression.limits, key=lambda limit: str(limit[2]))
    choices = []
    for order in itertools.permutations(limits):
        if [str(limit[2]) for limit in order] != [str(limit[2]) for limit in limits]:
            continue
        names = [sp.Symbol(f"_{limit[2]}_{depth}_{place}", integer=True) for place, limit in enumerate(order)]
        body_so = body.xreplace({limit[0]: name for limit, name in zip(order, names, strict=True)})
        choices.append(sp.Sum(body_so, *((name, *limit[1:]) for limit, name in zip(order, names, strict=True))))
    return min(choices, key=sp.default_sort_key), depth + 1


def _counterexample(a: sp.Expr, b: sp.Expr, ones: bool) -> dict[str, float] | None:
    """Return numbers for which the two differ, at small sizes; None where a maximum stands in them."""
    if any(str(base).startswith(SHIFT) for each in (a, b) for base in sp.sympify(each).atoms(sp.IndexedBase)):
        return None
    sizes = {N: sp.Integer(2), D: sp.Integer(3), K: sp.Integer(4), P: sp.Integer(3)}
    at = {**sizes, **{index: sp.S.One for index in SIZE}}
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
