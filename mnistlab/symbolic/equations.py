"""What ``forward`` should compute: the equations of the report, taken from the left sides of the lemmas.

Without them a forward pass would be its own witness: a squared error without its ½, differentiated faithfully, is
consistent and not the squared error.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from mnistlab.convolution import Conv2D, MaxPool2D
from mnistlab.layer import Layer
from mnistlab.layers import Dense, Dropout, ReLU, Sigmoid, Softmax, Tanh
from mnistlab.losses import CrossEntropy, Loss, SoftmaxCrossEntropy, SquaredError
from mnistlab.symbolic import lemmas
from mnistlab.symbolic.array import is_shift
from mnistlab.symbolic.values import exact
from mnistlab.symbolic.zero import cancels

__all__ = ["FUNCTIONS", "entries_of", "entries_of_loss", "function_of", "is_known"]

FUNCTIONS: dict[type, Callable[[], lemmas.Lemma]] = {
    Dense: lemmas.dense_weights,
    ReLU: lemmas.relu,
    Sigmoid: lemmas.sigmoid,
    Tanh: lemmas.tanh,
    Softmax: lemmas.softmax_product,
    Dropout: lemmas.dropout,
    Conv2D: lemmas.conv_weights,
    MaxPool2D: lemmas.max_pool,
    SoftmaxCrossEntropy: lemmas.label_smoothing,
    CrossEntropy: lemmas.cross_entropy,
    SquaredError: lemmas.squared_error,
}
"""For each layer and loss, a lemma about it. What a lemma differentiates is, for a layer, ``Σ dy · y(x)``."""


def function_of(part: Layer | Loss) -> sp.Expr | None:
    """Return what the lemma of a layer or a loss differentiates, with sizes that are symbols; None without a lemma."""
    base = _base(part)
    return None if base is None else _function(base)


def is_known(part: Layer | Loss) -> bool:
    """Return whether there is an equation: for the library's layers and losses, and for what is derived from them."""
    return _base(part) is not None


def _base(part: Layer | Loss) -> type | None:
    return next((each for each in type(part).__mro__ if each in FUNCTIONS), None)


@lru_cache
def _function(base: type) -> sp.Expr:
    return FUNCTIONS[base]().statement.lhs.expr


def entries_of(layer: Layer, number: int, x: np.ndarray, y: np.ndarray, compare: Callable, training: bool) -> list[Any]:
    """Return an entry for each output of a layer, against its equation; none where no equation is known.

    Parameters
    ----------
    layer, number
        The layer, and which it is in its network.
    x, y
        Symbols, and the expressions that ``forward`` made of them.
    compare
        Makes an entry of a name and two expressions.
    training
        Whether it was a training pass.
    """
    if not is_known(layer):
        return []
    expected = _outputs(layer, x, y, training)
    return [
        compare(f"y^{{({number})}}_{{{n},{k}}}", *_without_shifts(y[n, k], expected[n, k]))
        for n, k in np.ndindex(y.shape)
    ]


def entries_of_loss(loss: Loss, y: np.ndarray, t: np.ndarray, value: sp.Expr, compare: Callable) -> list[Any]:
    """Return an entry for the value of a loss, against its equation; none where no equation is known."""
    return [compare("L", *_without_shifts(value, _loss(loss, y, t)))] if is_known(loss) else []


def _without_shifts(value: sp.Expr, expected: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Return the two with 0 in place of each shift that cancels, and the maximum itself in place of any other."""
    for shift in filter(is_shift, value.free_symbols):
        value = value.xreplace({shift: sp.S.Zero if cancels(value, shift) else shift.of})
    return value, expected


def _named(**arrays: np.ndarray) -> dict[sp.Symbol, sp.Expr]:
    """Return what stands for the entries of a lemma's arrays, once it is written out."""
    return {
        sp.Symbol(f"{name}[{', '.join(map(str, index))}]", real=True): exact(array[index])
        for name, array in arrays.items()
        for index in np.ndindex(array.shape)
    }


def _outputs(layer: Layer, x: np.ndarray, y: np.ndarray, training: bool) -> np.ndarray:
    """Return what a layer should give for ``x``."""
    count, inputs = x.shape
    outputs = y.shape[1]
    if isinstance(layer, Dropout):
        # Which entries are dropped is chance; the others must be divided by what is kept on the average.
        if not training or layer.rate == 0:
            return np.asarray(x)
        return np.where(y == 0, 0, np.asarray(x) * exact(1 / (1 - layer.rate)))
    if isinstance(layer, MaxPool2D):
        (rows, columns, channels), (high, wide) = layer.output_shape, layer.size
        images = np.asarray(x).reshape(count, *layer.shape)
        parts = images[:, : rows * high, : columns * wide].reshape(count, rows, high, columns, wide, channels)
        windows = parts.transpose(0, 1, 3, 5, 2, 4).reshape(count, outputs, -1)
        return np.frompyfunc(lambda n, k: sp.Max(*windows[n, k]), 2, 1)(*np.indices(y.shape))
    name = "dp" if isinstance(layer, Softmax) else "dz" if isinstance(layer, Dense | Conv2D) else "dy"
    sizes = {lemmas.N: count, lemmas.D: inputs, lemmas.K: outputs}
    given = _named(**{"theta" if isinstance(layer, Softmax) else "x": x})
    shape = y.shape
    if isinstance(layer, Conv2D):
        (rows, columns, filters), (high, wide) = layer.output_shape, layer.kernel
        sizes = {lemmas.N: count, lemmas.D: layer.shape[2], lemmas.K: filters}
        sizes |= {lemmas.A: high, lemmas.B: wide, lemmas.R: rows, lemmas.S: columns}
        given = _named(x=np.asarray(x).reshape(count, *layer.shape))
        shape = (count, rows, columns, filters)
    if isinstance(layer, Dense | Conv2D):
        zero = np.zeros(shape[-1], dtype=int)
        given |= _named(W=np.asarray(layer.W), b=np.asarray(layer.b) if layer.bias else zero)
    explicit = lemmas.written_out(_function(_base(layer)), {size: sp.Integer(v) for size, v in sizes.items()})
    result = np.empty(shape, dtype=object)
    for index in np.ndindex(shape):
        dy = sp.Symbol(f"{name}[{', '.join(map(str, index))}]", real=True)
        result[index] = sp.diff(explicit, dy).xreplace(given)
    return result.reshape(y.shape)


def _loss(loss: Loss, y: np.ndarray, t: np.ndarray) -> sp.Expr:
    """Return what a loss should be."""
    sizes = {lemmas.N: sp.Integer(len(y)), lemmas.K: sp.Integer(y.shape[1])}
    at = {
        lemmas.epsilon: exact(getattr(loss, "epsilon", 0)),
        lemmas.smoothing: exact(getattr(loss, "label_smoothing", 0)),
    }
    explicit = lemmas.written_out(_function(_base(loss)), sizes).xreplace(at)
    name = {SoftmaxCrossEntropy: "theta", CrossEntropy: "p", SquaredError: "y"}[_base(loss)]  # type: ignore[index]  # of a known loss
    return explicit.xreplace(_named(**{name: y, "t": t}))
