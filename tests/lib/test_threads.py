"""How many threads share a product: what is asked for, for as long as it is asked for."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import mnistlab as ml
from mnistlab import threads
from mnistlab.threads import Watch, blas_threads

BLAS = [entry for entry in threadpool_info() if entry["user_api"] == "blas"]
pytestmark = pytest.mark.skipif(not BLAS, reason="threads of this BLAS cannot be set")


def now() -> int:
    return max(entry["num_threads"] for entry in threadpool_info() if entry["user_api"] == "blas")


@pytest.fixture(autouse=True)
def _three():
    """No test starts with the number that it sets."""
    with threadpool_limits(3):
        yield


def trained(clusters, seen: list[int], **options) -> np.ndarray:
    network = ml.Network(ml.multilayer_perceptron([4, 300, 3]), seed=0)

    class Looks(ml.SGD):
        def update(self, w, g, rate):
            seen.append(now())
            super().update(w, g, rate)

    ml.fit(network, *clusters, optimizer=Looks(0.1), epochs=1, progress=False, **options)
    return network.parameters


@pytest.mark.parametrize(("options", "count"), [({}, 1), ({"threads": 2}, 2)], ids=["by default", "two"])
def test_fit_sets_threads_and_gives_them_back(clusters, options, count):
    seen: list[int] = []
    trained(clusters, seen, **options)
    assert set(seen) == {count} and now() == 3


def test_threads_are_given_back_after_an_error(clusters):
    with pytest.raises(ml.TrainingDiverged):
        trained((clusters[0] * np.float32(1e38), clusters[1]), [])
    assert now() == 3


def test_the_environment_s_number_changes_nothing(clusters):
    first = trained(clusters, [])
    with threadpool_limits(2):
        second = trained(clusters, [])
    np.testing.assert_array_equal(first, second)


def test_answers_come_from_one_thread_unless_more_are_asked_for(clusters):
    seen: list[int] = []

    class Looks(ml.Tanh):
        def forward(self, x, rng=None):
            seen.append(now())
            return super().forward(x, rng)

    network = ml.Network([ml.Dense(4, 3), Looks()], seed=0)
    network.predict(clusters[0], batch_size=len(clusters[0]))
    network.outputs(clusters[0], len(clusters[0]), threads=2)
    ml.evaluate(network, *clusters, ml.SquaredError(), len(clusters[0]), threads=2)
    assert seen == [1, 2, 2] and now() == 3


@pytest.mark.parametrize("wrong", [0, -1, True, 1.5, "all", None])
def test_other_numbers_are_refused(clusters, wrong):
    network = ml.Network([ml.Dense(4, 3)])
    with pytest.raises(ValueError, match="threads must be a positive integer or 'auto'"):
        ml.fit(network, *clusters, threads=wrong)
    with pytest.raises(ValueError, match="threads must be a positive integer or 'auto'"):
        network.predict(clusters[0], threads=wrong)


# What "auto" does, on a clock that the test sets.


class Clock:
    def __init__(self, monkeypatch):
        self.wall = self.processor = 0.0
        monkeypatch.setattr(threads.time, "perf_counter", lambda: self.wall)
        monkeypatch.setattr(threads.time, "process_time", lambda: self.processor)

    def go(self, wall: float, cores: float) -> None:
        self.wall, self.processor = self.wall + wall, self.processor + wall * cores


def test_auto_begins_with_all_cores_and_stays_there_while_it_has_them(monkeypatch):
    clock = Clock(monkeypatch)
    monkeypatch.setattr(threads, "_cores", lambda: 2)
    with blas_threads("auto") as watch:
        for _ in range(10):
            clock.go(0.3, 1.95)
            watch.look()
        assert watch.count == now() == 2
    assert now() == 3


def test_auto_goes_down_to_one_where_others_take_a_part_and_does_not_come_back(monkeypatch):
    clock = Clock(monkeypatch)
    monkeypatch.setattr(threads, "_cores", lambda: 2)
    with blas_threads("auto") as watch:
        clock.go(0.1, 1.0)
        watch.look()
        assert watch.count == now() == 2  # too early to say
        clock.go(0.2, 1.5)
        watch.look()
        assert watch.count == now() == 1
        clock.go(0.3, 2.0)
        watch.look()
        assert watch.count == now() == 1
    assert now() == 3


def test_what_comes_between_two_epochs_does_not_count(monkeypatch):
    clock = Clock(monkeypatch)
    watch = Watch(2, fixed=False)
    clock.go(5.0, 1.0)
    watch.begin()
    clock.go(0.3, 2.0)
    watch.look()
    assert watch.count == 2


def test_a_number_stays_whatever_others_do(monkeypatch):
    clock = Clock(monkeypatch)
    with blas_threads(2) as watch:
        clock.go(9.0, 0.1)
        watch.look()
        assert watch.count == now() == 2


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere cores are not assigned to a process")
def test_the_cores_are_those_that_the_process_may_use():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert threads._cores() == 1
    finally:
        os.sched_setaffinity(0, before)


def test_python_in_a_page_has_no_threads_to_set(monkeypatch):
    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)  # an import of it would fail
    assert threads._libraries.__wrapped__() == []
