"""Adam as Keras writes it, for the chapters that train one network in both libraries."""

from __future__ import annotations

from typing import Any

import numpy as np

from mnistlab.optimizers import Adam

__all__ = ["AdamAsKeras"]


class AdamAsKeras(Adam):
    r"""Adam with Keras's place for ε, in mnistlab's form: :math:`ε_t = ε / \sqrt{1 - β_2^t}` (:eq:`eq-adam-map`)."""

    def __init__(self, *arguments: Any, epsilon: float = 1e-7, **options: Any):
        super().__init__(*arguments, epsilon=epsilon, **options)
        self.keras_epsilon = self.epsilon

    def update(self, w: np.ndarray, g: np.ndarray, rate: float) -> None:
        """Set this step's ε, then move as Adam does."""
        self.epsilon = self.keras_epsilon / (1 - self.beta_2**self.steps) ** 0.5
        super().update(w, g, rate)
