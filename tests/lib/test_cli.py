"""The command line, as a newcomer types it."""

import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import mnistlab as ml
from mnistlab.cli import app
from mnistlab.interop.files import read_metadata

ROOT = Path(__file__).resolve().parents[2]
runner = CliRunner()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Output and file of ``mnistlab train`` with nothing but a place for the file."""
    path = tmp_path_factory.mktemp("cli") / "network.safetensors"
    command = [sys.executable, "-m", "mnistlab", "train", "--output", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done, path


def small(*options):
    """Arguments of a training that takes a second."""
    return ["train", "--hidden", "8", "--epochs", "2", "--batch-size", "256", *map(str, options)]


def test_train_with_no_option_reaches_98_percent(trained):
    done, path = trained
    lines = done.stdout.splitlines()
    assert sum(line.startswith("epoch") and "validation loss" in line for line in lines) == 20
    network = ml.load_network(path)
    assert [layer.outputs for layer in network.layers] == [300, None, 10]
    mnist = ml.load_mnist()
    accuracy = ml.evaluate(network, ml.to_vectors(mnist.x_test), mnist.y_test).accuracy
    assert accuracy >= 0.98
    assert f"test accuracy {accuracy:.2%}" in done.stdout
    assert read_metadata(path)["test_accuracy"] == f"{accuracy:.4f}"
    (claimed,) = re.findall(r"([\d.]+) % of\nthe test images", (ROOT / "README.md").read_text())
    assert 100 * accuracy == pytest.approx(float(claimed), abs=0.15)
    assert done.stderr == ""  # a pipe is no terminal: no progress line


def test_evaluate_counts_the_errors_of_each_digit(trained):
    done = runner.invoke(app, ["evaluate", str(trained[1])])
    assert done.exit_code == 0
    rows = [line.split() for line in done.stdout.splitlines()[2:]]
    assert [row[0] for row in rows] == list("0123456789")
    accuracy = float(read_metadata(trained[1])["test_accuracy"])
    assert sum(int(row[2]) for row in rows) == round(10_000 * (1 - accuracy))


def test_predict_reads_pictures_and_names_those_that_are_none(trained, tmp_path):
    mnist = ml.load_mnist()
    picture, text = tmp_path / "seven.png", tmp_path / "notes.png"
    Image.fromarray(255 - np.kron(mnist.x_test[0], np.ones((9, 9), np.uint8))).save(picture)
    text.write_text("no picture")
    files = [str(picture), str(text), str(tmp_path / "absent.png")]
    done = runner.invoke(app, ["predict", *files, "--model", str(trained[1]), "--probabilities"])
    assert done.exit_code == 1
    assert f"{picture}: {mnist.y_test[0]} (" in done.stdout
    assert len(done.stdout.splitlines()) == 11
    assert "notes.png" in done.stderr and "no image that can be read" in done.stderr
    assert "absent.png" in done.stderr


def test_data_shows_source_and_counts():
    done = runner.invoke(app, ["data"])
    assert done.exit_code == 0
    assert "source" in done.stdout and "60,000" in done.stdout and "6,742" in done.stdout


def test_resume_goes_on_and_ends_with_the_same_network(tmp_path):
    checkpoint, one, two = tmp_path / "run.npz", tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    common = ("--schedule", "constant", "--checkpoint", checkpoint)
    assert runner.invoke(app, small("--epochs", 1, *common, "-o", one)).exit_code == 0
    again = runner.invoke(app, small(*common, "-o", one))
    assert again.exit_code == 1 and "exists" in again.stderr
    assert runner.invoke(app, small(*common, "--resume", "-o", one)).exit_code == 0
    assert runner.invoke(app, small("--schedule", "constant", "-o", two)).exit_code == 0
    assert np.array_equal(ml.load_network(one).parameters, ml.load_network(two).parameters)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "absent.safetensors"], "mnistlab train --output absent.safetensors"),
        (["train", "--resume"], "--checkpoint"),
        (["train", "--dropout", "1"], "less than 1"),
        (["train", "--validation", "1"], "leaves one side empty"),
        (["train", "--learning-rate", "0"], "positive"),
    ],
)
def test_mistakes_are_answered_in_one_line(arguments, message):
    done = runner.invoke(app, arguments)
    assert done.exit_code == 1
    assert message in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_training_that_diverges_saves_nothing(tmp_path):
    done = runner.invoke(app, small("--learning-rate", 1e9, "-o", tmp_path / "network.safetensors"))
    assert done.exit_code == 1
    assert "diverged" in done.stderr and not list(tmp_path.iterdir())


def test_a_damaged_cache_is_mended_and_said_in_one_line(monkeypatch):
    def load_mnist():
        warnings.warn("the cache was damaged", stacklevel=2)
        return ml.load_mnist()

    monkeypatch.setattr("mnistlab.cli.load_mnist", load_mnist)
    done = runner.invoke(app, ["data"])
    assert done.exit_code == 0 and done.stderr == "mnistlab: the cache was damaged\n"


def test_every_command_explains_itself():
    shown = runner.invoke(app, ["--help"]).stdout
    for command in ("data", "train", "evaluate", "predict", "sweep"):
        assert command in shown
        assert runner.invoke(app, [command, "--help"]).exit_code == 0
