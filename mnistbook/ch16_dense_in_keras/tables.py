"""The stored trainings of the dense Keras models: beside what was published, and the two libraries side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mnistbook.kit.answers import right_rows
from mnistbook.kit.comparisons import judge
from mnistbook.projects.published import KERAS_ACCURACY, TEST_LOSS
from mnistbook.projects.registry import DENSE, LIBRARIES
from mnistbook.projects.verdicts import interval_text, one_more_run, strict_interval, verdict

__all__ = ["accuracies_and_losses", "comparison", "paired_answers"]


def comparison(runs: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each model and library: what it reached, and what an epoch cost.

    Parameters
    ----------
    runs
        One row a run, as :func:`mnistbook.results.read` returns them for the study ``keras_dense``.
    curves
        One row an epoch, of :func:`~mnistbook.results.read_curves`.

    Returns
    -------
    pandas.DataFrame
        ``project``, ``library``, ``runs``, ``parameters``; test accuracy in percent and test loss, each with the
        standard deviation over seeds (NaN for one run); median processor seconds of an epoch.
    """
    rows = []
    for project in DENSE:
        for library in LIBRARIES:
            chosen = runs[(runs["project"] == project) & (runs["library"] == library)]
            if chosen.empty:
                continue
            epochs = curves[(curves["project"] == project) & (curves["library"] == library)]
            rows.append(
                {
                    "project": project,
                    "library": library,
                    "runs": len(chosen),
                    "parameters": int(chosen["parameters"].iloc[0]),
                    "accuracy, %": 100 * chosen["test_accuracy"].mean(),
                    "± sd": 100 * chosen["test_accuracy"].std(),
                    "loss": chosen["test_loss"].mean(),
                    "± sd of it": chosen["test_loss"].std(),
                    "s/epoch": epochs["cpu_seconds"].median(),
                }
            )
    return pd.DataFrame(rows)


def accuracies_and_losses(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each published number and library: does it come out?

    By the rule of :mod:`mnistbook.projects.verdicts`; "within" is the interval that decides.

    Parameters
    ----------
    runs
        As for :func:`comparison`.
    """
    rows = []
    for project in DENSE:
        for quantity, column, scale, table in (
            ("accuracy, %", "test_accuracy", 100, KERAS_ACCURACY),
            ("loss", "test_loss", 1, TEST_LOSS),
        ):
            for library in LIBRARIES:
                chosen = runs[(runs["project"] == project) & (runs["library"] == library)]
                values = scale * chosen[column].to_numpy()
                if project not in table or not len(values) or (len(values) == 1 and quantity == "loss"):
                    continue
                number = table[project]
                low, high = strict_interval(values) if scale == 100 else one_more_run(values, most=np.inf)
                digits = -round(np.log10(number.unit))
                rows.append(
                    {
                        "project": project,
                        "quantity": quantity,
                        "published": f"{number.value:.{digits}f}",
                        "library": library,
                        "ours": f"{values.mean():.{digits}f}",
                        "runs": len(values),
                        "within": interval_text(low, high, digits),
                        "comes out": verdict(number, values),
                    }
                )
    return pd.DataFrame(rows)


def paired_answers(answers: pd.DataFrame, images: int = 10_000) -> pd.DataFrame:
    """Compare the two libraries on the test images, over all seeds that both have.

    Parameters
    ----------
    answers
        The stored rows with ``project``, ``library``, ``seed`` and ``wrong``.
    images
        How many test images there are.

    Returns
    -------
    pandas.DataFrame
        One row a model: ``seeds``; answers more right of the one and of the other, and the probability ``p`` of a split
        at least as uneven if these networks were equally good, as
        :func:`~mnistbook.kit.comparisons.compare_answers` counts them; ``points``, the mean accuracy of mnistlab less
        that of Keras in percentage points, and ``low`` and ``high``, Welch's interval for the difference of two means
        that are taken over seeds (NaN for one seed); and what the report's one rule makes of both.
    """
    rows = []
    for project in DENSE:
        ours, theirs = (
            answers[(answers["project"] == project) & (answers["library"] == library)].set_index("seed")
            for library in LIBRARIES
        )
        seeds = sorted(set(ours.index) & set(theirs.index))
        if not seeds:
            continue
        first, second = (right_rows(side.loc[seeds, "wrong"], images) for side in (ours, theirs))
        result = judge(second, first, same_starts=False)
        rows.append(
            {
                "project": project,
                "seeds": result.seeds,
                "mnistlab more right": result.answers.second_more,
                "Keras more right": result.answers.first_more,
                "p": result.answers.p_value,
                "points": result.points.mean,
                "low": result.points.low,
                "high": result.points.high,
                "mnistlab is": result.second,
            }
        )
    return pd.DataFrame(rows)
