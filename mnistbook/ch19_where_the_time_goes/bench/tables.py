"""What the chapter on speed shows of the stored rows."""

from __future__ import annotations

from typing import Any

import pandas as pd

from mnistbook.ch19_where_the_time_goes.bench.beside import SLOWER
from mnistbook.ch19_where_the_time_goes.bench.peers import PEERS
from mnistbook.kit.spread import Spread, listed

__all__ = [
    "accuracy",
    "beside",
    "claim",
    "epochs",
    "fastest",
    "inference",
    "machine",
    "memory",
    "others",
    "ratios",
    "slow_down",
    "spreads",
    "startup",
    "subnormal",
    "written_ratios",
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


def spreads(rows: pd.DataFrame, threads: int = 1) -> dict[tuple[str, int], Spread]:
    """Return the ratios of :func:`ratios` with their quartiles, by peer and batch size."""
    return {(row.peer, int(row.batch)): _spread(row) for row in _classic(rows, threads).itertuples()}


def written_ratios(rows: pd.DataFrame, threads: int = 1, quartiles: bool = False) -> pd.DataFrame:
    """Return :func:`ratios` as texts, with no more digits than their spread allows."""
    found = {key: one.text if quartiles else str(one) for key, one in spreads(rows, threads).items()}
    table = ratios(rows, threads).astype(object)
    for name, batch in found:
        table.loc[name, str(batch)] = found[name, batch]
    return table


def fastest(rows: pd.DataFrame, threads: int = 1) -> dict[int, tuple[str, Spread]]:
    """Return the fastest framework at each batch size, and how many times as long as mnistlab it takes."""
    found: dict[int, tuple[str, Spread]] = {}
    for (name, batch), ratio in spreads(rows, threads).items():
        if PEERS[name][2] and (batch not in found or ratio.middle < found[batch][1].middle):
            found[batch] = name, ratio
    return dict(sorted(found.items()))


def claim(rows: pd.DataFrame, threads: int = 1) -> str:
    """Return a sentence that says at which batch sizes a framework is faster, at which none is, and by how much.

    Where the quartiles of the ratio do not lie on one side of 1, the two are called alike.
    """
    parts, found = [], fastest(rows, threads)
    for side in (-1, 0, 1):
        here = {batch: one for batch, one in found.items() if one[1].side == side}
        if not here:
            continue
        ratios: dict[str, list[Spread]] = {}
        for name, ratio in here.values():
            ratios.setdefault(name, []).append(ratio)
        told = listed([f"{name} takes {listed(values)}" for name, values in ratios.items()])
        who = {
            -1: f"{listed(list(ratios))} {'is' if len(ratios) == 1 else 'are'} faster than mnistlab",
            0: f"{listed(list(ratios))} and mnistlab are alike",
            1: "mnistlab is faster than all frameworks",
        }[side]
        parts.append(f"{who} in batches of {listed([f'{batch:,}' for batch in here])} ({told} times as long)")
    return f"When last measured, on {'one thread' if threads == 1 else f'{threads} threads'}, " + "; ".join(parts) + "."


def beside(rows: pd.DataFrame) -> pd.DataFrame:
    """Return seconds per epoch alone, and how many times as long each peer takes beside other programs, as texts."""
    part = rows[rows["section"] == "beside"]
    table = pd.DataFrame(index=pd.Index(part["peer"].unique(), name="peer"), dtype=object)
    alone = part[(part["quantity"] == "seconds per epoch") & (part["variable"] == "alone")]
    for row in alone.itertuples():
        table.loc[row.peer, "alone, s"] = str(Spread(row.q1, row.median, row.q3))
    for row in part[(part["quantity"] == SLOWER) & (part["variable"] != "alone")].itertuples():
        table.loc[row.peer, row.variable] = Spread(row.q1, row.median, row.q3).text
    return table


def others(rows: pd.DataFrame) -> pd.DataFrame:
    """Return how many times as long as mnistlab each peer takes where network or optimizer are others, as texts."""
    adam = rows[(rows["section"] == "training") & (rows["optimizer"] == "adam")]
    table = _in_order(adam.pivot(index="peer", columns="network", values="ratio")).astype(object)
    for row in adam.itertuples():
        table.loc[row.peer, row.network] = _spread(row).text
    return table


def slow_down(rows: pd.DataFrame) -> pd.DataFrame:
    """Return how many times as long the last of twenty epochs take as the second.

    One row a peer, one column a batch size.
    """
    found = rows[rows["section"] == "slow-down"].copy()
    return _by_batch(found, "median")


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
    names = {"numpy": "NumPy", "jax": "JAX", "torch": "PyTorch", "keras": "Keras", "sklearn": "scikit-learn"}
    table = part.pivot(index="peer", columns="quantity", values="median").rename(index=names)
    table.columns.name = None
    table = table[["seconds to import", "seconds to import beyond NumPy"]]
    return table.sort_values("seconds to import").rename(columns=lambda name: name.replace("seconds to import", "s"))


def memory(rows: pd.DataFrame) -> pd.Series:
    """Return the peak of what ``fit`` allocates over the bytes of the images, by their number."""
    part = rows[(rows["section"] == "startup") & rows["quantity"].str.startswith("peak")]
    return part.set_index(part["images"].astype(int))["median"]


def accuracy(rows: pd.DataFrame) -> pd.DataFrame:
    """Return seconds from a cold start to each validation accuracy; NaN where it was not reached by each seed."""
    part = rows[rows["section"] == "accuracy"]
    table = part.pivot(index="peer", columns="value", values="median")
    table.columns = [f"{100 * share:g} %" for share in table.columns]
    return table.sort_values(table.columns[0])


def machine(rows: pd.DataFrame) -> dict[str, object]:
    """Return on what the rows were measured: processor, cores, versions, kernels and peak rates."""
    first = rows.iloc[0]
    names = ("processor", "cores", "python", "numpy", "blas", "blas_kernels", "jax", "torch", "tensorflow", "keras")
    found = {name: first[name] for name in (*names, "scikit-learn", "commit", "date")}
    hardware = rows[rows["section"] == "hardware"]
    for row in hardware.itertuples():
        if row.quantity.startswith("peak"):
            found[f"{row.quantity}, {row.threads:.0f} thread{'s' if row.threads > 1 else ''}"] = round(row.median, 1)
        else:  # copied by one thread, however many there are
            found.setdefault(row.quantity, round(row.median, 1))
    return found


def _classic(rows: pd.DataFrame, threads: int) -> pd.DataFrame:
    chosen = (rows["section"] == "training") & (rows["optimizer"] == "sgd") & (rows["batch"] > 1)
    return rows[chosen & (rows["threads"] == threads)]


def _spread(row: Any) -> Spread:
    return Spread(row.ratio_q1, row.ratio, row.ratio_q3)


def _by_batch(part: pd.DataFrame, column: str, index: str | list[str] = "peer") -> pd.DataFrame:
    table = part.pivot(index=index, columns="batch", values=column)
    table.columns = [f"{batch:.0f}" for batch in table.columns]
    return _in_order(table)


def _in_order(table: pd.DataFrame) -> pd.DataFrame:
    places = {name: place for place, name in enumerate(PEERS)}
    return table.sort_index(level=0, key=lambda names: [places.get(name, len(places)) for name in names], kind="stable")
