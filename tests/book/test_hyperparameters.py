"""Sweeps over hyperparameters: what is run, what is chosen, what is read off, and the learning-rate finder."""

from dataclasses import replace
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from scipy.linalg import eigvalsh

import mnistlab as ml
from mnistbook import results
from mnistbook.ch11_hyperparameters import figures as heatmaps
from mnistbook.ch11_hyperparameters import importance, range_test, searches, study, tuning
from mnistlab.sweeps.provenance import COLUMNS
from mnistlab.sweeps.run import Run

NOT_TRAINED = float("nan")


def rows_of(runs, accuracy):
    """What a sweep returns of these runs, with accuracies from a function; one that returns NaN diverged."""
    rows = [run.columns() | {"epoch": run.epochs, "final_validation_accuracy": accuracy(run)} for run in runs]
    frame = pd.DataFrame(rows).drop_duplicates("key", ignore_index=True)
    losses = np.where(frame["final_validation_accuracy"] < 0.15, 2.4, 0.5)
    return frame.assign(
        diverged=frame["final_validation_accuracy"].isna(), final_validation_loss=losses, parameters=1000
    )


def invented(run):
    """An accuracy with one best setting in each part, and divergence where the effective rate is large."""
    rate = run.learning_rate / (1 - (run.settings()["momentum"] or 0.0)) * 128 / run.batch_size  # Adam has none
    depth, width = len(run.hidden), run.hidden[0]
    if rate > 50:
        return NOT_TRAINED
    return 0.95 - 0.01 * (np.log(rate / 0.8) ** 2 + 0.2 * np.log(width / 300) ** 2 + depth) + 1e-4 * run.seed


@pytest.fixture(scope="module")
def first():
    return rows_of(study.short_runs(), invented)


def test_the_parts_do_not_look_at_the_test_images_and_have_all_seeds():
    for name, runs in study.first_round().items():
        assert len({run.key for run in runs}) == len(runs)
        assert not any(run.test for run in runs)
        if "search" not in name:
            assert len(runs) == 3 * len({replace(run, seed=0) for run in runs})


def test_both_searches_stay_within_the_same_box():
    parts = study.first_round()
    random, grid = parts["random search"], parts["grid search"]
    assert (len(random), len(grid)) == (192, 64)
    for runs, distinct in ((random, 120), (grid, 4)):
        rates = {run.learning_rate for run in runs}
        assert len(rates) >= distinct
        assert all(0.002 <= rate <= 2 for rate in rates)
        assert all(16 <= run.batch_size <= 1024 and 25 <= run.hidden[0] <= 200 for run in runs)
    assert len({run.learning_rate for run in grid}) == 4


def test_the_best_setting_is_that_of_the_highest_mean_over_its_seeds():
    settings = [Run(learning_rate=rate, seed=seed) for rate in (0.1, 0.2, 0.3) for seed in (0, 1)]
    accuracy = dict(zip((run.key for run in settings), (0.95, 0.95, 0.99, 0.92, 0.99, NOT_TRAINED), strict=True))
    frame = rows_of(settings, lambda run: accuracy[run.key])
    assert study.best(frame, settings) == settings[2]  # the third would win if its divergence were overlooked
    frame.loc[3, "final_validation_accuracy"] = 0.90
    assert study.best(frame, settings) == settings[0]


def test_no_setting_is_best_if_all_diverged():
    runs = [Run(learning_rate=9.0), Run(learning_rate=8.0)]
    with pytest.raises(ValueError, match="all of 2 settings diverged"):
        study.best(rows_of(runs, lambda run: NOT_TRAINED), runs)


def test_a_missing_run_is_named():
    with pytest.raises(KeyError, match="1 of 2 runs are missing"):
        study.select(rows_of([Run()], lambda run: 0.9), [Run(), Run(seed=7)])


def test_every_run_of_the_first_round_is_stored():
    for runs in study.first_round().values():
        assert len(study.select(results.read(study.NAME), runs)) == len(runs)


def test_the_second_round_trains_the_best_of_each_part_for_longer(first):
    runs = study.second_round(first)
    parts = study.first_round()
    assert all(run.train_size is None and run.epochs == 5 and not run.test for run in runs)
    for name in ("batch size", "momentum", "width", "depth", "random search"):
        winner = replace(study.best(first, parts[name]), seed=0, **study.LONG)
        same = [run for run in runs if replace(run, seed=0) == winner]
        assert sorted(run.seed for run in same) == [0, 1, 2], name


def test_what_goes_beyond_a_border_continues_its_part_and_changes_nothing_else(first):
    parts = study.first_round()
    for name, runs in study.beyond().items():
        assert not {run.key for run in runs} & {run.key for run in parts[name]}
        one = replace(parts[name][0], hidden=(), batch_size=1, activation="relu", learning_rate=1.0, seed=0)
        assert {
            replace(run, hidden=(), batch_size=1, activation="relu", learning_rate=1.0, seed=0) for run in runs
        } == {one}
        assert sorted({run.seed for run in runs}) == [0, 1, 2]


def test_every_method_and_a_deep_network_come_to_the_second_round_with_a_rate_of_their_own(first):
    runs = study.second_round(first)
    for name, (changes, rates) in study.METHODS.items():
        long = {"schedule": "cosine"} | changes
        same = [run for run in runs if all(getattr(run, field) == value for field, value in long.items())]
        assert any(run.learning_rate in rates and run.hidden == (100,) for run in same), name
    assert any(len(run.hidden) > 1 for run in runs)


def test_the_long_sample_is_part_of_the_random_search_and_not_of_the_choice(first):
    short = study.first_round()["random search"]
    sample = study.long_sample()
    assert [(run.hidden, run.learning_rate) for run in sample] == [
        (run.hidden, run.learning_rate) for run in short[:32]
    ]
    assert all(run.train_size is None and not run.test for run in sample)
    assert len({run.key for run in sample} - {run.key for run in study.second_round(first)}) >= 31


def test_what_lies_beyond_the_parts_is_not_tried_on_the_test_images():
    wide = study.beyond()["width"]
    frame = rows_of(study.short_runs(), lambda run: 0.9 + 0.05 * (run in wide))
    frame = pd.concat([frame, rows_of(study.second_round(frame), lambda run: 0.9 + 0.05 * (run.hidden == (1600,)))])
    assert any(run.hidden == (1600,) for run in study.second_round(frame))
    assert study.chosen(frame).hidden != (1600,)


def test_searches_stay_in_the_box_and_no_two_have_one_seed():
    plans = searches.plans(study.SHORT, study.BOX)
    assert len({plan.seed for plan in plans.values()}) == len(plans) == 12
    for plan in plans.values():
        assert plan.space["learning_rate"] == {"log_uniform": [0.002, 2.0]}
        assert plan.space["hidden"] == {"log_integers": [25, 200]} and plan.base == study.SHORT
    assert {plan.trials for plan in plans.values() if plan.pruner == "none"} == {27}


def test_only_the_chosen_setting_is_tried_on_the_test_images_with_new_seeds(first):
    rounds = pd.concat([first, rows_of(study.second_round(first), invented)], ignore_index=True)
    final = study.final_runs(rounds)
    chosen = study.chosen(rounds)
    assert all(run.test and run.learning_rate == chosen.learning_rate and run.hidden == chosen.hidden for run in final)
    used = {run.seed for part in study.first_round().values() for run in part}
    assert len(final) == 5 and not used & {run.seed for run in final}


def test_the_study_does_both_rounds_and_stores_every_run_once(monkeypatch, tmp_path):
    asked, stored = [], {}

    def sweep(runs, folder, workers, task=None):
        asked.append(len({run.key for run in runs}) if task is None else folder)
        return rows_of(runs, invented).assign(wrong="", **dict.fromkeys(COLUMNS, ""))

    monkeypatch.setattr(study, "sweep", sweep)
    for where in (study, results):
        monkeypatch.setattr(where, "write", lambda name, frame, **_: stored.update({name: frame}))
    monkeypatch.setattr(study.searches, "run", lambda folder, base, box: asked.append(folder))
    monkeypatch.setattr(study.research, "run", lambda folder, workers: asked.append(folder))
    study.run(tmp_path)
    assert [asked.pop() for _ in range(3)] == [tmp_path / name for name in ("research", "searches", study.FRESH)]
    assert len(stored[study.FRESH]) == len(stored[study.ANSWERS]) == len(study.fresh_runs(stored["hyperparameters"]))
    assert set(stored[study.FRESH]["seed"]) == set(study.FINAL_SEEDS)
    frame = stored["hyperparameters"]
    assert frame["key"].is_unique and len(frame) == asked[-1]
    assert asked == sorted(set(asked)) and frame["test"].sum() == 5


# Reading a sweep


def test_a_training_has_failed_if_it_diverged_or_has_learnt_nothing():
    frame = pd.DataFrame({"diverged": [False, False, False, True], "final_validation_loss": [2.2, 2.301, np.nan, 2.0]})
    assert list(tuning.failed(frame)) == [False, True, True, True]


def test_cells_average_over_the_seeds_that_did_not_fail():
    runs = [Run(momentum=m, learning_rate=r, seed=s) for m in (0.0, 0.5) for r in (0.1, 0.2, 0.4) for s in (0, 1)]
    bad = {(0.0, 0.4, 1): NOT_TRAINED, (0.5, 0.4, 1): 0.1}
    frame = rows_of(runs, lambda run: bad.get((run.momentum, run.learning_rate, run.seed), 0.9 + 0.02 * run.seed))
    mean, failed, count = tuning.cells(frame, "momentum", "learning_rate")
    assert list(mean.index) == [0.0, 0.5] and list(mean.columns) == [0.1, 0.2, 0.4]
    np.testing.assert_allclose(mean, [[0.91, 0.91, 0.9]] * 2)
    np.testing.assert_array_equal(failed, [[0, 0, 1]] * 2)
    assert count == 2
    with pytest.raises(ValueError, match="not every combination of momentum and learning_rate"):
        tuning.cells(frame.iloc[1:], "momentum", "learning_rate")


def test_seeds_by_value_refuses_what_is_not_a_table():
    frame = rows_of([Run(learning_rate=r, seed=s) for r in (0.2, 0.1) for s in (0, 1)], lambda run: run.learning_rate)
    rates, accuracy = tuning.seeds_by_value(frame, "learning_rate")
    np.testing.assert_array_equal(accuracy, [rates, rates])
    np.testing.assert_array_equal(rates, [0.1, 0.2])
    with pytest.raises(ValueError, match="every value of learning_rate"):
        tuning.seeds_by_value(frame.iloc[1:], "learning_rate")
    with pytest.raises(ValueError, match="duplicate"):
        tuning.seeds_by_value(pd.concat([frame, frame]), "learning_rate")


@given(st.floats(-1.5, 1.5), st.floats(0.1, 10))
def test_the_peak_of_a_parabola_in_the_logarithm_is_found(centre, steepness):
    x = 2.0 ** np.arange(-3, 4)
    assert tuning.peak(x, -steepness * (np.log(x) - centre) ** 2) == pytest.approx(np.exp(centre), rel=1e-6)


def test_a_peak_at_an_end_or_beside_divergence_stays_where_it_is():
    x = np.array([1.0, 2.0, 4.0])
    assert tuning.peak(x, np.array([3.0, 2.0, 1.0])) == 1
    assert tuning.peak(x, np.array([1.0, 3.0, np.nan])) == 2
    assert tuning.peak(x, np.array([1.0, 1.0, 1.0])) == 1
    with pytest.raises(ValueError, match="all are NaN"):
        tuning.peak(x, np.full(3, np.nan))


def test_the_accuracy_between_two_rates_lies_between_theirs():
    means = pd.Series({0.01: 0.8, 0.1: 0.9, 1.0: np.nan})
    assert tuning.accuracy_at(0.01, means) == 0.8 and tuning.accuracy_at(0.001, means) == 0.8
    assert tuning.accuracy_at(np.sqrt(0.001), means) == pytest.approx(0.85)
    assert tuning.accuracy_at(5.0, means) == tuning.GUESS


def test_a_best_setting_is_inside_its_grid_if_both_neighbours_were_tried():
    runs = [Run(learning_rate=r, batch_size=b) for r in (0.1, 0.2, 0.4) for b in (16, 32)]
    runs += [Run(learning_rate=0.8, batch_size=32, activation="tanh"), Run(learning_rate=0.05, batch_size=32)]
    found = tuning.borders(runs, runs[2]).set_index("hyperparameter")  # 0.2 with 16 images
    assert list(found.index) == ["learning_rate", "batch_size"]
    assert list(found.loc["learning_rate"]) == [0.2, 0.1, 0.4, True]
    assert list(found.loc["batch_size"]) == [16, 16, 32, False]
    deep = [Run(hidden=(100,) * depth) for depth in (1, 2, 4)]
    assert list(tuning.borders(deep, deep[1])["inside"]) == [True]


def test_successive_halving_pays_less_and_may_lose_who_starts_late():
    curves = np.array([[0.5, 0.6, 0.70]] * 6 + [[0.6, 0.65, 0.68]] * 2 + [[0.1, 0.5, 0.99]])
    assert tuning.halving(curves) == (0.68, 9 + 3 + 1)
    assert tuning.halving(curves[::-1]) == (0.68, 13)
    assert tuning.halving(curves, reduction=1) == (0.99, 27)
    assert tuning.halving(np.random.default_rng(0).random((27, 3)))[1] == 39


def test_the_best_so_far_counts_what_was_ended_early_as_spent():
    trials = pd.DataFrame({"epoch": [3, 1, 3], tuning.MEASURE: [0.9, np.nan, 0.8]})
    np.testing.assert_array_equal(tuning.best_so_far(trials, 8), [np.nan] * 2 + [0.9] * 6)
    np.testing.assert_array_equal(tuning.best_so_far(trials[::-1], 8), [np.nan] * 2 + [0.8] * 4 + [0.9] * 1 + [0.9])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_the_expected_best_is_the_mean_over_all_subsets(values):
    expected = [np.mean([max(some) for some in combinations(values, n)]) for n in range(1, len(values) + 1)]
    np.testing.assert_allclose(tuning.expected_best(np.array(values)), expected, atol=1e-12)


def test_the_expected_best_wants_a_worth_for_each_trial():
    with pytest.raises(ValueError, match="worth"):
        tuning.expected_best(np.array([0.5, np.nan]))


# The finder


def small_problem(clusters, dtype=np.float32):
    x, y = clusters
    return np.repeat(x.astype(dtype), 4, axis=0), np.repeat(ml.one_hot(y, 3).astype(dtype), 4, axis=0)


def small_network(seed=0, dtype=np.float32):
    return ml.Network(ml.multilayer_perceptron([4, 6, 3]), seed=seed, dtype=dtype)


def test_rates_of_a_range_test_rise_by_one_factor_and_the_first_loss_is_that_of_the_start(clusters):
    x, t = small_problem(clusters)
    test = range_test.range_test(small_network(), x, t, low=0.01, high=1.0, steps=21, batch_size=50)
    np.testing.assert_allclose(test.rates, np.geomspace(0.01, 1.0, 21))
    first = next(ml.minibatches(x, t, 50, np.random.default_rng(0)))
    start = ml.SoftmaxCrossEntropy().forward(small_network().forward(first[0]), first[1])
    assert test.losses[0] == pytest.approx(float(start), rel=1e-6)
    assert test.losses[-1] < 0.7 * test.losses[0]


def test_a_range_test_trains_with_the_rates_that_it_reports(clusters):
    x, t = small_problem(clusters)
    network, loss, w = small_network(), ml.SoftmaxCrossEntropy(), []
    for rate, batch in zip((0.1, 0.2, 0.4), ml.minibatches(x, t, 50, np.random.default_rng(0)), strict=False):
        w.append(ml.train_step(network, loss, ml.SGD(rate), *batch))
    test = range_test.range_test(small_network(), x, t, low=0.1, high=0.4, steps=3, batch_size=50)
    np.testing.assert_allclose(test.losses, w, rtol=1e-6)


def test_a_range_test_ends_where_the_loss_is_not_finite(clusters):
    x, t = small_problem(clusters)
    test = range_test.range_test(small_network(), x, t, low=1.0, high=1e30, steps=20, batch_size=50)
    assert 1 < len(test.losses) < 20 and np.isfinite(test.losses).all()
    assert test.rates.shape == test.losses.shape


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"low": 1.0, "high": 0.1}, "must rise"),
        ({"steps": 1}, "two steps"),
        ({"steps": 1000}, "need 128000 samples, and there are 1200"),
    ],
)
def test_a_range_test_that_cannot_be_is_refused(clusters, options, message):
    with pytest.raises(ValueError, match=message):
        range_test.range_test(small_network(), *small_problem(clusters), **options)


def test_smoothing_keeps_a_straight_line_and_averages_noise(rng):
    line = np.linspace(2, 5, 40)
    np.testing.assert_allclose(range_test.smoothed(line), line)
    noise = rng.standard_normal(2000)
    assert range_test.smoothed(noise)[100:-100].std() == pytest.approx(1 / np.sqrt(15), rel=0.15)


def test_the_largest_curvature_is_that_of_the_whole_hessian(clusters):
    x, t = small_problem(clusters, np.float64)
    network, loss = small_network(dtype=np.float64), ml.SoftmaxCrossEntropy()
    here = network.parameters.copy()
    hessian = np.empty((here.size, here.size))
    for index in range(here.size):
        sides = []
        for sign in (1, -1):
            network.parameters[...] = here
            network.parameters[index] += sign * 1e-5
            loss.forward(network.forward(x), t)
            network.backward(loss.backward())
            sides.append(network.gradients.copy())
        hessian[index] = (sides[0] - sides[1]) / 2e-5
    network.parameters[...] = here
    largest = range_test.largest_curvature(network, x, t, tolerance=1e-6)
    assert largest == pytest.approx(eigvalsh((hessian + hessian.T) / 2)[-1], rel=1e-3)
    np.testing.assert_array_equal(network.parameters, here)


def test_curvature_from_differences_needs_float64(clusters):
    with pytest.raises(TypeError, match="float64, not float32"):
        range_test.largest_curvature(small_network(), *small_problem(clusters))


# Figures


def test_a_map_marks_failures_and_the_best_cell():
    runs = [Run(momentum=m, learning_rate=r, seed=s) for m in (0.0, 0.5) for r in (0.1, 0.2, 0.4) for s in (0, 1)]
    frame = rows_of(
        runs, lambda run: NOT_TRAINED if run.learning_rate == 0.4 and run.momentum else 0.8 + run.learning_rate / 5
    )
    figure = heatmaps.heat_map(tuning.cells(frame, "momentum", "learning_rate"), xlabel="η", ylabel="μ", diagonal=2)
    axes = figure.axes[0]
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["82.0", "84.0", "2 of 2", "82.0", "84.0", "88.0"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0.5", "0"]
    framed = [patch for patch in axes.patches if not patch.get_fill()]
    assert len(framed) == 1 and framed[0].get_x() > 1.5 and framed[0].get_y() > 0.5


def test_on_the_scale_of_accuracies_half_the_errors_are_as_far_everywhere():
    axes = Figure().add_subplot()
    heatmaps.accuracy_scale(axes, 80, 98)
    place = [axes.transData.transform((0, accuracy))[1] for accuracy in (80, 90, 95, 97.5)]
    np.testing.assert_allclose(np.diff(place), np.diff(place)[0])
    assert [mark for mark in axes.get_yticks() if mark in (90, 94, 95)] == [90, 94, 95]


def test_lines_show_every_value_in_both_scales(first):
    momentum = study.select(first, study.first_round()["momentum"])
    scales = {"rate": lambda rate, _: rate, "effective": lambda rate, value: rate / (1 - value)}
    figure = heatmaps.lines(momentum, "momentum", scales, "momentum")
    left, right = (panel.lines[1].get_xdata() for panel in figure.axes)
    np.testing.assert_allclose(right, 4 * left)
    assert len(figure.axes[0].lines) == 4


def test_optuna_finds_what_matters_among_the_runs_that_are_good_enough():
    box = {"learning_rate": (0.01, 1.0), "batch_size": (16, 256)}
    runs = [Run(learning_rate=r, batch_size=b) for r in (0.01, 0.1, 1.0) for b in (16, 64, 256)]
    values = [0.5 + np.log10(run.learning_rate) / 10 for run in runs]
    shares = importance.importances(importance.study_of(runs, values, box, least=0))
    assert shares["learning rate"] > 0.9
    few = importance.study_of(runs, values, box, least=0.4)
    assert len(few.trials) == 6 and min(trial.params["learning rate"] for trial in few.trials) == 0.1
    before = dict(plt.rcParams)
    axes = ["learning rate", "batch size"]
    assert importance.drawn("plot_contour", few, (6, 4), params=axes).axes[0].get_ylabel() == "learning rate"
    assert importance.drawn("plot_parallel_coordinate", few, (6, 4)).axes
    assert dict(plt.rcParams) == before
