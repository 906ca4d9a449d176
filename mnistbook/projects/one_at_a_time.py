"""Sigmoid networks without biases that learn from one image at a time, by the rule of Rashid's book, as project 3 does.

**The rule is not gradient descent.** With a layer's outputs a and their error e, its weights move by the inputs times
e a (1 - a), as the squared error asks for. What goes to the layer below is W e: the factor a (1 - a) is left out, so
that the layers below follow another loss than the last one. :func:`learn` does as the book does.

A step changes each weight, and little else is done with most of them. So products and changes are done in place, by
BLAS; and where all but the ink of an image has one value, the rows of weights that belong to paper share their change,
which is kept once for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy.linalg.blas import sger
from scipy.special import expit

from mnistbook.kit.answers import pack_indices
from mnistbook.kit.stopwatch import Stopwatch
from mnistbook.projects.networks import spline_deskew
from mnistlab.data import to_vectors
from mnistlab.images.displacements import elastic_displacements
from mnistlab.images.warping import warp
from mnistlab.mnist import load_mnist

__all__ = ["LOW", "OneAtATime", "draw_weights", "ink", "learn", "outputs"]

LOW = 0.01
"""Value of paper, and of nine of ten targets; the largest are 1 and 0.99. Sigmoids reach neither 0 nor 1."""


@dataclass(frozen=True)
class OneAtATime:
    """How project 3 trained a network by its book.

    Attributes
    ----------
    title
        Architecture and training, in few words.
    hidden
        Units of each hidden layer.
    learning_rate, epochs
        As published.
    upright
        Whether the images are deskewed first, as :func:`~mnistbook.projects.networks.spline_deskew` does it.
    elastic
        Strength and smoothness of random distortions, of training and of test images, drawn anew each time.
    by_inputs
        Whether the first weights have the variance 1 / inputs of each layer. The project's have 1 / outputs, so that
        those of a narrow layer are large.
    """

    title: str
    hidden: tuple[int, ...]
    learning_rate: float = 0.1
    epochs: int = 1
    upright: bool = False
    elastic: tuple[float, float] | None = None
    by_inputs: bool = False
    batch_size: ClassVar = 1
    libraries: ClassVar = ("mnistlab",)

    def train(self, seed: int, rate: float, epochs: int) -> pd.DataFrame:
        """Train a network; return one row an epoch.

        The images come in a new order each epoch. ``running_accuracy`` counts each image before the network learns
        from it; ``test_accuracy`` is taken after the epoch. The last row also has ``wrong``, the indices of the test
        images that the network gets wrong, as text.
        """
        rng, mnist = np.random.default_rng(seed), load_mnist()
        weights = draw_weights([784, *self.hidden, 10], rng, by_inputs=self.by_inputs)
        rows: list[dict[str, object]] = []
        for epoch in range(1, epochs + 1):
            watch, order = Stopwatch(), rng.permutation(len(mnist.y_train))
            right = learn(weights, ink(self, rng, train=True), mnist.y_train, order, rate)
            seconds = watch.stop().seconds
            answers = outputs(weights, ink(self, rng, train=False)).argmax(axis=1)
            wrong = np.flatnonzero(answers != mnist.y_test)
            accuracies = {"running_accuracy": right / len(order), "test_accuracy": 1 - len(wrong) / len(answers)}
            rows.append({"epoch": epoch} | accuracies | {"seconds": seconds, "wrong": ""})
        rows[-1]["wrong"] = pack_indices(wrong)
        return pd.DataFrame(rows)


def draw_weights(sizes: Sequence[int], rng: np.random.Generator, *, by_inputs: bool = False) -> list[np.ndarray]:
    """Return the first weights of each layer, float32 of shape (inputs, outputs), normal with mean 0."""
    return [rng.normal(0, (i if by_inputs else o) ** -0.5, (i, o)).astype(np.float32) for i, o in pairwise(sizes)]


def ink(recipe: OneAtATime, rng: np.random.Generator, *, train: bool) -> np.ndarray:
    """Return how much the inputs lie above :data:`LOW`, float32 of shape (N, 784): 0 for paper, and 0.99 at most."""
    if recipe.upright:
        return _upright(train)
    if recipe.elastic is None:
        return _plain(train)
    images = load_mnist().x_train if train else load_mnist().x_test
    moved = warp(images, elastic_displacements(len(images), *recipe.elastic, rng))
    return to_vectors(moved, np.float32) * np.float32(1 - LOW)


@cache
def _plain(train: bool) -> np.ndarray:
    return to_vectors(load_mnist().x_train if train else load_mnist().x_test, np.float32) * np.float32(1 - LOW)


@cache
def _upright(train: bool) -> np.ndarray:
    images = load_mnist().x_train if train else load_mnist().x_test
    return spline_deskew(images).astype(np.float32) * np.float32(1 - LOW)


def outputs(weights: Sequence[np.ndarray], inked: np.ndarray) -> np.ndarray:
    """Return the ten outputs for each row of :func:`ink`."""
    a = inked + np.float32(LOW)
    for W in weights:
        a = expit(a @ W)
    return a


def learn(weights: Sequence[np.ndarray], inked: np.ndarray, labels: np.ndarray, order: np.ndarray, rate: float) -> int:
    """Learn from one image after the other, in place; return how many were right when they came up.

    Parameters
    ----------
    weights
        As :func:`draw_weights` gives them.
    inked, labels
        Rows of :func:`ink`, and the digits, shape (N,).
    order
        Indices of the images, in the order in which they come up.
    rate
        The learning rate.
    """
    first, *upper = weights
    low, targets = np.float32(LOW), np.full((10, 10), LOW, np.float32)
    np.fill_diagonal(targets, 1 - LOW)
    paper = low * first.sum(axis=0)  # what a blank image would give to each hidden unit
    shared = np.zeros_like(paper)  # how much each row of the first weights has changed, paper or ink
    right = 0
    for n in order:
        some: np.ndarray | slice = np.flatnonzero(inked[n])
        if len(some) > len(first) / 2:
            some = slice(None)
        x, rows = inked[n, some], first[some]
        a = expit(x @ rows + x.sum() * shared + paper)
        activations = [a]
        for W in upper:
            activations.append(a := expit(a @ W))
        error, label = a - targets[labels[n]], labels[n]
        right += int(a.argmax() == label)
        for W, below, above in zip(upper[::-1], activations[-2::-1], activations[:0:-1], strict=True):
            delta, error = error * above * (1 - above), W @ error
            sger(-rate, delta, below, a=W.T, overwrite_a=1)
        step = -np.float32(rate) * error * activations[0] * (1 - activations[0])
        sger(1, step, x, a=rows.T, overwrite_a=1)
        first[some] = rows
        shared += low * step
        paper += low * (low * len(first) + x.sum()) * step
    first += shared
    return right
