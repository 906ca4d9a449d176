"""A learning-rate finder, and the curvature that limits the rate."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

from mnistlab.data import minibatches
from mnistlab.losses import SoftmaxCrossEntropy
from mnistlab.network import Network
from mnistlab.optimizers import SGD
from mnistlab.schedules import Schedule
from mnistlab.training import train_step

__all__ = [
    "RangeTest",
    "largest_curvature",
    "losses_on_the_way",
    "range_test",
    "rising",
    "smoothed",
]


class RangeTest(NamedTuple):
    """The rate of each step, and the loss of its batch before that step; arrays of one shape."""

    rates: np.ndarray
    losses: np.ndarray


def range_test(
    network: Network,
    x: np.ndarray,
    t: np.ndarray,
    *,
    low: float = 1e-3,
    high: float = 10.0,
    steps: int = 300,
    momentum: float = 0.0,
    batch_size: int = 128,
    seed: int = 0,
) -> RangeTest:
    """Train while the learning rate rises by the same factor from step to step (Smith, 2017).

    Parameters
    ----------
    network
        Changed in place; of no use afterwards.
    x, t
        Samples and target rows, shapes (N, input_size) and (N, output_size), of the network's dtype.
    low, high
        Learning rates of the first and the last step.
    steps
        How many there are at most: it ends with the first loss that is not finite.
    momentum, batch_size
        Of the training that the rate is wanted for.
    seed
        Of the order of the samples.

    Raises
    ------
    ValueError
        If the samples are too few for so many steps, the steps fewer than two, or the rates do not rise.
    """
    if not 0 < low < high:
        raise ValueError(f"the rates must rise from above 0, not from {low} to {high}")
    if steps < 2:
        raise ValueError(f"a rate needs two steps or more to rise, not {steps}")
    if steps * batch_size > len(x):
        raise ValueError(f"{steps} steps of {batch_size} need {steps * batch_size} samples, and there are {len(x)}")
    optimizer = SGD(rising(low, high), momentum)
    batches = minibatches(x, t, batch_size, np.random.default_rng(seed))
    losses = losses_on_the_way(network, optimizer, batches, steps)
    rates = low * (high / low) ** (np.arange(len(losses)) / (steps - 1))
    return RangeTest(rates, np.array(losses))


def rising(low: float, high: float) -> Schedule:
    """Return the schedule from ``low`` to ``high`` that multiplies by the same factor in equal times."""
    return lambda progress: low * (high / low) ** progress


def losses_on_the_way(
    network: Network, optimizer: SGD, batches: Iterable[tuple[np.ndarray, np.ndarray]], steps: int
) -> list[float]:
    """Take a step on each of ``steps`` batches, and return the losses before the steps, up to the last finite one."""
    loss, losses = SoftmaxCrossEntropy(), []
    for step, (x, t) in enumerate(islice(batches, steps)):
        progress = step / (steps - 1)
        value = train_step(network, loss, optimizer, x, t, progress)
        if not math.isfinite(value):
            break
        losses.append(value)
    return losses


def smoothed(losses: np.ndarray, reach: int = 7) -> np.ndarray:
    """Return the mean over ``reach`` steps to either side, or over as many as there are to both."""
    total = np.concatenate([[0.0], np.cumsum(losses, dtype=float)])
    at = np.arange(len(losses))
    wide = np.minimum(reach, np.minimum(at, len(losses) - 1 - at))
    return (total[at + wide + 1] - total[at - wide]) / (2 * wide + 1)


def largest_curvature(network: Network, x: np.ndarray, t: np.ndarray, tolerance: float = 0.01) -> float:
    """Return the largest eigenvalue of the Hessian of the mean cross-entropy of ``x``, at the network's parameters.

    The Hessian is not formed. Lanczos' method asks for its products with vectors only, and such a product is what the
    gradient changes by, along the vector.

    Parameters
    ----------
    network
        Of float64, since differences of gradients lose digits; unchanged afterwards, but for its gradients.
    x, t
        Samples and target rows, shapes (N, input_size) and (N, output_size).
    tolerance
        Relative accuracy.

    Raises
    ------
    TypeError
        If the network is not of float64.
    """
    if network.dtype != np.float64:
        raise TypeError(f"differences of gradients need a network of float64, not {network.dtype}")
    loss, here = SoftmaxCrossEntropy(), network.parameters.copy()

    def gradient(parameters: np.ndarray) -> np.ndarray:
        network.parameters[...] = parameters
        loss.forward(network.forward(x), t)
        network.backward(loss.backward())
        return network.gradients.copy()

    def product(v: np.ndarray) -> np.ndarray:
        little = 1e-4 / np.linalg.norm(v) * v.ravel()
        return (gradient(here + little) - gradient(here - little)) * (np.linalg.norm(v) / 2e-4)

    hessian = LinearOperator((here.size, here.size), matvec=product, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(here.size)
    try:
        (largest,) = eigsh(hessian, k=1, which="LA", tol=tolerance, v0=start, return_eigenvectors=False)
    finally:
        network.parameters[...] = here
    return float(largest)
