"""Published accuracies beside ours: does the number come out?

One rule for all of them. A published number **comes out** if it lies where one more run of ours would fall with
probability 95 %, by the spread over seeds; and, where it is an accuracy, no further from our mean than two shares of so
many images may differ by chance. Both are reported, and the stricter decides. The second test pairs nothing, since
nobody knows on which images the authors' networks were wrong; so it is cautious, and decides where there are few seeds.
From one run nothing comes out: it shows no spread. Nor is anything said where none of our own runs lies in the
interval: their mean is then no place where a run ends.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mnistbook.kit.metrics import prediction_interval
from mnistbook.projects.published import ACCURACY, KERAS_ACCURACY, TEST_LOSS, PublishedNumber

__all__ = [
    "accuracy_overview",
    "accuracy_table",
    "difference_interval",
    "interval_text",
    "loss_table",
    "one_more_run",
    "strict_interval",
    "verdict",
    "within_one_more_run",
]


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
        values = _own(runs, project, rate, number)
        rows.append(
            {
                "project": project,
                "rate": f"{rate:g}",
                "published, %": _text(number),
                "ours, %": values.mean(),
                "± sd": values.std(ddof=1) if len(values) > 1 else np.nan,
                "runs": len(values),
                "one more run": interval_text(*one_more_run(values)),
                "images": interval_text(*difference_interval(values.mean(), number.images)),
                "comes out": verdict(number, values),
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
        ``network``, ``published``, ``ours``, ``from``, ``to``, all but the first in percent; ``runs``, their number;
        ``comes out``.
    """
    table = accuracy_table(runs)
    names = [f"1, rate {row.rate}" if row.project == "1" else row.project for row in table.itertuples()]
    ours = [_own(runs, project, rate, number) for (project, rate), number in ACCURACY.items()]
    numbers = [*ACCURACY.values(), *KERAS_ACCURACY.values()]
    for project, number in KERAS_ACCURACY.items():
        names.append(project)
        ours.append(100 * in_keras.loc[in_keras["project"] == project, number.measured].to_numpy())
    rows = []
    for name, number, values in zip(names, numbers, ours, strict=True):
        low, high = strict_interval(values, number.images)
        row = {"network": name, "published": number.value, "ours": values.mean(), "from": low, "to": high}
        rows.append(row | {"runs": len(values), "comes out": verdict(number, values)})
    return pd.DataFrame(rows)


def loss_table(runs: pd.DataFrame, in_keras: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each published test loss: theirs, ours with spread, where a further run would fall, verdict.

    Parameters
    ----------
    runs, in_keras
        As for :func:`accuracy_overview`; a network written from scratch is looked for in the first.

    Raises
    ------
    ValueError
        If a published loss has no run.
    """
    rows = []
    for project, number in TEST_LOSS.items():
        frame = in_keras if project in KERAS_ACCURACY else runs
        values = frame.loc[frame["project"] == project, number.measured].to_numpy()
        if not len(values):
            raise ValueError(f"there is no run of project {project}, whose test loss was published")
        rows.append(
            {
                "project": project,
                "published": number.value,
                "ours": values.mean(),
                "± sd": values.std(ddof=1) if len(values) > 1 else np.nan,
                "runs": len(values),
                "one more run": interval_text(*one_more_run(values, most=np.inf), digits=4),
                "comes out": verdict(number, values),
            }
        )
    return pd.DataFrame(rows)


def _own(runs: pd.DataFrame, project: str, rate: float, number: PublishedNumber) -> np.ndarray:
    """Return what our runs of a project reached, in percent."""
    chosen = runs[(runs["project"] == project) & np.isclose(runs["rate"], rate)]
    if chosen.empty:
        raise ValueError(f"there is no run of project {project} with the learning rate {rate:g}")
    return 100 * chosen.loc[chosen["epoch"] == chosen["epoch"].min(), number.measured].to_numpy()


def one_more_run(values: np.ndarray, most: float = 100.0) -> tuple[float, float]:
    """Return where a further run would fall with 95 %, by the spread over seeds, and between 0 and ``most``.

    NaN for a single run, which shows no spread.
    """
    if len(values) < 2:
        return np.nan, np.nan
    low, high = prediction_interval(values)
    return max(low, 0.0), min(high, most)  # few runs may say that more than all is possible


def within_one_more_run(printed: np.ndarray, ours: np.ndarray, unit: float) -> np.ndarray:
    """Say of each printed number whether a further run would give it, by the spread over seeds alone.

    Parameters
    ----------
    printed
        Numbers of any shape, whose last digit has this ``unit``.
    ours
        What our runs have in their places, of shape ``(seeds, *printed.shape)``.
    """
    found = np.empty(printed.shape, bool)
    for place, number in np.ndenumerate(printed):
        low, high = one_more_run(ours[:, *place], most=np.inf)
        found[place] = low - unit / 2 <= number <= high + unit / 2
    return found


def strict_interval(percents: np.ndarray, images: int = 10_000) -> tuple[float, float]:
    """Return what lies both where a further run would fall, and no further away than images allow."""
    percents = np.asarray(percents)
    low, high = zip(one_more_run(percents), difference_interval(percents.mean(), images), strict=True)
    return float(np.nanmax(low)), float(np.nanmin(high))


def difference_interval(percent: float, images: int = 10_000) -> tuple[float, float]:
    """Return where another network's accuracy lies with 95 % if both have one true share, each with its own images.

    On the same images two networks differ by less, so the interval is wide.
    """
    share = percent / 100
    half = 100 * 1.959964 * np.sqrt(2 * share * (1 - share) / images)
    return percent - half, percent + half


def verdict(number: PublishedNumber, values: np.ndarray) -> str:
    """Say whether a published number comes out, given our runs: "yes", "no" and on which side ours is, or why not.

    Nothing is said of "one run", and it is "open" where the interval holds none of our runs.

    Accuracies are in percent. The intervals are widened by half a unit of the last digit that was published. Of a bound
    it is asked whether anything that reaches it lies in them. A loss is asked for the spread over seeds alone.
    """
    loss = "loss" in number.measured
    low, high = one_more_run(values, most=np.inf) if loss else strict_interval(values, number.images)
    half = number.unit / 2
    if len(values) > 1 and not ((low - half <= values) & (values <= high + half)).any():
        return "open"
    if not number.at_least and number.value < low - half:
        return "no: ours is higher"
    if number.value > high + (0 if number.at_least else half):
        return "no: ours is lower"
    return "yes" if len(values) > 1 else "one run"


def interval_text(low: float, high: float, digits: int = 2) -> str:
    """Return an interval as text, with a dash where there is none."""
    return "–" if np.isnan(low) else f"{low:.{digits}f} to {high:.{digits}f}"


def _text(number: PublishedNumber) -> str:
    digits = max(0, -round(np.log10(number.unit)))
    return f"{'more than ' if number.at_least else ''}{number.value:.{digits}f}"
