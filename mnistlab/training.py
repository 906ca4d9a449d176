"""Training: the loop, what it records, when it stops, and how it resumes after it was killed."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from mnistlab.atomic import check_writable
from mnistlab.checkpoint import Checkpoint
from mnistlab.checks import check_inputs, check_positive, check_seed, check_targets, check_type
from mnistlab.data import minibatches, prefetch, split
from mnistlab.layer import forward_only
from mnistlab.layers import Softmax
from mnistlab.losses import CrossEntropy, Loss, SoftmaxCrossEntropy, Weighted
from mnistlab.network import Network
from mnistlab.optimizers import SGD, Optimizer
from mnistlab.progress import ProgressLine
from mnistlab.schedules import Constant
from mnistlab.threads import Threads, blas_threads, check_threads

__all__ = [
    "EarlyStopping",
    "Evaluation",
    "History",
    "TrainingDiverged",
    "default_loss",
    "evaluate",
    "fit",
    "train_step",
]


class Evaluation(NamedTuple):
    """Mean loss and share of right answers over a data set.

    An answer is the largest output; where there is one output, whether it is above ½. If its targets are not all 0 or
    1 there are no answers, and the accuracy is NaN.
    """

    loss: float
    accuracy: float


@dataclass
class History:
    """What happened in each epoch.

    ``rows`` holds a dict an epoch: ``epoch`` (from 1), ``loss`` (mean over the epoch's steps, while the parameters were
    moving), ``learning_rate`` (at its end), ``seconds``, and with validation data ``validation_loss``,
    ``validation_accuracy`` and one more for each of the ``metrics``, taken after the epoch. ``history["loss"]`` is a
    column as an array.
    """

    rows: list[dict[str, float]] = field(default_factory=list)

    def __getitem__(self, name: str) -> np.ndarray:
        return np.array([row[name] for row in self.rows])

    def __len__(self) -> int:
        return len(self.rows)

    def to_frame(self) -> Any:
        """Return a pandas.DataFrame, a row an epoch; ModuleNotFoundError if there is no pandas."""
        try:
            return import_module("pandas").DataFrame(self.rows)
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError("History.to_frame needs pandas: pip install pandas", name=error.name) from error


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when ``monitor`` has not improved for ``patience`` epochs, and go back to the best parameters.

    ``monitor`` is ``"validation_loss"`` (lower is better) or ``"validation_accuracy"`` (higher is better).

    Raises
    ------
    ValueError
        If ``patience`` is no positive integer or ``monitor`` is neither of the two.
    """

    patience: int = 5
    monitor: str = "validation_loss"

    def __post_init__(self):
        check_positive("patience", self.patience)
        if self.monitor not in ("validation_loss", "validation_accuracy"):
            raise ValueError(f"monitor must be 'validation_loss' or 'validation_accuracy', not {self.monitor!r}")

    def score(self, row: dict[str, float]) -> float:
        """Return the monitored value of an epoch, turned so that higher is better."""
        return -row[self.monitor] if self.monitor == "validation_loss" else row[self.monitor]

    def is_over(self, history: History) -> bool:
        """Return whether the last ``patience`` epochs brought no improvement."""
        scores = [self.score(row) for row in history.rows]
        return bool(scores) and len(scores) - 1 - int(np.argmax(scores)) >= self.patience


class TrainingDiverged(ArithmeticError):
    """The loss or its gradient is not finite. ``epoch`` and ``step`` say where, ``history`` what came before."""

    def __init__(self, value: float, epoch: int, step: int, history: History):
        super().__init__(
            f"the loss or its gradient became {value} at step {step} of epoch {epoch}: the training diverged. "
            "A smaller learning rate is the usual cure; a warm-up or smaller initial weights can help"
        )
        self.epoch, self.step, self.history = epoch, step, history


def train_step(
    network: Network,
    loss: Loss | Weighted,
    optimizer: Optimizer,
    x: np.ndarray,
    targets: np.ndarray,
    progress: float = 0.0,
    rng: np.random.Generator | None = None,
) -> float:
    """Learn from one batch, and return its loss before the step.

    If the loss is NaN or infinite nothing is learnt; nor if its gradient is, and then NaN is returned.

    ``x`` has shape (N, input_size) and ``targets`` (N, output_size), both of the network's dtype; nothing is checked.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        value = float(loss.forward(network.forward(x, rng), targets))
        network.backward(loss.backward())
        size = float(network.gradients @ network.gradients)
        if not math.isfinite(value + size):  # what overflowed must not reach the parameters
            return math.nan if math.isfinite(value) else value
        decayed = () if optimizer.decay_biases else (network.weight_mask(),)
        optimizer.step(network.parameters, network.gradients, progress, *decayed)
    return value


def default_loss(network: Network) -> Loss:
    """Return cross-entropy in the form that fits: on probabilities after a Softmax layer, else on logits.

    It refuses networks whose outputs are neither (:meth:`Loss.check_network`): pass them a loss.
    """
    return CrossEntropy() if isinstance(network.layers[-1], Softmax) else SoftmaxCrossEntropy()


def evaluate(
    network: Network,
    x: np.ndarray,
    y: np.ndarray,
    loss: Loss | None = None,
    batch_size: int = 1000,
    threads: Threads = 1,
) -> Evaluation:
    """Return mean loss and accuracy.

    Parameters
    ----------
    network
        The network.
    x, y
        Samples of shape (N, input_size); labels of shape (N,) or target rows of shape (N, output_size), whose largest
        entry is then the class. Where there is one output, a target a sample: 0 or 1 for two classes.
    loss
        :func:`default_loss` if none is given.
    batch_size
        How many samples are looked at together; it changes memory and time, not the result.
    threads
        As that of :func:`fit`.

    Raises
    ------
    TypeError, ValueError
        If the data or the loss do not fit the network.
    """
    loss = default_loss(network) if loss is None else loss
    check_type("loss", loss, Loss)
    loss.check_network(network)
    outputs = network.outputs(x, batch_size, threads)
    targets = check_targets(y, len(outputs), network.output_size, network.dtype)
    value = float(forward_only(loss, outputs, targets))
    if network.output_size > 1:
        right = outputs.argmax(axis=1) == targets.argmax(axis=1)
    elif _are_classes(targets):
        right = (outputs > 0.5) == (targets > 0.5)
    else:
        right = math.nan
    return Evaluation(value, float(np.mean(right)))


def _are_classes(targets: np.ndarray) -> bool:
    """Return whether targets name classes: rows do by their largest entry, a single output's do by 0 and 1."""
    return targets.shape[1] > 1 or bool(np.isin(targets, (0, 1)).all())


def fit(
    network: Network,
    x: np.ndarray,
    y: np.ndarray,
    *,
    loss: Loss | None = None,
    optimizer: Optimizer | None = None,
    epochs: int = 10,
    initial_epoch: int = 0,
    batch_size: int = 128,
    sample_weight: np.ndarray | None = None,
    class_weight: Mapping[int, float] | None = None,
    validation_data: tuple[np.ndarray, np.ndarray] | None = None,
    validation_split: float = 0.0,
    shuffle: bool = True,
    seed: int = 0,
    metrics: Mapping[str, Callable[[np.ndarray, np.ndarray], float]] | None = None,
    early_stopping: EarlyStopping | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    on_epoch_end: Callable[[dict[str, float]], object] | None = None,
    augment: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None,
    threads: Threads = 1,
    progress: bool | None = None,
) -> History:
    """Train ``network`` in place on mini-batches.

    Parameters
    ----------
    network
        Changed in place.
    x
        Samples, floating-point, shape (N, input_size).
    y
        Labels, integers of shape (N,), or rows of targets of shape (N, output_size). Where there is one output, a
        number a sample: 0 or 1 for two classes.
    loss
        :func:`default_loss` if none is given.
    optimizer
        ``SGD(0.1, momentum=0.9)`` if none is given. A fresh one for each training: it keeps state.
    epochs, batch_size
        How often each sample is seen, and how many are seen together: from 1 to all. The last batch of an epoch holds
        what is left, and counts by its size in the mean.
    initial_epoch
        How many of the epochs an earlier call has done. Those that are left follow with the optimizer of that call; its
        parameters, and then these, are those of one call for all epochs, bit for bit, if the rate is constant.
    sample_weight, class_weight
        How much each sample counts in the loss, shape (N,), and how much each class, by its label; a class that is not
        named counts 1. The loss is divided by the number of samples, not by the sum of weights, and validation knows
        no weights.
    validation_data, validation_split
        Either a pair like ``(x, y)``, or the share of the samples that is held out, drawn at random by ``seed``.
    shuffle
        Whether the samples come in a new order each epoch.
    seed
        Of the order, of dropout, of ``augment`` and of the split. Together with the network's own and a number of
        ``threads`` it fixes the result, bit for bit, on one machine.
    metrics
        More to measure in validation, by name: functions of targets and outputs, both of shape (N, output_size). What
        they return stands under ``validation_NAME``.
    early_stopping
        When to stop before the last epoch; needs validation.
    checkpoint, resume
        A file that is written after each epoch. With ``resume``, training resumes after the last epoch in the file and
        ends with the same parameters, bit for bit, as if it had never stopped; if there is no such file it starts anew.
    on_epoch_end
        Called with the row of each epoch. If it returns True, the training ends there.
    augment
        Called with the samples of each batch, which it must not write into, and a random generator; returns what is
        learnt instead, of the same shape and dtype: :class:`mnistlab.images.Augmentation`, or a function. It works in a
        thread of its own, one batch ahead: it must not use the network, and must return a new array each time. Its
        ``repr`` tells a checkpoint whether it is the same.
    threads
        How many share a matrix product, whatever the environment says: a number, or "auto", which begins with one for
        each core and goes down to one as soon as another program takes a part of a core. More than one pay where
        batches or layers are large and the machine has nothing else to do; where it has, each step waits for the
        slowest of them, and one thread is many times as fast. They are set for the whole process while it trains.
    progress
        Whether a line on standard error shows how far it is; by default only where that is a terminal.

    Returns
    -------
    History
        One row an epoch.

    Raises
    ------
    TypeError, ValueError
        If data or options do not fit, or what ``augment`` returns for the first batch; nothing has been changed then.
    TrainingDiverged
        If the loss becomes NaN or infinite, in training or in validation. The parameters are those before that step.
    OSError
        If ``checkpoint`` cannot be written; tried before the first epoch.
    FileExistsError
        If ``checkpoint`` exists and ``resume`` is not set: it might hold hours of work.
    CheckpointError
        If the file is damaged or belongs to another training.
    """
    loss = default_loss(network) if loss is None else loss
    optimizer = SGD(0.1, momentum=0.9) if optimizer is None else optimizer
    check_type("loss", loss, Loss)
    check_type("optimizer", optimizer, Optimizer)
    if early_stopping is not None:
        check_type("early_stopping", early_stopping, EarlyStopping)
    if augment is not None and (isinstance(augment, type) or not callable(augment)):
        raise TypeError(f"augment must be called like augment(x, rng): pass an instance or a function, not {augment!r}")
    if resume and checkpoint is None:
        raise ValueError("resume needs a checkpoint to resume from: pass checkpoint=")
    seed, shuffle, threads = check_seed(seed), bool(shuffle), check_threads(threads)
    epochs, batch_size = check_positive("epochs", epochs), check_positive("batch_size", batch_size)
    loss.check_network(network)
    weights = sample_weight, class_weight
    x, t, validation_data = _prepare(network, x, y, weights, validation_data, validation_split, seed)
    loss.check_targets(t[:, : network.output_size])
    learnt = loss if t.shape[1] == network.output_size else Weighted(loss)
    metrics = _check_metrics(metrics or {}, validation_data)
    if early_stopping:
        if validation_data is None:
            raise ValueError("early stopping needs validation_data or a validation_split")
        if early_stopping.monitor == "validation_accuracy" and not _are_classes(validation_data[1]):
            raise ValueError("one output has an accuracy only where its targets are 0 and 1: monitor 'validation_loss'")
    if isinstance(initial_epoch, bool) or not isinstance(initial_epoch, int) or not 0 <= initial_epoch < epochs:
        raise ValueError(f"initial_epoch must be an integer from 0 to {epochs - 1}, not {initial_epoch!r}")
    if optimizer.steps and not initial_epoch:
        raise ValueError(
            "this optimizer has been used already, and its state belongs to that training: pass a new one, or, to go "
            "on after E epochs, initial_epoch=E"
        )
    if any(values.shape != network.parameters.shape for values in optimizer.state.values()):
        raise ValueError("this optimizer has been used already, with a network of another size: pass a new one")

    history, best, best_parameters = History(), -math.inf, None
    saved = None
    if checkpoint is not None:
        settings = _settings(network, loss, optimizer, x, t, epochs, batch_size, shuffle, seed, early_stopping)
        settings["augment"] = None if augment is None else _without_address(augment)
        settings |= {"initial_epoch": initial_epoch} if initial_epoch else {}
        settings["validation data"] = None if validation_data is None else _fingerprint(*validation_data)
        saved = Checkpoint(Path(checkpoint), settings)
        if resume and saved.path.exists():
            history.rows, best_parameters = saved.restore(network, optimizer, epochs - initial_epoch)
            if early_stopping:
                best = max(early_stopping.score(row) for row in history.rows)
        elif saved.path.exists():
            raise FileExistsError(f"{saved.path} exists: pass resume=True to resume that run, or name another file")
        check_writable(saved.path)

    if augment is None:  # which makes its images in the main memory, a batch at a time
        x, t = network.array(x), network.array(t)
    line = ProgressLine(epochs, progress)
    steps = math.ceil(len(x) / batch_size)
    with blas_threads(threads) as watch:
        for epoch in range(initial_epoch + len(history), epochs):
            if early_stopping and early_stopping.is_over(history):
                break
            start, total = time.perf_counter(), 0.0
            watch.begin()  # what was done between two epochs is nothing to judge the threads by
            # Made from (seed, epoch), so that an epoch after a resume draws what it would have drawn; epochs count from
            # 1 here because SeedSequence([seed, 0]) is SeedSequence(seed), which draws the initial weights.
            order_rng, dropout_rng, augment_rng = np.random.default_rng([seed, epoch + 1]).spawn(3)
            batches = minibatches(x, t, batch_size, order_rng if shuffle else None)
            if augment is not None:  # a fifth of the time of a step, which another core can spend
                batches = prefetch(_augmented(augment, augment_rng, *batch) for batch in batches)
            with closing(batches):
                for step, (x_batch, t_batch) in enumerate(batches):
                    done = (epoch + step / steps) / epochs
                    x_batch, t_batch = network.array(x_batch), network.array(t_batch)
                    value = train_step(network, learnt, optimizer, x_batch, t_batch, done, dropout_rng)
                    if not math.isfinite(value):
                        line.clear()
                        raise TrainingDiverged(value, epoch + 1, step + 1, history)
                    total += value * len(x_batch)
                    line.show(epoch, (step + 1) / steps, value)
                    watch.look()
            row = {
                "epoch": epoch + 1,
                "loss": total / len(x),
                "learning_rate": float(optimizer.learning_rate((epoch + 1) / epochs)),
                "seconds": time.perf_counter() - start,
            }
            if validation_data is not None:
                with np.errstate(over="ignore", invalid="ignore"):  # as in train_step
                    result = evaluate(network, *validation_data, loss, threads=watch.count)
                if not math.isfinite(result.loss):
                    line.clear()
                    raise TrainingDiverged(result.loss, epoch + 1, steps, history)
                row |= {"validation_loss": result.loss, "validation_accuracy": result.accuracy}
                if metrics:
                    vx, vt = validation_data
                    outputs = network.outputs(vx, threads=watch.count)
                    row |= {f"validation_{name}": float(metric(vt, outputs)) for name, metric in metrics.items()}
            history.rows.append(row)
            if early_stopping and early_stopping.score(row) > best:
                best, best_parameters = early_stopping.score(row), network.parameters.copy()
            if saved:
                saved.write(network, optimizer, history.rows, best_parameters)
            line.clear()
            answer = on_epoch_end(row) if on_epoch_end else None
            if isinstance(answer, bool | np.bool_) and answer:  # and not the length of a list, or what else comes back
                break
    if early_stopping:
        network.parameters[...] = best_parameters
    return history


def _prepare(
    network, x, y, weights, validation_data, validation_split, seed
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray] | None]:
    """Check the data; return samples, targets (with a column of weights if there are any), validation data or None."""
    x = check_inputs(x, network.input_size, network.dtype)
    t = check_targets(y, len(x), network.output_size, network.dtype)
    t = _with_weights(t, *weights)
    if not 0 <= validation_split < 1:
        raise ValueError(f"validation_split must be at least 0 and less than 1, not {validation_split!r}")
    if validation_data is not None:
        if validation_split:
            raise ValueError("pass validation_data or validation_split, not both")
        if not isinstance(validation_data, tuple | list) or len(validation_data) != 2:
            raise TypeError("validation_data must be a pair like (x, y)")
        vx = check_inputs(validation_data[0], network.input_size, network.dtype)
        return x, t, (vx, check_targets(validation_data[1], len(vx), network.output_size, network.dtype))
    if not validation_split:
        return x, t, None
    x, t, vx, vt = split(x, t, validation_split, seed=seed)
    return x, t, (vx, np.ascontiguousarray(vt[:, : network.output_size]))


def _with_weights(t, sample_weight, class_weight):
    """Return targets with a last column that says how much each sample counts; the targets alone if all count 1."""
    if sample_weight is None and class_weight is None:
        return t
    weights = np.ones(len(t)) if sample_weight is None else np.asarray(sample_weight, float)
    if weights.shape != (len(t),):
        raise ValueError(f"sample_weight must have the shape ({len(t)},), not {weights.shape}")
    if class_weight is not None:
        if not _are_classes(t):
            raise ValueError("class_weight needs classes: targets of one output must be 0 and 1")
        labels = t.argmax(axis=1) if t.shape[1] > 1 else t[:, 0]
        classes = max(t.shape[1], 2)
        if unknown := sorted(class_weight.keys() - set(range(classes))):
            raise ValueError(f"class_weight has the class {unknown[0]!r}, and classes are 0…{classes - 1}")
        weights = weights * np.array([class_weight.get(label, 1) for label in range(classes)])[labels.astype(int)]
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise ValueError("weights of samples and classes must be finite, none below 0, and not all 0")
    return np.column_stack([t, weights.astype(t.dtype)])


def _check_metrics(metrics, validation_data):
    if metrics and validation_data is None:
        raise ValueError("metrics need validation_data or a validation_split")
    for name, metric in metrics.items():
        if name in ("loss", "accuracy") or not isinstance(name, str):
            raise ValueError(f"a metric needs a name other than loss and accuracy, not {name!r}")
        if not callable(metric):
            raise TypeError(f"the metric {name!r} must be a function of targets and outputs, not {metric!r}")
    return metrics


def _settings(network, loss, optimizer, x, t, epochs, batch_size, shuffle, seed, early_stopping):
    """Everything that the rest of a run depends on, in words, so that a checkpoint can tell a stranger."""
    constant = isinstance(optimizer.learning_rate, Constant)
    return {
        "network": repr(network),
        "loss": repr(loss),
        "optimizer": _without_address(optimizer),  # of a schedule that is a plain function
        "early_stopping": repr(early_stopping),
        "batch_size": batch_size,
        "shuffle": shuffle,
        "seed": seed,
        "data": _fingerprint(x, t),
        # With a constant rate a run may go on for longer than was planned; other schedules depend on its length.
        "epochs": "any" if constant else epochs,
    }


def _without_address(thing):
    return re.sub(r" at 0x\w+", "", repr(thing))


def _augmented(augment, rng, x, t):
    """Return a batch whose samples ``augment`` has changed, once they are what the network can learn from."""
    x = x.view()
    x.flags.writeable = False  # without shuffling a batch is a piece of the user's own array
    result = augment(x, rng)
    kind = f"{result.dtype} of shape {result.shape}" if isinstance(result, np.ndarray) else type(result).__name__
    expected = f"{x.dtype} of shape {x.shape}"
    if kind != expected:
        raise ValueError(f"augment must return an array of the batch's dtype and shape: {expected}, not {kind}")
    return result, t


def _fingerprint(x, t):
    return f"{len(x)} samples, CRC-32 {crc32(x):08x} {crc32(t):08x}"
