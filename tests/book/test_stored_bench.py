"""The stored benchmark: that it is whole and tidy, and what the chapter and the README show of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mnistbook import results
from mnistbook.ch19_where_the_time_goes.bench import beside, peers, readme, report, styles, tables
from mnistbook.ch19_where_the_time_goes.bench.training import BATCHES

SOME_MOMENTUM = [name for name in peers.PEERS if name not in peers.PLAIN]


@pytest.fixture(scope="module")
def bench() -> pd.DataFrame:
    return results.read("bench")


def test_it_comes_from_one_run_of_committed_code_with_all_peers_and_kernels_of_the_libraries_choice(bench):
    for column in ("commit", "processor", "jax", "torch", "tensorflow", "keras", "scikit-learn", "blas_kernels"):
        assert bench[column].nunique() == 1
    assert not bench["commit"].iloc[0].endswith("-dirty")
    assert set(bench["peer"]) >= set(peers.PEERS)
    timed = bench[bench["section"].isin(["training", "beside", "inference"])]
    assert (timed["repetitions"] >= 5).all() and (timed["q1"] <= timed["median"]).all()
    assert (timed["median"] <= timed["q3"]).all()


@pytest.mark.parametrize("threads", [1, 2])
def test_every_peer_has_a_time_and_a_ratio_for_every_batch_size(bench, threads):
    seconds, ratios = tables.epochs(bench, threads), tables.ratios(bench, threads)
    for table in (seconds, ratios):
        assert list(table.columns) == [str(size) for size in BATCHES]
        assert list(table.index) == [name for name in peers.PEERS if name != peers.ONE_BY_ONE]
        assert (table > 0).all(axis=None)
    assert (ratios.loc["mnistlab"] == 1).all()
    assert np.allclose(ratios, seconds / seconds.loc["mnistlab"], rtol=0.5)  # medians of ratios, not ratios of medians


def test_other_networks_slow_downs_and_subnormals_have_a_row_a_peer(bench):
    assert set(tables.others(bench).columns) == {"784-800-10", "784-256-128-10"}
    slow = tables.slow_down(bench)
    assert list(slow.columns) == ["32", "128"] and slow.notna().all(axis=None)
    assert {"mnistlab", "PyTorch"} < set(slow.index)
    shares = tables.subnormal(bench)
    assert list(shares.index) == [name for name in SOME_MOMENTUM if "compiled" not in name]
    assert ((shares >= 0) & (shares <= 100)).all(axis=None)


def test_answers_start_memory_and_accuracy(bench):
    answers = tables.inference(bench)
    assert list(answers.index) == list(peers.PEERS) and answers.notna().all(axis=None)
    assert (answers["p50, µs"] <= answers["p99, µs"]).all()
    start = tables.startup(bench)
    assert start.loc["NumPy", "s beyond NumPy"] == 0 and start["s"].is_monotonic_increasing
    assert (tables.memory(bench) > 0).all()
    cold = tables.accuracy(bench)
    assert list(cold.columns) == ["96 %", "97 %", "97.5 %"] and len(cold) == 5
    assert cold["96 %"].notna().all() and not (cold["96 %"] > cold["97 %"]).any()


def test_nothing_in_it_comes_from_the_test_images(bench):
    assert not bench["variable"].dropna().str.contains("test").any()


def test_each_peer_was_timed_beside_other_programs(bench):
    table = tables.beside(bench)
    assert list(table.index) == list(peers.BESIDE) and table.notna().all(axis=None)
    assert list(table.columns) == ["alone, s", *list(beside.SITUATIONS)[1:]]


def test_what_is_asked_is_judged(bench):
    text = report.judged(bench)
    assert text.count("at most") == len(report.targets(bench)) == 19
    assert text.count("holds") + text.count("does not hold") == 19


def test_the_machine_is_named(bench):
    about = tables.machine(bench)
    assert about["processor"] == bench["processor"].iloc[0]
    assert sum("Gflop/s" in name for name in about) == 2


def test_each_peer_in_batches_has_a_style_of_its_own(bench):
    in_batches = bench[(bench["section"] == "training") & (bench["batch"] > 1)]
    assert set(styles.STYLES) == set(in_batches["peer"])
    looks = {(style["color"], style["marker"]) for style in styles.STYLES.values()}
    assert len(looks) == len(styles.STYLES)


def test_the_readme_says_what_is_stored(bench):
    text = readme.README.read_text(encoding="utf-8")
    assert f"{readme.BEGIN}\n{readme.block(bench)}\n{readme.END}" in text, "make bench writes it"
