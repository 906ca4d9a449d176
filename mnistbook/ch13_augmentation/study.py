"""What deskewing and random distortions bring, and the best network of two layers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd

from mnistbook import results
from mnistbook.ch13_augmentation.committee import Ballots
from mnistbook.kit.answers import pack_floats, pack_indices, unpack_floats
from mnistbook.kit.recipes import LARGE_CANDIDATES
from mnistlab.sweeps.run import Run, prepared, train
from mnistlab.sweeps.runner import sweep, with_seeds

__all__ = [
    "ABLATION",
    "ABLATION_SEEDS",
    "ANSWERS",
    "CANDIDATES",
    "CHOSEN",
    "CONTESTED",
    "DESCRIPTION",
    "FINAL",
    "FINAL_SEEDS",
    "NAME",
    "SCREEN",
    "STRAIGHT_CANDIDATES",
    "STRAIGHT_CHOSEN",
    "STRAIGHT_FINAL",
    "ballots",
    "run",
    "train_and_answer",
]

NAME = "augmentation"
DESCRIPTION = "deskewing, affine and elastic distortions, and the best network of two layers (50 minutes on one core)"

ANSWERS, CONTESTED = f"{NAME}_answers", f"{NAME}_contested"
"""Names of the stored files that say which images each network got wrong, and the probabilities where they differ."""

_FIRST = Run(
    hidden=(800,),
    epochs=40,
    batch_size=128,
    learning_rate=0.1,
    momentum=0.9,
    schedule="cosine",
    label_smoothing=0.1,
    weight_decay=1e-4,
    augmentation="mild",
    deskew=True,
)
_BARE = replace(_FIRST, label_smoothing=0.0)

SCREEN: dict[str, Run] = {
    "both distortions, smoothing 0.1, decay 0.0001": replace(_FIRST, epochs=10),
    "the same, learning rate 0.2": replace(_FIRST, epochs=10, learning_rate=0.2),
    "the same, no smoothing": replace(_BARE, epochs=10),
    "the same, no smoothing, elastic only": replace(_BARE, epochs=10, augmentation="elastic"),
}
"""Short trainings, one seed each, to see what is worth a long one."""

CANDIDATES: dict[str, Run] = {
    "both distortions, smoothing 0.1, decay 0.0001": _FIRST,
    "both distortions, decay 0.0001": _BARE,
    "elastic only, decay 0.001": replace(_BARE, augmentation="elastic", weight_decay=1e-3),
}
"""One seed each, compared on the validation images. All are deskewed."""

CHOSEN = "elastic only, decay 0.001"
FINAL_SEEDS = range(5)
FINAL = replace(CANDIDATES[CHOSEN], validation=0, test=True)
"""The candidate with the best validation accuracy (the chapter asserts that it was), trained on all 60,000 images."""

ABLATION_SEEDS = range(5)
_PLAIN = replace(CANDIDATES[CHOSEN], epochs=20, deskew=False, augmentation=None)
ABLATION: dict[str, Run] = {
    "none": _PLAIN,
    "deskew": replace(_PLAIN, deskew=True),
    "affine": replace(_PLAIN, augmentation="affine"),
    "elastic": replace(_PLAIN, augmentation="elastic"),
    "affine + elastic": replace(_PLAIN, augmentation="mild"),
    "deskew, elastic": replace(_PLAIN, augmentation="elastic", deskew=True),
    "deskew, affine + elastic": replace(_PLAIN, augmentation="mild", deskew=True),
}
"""Each distortion alone and together, with half the epochs, compared on the validation images."""


STRAIGHT_CANDIDATES: dict[str, Run] = {
    name: replace(LARGE_CANDIDATES[name], deskew=True, train_metrics=False)
    for name in (
        "label smoothing, 20 epochs",
        "all three and dropout, 40 epochs",
        "smoothing, averaging, input dropout, 40 epochs",
    )
}
"""Three of what the study of generalization compared for 784-800-10, with deskewed images: no augmentation."""

STRAIGHT_CHOSEN = "smoothing, averaging, input dropout, 40 epochs"
STRAIGHT_FINAL = replace(STRAIGHT_CANDIDATES[STRAIGHT_CHOSEN], validation=0, test=True)
"""The best of these by validation accuracy, trained on all 60,000 images."""


def run(folder: Path, workers: int | None = None) -> None:
    """Do what is missing, and store ``augmentation.csv``, its curves, ``…_answers.csv`` and ``…_contested.csv``."""
    frame = sweep(all_runs(), folder, task=train_and_answer, workers=workers)
    last = results.last_rows(frame)
    finals = last.set_index("key", drop=False).loc[[some.key for some in with_seeds([FINAL], FINAL_SEEDS)]]
    probabilities = np.array([decode_probabilities(text) for text in finals["answers"]])
    votes = Ballots.of(probabilities)
    predicted = {key: "".join(map(str, row)) for key, row in zip(finals["key"], votes.answers, strict=True)}
    answers = last[["key", "wrong"]].assign(predicted=last["key"].map(predicted), seed=last["seed"])
    results.write(NAME, frame.drop(columns=["wrong", "answers"]))
    results.write(ANSWERS, answers, extra_text=("wrong", "predicted"))
    results.write(CONTESTED, votes.frame(finals["key"]))


def all_runs() -> list[Run]:
    """Return every run of the study."""
    return [
        *SCREEN.values(),
        *CANDIDATES.values(),
        *STRAIGHT_CANDIDATES.values(),
        *with_seeds([FINAL, STRAIGHT_FINAL], FINAL_SEEDS),
        *with_seeds(ABLATION.values(), ABLATION_SEEDS),
    ]


def ballots(folder: Path | None = None) -> Ballots:
    """Return the stored answers of the networks of :data:`FINAL`, one member for each seed."""
    stored = results.read(ANSWERS, folder=folder, extra_text=("wrong", "predicted")).set_index("key")["predicted"]
    keys = [some.key for some in with_seeds([FINAL], FINAL_SEEDS)]
    answers = {key: np.array(list(stored[key]), dtype=int) for key in keys}
    return Ballots.read(answers, results.read(CONTESTED, folder=folder))


def train_and_answer(run: Run) -> pd.DataFrame:
    """Train, and return the rows of :func:`~mnistlab.sweeps.run.train` with what the network says.

    One thread computes the products, and another one augments.

    Three columns are added and filled in the last row: ``cpu_seconds``, the processor time of the whole training,
    measurements after each epoch included, which a busy machine lengthens less than the time on the clock;
    ``wrong``, the indices of the images on which the trained network is wrong, separated by blanks: of the test images
    in a run that looks at them, else of the validation images in the order of the split; ``answers``, the network's
    probabilities for the test images as :func:`decode_probabilities` reads them, in a run that looks at them.
    """
    part = prepared(run)
    x, y = part.test if run.test else part.validation
    start = process_time()
    network, frame = train(run)
    seconds = process_time() - start
    probabilities = network.predict_proba(x)
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != y)
    measured = frame["test_accuracy" if run.test else "final_validation_accuracy"].iloc[-1]
    if abs(1 - len(wrong) / len(y) - measured) > 1e-6:
        raise RuntimeError(f"{run.key}: {len(wrong)} wrong answers do not make an accuracy of {measured}")
    frame["cpu_seconds"], frame["wrong"], frame["answers"] = np.nan, "", ""
    frame.loc[frame.index[-1], ["cpu_seconds", "wrong"]] = [seconds, pack_indices(wrong)]
    if run.test:
        frame.loc[frame.index[-1], "answers"] = pack_floats(probabilities)
    return frame


def decode_probabilities(text: str) -> np.ndarray:
    """Return the probabilities that stand in ``answers``, float64 of shape (N, 10)."""
    return unpack_floats(text).reshape(-1, 10).astype(np.float64)
