"""How long an epoch takes in mnistlab and in Keras, side by side in one process, and what a step costs beyond its work.

A figure of one library alone says little on a machine that others use; candidates therefore take turns.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mnistbook.kit.stopwatch import Stopwatch
from mnistlab.checks import check_positive
from mnistlab.initializers import Glorot
from mnistlab.interop.keras_models import import_keras
from mnistlab.network import Network
from mnistlab.optimizers import SGD
from mnistlab.perceptron import multilayer_perceptron
from mnistlab.training import fit

__all__ = ["CANDIDATES", "Cost", "fit_costs", "in_keras", "in_mnistlab", "quartiles", "time_epochs"]

SIZES = (784, 300, 10)
RATE, MOMENTUM = 0.1, 0.9

EPOCH = 60_000
"""Images of an epoch, to which times are scaled."""

Trainer = Callable[[], tuple[float, float]]
"""Trains for one epoch, and returns the seconds that it took on the clock and of the processor."""


class Cost(NamedTuple):
    """Seconds of a step of N images as ``overhead + N per_image``."""

    overhead: float
    per_image: float


def in_mnistlab(x: np.ndarray, t: np.ndarray, batch_size: int) -> Trainer:
    """Return what trains 784-300-10 by mnistlab, from the call of ``fit`` to the end of the epoch."""
    network = Network(multilayer_perceptron(SIZES, initializer=Glorot()))
    watch = Stopwatch()

    def train() -> tuple[float, float]:
        watch.start()
        fit(
            network,
            x,
            t,
            optimizer=SGD(RATE, MOMENTUM),
            epochs=1,
            batch_size=batch_size,
            on_epoch_end=lambda row: watch.stop(),
            progress=False,
        )
        return watch.taken

    return train


def in_keras(
    x: np.ndarray,
    t: np.ndarray,
    batch_size: int,
    *,
    jit_compile: bool = False,
    steps_per_execution: int = 1,
    dataset: bool = False,
) -> Trainer:
    """Return what trains the same by ``model.fit``, from the beginning of its epoch to the end.

    What Keras does before the epoch, such as the copy of the images into a tensor, is not counted.

    Parameters
    ----------
    x, t
        Rows of pixels and one-hot rows, float32.
    batch_size
        Of the steps.
    jit_compile
        Whether XLA compiles the step.
    steps_per_execution
        How many steps Keras makes for each time that Python calls it.
    dataset
        Whether images come as a ``tf.data.Dataset`` (shuffled, batched, prefetched) instead of NumPy arrays.
    """
    keras = import_keras()
    first, last = (keras.layers.Dense(SIZES[1], "relu"), keras.layers.Dense(SIZES[2], "softmax"))
    model = keras.Sequential([keras.Input((SIZES[0],)), first, last])
    model.compile(
        keras.optimizers.SGD(RATE, momentum=MOMENTUM),
        "categorical_crossentropy",
        jit_compile=jit_compile,
        steps_per_execution=steps_per_execution,
    )
    watch = Stopwatch()
    callback = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: watch.start(), on_epoch_end=lambda epoch, logs: watch.stop()
    )
    options: dict[str, Any] = {"epochs": 1, "callbacks": [callback], "verbose": 0}
    if dataset:
        import tensorflow as tf

        batches = (
            tf.data.Dataset.from_tensor_slices((x, t)).shuffle(len(x)).batch(batch_size).prefetch(tf.data.AUTOTUNE)
        )
        arguments: tuple = (batches,)
        options["shuffle"] = False  # the data set shuffles itself, and Keras warns if it is asked to
    else:
        arguments, options["batch_size"] = (x, t), batch_size

    def train() -> tuple[float, float]:
        model.fit(*arguments, **options)
        return watch.taken

    return train


CANDIDATES: dict[str, Callable[[np.ndarray, np.ndarray, int], Trainer]] = {
    "mnistlab": in_mnistlab,
    "Keras": in_keras,
    "Keras, jit_compile": lambda x, t, size: in_keras(x, t, size, jit_compile=True),
    "Keras, 25 steps a call": lambda x, t, size: in_keras(x, t, size, steps_per_execution=25),
    "Keras, tf.data": lambda x, t, size: in_keras(x, t, size, dataset=True),
}
"""What is compared. NumPy arrays are the input where nothing else is said: the last candidate shows the other way."""


def time_epochs(
    x: np.ndarray,
    t: np.ndarray,
    batch_sizes: Sequence[int],
    candidates: Mapping[str, Callable[[np.ndarray, np.ndarray, int], Trainer]] = CANDIDATES,
    repetitions: int = 5,
) -> pd.DataFrame:
    """Let candidates take turns, A B C A B C …, and take their times.

    Before the first turn each trains for one epoch that is not counted: Keras traces and compiles in it, and the
    processor's caches fill.

    Parameters
    ----------
    x, t
        Rows of pixels, float32 of shape (N, 784), and one-hot rows, shape (N, 10).
    batch_sizes
        One after another; candidates take turns within each.
    candidates
        By name, functions such as :func:`in_mnistlab`.
    repetitions
        How many turns each has.

    Returns
    -------
    pandas.DataFrame
        One row a turn: ``batch_size``, ``candidate``, ``repetition`` from 1, ``images``, ``steps``, ``load``, how many
        processes wanted to run for each core of the machine in the last minute (NaN where that is not known),
        ``seconds`` and ``cpu_seconds``.

    Raises
    ------
    ValueError
        If there is nothing to time.
    """
    check_positive("repetitions", repetitions)
    if not candidates or not len(batch_sizes):
        raise ValueError("there is nothing to time: name a candidate and a batch size")
    rows = []
    for size in batch_sizes:
        trainers = {name: make(x, t, size) for name, make in candidates.items()}
        for repetition in range(repetitions + 1):
            for name, train in trainers.items():
                seconds, processor = train()
                if repetition:
                    fixed = {"batch_size": size, "candidate": name, "repetition": repetition}
                    counts = {"images": len(x), "steps": -(-len(x) // size), "load": _load()}
                    rows.append(fixed | counts | {"seconds": seconds, "cpu_seconds": processor})
    return pd.DataFrame(rows)


def quartiles(rows: pd.DataFrame, column: str = "seconds") -> pd.DataFrame:
    """Return seconds per epoch of 60,000 images: ``low``, ``median`` and ``high`` quartile of the turns of each.

    Parameters
    ----------
    rows
        As :func:`time_epochs` returns them, perhaps with a column ``threads``.
    column
        "seconds" or "cpu_seconds".

    Returns
    -------
    pandas.DataFrame
        One row for each number of threads, batch size and candidate, in the order in which they come, with
        ``per_step``, the median for a step.
    """
    by = [name for name in ("threads", "batch_size", "candidate") if name in rows]
    times = rows.assign(epoch=rows[column] * EPOCH / rows["images"], step=rows[column] / rows["steps"])
    groups = times.groupby(by, sort=False)
    named = {name: groups["epoch"].quantile(share) for name, share in (("low", 0.25), ("median", 0.5), ("high", 0.75))}
    return pd.DataFrame(named | {"per_step": groups["step"].median()}).reset_index()


def fit_costs(summary: pd.DataFrame) -> dict[str, Cost]:
    """Fit a line to the seconds of a step against its images, for each candidate (:eq:`eq-step-cost`).

    The line is that of least squares on relative errors: a step of 32 images counts as much as one of 256.

    Parameters
    ----------
    summary
        Rows of :func:`quartiles` for one number of threads.

    Raises
    ------
    ValueError
        If a candidate has fewer than two batch sizes.
    """
    costs = {}
    for name, rows in summary.groupby("candidate", sort=False):
        if rows["batch_size"].nunique() < 2:
            raise ValueError(f"a line needs at least two batch sizes, and {name} has one")
        slope, overhead = np.polyfit(rows["batch_size"], rows["per_step"], 1, w=1 / rows["per_step"])
        costs[name] = Cost(float(overhead), float(slope))
    return costs


def _load() -> float:
    return os.getloadavg()[0] / (os.cpu_count() or 1) if hasattr(os, "getloadavg") else float("nan")
