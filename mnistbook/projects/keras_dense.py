"""The published dense Keras models, trained by Keras and by mnistlab on the same work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from mnistbook.kit.answers import pack_indices
from mnistbook.kit.source import Source
from mnistbook.kit.stopwatch import Stopwatch
from mnistbook.projects.images import Images
from mnistbook.projects.networks import deskewed, plain
from mnistbook.projects.running_accuracy import RunningAccuracy
from mnistlab.initializers import Glorot
from mnistlab.interop.keras_models import import_keras
from mnistlab.losses import Loss, SoftmaxCrossEntropy
from mnistlab.network import Network
from mnistlab.optimizers import Optimizer, RMSprop
from mnistlab.perceptron import multilayer_perceptron
from mnistlab.training import evaluate, fit

if TYPE_CHECKING:
    from mnistbook.projects.registry import ProjectRun

__all__ = [
    "DenseModel",
    "RMSprop",
    "count_lines",
    "fit_keras",
    "fit_mnistlab",
    "images_of",
    "keras_network",
    "mnistlab_network",
    "probabilities",
    "summary",
    "train",
    "train_dense",
]

EVALUATED_TOGETHER = 1000
"""Images in one batch when a network is tried."""


@dataclass(frozen=True)
class DenseModel:
    """A published network of two dense layers, and how it was trained.

    Attributes
    ----------
    title
        Architecture and training, in few words.
    hidden
        Units of the hidden layer, with ReLU; the network begins as Keras's layers do, Glorot's uniform weights and no
        biases.
    optimizer, keras_optimizer
        Give fresh ones, of mnistlab and of Keras; the second from the imported module.
    batch_size, epochs
        As published.
    split
        Share of the training images, taken from their end, that is held out for validation. Where it is 0, the test
        images are tried after each epoch instead, as the authors did.
    upright
        Whether the images are deskewed, as :func:`~mnistbook.projects.networks.spline_deskew` does it.
    """

    title: str
    hidden: int
    optimizer: Callable[[], Optimizer]
    keras_optimizer: Callable[[Any], Any]
    batch_size: int
    epochs: int
    split: float = 0.0
    upright: bool = False
    libraries: ClassVar = ("mnistlab", "keras")


def images_of(model: DenseModel) -> Images:
    """Return the images that a model is trained and tried on: float32, with one-hot rows."""
    images = (deskewed if model.upright else plain)(0)
    if not model.split:
        return images
    x, t = images.train
    rest = round(len(x) * (1 - model.split))
    return Images((x[:rest], t[:rest]), images.test, validation=(x[rest:], t[rest:]))


def keras_network(model: DenseModel, seed: int) -> Any:
    """Return the untrained model, as a Keras program makes it: compiled, its output a softmax."""
    keras = import_keras()
    keras.utils.set_random_seed(seed)
    dense = keras.layers.Dense
    layers = [dense(model.hidden, activation="relu"), dense(10, activation="softmax")]
    network = keras.Sequential([keras.Input((784,)), *layers])
    network.compile(model.keras_optimizer(keras), "categorical_crossentropy", metrics=["accuracy"])
    return network


def fit_keras(
    network: Any, model: DenseModel, x: np.ndarray, t: np.ndarray, epochs: int, seed: int, callbacks: Sequence
) -> None:
    """Train it on rows ``x`` and one-hot rows ``t``, as a Keras program does, in a new order each epoch.

    Keras's own shuffling has new orders only where no seed is set; with one it repeats the first.
    """
    orders, size = np.random.default_rng(seed), model.batch_size
    for _ in range(epochs):
        order = orders.permutation(len(x))
        network.fit(x[order], t[order], batch_size=size, shuffle=False, callbacks=callbacks, verbose=0)


def mnistlab_network(model: DenseModel, seed: int) -> Network:
    """Return the untrained network, as a program with mnistlab makes it: its output are logits."""
    layers = multilayer_perceptron([784, model.hidden, 10], initializer=Glorot())
    return Network(layers, seed=seed)


def fit_mnistlab(
    network: Network,
    model: DenseModel,
    x: np.ndarray,
    t: np.ndarray,
    epochs: int,
    seed: int,
    loss: Loss,
    note: Callable,
) -> None:
    """Train it on rows ``x`` and one-hot rows ``t``, as a program with mnistlab does."""
    options = {"loss": loss, "optimizer": model.optimizer(), "batch_size": model.batch_size, "seed": seed}
    fit(network, x, t, epochs=epochs, on_epoch_end=note, progress=False, **options)


def train_dense(run: ProjectRun) -> pd.DataFrame:
    """Train, and return the rows of :func:`train`: the task of a sweep."""
    return train(run)[1]


def train(run: ProjectRun) -> tuple[Any, pd.DataFrame]:
    """Train the model of a run.

    Parameters
    ----------
    run
        The configuration.

    Returns
    -------
    mnistlab.Network or keras.Sequential
        The trained network.
    pandas.DataFrame
        One row an epoch: ``project``, ``library``, ``framework`` with its versions, ``seed``; ``parameters``, their
        number; ``epoch``; ``loss`` and ``running_accuracy``, means over the epoch's steps, each taken before its step
        while the weights move; ``watched_loss`` and ``watched_accuracy`` after the epoch; ``seconds`` and
        ``cpu_seconds`` of training alone, on the clock and of the processor; in the last row only, ``test_loss``,
        ``test_accuracy`` and ``wrong``, the indices of the test images on which the network is wrong, separated by
        blanks.

    Raises
    ------
    ModuleNotFoundError
        If Keras is asked for and not installed.
    """
    model = run.recipe
    images, epochs = images_of(model), run.epochs or model.epochs
    watched = images.validation or images.test
    network, attempt = (_in_keras if run.library == "keras" else _in_mnistlab)(model, run.seed)
    watch, rows = Stopwatch(), []

    def end_epoch(loss: float, running_accuracy: float) -> None:
        """Stop the watch, try the network, and start the watch again."""
        times = watch.stop()
        watched_loss, watched_accuracy = attempt(*watched)
        row = {"epoch": len(rows) + 1, "loss": loss, "running_accuracy": running_accuracy}
        row |= {"watched_loss": watched_loss, "watched_accuracy": watched_accuracy}
        rows.append(row | times._asdict())
        watch.start()

    if run.library == "keras":
        # Keras takes the time of validation as part of an epoch, so it validates in a callback here, as mnistlab does.
        callback = import_keras().callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: watch.start(),
            on_epoch_end=lambda epoch, logs: end_epoch(logs["loss"], logs["accuracy"]),
        )
        fit_keras(network, model, *images.train, epochs, run.seed, [callback])
    else:
        loss = RunningAccuracy(SoftmaxCrossEntropy())  # Keras counts the right answers, too
        watch.start()
        fit_mnistlab(
            network, model, *images.train, epochs, run.seed, loss, lambda row: end_epoch(row["loss"], loss.take())
        )
    parameters = network.parameters.size if run.library == "mnistlab" else network.count_params()
    fixed = {"project": run.project, "library": run.library, "framework": _framework(run.library), "seed": run.seed}
    fixed["parameters"] = parameters
    frame = pd.DataFrame([fixed | row for row in rows])
    wrong = np.flatnonzero(probabilities(network, images.test[0]).argmax(axis=1) != images.test[1].argmax(axis=1))
    frame["test_loss"], frame["test_accuracy"], frame["wrong"] = np.nan, np.nan, ""
    ends = [*attempt(*images.test), pack_indices(wrong)]
    frame.loc[frame.index[-1], ["test_loss", "test_accuracy", "wrong"]] = ends
    return network, frame


def probabilities(network: Any, x: np.ndarray) -> np.ndarray:
    """Return the ten probabilities that a network of either library gives for rows ``x``, shape (N, 10)."""
    if isinstance(network, Network):
        return network.predict_proba(x, EVALUATED_TOGETHER)
    return network.predict(x, batch_size=EVALUATED_TOGETHER, verbose=0)


Attempt = Callable[[np.ndarray, np.ndarray], tuple[float, float]]
"""From rows and one-hot rows to mean loss and accuracy."""


def _in_mnistlab(model: DenseModel, seed: int) -> tuple[Network, Attempt]:
    network = mnistlab_network(model, seed)
    return network, lambda x, t: evaluate(network, x, t, batch_size=EVALUATED_TOGETHER)


def _in_keras(model: DenseModel, seed: int) -> tuple[Any, Attempt]:
    network = keras_network(model, seed)
    return network, lambda x, t: tuple(network.evaluate(x, t, batch_size=EVALUATED_TOGETHER, verbose=0))


def _framework(library: str) -> str:
    if library == "mnistlab":
        return "NumPy"
    keras = import_keras()
    below = import_module(keras.backend.backend())
    return f"Keras {keras.__version__}, {below.__name__} {below.__version__}"


BOXES = str.maketrans("━─┃│┏┓└┘┳┴┡┩╇├┤┼┬", "--||" + 13 * "+")


def summary(network: Any, width: int = 66) -> str:
    """Return the summary of a Keras model as plain text, its boxes drawn with characters that every font has."""
    lines: list[str] = []
    with _nothing_shown():
        network.summary(line_length=width, print_fn=lambda line, **_: lines.append(line))
    text = "\n".join(lines).translate(BOXES)
    return "\n".join(line.rstrip() for line in text.splitlines()).strip()


def _nothing_shown() -> AbstractContextManager:
    """Keep what is displayed in a notebook from it: Keras's printer shows an empty output besides its text."""
    try:
        from IPython.utils.capture import capture_output
    except ModuleNotFoundError:
        return nullcontext()
    return capture_output()


def count_lines(*functions: Callable) -> int:
    """Return how many lines of code some functions have, without docstrings, type hints and blank lines."""
    lines = Source(*functions).text.splitlines()
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in lines)
