"""The dense Keras models: both libraries train the same, what is stored fits together, tables and figures tell it."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest

import mnistlab as ml
from mnistbook import results
from mnistbook.ch15_same_network_twice import twins as keras_steps
from mnistbook.ch16_dense_in_keras import study
from mnistbook.ch16_dense_in_keras import tables as keras_dense_tables
from mnistbook.kit.answers import right_rows
from mnistbook.projects import keras_dense
from mnistbook.projects.images import Images
from mnistbook.projects.keras_dense import RMSprop
from mnistbook.projects.registry import DENSE, LIBRARIES, PROJECTS, ProjectRun
from mnistlab.interop import keras_models
from mnistlab.sweeps import runner
from mnistlab.sweeps.provenance import COLUMNS

FINE = 2.0**-10


def test_keras_functions_can_be_had_from_the_library():
    for name in ("from_keras", "load_keras", "save_keras", "to_keras"):
        assert getattr(ml, name) is getattr(keras_models, name)


def test_without_keras_they_say_what_to_install(monkeypatch):
    def missing(name: str) -> None:
        raise ModuleNotFoundError("no", name=name)

    monkeypatch.setattr(keras_models, "import_module", missing)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'mnistlab\[interop\]'"):
        ml.to_keras(ml.Network([ml.Dense(2, 2)]))


# RMSprop


def test_rmsprop_is_keras():
    rng = np.random.default_rng(0)
    x, t = rng.standard_normal((90, 4)), ml.one_hot(rng.integers(0, 3, 90), 3, np.float64)
    network = ml.Network([ml.Dense(4, 8), ml.ReLU(), ml.Dense(8, 3)], dtype=np.float64)
    batches = [batch for _ in range(5) for batch in ml.minibatches(x, t, 32, rng)]
    # What Keras keeps in float32 is exact there.
    theirs = keras.optimizers.RMSprop(FINE, 0.875, epsilon=FINE)
    twins = keras_steps.train_twins(network, RMSprop(FINE, 0.875, FINE), theirs, batches)
    assert twins.gaps.shape == (15,)
    assert twins.gaps.max() < 1e-13
    assert twins.losses[-1] < twins.losses[0]
    np.testing.assert_allclose(twins.losses, twins.keras_losses, rtol=1e-12)


def test_its_defaults_are_those_of_keras():
    ours, theirs = RMSprop(), keras.optimizers.RMSprop()
    assert (ours.rho, ours.epsilon) == (theirs.rho, theirs.epsilon)
    assert ours.learning_rate(0.0) == pytest.approx(float(theirs.learning_rate))


@pytest.mark.parametrize(
    ("options", "word"), [({"rho": 1}, "rho"), ({"rho": -0.1}, "rho"), ({"epsilon": 0}, "epsilon")]
)
def test_rmsprop_refuses_what_makes_no_sense(options, word):
    with pytest.raises(ValueError, match=word):
        RMSprop(**options)


# Trainings


@pytest.fixture
def few(monkeypatch):
    """Images that are easily told apart, in place of MNIST."""
    rng = np.random.default_rng(0)
    centres = rng.random((10, 784))

    def some(count: int) -> tuple[np.ndarray, np.ndarray]:
        y = rng.integers(0, 10, count)
        x = centres[y] + 0.1 * rng.standard_normal((count, 784))
        return x.astype(np.float32), ml.one_hot(y)

    images = Images(some(512), validation=some(60), test=some(80))
    monkeypatch.setattr(keras_dense, "images_of", lambda model: images)
    return images


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("project", DENSE)
def test_a_training_learns_and_says_what_it_reached(few, project, library):
    network, frame = keras_dense.train(ProjectRun(project, library=library, epochs=2))
    assert list(frame["epoch"]) == [1, 2]
    assert frame["loss"].iloc[1] < frame["loss"].iloc[0]
    assert (frame["parameters"] == PROJECTS[project].hidden * 795 + 10).all()
    assert frame["framework"].iloc[0].startswith("NumPy" if library == "mnistlab" else "Keras 3")
    x, t = few.test
    p = keras_dense.probabilities(network, x)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    last = frame.iloc[-1]
    right = right_rows([last["wrong"]], 80)[0]
    np.testing.assert_array_equal(right, p.argmax(axis=1) == t.argmax(axis=1))
    assert last["test_accuracy"] == pytest.approx(right.mean(), abs=1e-6)
    assert last["test_loss"] == pytest.approx(-np.log((p * t).sum(axis=1)).mean(), rel=1e-3)
    assert frame["test_loss"].isna().tolist() == [True, False]
    assert (frame[["seconds", "cpu_seconds"]] > 0).all(axis=None)


@pytest.mark.parametrize("library", LIBRARIES)
def test_right_answers_are_counted_before_each_step(few, library, monkeypatch):
    monkeypatch.setattr(keras_dense, "images_of", lambda model: Images(few.train, few.test))
    still = replace(PROJECTS["5k"], optimizer=lambda: ml.SGD(1e-9), keras_optimizer=lambda k: k.optimizers.SGD(1e-9))
    monkeypatch.setitem(PROJECTS, "5k", still)
    network, frame = keras_dense.train(ProjectRun("5k", 1, library, epochs=2))
    x, t = few.train
    p = keras_dense.probabilities(network, x)
    right = (p.argmax(axis=1) == t.argmax(axis=1)).mean()
    np.testing.assert_allclose(frame["running_accuracy"], right, atol=1.5 / len(x))  # a near tie may turn
    assert 0 < right < 1


def test_keras_sees_a_new_order_each_epoch_and_the_same_for_one_seed():
    class Network:
        def __init__(self):
            self.orders = []

        def fit(self, x, t, *, batch_size, shuffle, callbacks, verbose):
            assert not shuffle and batch_size == 256 and (x == t).all()
            self.orders.append(x.tolist())

    x = np.arange(50)
    first, again, another = (Network() for _ in range(3))
    for network, seed in ((first, 0), (again, 0), (another, 1)):
        keras_dense.fit_keras(network, PROJECTS["5k"], x, x, 3, seed, [])
    assert first.orders == again.orders != another.orders
    assert len({tuple(order) for order in first.orders}) == 3
    assert all(sorted(order) == x.tolist() for order in first.orders)


def test_where_nothing_is_put_aside_the_test_images_are_tried_after_each_epoch(few, monkeypatch):
    monkeypatch.setattr(keras_dense, "images_of", lambda model: Images(few.train, few.test))
    _, frame = keras_dense.train(ProjectRun("5k", epochs=2))
    last = frame.iloc[-1]
    assert (last["watched_loss"], last["watched_accuracy"]) == (last["test_loss"], last["test_accuracy"])


def test_the_two_libraries_begin_with_the_same_distribution():
    model = PROJECTS["1k"]
    ours = keras_dense.mnistlab_network(model, 0).layers[0].W
    theirs, biases, *_ = keras_dense.keras_network(model, 0).get_weights()
    limit = np.sqrt(6 / (784 + 256))
    assert not biases.any()
    for weights in (ours, theirs):
        assert 0.999 * limit < np.abs(weights).max() <= limit * (1 + 1e-6)
        assert weights.std() == pytest.approx(limit / np.sqrt(3), rel=0.01)


def test_the_last_fifth_is_put_aside_as_keras_does(monkeypatch):
    rows = np.arange(10)[:, None]
    whole = Images(train=(rows, rows), test=(-np.ones((3, 1)), np.ones((3, 1))))
    for name in ("plain", "deskewed"):
        monkeypatch.setattr(keras_dense, name, lambda seed: whole)
    images = keras_dense.images_of(PROJECTS["1k"])
    assert images.train[0].ravel().tolist() == list(range(8))
    assert images.validation[1].ravel().tolist() == [8, 9]
    assert len(keras_dense.images_of(PROJECTS["5k"]).train[0]) == 10
    assert keras_dense.images_of(PROJECTS["3c"]).validation is None


@pytest.mark.parametrize("arguments", [("9z", "keras"), ("1k", "torch")])
def test_an_unknown_run_is_refused(arguments):
    with pytest.raises(ValueError, match="choose among"):
        ProjectRun(arguments[0], library=arguments[1])


def test_the_study_stores_runs_curves_and_answers(few, monkeypatch, tmp_path):
    some = [ProjectRun("1k", seed, library, epochs=2) for seed in (0, 1) for library in LIBRARIES]
    monkeypatch.setattr(study, "runs", lambda: some)
    monkeypatch.setattr(study, "use_one_thread", lambda: None)
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr(runner, "provenance", lambda: dict.fromkeys(COLUMNS, "x"))
    study.run(tmp_path / "runs", workers=1)
    runs = results.read(study.NAME, folder=tmp_path)
    curves = results.read_curves(study.NAME, folder=tmp_path)
    answers = results.read(study.ANSWERS, folder=tmp_path, extra_text=["wrong"])
    assert set(runs["key"]) == set(answers["key"]) == {run.key for run in some}
    assert len(curves) == 8
    right = right_rows(answers["wrong"], 80)
    assert right.mean(axis=1) == pytest.approx(answers[["key"]].merge(runs, on="key")["test_accuracy"], abs=1e-6)


# What is stored


@pytest.fixture(scope="module")
def stored():
    return results.read(study.NAME)


def test_stored_runs_are_those_of_the_study(stored):
    known = {run.key: run for run in study.runs()}
    assert set(stored["key"]) <= set(known)
    for row in stored.itertuples():
        run = known[row.key]
        assert (row.project, row.library, row.seed) == (run.project, run.library, run.seed)
        assert row.epoch == PROJECTS[run.project].epochs
    for project in ("1k", "5k"):
        for library in LIBRARIES:
            chosen = stored[(stored["project"] == project) & (stored["library"] == library)]
            assert sorted(chosen["seed"]) == list(study.SEEDS)
            assert chosen["test_accuracy"].between(0.975, 0.985).all()


# Tables


def made_up(accuracies: dict[str, list[float]]) -> pd.DataFrame:
    rows = [
        {"project": "5k", "library": library, "seed": seed, "parameters": 238_510, "test_accuracy": value}
        for library, values in accuracies.items()
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(rows).assign(test_loss=0.07)


def test_verdicts_ask_where_one_more_run_would_fall():
    runs = made_up({"mnistlab": [0.9790, 0.9800, 0.9795], "keras": [0.9700, 0.9701, 0.9702]})
    table = keras_dense_tables.accuracies_and_losses(runs).set_index(["quantity", "library"])["comes out"]
    assert table["accuracy, %", "mnistlab"] == "yes"
    assert table["accuracy, %", "keras"] == "no: ours is lower"
    assert table["loss", "keras"] == "no: ours is higher"
    one = keras_dense_tables.accuracies_and_losses(made_up({"keras": [0.98]}))
    assert list(one["quantity"]) == ["accuracy, %"] and list(one["comes out"]) == ["one run"]


def test_the_comparison_has_a_row_for_each_model_and_library():
    runs = made_up({"mnistlab": [0.97, 0.98], "keras": [0.98]})
    curves = pd.DataFrame({"project": "5k", "library": ["mnistlab"] * 3 + ["keras"], "cpu_seconds": [3.0, 1, 2, 7]})
    table = keras_dense_tables.comparison(runs, curves)
    assert list(table["library"]) == ["mnistlab", "keras"]
    assert list(table["runs"]) == [2, 1]
    assert list(table["s/epoch"]) == [2, 7]
    assert table["accuracy, %"].tolist() == pytest.approx([97.5, 98])
    assert table["± sd"].iloc[0] == pytest.approx(np.sqrt(0.5))


def test_answers_are_paired_by_seed():
    wrong = {("mnistlab", 0): "1 2 3", ("mnistlab", 1): "1", ("keras", 1): "1 2 3 4", ("keras", 2): "5"}
    answers = pd.DataFrame(
        [{"project": "1k", "library": lib, "seed": seed, "wrong": text} for (lib, seed), text in wrong.items()]
    )
    (row,) = keras_dense_tables.paired_answers(answers, 10).itertuples(index=False)
    assert row[:4] == ("1k", 1, 3, 0)
    assert row[4] == pytest.approx(2 * 0.5**3)
    assert row[5] == pytest.approx(30)
    assert np.isnan(row[6:8]).all() and row[8] == "not shown"
    assert keras_dense_tables.paired_answers(answers[answers["library"] == "keras"], 10).empty


def test_the_difference_of_two_libraries_has_an_interval_over_seeds():
    wrong = {"mnistlab": ["1", "1 2"], "keras": ["1 2", "1 2 3"]}
    answers = pd.DataFrame(
        [
            {"project": "1k", "library": library, "seed": seed, "wrong": text}
            for library, texts in wrong.items()
            for seed, text in enumerate(texts)
        ]
    )
    (row,) = keras_dense_tables.paired_answers(answers, 10).itertuples(index=False)
    half = 4.302653 * np.sqrt(2 * 50 / 2)  # Student's number for two degrees of freedom, and each side's variance
    assert row[5:8] == pytest.approx((10, 10 - half, 10 + half)) and row[8] == "not shown"


def test_a_summary_is_plain_text():
    text = keras_dense.summary(keras_dense.keras_network(PROJECTS["5k"], 0))
    assert text.isascii() and "\x1b" not in text
    assert "238,510" in text and max(map(len, text.splitlines())) <= 66


def test_lines_of_code_are_counted_without_words():
    def function(x: int) -> int:
        """Say nothing."""
        # or little

        return x

    assert keras_dense.count_lines(function) == 2
