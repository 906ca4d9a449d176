"""The chapter on generalization: paired comparisons, the power law, its study and what is stored, its figures."""

from dataclasses import replace
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import mnistlab as ml
from mnistbook import results
from mnistbook.ch12_generalization import figures as generalization_figures
from mnistbook.ch12_generalization import study
from mnistbook.ch12_generalization.power_law import PowerLaw, fit_power_law
from mnistbook.kit.comparisons import compare_answers, judge, judgements, paired_difference
from mnistlab.sweeps import run as runs
from mnistlab.sweeps import runner
from mnistlab.sweeps.provenance import COLUMNS
from mnistlab.sweeps.run import Run

# Paired comparisons


def test_the_interval_over_seeds_is_students():
    first, second = np.array([0.971, 0.974, 0.972, 0.975]), np.array([0.978, 0.979, 0.981, 0.979])
    expected = stats.ttest_rel(second, first).confidence_interval(0.9)
    got = paired_difference(first, second, level=0.9)
    assert got.mean == pytest.approx((second - first).mean())
    assert (got.low, got.high) == pytest.approx((expected.low, expected.high))


@pytest.mark.filterwarnings("ignore:Precision loss")  # scipy's, since these differences are all the same
def test_what_seeds_have_in_common_cancels():
    common = np.array([0.0, 5.0, -3.0])
    assert paired_difference(common, common + 1) == pytest.approx((1, 1, 1))


@pytest.mark.parametrize(
    ("first", "second", "message"), [([1, 2], [1, 2, 3], "paired"), ([[1, 2]], [[1, 2]], "paired"), ([1], [2], "two")]
)
def test_results_that_cannot_be_paired_are_refused(first, second, message):
    with pytest.raises(ValueError, match=message):
        paired_difference(np.array(first), np.array(second))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_for_one_seed_the_test_over_images_is_mcnemars(pairs):
    first, second = np.array(pairs).T
    split = np.count_nonzero(first & ~second), np.count_nonzero(second & ~first)
    got = compare_answers(first, second)
    assert got[:2] == split
    assert got.p_value == pytest.approx(stats.binomtest(split[0], sum(split)).pvalue if sum(split) else 1)


@given(st.integers(0, 2**32 - 1), st.integers(2, 4), st.integers(1, 9))
def test_the_distribution_under_random_signs_is_exact(seed, seeds, images):
    rng = np.random.default_rng(seed)
    first, second = rng.random((2, seeds, images)) < 0.6
    d = second.sum(axis=0) - first.sum(axis=0)
    sums = [abs(sum(s * x for s, x in zip(signs, d, strict=True))) for signs in product((-1, 1), repeat=images)]
    got = compare_answers(first, second)
    assert got.second_more - got.first_more == d.sum()
    assert got.p_value == pytest.approx(np.mean(np.array(sums) >= abs(d.sum())))
    assert compare_answers(second, first) == (got.second_more, got.first_more, pytest.approx(got.p_value))


@pytest.mark.parametrize("shape", [(2, 9), (3, 10), (10,)])
def test_answers_for_different_images_or_seeds_are_refused(shape):
    with pytest.raises(ValueError, match="same seeds and images"):
        compare_answers(np.ones((2, 10), bool), np.ones(shape, bool))


def answers_of(*accuracies, images=1000):
    """Networks that are wrong on the first images, as many as their accuracy says."""
    right = np.ones((len(accuracies), images), bool)
    for row, accuracy in zip(right, accuracies, strict=True):
        row[: round(images * (1 - accuracy))] = False
    return right


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        ((0.90, 0.91, 0.90), (0.95, 0.96, 0.96), "better"),
        ((0.95, 0.96, 0.96), (0.90, 0.91, 0.90), "worse"),
        ((0.900, 0.901, 0.900), (0.902, 0.903, 0.902), "not shown"),  # every seed agrees, but on two images
        ((0.90, 0.90, 0.99), (0.95, 0.95, 0.96), "not shown"),  # many images, but not every seed
        ((0.90,), (0.95,), "not shown"),
    ],
)
def test_the_stricter_of_seeds_and_images_decides(first, second, verdict):
    got = judge(answers_of(*first), answers_of(*second))
    assert got.second == verdict and got.seeds == len(first)
    assert got.points.mean == pytest.approx(100 * np.mean(np.subtract(second, first)))


def test_who_compares_more_often_needs_more():
    sides = answers_of(0.900, 0.901, 0.900), answers_of(0.912, 0.912, 0.912)
    p_value = judge(*sides).answers.p_value
    assert judge(*sides, comparisons=int(0.04 / p_value)).second == "better"
    assert judge(*sides, comparisons=int(0.06 / p_value) + 1).second == "not shown"


def test_networks_of_two_kinds_need_not_have_as_many_seeds():
    few, many = answers_of(0.90, 0.91), answers_of(0.95, 0.96, 0.95, 0.96, 0.95)
    got = judge(few, many, same_starts=False)
    interval = stats.ttest_ind([95, 96, 95, 96, 95], [90, 91], equal_var=False).confidence_interval()
    assert got.seeds == 2 and (got.points.low, got.points.high) == pytest.approx((interval.low, interval.high))
    assert got.answers == compare_answers(few, many[:2])


# The power law


def test_a_power_law_is_found_again():
    sizes = np.array([100, 1000, 5000, 50_000])
    law = fit_power_law(sizes, 3 * sizes**-0.5)
    assert (law.factor, law.exponent) == pytest.approx((3, 0.5))
    assert (law.low, law.high) == pytest.approx((0.5, 0.5))
    assert law(400) == pytest.approx(0.15)


def test_the_interval_of_the_exponent_holds_the_truth_as_often_as_it_says():
    rng, sizes = np.random.default_rng(0), np.geomspace(500, 50_000, 5)
    laws = [fit_power_law(sizes, 3 * sizes**-0.5 * np.exp(0.1 * rng.standard_normal(5))) for _ in range(500)]
    assert 0.92 < np.mean([law.low <= 0.5 <= law.high for law in laws]) < 0.98


@pytest.mark.parametrize(
    ("sizes", "errors", "message"),
    [
        ([1, 2, 3], [0.1, 0.2], "one error"),
        ([1, 2, 2], [0.1, 0.2, 0.3], "three"),
        ([1, 2, 3], [0.1, 0, 0.1], "positive"),
        ([1, 2, 3], [0.1, np.nan, 0.1], "positive"),
    ],
)
def test_what_has_no_power_law_is_refused(sizes, errors, message):
    with pytest.raises(ValueError, match=message):
        fit_power_law(np.array(sizes), np.array(errors))


# The study


@pytest.fixture
def few_digits(monkeypatch):
    """A MNIST of 300 training and 80 test images of noise in place of the real one."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (380, 28, 28), dtype=np.uint8), rng.integers(0, 10, 380)
    mnist = ml.MNIST(images[:300], labels[:300], images[300:], labels[300:], source="made up")
    runs._mnist_arrays.cache_clear()
    monkeypatch.setattr(runs, "load_mnist", lambda: mnist)
    yield mnist
    runs._mnist_arrays.cache_clear()


TINY = Run(hidden=(8,), epochs=2, batch_size=20, validation=100)
TINY_TEST = replace(TINY, validation=0, test=True)


def test_a_training_says_which_images_it_got_wrong(few_digits):
    for run, images, column in ((TINY, 100, "final_validation_accuracy"), (TINY_TEST, 80, "test_accuracy")):
        frame = study.train_and_answer(run)
        assert list(frame["wrong"][:-1]) == [""] * (run.epochs - 1)
        right = study.answers(frame.iloc[[-1]], run, images)
        assert right.shape == (1, images)
        assert right.mean() == pytest.approx(frame[column].iloc[-1])
        assert 0 < right.sum() < images


def test_training_images_are_those_of_the_run(few_digits):
    x, y = study.training_images(replace(TINY, train_size=50))
    assert x.shape == (50, 784) and y.shape == (50,)
    assert study.training_images(TINY)[0].shape == (200, 784)


def test_the_study_stores_runs_curves_and_answers(few_digits, monkeypatch, tmp_path):
    monkeypatch.setattr(study, "all_runs", lambda: [TINY, replace(TINY, seed=1), TINY_TEST, TINY])
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr(runner, "provenance", lambda: dict.fromkeys(COLUMNS, "x"))
    study.run(tmp_path / "runs", workers=1)
    assert {path.name for path in tmp_path.glob("*.csv")} == {
        "generalization.csv",
        "generalization_curves.csv",
        "generalization_answers.csv",
    }
    stored = results.read(study.NAME, folder=tmp_path)
    wrong = results.read(study.ANSWERS, folder=tmp_path, extra_text=("wrong",))
    assert sorted(stored["key"]) == sorted(run.key for run in (TINY, replace(TINY, seed=1), TINY_TEST))
    assert len(results.read_curves(study.NAME, folder=tmp_path)) == 3 * TINY.epochs
    assert list(study.rows_of(stored, TINY)["seed"]) == [0, 1]
    accuracies = study.rows_of(stored, TINY)["final_validation_accuracy"]
    assert study.answers(wrong, TINY, 100).mean(axis=1) == pytest.approx(accuracies)


def test_a_run_that_was_not_done_is_not_found():
    with pytest.raises(KeyError, match="make experiments"):
        study.rows_of(pd.DataFrame({"key": [TINY.key], "seed": [0]}), replace(TINY, epochs=3))


def test_a_network_that_is_never_wrong_is_right_everywhere():
    frame = pd.DataFrame({"key": [TINY.key], "seed": [0], "wrong": [np.nan]})
    assert study.answers(frame, TINY, 5).all()


def test_each_remedy_changes_one_thing_and_nothing_looks_at_the_test_images():
    usual = study.BASELINE.settings()
    for name in ("early stopping", "weight decay", "dropout", "label smoothing", "averaging", "cosine"):
        settings = study.ABLATION[name].settings()
        assert sum(settings[field] != usual[field] for field in usual) == 1
    final = {replace(run, seed=seed).key for run in study.FINAL.values() for seed in study.SEEDS}
    for run in study.all_runs():
        assert run.test == (run.key in final)
        assert run.validation == (0 if run.test else 10_000)


# What is stored


@pytest.fixture(scope="module")
def stored():
    return results.read(study.NAME)


@pytest.fixture(scope="module")
def wrong():
    return results.read(study.ANSWERS, extra_text=("wrong",))


def test_every_run_of_the_study_is_stored(stored, wrong):
    keys = {run.key for run in study.all_runs()}
    assert set(stored["key"]) == set(wrong["key"]) == keys
    assert set(results.read_curves(study.NAME)["key"]) == keys


def test_the_best_networks_are_as_good_as_the_chapter_says(stored):
    for name, least in (("784-300-10", 0.985), ("784-800-10", 0.986)):
        accuracy = study.rows_of(stored, study.FINAL[name])["test_accuracy"]
        assert len(accuracy) == len(study.SEEDS)
        assert accuracy.mean() >= least


# Figures


def test_the_learning_curve_shows_every_seed_and_the_law():
    law = PowerLaw(3, 0.5, 0.4, 0.6)
    figure = generalization_figures.learning_curve({"x": {100: np.array([0.3, 0.31]), 400: [0.15]}}, {"x": law})
    (axes,) = figure.axes
    assert axes.lines[0].get_ydata() == pytest.approx([30, 31])
    assert axes.lines[-1].get_ydata()[[0, -1]] == pytest.approx([30, 15])
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    plt.close(figure)


def test_judgements_stand_in_a_table_with_their_verdicts():
    right = np.zeros((5, 1000), bool)
    for seed, row in enumerate(right):
        row[: 800 + seed] = True
    better = right.copy()
    for seed, row in enumerate(better):
        row[900 : 950 + 2 * seed] = True
    result = judge(right, better)
    table = judgements({"more": result, "less": judge(better, right)}).set_index("change")
    assert table["it is"].to_dict() == {"more": "better", "less": "worse"}
    assert table["points"].to_dict() == {"more": "+5.40", "less": "-5.40"}
    assert table.loc["more", "over seeds"] == f"+{result.points.low:.2f} to +{result.points.high:.2f}"
    assert set(table["seeds"]) == {5} and (table["p"] < 1e-9).all()
