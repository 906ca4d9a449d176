"""Gradient checks: what ``backward`` wrote against differences of the loss.

Use float64 networks. Both checks return the relative error ``|a - n| / (|a| + |n| + tiny)`` in the norm, where ``a`` is
the analytical and ``n`` the numerical value: around 1e-8 when the gradient is right, above 1e-3 when it is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mnistlab.losses import Loss
from mnistlab.network import Network

__all__ = ["check_direction", "check_gradients", "numerical_gradient", "relative_error"]

TINY = 1e-7
"""Well above the rounding of a difference quotient, so that a gradient of exactly 0 raises no false alarm."""


def numerical_gradient(f: Callable[[], float], x: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """Return df/dx by central differences, entry by entry; ``f`` reads ``x``, which is restored afterwards."""
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        kept = x[index]
        x[index] = kept + step
        above = f()
        x[index] = kept - step
        below = f()
        x[index] = kept
        gradient[index] = (above - below) / (2 * step)
    return gradient


def relative_error(a: ArrayLike, b: ArrayLike) -> float:
    """Return ``|a - b| / (|a| + |b| + tiny)`` in the Euclidean norm."""
    difference = np.linalg.norm(np.asarray(a) - np.asarray(b))
    return float(difference / (np.linalg.norm(a) + np.linalg.norm(b) + TINY))


def check_gradients(
    network: Network,
    loss: Loss,
    x: np.ndarray,
    targets: np.ndarray,
    *,
    step: float = 1e-5,
    seed: int | None = None,
) -> dict[str, float]:
    """Compare every entry of ``network.gradients``, and dL/dx, with central differences.

    Parameters
    ----------
    network, loss
        A float64 network and its loss.
    x, targets
        A batch of shapes (N, input_size) and (N, output_size); ``x`` is changed and restored.
    step
        Of the differences. Near 1e-5 the two errors, truncation and rounding, are both small in float64.
    seed
        If given, passes are training passes with this seed, so that dropout drops the same units each time.

    Returns
    -------
    dict
        Relative errors under ``"parameters"`` and ``"inputs"``.
    """
    value = _loss_function(network, loss, x, targets, seed)
    value()
    dx: Any = network.backward(loss.backward(), need_dx=True)
    analytical = network.gradients.copy()
    return {
        "parameters": relative_error(analytical, numerical_gradient(value, network.parameters, step)),
        "inputs": relative_error(dx, numerical_gradient(value, x, step)),
    }


def check_direction(
    network: Network,
    loss: Loss,
    x: np.ndarray,
    targets: np.ndarray,
    *,
    rng: np.random.Generator,
    step: float = 1e-5,
    seed: int | None = None,
) -> float:
    """Compare the derivative along one random direction: two more losses, however many parameters.

    Arguments as :func:`check_gradients`; ``rng`` draws the direction. Returns the relative error.
    """
    value = _loss_function(network, loss, x, targets, seed)
    value()
    network.backward(loss.backward())
    kept, direction = network.parameters.copy(), rng.standard_normal(network.parameters.size)
    direction /= float(np.linalg.norm(direction))
    analytical = network.gradients @ direction
    network.parameters += step * direction
    above = value()
    network.parameters[...] = kept - step * direction
    below = value()
    network.parameters[...] = kept
    return relative_error(analytical, (above - below) / (2 * step))


def _loss_function(
    network: Network, loss: Loss, x: np.ndarray, targets: np.ndarray, seed: int | None
) -> Callable[[], float]:
    if network.dtype != np.float64 or x.dtype != np.float64:
        raise TypeError("check gradients in float64: Network(..., dtype=np.float64) and float64 inputs")

    def value() -> float:
        rng = None if seed is None else np.random.default_rng(seed)
        return float(loss.forward(network.forward(x, rng), targets))

    return value
