"""Small networks with which every layer and every loss of the library is proved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mnistlab.convolution import Conv2D, MaxPool2D
from mnistlab.layer import Layer
from mnistlab.layers import Dense, Dropout, ReLU, Sigmoid, Softmax, Tanh
from mnistlab.losses import CrossEntropy, Loss, SoftmaxCrossEntropy, SquaredError
from mnistlab.network import Network
from mnistlab.symbolic.prove import Proof, prove_gradients

__all__ = ["CASES", "Case"]


@dataclass(frozen=True)
class Case:
    """A network and its loss, made anew each time, since layers belong to one network.

    Attributes
    ----------
    name
        What the case is there for, in few words.
    layers
        Returns the layers.
    loss
        The loss.
    seed
        If given, passes are training passes with this seed, so that dropout has a fixed mask.
    """

    name: str
    layers: Callable[[], list[Layer]]
    loss: Loss
    seed: int | None = None

    def network(self, dtype: type = np.float32) -> Network:
        """Return a fresh network."""
        return Network(self.layers(), dtype=dtype)

    def prove(self) -> Proof:
        """Prove the gradients of the network and of its parts."""
        return prove_gradients(self.network(), self.loss, seed=self.seed)


CASES: tuple[Case, ...] = (
    Case("Dense", lambda: [Dense(2, 3)], SquaredError()),
    Case("Dense without bias", lambda: [Dense(2, 3, bias=False)], SquaredError()),
    Case("ReLU", lambda: [Dense(3, 2), ReLU(), Dense(2, 4)], SoftmaxCrossEntropy()),
    Case("Sigmoid", lambda: [Dense(2, 3), Sigmoid(), Dense(3, 1), Sigmoid()], SquaredError()),
    Case("Tanh", lambda: [Dense(2, 3), Tanh(), Dense(3, 4)], SquaredError()),
    Case("Softmax, squared error", lambda: [Dense(2, 3), Softmax()], SquaredError()),
    Case("softmax cross-entropy", lambda: [Dense(2, 3)], SoftmaxCrossEntropy()),
    Case("label smoothing", lambda: [Dense(2, 4)], SoftmaxCrossEntropy(0.25)),
    Case(
        "no biases, Softmax as a layer",
        lambda: [Dense(2, 2, bias=False), Dense(2, 2, bias=False), Softmax()],
        CrossEntropy(0.25),
    ),
    Case("Dropout", lambda: [Dense(2, 3), ReLU(), Dropout(0.3), Dense(3, 2)], SoftmaxCrossEntropy(), seed=1),
    Case(
        "two hidden layers",
        lambda: [Dense(2, 2), ReLU(), Dense(2, 2), Tanh(), Dense(2, 2)],
        SoftmaxCrossEntropy(),
    ),
    Case("Conv2D", lambda: [Conv2D((3, 5, 1), 2, (2, 3))], SquaredError()),
    Case("Conv2D, ReLU, Dense", lambda: [Conv2D((2, 2, 1), 1, (2, 1)), ReLU(), Dense(2, 2)], SoftmaxCrossEntropy()),
    Case("MaxPool2D", lambda: [MaxPool2D((2, 5, 1)), Dense(2, 2)], SquaredError()),
    Case(
        "Conv2D, MaxPool2D, Dense",
        lambda: [Conv2D((2, 3, 1), 1, (1, 2)), MaxPool2D((2, 2, 1)), Dense(1, 1)],
        SquaredError(),
    ),
)
"""Each case is there for one thing, and proves what else is in it along the way."""
