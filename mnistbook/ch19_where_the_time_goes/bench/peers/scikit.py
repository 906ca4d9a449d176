"""scikit-learn's ``MLPClassifier``: a call of ``partial_fit`` is an epoch, and keeps the velocity.

It has neither dropout nor decoupled weight decay; its L2 penalty is set to 0.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from sklearn.neural_network import MLPClassifier

from mnistbook.ch19_where_the_time_goes.bench.work import Work


def start(variant: str, threads: int | None) -> None:
    """Nothing: NumPy and SciPy have read the number of threads from the environment."""


def train(work: Work, x: np.ndarray, y: np.ndarray, after_epoch: Callable) -> None:
    """Train until ``after_epoch`` returns False."""
    if work.dropout or work.weight_decay:
        raise ValueError("MLPClassifier has neither dropout nor decoupled weight decay")
    model = _model(work)
    going = True
    while going:
        model.partial_fit(x, y, classes=np.arange(work.sizes[-1]))
        going = after_epoch(model.predict, lambda: model._optimizer.velocities)


def classifier(work: Work) -> Callable[[np.ndarray], np.ndarray]:
    """Return the model's own function, after a step that draws its weights."""
    model = _model(work)
    rng = np.random.default_rng(work.seed)
    x = rng.random((2 * work.sizes[-1], work.sizes[0]), dtype=np.float32)
    model.partial_fit(x, np.arange(len(x)) % work.sizes[-1], classes=np.arange(work.sizes[-1]))
    return model.predict


def _model(work: Work) -> MLPClassifier:
    warnings.filterwarnings("ignore", message="Got `batch_size`")
    return MLPClassifier(
        work.sizes[1:-1],
        solver=work.optimizer,
        alpha=0.0,
        batch_size=work.batch,
        learning_rate_init=work.learning_rate,
        momentum=0.9,
        nesterovs_momentum=False,
        random_state=work.seed,
    )
