"""The command line: data, train, evaluate, predict, sweep, serve."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from mnistlab.atomic import check_writable, write_atomically
from mnistlab.checkpoint import CheckpointError
from mnistlab.data import split, to_vectors
from mnistlab.devices import DeviceError
from mnistlab.images import ImageError, from_drawing
from mnistlab.interop.files import FileFormatError, load_network, read_metadata, save_network
from mnistlab.layers import ReLU, Sigmoid, Tanh
from mnistlab.losses import SoftmaxCrossEntropy
from mnistlab.mnist import DataError, load_mnist
from mnistlab.network import Network
from mnistlab.optimizers import SGD, Adam
from mnistlab.perceptron import multilayer_perceptron
from mnistlab.schedules import Constant, Cosine, Step, WarmUp
from mnistlab.threads import Threads
from mnistlab.training import TrainingDiverged, evaluate, fit

app = typer.Typer(
    help="Neural networks for handwritten digits, from scratch. Start with: mnistlab train",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Activation(StrEnum):
    """Activations of hidden layers."""

    relu = "relu"
    sigmoid = "sigmoid"
    tanh = "tanh"


class OptimizerName(StrEnum):
    """Optimizers."""

    sgd = "sgd"
    adam = "adam"


class Backend(StrEnum):
    """Where the runs of a sweep are done."""

    joblib = "joblib"
    dask = "dask"


class ScheduleName(StrEnum):
    """Learning-rate schedules."""

    constant = "constant"
    cosine = "cosine"
    step = "step"


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Turn warnings, and the errors that a user can mend, into one line each; after an error the exit status is 1."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_, **__: print(f"mnistlab: {message}", file=sys.stderr)
            yield
    except BrokenPipeError:
        raise  # the reader of a pipe has seen enough: that is no error of ours
    except (
        CheckpointError,
        DataError,
        DeviceError,
        FileFormatError,
        ImageError,
        OSError,
        TrainingDiverged,
        ValueError,
    ) as error:
        print(f"mnistlab: {error}", file=sys.stderr)
        raise typer.Exit(1) from error


@app.command()
def data() -> None:
    """Show where the MNIST data come from, fetching them first if they are not on this machine yet."""
    with _plain_errors():
        mnist = load_mnist()
        print(f"source    {mnist.source}")
        print(f"training  {len(mnist.x_train):,} images of 28×28 pixels")
        print(f"test      {len(mnist.x_test):,} images of 28×28 pixels")
        print("           " + "".join(f"{digit:>7}" for digit in range(10)))
        for name, labels in (("training", mnist.y_train), ("test", mnist.y_test)):
            print(f"{name:<11}" + "".join(f"{count:>7,}" for count in np.bincount(labels, minlength=10)))
        print("all four SHA-256 sums are those of the original files")


@app.command()
def train(
    output: Annotated[Path, typer.Option("--output", "-o", help="File for the trained network.")] = Path(
        "network.safetensors"
    ),
    hidden: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Units of a hidden layer; repeat it for more layers.", show_default="one of 300"),
    ] = None,
    activation: Annotated[Activation, typer.Option(help="What follows each hidden layer.")] = Activation.relu,
    dropout: Annotated[float, typer.Option(min=0, help="Share of hidden units dropped in training.")] = 0.0,
    epochs: Annotated[int, typer.Option(min=1, help="How often each image is seen.")] = 20,
    batch_size: Annotated[int, typer.Option(min=1, help="Images per step.")] = 128,
    optimizer: Annotated[OptimizerName, typer.Option(help="How the weights follow the gradient.")] = OptimizerName.sgd,
    learning_rate: Annotated[float | None, typer.Option(help="Step size.", show_default="0.1; 0.001 for adam")] = None,
    momentum: Annotated[float, typer.Option(min=0, help="Of sgd.")] = 0.9,
    schedule: Annotated[ScheduleName, typer.Option(help="How the learning rate changes.")] = ScheduleName.cosine,
    warm_up: Annotated[float, typer.Option(min=0, help="Share of the training in which the rate rises.")] = 0.0,
    weight_decay: Annotated[float, typer.Option(min=0, help="How fast weights shrink by themselves.")] = 1e-4,
    label_smoothing: Annotated[float, typer.Option(min=0, help="Share of each target spread over all classes.")] = 0.1,
    validation: Annotated[float, typer.Option(min=0, help="Share of the training images kept for validation.")] = 0.1,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same network.")] = 0,
    device: Annotated[str, typer.Option(help="cpu, or cuda for a GPU (needs CuPy).")] = "cpu",
    threads: Annotated[str, typer.Option(help="Of a matrix product: a number, or auto.")] = "1",
    checkpoint: Annotated[Path | None, typer.Option(help="File to resume from if training is interrupted.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint, if it exists.")] = False,
) -> None:
    """Train a network on MNIST, report its accuracy on the test images, and save it.

    With no option at all: 784-300-10, twenty epochs, over 98 % in well under two minutes.
    """
    with _plain_errors():
        if resume and checkpoint is None:
            raise ValueError("--resume resumes from a file: name it with --checkpoint")
        shares = {"--dropout": dropout, "--label-smoothing": label_smoothing, "--momentum": momentum}
        for option, share in {**shares, "--warm-up": warm_up}.items():
            if not share < 1:
                raise ValueError(f"{option} must be at least 0 and less than 1, not {share:g}")
        if learning_rate is not None and not 0 < learning_rate < math.inf:
            raise ValueError(f"--learning-rate must be a positive number, not {learning_rate:g}")
        team = _threads(threads)
        if not weight_decay < math.inf:
            raise ValueError(f"--weight-decay must be a number of at least 0, not {weight_decay:g}")
        for path in filter(None, (output, checkpoint)):
            check_writable(path)
        if checkpoint and checkpoint.exists() and not resume:
            raise FileExistsError(f"{checkpoint} exists: give --resume to resume that run, or another file")
        mnist = load_mnist()
        x, y = to_vectors(mnist.x_train), mnist.y_train
        held_out = None
        if validation:
            x, y, *held_out = split(x, y, validation, seed=seed)
        kind = {Activation.relu: ReLU, Activation.sigmoid: Sigmoid, Activation.tanh: Tanh}[activation]
        layers = multilayer_perceptron([28 * 28, *(hidden or [300]), 10], activation=kind, dropout=dropout)
        network = Network(layers, seed=seed, device=device)
        loss = SoftmaxCrossEntropy(label_smoothing)
        usual = 0.1 if optimizer is OptimizerName.sgd else 0.001
        rate = usual if learning_rate is None else learning_rate
        rates = _schedule(schedule, rate, warm_up)
        print(network.summary())
        fit(
            network,
            x,
            y,
            loss=loss,
            optimizer=SGD(rates, momentum, weight_decay=weight_decay)
            if optimizer is OptimizerName.sgd
            else Adam(rates, weight_decay=weight_decay),
            epochs=epochs,
            batch_size=batch_size,
            validation_data=(held_out[0], held_out[1]) if held_out else None,
            seed=seed,
            threads=team,
            checkpoint=checkpoint,
            resume=resume,
            on_epoch_end=lambda row: print(_epoch_line(row, epochs), flush=True),
        )
        result = evaluate(network, to_vectors(mnist.x_test), mnist.y_test)
        print(f"test loss {result.loss:.4f}  test accuracy {result.accuracy:.2%}")
        save_network(network, output, {"test_accuracy": f"{result.accuracy:.4f}", "seed": str(seed)})
        print(f"saved in {output}")


@app.command("evaluate")
def evaluate_command(
    model: Annotated[Path, typer.Argument(help="A network that 'mnistlab train' saved.")] = Path("network.safetensors"),
) -> None:
    """Measure a saved network on the 10,000 test images: loss, accuracy, and the errors digit by digit."""
    with _plain_errors():
        network, mnist = _load_digit_network(model), load_mnist()
        x, y = to_vectors(mnist.x_test), mnist.y_test
        result, predicted = evaluate(network, x, y), network.predict(x)
        print(f"test loss {result.loss:.4f}  test accuracy {result.accuracy:.2%}")
        print("digit  images  wrong  accuracy")
        for digit in range(10):
            right = predicted[y == digit] == digit
            print(f"{digit:>5}  {right.size:>6,}  {right.size - right.sum():>5}  {right.mean():>8.2%}")


@app.command()
def predict(
    images: Annotated[list[Path], typer.Argument(help="Pictures of one digit each: PNG, JPEG, WebP, BMP …")],
    model: Annotated[Path, typer.Option("--model", "-m", help="A network that 'mnistlab train' saved.")] = Path(
        "network.safetensors"
    ),
    probabilities: Annotated[bool, typer.Option("--probabilities", help="Show all ten.")] = False,
) -> None:
    """Say which digit each picture shows: dark on light or light on dark, of any size, anywhere in the picture."""
    with _plain_errors():
        network = _load_digit_network(model)
    failed = False
    for path in images:
        try:
            x = to_vectors(from_drawing(path)[None])
        except (ImageError, OSError) as error:
            print(f"mnistlab: {path}: {error}", file=sys.stderr)
            failed = True
            continue
        p = network.predict_proba(x)[0]
        print(f"{path}: {p.argmax()} ({p.max():.1%})")
        if probabilities:
            for digit, value in enumerate(p):
                print(f"  {digit}  {value:7.2%}  {'█' * round(40 * float(value))}")
    if failed:
        raise typer.Exit(1)


@app.command()
def sweep(
    file: Annotated[
        Path, typer.Argument(help="YAML file: base; grid, random or search; seeds. See examples/sweep.yaml.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="CSV file for all epochs of all runs.", show_default="FILE's name + .csv"),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(help="Where finished runs are kept, to resume from.", show_default="FILE's name + .runs"),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes.", show_default="as many as cores")] = None,
    backend: Annotated[Backend, typer.Option(help="This machine's processes, or a Dask cluster.")] = Backend.joblib,
    scheduler: Annotated[str | None, typer.Option(help="Address of the Dask scheduler, like tcp://host:8786.")] = None,
) -> None:
    """Train many networks, as a YAML file says, and name the best by validation accuracy.

    A sweep that is interrupted resumes where it stopped when the same command is given again.
    """
    try:
        from mnistlab.sweeps.optuna_search import Search
        from mnistlab.sweeps.optuna_search import search as run_search
        from mnistlab.sweeps.ranking import ranking_text
        from mnistlab.sweeps.runner import SweepError
        from mnistlab.sweeps.runner import sweep as run_sweep
        from mnistlab.sweeps.sweep_file import read_sweep_file
    except ModuleNotFoundError as error:
        print(f"mnistlab: sweeps need {error.name}: pip install 'mnistlab[sweeps]'", file=sys.stderr)
        raise typer.Exit(1) from error
    with _plain_errors():
        wanted = read_sweep_file(file)
        folder = folder or Path(f"{file.stem}.runs")
        output = output or Path(f"{file.stem}.csv")
        check_writable(output)
        count = f"{wanted.trials} trials" if isinstance(wanted, Search) else f"{len(wanted)} runs"
        print(f"{count}, kept in {folder} as they are done", flush=True)
        where: dict[str, Any] = {"backend": backend, "workers": workers, "scheduler": scheduler}
        try:
            if isinstance(wanted, Search):
                frame = run_search(wanted, folder, **where)
            else:
                frame = run_sweep(wanted, folder, **where)
        except KeyboardInterrupt:
            print("mnistlab: interrupted: the same command resumes where this one stopped", file=sys.stderr)
            raise typer.Exit(130) from None
        except SweepError as error:
            raise ValueError(error) from error
        write_atomically(output, lambda part: part.write(frame.to_csv(index=False).encode()))
        if "pruned" in frame:
            print(f"{frame.loc[frame['pruned'], 'trial'].nunique()} of {count} ended early")
            frame = frame[~frame["pruned"]]
        print(ranking_text(frame))
        print(f"all epochs of all runs are in {output}")


@app.command()
def serve(
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", help="A network that 'mnistlab train' saved.", show_default="one that ships"),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0 takes any that is free.")] = 8000,
    root_path: Annotated[str, typer.Option(help="Path under which a proxy shows the server, like /digits.")] = "",
) -> None:
    """Serve a page that reads pictures, a sketchpad at /draw, and an HTTP interface, which /docs lets you try."""
    try:
        from mnistlab.app.server import serve as run_server
    except ModuleNotFoundError as error:
        print(f"mnistlab: the server needs {error.name}: pip install 'mnistlab[app]'", file=sys.stderr)
        raise typer.Exit(1) from error
    with _plain_errors():
        run_server(model, host, port, root_path=root_path)


def _threads(text: str) -> Threads:
    if text != "auto" and not (text.isdecimal() and int(text)):
        raise ValueError(f"--threads must be a positive integer or auto, not {text}")
    return "auto" if text == "auto" else int(text)


def _schedule(name: ScheduleName, rate: float, warm_up: float) -> Constant | Cosine | Step | WarmUp:
    kind = {ScheduleName.constant: Constant, ScheduleName.cosine: Cosine, ScheduleName.step: Step}[name]
    return WarmUp(kind(rate), warm_up) if warm_up else kind(rate)


def _epoch_line(row: dict[str, float], epochs: int) -> str:
    line = f"epoch {row['epoch']:>3}/{epochs}  loss {row['loss']:.4f}"
    if "validation_accuracy" in row:
        line += f"  validation loss {row['validation_loss']:.4f}  accuracy {row['validation_accuracy']:.2%}"
    return f"{line}  {row['seconds']:.1f} s"


def _load_digit_network(path: Path) -> Network:
    try:
        read_metadata(path)
    except FileNotFoundError:
        if path.is_dir():
            raise
        raise FileNotFoundError(f"there is no such file: make it with 'mnistlab train --output {path}'") from None
    network = load_network(path)
    if (network.input_size, network.output_size) != (28 * 28, 10):
        raise ValueError(
            f"{path} takes {network.input_size} numbers and gives {network.output_size}: "
            "digits need a network from 784 to 10"
        )
    return network
