"""A gallery of wrong gradients that still train.

Each class here holds one mistake, taken from life, and says in its docstring what is wrong. Nothing else in the package
uses them: they show what accuracy does not notice, and which check does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import sympy as sp

from mnistlab.gradcheck import check_gradients
from mnistlab.layers import Dense, Dropout, ReLU, Softmax
from mnistlab.losses import Loss, SoftmaxCrossEntropy, SquaredError
from mnistlab.network import Network
from mnistlab.optimizers import SGD
from mnistlab.symbolic.array import symbols
from mnistlab.symbolic.prove import is_zero, prove_gradients

__all__ = [
    "GALLERY",
    "DenseWithoutBiasGradient",
    "DenseWithoutInputGradient",
    "DiagonalSoftmax",
    "DropoutWithoutMask",
    "MaskOfTheOutput",
    "MomentumWithWrongSign",
    "Planted",
    "SumInsteadOfMean",
]


class MaskOfTheOutput(ReLU):
    """Wrong: the mask asks whether the *output* is ``>= 0``, which it always is, so it blocks nothing.

    This is the mask of the MNIST tutorial in NumPy's own documentation. With ``> 0`` it would be right.
    """

    def backward(self, dy: np.ndarray, need_dx: bool = True) -> np.ndarray:
        """``dx = dy [y >= 0]``, that is ``dy``."""
        return dy * (np.maximum(self.x, 0) >= 0)


class SumInsteadOfMean(SoftmaxCrossEntropy):
    """Wrong: the loss is a mean over the batch and its gradient a sum, N times as long."""

    def backward(self) -> np.ndarray:
        """``dz = p - t``, without the 1/N."""
        return self.p - self.t


class DenseWithoutBiasGradient(Dense):
    """Wrong: the gradient of the bias is never written; the bias stays what it was at the start."""

    def backward(self, dz: np.ndarray, need_dx: bool = True) -> np.ndarray | None:
        """``dW`` and ``dx`` as they should be; no ``db``."""
        np.dot(self.x.T, dz, out=self.dW)
        return dz @ self.W.T if need_dx else None


class DenseWithoutInputGradient(Dense):
    """Wrong: nothing is passed on to the layer before, whose weights keep their random initial values."""

    def backward(self, dz: np.ndarray, need_dx: bool = True) -> np.ndarray | None:
        """``dW`` and ``db`` as they should be; ``dx = 0``."""
        super().backward(dz, need_dx=False)
        return np.zeros_like(self.x) if need_dx else None


class DiagonalSoftmax(Softmax):
    """Wrong: differentiated as if each output depended on its own input only, like a sigmoid."""

    def backward(self, dp: np.ndarray, need_dx: bool = True) -> np.ndarray:
        """``dx = dp p (1 - p)``, without the off-diagonal part of the Jacobian."""
        return dp * self.p * (1 - self.p)


class DropoutWithoutMask(Dropout):
    """Wrong: units that were dropped on the way forward take part on the way back."""

    def backward(self, dy: np.ndarray, need_dx: bool = True) -> np.ndarray:
        """``dx = dy``, without the mask."""
        return dy


class MomentumWithWrongSign(SGD):
    """Wrong: the velocity changes its sign at each step, so that momentum brakes instead of pushing.

    The gradient is right, so no check of gradients can see it.
    """

    def update(self, w: np.ndarray, g: np.ndarray, rate: float) -> None:
        """``v ← -μ v - η g``, ``w ← w + v``."""
        v = self.zeros("velocity", w)
        v *= -self.momentum
        v -= rate * g
        w += v


@dataclass(frozen=True)
class Planted:
    """One piece of the gallery: a network of one hidden layer, its loss and its optimizer, with one mistake in them.

    Attributes
    ----------
    name
        What is wrong, in few words.
    mistake
        The class that takes the place of the right one that it is derived from; None if all is right.
    dropout
        Whether half of the hidden units are dropped in training.
    softmax
        Whether the network ends in a Softmax layer, trained with squared error, in place of logits.
    """

    name: str
    mistake: type | None = None
    dropout: bool = False
    softmax: bool = False

    def repaired(self) -> Planted:
        """Return the same without the mistake."""
        return replace(self, mistake=None)

    def network(self, inputs: int, hidden: int, outputs: int, *, dtype: type = np.float32) -> Network:
        """Return a network of these sizes; it starts from the same weights with the mistake and without."""
        dense = self._of(Dense)
        layers = [dense(inputs, hidden), self._of(ReLU)()]
        layers += [self._of(Dropout)(0.5)] if self.dropout else []
        layers += [dense(hidden, outputs)]
        layers += [self._of(Softmax)()] if self.softmax else []
        return Network(layers, dtype=dtype)

    def loss(self) -> Loss:
        """Return the loss that goes with the network."""
        return SquaredError() if self.softmax else self._of(SoftmaxCrossEntropy)()

    def optimizer(self, rate: float, momentum: float) -> SGD:
        """Return gradient descent with momentum."""
        return self._of(SGD)(rate, momentum)

    def _of(self, right: type) -> type:
        """Return the class to use where ``right`` would be right."""
        return self.mistake if self.mistake is not None and issubclass(self.mistake, right) else right

    def finite_difference_error(self, x: np.ndarray, targets: np.ndarray, *, hidden: int = 10) -> float:
        """Return the relative error of the parameters' gradient on a float64 batch, by central differences.

        Parameters
        ----------
        x, targets
            A batch of shapes (N, D) and (N, K).
        hidden
            Number of hidden units.
        """
        network = self.network(x.shape[1], hidden, targets.shape[1], dtype=np.float64)
        return check_gradients(network, self.loss(), x, targets, seed=1)["parameters"]

    def gradient_is_proved(self) -> bool:
        """Return whether :func:`~mnistlab.symbolic.prove.prove_gradients` proves the gradient of a 2-2-2 network."""
        return prove_gradients(self.network(2, 2, 2), self.loss(), seed=1).holds

    def update_is_proved(self) -> bool:
        """Return whether two steps of the optimizer on symbols are those of classical momentum."""
        rate, momentum = sp.symbols("eta mu", positive=True)
        optimizer = self.optimizer(0.1, 0.5)
        optimizer.learning_rate, optimizer.momentum = (lambda progress: rate), momentum
        start, first, second = (symbols(name, (2,)) for name in "wgh")
        w = start.copy()
        optimizer.step(w, first)
        optimizer.step(w, second)
        expected = start - rate * first + (-momentum * rate * first - rate * second)
        return all(map(is_zero, w - expected))


GALLERY = (
    Planted("nothing is wrong"),
    Planted("mask of ReLU's output", MaskOfTheOutput),
    Planted("sum instead of mean", SumInsteadOfMean),
    Planted("no gradient of the biases", DenseWithoutBiasGradient),
    Planted("nothing reaches the first layer", DenseWithoutInputGradient),
    Planted("diagonal of softmax's Jacobian", DiagonalSoftmax, softmax=True),
    Planted("no mask on dropout's way back", DropoutWithoutMask, dropout=True),
    Planted("wrong sign of the momentum", MomentumWithWrongSign),
)
"""The right network first, then one piece for each mistake."""
