"""What a training step spends its time on, part by part."""

from __future__ import annotations

import math
from collections.abc import Sequence
from time import perf_counter

import numpy as np
import pandas as pd

from mnistlab.checks import check_positive
from mnistlab.losses import Loss
from mnistlab.network import Network
from mnistlab.optimizers import Optimizer

__all__ = ["PARTS", "time_parts", "timed_step"]

PARTS = ("fetch the images", "forward", "loss", "backward", "check", "optimizer")


def timed_step(
    network: Network,
    loss: Loss,
    optimizer: Optimizer,
    x: np.ndarray,
    t: np.ndarray,
    rows: np.ndarray,
) -> list[float]:
    """Do what :func:`mnistlab.training.train_step` does, without dropout; return the seconds of each of :data:`PARTS`.

    Parameters
    ----------
    network, loss, optimizer
        What is trained, in place.
    x, t
        All samples, shape (N, input_size), and target rows, shape (N, output_size).
    rows
        Which of them make the batch, integers.

    Raises
    ------
    ArithmeticError
        If the loss or its gradient is not finite; nothing is learnt then.
    """
    marks = [perf_counter()]
    x_batch, t_batch = x.take(rows, axis=0), t.take(rows, axis=0)
    marks.append(perf_counter())
    outputs = network.forward(x_batch)
    marks.append(perf_counter())
    value = float(loss.forward(outputs, t_batch))
    dy = loss.backward()
    marks.append(perf_counter())
    network.backward(dy)
    marks.append(perf_counter())
    if not math.isfinite(value + float(network.gradients @ network.gradients)):
        raise ArithmeticError("the loss or its gradient is not finite: a smaller learning rate is the usual cure")
    marks.append(perf_counter())
    optimizer.step(network.parameters, network.gradients)
    marks.append(perf_counter())
    return list(np.diff(marks))


def time_parts(
    network: Network,
    loss: Loss,
    optimizer: Optimizer,
    x: np.ndarray,
    t: np.ndarray,
    batch_sizes: Sequence[int],
    images: int = 12_800,
) -> pd.DataFrame:
    """Time the parts of a step for several batch sizes.

    Parameters
    ----------
    network, loss, optimizer
        What is trained, in place.
    x, t
        Samples and target rows.
    batch_sizes
        One after another.
    images
        How many are learnt from with each, in at least 30 steps of which the first tenth only warms up.

    Returns
    -------
    pandas.DataFrame
        Seconds, one row a batch size (the index), one column each of :data:`PARTS`: medians over steps.

    Raises
    ------
    ValueError
        If a batch size is larger than the data.
    """
    rng, medians = np.random.default_rng(0), {}
    for size in batch_sizes:
        if check_positive("batch_size", size) > len(x):
            raise ValueError(f"a batch of {size} cannot be drawn from {len(x)} samples")
        steps = max(30, images // size)
        taken = [
            timed_step(network, loss, optimizer, x, t, rng.choice(len(x), size, replace=False)) for _ in range(steps)
        ]
        medians[size] = np.median(taken[steps // 10 :], axis=0)
    return pd.DataFrame.from_dict(medians, "index", columns=list(PARTS)).rename_axis("batch_size")
