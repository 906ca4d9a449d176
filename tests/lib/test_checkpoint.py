"""A training that was interrupted, even by SIGKILL, ends with the very parameters of one that was not."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mnistlab as ml
from mnistlab.checkpoint import Checkpoint

CASES = {
    "momentum, dropout, cosine": lambda: {"optimizer": ml.SGD(ml.Cosine(0.3), 0.9)},
    "nesterov, constant rate, decay": lambda: {"optimizer": ml.SGD(0.1, 0.9, nesterov=True, weight_decay=1e-3)},
    "adam, warm-up": lambda: {"optimizer": ml.Adam(ml.WarmUp(ml.Step(0.01)))},
    "adam, early stopping": lambda: {
        "optimizer": ml.Adam(0.1),
        "early_stopping": ml.EarlyStopping(3),
        "validation_split": 0.2,
        "epochs": 30,
    },
}


def make(seed: int = 0) -> ml.Network:
    return ml.Network([ml.Dense(4, 16), ml.ReLU(), ml.Dropout(0.3), ml.Dense(16, 3)], seed=seed)


def train(clusters, network: ml.Network, **options) -> ml.History:
    return ml.fit(network, *clusters, **{"epochs": 6, "batch_size": 32, **options})


def comparable(history: ml.History) -> list[dict[str, float]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history.rows]


class Interruption(Exception):
    """Stands for whatever ends a training."""


def interrupt_after(epoch: int):
    def stop(row: dict[str, float]) -> None:
        if row["epoch"] == epoch:
            raise Interruption

    return stop


@pytest.mark.parametrize(
    ("name", "epoch"), [*product(CASES, [1, 3, 6]), ("adam, early stopping", 12), ("adam, early stopping", 14)]
)
def test_resuming_is_bit_identical(clusters, name: str, epoch: int, tmp_path: Path):
    options, network = CASES[name], make()
    expected = train(clusters, network, **options())
    assert len(expected) >= 6
    file = tmp_path / "run.npz"
    with pytest.raises(Interruption):
        train(clusters, make(), **options(), checkpoint=file, on_epoch_end=interrupt_after(epoch))
    seen = []
    # Another seed of the weights: everything that matters comes from the file.
    resumed = make(seed=99)
    history = train(clusters, resumed, **options(), checkpoint=file, resume=True, on_epoch_end=seen.append)
    assert resumed.parameters.tobytes() == network.parameters.tobytes()
    assert comparable(history) == comparable(expected)
    assert [row["epoch"] for row in seen] == list(range(epoch + 1, len(expected) + 1))
    assert [path.name for path in tmp_path.iterdir()] == ["run.npz"]

    finished = make(seed=98)  # nothing left to do: the result comes out of the file
    train(clusters, finished, **options(), checkpoint=file, resume=True)
    assert finished.parameters.tobytes() == network.parameters.tobytes()


def test_the_case_above_stops_early_and_goes_back(clusters):
    history = train(clusters, make(), **CASES["adam, early stopping"]())
    assert (len(history), history["validation_loss"].argmin() + 1) == (15, 12)


def test_writing_a_checkpoint_changes_nothing_and_resume_may_start_anew(clusters, tmp_path: Path):
    plain, written, anew = make(), make(), make()
    train(clusters, plain)
    train(clusters, written, checkpoint=tmp_path / "new" / "a.npz")
    train(clusters, anew, checkpoint=tmp_path / "b.npz", resume=True)
    assert plain.parameters.tobytes() == written.parameters.tobytes() == anew.parameters.tobytes()


def test_a_constant_rate_can_go_on_for_longer(clusters, tmp_path: Path):
    whole, longer = make(), make()
    train(clusters, whole, epochs=5)
    train(clusters, longer, epochs=2, checkpoint=tmp_path / "run.npz")
    train(clusters, longer, epochs=5, checkpoint=tmp_path / "run.npz", resume=True)
    assert whole.parameters.tobytes() == longer.parameters.tobytes()


def test_numpy_numbers_as_options(clusters, tmp_path: Path):
    options = {
        "seed": np.int64(1),
        "shuffle": np.True_,
        "batch_size": np.int32(50),
        "epochs": np.uint8(2),
        "checkpoint": tmp_path / "run.npz",
        "resume": True,
    }
    first, second = make(), make()
    train(clusters, first, **options, optimizer=ml.SGD(lambda progress: np.float32(0.1)))
    train(clusters, second, **options, optimizer=ml.SGD(lambda progress: np.float32(0.1)))
    assert first.parameters.tobytes() == second.parameters.tobytes()


def test_an_existing_file_is_not_overwritten(clusters, tmp_path: Path):
    file, network = tmp_path / "run.npz", make()
    train(clusters, make(), epochs=1, checkpoint=file)
    content, parameters = file.read_bytes(), network.parameters.copy()
    with pytest.raises(FileExistsError, match="resume=True"):
        train(clusters, network, checkpoint=file)
    assert file.read_bytes() == content
    assert network.parameters.tobytes() == parameters.tobytes()


def refused(clusters, file: Path, match: str, network: ml.Network | None = None, **options) -> None:
    """Resume from ``file``: it must be refused, and nothing may have changed."""
    network = network or make(seed=5)
    optimizer = options.pop("optimizer", None) or ml.SGD(ml.Cosine(0.3), 0.9)
    content, parameters = file.read_bytes(), network.parameters.copy()
    with pytest.raises(ml.CheckpointError, match=match):
        train(clusters, network, optimizer=optimizer, checkpoint=file, resume=True, **options)
    assert network.parameters.tobytes() == parameters.tobytes()
    assert (optimizer.steps, optimizer.state) == (0, {})
    assert file.read_bytes() == content


@pytest.fixture(scope="module")
def checkpoint(clusters, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A checkpoint after two of six epochs."""
    file = tmp_path_factory.mktemp("checkpoint") / "run.npz"
    optimizer = ml.SGD(ml.Cosine(0.3), 0.9)
    with pytest.raises(Interruption):
        train(clusters, make(), optimizer=optimizer, checkpoint=file, on_epoch_end=interrupt_after(2))
    return file.read_bytes()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"optimizer": ml.SGD(ml.Cosine(0.3), 0.8)}, "another training: its optimizer is"),
        ({"optimizer": ml.Adam(ml.Cosine(0.3))}, "its optimizer is"),
        ({"loss": ml.SoftmaxCrossEntropy(0.1)}, "its loss is"),
        ({"batch_size": 16}, "its batch_size is 32, this training's is 16"),
        ({"seed": 1}, "its seed is 0, this training's is 1"),
        ({"epochs": 7}, "its epochs is 6, this training's is 7"),
        ({"shuffle": False}, "its shuffle is"),
        ({"validation_split": 0.1}, "its data is"),
        ({"validation_split": 0.1, "early_stopping": ml.EarlyStopping()}, "its (data|early_stopping) is"),
        ({"network": ml.Network([ml.Dense(4, 3)])}, "its network is"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(clusters, checkpoint: bytes, tmp_path, options: dict, match: str):
    (tmp_path / "run.npz").write_bytes(checkpoint)
    refused(clusters, tmp_path / "run.npz", match, **options)


def test_a_checkpoint_of_other_data_is_refused(clusters, checkpoint: bytes, tmp_path: Path):
    x, y = clusters[0].copy(), clusters[1]
    x[17, 2] += 1e-3
    (tmp_path / "run.npz").write_bytes(checkpoint)
    refused((x, y), tmp_path / "run.npz", "its data is")


def test_a_checkpoint_with_other_validation_data_is_refused(clusters, tmp_path: Path):
    x, y = clusters
    options = {"early_stopping": ml.EarlyStopping(), "checkpoint": tmp_path / "run.npz", "resume": True}
    train((x[:200], y[:200]), make(), epochs=1, validation_data=(x[200:], y[200:]), **options)
    with pytest.raises(ml.CheckpointError, match="validation"):
        train((x[:200], y[:200]), make(), epochs=2, validation_data=(x[250:], y[250:]), **options)


@pytest.mark.parametrize("foreign", ["empty", "text", "npy", "npz", "pickle", "folder"])
def test_a_foreign_file_is_refused(clusters, foreign: str, tmp_path: Path):
    file = tmp_path / "run.npz"
    if foreign == "folder":
        file.mkdir()
        with pytest.raises(ml.CheckpointError, match=r"run\.npz"):
            train(clusters, make(), checkpoint=file, resume=True)
        return
    if foreign == "npy":
        with open(file, "wb") as stream:
            np.save(stream, np.ones(3))
    elif foreign == "npz":
        np.savez(file, parameters=np.ones(3))
    elif foreign == "pickle":
        np.savez(file, header=np.array([{}], dtype=object))
    else:
        file.write_text("" if foreign == "empty" else "not a checkpoint\n" * 100)
    refused(clusters, file, "damaged or no checkpoint")


def test_every_truncation_is_refused(clusters, checkpoint: bytes, tmp_path: Path):
    file = tmp_path / "run.npz"
    for length in {*range(0, len(checkpoint), 97), len(checkpoint) - 1}:
        file.write_bytes(checkpoint[:length])
        refused(clusters, file, "damaged or no checkpoint")


def stepped(seed: int, steps: int) -> tuple[ml.Network, ml.SGD]:
    """A network and its optimizer after some steps; arrays longer than the blocks in which zip files are read."""
    network, optimizer = ml.Network([ml.Dense(40, 40)], seed=seed), ml.SGD(0.1, 0.9)
    for _ in range(steps):
        optimizer.step(network.parameters, network.parameters.copy())
    return network, optimizer


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[int]]:
    """A checkpoint of ``stepped(1, 3)``, and where its bytes have a structure: headers and the table of contents."""
    file = tmp_path_factory.mktemp("archive") / "run.npz"
    network, optimizer = stepped(1, 3)
    Checkpoint(file, {}).write(network, optimizer, [{"loss": 1.0}], None)
    with zipfile.ZipFile(file) as contents:
        places = [
            place for info in contents.infolist() for place in range(info.header_offset, info.header_offset + 200)
        ]
        size = file.stat().st_size
        return file.read_bytes(), [*places, *range(contents.start_dir, size)]


@settings(max_examples=1000)
@given(st.data())
def test_flipped_bits_are_refused_or_harmless(archive: tuple[bytes, list[int]], tmp_path_factory, data: st.DataObject):
    """Some bytes of a zip file mean nothing, such as its time stamps; any other flip is noticed, by this error only."""
    content, places = archive
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.one_of(st.sampled_from(places), st.integers(0, len(content) - 1)))
        damaged[place] ^= 1 << data.draw(st.integers(0, 7))
    file = tmp_path_factory.getbasetemp() / "flipped.npz"
    file.write_bytes(damaged)
    network, optimizer = stepped(2, 0)
    try:
        rows, best = Checkpoint(file, {}).restore(network, optimizer, 99)
    except ml.CheckpointError:
        assert network.parameters.tobytes() == stepped(2, 0)[0].parameters.tobytes()
        assert (optimizer.steps, optimizer.state) == (0, {})
    else:
        expected, expected_optimizer = stepped(1, 3)
        assert (rows, best, optimizer.steps) == ([{"loss": 1.0}], None, 3)
        assert network.parameters.tobytes() == expected.parameters.tobytes()
        assert list(optimizer.state) == ["velocity"]
        assert optimizer.state["velocity"].tobytes() == expected_optimizer.state["velocity"].tobytes()


# A training in a process of its own. Its files are a few MB and its steps are few, so that it spends much of its time
# writing; sys.argv: the checkpoint, where to put the final parameters, and the moment at which it kills itself.
PROCESS = """
import os, signal, sys
import numpy as np
import mnistlab as ml
from mnistlab import atomic

checkpoint, result, moment = sys.argv[1:]
epoch, writes = 0, 0

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def fsync(descriptor):
    global writes
    writes += 1
    if writes == 3 and moment == "file half written":
        os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
        die()
    if writes == 3 and moment == "file written, not yet in place":
        die()
    real_fsync(descriptor)

def replace(part, path):
    real_replace(part, path)
    if writes == 3 and moment == "file just in place":
        die()

def rate(progress):
    if progress > 0.42 and moment == "within an epoch":
        die()
    return 0.1 * (1 - progress / 2)

def report(row):
    print(row["epoch"], flush=True)
    if row["epoch"] == 3 and moment == "between epochs":
        die()

real_fsync, real_replace = os.fsync, os.replace
os.fsync, os.replace = fsync, replace
rng = np.random.default_rng(0)
x, y = rng.random((96, 784), dtype=np.float32), rng.integers(0, 10, 96)
network = ml.Network([ml.Dense(784, 300), ml.ReLU(), ml.Dropout(0.2), ml.Dense(300, 10)])
ml.fit(network, x, y, optimizer=ml.SGD(rate, 0.9), epochs=8, batch_size=32, validation_split=1/3,
       early_stopping=ml.EarlyStopping(8), checkpoint=checkpoint, resume=True, on_epoch_end=report)
np.save(result, network.parameters)
"""


def start(folder: Path, moment: str = "never") -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(Path(ml.__file__).parents[1])}
    arguments = [sys.executable, "-c", PROCESS, folder / "run.npz", folder / "result.npy", moment]
    return subprocess.Popen(arguments, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("uninterrupted")
    process = start(folder)
    assert process.communicate()[0].split() == [str(epoch) for epoch in range(1, 9)]
    assert sorted(path.name for path in folder.iterdir()) == ["result.npy", "run.npz"]
    return np.load(folder / "result.npy").tobytes()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system knows no SIGKILL")
@pytest.mark.parametrize(
    ("moment", "first_epoch"),
    [
        ("within an epoch", 4),
        ("between epochs", 4),
        ("file half written", 3),
        ("file written, not yet in place", 3),
        ("file just in place", 4),
    ],
)
def test_killed_at_a_chosen_moment(uninterrupted: bytes, tmp_path: Path, moment: str, first_epoch: int):
    killed = start(tmp_path, moment)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    resumed = start(tmp_path)
    epochs = [int(epoch) for epoch in resumed.communicate()[0].split()]
    assert resumed.returncode == 0
    assert epochs == list(range(first_epoch, 9))
    assert np.load(tmp_path / "result.npy").tobytes() == uninterrupted


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system knows no SIGKILL")
def test_killed_again_and_again_at_random_moments(uninterrupted: bytes, tmp_path: Path):
    chance = random.Random()
    for attempt in range(4):
        process = start(tmp_path)
        process.stdout.readline()
        # An epoch takes about ten milliseconds, half of them the writing of its checkpoint.
        time.sleep(chance.uniform(0, 0.02) if attempt else 0)
        process.kill()
        process.communicate()
        assert attempt or process.returncode == -signal.SIGKILL
    final = start(tmp_path)
    final.communicate()
    assert final.returncode == 0
    assert np.load(tmp_path / "result.npy").tobytes() == uninterrupted


def test_a_training_that_has_gone_further_than_asked_is_refused(tmp_path):
    file, x, y = tmp_path / "run.npz", np.eye(4, dtype=np.float32), np.arange(4) % 2
    ml.fit(ml.Network([ml.Dense(4, 2)]), x, y, optimizer=ml.SGD(0.1), epochs=3, checkpoint=file)
    with pytest.raises(ml.CheckpointError, match="after epoch 3 already, and 2 were asked for"):
        ml.fit(ml.Network([ml.Dense(4, 2)]), x, y, optimizer=ml.SGD(0.1), epochs=2, checkpoint=file, resume=True)
