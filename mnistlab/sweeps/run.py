"""One training of a multilayer perceptron on MNIST: its whole configuration as a value, and what came of it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from json import dumps
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd

from mnistlab import initializers
from mnistlab.data import to_vectors
from mnistlab.images import Augmentation, deskew
from mnistlab.initializers import Initializer
from mnistlab.layer import Layer
from mnistlab.layers import ReLU, Sigmoid, Softmax, Tanh
from mnistlab.losses import CrossEntropy, Loss, SoftmaxCrossEntropy, SquaredError
from mnistlab.mnist import MNIST, load_mnist
from mnistlab.network import Network
from mnistlab.optimizers import SGD, Adam, Optimizer
from mnistlab.perceptron import multilayer_perceptron
from mnistlab.schedules import Constant, Cosine, Step, WarmUp
from mnistlab.training import EarlyStopping, TrainingDiverged, evaluate, fit

__all__ = ["Prepared", "Run", "prepared", "train", "train_run"]

ACTIVATIONS: dict[str, Callable[[], Layer] | None] = {"relu": ReLU, "sigmoid": Sigmoid, "tanh": Tanh, "linear": None}
LOSSES = ("softmax_cross_entropy", "cross_entropy", "squared_error")
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {"learning_rate": 0.1, "momentum": 0.9},
    "adam": {"learning_rate": 0.001, "momentum": None},
}
"""Names, and what a rate and a momentum of None stand for."""
SCHEDULES = {"constant": Constant, "cosine": Cosine, "step": Step}
INITIALIZERS = {name.lower(): getattr(initializers, name) for name in ("He", "LeCun", "Glorot", "Normal", "Uniform")}

AUGMENTATIONS = ("mild", "elastic", "affine")
"""Presets of :class:`mnistlab.images.Augmentation`."""

SPLIT_SEED = 0
TRAIN_SAMPLE = 10_000
"""At most so many training images are looked at for ``train_loss`` and ``train_accuracy``."""


@dataclass(frozen=True)
class Run:
    """The configuration of one run.

    The defaults are those of :func:`mnistlab.fit` on the network 784-300-10: nothing that regularizes is on. Plain
    values only, so that a run can stand in a file; two runs that mean the same have the same :attr:`key`.

    Parameters
    ----------
    hidden
        Units of the hidden layers; () for a linear classifier. A single integer stands for one layer.
    activation
        "relu", "sigmoid", "tanh", or "linear" for none.
    bias
        Whether Dense layers add one.
    initializer
        "he", "lecun", "glorot", "normal(0.01)" with its standard deviation, "uniform(-0.05, 0.05)" with its ends; None
        as :func:`mnistlab.multilayer_perceptron` has it.
    dropout, input_dropout
        Share of hidden units and of inputs that are dropped in training.
    loss_function
        "softmax_cross_entropy" on logits, "cross_entropy" on the probabilities of a Softmax layer, "squared_error" on
        the outputs of the last Dense layer.
    label_smoothing
        Of "softmax_cross_entropy".
    optimizer
        "sgd" or "adam".
    learning_rate
        Where the schedule starts; None for 0.1 with sgd and 0.001 with adam.
    momentum, nesterov
        Of sgd; a momentum of None is 0.9.
    weight_decay, l2
        As those of the optimizers.
    schedule, warm_up
        "constant", "cosine" or "step"; share of the training in which the rate rises from 0.
    batch_size, epochs
        How many images are seen together, and how often each is seen.
    train_size
        How many training images are used; None for all that are not held out. The classes have their shares in it,
        ``seed`` draws it, and with one seed a smaller subset is part of a larger one.
    deskew
        Whether images are straightened first, those for validation and test too.
    augmentation
        "mild", "elastic" or "affine", presets of :class:`mnistlab.images.Augmentation`, or None.
    early_stopping
        Patience in epochs by validation loss, after which the best parameters are taken; 0 for never.
    average_last
        How many of the last epochs' parameters are averaged for the network that comes out; 0 for none.
    validation
        How many of the training images are held out: the same ones for all seeds.
    train_metrics
        Whether loss and accuracy on (at most 10,000 of) the training images are taken after each epoch.
    test
        Whether the network that comes out is tried on the test images, once. Leave it off while anything is chosen.
    seed
        Of initial weights, order of images, dropout, augmentation and subset.

    Raises
    ------
    TypeError, ValueError
        If a value is of the wrong type or impossible; the message begins with the name of the field.
    """

    hidden: tuple[int, ...] = (300,)
    activation: str = "relu"
    bias: bool = True
    initializer: str | None = None
    dropout: float = 0.0
    input_dropout: float = 0.0
    loss_function: str = "softmax_cross_entropy"
    label_smoothing: float = 0.0
    optimizer: str = "sgd"
    learning_rate: float | None = None
    momentum: float | None = None
    nesterov: bool = False
    weight_decay: float = 0.0
    l2: float = 0.0
    schedule: str = "constant"
    warm_up: float = 0.0
    batch_size: int = 128
    epochs: int = 10
    train_size: int | None = None
    deskew: bool = False
    augmentation: str | None = None
    early_stopping: int = 0
    average_last: int = 0
    validation: int = 10_000
    train_metrics: bool = False
    test: bool = False
    seed: int = 0

    def __post_init__(self):
        set_ = object.__setattr__  # the way to write into a frozen dataclass
        hidden = (self.hidden,) if isinstance(self.hidden, int | np.integer) else self.hidden
        if not isinstance(hidden, tuple | list):
            raise TypeError(f"hidden must be a list of numbers of units, not {self.hidden!r}")
        set_(self, "hidden", tuple(_integer("hidden", units, 1) for units in hidden))
        for name, choices in _CHOICES.items():
            _choose(name, getattr(self, name), choices)
        for name in ("bias", "nesterov", "deskew", "train_metrics", "test"):
            if not isinstance(getattr(self, name), bool | np.bool_):
                raise TypeError(f"{name} must be true or false, not {getattr(self, name)!r}")
            set_(self, name, bool(getattr(self, name)))
        for name, least in _INTEGERS.items():
            if not (name == "train_size" and self.train_size is None):
                set_(self, name, _integer(name, getattr(self, name), least))
        for name, below in _NUMBERS.items():
            if not (name in ("learning_rate", "momentum") and getattr(self, name) is None):
                set_(self, name, _number(name, getattr(self, name), below))
        if self.initializer is not None:
            set_(self, "initializer", _initializer_text(self.initializer))
        if self.augmentation is not None:
            _choose("augmentation", self.augmentation, AUGMENTATIONS)
        self._check_together()

    def _check_together(self) -> None:
        if self.learning_rate == 0:
            raise ValueError("learning_rate must be a positive number, not 0")
        if self.optimizer == "adam" and (self.momentum is not None or self.nesterov):
            raise ValueError("momentum and nesterov are options of sgd: leave them out with adam")
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0")
        if self.label_smoothing and self.loss_function != "softmax_cross_entropy":
            raise ValueError(f"label_smoothing is an option of softmax_cross_entropy, not of {self.loss_function}")
        if self.early_stopping and self.average_last:
            raise ValueError("early_stopping and average_last both decide which parameters come out: choose one")
        if self.early_stopping and not self.validation:
            raise ValueError("early_stopping needs images for validation, and validation is 0")
        if self.average_last > self.epochs:
            raise ValueError(f"average_last is {self.average_last}, but there are only {self.epochs} epochs")

    def settings(self) -> dict[str, Any]:
        """Return the fields by name, with None for a rate or a momentum replaced by what it stands for."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return values | {name: usual for name, usual in OPTIMIZERS[self.optimizer].items() if values[name] is None}

    @property
    def name(self) -> str:
        """What a reader wants to know first, such as ``784-300-10 sgd 0.1 seed 0``."""
        sizes = "-".join(map(str, (28 * 28, *self.hidden, 10)))
        return f"{sizes} {self.optimizer} {self.settings()['learning_rate']:g} seed {self.seed}"

    @property
    def key(self) -> str:
        """A name for files that no other configuration has: the same on every machine and in every process.

        Fields with their default values do not enter it, so that keys stay what they are when a field is added.
        """
        usual = {field.name: field.default for field in fields(self)} | OPTIMIZERS[self.optimizer]
        given = {name: value for name, value in self.settings().items() if value != usual[name]}
        digest = sha256(dumps(given | {"optimizer": self.optimizer}, sort_keys=True).encode()).hexdigest()[:12]
        return f"{'-'.join(map(str, self.hidden)) or 'linear'}_{self.optimizer}_seed{self.seed}_{digest}"

    def columns(self) -> dict[str, object]:
        """Return the key and the configuration as they stand in a frame: plain values, text for what is unset."""
        return (
            {"key": self.key}
            | self.settings()
            | {
                "hidden": "-".join(map(str, self.hidden)) or "none",
                "initializer": self.initializer or "default",
                "augmentation": self.augmentation or "none",
                "momentum": math.nan if self.optimizer == "adam" else self.settings()["momentum"],
            }
        )

    def network(self, inputs: int = 28 * 28, outputs: int = 10) -> Network:
        """Return the untrained network."""
        layers = multilayer_perceptron(
            [inputs, *self.hidden, outputs],
            activation=ACTIVATIONS[self.activation],
            dropout=self.dropout,
            input_dropout=self.input_dropout,
            bias=self.bias,
            initializer=None if self.initializer is None else _initializer(self.initializer),
        )
        return Network([*layers, *([Softmax()] if self.loss_function == "cross_entropy" else [])], seed=self.seed)

    def train(
        self, data: MNIST | None = None, *, progress: bool | None = False, stop_after: int | None = None
    ) -> pd.DataFrame:
        """Train, and return one row an epoch; see :func:`train` for arguments, columns and errors."""
        return train(self, data, progress=progress, stop_after=stop_after)[1]

    def _loss(self) -> Loss:
        if self.loss_function == "softmax_cross_entropy":
            return SoftmaxCrossEntropy(self.label_smoothing)
        return CrossEntropy() if self.loss_function == "cross_entropy" else SquaredError()

    def _optimizer(self) -> Optimizer:
        settings = self.settings()
        rate = SCHEDULES[self.schedule](settings["learning_rate"])
        rate = WarmUp(rate, self.warm_up) if self.warm_up else rate
        common: dict[str, Any] = {"weight_decay": self.weight_decay, "l2": self.l2}
        if self.optimizer == "adam":
            return Adam(rate, **common)
        return SGD(rate, settings["momentum"], nesterov=self.nesterov, **common)


def train_run(run: Run) -> pd.DataFrame:
    """Train ``run`` on MNIST and return its rows: the task of a sweep."""
    return run.train()


def train(
    run: Run,
    data: MNIST | None = None,
    *,
    progress: bool | None = False,
    stop_after: int | None = None,
    stop_when: Callable[[Mapping[str, float]], bool] | None = None,
) -> tuple[Network, pd.DataFrame]:
    """Train the network of a run.

    Parameters
    ----------
    run
        The configuration.
    data
        Images of one size with labels from 0 to 9; MNIST if None, read once in each process.
    progress
        As that of :func:`mnistlab.fit`.
    stop_after
        End after so many epochs, as if somebody had pulled the plug then: the learning rate follows the schedule of the
        whole run. To see whether stored numbers come out again.
    stop_when
        Asked after each epoch but the last, with its row; the training ends there, in the same way, where it is true.

    Returns
    -------
    Network
        The trained network: with the best parameters after early stopping, with the average if one was asked for, with
        those before the fatal step if the training diverged.
    pandas.DataFrame
        One row an epoch. The configuration (``train_size`` as the number that it came to); ``parameters``, their
        number; ``epoch``; ``loss``, the mean over the epoch's steps; ``epoch_learning_rate`` at its end; ``seconds`` of
        training; ``train_loss``, ``train_accuracy``, ``validation_loss``, ``validation_accuracy`` after the epoch,
        without label smoothing; of the network that comes out, in the last row only, ``final_validation_loss``,
        ``final_validation_accuracy``, ``test_loss``, ``test_accuracy``; ``diverged``. What was not measured is NaN. A
        training that diverged ends in a row with ``diverged`` set and no measurements.

    Raises
    ------
    ValueError
        If there are fewer images than the run wants.
    """
    part = prepared(run, data)
    loss = SoftmaxCrossEntropy() if run.loss_function == "softmax_cross_entropy" else run._loss()
    network = run.network(part.x.shape[1])
    fixed = run.columns() | {"train_size": len(part.x), "parameters": network.parameters.size}
    rows: list[dict[str, object]] = []
    ends: list[np.ndarray] = []
    stopped = False

    def note(row: dict[str, float]) -> bool:
        nonlocal stopped
        measured: dict[str, object] = {**row, "epoch_learning_rate": row["learning_rate"], "diverged": False}
        del measured["learning_rate"]
        if run.train_metrics:
            sample = slice(TRAIN_SAMPLE)
            measured["train_loss"], measured["train_accuracy"] = evaluate(network, part.x[sample], part.y[sample], loss)
        if run.label_smoothing and part.validation:  # with which fit has measured it
            measured["validation_loss"] = evaluate(network, *part.validation, loss).loss
        rows.append(measured)
        if row["epoch"] > run.epochs - run.average_last:
            ends.append(network.parameters.copy())
        stopped = row["epoch"] < run.epochs and (row["epoch"] == stop_after or bool(stop_when and stop_when(row)))
        return stopped

    try:
        fit(
            network,
            part.x,
            part.y,
            loss=run._loss(),
            optimizer=run._optimizer(),
            epochs=run.epochs,
            batch_size=run.batch_size,
            validation_data=part.validation,
            seed=run.seed,
            augment=getattr(Augmentation, run.augmentation)() if run.augmentation else None,
            early_stopping=EarlyStopping(run.early_stopping) if run.early_stopping else None,
            on_epoch_end=note,
            progress=progress,
        )
    except TrainingDiverged as error:
        rows.append({"epoch": error.epoch, "diverged": True})
    if not (rows[-1]["diverged"] or stopped):
        if ends:
            network.parameters[...] = np.mean(ends, axis=0, dtype=np.float64)
        if part.validation:
            final = evaluate(network, *part.validation, loss)
            rows[-1] |= {"final_validation_loss": final.loss, "final_validation_accuracy": final.accuracy}
        if run.test:
            rows[-1]["test_loss"], rows[-1]["test_accuracy"] = evaluate(network, *part.test, loss)
    blank = {"epoch": 0} | dict.fromkeys(_MEASURED, math.nan)
    frame = pd.DataFrame([fixed | blank | row for row in rows])
    return network, frame.astype(dict.fromkeys(_MEASURED, float))


_MEASURED = (
    "loss",
    "epoch_learning_rate",
    "seconds",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "final_validation_loss",
    "final_validation_accuracy",
    "test_loss",
    "test_accuracy",
)


# Data


@dataclass(frozen=True)
class Prepared:
    """What a run trains and is measured on.

    ``x`` and ``y`` are for training: rows of pixels, shape (N, 784), float32 from 0 to 1, and labels, shape (N,).
    ``validation`` and ``test`` are such pairs; ``validation`` is None in a run that holds no images out.
    """

    x: np.ndarray
    y: np.ndarray
    validation: tuple[np.ndarray, np.ndarray] | None
    test: tuple[np.ndarray, np.ndarray]


_lock = Lock()  # workers of a cluster may run in threads, and all of them want the data at once


def prepared(run: Run, data: MNIST | None = None) -> Prepared:
    """Return the images of a run: divided, deskewed if it wants them so, as many as it wants.

    Parameters
    ----------
    run
        The configuration.
    data
        As that of :func:`train`.

    Raises
    ------
    ValueError
        If there are fewer images than the run wants.
    """
    if data is None:
        with _lock:
            arrays = _mnist_arrays(run.deskew)
    else:
        arrays = _arrays(data, run.deskew)
    x, y, *test = arrays
    if run.validation >= len(x):
        raise ValueError(f"validation is {run.validation}, but there are only {len(x)} training images")
    held_out = (x[: run.validation], y[: run.validation]) if run.validation else None
    x, y = x[run.validation :], y[run.validation :]
    if run.train_size is not None:
        if run.train_size > len(x):
            raise ValueError(f"train_size is {run.train_size}, but there are only {len(x)} images to train on")
        chosen = _subset(y, run.train_size, run.seed)
        x, y = x[chosen], y[chosen]
    return Prepared(x, y, held_out, (test[0], test[1]))


@lru_cache(maxsize=2)  # 220 MB each: with and without deskewing
def _mnist_arrays(deskewed: bool) -> tuple[np.ndarray, ...]:
    return _arrays(load_mnist(), deskewed)


def _arrays(data: MNIST, deskewed: bool) -> tuple[np.ndarray, ...]:
    """Return training and test rows and labels; the training images in the order in which they are held out."""
    straight = deskew if deskewed else np.asarray
    order = np.random.default_rng(SPLIT_SEED).permutation(len(data.x_train))
    x = to_vectors(straight(data.x_train))[order]
    return x, data.y_train[order], to_vectors(straight(data.x_test)), data.y_test


def _subset(y: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Return indices of ``size`` samples in which each class has its share, to within one sample.

    Each class is put in a random order and spread evenly over 0…1; the subset is what comes first, so that with one
    seed a smaller one is part of a larger one.
    """
    rng = np.random.default_rng([seed, 1])
    place = np.empty(len(y))
    for label in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == label))
        place[members] = (np.arange(len(members)) + rng.random()) / len(members)
    return np.argsort(place, kind="stable")[:size]


# Checks

_CHOICES = {
    "activation": tuple(ACTIVATIONS),
    "loss_function": LOSSES,
    "optimizer": tuple(OPTIMIZERS),
    "schedule": tuple(SCHEDULES),
}
_INTEGERS = {
    **dict.fromkeys(("batch_size", "epochs", "train_size"), 1),
    **dict.fromkeys(("early_stopping", "average_last", "validation", "seed"), 0),
}
_NUMBERS = {
    **dict.fromkeys(("dropout", "input_dropout", "label_smoothing", "momentum", "warm_up"), 1.0),
    **dict.fromkeys(("learning_rate", "weight_decay", "l2"), math.inf),
}
"""What the numbers must be less than; all are at least 0."""


def _choose(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be {_alternatives(choices)}, not {value!r}")


def _alternatives(choices: tuple[str, ...]) -> str:
    *most, last = choices
    return f"{', '.join(most)} or {last}" if most else last


def _integer(name: str, value: object, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, not {value}")
    return int(value)


def _number(name: str, value: object, below: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, not {value!r}")
    if not 0 <= value < below:
        limit = "finite" if below == math.inf else f"less than {below:g}"
        raise ValueError(f"{name} must be at least 0 and {limit}, not {value!r}")
    return float(value)


def _initializer(text: str) -> Initializer:
    """Return the initializer that a text such as ``he`` or ``normal(0.001)`` names."""
    match = re.fullmatch(r"\s*(\w+)\s*(?:\(([^()]*)\))?\s*", text)
    kind = INITIALIZERS.get(match[1]) if match else None
    if match is None or kind is None:
        raise ValueError(f"initializer must be {_alternatives(tuple(INITIALIZERS))}, not {text!r}")
    try:
        return kind(*(float(number) for number in (match[2] or "").split(",") if number.strip()))
    except (TypeError, ValueError) as error:
        raise ValueError(f"initializer: {text!r} has the wrong arguments: {error}") from None


def _initializer_text(text: object) -> str:
    if not isinstance(text, str):
        raise TypeError(f"initializer must be a text such as 'glorot' or 'normal(0.01)', not {text!r}")
    initializer: Any = _initializer(text)
    numbers = [getattr(initializer, field.name) for field in fields(initializer)]
    if not all(map(math.isfinite, numbers)) or any(low >= high for low, high in pairwise(numbers)):
        raise ValueError(f"initializer: {text!r} has impossible arguments")
    name = type(initializer).__name__.lower()
    return f"{name}({', '.join(f'{number!r}' for number in numbers)})" if numbers else name
