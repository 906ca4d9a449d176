"""The part of the README that is about speed, made from the stored benchmark."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from mnistbook.ch19_where_the_time_goes.bench import tables
from mnistbook.ch19_where_the_time_goes.bench.peers import BOUND, OURS

__all__ = ["README", "block", "update"]

README = Path(__file__).resolve().parents[3] / "README.md"
BEGIN, END = "<!-- speed: made by make bench -->", "<!-- end of speed -->"


def block(rows: pd.DataFrame) -> str:
    """Return the text between the two marks."""
    written = tables.written_ratios(rows).drop(index=[OURS, BOUND])
    lines = [
        tables.claim(rows),
        "",
        "How many times as long as mnistlab each takes for the same training, by batch size: an epoch of 784-300-10 by",
        f"SGD with momentum, in float32, on one thread ({rows['processor'].iloc[0].split(',')[0]}). Medians of the",
        "ratios, with no more digits than their quartiles allow. `make bench` measures it; the chapter *Where the time",
        "goes* has the quartiles, two threads, a busy machine, and the reasons:",
        "",
        "| | " + " | ".join(written.columns) + " |",
        "|---" * (len(written.columns) + 1) + "|",
        *(f"| {name} | " + " | ".join(row) + " |" for name, row in zip(written.index, written.to_numpy(), strict=True)),
    ]
    return "\n".join(lines)


def update(rows: pd.DataFrame, path: Path = README) -> None:
    """Write the text into the README; ValueError if the two marks are not there."""
    text = path.read_text(encoding="utf-8")
    marked = re.compile(f"(?<={re.escape(BEGIN)}\n).*?(?=\n{re.escape(END)})", re.DOTALL)
    if len(marked.findall(text)) != 1:
        raise ValueError(f"{path} has no place for the times, between {BEGIN!r} and {END!r}")
    path.write_text(marked.sub(lambda _: block(rows), text), encoding="utf-8")
