"""Which functions of NumPy a training step calls: on a GPU each call is sent there by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from mnistlab.losses import SoftmaxCrossEntropy
from mnistlab.network import Network
from mnistlab.optimizers import Optimizer
from mnistlab.perceptron import multilayer_perceptron
from mnistlab.training import train_step

__all__ = ["Call", "LoggedArray", "calls_of_a_step", "logged"]


class Call(NamedTuple):
    """A function, such as "matmul" or "add.reduce", and the shapes of the arrays that it was given."""

    name: str
    shapes: tuple[tuple[int, ...], ...]


class LoggedArray(np.ndarray):
    """An array that writes down what NumPy is asked to do with it, as do the arrays that come of it.

    NumPy hands a function on to the type of its arguments by the two methods below: so it does with a GPU's arrays.
    """

    calls: list[Call]

    def __array_finalize__(self, parent: object) -> None:
        self.calls = getattr(parent, "calls", [])

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: object, **options: object) -> LoggedArray:
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        return self._log(getattr(ufunc, method), name, inputs, options)

    def __array_function__(self, function: Callable, types: object, arguments: tuple, options: dict) -> LoggedArray:
        return self._log(function, function.__name__, arguments, options)

    def take(self, indices: np.ndarray, axis: int) -> LoggedArray:
        """Return some rows or columns; a method that no function stands for."""
        return self._log(np.ndarray.take, "take", (self, indices), {"axis": axis})

    def _log(self, function: Callable, name: str, arguments: Sequence, options: dict) -> LoggedArray:
        given = [_plain(value) for value in arguments]
        self.calls.append(Call(name, tuple(value.shape for value in given if isinstance(value, np.ndarray))))
        result = function(*given, **{key: _plain(value) for key, value in options.items()})
        return logged(np.asarray(result), self.calls)


def logged(array: np.ndarray, calls: list[Call]) -> LoggedArray:
    """Return a view of ``array`` that appends to ``calls``."""
    view = array.view(LoggedArray)
    view.calls = calls
    return view


def calls_of_a_step(sizes: Sequence[int], batch_size: int, optimizer: Optimizer) -> list[Call]:
    """Return the calls of a step of training, from the fetching of the batch to the optimizer, in their order.

    Parameters
    ----------
    sizes
        Of the layers of a perceptron without dropout.
    batch_size
        Of images, which are zeros.
    optimizer
        A fresh one. It does a step before the one that counts, in which it makes its state.
    """
    calls: list[Call] = []
    network, loss = Network(multilayer_perceptron(sizes)), SoftmaxCrossEntropy()
    network.bind(logged(network.parameters, calls), logged(network.gradients, calls))
    x, t = (logged(np.zeros((batch_size, size), np.float32), calls) for size in (sizes[0], sizes[-1]))
    for _ in range(2):
        calls.clear()
        rows = np.arange(batch_size)
        train_step(network, loss, optimizer, x.take(rows, axis=0), t.take(rows, axis=0))
    return calls


def _plain(value: object) -> object:
    """Return the array itself in place of its log, also within a tuple."""
    if isinstance(value, tuple):
        return tuple(_plain(one) for one in value)
    return value.view(np.ndarray) if isinstance(value, LoggedArray) else value
