"""One image at a time, with the Jacobian of softmax as a matrix, as a school project taught itself backpropagation.

The layers are those of the work; the steps of a layer are the project's: the input repeated for each output, multiplied
by the gradient of that output, and the gradient of softmax's input by a product with its Jacobian. Float64, no bias.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from mnistbook.ch19_where_the_time_goes.bench.work import Work


def start(variant: str, threads: int | None) -> None:
    """Nothing: NumPy has read the number of threads from the environment."""


def train(work: Work, x: np.ndarray, y: np.ndarray, after_epoch: Callable) -> None:
    """Train until ``after_epoch`` returns False."""
    if work.batch != 1:
        raise ValueError("this peer takes one image at a time")
    weights = _draw(work)
    x, targets = x.astype(np.float64), np.eye(work.sizes[-1])[y]
    rate = 0.000125
    going = True
    while going:
        for image, target in zip(x, targets, strict=True):
            signals = [image]
            for w in weights:
                signals.append(signals[-1] @ w)
            e = np.exp(signals[-1] - signals[-1].max())
            s = e / e.sum()
            jacobian = np.diagflat(s) - s[:, np.newaxis] * s[np.newaxis, :]
            gradient = (-target / np.clip(s, 1e-7, 1)) @ jacobian
            for w, signal in zip(reversed(weights), reversed(signals[:-1]), strict=True):
                repeated = np.repeat(signal[np.newaxis, :], w.shape[1], 0)
                before = gradient @ w.T
                w -= rate * (gradient[:, np.newaxis] * repeated).T
                gradient = before
        going = after_epoch(_function(weights), list)


def classifier(work: Work) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that takes the images one after the other."""
    return _function(_draw(work))


def _function(weights: list[np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    def classify(x: np.ndarray) -> np.ndarray:
        answers = np.empty(len(x), np.int64)
        for i, signal in enumerate(x):
            for w in weights:
                signal = signal @ w
            answers[i] = signal.argmax()
        return answers

    return classify


def _draw(work: Work) -> list[np.ndarray]:
    rng = np.random.default_rng(work.seed)
    return [rng.uniform(0, 1 / np.sqrt(shape[0]), shape) for shape in pairwise(work.sizes)]
