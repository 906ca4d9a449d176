"""Mistakes at the command line: found before the work, told in the words of the command line, a path once."""

from __future__ import annotations

import os

import numpy as np
import pytest
from typer.testing import CliRunner

import mnistlab as ml
from mnistlab.atomic import check_writable
from mnistlab.cli import app

runner = CliRunner()


@pytest.fixture
def no_work(monkeypatch):
    """A command line on which nothing is trained."""
    monkeypatch.setattr("mnistlab.cli.load_mnist", lambda: pytest.fail("the work has begun"))


@pytest.mark.parametrize("option", ["--output", "--checkpoint"])
@pytest.mark.parametrize(("place", "said"), [(".", "is a folder"), ("file/x", "cannot be written")])
def test_what_cannot_be_written_is_told_before_the_work(option, place, said, no_work, tmp_path):
    (tmp_path / "file").write_text("no folder")
    path = os.path.normpath(tmp_path / place)
    done = runner.invoke(app, ["train", "--output", str(tmp_path / "network.safetensors"), option, path])
    assert done.exit_code == 1
    assert said in done.stderr and done.stderr.count(path) == 1 and len(done.stderr.splitlines()) == 1
    assert os.listdir(tmp_path) == ["file"]


def test_a_checkpoint_that_exists_is_told_before_the_work_with_the_option(no_work, tmp_path):
    checkpoint = tmp_path / "run.npz"
    checkpoint.write_bytes(b"hours of work")
    done = runner.invoke(app, ["train", "-o", str(tmp_path / "n.safetensors"), "--checkpoint", str(checkpoint)])
    assert done.exit_code == 1
    assert "--resume" in done.stderr and "resume=True" not in done.stderr and done.stderr.count("run.npz") == 1
    assert checkpoint.read_bytes() == b"hours of work"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--dropout", "1"),
        ("--label-smoothing", "1.5"),
        ("--momentum", "1"),
        ("--warm-up", "1"),
        ("--learning-rate", "-1"),
        ("--learning-rate", "nan"),
        ("--weight-decay", "inf"),
        ("--threads", "0"),
        ("--threads", "many"),
    ],
)
def test_a_number_out_of_range_is_called_by_its_option(option, value, no_work, tmp_path):
    done = runner.invoke(app, ["train", "-o", str(tmp_path / "n.safetensors"), option, value])
    assert done.exit_code == 1 and done.stderr.startswith(f"mnistlab: {option} must be")


@pytest.mark.parametrize("command", [["evaluate"], ["predict", "x.png", "--model"]])
def test_a_model_that_is_none_is_named_once(command, tmp_path):
    for path, said in ((tmp_path / "absent.safetensors", "no such file"), (tmp_path, "is a folder")):
        done = runner.invoke(app, [*command, str(path)])
        assert done.exit_code == 1
        assert said in done.stderr and done.stderr.count(str(path)) == 1 and len(done.stderr.splitlines()) == 1


def test_the_table_of_a_sweep_is_tried_before_its_runs(tmp_path, monkeypatch):
    from mnistlab.sweeps import runner as engine

    monkeypatch.setattr(engine, "sweep", lambda *_, **__: pytest.fail("the work has begun"))
    file = tmp_path / "sweep.yaml"
    file.write_text("base: {epochs: 1}\ngrid: {seed: [0]}\n")
    done = runner.invoke(app, ["sweep", str(file), "--output", str(tmp_path)])
    assert done.exit_code == 1 and "is a folder" in done.stderr


def test_fit_tries_its_checkpoint_first(clusters, tmp_path):
    network = ml.Network([ml.Dense(4, 3)])
    before = network.parameters.copy()
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match="cannot be written"):
        ml.fit(network, *clusters, checkpoint=tmp_path / "file" / "run.npz")
    np.testing.assert_array_equal(network.parameters, before)


def test_trying_leaves_nothing_behind(tmp_path):
    check_writable(tmp_path / "new" / "newer" / "network.safetensors")
    assert list(tmp_path.iterdir()) == []
    old = tmp_path / "old"
    old.write_text("kept")
    check_writable(old)
    assert old.read_text() == "kept" and list(tmp_path.iterdir()) == [old]
