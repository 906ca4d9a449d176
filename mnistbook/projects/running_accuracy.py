"""The share of right answers while a network learns, which authors print because it costs nothing."""

from __future__ import annotations

import numpy as np

from mnistlab.losses import Loss

__all__ = ["RunningAccuracy"]


class RunningAccuracy(Loss):
    """A loss that also counts how often the largest output is the right one, before the step that learns from it.

    Parameters
    ----------
    loss
        The loss itself; targets are one-hot rows.
    """

    def __init__(self, loss: Loss):
        self.loss, self.right, self.seen = loss, 0, 0

    def forward(self, outputs: np.ndarray, targets: np.ndarray) -> np.floating:
        """Count, and return the loss."""
        self.right += int(np.count_nonzero(outputs.argmax(axis=1) == targets.argmax(axis=1)))
        self.seen += len(outputs)
        return self.loss.forward(outputs, targets)

    def backward(self) -> np.ndarray:
        """Return the gradient of the loss."""
        return self.loss.backward()

    def check_targets(self, targets: np.ndarray) -> None:
        """Refuse what the loss refuses."""
        self.loss.check_targets(targets)

    def take(self) -> float:
        """Return the share of right answers since the last call."""
        share = self.right / self.seen
        self.right = self.seen = 0
        return share
