"""The timing of mnistlab beside Keras: who is timed, how, and what is made of it. No test looks at how fast it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mnistlab as ml
from mnistbook import results
from mnistbook.ch16_dense_in_keras import speed

PROGRAM = Path(ml.__file__).parents[1] / "benchmarks" / "keras_epochs.py"


def test_candidates_take_turns_and_the_first_turn_does_not_count():
    turns = []

    def candidate(name):
        def make(x, t, size):
            def train():
                turns.append((size, name))
                return len(turns), 2 * len(turns)

            return train

        return make

    x = np.zeros((100, 4))
    frame = speed.time_epochs(x, x, [30, 50], {"A": candidate("A"), "B": candidate("B")}, repetitions=2)
    assert turns == [(30, "A"), (30, "B")] * 3 + [(50, "A"), (50, "B")] * 3
    assert list(frame["seconds"]) == [3, 4, 5, 6, 9, 10, 11, 12]
    assert (frame["cpu_seconds"] == 2 * frame["seconds"]).all()
    assert list(frame["steps"]) == [4] * 4 + [2] * 4
    assert list(frame["repetition"]) == [1, 1, 2, 2] * 2


@pytest.mark.parametrize("arguments", [{"repetitions": 0}, {"candidates": {}}, {"batch_sizes": []}])
def test_there_must_be_something_to_time(arguments):
    x = np.zeros((4, 784), np.float32)
    with pytest.raises(ValueError, match=r"repetitions|nothing to time"):
        speed.time_epochs(x, x, **{"batch_sizes": [2], "candidates": {"A": speed.in_mnistlab}} | arguments)


@pytest.mark.parametrize("name", speed.CANDIDATES)
def test_each_candidate_trains_and_takes_its_time(name, capfd):
    rng = np.random.default_rng(0)
    x, t = rng.random((64, 784), np.float32), ml.one_hot(rng.integers(0, 10, 64))
    train = speed.CANDIDATES[name](x, t, 32)
    for _ in range(2):
        seconds, processor = train()
        assert seconds > 0 and processor > 0
    assert capfd.readouterr().out == ""


def times() -> pd.DataFrame:
    """Exact times of two programs: 1 ms and 10 µs an image, and 2 ms and 30 µs."""
    rows = [
        {"batch_size": n, "candidate": name, "images": 6000, "steps": 6000 / n, "seconds": 6000 / n * (a + b * n) * k}
        for n in (50, 100, 200)
        for name, a, b in (("one", 1e-3, 1e-5), ("two", 2e-3, 3e-5))
        for k in (0.9, 1, 1.1, 1, 1)
    ]
    return pd.DataFrame(rows)


def test_medians_and_quartiles_are_those_of_an_epoch():
    summary = speed.quartiles(times())
    first = summary.iloc[0]
    assert (first["batch_size"], first["candidate"]) == (50, "one")
    assert first["median"] == pytest.approx(1200 * 1.5e-3)
    assert first["per_step"] == pytest.approx(1.5e-3)
    assert (summary["low"] <= summary["median"]).all() and (summary["median"] <= summary["high"]).all()
    several = pd.concat([times().assign(threads=1), times().assign(threads=2)])
    assert len(speed.quartiles(several)) == 12


def test_overhead_and_work_are_found_again():
    costs = speed.fit_costs(speed.quartiles(times()))
    assert costs["one"] == pytest.approx((1e-3, 1e-5))
    assert costs["two"] == pytest.approx((2e-3, 3e-5))
    with pytest.raises(ValueError, match="two batch sizes"):
        speed.fit_costs(speed.quartiles(times()).iloc[:2])


def test_the_program_knows_its_options():
    done = subprocess.run([sys.executable, PROGRAM, "--help"], capture_output=True, text=True, check=True)
    assert "--store" in done.stdout and "--measure" not in done.stdout


def test_what_is_stored_is_complete():
    stored = results.read("keras_speed")
    turns = stored.groupby(["threads", "batch_size", "candidate"]).size()
    assert turns.min() >= 5
    one = stored[stored["threads"] == 1]
    assert set(one["candidate"]) == set(speed.CANDIDATES)
    assert set(one["batch_size"]) == {32, 64, 128, 256}
    assert (stored[["seconds", "cpu_seconds"]] > 0).all(axis=None)
