"""The table as text, and what the project asks of itself."""

from __future__ import annotations

from math import nan

import pandas as pd

from mnistbook.ch19_where_the_time_goes.bench.beside import SITUATIONS, SLOWER
from mnistbook.ch19_where_the_time_goes.bench.peers import BOUND, OURS, PEERS
from mnistbook.ch19_where_the_time_goes.bench.startup import BEYOND

__all__ = ["judged", "targets", "text"]

NO_RIVALS = (OURS, BOUND)
BY = ["network", "optimizer", "batch", "threads"]


def text(frame: pd.DataFrame) -> str:
    """Return the rows, one line each, a section after the other."""
    lines = []
    for section, part in frame.groupby("section", sort=False):
        lines.append(f"\n== {section}")
        for _, row in part.iterrows():
            lines.append("  ".join(_cells(row)).rstrip())
    return "\n".join(lines)


def _cells(row: pd.Series) -> list[str]:
    settings = [str(row[name]) for name in ("network", "optimizer") if pd.notna(row[name])]
    settings += [f"{name} {row[name]:g}" for name in ("batch", "threads") if pd.notna(row[name])]
    settings += [f"{name} {row[name]:g}" for name in ("dropout", "weight_decay") if pd.notna(row[name]) and row[name]]
    settings += [f"{row['variable']} {row['value']:g}"] if pd.notna(row["variable"]) else []
    settings += [f"{row['images']:,.0f} images"] if row["section"] == "startup" and pd.notna(row["images"]) else []
    spread = f"{row['median']:10.4g}  ({row['q1']:.4g} to {row['q3']:.4g})"
    ratio = f"{row['ratio']:6.2f} ×" if pd.notna(row["ratio"]) else ""
    ratio += f"  ({row['processor_ratio']:.2f} × by processor time)" if pd.notna(row["processor_ratio"]) else ""
    return [f"{row['peer']:24}", f"{', '.join(settings):48}", f"{row['quantity']:28}", f"{spread:32}", ratio]


def judged(frame: pd.DataFrame) -> str:
    """Return what the project asks of itself and whether it holds, one line each."""
    lines = [
        "\nmedian (quartiles), and the ratio to mnistlab in the same round; limits that the project sets itself,",
        "by the clock, which other work on the machine falsifies, and by processor time with one thread:",
    ]
    by_processor = {what: found for what, found, _ in targets(frame, "processor_ratio")}
    for what, found, limit in targets(frame):
        verdict = "holds" if found <= limit else "does not hold"
        lines.append(f"{what:44} {found:7.3f}, at most {limit:.3g}: {verdict:14} ({by_processor.get(what, nan):.2f})")
    return "\n".join(lines)


def targets(frame: pd.DataFrame, ratio: str = "ratio") -> list[tuple[str, float, float]]:
    """Return what is asked, what was found (the worst case) and the limit; smaller is better.

    Parameters
    ----------
    frame
        The rows.
    ratio
        Which column is judged: "ratio", by the clock on the wall; or "processor_ratio", with one thread only.
    """
    result = []
    training = frame[(frame["section"] == "training") & (frame["batch"] >= 32)]
    if ratio == "processor_ratio":  # with more threads it adds up over them
        training = training[training["threads"] == 1]
    for (threads, batch), part in training.groupby(["threads", "batch"]):
        where = f"batch {batch:.0f}, {_threads(threads)}"
        fastest = part[~part["peer"].isin(NO_RIVALS)].groupby(BY)[ratio].min()
        if len(fastest):
            limit = 1.1 if threads == 1 and batch < 128 else 1.0
            result.append((f"time / fastest peer, {where}", float((1 / fastest).max()), limit))
        bound = part.loc[(part["peer"] == BOUND) & (part["optimizer"] == "sgd"), ratio]
        if batch in (32, 256) and len(bound):
            limit = {32: 2.0, 256: 1.4}[batch]
            result.append((f"time / {BOUND}, {where}", float((1 / bound).max()), limit))
    column = "median" if ratio == "ratio" else "processor_seconds"
    slow = frame[(frame["section"] == "slow-down") & (frame["peer"] == OURS)]
    if len(slow):
        result.append(("late epochs / early epochs", float(slow[column].max()), 1.1))
    beyond = frame[(frame["quantity"] == BEYOND) & (frame["peer"] == OURS)]
    if len(beyond):
        result.append((BEYOND, float(beyond[column].max()), 0.25))
    return result + (_beside(frame) if ratio == "ratio" else [])


def _beside(frame: pd.DataFrame) -> list[tuple[str, float, float]]:
    """Return by how much other programs slow an epoch down, and how much it may be: less than the best framework's."""
    slower = frame[(frame["section"] == "beside") & (frame["quantity"] == SLOWER)]
    table = slower.pivot(index="peer", columns="variable", values="median")
    frameworks = [name for name in table.index if name in PEERS and PEERS[name][2]]
    result = []
    for situation in filter(table.columns.__contains__, list(SITUATIONS)[1:]):
        best = table.loc[frameworks, situation].min()
        limit = min(2.5, 1.2 * best) if frameworks else 2.5
        result.append((f"beside {situation} / alone", float(table.loc[OURS, situation]), float(limit)))
    return result


def _threads(count: float) -> str:
    return f"{count:.0f} thread{'s' if count > 1 else ''}"
