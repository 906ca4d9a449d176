"""Losses: a mean over the batch, and its derivative with respect to the network's outputs.

``N`` samples, ``K`` outputs. Targets are rows as long as the outputs: one-hot rows for classification
(:func:`mnistlab.one_hot`), any numbers for :class:`SquaredError`. As with layers, ``backward`` belongs to the last
``forward``.
"""

from __future__ import annotations

import numpy as np

from mnistlab.layer import Layer
from mnistlab.layers import ReLU, Sigmoid, Softmax, Tanh
from mnistlab.network import Network

__all__ = ["CrossEntropy", "Loss", "SoftmaxCrossEntropy", "SquaredError"]


class Loss:
    """What training asks of a loss: a mean over the batch (:eq:`eq-batch-mean`)."""

    def forward(self, outputs: np.ndarray, targets: np.ndarray) -> np.floating:
        """Return the mean loss of a batch; ``outputs`` and ``targets`` have shape (N, K).

        A loss that can be weighted keeps in ``terms``, an array of N rows, what it adds up.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no forward pass")

    def backward(self) -> np.ndarray:
        """Return dL/doutputs, shape (N, K)."""
        raise NotImplementedError(f"{type(self).__name__} defines no backward pass")

    def check_network(self, network: Network) -> None:
        """Raise ValueError if the formula is not meant for what the network's last layer gives."""

    def check_targets(self, targets: np.ndarray) -> None:
        """Raise ValueError if the formula does not hold for targets of shape (N, K) such as these."""

    def config(self) -> dict[str, object]:
        """Arguments that make this loss again."""
        return {}

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.config().items())
        return f"{type(self).__name__}({arguments})"


class SoftmaxCrossEntropy(Loss):
    r"""Softmax and cross-entropy in one, on logits :math:`θ`.

    .. math:: L = -\frac1N \sum_n \sum_k t_{nk} \log p_{nk}, \qquad p = \operatorname{softmax}(θ)

    Backward (:eq:`eq-softmax-cross-entropy-backward`): :math:`dθ = (p - t) / N`, for rows of targets that add to 1.

    Parameters
    ----------
    label_smoothing
        α: trains towards :math:`(1 - α)\,t + α / K` instead of t (Szegedy et al., 2016).

    Raises
    ------
    ValueError
        If ``label_smoothing`` is not in [0, 1).
    """

    def __init__(self, label_smoothing: float = 0.0):
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing must be at least 0 and less than 1, not {label_smoothing!r}")
        self.label_smoothing = float(label_smoothing)

    def forward(self, logits: np.ndarray, targets: np.ndarray) -> np.floating:
        """``L = (1/N) Σ t (log Σ exp(θ - m) - (θ - m))`` with m the row's maximum: no overflow, no log of zero."""
        if self.label_smoothing:
            targets = targets * (1 - self.label_smoothing) + self.label_smoothing / logits.shape[1]
        shifted = logits - np.max(logits, axis=1, keepdims=True)
        e = np.exp(shifted)
        total = np.sum(e, axis=1, keepdims=True)
        self.p, self.t = e / total, targets
        self.terms = targets * (np.log(total) - shifted)
        return np.sum(self.terms) / logits.shape[0]

    def backward(self) -> np.ndarray:
        """``dθ = (p - t) / N``."""
        return (self.p - self.t) / self.p.shape[0]

    def check_network(self, network: Network) -> None:
        """Raise ValueError if the network has one output, or ends in an activation: its outputs are no logits then."""
        last = _last_of_several(network)
        if isinstance(last, Softmax):
            raise ValueError(
                "SoftmaxCrossEntropy computes the softmax itself, and the network ends in Softmax(): leave that layer "
                "out, or use CrossEntropy"
            )
        if isinstance(last, ReLU | Sigmoid | Tanh):
            raise ValueError(
                f"SoftmaxCrossEntropy is for logits, and the network ends in {last!r}: end it in Dense, or use "
                "SquaredError"
            )

    def check_targets(self, targets: np.ndarray) -> None:
        """Raise ValueError if a row of targets does not add to 1: the gradient would be wrong."""
        wrong = np.flatnonzero(np.abs(targets.sum(axis=1) - 1) > 1e-4)
        if len(wrong):
            raise ValueError(
                f"SoftmaxCrossEntropy needs rows of targets that add to 1: row {wrong[0]} adds to "
                f"{targets[wrong[0]].sum():g}. For other targets, use SquaredError"
            )

    def config(self) -> dict[str, object]:
        """The label smoothing."""
        return {"label_smoothing": self.label_smoothing}


class CrossEntropy(Loss):
    r"""Cross-entropy on probabilities :math:`p`, as a :class:`~mnistlab.Softmax` layer gives them.

    .. math:: L = -\frac1N \sum_n \sum_k t_{nk} \log \max(p_{nk}, ε)

    Backward (:eq:`eq-cross-entropy-backward`): :math:`dp = -t / (N p)`, and 0 where p < ε, the derivative of what
    ``forward`` computes. Where nothing else calls for it, :class:`SoftmaxCrossEntropy` is faster and more exact.

    Raises
    ------
    ValueError
        If ``epsilon`` is not in (0, 1).
    """

    def __init__(self, epsilon: float = 1e-7):
        if not 0 < epsilon < 1:
            raise ValueError(f"epsilon must lie between 0 and 1, not {epsilon!r}")
        self.epsilon = float(epsilon)

    def forward(self, p: np.ndarray, targets: np.ndarray) -> np.floating:
        """``L = -(1/N) Σ t log max(p, ε)``."""
        self.p, self.t = p, targets
        self.terms = -targets * np.log(np.maximum(p, self.epsilon))
        return np.sum(self.terms) / p.shape[0]

    def backward(self) -> np.ndarray:
        """``dp = -t / (N p) [p > ε]``."""
        return -self.t / np.maximum(self.p, self.epsilon) * (self.p > self.epsilon) / self.p.shape[0]

    def check_network(self, network: Network) -> None:
        """Raise ValueError if the network has one output, or if its outputs are no probabilities that add to 1."""
        last = _last_of_several(network)
        if not isinstance(last, Softmax) and type(last).__module__.startswith("mnistlab."):
            raise ValueError(
                f"CrossEntropy is for the probabilities of Softmax(), and the network ends in {last!r}: end it in "
                + ("Softmax()" if last.outputs is None else "Softmax(), or use SoftmaxCrossEntropy")
            )

    def config(self) -> dict[str, object]:
        """The floor under the probabilities."""
        return {"epsilon": self.epsilon}


class SquaredError(Loss):
    r"""Half the squared distance, :math:`L = \frac{1}{2N} \sum_n \lVert y_n - t_n \rVert^2`.

    Backward (:eq:`eq-squared-error-backward`): :math:`dy = (y - t) / N`.
    """

    def forward(self, y: np.ndarray, targets: np.ndarray) -> np.floating:
        """``L = (1/2N) Σ (y - t)²``."""
        self.difference = y - targets
        self.terms = self.difference * self.difference / 2
        return np.sum(self.terms) / y.shape[0]

    def backward(self) -> np.ndarray:
        """``dy = (y - t) / N``."""
        return self.difference / self.difference.shape[0]


class Weighted:
    """Another loss, in which each sample counts as much as the last entry of its row of targets says.

    The sum is divided by the number of samples, as Keras does, and not by that of the weights.
    """

    def __init__(self, loss: Loss):
        self.loss = loss

    def forward(self, outputs: np.ndarray, targets: np.ndarray) -> np.floating:
        """``L = (1/N) Σ wₙ Lₙ``."""
        self.w = targets[:, -1:]
        self.loss.forward(outputs, targets[:, :-1])
        if not hasattr(self.loss, "terms"):
            raise ValueError(f"{self.loss!r} cannot be weighted: its forward keeps no terms")
        return np.sum(self.w * self.loss.terms) / outputs.shape[0]

    def backward(self) -> np.ndarray:
        """Each sample's row times its weight."""
        return self.w * self.loss.backward()


def _last_of_several(network: Network) -> Layer:
    """Return the layer that gives the outputs; ValueError if there is one output, whose softmax is always 1."""
    if network.output_size == 1:
        raise ValueError(
            "the softmax of one output is always 1: for two classes, give the network two outputs, or end it in "
            "Sigmoid() and use SquaredError with targets 0 and 1"
        )
    return network.layers[-1]
