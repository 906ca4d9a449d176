"""mnistlab beside Keras: which rows of the benchmark the chapter takes, and what it makes of them."""

from __future__ import annotations

import pandas as pd
import pytest

from mnistbook import results
from mnistbook.ch16_dense_in_keras import speed


def steps() -> pd.DataFrame:
    """Exact times of two programs: 1 ms and 10 µs an image, and 2 ms and 30 µs."""
    return pd.DataFrame(
        [
            {"peer": name, "batch": n, "per_step": a + b * n}
            for n in (50, 100, 200)
            for name, a, b in (("one", 1e-3, 1e-5), ("two", 2e-3, 3e-5))
        ]
    )


def test_overhead_and_work_are_found_again():
    costs = speed.fit_costs(steps())
    assert costs["one"] == pytest.approx((1e-3, 1e-5))
    assert costs["two"] == pytest.approx((2e-3, 3e-5))
    with pytest.raises(ValueError, match="two batch sizes"):
        speed.fit_costs(steps().iloc[:2])


def test_the_chapter_has_each_candidate_at_each_batch_size_on_one_thread_and_on_two():
    rows = speed.of_keras(results.read("bench"))
    sizes = rows.groupby(["threads", "peer"])["batch"].apply(list)
    assert set(sizes.index) == {(threads, name) for threads in (1, 2) for name in speed.CANDIDATES}
    assert all(found == [32, 64, 128, 256, 1024] for found in sizes)
    assert (rows["q1"] <= rows["median"]).all() and (rows["median"] <= rows["q3"]).all()
    steps_of_an_epoch = rows["median"] / rows["per_step"]
    assert (abs(steps_of_an_epoch * rows["batch"] - 60_000) < 1e-6 * 60_000).all()
