"""The loop that introductions to NumPy teach: a list of weights, formulas as they stand, no thought of time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mnistbook.ch19_where_the_time_goes.bench.work import Work, first_weights


def start(variant: str, threads: int | None) -> None:
    """Nothing: NumPy has read the number of threads from the environment."""


def train(work: Work, x: np.ndarray, y: np.ndarray, after_epoch: Callable) -> None:
    """Train until ``after_epoch`` returns False."""
    if work.optimizer != "sgd" or work.dropout or work.weight_decay:
        raise ValueError("the textbook's loop knows momentum only")
    rng = np.random.default_rng(work.seed)
    weights, biases = _draw(work)
    targets = np.eye(work.sizes[-1], dtype=np.float32)[y]
    velocities = [np.zeros_like(values) for values in (*weights, *biases)]
    going = True
    while going:
        order = rng.permutation(len(x))
        x, targets = x[order], targets[order]
        for begin in range(0, len(x), work.batch):
            batch, target = x[begin : begin + work.batch], targets[begin : begin + work.batch]
            activations = [batch]
            for w, b in zip(weights, biases, strict=True):
                z = activations[-1] @ w + b
                activations.append(np.maximum(z, 0) if w is not weights[-1] else _softmax(z))
            delta = (activations[-1] - target) / len(batch)
            dw, db = [], []
            for layer in reversed(range(len(weights))):
                dw.insert(0, activations[layer].T @ delta)
                db.insert(0, delta.sum(axis=0))
                if layer:
                    delta = (delta @ weights[layer].T) * (activations[layer] > 0)
            for i, (values, gradient) in enumerate(zip((*weights, *biases), (*dw, *db), strict=True)):
                velocities[i] = 0.9 * velocities[i] - work.learning_rate * gradient
                values += velocities[i]
        going = after_epoch(_function(weights, biases), lambda: velocities)


def classifier(work: Work) -> Callable[[np.ndarray], np.ndarray]:
    """Return the forward pass."""
    return _function(*_draw(work))


def _function(weights: list[np.ndarray], biases: list[np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    def classify(x: np.ndarray) -> np.ndarray:
        for w, b in zip(weights[:-1], biases[:-1], strict=True):
            x = np.maximum(x @ w + b, 0)
        return (x @ weights[-1] + biases[-1]).argmax(axis=1)

    return classify


def _softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _draw(work: Work) -> tuple[list[np.ndarray], list[np.ndarray]]:
    weights = first_weights(work)
    return weights, [np.zeros(w.shape[1], np.float32) for w in weights]
