"""The table as text, and what the project asks of itself."""

from __future__ import annotations

from math import nan

import pandas as pd

from mnistbook.ch19_where_the_time_goes.bench.peers import BOUND, OURS
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
        lines.append(f"{what:40} {found:7.3f}, at most {limit:g}: {verdict:14} ({by_processor.get(what, nan):.2f})")
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
    for batch, part in training.groupby("batch"):
        fastest = part[~part["peer"].isin(NO_RIVALS)].groupby(BY)[ratio].min()
        if len(fastest):
            result.append((f"time / fastest peer, batch {batch:.0f}", float((1 / fastest).max()), 0.9))
        for name, limit in {"Keras": 0.4, "Keras, jit_compile": 0.4}.items():
            keras = part.loc[part["peer"] == name, ratio]
            if len(keras):
                result.append((f"time / {name}, batch {batch:.0f}", float((1 / keras).max()), limit))
        bound = part.loc[(part["peer"] == BOUND) & (part["optimizer"] == "sgd"), ratio]
        if batch in (32, 256) and len(bound):
            limit = {32: 2.0, 256: 1.4}[batch]
            result.append((f"time / {BOUND}, batch {batch:.0f}", float((1 / bound).max()), limit))
    column = "median" if ratio == "ratio" else "processor_seconds"
    slow = frame[(frame["section"] == "slow-down") & (frame["peer"] == OURS)]
    if len(slow):
        result.append(("late epochs / early epochs", float(slow[column].max()), 1.1))
    beyond = frame[(frame["quantity"] == BEYOND) & (frame["peer"] == OURS)]
    if len(beyond):
        result.append((BEYOND, float(beyond[column].max()), 0.25))
    return result
