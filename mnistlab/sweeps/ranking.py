"""Which configurations did best, over their seeds."""

from __future__ import annotations

from dataclasses import fields

import pandas as pd

from mnistlab.sweeps.results import last_rows
from mnistlab.sweeps.run import Run

__all__ = ["ranking", "ranking_text"]

SETTINGS = tuple(field.name for field in fields(Run) if field.name != "seed")


def ranking(frame: pd.DataFrame, measure: str = "final_validation_accuracy") -> pd.DataFrame:
    """Return one row a configuration, best first.

    Parameters
    ----------
    frame
        Rows of :class:`Run`'s trainings, as a sweep returns them.
    measure
        Column of the runs' last rows; higher is better.

    Returns
    -------
    pandas.DataFrame
        The settings in which the configurations differ; ``mean`` and ``sd`` (NaN for one seed) of the measure over the
        seeds, ``runs`` and how many of them ``diverged``. Those of which one diverged come last: their mean would be
        that of the lucky seeds.
    """
    last = last_rows(frame)
    settings = [name for name in SETTINGS if name in last]
    varied = [name for name in settings if last[name].nunique(dropna=False) > 1]
    groups = last.groupby(settings, dropna=False, sort=False)
    table = groups.agg(
        mean=(measure, "mean"), sd=(measure, "std"), runs=("key", "size"), diverged=("diverged", "sum")
    ).reset_index()
    order = table.assign(any_diverged=table["diverged"] > 0).sort_values(
        ["any_diverged", "mean"], ascending=[True, False], kind="stable"
    )
    return order[[*varied, "mean", "sd", "runs", "diverged"]].reset_index(drop=True)


def ranking_text(frame: pd.DataFrame, rows: int = 10) -> str:
    """Return the first rows of :func:`ranking` by validation accuracy as lines of text, or say why there is none."""
    if frame["final_validation_accuracy"].isna().all() and not frame["diverged"].any():
        return "no images were held out for validation, so no configuration is called the best"
    table = ranking(frame)
    shown = table.head(rows)
    accuracy = [
        "diverged" if pd.isna(mean) else f"{mean:.2%}" + ("" if pd.isna(sd) else f" ± {100 * sd:.2f}")
        for mean, sd in zip(shown["mean"], shown["sd"], strict=True)
    ]
    columns = shown.drop(columns=["mean", "sd"]).assign(validation_accuracy=accuracy)
    if not table["diverged"].any():
        columns = columns.drop(columns="diverged")
    head = "best configurations" if len(table) <= rows else f"best {rows} of {len(table)} configurations"
    return f"{head}, by validation accuracy (mean ± sd over seeds)\n{columns.to_string(index=False)}"
