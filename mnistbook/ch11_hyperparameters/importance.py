"""Which hyperparameters matter, by Optuna's functions, of runs that are stored."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from mnistbook.ch11_hyperparameters.searches import space_of
from mnistlab.sweeps.optuna_search import distribution, load_optuna
from mnistlab.sweeps.run import Run

__all__ = ["drawn", "importances", "study_of"]

NAMES = {"learning_rate": "learning rate", "batch_size": "batch size", "hidden": "width"}


def study_of(runs: Iterable[Run], values: Iterable[float], box: Mapping[str, tuple[float, float]], least: float) -> Any:
    """Return an Optuna study of runs with one hidden layer, of those whose value is ``least`` or more.

    Parameters
    ----------
    runs, values
        What was tried, and what it came to.
    box
        For each hyperparameter its ends; all are on logarithmic scales.
    least
        Smallest value that is taken.
    """
    optuna = load_optuna()
    distributions = {NAMES[name]: distribution(some) for name, some in space_of(box).items()}
    study = optuna.create_study(direction="maximize")
    for run, value in zip(runs, values, strict=True):
        if value >= least:
            drawn = {NAMES[name]: run.hidden[0] if name == "hidden" else getattr(run, name) for name in box}
            study.add_trial(optuna.trial.create_trial(params=drawn, distributions=distributions, value=float(value)))
    return study


def importances(study: Any) -> dict[str, float]:
    """Return the share of the variance that each hyperparameter explains alone, by fANOVA: a mean of ten forests.

    What is missing to 1 belongs to several of them together.
    """
    optuna = load_optuna()
    found = [optuna.importance.FanovaImportanceEvaluator(seed=seed).evaluate(study) for seed in range(10)]
    return {name: float(np.mean([shares[name] for shares in found])) for name in found[0]}


def drawn(name: str, study: Any, size: tuple[float, float], **options: object) -> Figure:
    """Draw a study by one of Optuna's functions ``plot_...``; ``size`` is in inches, and options are the function's."""
    load_optuna()
    from optuna.exceptions import ExperimentalWarning
    from optuna.visualization import matplotlib as plots

    with plt.rc_context(), warnings.catch_warnings():  # Optuna sets a style of its own for all figures to come
        warnings.simplefilter("ignore", ExperimentalWarning)
        axes = getattr(plots, name)(study, **options)
    axes.set_title("")
    if name == "plot_contour":
        with warnings.catch_warnings():  # Matplotlib before 3.11 says that it leaves them curves
            warnings.filterwarnings("ignore", "Rasterization of", UserWarning)
            for shape in axes.collections:
                shape.set_rasterized(True)  # as curves they would be the heaviest part of the page
    axes.figure.set_size_inches(size)
    return axes.figure
