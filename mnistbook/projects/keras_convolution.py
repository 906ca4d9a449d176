"""The convolutional networks of two published projects, in Keras, trained as their authors trained them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from mnistbook.kit.answers import pack_floats, pack_indices
from mnistbook.kit.stopwatch import Stopwatch
from mnistbook.projects.networks import spline_deskew
from mnistlab.interop.keras_models import import_keras
from mnistlab.mnist import load_mnist
from mnistlab.sweeps.run import SPLIT_SEED

if TYPE_CHECKING:
    from mnistbook.projects.registry import ProjectRun

__all__ = [
    "FIRST_STEPS",
    "ConvolutionalProject",
    "Images",
    "compiled",
    "fast_keras",
    "first_loss",
    "fresh_model",
    "scores",
    "test_images",
    "train_convolution",
]

FIRST_STEPS = 20
"""Steps whose mean loss is stored, so that a page can take them again."""

ADAM_RATE = 0.001
"""Of both projects."""


@dataclass(frozen=True)
class Images:
    """What a network learns from and is measured on.

    Attributes
    ----------
    x, y
        Images of shape (N, 28, 28, 1), float32, and labels of shape (N,).
    validation, test
        Such pairs; no validation images where nothing is chosen.
    """

    x: np.ndarray
    y: np.ndarray
    validation: tuple[np.ndarray, np.ndarray] | None
    test: tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class ConvolutionalProject:
    """How a project trained its network.

    Attributes
    ----------
    title
        Architecture and training, in few words.
    layers
        Gives fresh layers, from Keras's module of layers.
    prepare
        From uint8 images of shape (N, 28, 28) to float32 of the same shape.
    batch_size, epochs
        As published.
    validation
        How many training images are held out to choose the epoch by; 0 where the last one counts.
    """

    title: str
    layers: Callable[[ModuleType], list[Any]]
    prepare: Callable[[np.ndarray], np.ndarray]
    batch_size: int
    epochs: int
    validation: int = 0
    libraries: ClassVar = ("keras",)


def fresh_model(run: ProjectRun) -> Any:
    """Return the untrained Keras model, compiled; layers draw their weights from Keras's own random numbers.

    Raises
    ------
    ValueError
        If the run is not of a convolutional network.
    """
    if not isinstance(run.recipe, ConvolutionalProject):
        raise ValueError(f"project {run.project} is no convolutional network")
    keras = fast_keras()
    keras.utils.set_random_seed(run.seed)
    model = keras.Sequential([keras.Input((28, 28, 1)), *run.recipe.layers(keras.layers)])
    model.compile(
        keras.optimizers.Adam(ADAM_RATE),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,  # which makes convolutions many times slower on a processor
    )
    return model


def fast_keras() -> ModuleType:
    """Return Keras with TensorFlow's fastest order of additions, unless TensorFlow has been imported before."""
    if "tensorflow" not in sys.modules:
        os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
    return import_keras()


def train_convolution(run: ProjectRun, images: Images | None = None) -> pd.DataFrame:
    """Train a project's network, and return one row an epoch: the task of a sweep.

    Parameters
    ----------
    run
        Which project, with which seed.
    images
        MNIST as the project prepared it, if None.

    Returns
    -------
    pandas.DataFrame
        ``project``, ``seed``; ``train_size`` and ``parameters``, numbers; ``first_loss``, the mean loss of the first
        :data:`FIRST_STEPS` steps; ``epoch``; ``loss`` and ``running_accuracy``, means over the epoch's steps, while
        weights move and dropout drops; ``validation_loss``, ``validation_accuracy``, ``test_loss``, ``test_accuracy``
        after the epoch; ``seconds`` and ``cpu_seconds`` of its training, by the clock and of all cores together.

        The last row also has what belongs to the network that comes out, which is that of the epoch with the highest
        validation accuracy, or of the last one where nothing is held out: ``chosen_epoch``,
        ``final_validation_accuracy``, ``final_test_loss``, ``final_test_accuracy``, ``wrong``, the indices of the test
        images that it gets wrong, and ``weights``, one vector as mnistlab's, both as :mod:`mnistbook.kit.answers`
        writes them.
    """
    project = run.recipe
    images = _mnist(project) if images is None else images
    model = fresh_model(run)
    start = _FirstSteps()
    order = np.random.default_rng(run.seed)
    rows: list[dict[str, object]] = []
    best, chosen, weights = -1.0, 0, model.get_weights()
    for epoch in range(1, (run.epochs or project.epochs) + 1):
        shuffled = order.permutation(len(images.x))
        x, y = images.x[shuffled], images.y[shuffled]
        watch = Stopwatch()
        history = _fit(model, x, y, project.batch_size, start if epoch == 1 else None)
        row = {"epoch": epoch, "loss": history["loss"][0], "running_accuracy": history["accuracy"][0]}
        row |= watch.stop()._asdict()
        for name, part in (("validation", images.validation), ("test", images.test)):
            measured = scores(model, *part)[:2] if part else (np.nan, np.nan)
            row |= dict(zip((f"{name}_loss", f"{name}_accuracy"), measured, strict=True))
        rows.append(row)
        if not images.validation or row["validation_accuracy"] > best:
            best, chosen, weights = row["validation_accuracy"], epoch, model.get_weights()
    model.set_weights(weights)
    loss, accuracy, wrong = scores(model, *images.test)
    fixed = {"project": run.project, "seed": run.seed, "train_size": len(images.x), "parameters": model.count_params()}
    frame = pd.DataFrame([fixed | {"first_loss": start.loss} | row for row in rows])
    final = {
        "chosen_epoch": float(chosen),
        "final_validation_accuracy": best,
        "final_test_loss": loss,
        "final_test_accuracy": accuracy,
    }
    for name, value in final.items():
        frame[name] = [*[np.nan] * (len(frame) - 1), value]
    flat = np.concatenate([values.ravel() for values in weights])
    texts = {"wrong": pack_indices(wrong), "weights": pack_floats(flat)}
    for name, text in texts.items():
        frame[name] = [*[""] * (len(frame) - 1), text]
    return frame


def first_loss(run: ProjectRun, images: Images | None = None) -> float:
    """Begin a training again, and return the mean loss of its first :data:`FIRST_STEPS` steps."""
    project = run.recipe
    images = _mnist(project) if images is None else images
    model, start = fresh_model(run), _FirstSteps()
    shuffled = np.random.default_rng(run.seed).permutation(len(images.x))[: FIRST_STEPS * project.batch_size]
    _fit(model, images.x[shuffled], images.y[shuffled], project.batch_size, start)
    return start.loss


def compiled(model: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Return a model as a compiled function from samples to answers, without what ``predict`` does around it."""
    import tensorflow as tf

    samples = tf.TensorSpec(model.inputs[0].shape, model.inputs[0].dtype)  # compiled once, for any number of them
    answer = tf.function(lambda x: model(x, training=False), input_signature=[samples], jit_compile=False)
    return lambda x: answer(tf.constant(x)).numpy()


def scores(model: Any, x: np.ndarray, y: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Return loss, share of right answers, and indices of wrong ones, of a model that ends in probabilities."""
    probabilities = model.predict(x, batch_size=1000, verbose=0)
    loss = -np.log(np.maximum(probabilities[np.arange(len(y)), y].astype(np.float64), 1e-7)).mean()
    right = probabilities.argmax(axis=1) == y
    return float(loss), float(right.mean()), np.flatnonzero(~right)


def test_images(project: ConvolutionalProject) -> tuple[np.ndarray, np.ndarray]:
    """Return the test images as a project prepared them, shape (10000, 28, 28, 1), and their labels."""
    mnist = load_mnist()
    return project.prepare(mnist.x_test)[..., None], mnist.y_test


test_images.__test__ = False  # pytest takes a function of this name for a test


def _fit(model: Any, x: np.ndarray, y: np.ndarray, batch_size: int, start: _FirstSteps | None) -> dict[str, list]:
    callbacks = [start.callback()] if start else []
    history = model.fit(x, y, batch_size=batch_size, epochs=1, shuffle=False, verbose=0, callbacks=callbacks)
    return history.history


class _FirstSteps:
    """Reads the mean loss after the first steps of a training."""

    loss = float("nan")

    def callback(self) -> Any:
        """Return a Keras callback that does it."""

        def read(step: int, logs: dict[str, float]) -> None:
            if step < FIRST_STEPS:
                self.loss = float(logs["loss"])  # a running mean

        return import_keras().callbacks.LambdaCallback(on_train_batch_end=read)


@cache
def _mnist(project: ConvolutionalProject) -> Images:
    mnist = load_mnist()
    x, y, aside = project.prepare(mnist.x_train)[..., None], mnist.y_train, None
    if project.validation:
        order = np.random.default_rng(SPLIT_SEED).permutation(len(x))  # those that all studies held out
        aside = x[order[: project.validation]], y[order[: project.validation]]
        x, y = x[order[project.validation :]], y[order[project.validation :]]
    return Images(x, y, aside, test_images(project))


# Project 5: "Backpropagation on MNIST from scratch", its network for comparison


def two_convolutions(layers: ModuleType) -> list[Any]:
    """The author names no rates of dropout; the Keras example with the same layers has these."""
    return [
        layers.Conv2D(32, 3, activation="relu"),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Dropout(0.25),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ]


def from_0_to_1(images: np.ndarray) -> np.ndarray:
    return images.astype(np.float32) / 255


# Project 3: AnglewoodJack/yet_another_mnist_recognizer


def three_convolutions(layers: ModuleType) -> list[Any]:
    return [
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]


def upright(images: np.ndarray) -> np.ndarray:
    return spline_deskew(images).astype(np.float32).reshape(-1, 28, 28)
