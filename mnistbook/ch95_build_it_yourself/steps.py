"""Checks of a network that the reader writes, in eight steps: values and gradients against the library's.

Each function takes what the reader wrote for a step, runs it on small random arrays in float64, and prints for each
result whether it is that of the library, else how far off it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np

from mnistbook.kit.exercises import verdict
from mnistlab.data import minibatches, one_hot
from mnistlab.initializers import He
from mnistlab.layers import Dense, ReLU
from mnistlab.losses import SoftmaxCrossEntropy
from mnistlab.network import Network
from mnistlab.optimizers import SGD
from mnistlab.training import train_step

__all__ = ["backward", "dense", "forward", "initial", "loss", "relu", "step", "train"]

SIZES = (5, 4, 3)
"""Of the network of the checks; no two are equal, so that a transposed product does not fit."""

SAMPLES = 6
TOLERANCE = 1e-9


def dense(forward: Callable, backward: Callable) -> None:
    """Check step 1: ``forward(x, W, b)`` gives z, and ``backward(dz, x, W)`` gives dW, db and dx."""
    network, x, _ = _example()
    layer = network.layers[0]
    z = layer.forward(x)
    dz = np.random.default_rng(1).standard_normal(z.shape)
    dx = layer.backward(dz)
    _say({"z": z}, forward(x, layer.W, layer.b))
    _say({"dW": layer.dW, "db": layer.db, "dx": dx}, backward(dz, x, layer.W))


def relu(forward: Callable, backward: Callable) -> None:
    """Check step 2: ``forward(z)`` gives h, and ``backward(dh, h)`` gives dz."""
    z, dh = np.random.default_rng(0).standard_normal((2, SAMPLES, 4))
    layer = ReLU()
    h = layer.forward(z)
    _say({"h": h}, forward(z))
    _say({"dz": layer.backward(dh)}, backward(dh, h))


def loss(yours: Callable) -> None:
    """Check step 3: ``yours(logits, t)`` gives the mean cross-entropy and its derivative; large logits do no harm."""
    rng, ours = np.random.default_rng(0), SoftmaxCrossEntropy()
    logits, t = rng.standard_normal((SAMPLES, 3)), one_hot(rng.integers(0, 3, SAMPLES), 3, dtype=np.float64)
    for suffix, scale in (("", 1.0), (", logits near 1000", 1000.0)):
        wanted = {f"L{suffix}": ours.forward(scale * logits, t), f"d logits{suffix}": ours.backward()}
        with np.errstate(all="ignore"):
            _say(wanted, yours(scale * logits, t))


def initial(yours: Callable) -> None:
    """Check step 4: ``yours(sizes, rng)`` gives the list W1, b1, W2, b2 … of He's weights and of zeros."""
    ours, rng = [], np.random.default_rng(0)
    for size in pairwise(SIZES):
        ours += [He()(rng, size), np.zeros(size[1])]
    _say(dict(zip(_names(), ours, strict=True)), yours(SIZES, np.random.default_rng(0)), tolerance=1e-6)


def forward(yours: Callable) -> None:
    """Check step 5: ``yours(parameters, x)`` gives the logits and the list of each dense layer's inputs."""
    network, x, _ = _example()
    answer = yours(_parameters(network), x)
    logits = network.forward(x)
    first, _, second = network.layers
    _say({"logits": logits, "inputs of layer 1": first.x, "inputs of layer 2": second.x}, _flat(answer))


def backward(yours: Callable) -> None:
    """Check step 6: ``yours(parameters, inputs, d_logits)`` gives the gradients, in the order of the parameters."""
    network, x, t = _example()
    ours = SoftmaxCrossEntropy()
    ours.forward(network.forward(x), t)
    network.backward(ours.backward())
    inputs = [network.layers[0].x, network.layers[2].x]
    answer = yours(_parameters(network), inputs, ours.backward())
    _say({f"d{name}": gradient for name, gradient in zip(_names(), _gradients(network), strict=True)}, answer)


def step(yours: Callable) -> None:
    """Check step 7: ``yours(parameters, gradients, velocities, rate, momentum)`` makes a step in place."""
    network, _, _ = _example()
    start = [each.copy() for each in _parameters(network)]
    parameters = [each.copy() for each in start]
    velocities = [np.zeros_like(each) for each in start]
    ours, rng = SGD(0.1, 0.9), np.random.default_rng(1)
    for _ in range(3):
        network.gradients[...] = rng.standard_normal(network.gradients.size)
        yours(parameters, [each.copy() for each in _gradients(network)], velocities, 0.1, 0.9)
        ours.step(network.parameters, network.gradients)
    untouched = all(map(np.array_equal, parameters, start))
    names = [f"{name} after three steps" for name in _names()]
    _say(dict(zip(names, _parameters(network), strict=True)), None if untouched else parameters)


def train(yours: Callable) -> None:
    """Check step 8: ``yours(x, t, sizes, epochs, batch_size, rate, momentum, rng)`` gives the trained parameters."""
    data = np.random.default_rng(2)
    x, t = data.standard_normal((50, SIZES[0])), one_hot(data.integers(0, SIZES[-1], 50), SIZES[-1], dtype=np.float64)
    answer = yours(x, t, SIZES, 2, 8, 0.1, 0.9, np.random.default_rng(0))
    rng, network, optimizer = np.random.default_rng(0), _example()[0], SGD(0.1, 0.9)
    for layer in network.layers[::2]:
        layer.initialize(rng)
    for _ in range(2):
        for batch in minibatches(x, t, 8, rng):
            train_step(network, SoftmaxCrossEntropy(), optimizer, *batch)
    names = [f"{name} after two epochs" for name in _names()]
    _say(dict(zip(names, _parameters(network), strict=True)), answer, tolerance=1e-5)


def _example() -> tuple[Network, np.ndarray, np.ndarray]:
    """Return a float64 network with biases that are not zero, and a batch for it."""
    network = Network([Dense(*SIZES[:2]), ReLU(), Dense(*SIZES[1:])], dtype=np.float64)
    rng = np.random.default_rng(0)
    network.parameters[...] = rng.standard_normal(network.parameters.size)
    x = rng.standard_normal((SAMPLES, SIZES[0]))
    return network, x, one_hot(rng.integers(0, SIZES[-1], SAMPLES), SIZES[-1], dtype=np.float64)


def _names() -> list[str]:
    return [f"{letter}{layer}" for layer in range(1, len(SIZES)) for letter in "Wb"]


def _parameters(network: Network) -> list[np.ndarray]:
    return [array for layer in network.layers[::2] for array in (layer.W, layer.b)]


def _gradients(network: Network) -> list[np.ndarray]:
    return [array for layer in network.layers[::2] for array in (layer.dW, layer.db)]


def _flat(answer: object) -> object:
    """Return logits and inputs in one list, if they come as such a pair."""
    return [answer[0], *answer[1]] if isinstance(answer, tuple) and len(answer) == 2 else answer


def _say(ours: Mapping[str, np.ndarray], yours: object, *, tolerance: float = TOLERANCE) -> None:
    """Print a verdict for each result; None, from a function that has no body yet, is no answer."""
    if yours is None:
        print(f"{', '.join(ours)}: no answer yet")
        return
    answers: Sequence = [yours] if len(ours) == 1 else yours  # type: ignore[assignment]
    if not isinstance(answers, list | tuple) or len(answers) != len(ours):
        print(f"not yet: {len(ours)} results are wanted: {', '.join(ours)}")
        return
    for (name, right), answer in zip(ours.items(), answers, strict=True):
        print(f"{name}: {verdict(... if answer is None else answer, right, tolerance)}")
