"""How well pictures of each kind are read, and how sure the network is where there is no digit."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mnistbook import results
from mnistbook.ch18_draw_your_own.drawings import Drawing, Way, from_all_ink
from mnistbook.ch18_draw_your_own.everyday import EVERYDAY, everyday
from mnistbook.ch18_draw_your_own.foreign import FOREIGN, foreign
from mnistbook.ch18_draw_your_own.nothing import NOTHING, nothing
from mnistlab.app.weights import load_digits
from mnistlab.data import to_vectors
from mnistlab.images import ImageError, from_drawing
from mnistlab.mnist import MNIST, load_mnist
from mnistlab.sweeps.runner import sweep

__all__ = ["DESCRIPTION", "EACH", "FRESH", "NAME", "RUNS", "KindRun", "measure", "run"]

NAME = "drawings"
DESCRIPTION = "pictures of each kind, read by the network that ships (about 20 minutes of one core)"

EACH, FRESH, EMPTY = 300, 1000, 30
"""Pictures of each kind with a digit, others of the same kind from other test digits, and pictures without a digit."""
PICTURES = {"everyday": EACH, "fresh": FRESH, "foreign": EACH, "nothing": EMPTY}
"""By collection, how many of each kind."""


@dataclass(frozen=True)
class KindRun:
    """One kind of pictures: which collection it is from, and its name there."""

    collection: str
    kind: str

    @property
    def key(self) -> str:
        """What the run is called where it is kept."""
        return f"{self.collection}.{re.sub('[^a-zA-Z0-9]+', '-', self.kind)}"


RUNS = (
    *(KindRun("everyday", kind) for kind in EVERYDAY),
    *(KindRun("fresh", kind) for kind in EVERYDAY),
    KindRun("foreign", FOREIGN),
    *(KindRun("nothing", kind) for kind in NOTHING),
)


def run(folder: Path, workers: int | None = None) -> None:
    """Measure what is missing, and store ``drawings.csv``."""
    results.write(NAME, sweep(RUNS, folder, task=measure, workers=workers), extra_text=("collection", "kind"))


def measure(run: KindRun, each: int | None = None) -> pd.DataFrame:
    """Return one row: shares of pictures that are read rightly and refused, and how sure the network is.

    ``found`` is the share that is right after ``from_drawing``, ``all_ink`` if all ink counts, ``as_stored`` that of
    the same digits as MNIST has them; ``refused`` what ``from_drawing`` refuses, ``sure`` what is answered with more
    than 60 %, and ``surest`` the largest probability.
    """
    network = load_digits()
    count = each or PICTURES[run.collection]
    if run.collection == "nothing":
        files = [data for _, data in nothing(count, kinds=[run.kind])]
        answers = np.stack([_probabilities(network, io.BytesIO(data)) for data in files])
        row = {"pictures": len(files)}
    else:
        mnist = load_mnist()
        pictures = _pictures(run, mnist, count)
        digits = np.array([picture.digit for picture in pictures])
        answers = np.stack([_probabilities(network, io.BytesIO(picture.data)) for picture in pictures])
        everything = np.stack([_probabilities(network, picture.open(), from_all_ink) for picture in pictures])
        row = {"pictures": len(pictures), "found": _share(answers, digits), "all_ink": _share(everything, digits)}
        if run.collection != "foreign":
            stored = to_vectors(mnist.x_test[[picture.index for picture in pictures]])
            row["as_stored"] = _share(network.predict_proba(stored), digits)
    surest = answers.max(axis=1)
    row |= {"refused": (surest == 0).mean(), "sure": (surest > 0.6).mean(), "surest": surest.max()}
    return pd.DataFrame([{"key": run.key, "collection": run.collection, "kind": run.kind, **row}])


def _pictures(run: KindRun, mnist: MNIST, count: int) -> list[Drawing]:
    if run.collection == "foreign":
        return foreign(count)
    start = EACH if run.collection == "fresh" else 0
    return everyday(mnist.x_test, mnist.y_test, start + count, kinds=[run.kind])[start:]


def _probabilities(network, picture, way: Way = from_drawing) -> np.ndarray:
    """Return ten probabilities; zeros for a picture that is refused."""
    try:
        return network.predict_proba(to_vectors(way(picture)[None]))[0]
    except ImageError:
        return np.zeros(10, network.dtype)


def _share(answers: np.ndarray, digits: np.ndarray) -> float:
    return float(((answers.argmax(axis=1) == digits) & (answers.max(axis=1) > 0)).mean())
