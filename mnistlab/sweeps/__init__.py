"""Many runs: configurations as values, made as a grid or at random, spread over cores or a cluster, and ranked."""

from mnistlab.sweeps.optuna_search import Search, search
from mnistlab.sweeps.ranking import ranking, ranking_text
from mnistlab.sweeps.run import Run, train
from mnistlab.sweeps.runner import SweepError, SweepFailed, grid, random_search, sweep, with_seeds
from mnistlab.sweeps.sweep_file import SweepFileError, read_sweep_file

__all__ = [
    "Run",
    "Search",
    "SweepError",
    "SweepFailed",
    "SweepFileError",
    "grid",
    "random_search",
    "ranking",
    "ranking_text",
    "read_sweep_file",
    "search",
    "sweep",
    "train",
    "with_seeds",
]
