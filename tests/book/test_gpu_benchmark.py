"""The timing on a GPU, with the processor in its place; no test looks at how fast it is."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from device_array import fake_cupy

import mnistlab as ml
from mnistbook.ch19_where_the_time_goes.bench import peers

PROGRAM = Path(ml.__file__).parents[1] / "benchmarks" / "gpu.py"


@pytest.fixture
def program():
    spec = importlib.util.spec_from_file_location("gpu", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def with_gpu(monkeypatch):
    """Put a CuPy in the way of imports that has a GPU with a name."""
    cupy = fake_cupy()
    cupy.__version__ = "14.0"
    cupy.cuda.runtime.getDeviceProperties = lambda device: {"name": b"A GPU"}
    monkeypatch.setitem(sys.modules, "cupy", cupy)


def test_all_of_its_work_is_on_the_gpu_and_includes_a_large_network(program):
    assert {work.device for work in program.WORKS} == {"cuda"}
    assert {"784-300-10", "784-800-10"} < {str(work) for work in program.WORKS}
    assert max(max(work.sizes[1:]) for work in program.WORKS) >= 4096


def test_each_peer_that_is_there_has_a_row(program):
    works = [replace(work, device="cpu", sizes=(784, 4, 10), count=2 * work.batch) for work in program.WORKS[:4:3]]
    found = program.measure(works, 2)
    names = [name for name in program.NAMES if peers.installed(name)]
    assert [(row["optimizer"], row["peer"]) for row in found] == [
        (one, name) for one in ("sgd", "adam") for name in names
    ]
    assert all(row["median"] > 0 and row["repetitions"] == 2 for row in found)
    assert program.table(found).count("784-4-10, adam") == len(names)


def test_what_is_written_names_the_gpu(program, monkeypatch, tmp_path, capsys):
    with_gpu(monkeypatch)
    row = {
        "section": "GPU",
        "quantity": "seconds per epoch",
        "network": "784-300-10",
        "optimizer": "sgd",
        "batch": 32,
        "peer": "mnistlab",
    }
    row |= {"median": 1.0, "q1": 0.9, "q3": 1.1, "ratio": 1.0}
    monkeypatch.setattr(program, "measure", lambda works, repetitions: [row])
    file = tmp_path / "gpu.json"
    assert program.main(["--json", str(file)]) == 0
    content = json.loads(file.read_text())
    assert content["gpu"] == "A GPU" and content["rows"] == [row] and content["commit"]
    printed = capsys.readouterr().out
    assert "784-300-10, sgd" in printed and "gpu A GPU, cupy 14.0" in printed


def test_without_a_gpu_it_says_what_is_missing(program, monkeypatch, capsys):
    for cupy, message in ((None, "needs CuPy"), (fake_cupy(0), "finds no GPU")):
        monkeypatch.setitem(sys.modules, "cupy", cupy)
        assert program.main([]) == 1
        assert message in capsys.readouterr().err


def test_it_runs_as_a_program():
    done = subprocess.run([sys.executable, PROGRAM, "--repetitions", "0"], capture_output=True, text=True)
    assert done.returncode == 2 and "--repetitions must be at least 1" in done.stderr


def test_its_library_trains_on_the_gpu(monkeypatch, clusters):
    with_gpu(monkeypatch)
    seen: list[float] = []

    def after_epoch(classify, velocities):
        assert [type(values).__name__ for values in velocities()] == ["ndarray"]
        seen.append((classify(clusters[0]) == clusters[1]).mean())
        return len(seen) < 4

    made = []
    monkeypatch.setattr(ml, "Network", lambda *a, network=ml.Network, **o: made.append(network(*a, **o)) or made[-1])
    work = peers.Work(sizes=(4, 8, 3), batch=10, count=300, device="cuda")
    peers.load(peers.OURS).train(work, *clusters, after_epoch)
    assert type(made[0].parameters).__name__ == "DeviceArray" and seen[-1] > 0.95
