"""The networks that the projects wrote themselves, trained again with their own data, initial weights and losses.

:data:`~mnistbook.projects.registry.PROJECTS` puts them together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
from scipy.ndimage import affine_transform

from mnistbook.projects.images import Images, Pair
from mnistbook.projects.running_accuracy import RunningAccuracy
from mnistlab.data import one_hot, split, to_vectors
from mnistlab.images import moments
from mnistlab.initializers import LeCun, Normal, Uniform
from mnistlab.layers import Dense, Dropout, ReLU, Softmax
from mnistlab.losses import Loss, SoftmaxCrossEntropy
from mnistlab.mnist import load_mnist
from mnistlab.network import Network
from mnistlab.optimizers import Optimizer
from mnistlab.training import TrainingDiverged, evaluate, fit

if TYPE_CHECKING:
    from mnistbook.projects.registry import ProjectRun

__all__ = ["AUTHORS_SEED", "FromScratch", "spline_deskew", "train_project"]


@dataclass(frozen=True)
class FromScratch:
    """How a project trained a network that it had written itself.

    Attributes
    ----------
    title
        Architecture and training, in few words.
    images
        Gives the images for a seed, which only matters where the project orders or divides them itself.
    network, loss, optimizer
        Give fresh ones; the network for a seed, the optimizer for a learning rate.
    learning_rate, batch_size, epochs
        As published; a batch size of 0 is the whole training set.
    shuffle
        Whether the images come in a new order each epoch.
    evaluate_every
        After how many epochs all images are looked at; a full-batch run has a thousand epochs of one step.
    """

    title: str
    images: Callable[[int], Images]
    network: Callable[[int], Network]
    loss: Callable[[], Loss]
    optimizer: Callable[[float], Optimizer]
    learning_rate: float
    batch_size: int
    epochs: int
    shuffle: bool = True
    evaluate_every: int = 1
    libraries: ClassVar = ("mnistlab",)


def train_project(run: ProjectRun) -> pd.DataFrame:
    """Train a project's network; return one row an epoch.

    ``loss`` and ``running_accuracy`` are means over the epoch's steps, each taken before its step, while the weights
    move; ``train_loss``, ``train_accuracy``, ``test_loss`` and ``test_accuracy`` are taken after the epoch. Nothing is
    chosen by any of them: they are what the authors printed.

    Parameters
    ----------
    run
        Which project, with which seed.

    Returns
    -------
    pandas.DataFrame
        NaN where all images were not looked at. If the training diverged, the last row has ``diverged`` and NaN.
    """
    project = run.recipe
    rate = project.learning_rate if run.learning_rate is None else run.learning_rate
    epochs = run.epochs or project.epochs
    if not isinstance(project, FromScratch):
        frame = project.train(run.seed, rate, epochs).drop(columns="wrong")
        return frame.assign(project=run.project, seed=run.seed, rate=rate, diverged=False)
    images, network = project.images(run.seed), project.network(run.seed)
    score = RunningAccuracy(project.loss())
    rows: list[dict[str, object]] = []
    fixed = {"project": run.project, "seed": run.seed, "rate": rate}

    def note(row: dict[str, float]) -> None:
        entry = {**fixed, "epoch": row["epoch"], "loss": row["loss"], "running_accuracy": score.take()}
        if row["epoch"] % project.evaluate_every == 0 or row["epoch"] == epochs:
            with np.errstate(over="ignore", invalid="ignore"):  # of a training that is about to diverge
                for part, pair in (("train", images.train), ("test", images.test)):
                    entry[f"{part}_loss"], entry[f"{part}_accuracy"] = evaluate(network, *pair, project.loss())
        rows.append(entry | {"seconds": row["seconds"], "diverged": False})

    try:
        fit(
            network,
            *images.train,
            loss=score,
            optimizer=project.optimizer(rate),
            epochs=epochs,
            batch_size=project.batch_size or len(images.train[0]),
            shuffle=project.shuffle,
            seed=run.seed,
            on_epoch_end=note,
            progress=False,
        )
    except TrainingDiverged as error:
        rows.append({**fixed, "epoch": error.epoch, "diverged": True})
    return pd.DataFrame(rows)


# Project 1: AnnaPakir/mnist


def plain(seed: int) -> Images:
    """Pixels from 0 to 1, one-hot rows, MNIST's own division."""
    return _mnist(np.float32)


@cache
def _mnist(dtype: type, *, deskewed: bool = False, mean: float = 0.0, std: float = 1.0) -> Images:
    def pair(images: np.ndarray, labels: np.ndarray) -> Pair:
        x = spline_deskew(images).astype(dtype) if deskewed else to_vectors(images, dtype, mean=mean, std=std)
        return x, one_hot(labels, dtype=dtype)

    mnist = load_mnist()
    return Images(pair(mnist.x_train, mnist.y_train), pair(mnist.x_test, mnist.y_test))


def _shuffled(images: Images, seed: int | list[int]) -> Images:
    x, t = images.train
    order = np.random.default_rng(seed).permutation(len(x))
    return Images((x[order], t[order]), images.test)


def full_batch_network(seed: int) -> Network:
    small = Normal(0.01)
    return Network([Dense(784, 128, initializer=small), ReLU(), Dense(128, 10, initializer=small)], seed=seed)


AUTHORS_SEED = 42
"""Project 1's author draws from NumPy's old generator with it, and so draws the same weights everywhere."""


class ShiftedLogarithm(SoftmaxCrossEntropy):
    """The loss that project 1 prints, -Σ t log(p + 1e-8) / N, with the gradient p - t that it descends by."""

    def forward(self, logits: np.ndarray, targets: np.ndarray) -> np.floating:
        super().forward(logits, targets)
        return -np.sum(targets * np.log(self.p + 1e-8)) / len(logits)


def in_float64(seed: int) -> Images:
    """In MNIST's order for the author's seed; any other shuffles the one batch, which changes nothing but rounding."""
    images = _mnist(np.float64)
    if seed == AUTHORS_SEED:
        return images
    return _shuffled(images, seed)


def authors_weights(seed: int) -> Network:
    """Weights as the author draws them, whatever the seed, (outputs, inputs) and the first layer first."""
    network = Network([Dense(784, 128), ReLU(), Dense(128, 10)], dtype=np.float64)
    draws = np.random.RandomState(AUTHORS_SEED)
    for layer in (network.layers[0], network.layers[2]):
        layer.W[...] = 0.01 * draws.randn(layer.outputs, layer.inputs).T
        layer.b[...] = 0
    return network


# Project 2: 5kadi/network-school-project


def once_shuffled(seed: int) -> Images:
    """Float64, in an order that is drawn once and kept for all epochs."""
    return _shuffled(_mnist(np.float64), [seed, 2])


def positive_network(seed: int) -> Network:
    layers = [Dense(i, o, bias=False, initializer=Uniform(0, 1 / np.sqrt(i))) for i, o in ((784, 100), (100, 10))]
    return Network([*layers, Softmax()], seed=seed, dtype=np.float64)


# Project 3: AnglewoodJack/yet_another_mnist_recognizer


def spline_deskew(images: np.ndarray) -> np.ndarray:
    """Deskew as project 3 does: cubic splines between pixels, then each image stretched to 0…1.

    Splines overshoot, so that the stretched background is grey; :func:`mnistlab.images.deskew` keeps it black.

    Parameters
    ----------
    images
        uint8, shape (N, 28, 28).

    Returns
    -------
    numpy.ndarray
        Rows, float64, shape (N, 784).
    """
    centres, slants = moments(images)
    rows = np.empty((len(images), 784))
    for row, image, centre, slant in zip(rows, images, centres, slants, strict=True):
        shear = np.array([[1.0, 0.0], [slant, 1.0]])
        upright = affine_transform(image.astype(np.float64), shear, offset=centre - shear @ [14.0, 14.0])
        low, high = upright.min(), upright.max()
        row[...] = ((upright - low) / (high - low)).ravel()
    return rows


def deskewed(seed: int) -> Images:
    return _mnist(np.float32, deskewed=True)


def tiny_weights_network(seed: int) -> Network:
    tiny = Normal(0.001)
    return Network(
        [
            Dense(784, 784, initializer=tiny),
            ReLU(),
            Dense(784, 800, initializer=tiny),
            ReLU(),
            Dense(800, 10, initializer=tiny),
        ],
        seed=seed,
    )


# Project 4: rrgarifullin/ml_mnist


def normalized(seed: int) -> Images:
    return _mnist(np.float32, mean=0.1307, std=0.3081)


def torch_network(seed: int) -> Network:
    """784-256-128-10, initialized as PyTorch's Linear is: weights and biases uniform on ±1/√fan_in."""
    layers = []
    for inputs, outputs in ((784, 256), (256, 128)):
        layers += [_torch_dense(inputs, outputs), ReLU(), Dropout(0.2)]
    network = Network([*layers, _torch_dense(128, 10)], seed=seed)
    rng = np.random.default_rng([seed, 4])
    for layer in network.layers:
        if isinstance(layer, Dense):
            layer.b[...] = rng.uniform(-1, 1, layer.outputs) / np.sqrt(layer.inputs)
    return network


def _torch_dense(inputs: int, outputs: int) -> Dense:
    limit = 1 / np.sqrt(inputs)
    return Dense(inputs, outputs, initializer=Uniform(-limit, limit))


# Project 5: "Backpropagation on MNIST from scratch"


def all_images_divided(seed: int) -> Images:
    """All 70,000 images, divided 90 to 10 at random."""
    images = _mnist(np.float32)
    x, t = (np.concatenate(parts) for parts in zip(images.train, images.test, strict=True))
    x_train, t_train, x_test, t_test = split(x, t, 0.1, seed=seed)
    return Images((x_train, t_train), (x_test, t_test))


def no_bias_network(seed: int) -> Network:
    hidden = Dense(784, 300, bias=False, initializer=LeCun())
    return Network([hidden, ReLU(), Dense(300, 10, bias=False, initializer=LeCun())], seed=seed)
