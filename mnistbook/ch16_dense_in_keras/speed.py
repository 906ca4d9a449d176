"""How long an epoch takes in mnistlab and in Keras, by the stored benchmark, and what a step costs beyond its work."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

__all__ = ["CANDIDATES", "Cost", "fit_costs", "of_keras"]

CANDIDATES = ("mnistlab", "Keras", "Keras, 25 steps a call", "Keras, compiled, 25 steps")
"""Those of the benchmark that this chapter compares."""


class Cost(NamedTuple):
    """Seconds of a step of N images as ``overhead + N per_image``."""

    overhead: float
    per_image: float


def of_keras(bench: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the benchmark for 784-300-10 in mini-batches, of mnistlab and Keras.

    Parameters
    ----------
    bench
        As ``results.read("bench")`` returns it.

    Returns
    -------
    pandas.DataFrame
        ``peer``, ``batch``, ``threads``, seconds per epoch (``q1``, ``median``, ``q3``), how many times mnistlab's in
        the same round (``ratio_q1``, ``ratio``, ``ratio_q3``), and ``per_step``, the median for a step.
    """
    chosen = (bench["section"] == "training") & (bench["optimizer"] == "sgd") & (bench["batch"] > 1)
    rows = bench[chosen & bench["peer"].isin(CANDIDATES)].sort_values(["threads", "batch"], kind="stable")
    rows = rows.assign(batch=rows["batch"].astype(int), threads=rows["threads"].astype(int))
    rows["per_step"] = rows["median"] * rows["batch"] / rows["images"]
    columns = ["peer", "batch", "threads", "q1", "median", "q3", "ratio_q1", "ratio", "ratio_q3", "per_step"]
    return rows[columns].reset_index(drop=True)


def fit_costs(rows: pd.DataFrame) -> dict[str, Cost]:
    """Fit a line to the seconds of a step against its images, for each candidate (:eq:`eq-step-cost`).

    The line is that of least squares on relative errors: a step of 32 images counts as much as one of 256.

    Parameters
    ----------
    rows
        As :func:`of_keras` returns them, for one number of threads.

    Raises
    ------
    ValueError
        If a candidate has fewer than two batch sizes.
    """
    costs = {}
    for name, of_peer in rows.groupby("peer", sort=False):
        if of_peer["batch"].nunique() < 2:
            raise ValueError(f"a line needs at least two batch sizes, and {name} has one")
        slope, overhead = np.polyfit(of_peer["batch"], of_peer["per_step"], 1, w=1 / of_peer["per_step"])
        costs[name] = Cost(float(overhead), float(slope))
    return costs
