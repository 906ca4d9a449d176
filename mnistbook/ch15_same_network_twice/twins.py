"""One network trained twice, by mnistlab and by Keras, step for step, and how far apart the two are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mnistlab.interop.keras_models import import_keras, to_keras
from mnistlab.layers import ReLU
from mnistlab.losses import SoftmaxCrossEntropy
from mnistlab.network import Network
from mnistlab.optimizers import Optimizer
from mnistlab.training import train_step

__all__ = [
    "Twins",
    "count_flips",
    "keras_step",
    "relative_distance",
    "train_twins",
]


@dataclass(frozen=True)
class Twins:
    """What :func:`train_twins` saw.

    Attributes
    ----------
    losses, keras_losses
        Loss of each batch before its step, shape (steps,).
    gaps
        ``‖w - w'‖ / ‖w‖`` after each step, for the parameters ``w`` of mnistlab and ``w'`` of Keras; shape (steps,).
    flips
        In the forward pass of each step, how many inputs of ReLUs were positive in the one network and not in the
        other; shape (steps,).
    network
        mnistlab's, trained.
    model
        Keras's, trained.
    """

    losses: np.ndarray
    keras_losses: np.ndarray
    gaps: np.ndarray
    flips: np.ndarray
    network: Network
    model: Any


def relative_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Return ``‖a - b‖ / ‖a‖`` of two vectors, computed in float64."""
    first = first.astype(np.float64)
    return float(np.linalg.norm(first - second) / np.linalg.norm(first))


def count_flips(network: Network, positive: Sequence[np.ndarray]) -> int:
    """Return how many inputs of ReLUs were positive in one of two networks only, in their last forward pass.

    Parameters
    ----------
    network
        The one, of mnistlab.
    positive
        For each ReLU of the other, whether its inputs were positive: shape (N, units).
    """
    own = [layer.x > 0 for layer in network.layers if isinstance(layer, ReLU)]
    return sum(int(np.sum(mine != other)) for mine, other in zip(own, positive, strict=True))


def keras_step(model: Any, optimizer: Any) -> Callable[[np.ndarray, np.ndarray], tuple[Any, list[Any]]]:
    """Return Keras's training step on softmax cross-entropy, for a model that ends in logits.

    It takes a batch, and gives the mean loss before the step and, for each ReLU, which inputs were positive. It is
    written out for the second, and since ``train_on_batch`` rounds the loss to float32. It needs Keras on TensorFlow.
    """
    keras = import_keras()
    import tensorflow as tf

    dtype = model.outputs[0].dtype
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, dtype=dtype)
    variables = model.trainable_variables

    @tf.function(jit_compile=False)
    def step(x, targets):
        positive = []
        with tf.GradientTape() as tape:
            for layer in model.layers:
                x = layer(x)
                if isinstance(layer, keras.layers.ReLU):
                    positive.append(x > 0)
            value = loss(targets, x)
        optimizer.apply(tape.gradient(value, variables), variables)
        return value, positive

    return step


def train_twins(
    network: Network, ours: Optimizer, theirs: Any, batches: Iterable[tuple[np.ndarray, np.ndarray]]
) -> Twins:
    """Give a network and its Keras twin the same batches in the same order.

    Parameters
    ----------
    network
        Ends in logits, and has no dropout, for which the two draw different numbers. It is trained in place; the twin
        begins with a copy of its parameters.
    ours, theirs
        An optimizer of mnistlab and one of Keras.
    batches
        Pairs of inputs, shape (N, input_size), and rows of targets, shape (N, output_size), of the network's dtype.

    Returns
    -------
    Twins
        Losses, distances and the two trained networks.
    """
    model = to_keras(network)
    step, loss = keras_step(model, theirs), SoftmaxCrossEntropy()
    rows = []
    for x, targets in batches:
        value = train_step(network, loss, ours, x, targets)
        keras_value, positive = step(x, targets)
        flips = count_flips(network, [each.numpy() for each in positive])
        weights = np.concatenate([values.ravel() for values in model.get_weights()])
        rows.append((value, float(keras_value), relative_distance(network.parameters, weights), flips))
    losses, keras_losses, gaps, flips = np.array(rows, dtype=np.float64).T
    return Twins(losses, keras_losses, gaps, flips.astype(int), network, model)
