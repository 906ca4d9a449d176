"""Two published convolutional networks, trained again in Keras."""

from __future__ import annotations

from pathlib import Path

from threadpoolctl import threadpool_limits

from mnistbook import results
from mnistbook.kit.answers import unpack_floats
from mnistbook.projects.keras_convolution import train_convolution
from mnistbook.projects.registry import ProjectRun
from mnistbook.projects.tensorflow import use_one_thread
from mnistlab.convolution import Conv2D, MaxPool2D
from mnistlab.layers import Dense, ReLU, Softmax
from mnistlab.network import Network
from mnistlab.sweeps.provenance import COLUMNS
from mnistlab.sweeps.runner import sweep

__all__ = [
    "ANSWERS",
    "DESCRIPTION",
    "KEPT",
    "NAME",
    "RUNS",
    "WEIGHTS",
    "kept_network",
    "run",
    "runs_of",
]

NAME = "convolution"
DESCRIPTION = "two published convolutional networks in Keras (about an hour of one core)"

ANSWERS, WEIGHTS = f"{NAME}_answers", f"{NAME}_weights"
"""Names of the stored files that say which test images each network got wrong, and that hold the weights of one."""

RUNS = tuple(ProjectRun(name, seed) for seed in range(5) for name in ("5c", "3d"))
"""In the order in which they are computed, since each is kept as it ends."""

KEPT = RUNS[1]
"""The run whose weights are stored: they are few."""


def run(folder: Path, workers: int | None = None) -> None:
    """Do what is missing; store ``convolution.csv``, its curves, answers and weights."""
    use_one_thread()
    with threadpool_limits(1):
        frame = sweep(RUNS, folder, task=train_convolution, workers=workers)
    results.write(NAME, frame.drop(columns=["wrong", "weights"]), extra_text=("project",))
    last = results.last_rows(frame)
    results.write(ANSWERS, last[["key", "project", "seed", "wrong", *COLUMNS]], extra_text=("project", "wrong"))
    kept = last[last["key"] == KEPT.key]
    results.write(WEIGHTS, kept[["key", "project", "seed", "weights", *COLUMNS]], extra_text=("project",))


def runs_of(project: str) -> list[ProjectRun]:
    """Return the runs of a project, seed by seed."""
    return [some for some in RUNS if some.project == project]


def kept_network(folder: Path | None = None) -> Network:
    """Return the network of :data:`KEPT` with its stored weights, made of this library's layers: no Keras needed."""
    first = [Conv2D((28, 28, 1), 32), ReLU(), MaxPool2D((26, 26, 32))]
    second = [Conv2D((13, 13, 32), 64), ReLU(), MaxPool2D((11, 11, 64))]
    third = [Conv2D((5, 5, 64), 64), ReLU()]
    dense = [Dense(576, 64), ReLU(), Dense(64, 10), Softmax()]
    network = Network([*first, *second, *third, *dense])
    (text,) = results.read(WEIGHTS, folder=folder)["weights"]
    network.parameters[...] = unpack_floats(text)
    return network
