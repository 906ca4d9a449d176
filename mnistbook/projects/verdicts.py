"""Published accuracies beside ours: does the number come out?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mnistbook.kit.metrics import prediction_interval
from mnistbook.projects.published import ACCURACY, KERAS_ACCURACY, PublishedNumber

__all__ = ["accuracy_overview", "accuracy_table", "difference_interval", "one_more_run", "verdict"]


def accuracy_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each published accuracy: theirs, ours with spread, where a further run would fall, verdict.

    Parameters
    ----------
    runs
        One row a run, as :func:`mnistbook.projects.networks.train_project` ends it, with the columns ``project``,
        ``rate``, ``epoch`` and the one that :data:`~mnistbook.projects.published.ACCURACY` names. Runs longer than
        the shortest of a project and rate are left out: they were not the author's.

    Raises
    ------
    ValueError
        If a published accuracy has no run.
    """
    rows = []
    for (project, rate), number in ACCURACY.items():
        chosen = runs[(runs["project"] == project) & np.isclose(runs["rate"], rate)]
        if chosen.empty:
            raise ValueError(f"there is no run of project {project} with the learning rate {rate:g}")
        chosen = chosen[chosen["epoch"] == chosen["epoch"].min()]
        values = 100 * chosen[number.measured].to_numpy()
        low, high = one_more_run(values)
        rows.append(
            {
                "project": project,
                "rate": f"{rate:g}",
                "published, %": _text(number),
                "ours, %": values.mean(),
                "± sd": values.std(ddof=1) if len(values) > 1 else np.nan,
                "runs": len(values),
                "from": low,
                "to": high,
                "comes out": verdict(number, low, high),
            }
        )
    return pd.DataFrame(rows)


def accuracy_overview(runs: pd.DataFrame, in_keras: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each published accuracy, Keras models included: theirs, ours, where a further run would fall.

    Parameters
    ----------
    runs
        As for :func:`accuracy_table`.
    in_keras
        One row a run of the Keras models, trained by Keras.

    Returns
    -------
    pandas.DataFrame
        ``network``, ``published``, ``ours``, ``from``, ``to``, all but the first in percent; ``runs``, their number.
    """
    table = accuracy_table(runs)
    names = [f"1, rate {row.rate}" if row.project == "1" else row.project for row in table.itertuples()]
    values = [number.value for number in ACCURACY.values()]
    columns = {"ours": table["ours, %"], "from": table["from"], "to": table["to"], "runs": table["runs"]}
    rows = [pd.DataFrame({"network": names, "published": values} | columns)]
    for project, number in KERAS_ACCURACY.items():
        ours = 100 * in_keras.loc[in_keras["project"] == project, number.measured].to_numpy()
        low, high = one_more_run(ours)
        row = {"network": project, "published": number.value, "ours": ours.mean(), "from": low, "to": high}
        rows.append(pd.DataFrame([row | {"runs": len(ours)}]))
    return pd.concat(rows, ignore_index=True)


def one_more_run(percents: np.ndarray) -> tuple[float, float]:
    """Return where a further run would fall with 95 %, between 0 and 100: from one run, what two test sets allow."""
    low, high = prediction_interval(percents) if len(percents) > 1 else difference_interval(float(percents[0]))
    return max(low, 0.0), min(high, 100.0)  # few runs may say that more than all is possible


def difference_interval(percent: float, images: int = 10_000) -> tuple[float, float]:
    """Return where another network's accuracy lies with 95 % if both have one true share, each with its own images.

    Used where one run shows no spread. On the same images two networks differ by less, so the interval is wide.
    """
    share = percent / 100
    half = 100 * 1.959964 * np.sqrt(2 * share * (1 - share) / images)
    return percent - half, percent + half


def verdict(number: PublishedNumber, low: float, high: float) -> str:
    """Say whether a published number lies in an interval, widened by half a unit of its last digit."""
    if number.at_least:
        return "yes" if high >= number.value else "no: ours is lower"
    if number.value < low - number.unit / 2:
        return "no: ours is higher"
    return "yes" if number.value <= high + number.unit / 2 else "no: ours is lower"


def _text(number: PublishedNumber) -> str:
    digits = max(0, -round(np.log10(number.unit)))
    return f"{'more than ' if number.at_least else ''}{number.value:.{digits}f}"
