"""A search that learns from its trials, by Optuna: a sweep in which each place asks what to try when it begins.

The sweep keeps what came of each place, on whatever backend; Optuna's study beside it, a file too, keeps what is known
so far. So a search that is killed goes on, and one with more trials begins with those that there are.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mnistlab.checks import check_positive, check_seed
from mnistlab.sweeps.run import Run, train
from mnistlab.sweeps.runner import SweepError, sweep

if TYPE_CHECKING:
    import optuna

__all__ = ["PRUNERS", "SAMPLERS", "Search", "distribution", "load_optuna", "open_study", "search"]

SAMPLERS = ("tpe", "random")
PRUNERS = ("none", "successive_halving")
REDUCTION = 3
"""One in so many goes on at each rung of successive halving; the rungs are after 1, 3, 9 … epochs."""
NAME, FILE = "search", "study.log"

Space = Mapping[str, Sequence[object] | Mapping[str, Sequence[float]]]


@dataclass(frozen=True)
class Search:
    """What is searched, and how.

    Parameters
    ----------
    base
        Gives the other fields, and the seed of every training. Its validation accuracy is what is maximized.
    space
        For each field a list to choose from, or a distribution with its ends as in a sweep's file, such as
        ``{"log_uniform": [0.001, 1]}``.
    trials
        How many.
    sampler
        "tpe", Optuna's tree-structured Parzen estimator, or "random".
    pruner
        "none", or "successive_halving": after epochs 1, 3, 9 … a trial that is not among the best third of those that
        came so far ends there (the asynchronous form, which waits for nobody).
    seed
        Of the draws. With one worker, the same seed gives the same trials; with more it depends on who is ready first.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit, or an end or a choice is refused by :class:`~mnistlab.sweeps.run.Run`.
    """

    base: Run
    space: Space
    trials: int
    sampler: str = "tpe"
    pruner: str = "none"
    seed: int = 0

    def __post_init__(self):
        check_positive("trials", self.trials)
        check_seed(self.seed)
        for name, value, choices in (("sampler", self.sampler, SAMPLERS), ("pruner", self.pruner, PRUNERS)):
            if value not in choices:
                raise ValueError(f"{name} must be {' or '.join(choices)}, not {value!r}")
        if not self.base.validation:
            raise ValueError("a search needs images for validation, and validation is 0")
        if not self.space:
            raise ValueError("a search needs a field to search")
        for name, some in self.space.items():
            values = next(iter(some.values())) if isinstance(some, Mapping) else some
            for value in values:
                replace(self.base, **{name: value})

    @property
    def asked(self) -> str:
        """All but the number of trials, as text: what two searches share that can go on from each other."""
        return json.dumps(asdict(self) | {"trials": None}, sort_keys=True)


@dataclass(frozen=True)
class Place:
    """One trial of a search that is not drawn yet."""

    number: int
    search: Search = field(repr=False)
    folder: str = field(repr=False)
    seed: int = 0

    @property
    def key(self) -> str:
        """A name for the file of what came of it."""
        return f"trial-{self.number:05}"


def search(search: Search, folder: str | Path, **options: Any) -> pd.DataFrame:
    """Do the trials that have not been done yet, and return what came of all of them.

    Parameters
    ----------
    search
        What is searched.
    folder
        Where trials and Optuna's study are kept. All workers must see it: on a cluster of several machines it is a
        shared one.
    **options
        ``backend``, ``workers``, ``scheduler`` and ``progress``, as those of :func:`~mnistlab.sweeps.runner.sweep`.

    Returns
    -------
    pandas.DataFrame
        One row an epoch, as :func:`~mnistlab.sweeps.run.train` gives it, with the number of the ``trial`` and whether
        it was ``pruned``. A training that diverged counts as an accuracy of 0.

    Raises
    ------
    ValueError
        If the folder holds another search.
    SweepError
        If Optuna is not installed; and as :func:`~mnistlab.sweeps.runner.sweep`.
    """
    folder = Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    optuna, study = load_optuna(), open_study(folder, create=True)
    if study.user_attrs.get("asked", search.asked) != search.asked:
        raise ValueError(f"{folder} holds another search: take another folder, or remove it")
    study.set_user_attr("asked", search.asked)
    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)  # whoever had begun it was killed
    places = [Place(number, search, str(folder)) for number in range(search.trials)]
    return sweep(places, folder, task=try_one, **options)


def try_one(place: Place) -> pd.DataFrame:
    """Ask the study for a configuration, train it, and tell the study what came of it: the task of a search."""
    optuna, search = load_optuna(), place.search
    study = open_study(Path(place.folder))
    seed = int(np.random.SeedSequence([search.seed, place.number]).generate_state(1)[0])
    study.sampler = (
        optuna.samplers.TPESampler(seed=seed) if search.sampler == "tpe" else optuna.samplers.RandomSampler(seed=seed)
    )
    study.pruner = (
        optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=REDUCTION)
        if search.pruner == "successive_halving"
        else optuna.pruners.NopPruner()
    )
    trial = study.ask({name: distribution(some) for name, some in search.space.items()})

    def pruned(row: Mapping[str, float]) -> bool:
        trial.report(row["validation_accuracy"], int(row["epoch"]))
        return trial.should_prune()

    try:
        frame = train(replace(search.base, **_values(search.space, trial.params)), stop_when=pruned)[1]
    except BaseException:
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        raise
    last = frame.iloc[-1]
    ended_early = bool(not last["diverged"] and pd.isna(last["final_validation_accuracy"]))
    if ended_early:
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    else:
        study.tell(trial, 0.0 if last["diverged"] else last["final_validation_accuracy"])
    return frame.assign(trial=trial.number, pruned=ended_early)


def open_study(folder: str | Path, *, create: bool = False) -> optuna.Study:
    """Return the study of a search in its folder, to look at with Optuna's own functions.

    Raises
    ------
    FileNotFoundError
        If there is none, and none is to be created.
    SweepError
        If Optuna is not installed.
    """
    optuna, file = load_optuna(), Path(folder) / FILE
    if not (create or file.is_file()):
        raise FileNotFoundError(f"{file} is not here: the folder of a search must be one that all workers share")
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    storage = JournalStorage(JournalFileBackend(str(file), JournalFileOpenLock(str(file))))
    if create:
        return optuna.create_study(storage=storage, study_name=NAME, direction="maximize", load_if_exists=True)
    return optuna.load_study(storage=storage, study_name=NAME)


def load_optuna() -> Any:
    """Return the package, set to say nothing but warnings.

    Raises
    ------
    SweepError
        If it is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "IProgress not found")  # tqdm's, in a notebook without widgets
            import optuna
    except ModuleNotFoundError as error:
        raise SweepError(f"a search needs {error.name}: pip install 'mnistlab[search]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def distribution(some: Sequence[object] | Mapping[str, Sequence[float]]) -> Any:
    """Return Optuna's distribution for what stands in a :class:`Search`'s space: a list, or one with its ends."""
    from optuna import distributions

    if not isinstance(some, Mapping):
        return distributions.CategoricalDistribution([_plain(value) for value in some])
    ((kind, (low, high)),) = some.items()
    type_: Any = distributions.IntDistribution if kind.endswith("integers") else distributions.FloatDistribution
    return type_(low, high, log=kind.startswith("log_"))


def _plain(value: object) -> Any:
    """Return a choice as Optuna can store it: lists, such as those of hidden layers, as text."""
    return json.dumps(value) if isinstance(value, list | tuple) else value


def _values(space: Space, drawn: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was drawn as fields of a run; numbers have three digits, as those of a random search."""
    values = {}
    for name, value in drawn.items():
        some = space[name]
        if not isinstance(some, Mapping):
            values[name] = next(choice for choice in some if _plain(choice) == value)
        else:
            values[name] = float(f"{value:.3g}") if isinstance(value, float) else value
    return values
