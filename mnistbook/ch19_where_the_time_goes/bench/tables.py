"""What the chapter on speed shows of the stored rows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mnistbook.ch19_where_the_time_goes.bench.peers import PEERS

__all__ = [
    "accuracy",
    "epochs",
    "inference",
    "line",
    "machine",
    "memory",
    "others",
    "ratios",
    "slopes",
    "slow_down",
    "startup",
    "subnormal",
]


def epochs(rows: pd.DataFrame, threads: int = 1) -> pd.DataFrame:
    """Return seconds per epoch of 784-300-10 with momentum: one row a peer, one column a batch size.

    Parameters
    ----------
    rows
        Of ``bench.csv``, as :func:`mnistbook.results.read` returns them, or a piece of them.
    threads
        With how many.
    """
    return _by_batch(_classic(rows, threads), "median")


def ratios(rows: pd.DataFrame, threads: int = 1) -> pd.DataFrame:
    """Return how many times as long as mnistlab each peer takes for the epochs of :func:`epochs`."""
    return _by_batch(_classic(rows, threads), "ratio")


def others(rows: pd.DataFrame) -> pd.DataFrame:
    """Return how many times as long as mnistlab each peer takes where network or optimizer are others."""
    adam = rows[(rows["section"] == "training") & (rows["optimizer"] == "adam")]
    return _in_order(adam.pivot(index="peer", columns="network", values="ratio"))


def slow_down(rows: pd.DataFrame) -> pd.DataFrame:
    """Return how many times as long the last of twenty epochs take as the second.

    One row a peer and setting, one column a batch size; NaN where a peer was not timed.
    """
    found = rows[rows["section"] == "slow-down"].copy()
    found["setting"] = "plain"
    found.loc[found["dropout"] > 0, "setting"] = "dropout"
    found.loc[found["weight_decay"] > 0, "setting"] = "weight decay"
    found["setting"] = pd.Categorical(found["setting"], ["plain", "dropout", "weight decay"])  # in this order
    return _by_batch(found, "median", ["peer", "setting"])


def subnormal(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the percentage of each peer's velocity that is subnormal after each of the first epochs."""
    part = rows[rows["section"] == "subnormal"]
    table = 100 * part.pivot(index="peer", columns="value", values="median")
    table.columns = [f"epoch {epoch:.0f}" for epoch in table.columns]
    return _in_order(table)


def inference(rows: pd.DataFrame) -> pd.DataFrame:
    """Return images per second in batches of 1 and of 10,000, and microseconds until a single image has its answer."""
    part = rows[rows["section"] == "inference"]
    table = pd.DataFrame(index=pd.Index(part["peer"].unique(), name="peer"))
    rates = part[part["quantity"] == "images per second"]
    for batch, column in ((1, "alone, images/s"), (10_000, "in 10,000s, images/s")):
        table[column] = rates[rates["batch"] == batch].set_index("peer")["median"]
    for share in (50, 99):
        waits = part[part["quantity"] == f"latency p{share}, s"].set_index("peer")["median"]
        table[f"p{share}, µs"] = 1e6 * waits
    return _in_order(table)


def startup(rows: pd.DataFrame) -> pd.DataFrame:
    """Return seconds until each library is imported, in all and beyond NumPy's own."""
    part = rows[(rows["section"] == "startup") & rows["quantity"].str.startswith("seconds")]
    names = {"numpy": "NumPy", "torch": "PyTorch", "keras": "Keras", "sklearn": "scikit-learn"}
    table = part.pivot(index="peer", columns="quantity", values="median").rename(index=names)
    table.columns.name = None
    table = table[["seconds to import", "seconds to import beyond NumPy"]]
    return table.sort_values("seconds to import").rename(columns=lambda name: name.replace("seconds to import", "s"))


def memory(rows: pd.DataFrame) -> pd.Series:
    """Return the peak of what ``fit`` allocates over the bytes of the images, by their number."""
    part = rows[(rows["section"] == "startup") & rows["quantity"].str.startswith("peak")]
    return part.set_index(part["images"].astype(int))["median"]


def accuracy(rows: pd.DataFrame) -> pd.DataFrame:
    """Return seconds from a cold start to each test accuracy; NaN where it was not reached by each seed."""
    part = rows[rows["section"] == "accuracy"]
    table = part.pivot(index="peer", columns="value", values="median")
    table.columns = [f"{100 * share:g} %" for share in table.columns]
    settings = part.drop_duplicates("peer").set_index("peer")
    described = settings["optimizer"] + settings["batch"].map(", batches of {:.0f}".format)
    return table.assign(settings=described).sort_values(table.columns[0])


def machine(rows: pd.DataFrame) -> dict[str, object]:
    """Return on what the rows were measured: processor, cores, versions, kernels and peak rates."""
    first = rows.iloc[0]
    names = ("processor", "cores", "python", "numpy", "blas", "blas_kernels", "torch", "tensorflow", "keras")
    found = {name: first[name] for name in (*names, "scikit-learn", "commit", "date")}
    hardware = rows[rows["section"] == "hardware"]
    for row in hardware.itertuples():
        if row.quantity.startswith("peak"):
            found[f"{row.quantity}, {row.threads:.0f} thread{'s' if row.threads > 1 else ''}"] = round(row.median, 1)
        else:  # copied by one thread, however many there are
            found.setdefault(row.quantity, round(row.median, 1))
    return found


def slopes(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the slope of log seconds against log value for each peer and each quantity that is varied.

    Fitted by least squares over all measured values: 1 means that twice the value takes twice as long.
    """
    found = {}
    for (variable, peer), part in rows[rows["section"] == "scaling"].groupby(["variable", "peer"], sort=False):
        if len(part) > 1:
            found.setdefault(variable, {})[peer] = line(part)[0]
    return _in_order(pd.DataFrame(found).rename_axis("peer"))


def line(part: pd.DataFrame) -> tuple[float, float]:
    """Return slope and intercept of log seconds over log value, by least squares, for rows of one peer and quantity."""
    slope, intercept = np.polyfit(np.log(part["value"]), np.log(part["median"]), 1)
    return float(slope), float(intercept)


def _classic(rows: pd.DataFrame, threads: int) -> pd.DataFrame:
    chosen = (rows["section"] == "training") & (rows["optimizer"] == "sgd") & (rows["batch"] > 1)
    return rows[chosen & (rows["threads"] == threads)]


def _by_batch(part: pd.DataFrame, column: str, index: str | list[str] = "peer") -> pd.DataFrame:
    table = part.pivot(index=index, columns="batch", values=column)
    table.columns = [f"{batch:.0f}" for batch in table.columns]
    return _in_order(table)


def _in_order(table: pd.DataFrame) -> pd.DataFrame:
    places = {name: place for place, name in enumerate(PEERS)}
    return table.sort_index(level=0, key=lambda names: [places.get(name, len(places)) for name in names], kind="stable")
