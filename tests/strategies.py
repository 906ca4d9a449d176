"""Random networks and learning problems for hypothesis. Shapes are drawn by hypothesis, numbers from a drawn seed."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from mnistlab import (
    CrossEntropy,
    Dense,
    Dropout,
    Layer,
    Loss,
    Network,
    ReLU,
    Sigmoid,
    Softmax,
    SoftmaxCrossEntropy,
    SquaredError,
    Tanh,
)

sizes = st.integers(1, 7)
seeds = st.integers(0, 2**32 - 1)


@dataclass
class Problem:
    """A float64 network, its loss, and a batch."""

    network: Network
    loss: Loss
    x: np.ndarray
    targets: np.ndarray
    seed: int

    def loss_value(self) -> float:
        """Mean loss of a training pass, in which dropout drops the same units each time."""
        outputs = self.network.forward(self.x, np.random.default_rng(self.seed))
        return float(self.loss.forward(outputs, self.targets))

    def distance_to_kink(self) -> float:
        """Smallest distance of a ReLU's input, or of a clipped probability, from where the derivative jumps."""
        self.loss_value()
        distances = [np.abs(layer.x).min() for layer in self.network.layers if isinstance(layer, ReLU)]
        if isinstance(self.loss, CrossEntropy):
            # Relative: a probability of 1e-9 moves by far less than 1e-9 when a parameter moves by 1e-5.
            distances.append(np.abs(self.loss.p / self.loss.epsilon - 1).min())
        return min(distances, default=np.inf)


@st.composite
def hidden_layers(draw: st.DrawFn, inputs: int) -> tuple[list[Layer], int]:
    """Up to two Dense layers, each perhaps with an activation and dropout; and the size of their output."""
    layers: list[Layer] = []
    for _ in range(draw(st.integers(0, 2))):
        outputs = draw(sizes)
        layers.append(Dense(inputs, outputs, bias=draw(st.booleans())))
        layers += draw(st.sampled_from([[], [ReLU()], [Sigmoid()], [Tanh()], [Softmax()]]))
        layers += draw(st.sampled_from([[], [], [Dropout(0.3)]]))
        inputs = outputs
    return layers, inputs


@st.composite
def networks(draw: st.DrawFn, dtype: type = np.float64) -> Network:
    """Networks of one to three Dense layers; biases are not zero, so that forgetting one shows."""
    layers, inputs = draw(hidden_layers(draw(sizes)))
    layers.append(Dense(inputs, draw(sizes), bias=draw(st.booleans())))
    # New layers: what sampled_from holds is shared between examples.
    network = Network([type(layer)(**layer.config()) for layer in layers], dtype=dtype)
    rng = np.random.default_rng(draw(seeds))
    network.parameters[...] = rng.standard_normal(network.parameters.size) * 0.8
    return network


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """A network with one of the losses and a batch of 1 to 5 samples."""
    network, seed, samples = draw(networks()), draw(seeds), draw(st.integers(1, 5))
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((samples, network.input_size))
    kind = draw(st.sampled_from(["logits", "smoothed", "probabilities", "clipped", "squares"]))
    if kind == "squares":
        return Problem(network, SquaredError(), x, rng.standard_normal((samples, network.output_size)), seed)
    if draw(st.booleans()):
        targets = np.eye(network.output_size)[rng.integers(0, network.output_size, samples)]
    else:
        targets = rng.dirichlet(np.ones(network.output_size), samples)
    if kind in ("probabilities", "clipped"):
        ended = Network([*copy.deepcopy(network.layers), Softmax()], dtype=np.float64)
        ended.parameters[...] = rng.standard_normal(ended.parameters.size) * 0.8
        return Problem(ended, CrossEntropy(1e-7 if kind == "probabilities" else 0.2), x, targets, seed)
    return Problem(network, SoftmaxCrossEntropy(0.1 if kind == "smoothed" else 0.0), x, targets, seed)
