"""The benchmark: peers that do the work they are timed at, a table that can be trusted, a run that can be cut."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time
from contextlib import nullcontext
from importlib.util import find_spec
from itertools import pairwise
from math import prod
from pathlib import Path

import numpy as np
import pytest

import mnistlab as ml
from mnistbook.ch19_where_the_time_goes import roofline
from mnistbook.ch19_where_the_time_goes.bench import (
    __main__,
    accuracy,
    beside,
    hardware,
    inference,
    measure,
    peers,
    readme,
    report,
    startup,
    store,
    subnormal,
    tables,
    training,
)
from mnistbook.ch19_where_the_time_goes.bench import worker as worker_module
from mnistbook.ch19_where_the_time_goes.bench.peers import jax_scan, one_by_one, ours, products, scikit, textbook
from mnistbook.ch19_where_the_time_goes.bench.work import Work
from mnistbook.ch19_where_the_time_goes.bench.worker import PeerError, Worker

SECTIONS = (hardware, training, beside, subnormal, inference, startup, accuracy)
SMALL = Work(sizes=(4, 8, 3), batch=10, count=300)


def stop_after(epochs: int, x: np.ndarray, y: np.ndarray, seen: list[float]):
    """Return an ``after_epoch`` that notes accuracies and ends the training."""

    def after_epoch(classify, velocities) -> bool:
        seen.append(float(np.mean(classify(x) == y)))
        return len(seen) < epochs

    return after_epoch


# The peers.


@pytest.mark.parametrize("peer", [ours, textbook, scikit], ids=lambda peer: peer.__name__.rpartition(".")[2])
def test_a_peer_learns_and_stops_when_it_is_told(peer, clusters):
    x, y = (values.copy() for values in clusters)
    seen: list[float] = []
    peer.start("", 1)
    peer.train(SMALL, x, y, stop_after(4, x, y, seen))
    assert len(seen) == 4 and seen[-1] > 0.95
    assert len(peer.classifier(SMALL)(x)) == len(x)


@pytest.mark.parametrize(
    ("variant", "threads", "asked"), [("", 2, 2), ("", None, 1), ("auto", None, "auto"), ("3", None, 3)]
)
def test_the_library_has_the_threads_that_are_asked_for(variant, threads, asked, clusters, monkeypatch):
    met = []
    monkeypatch.setattr(ours.ml, "fit", lambda *data, threads=1, **options: met.append(threads))
    ours.start(variant, threads)
    ours.train(SMALL, *clusters, lambda *_: False)
    assert met == [asked]


@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is in the extra bench")
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_jax_takes_the_library_s_steps(optimizer, clusters, monkeypatch):
    x, y = clusters
    work = dataclasses.replace(SMALL, batch=len(x), optimizer=optimizer)  # a batch of all has no order
    network = ml.Network(ml.multilayer_perceptron(work.sizes), seed=0)
    dense = [layer for layer in network.layers if isinstance(layer, ml.Dense)]
    jax_scan.start("", None)
    drawn = [(jax_scan.jax.numpy.array(layer.W), jax_scan.jax.numpy.array(layer.b)) for layer in dense]
    monkeypatch.setattr(jax_scan, "_draw", lambda work: drawn)
    states = []
    monkeypatch.setattr(jax_scan, "_function", lambda parameters: states.append([*map(_host, parameters)]) or len)
    jax_scan.train(work, x, y, stop_after_calls(5))
    rule = ml.SGD(0.1, momentum=0.9) if optimizer == "sgd" else ml.Adam(0.001)
    ml.fit(network, x, y, optimizer=rule, batch_size=len(x), epochs=5, progress=False)
    for layer, (w, b) in zip(dense, states[-1], strict=True):
        np.testing.assert_allclose(w, layer.W, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(b, layer.b, rtol=1e-3, atol=1e-5)


def _host(layer: tuple) -> tuple[np.ndarray, ...]:
    return tuple(np.array(values) for values in layer)


def stop_after_calls(count: int):
    """Return an ``after_epoch`` that ends the training after so many epochs."""
    left = [count]

    def after_epoch(classify, velocities) -> bool:
        left[0] -= 1
        return left[0] > 0

    return after_epoch


@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is in the extra bench")
def test_jax_learns_from_the_last_mini_batch_too(clusters):
    x, y = clusters
    seen: list[float] = []
    jax_scan.start("", None)
    jax_scan.train(dataclasses.replace(SMALL, batch=32), x, y, stop_after(6, x, y, seen))  # 300 are not 32 times many
    assert len(seen) == 6 and seen[-1] > 0.95


@pytest.mark.parametrize("options", [{"dropout": 0.5}, {"weight_decay": 0.01}], ids=["dropout", "decay"])
def test_what_a_peer_cannot_do_it_refuses(options, clusters):
    for peer in (textbook, scikit):
        with pytest.raises(ValueError, match=r"momentum only|has neither"):
            peer.train(dataclasses.replace(SMALL, **options), *clusters, lambda classify: False)
    with pytest.raises(ValueError, match="one image at a time"):
        one_by_one.train(SMALL, *clusters, lambda classify: False)


def test_the_textbook_takes_the_library_s_steps(clusters, monkeypatch):
    x, y = clusters
    work = dataclasses.replace(SMALL, batch=len(x))  # a batch of all has no order
    network = ml.Network(ml.multilayer_perceptron(work.sizes), seed=0)
    dense = [layer for layer in network.layers if isinstance(layer, ml.Dense)]
    weights, biases = [layer.W.copy() for layer in dense], [layer.b.copy() for layer in dense]
    monkeypatch.setattr(textbook, "_draw", lambda work: (weights, biases))
    textbook.train(work, x, y, stop_after(5, x, y, []))
    ml.fit(network, x, y, optimizer=ml.SGD(0.1, momentum=0.9), batch_size=len(x), epochs=5, progress=False)
    for layer, w, b in zip(dense, weights, biases, strict=True):
        np.testing.assert_allclose(w, layer.W, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(b, layer.b, rtol=1e-4, atol=1e-5)


def test_one_image_at_a_time_is_backpropagation_too(clusters, monkeypatch):
    x, y = clusters
    work = dataclasses.replace(SMALL, batch=1)
    layers = [ml.Dense(4, 8, bias=False), ml.Dense(8, 3, bias=False), ml.Softmax()]
    network = ml.Network(layers, seed=0, dtype=np.float64)
    weights = [layer.W.copy() for layer in layers[:2]]
    monkeypatch.setattr(one_by_one, "_draw", lambda work: weights)
    one_by_one.train(work, x, y, lambda classify, velocities: False)
    options = {"optimizer": ml.SGD(0.000125), "batch_size": 1, "epochs": 1, "shuffle": False, "progress": False}
    ml.fit(network, x.astype(np.float64), y, **options)
    for layer, w in zip(layers[:2], weights, strict=True):
        np.testing.assert_allclose(w, layer.W, rtol=1e-10)


@pytest.mark.parametrize("sizes", [(784, 300, 10), (784, 256, 128, 10), (20, 10)], ids=str)
def test_the_bound_has_the_products_of_a_step(sizes):
    done = roofline.product_arrays(sizes, 32)
    depth = len(sizes) - 1
    assert len(done) == 3 * depth - 1
    flops = sum(2 * left.shape[0] * left.shape[1] * right.shape[1] for _, left, right, _ in done)
    weights = [prod(shape) for shape in pairwise(sizes)]
    assert flops == 2 * 32 * (3 * sum(weights) - weights[0])
    for product, left, right, out in done:
        assert (*left.shape, right.shape[1]) == (product.m, product.k, product.n)
        np.matmul(left, right, out=out)


def test_a_product_uses_what_those_before_it_gave_so_that_doing_all_again_changes_nothing():
    done = roofline.product_arrays((20, 8, 6, 3), 4)
    for product in done:
        np.matmul(*product[1:3], out=product[3])
    before = [product[3].copy() for product in done]
    for product, result in zip(done, before, strict=True):
        np.matmul(*product[1:3], out=product[3])
        np.testing.assert_array_equal(product[3], result, err_msg=product[0].name)


def test_the_bound_multiplies_no_more_images_than_there_are(monkeypatch):
    rows = []
    monkeypatch.setattr(products, "multiply", lambda *arrays: rows.append(len(arrays[0])) or roofline.multiply(*arrays))
    products.train(Work((20, 8, 3), batch=32, count=70), np.zeros((70, 20)), np.zeros(70), lambda *_: False)
    assert rows[::5] == [32, 32, 6]


def test_a_peer_s_process_has_its_threads_and_its_own_kernels(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    variables = peers.environment(3)
    assert "OPENBLAS_CORETYPE" not in variables and variables["OPENBLAS_NUM_THREADS"] == "3"
    assert peers.environment(3, keep=True)["OPENBLAS_CORETYPE"] == "Haswell"
    assert variables["PATH"] == os.environ["PATH"]
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert "OMP_NUM_THREADS" not in peers.environment(None)


def test_a_worker_s_process_starts_with_that_environment(monkeypatch):
    monkeypatch.setenv("A_VARIABLE_OF_THE_USER", "kept")
    met = {}
    monkeypatch.setattr(peers, "environment", lambda threads, keep: {"PATH": os.environ["PATH"], "met": "yes"})
    monkeypatch.setattr(worker_module.multiprocessing, "get_context", lambda kind: Context(met))
    with pytest.raises(KeyboardInterrupt):
        Worker(peers.BOUND, 1)
    assert met == {"PATH": os.environ["PATH"], "met": "yes"} and os.environ["A_VARIABLE_OF_THE_USER"] == "kept"


class Context:
    """Makes processes that only look at their environment."""

    def __init__(self, met: dict[str, str]):
        self.met = met

    def Pipe(self) -> tuple[None, None]:
        return None, None

    def Process(self, **options: object) -> Context:
        return self

    def start(self) -> None:
        self.met.update(os.environ)
        raise KeyboardInterrupt


def test_a_peer_that_is_not_installed_is_left_out_and_named(monkeypatch):
    monkeypatch.setattr(peers, "find_spec", lambda package: None if package == "torch" else object())
    assert peers.missing() == ["torch"]
    assert not peers.installed("PyTorch") and peers.installed("Keras") and peers.installed(peers.OURS)


# Turns, ratios, rows.


class Fake:
    """A worker that reports the times it was given."""

    def __init__(self, name: str, log: list[str], times: list[tuple[float, float]]):
        self.name, self.log, self.times = name, log, list(times)

    def ask(self, *message: object) -> object:
        self.log.append(self.name)
        return self.times.pop(0)

    def end_training(self) -> None:
        self.log.append(f"{self.name} ends")


def test_peers_take_turns_and_the_first_epoch_does_not_count():
    log: list[str] = []
    pool = measure.WorkerPool()
    for name, factor in ((peers.OURS, 1.0), ("textbook NumPy", 2.0)):
        times = [(factor * second, factor * second / 2) for second in (100.0, 1.0, 2.0)]
        pool.workers[name, 1] = Fake(name, log, times)
    names = (peers.OURS, "textbook NumPy")
    times = measure.epochs(pool, names, dict.fromkeys(names, SMALL), 1, 2)
    assert log == [*names, *names, *names, *(f"{name} ends" for name in names)]
    assert times == {peers.OURS: [(1.0, 0.5), (2.0, 1.0)], "textbook NumPy": [(2.0, 1.0), (4.0, 2.0)]}


def test_rounds_go_on_until_the_time_has_passed(monkeypatch):
    clock, pool = iter(range(0, 100, 10)), measure.WorkerPool()
    monkeypatch.setattr(measure, "perf_counter", lambda: next(clock))
    pool.workers[peers.OURS, 1] = Fake(peers.OURS, [], [(float(second), 0.0) for second in range(9)])
    times = measure.epochs(pool, (peers.OURS,), {peers.OURS: SMALL}, 1, 2, seconds=35.0)
    assert times == {peers.OURS: [(1.0, 0.0), (2.0, 0.0), (3.0, 0.0), (4.0, 0.0), (5.0, 0.0)]}


def test_ratios_are_taken_within_a_round():
    # The machine was ten times slower in the second round, for both.
    times = {peers.OURS: [(1.0, 0.5), (10.0, 0.5), (1.0, 0.5)], "other": [(3.0, 1.0), (30.0, 1.0), (3.3, 1.5)]}
    mine, other = measure.rows("seconds", times, scale=2.0, section="training")
    assert mine["ratio"] == 1 and mine["median"] == 2.0
    assert other["ratio"] == 3 and other["processor_ratio"] == 2 and other["processor_seconds"] == 2.0
    assert (other["ratio_q1"], other["ratio_q3"]) == pytest.approx((3, 3.15))
    assert (other["q1"], other["median"], other["q3"], other["repetitions"]) == pytest.approx((6.3, 6.6, 33.3, 3))


def test_few_images_are_counted_as_many(monkeypatch):
    names = [peers.OURS, peers.ONE_BY_ONE]
    taken = {name: [(1.0, 1.0)] * 3 for name in names}
    monkeypatch.setattr(training, "epochs", lambda *arguments: dict(taken))
    mine, other = training.compare(names, Work(batch=1, count=2_000), 1, 3, measure.WorkerPool())
    assert mine["median"] == 2.5 and mine["images"] == 5_000
    assert other["median"] == 12.5 and other["ratio"] == 5.0


def test_velocities_become_subnormal_between_the_early_epochs_and_the_late():
    steps_to_subnormal = np.log(1e-4 / np.finfo(np.float32).tiny) / np.log(1 / 0.9)
    assert {batch for batch, _ in training.LONG} < set(training.BATCHES)
    for batch, count in training.LONG:
        steps = -(-count // batch)
        assert 2 * steps < steps_to_subnormal < 17 * steps


def test_a_training_is_timed_on_whole_mini_batches(monkeypatch):
    works = []
    monkeypatch.setattr(training, "compare", lambda names, work, *rest, **options: works.append(work))
    for _, run in training.groups(False):
        if run.func is training.compare:
            run(measure.WorkerPool())
    assert works and all(work.count % work.batch == 0 for work in works)


def test_a_slow_down_is_late_over_early(monkeypatch):
    taken = {peers.OURS: [(1.0 + (i >= 17), 1.0) for i in range(20)]}
    monkeypatch.setattr(training, "epochs", lambda *arguments: dict(taken))
    (found,) = training._slow_down((peers.OURS,), SMALL, measure.WorkerPool())
    assert found["median"] == 2.0 and found["processor_seconds"] == 1.0


@pytest.mark.parametrize("short", [True, False])
def test_each_group_has_a_name_of_its_own(short):
    names = [name for section in SECTIONS for name, _ in section.groups(short)]
    assert len(names) == len(set(names)) and names
    assert [section.__name__.rpartition(".")[2] for section in SECTIONS] == sorted(
        __main__.SECTIONS, key=__main__.SECTIONS.index
    )


# A worker is a process.


def test_a_worker_computes_in_a_process_and_ends_with_its_connection():
    worker = Worker(peers.BOUND, 1)
    try:
        times = worker.ask("classify", Work(), 10, 4)
        assert len(times) == 4 and all(wall > 0 and processor >= 0 for wall, processor in times)
        first = worker.ask("train", Work(batch=32, count=64))
        second = worker.ask(True)
        worker.end_training()
        assert min(*first, *second) >= 0
    finally:
        worker.close()
    assert not worker.process.is_alive()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the state of a process is read from /proc")
def test_a_worker_rests_while_it_is_not_its_turn():
    worker = Worker(peers.BOUND, 1)

    def state() -> str:
        deadline = time.monotonic() + 10
        while True:  # a signal needs a moment
            now = Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(") ")[2][0]
            if now == "T" or time.monotonic() > deadline:
                return now

    try:
        assert state() == "T"
        worker.ask("train", Work(batch=32, count=64))
        assert state() == "T"
        worker.end_training()
        assert state() == "T"
    finally:
        worker.close()


FORGETFUL = """
from mnistbook.ch19_where_the_time_goes.bench.worker import Worker
if __name__ == "__main__":
    worker = Worker("matrix products", 1)
    print(worker.process.pid, flush=True)
    {end}
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing tells a stopped process of its parent's end")
@pytest.mark.parametrize("end", ["pass", "import os; os.kill(os.getpid(), 9)"], ids=["ends", "is killed"])
def test_no_worker_outlives_a_program_that_forgets_it(tmp_path, end):
    program = tmp_path / "forgetful.py"
    program.write_text(FORGETFUL.format(end=end))
    variables = {**os.environ, "PYTHONPATH": str(Path(ml.__file__).parents[1])}
    done = subprocess.run([sys.executable, str(program)], env=variables, capture_output=True, text=True, timeout=120)
    process = Path("/proc", done.stdout.strip())
    deadline = time.monotonic() + 10
    while process.exists() and "\nState:\tZ" not in (process / "status").read_text():
        assert time.monotonic() < deadline, "it is still there"
        time.sleep(0.05)


def test_a_peer_that_fails_says_why():
    worker = Worker("textbook NumPy", 1)
    try:
        with pytest.raises(PeerError, match="momentum only"):
            worker.ask("train", Work(optimizer="adam", count=64))
        with pytest.raises(PeerError, match="ended without a word"):
            worker.receive()
    finally:
        worker.close()


# What is kept, stored and judged.


ROW = {"section": "training", "peer": peers.OURS, "quantity": "seconds per epoch", "median": 1.0, "q1": 0.9, "q3": 1.1}


def test_a_run_that_was_cut_goes_on(tmp_path, monkeypatch):
    path = tmp_path / "groups.jsonl"
    kept = store.Store(path, {"short": False})
    kept.add("a", [ROW])
    kept.add("b", [ROW, {**ROW, "peer": "other"}])
    with path.open("a", encoding="utf-8") as file:
        file.write('{"group": "c", "rows": [')  # the machine went down here
    again = store.Store(path, {"short": False})
    assert list(again.groups) == ["a", "b"] and len(again.frame()) == 3
    again.add("c", [ROW])
    assert list(store.Store(path, {"short": False}).groups) == ["a", "b", "c"]
    assert store.Store(path, {"short": True}).groups == {}
    monkeypatch.setattr(store, "provenance", lambda: {"commit": "another", "date": "today"})
    assert store.Store(path, {"short": False}).groups == {}


def test_the_command_measures_stores_and_does_not_measure_twice(tmp_path, monkeypatch, capsys):
    measured: list[str] = []

    class Section:
        @staticmethod
        def groups(short):
            yield "only", lambda pool: measured.append("only") or [{**ROW, "network": "784-300-10", "batch": 32}]

    monkeypatch.setattr(__main__, "import_module", lambda name: Section)
    monkeypatch.setattr(__main__, "runs_folder", lambda name: tmp_path / name)
    monkeypatch.setattr(__main__.results, "write", lambda name, frame, folder: [folder / f"{name}.csv"])
    for _ in range(2):
        assert __main__.main(["training", "--into", str(tmp_path)]) == 0
    assert measured == ["only"]
    assert f"wrote {tmp_path / 'bench.csv'}" in capsys.readouterr().out
    assert __main__.main(["training", "--fresh", "--into", str(tmp_path)]) == 0
    assert measured == ["only", "only"]
    with pytest.raises(SystemExit):
        __main__.main(["trainings"])
    assert "there is no section trainings: choose among hardware" in capsys.readouterr().err


def test_the_table_can_be_stored_and_read(tmp_path):
    from mnistbook import results

    kept = store.Store(tmp_path / "groups.jsonl", {})
    kept.add("a", [{**ROW, "network": "784-300-10", "optimizer": "sgd", "batch": 32, "threads": 1}])
    frame = kept.frame().assign(commit="0123456789ab")
    results.write("bench", frame, folder=tmp_path)
    read = results.read("bench", folder=tmp_path)
    assert list(read.columns[: len(store.COLUMNS)]) == list(store.COLUMNS)
    assert read["median"].tolist() == [1.0] and read["scikit-learn"].notna().all()
    assert "784-300-10, sgd, batch 32, threads 1" in report.text(read)


def test_targets_take_the_worst_case(tmp_path):
    about = {"network": "784-300-10", "optimizer": "sgd", "batch": 32, "repetitions": 5}
    found = {peers.OURS: 1.0, "JAX": 0.8, "Keras": 4.0, peers.BOUND: 0.5}
    lines = [{**ROW, **about, "threads": 1, "peer": name, "ratio": ratio} for name, ratio in found.items()]
    lines += [{**line, "optimizer": "adam", "ratio": line["ratio"] / 1.25} for line in lines[:3]]
    lines += [{**ROW, **about, "threads": 2, "peer": "JAX", "ratio": 1.25}]
    lines += [{**ROW, **about, "section": "slow-down", "median": 1.3}]
    lines += [{**ROW, "section": "startup", "quantity": "seconds to import beyond NumPy", "median": 0.1}]
    for peer, slower in {peers.OURS: 2.0, "JAX": 1.5, "textbook NumPy": 1.1}.items():
        line = {**ROW, "section": "beside", "quantity": beside.SLOWER, "peer": peer}
        lines += [{**line, "variable": "alone", "median": 1.0}, {**line, "variable": SECOND, "median": slower}]
    kept = store.Store(tmp_path / "groups.jsonl", {})
    kept.add("a", lines)
    targets = {what: (value, limit) for what, value, limit in report.targets(kept.frame())}
    assert targets == {
        "time / fastest peer, batch 32, 1 thread": (pytest.approx(1 / 0.64), 1.1),
        "time / matrix products, batch 32, 1 thread": (pytest.approx(1 / 0.5), 2.0),
        "time / fastest peer, batch 32, 2 threads": (pytest.approx(0.8), 1.0),
        "late epochs / early epochs": (1.3, 1.1),
        "seconds to import beyond NumPy": (0.1, 0.25),
        f"beside {SECOND} / alone": (2.0, pytest.approx(1.8)),  # a fifth more than the best framework
    }


SECOND = "a second training"


def test_one_thread_counts_by_processor_time(tmp_path):
    about = {**ROW, "network": "784-300-10", "optimizer": "sgd", "batch": 32, "ratio": 9.0}
    kept = store.Store(tmp_path / "groups.jsonl", {})
    kept.add("a", [{**about, "peer": "PyTorch", "threads": n, "processor_ratio": 2.0 / n} for n in (1, 2)])
    what = "time / fastest peer, batch 32, 1 thread"
    assert report.targets(kept.frame(), "processor_ratio") == [(what, 0.5, 1.1)]


# Sentences that turn with the numbers.


def training_rows(ratios: dict[int, dict[str, tuple[float, float, float]]]):
    import pandas as pd

    names = ("ratio_q1", "ratio", "ratio_q3")
    return pd.DataFrame(
        [
            {**ROW, "optimizer": "sgd", "batch": batch, "threads": 1, "peer": peer}
            | dict(zip(names, found, strict=True))
            for batch, of_peers in ratios.items()
            for peer, found in ({peers.OURS: (1, 1, 1), peers.BOUND: (0.5, 0.5, 0.5)} | of_peers).items()
        ]
    ).assign(processor="A processor, family 6")


def test_a_claim_says_who_is_faster_where():
    rows = training_rows(
        {
            32: {"JAX": (0.79, 0.81, 0.83), "PyTorch": (1.4, 1.5, 1.6)},
            64: {"JAX": (0.95, 0.99, 1.04), "PyTorch": (1.4, 1.5, 1.6)},
            1024: {"JAX": (1.2, 1.3, 1.4), "PyTorch": (1.05, 1.1, 1.15)},
        }
    )
    assert tables.claim(rows) == (
        "When last measured, on one thread, JAX is faster than mnistlab in batches of 32 (JAX takes 0.81 times as "
        "long); JAX and mnistlab are alike in batches of 64 (JAX takes 0.99 times as long); mnistlab is faster than "
        "all frameworks in batches of 1,024 (PyTorch takes 1.10 times as long)."
    )
    ahead = training_rows({32: {"JAX": (1.2, 1.3, 1.4)}, 64: {"JAX": (1.2, 1.31, 1.4)}})
    assert tables.claim(ahead) == (
        "When last measured, on one thread, mnistlab is faster than all frameworks in batches of 32 and 64 (JAX takes "
        "1.3 and 1.3 times as long)."
    )


def test_the_readme_s_table_is_written_between_its_marks(tmp_path):
    rows = training_rows({32: {"JAX": (0.79, 0.81, 0.83)}, 64: {"JAX": (1.2, 1.3, 1.5)}})
    path = tmp_path / "README.md"
    path.write_text(f"before\n{readme.BEGIN}\nold\n{readme.END}\nafter\n", encoding="utf-8")
    for _ in range(2):
        readme.update(rows, path)
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{readme.BEGIN}\n{tables.claim(rows)}\n") and text.endswith(
        f"{readme.END}\nafter\n"
    )
    assert "| | 32 | 64 |\n|---|---|---|\n| JAX | 0.81 | 1.3 |" in text and "old" not in text
    path.write_text("no marks", encoding="utf-8")
    with pytest.raises(ValueError, match="has no place for the times"):
        readme.update(rows, path)


# Beside other programs.


def test_busy_processes_run_and_end():
    with beside._busy(2):
        pass
    assert beside.SITUATIONS["alone"] == 0 and beside.SITUATIONS["a busy process for each core"] == os.cpu_count()


def test_a_peer_is_timed_alone_and_in_each_situation(monkeypatch):
    busy, trainings, started = [], [], []

    class Timed(Fake):
        def __init__(self, name, threads, keep):
            started.append((name, threads))
            super().__init__(name, [], [(float(i), 0.0) for i in (9, 1, 1, 9, 2, 2, 9, 4, 4, 9, 3, 3)])

        def close(self) -> None: ...

    monkeypatch.setattr(beside, "Worker", Timed)
    monkeypatch.setattr(beside, "_busy", lambda count: busy.append(count) or nullcontext())
    monkeypatch.setattr(beside, "_training", lambda *_: trainings.append(True) or nullcontext())
    found = {
        row["variable"]: row["median"]
        for row in beside._measure("JAX", 2, measure.WorkerPool())
        if row["quantity"] == beside.SLOWER
    }
    assert list(found) == list(beside.SITUATIONS) and list(found.values()) == [1, 2, 4, 3]
    assert busy == [0, 1, os.cpu_count(), 0] and trainings == [True]
    assert started == [("JAX", None)]  # with the threads that it takes by itself


def test_a_second_training_goes_on_by_itself_and_is_ended():
    with beside._training(peers.BOUND, False):
        pass


def test_a_training_needs_little_memory_beyond_its_data():
    (found,) = startup._memory((6_000,))
    assert 0.05 < found["median"] < 0.5


def test_programs_that_lack_a_package_are_left_out():
    assert startup._run("import no_such_package") == []
    assert startup._run("print(1, 2.5)") == [1.0, 2.5]
    with pytest.raises(RuntimeError, match="unlucky"):
        startup._run("raise ValueError('unlucky')")
