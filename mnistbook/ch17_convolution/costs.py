"""What networks cost: multiplications counted, and answers timed side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from time import perf_counter

import numpy as np
import pandas as pd

from mnistlab.convolution import Conv2D
from mnistlab.layers import Dense
from mnistlab.network import Network

__all__ = ["inference_speed", "multiply_adds"]


def multiply_adds(network: Network) -> int:
    """Return the products of a weight and a number, each added to a sum, that a network computes for one sample."""
    total = 0
    for layer in network.layers:
        if isinstance(layer, Dense):
            total += layer.inputs * layer.outputs
        elif isinstance(layer, Conv2D):
            total += prod(layer.output_shape) * prod(layer.kernel) * layer.shape[2]
    return total


def inference_speed(
    models: Mapping[str, tuple[Callable[[np.ndarray], object], np.ndarray]],
    *,
    batch_size: int = 1000,
    rounds: int = 5,
    singles: int = 20,
) -> pd.DataFrame:
    """Time the answers of several models in turn, so that whatever else the machine does meets all of them alike.

    Each model answers a batch and a single image once before, unmeasured.

    Parameters
    ----------
    models
        For each name, a function from samples to answers, and samples, at least as many as a batch has.
    batch_size
        Samples of a batch.
    rounds
        How often each model answers a batch.
    singles
        How often, in each round, it answers a single sample.

    Returns
    -------
    pandas.DataFrame
        One row a model: ``images/s``, the median over rounds of batches; ``one image, ms``, the median over single
        answers.
    """
    batches: dict[str, list[float]] = {name: [] for name in models}
    alone: dict[str, list[float]] = {name: [] for name in models}
    for answer, samples in models.values():
        answer(samples[:batch_size])
        answer(samples[:1])
    for _ in range(rounds):
        for name, (answer, samples) in models.items():
            batches[name].append(_seconds(answer, samples[:batch_size]))
            alone[name] += [_seconds(answer, samples[i : i + 1]) for i in range(singles)]
    rows = [(batch_size / np.median(batches[name]), 1000 * np.median(alone[name])) for name in models]
    return pd.DataFrame(rows, columns=["images/s", "one image, ms"], index=pd.Index(models, name="network"))


def _seconds(answer: Callable[[np.ndarray], object], samples: np.ndarray) -> float:
    start = perf_counter()
    answer(samples)
    return perf_counter() - start
