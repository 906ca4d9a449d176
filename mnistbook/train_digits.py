"""Make the network that ships with the package: ``python -m mnistbook.train_digits``.

It learns from MNIST's digits, from some of them as other pens write them, from 1s with flags, from half of
scikit-learn's foreign digits, and from images without a digit, for which all ten answers are equally wrong. Its
settings were chosen on 6,000 training images held out, which it does not learn from, and on drawings made from them.
The test images are read once, for the file's metadata. ``make app-network`` runs it; it takes one core for a few
minutes, and gives the same file each time on the same kind of processor with the same NumPy.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mnistbook.ch18_draw_your_own.drawings import compare, drawings
from mnistbook.ch18_draw_your_own.foreign import LEARNT
from mnistbook.ch18_draw_your_own.lessons import flagged_ones, no_digits, other_hands, other_pens
from mnistlab.app.weights import DIGITS
from mnistlab.data import split, to_vectors
from mnistlab.images import Augmentation
from mnistlab.interop.files import save_network
from mnistlab.layers import Dense, ReLU
from mnistlab.losses import SoftmaxCrossEntropy
from mnistlab.mnist import MNIST, load_mnist
from mnistlab.network import Network
from mnistlab.optimizers import SGD
from mnistlab.schedules import Cosine
from mnistlab.training import evaluate, fit

__all__ = ["main"]

HIDDEN = 600
"""Units: about as many as a file of 1 MB holds in half precision."""

SEED, BATCH_SIZE = 0, 128
LOSS, AUGMENTATION = SoftmaxCrossEntropy(label_smoothing=0.1), Augmentation.mild()
MOMENTUM, WEIGHT_DECAY = 0.9, 1e-4

SURENESS = 0.6
"""Logits are that much smaller in the end, which changes no answer. Chosen on 2,040 pictures without a digit, drawn
with another seed than those of the chapter: for all but one of them every probability is below 60 %."""


@dataclass(frozen=True)
class Stage:
    """A part of the training, and what is learnt in it besides MNIST's digits."""

    epochs: int
    rate: float
    pens: int
    """How many digits another pen writes."""
    ones: int
    """1s with a flag or a foot."""
    times: int
    """How often each foreign digit comes."""
    no_digits: int
    hard: bool


STAGES = (
    Stage(epochs=30, rate=0.1, pens=54_000, ones=3_000, times=8, no_digits=20_000, hard=False),
    Stage(epochs=8, rate=0.03, pens=54_000, ones=1_000, times=2, no_digits=18_000, hard=True),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, measure, and write the file."""
    parser = argparse.ArgumentParser(prog="python -m mnistbook.train_digits", description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=DIGITS, help="where to write (default: into the package)")
    parser.add_argument(
        "--epochs", type=int, default=max(stage.epochs for stage in STAGES), help="at most, for a trial"
    )
    options = parser.parse_args(arguments)
    mnist = load_mnist()
    x, y, x_held_out, y_held_out = split(mnist.x_train, mnist.y_train, 0.1, seed=SEED)
    network = Network([Dense(784, HIDDEN), ReLU(), Dense(HIDDEN, 10)], seed=SEED)
    stages = [replace(stage, epochs=min(stage.epochs, options.epochs)) for stage in STAGES]
    for number, stage in enumerate(stages):
        train(network, x, y, stage, SEED + number)
    network.layers[-1].W *= SURENESS
    network.layers[-1].b *= SURENESS
    network.parameters[...] = network.parameters.astype(np.float16)  # what the file holds is what is measured
    facts = measured(network, mnist, x_held_out, y_held_out)
    save_network(network, options.output, {**settings(stages), **facts}, half=True)
    print(f"saved in {options.output}: {facts}")


def train(network: Network, x: np.ndarray, y: np.ndarray, stage: Stage, seed: int) -> None:
    """Train in place on MNIST images ``x`` with digits ``y``, and on what else a stage teaches."""
    images, targets = lessons(x, y, stage, seed)
    fit(
        network,
        to_vectors(images),
        targets,
        loss=LOSS,
        optimizer=SGD(Cosine(stage.rate), momentum=MOMENTUM, weight_decay=WEIGHT_DECAY),
        epochs=stage.epochs,
        batch_size=BATCH_SIZE,
        seed=seed,
        augment=AUGMENTATION,
        # How many share a product decides how its sums are rounded, and a training carries that on and on.
        threads=1,
        on_epoch_end=lambda row: print(f"epoch {row['epoch']:>3}  loss {row['loss']:.4f}", flush=True),
    )


def lessons(x: np.ndarray, y: np.ndarray, stage: Stage, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what is learnt: images, uint8 of shape (N, 28, 28), and rows of targets, float32 of shape (N, 10).

    What holds no digit is to be taken for each digit with probability 0.1.
    """
    rng = np.random.default_rng(seed)
    some = rng.permutation(len(x))[: stage.pens]
    hands, theirs = other_hands(stage.times, rng)
    pens, ones = other_pens(x[some], rng), flagged_ones(stage.ones, rng)
    images = [x, pens, ones, hands, no_digits(x, stage.no_digits, rng, stage.hard)]
    digits = np.concatenate([y, y[some], np.ones(stage.ones, int), theirs])
    none = np.full((stage.no_digits, 10), 0.1)
    return np.concatenate(images), np.concatenate([np.eye(10)[digits], none]).astype(np.float32)


def settings(stages: Sequence[Stage]) -> dict[str, str]:
    """Return how the network is trained, in words, for the file's metadata."""
    return {
        "made_by": "make app-network",
        "seed": str(SEED),
        "epochs": " + ".join(str(stage.epochs) for stage in stages),
        "batch_size": str(BATCH_SIZE),
        "loss": repr(LOSS),
        "optimizer": repr(SGD(Cosine(stages[0].rate), momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)),
        "augmentation": repr(AUGMENTATION),
        "training_images": "54000",
        "stages": " + ".join(map(repr, stages)),
        "foreign_digits": str(LEARNT),
        "logits_times": str(SURENESS),
        "precision": "float16",
    }


def measured(network: Network, mnist: MNIST, x_held_out, y_held_out) -> dict[str, str]:
    """Return the share read rightly, as text: of images held out, of test images, and of drawings made from these."""
    shares = {
        "validation_accuracy": evaluate(network, to_vectors(x_held_out), y_held_out).accuracy,
        "test_accuracy": evaluate(network, to_vectors(mnist.x_test), mnist.y_test).accuracy,
        "drawings_accuracy": compare(network, drawings(mnist.x_test, mnist.y_test)).loc["all", "from_drawing"],
    }
    return {name: f"{share:.4f}" for name, share in shares.items()}


if __name__ == "__main__":
    main()
