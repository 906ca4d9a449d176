"""A network: a list of layers over one flat vector of parameters."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from mnistlab.checks import check_inputs, check_positive
from mnistlab.devices import array_module, to_host
from mnistlab.layer import Layer, forward_only, write
from mnistlab.layers import Sigmoid, Softmax
from mnistlab.threads import Threads, blas_threads, check_threads

__all__ = ["Network"]


class Network:
    """Layers in a row.

    All parameters live in one contiguous vector and all gradients in another; each layer holds views of its part, so
    that an optimizer, a file or a gradient check works on a single array. What is assigned to ``parameters``, or to
    ``W`` of a layer, is written into the vector. Copies and pickles are networks of their own, with the parameters and
    without gradients or what the layers remember.

    Parameters
    ----------
    layers
        Layers, first to last; sizes must fit. Each belongs to this network from now on.
    seed
        Seed of the initial weights; the same seed gives the same weights.
    dtype
        Type of the parameters: float32 to train, float64 to check gradients.
    device
        "cpu", or "cuda" to compute on a GPU by CuPy. The initial weights are the same on both.

    Attributes
    ----------
    layers
        A tuple.
    parameters, gradients
        Vectors of shape (P,): ``W`` row by row, then ``b``, layer by layer.
    input_size, output_size
        Lengths of an input row and an output row.

    Raises
    ------
    TypeError
        If an element of ``layers`` is no layer, or ``dtype`` is neither float32 nor float64.
    ValueError
        If there is no layer with a size, a layer stands in the list twice or belongs to another network, sizes do not
        fit, or ``device`` is unknown.
    DeviceError
        If there is no CuPy or no GPU for "cuda".

    Examples
    --------
    >>> from mnistlab import Dense, Network, ReLU
    >>> Network([Dense(784, 300), ReLU(), Dense(300, 10)], seed=0).parameters.size
    238510
    """

    parameters: np.ndarray
    gradients: np.ndarray

    def __init__(
        self,
        layers: Sequence[Layer],
        *,
        seed: int = 0,
        dtype: np.dtype | type = np.float32,
        device: str = "cpu",
    ):
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise TypeError(f"a network is of float32 or float64, not {np.dtype(dtype)}")
        array_module(device)  # fails, if it does, before the layers belong to the network
        layers = tuple(layers)
        self.input_size, self.output_size = _check_layers(layers)
        streams = np.random.SeedSequence(seed).spawn(len(layers))
        self.layers = layers
        count = sum(prod(shape) for layer in layers for shape in layer.parameter_shapes().values())
        self.bind(np.zeros(count, dtype), np.zeros(count, dtype))
        for layer, stream in zip(layers, streams, strict=True):
            layer.initialize(np.random.default_rng(stream))
        self._adopt()
        self.to(device)

    def clone(self) -> Network:
        """Return a network of its own with the same layers and parameters."""
        return copy.deepcopy(self)

    __copy__ = clone  # a shallow copy would share its layers

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute: the two vectors are written into (ValueError), and the layers stay (AttributeError)."""
        if name not in vars(self) or name not in ("layers", "parameters", "gradients"):
            super().__setattr__(name, value)
        elif name == "layers":
            raise AttributeError("the layers of a network stay: make a new Network of the layers that it shall have")
        else:
            write(getattr(self, name), value, f"the vector of {name}")

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if name != "gradients"}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state)
        self._adopt()
        parameters = self.parameters.copy()  # what another process shares may be read-only
        self.bind(parameters, np.zeros_like(parameters))

    def _adopt(self) -> None:
        """Mark the layers as those of this network."""
        for layer in self.layers:
            layer.own = frozenset(vars(layer)) - {*layer.bound, "bound", "own"}

    def to(self, device: str) -> Network:
        """Move the parameters to "cpu" or "cuda", and return the network; for errors see :class:`Network`.

        An optimizer that has been used with the network on the other device cannot go on with it.
        """
        make = array_module(device).asarray
        self.bind(make(to_host(self.parameters)), make(to_host(self.gradients)))
        return self

    def array(self, x: np.ndarray) -> np.ndarray:
        """Return ``x`` where the parameters are: itself, or a copy on the GPU."""
        return np.asarray(x, like=self.parameters)

    def bind(self, parameters: np.ndarray, gradients: np.ndarray) -> None:
        """Put the network on these two vectors, of shape (P,): from now on the layers are views of them."""
        vars(self).update(parameters=parameters, gradients=gradients)
        position = 0
        for layer in self.layers:
            views: dict[str, np.ndarray] = {}
            for name, shape in layer.parameter_shapes().items():
                part = slice(position, position + prod(shape))
                views |= {name: parameters[part].reshape(shape), "d" + name: gradients[part].reshape(shape)}
                position = part.stop
            vars(layer).update(views, bound=frozenset(views))

    def weight_mask(self) -> np.ndarray:
        """Return a vector like ``parameters``: 1 for weights, 0 for biases, which are what has one dimension."""
        shapes = [shape for layer in self.layers for shape in layer.parameter_shapes().values()]
        return self.array(np.repeat([len(s) > 1 for s in shapes], [prod(s) for s in shapes]).astype(self.dtype))

    @property
    def dtype(self) -> np.dtype:
        """Type of the parameters."""
        return self.parameters.dtype

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Return the outputs, shape (N, output_size), for ``x`` of shape (N, input_size).

        With a generator it is a training pass, in which dropout drops; without one the pass is deterministic. The
        arguments are not checked: :meth:`predict` and :func:`mnistlab.fit` do that, once.
        """
        for layer in self.layers:
            x = layer.forward(x, rng)
        return x

    def backward(self, dy: np.ndarray, need_dx: bool = False) -> np.ndarray | None:
        """Fill ``gradients`` from dL/doutputs of shape (N, output_size), for the last forward pass.

        Layer by layer, last to first: the chain rule carries the rules to any depth (:prf:ref:`thm-composition`).

        Return dL/dinputs if ``need_dx``; else the first layer is spared that product.
        """
        first = self.layers[0]
        for layer in reversed(self.layers):
            dy = layer.backward(dy, need_dx or layer is not first)
        return dy if need_dx else None

    def outputs(self, x: np.ndarray, batch_size: int = 1000, threads: Threads = 1) -> np.ndarray:
        """Return the outputs for any number of samples, shape (N, output_size), some at a time.

        ``x`` and the outputs are in the main memory, wherever the network is. The layers remember nothing of it: for a
        backward pass, call :meth:`forward`. ``threads`` is that of :func:`mnistlab.fit`.

        Raises
        ------
        TypeError, ValueError
            If ``x`` is not an array of finite floating-point numbers of shape (N, input_size), or an option does not
            fit.
        """
        x = check_inputs(x, self.input_size, self.dtype)
        size = check_positive("batch_size", batch_size)
        parts = []
        with blas_threads(check_threads(threads)) as watch:
            for start in range(0, len(x), size):
                part = self.array(x[start : start + size])
                for layer in self.layers:
                    part = forward_only(layer, part)
                parts.append(to_host(part))
                watch.look()
        return np.concatenate(parts)

    def predict(self, x: np.ndarray, batch_size: int = 1000, threads: Threads = 1) -> np.ndarray:
        """Return the most probable class of each sample, shape (N,).

        Of a single output after Sigmoid, return whether it is above ½, as 0 or 1.

        Raises
        ------
        TypeError, ValueError
            As :meth:`outputs`; and ValueError if there is one output of another kind, which names no class.
        """
        if self.output_size > 1:
            return self.outputs(x, batch_size, threads).argmax(axis=1)
        if not isinstance(self.layers[-1], Sigmoid):
            raise ValueError("one output names no class: end the network in Sigmoid(), or look at outputs(x)")
        return (self.outputs(x, batch_size, threads)[:, 0] > 0.5).astype(np.intp)

    def predict_proba(self, x: np.ndarray, batch_size: int = 1000, threads: Threads = 1) -> np.ndarray:
        """Return the probability of each class, shape (N, output_size), rows adding to 1.

        If the last layer is no :class:`Softmax`, the outputs are taken as logits, which is what
        :class:`SoftmaxCrossEntropy` trains.

        Raises
        ------
        TypeError, ValueError
            As :meth:`outputs`; and ValueError if the network has one output, or ends in an activation other than
            softmax, whose outputs are no logits.
        """
        if self.output_size == 1:
            raise ValueError("the softmax of one output is always 1: look at outputs(x)")
        last = self.layers[-1]
        if isinstance(last, Softmax):
            return self.outputs(x, batch_size, threads)
        if last.outputs is None:
            raise ValueError(
                f"a network that ends in {last!r} gives no probabilities: end it in Softmax(), or in Dense, trained "
                "with SoftmaxCrossEntropy"
            )
        return Softmax().forward(self.outputs(x, batch_size, threads))

    def config(self) -> list[dict[str, object]]:
        """Return the architecture as plain values: one dict a layer."""
        return [{"type": type(layer).__name__, **layer.config()} for layer in self.layers]

    def summary(self) -> str:
        """Return a table of layers, output sizes and parameter counts."""
        rows, size = [("layer", "output", "parameters")], self.input_size
        for layer in self.layers:
            size = layer.outputs or size
            count = sum(prod(shape) for shape in layer.parameter_shapes().values())
            rows.append((repr(layer), str(size), f"{count:,}"))
        rows.append(("total", "", f"{self.parameters.size:,}"))
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        lines = [f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}" for a, b, c in rows]
        rule = "-" * len(lines[0])
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])

    def __repr__(self) -> str:
        return f"Network([{', '.join(map(repr, self.layers))}], dtype={self.dtype})"


def _check_layers(layers: Sequence[Layer]) -> tuple[int, int]:
    for layer in layers:
        if not isinstance(layer, Layer):
            hint = f": write {layer.__name__}(...)" if isinstance(layer, type) else ""
            raise TypeError(f"a network is a list of layers, and {layer!r} is none{hint}")
        if layer.own is not None:
            raise ValueError(
                f"{layer!r} belongs to another network already: make new layers for each network, or copy a whole one "
                "with network.clone()"
            )
        for name in layer.parameter_shapes():
            if vars(layer).get(name) is not None:
                raise ValueError(f"{name} of {layer!r} was set before the network that draws it was made: set it later")
    if len({id(layer) for layer in layers}) < len(layers):
        raise ValueError("a layer stands in the list twice: make a new one for each place")
    sized = [layer for layer in layers if layer.outputs is not None]
    if not sized:
        raise ValueError("a network needs at least one Dense layer, which gives it its sizes")
    for before, after in pairwise(sized):
        if before.outputs != after.inputs:
            raise ValueError(f"{before!r} gives {before.outputs} numbers but {after!r} takes {after.inputs}")
    return sized[0].inputs, sized[-1].outputs  # type: ignore[return-value]  # both are set: sized
