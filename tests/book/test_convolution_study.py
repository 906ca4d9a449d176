"""The published convolutional networks: a training in small, what is stored and read again, what is counted."""

from __future__ import annotations

import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from mnistbook.ch17_convolution import figures as pictures
from mnistbook.ch17_convolution import study
from mnistbook.ch17_convolution.costs import inference_speed, multiply_adds
from mnistbook.kit.answers import right_answers
from mnistbook.projects import keras_convolution as kc
from mnistbook.projects import tensorflow
from mnistbook.projects.images import Images
from mnistbook.projects.registry import ProjectRun
from mnistlab.interop import from_keras
from mnistlab.sweeps.provenance import provenance


@pytest.fixture(scope="module")
def images() -> Images:
    """Noisy images of ten patterns."""
    rng = np.random.default_rng(0)
    patterns = rng.random((10, 28, 28, 1))
    y = np.tile(np.arange(10), 20)
    x = (patterns[y] + 0.3 * rng.standard_normal((200, 28, 28, 1))).astype(np.float32)
    return Images(train=(x[:100], y[:100]), validation=(x[100:150], y[100:150]), test=(x[150:], y[150:]))


@pytest.fixture(scope="module")
def frame(images) -> pd.DataFrame:
    return kc.train_convolution(ProjectRun("3d", 3, epochs=3), images)


def test_the_networks_have_the_published_numbers_of_parameters_and_answer_as_ours():
    sizes = {"5c": (1_199_882, 11_992_448), "3d": (93_322, 2_794_240)}
    x = np.random.default_rng(0).random((3, 784), dtype=np.float32)
    for name, (parameters, products) in sizes.items():
        model = kc.fresh_model(ProjectRun(name))
        network = from_keras(model)
        assert model.count_params() == network.parameters.size == parameters
        assert multiply_adds(network) == products
        theirs = kc.compiled(model)(x.reshape(3, 28, 28, 1))
        np.testing.assert_allclose(network.forward(x), theirs, rtol=0, atol=1e-5)


def test_a_project_that_is_no_convolutional_network_is_named():
    with pytest.raises(ValueError, match="project 5 is no convolutional network"):
        kc.fresh_model(ProjectRun("5"))


def test_the_epoch_is_chosen_by_validation_images(frame, images):
    assert frame["epoch"].tolist() == [1, 2, 3]
    last = frame.iloc[-1]
    best = frame["validation_accuracy"].idxmax()
    assert last["chosen_epoch"] == frame["epoch"][best]
    assert last["final_validation_accuracy"] == frame["validation_accuracy"][best]
    assert last["final_test_accuracy"] == frame["test_accuracy"][best]
    assert last["final_test_loss"] == pytest.approx(frame["test_loss"][best], rel=1e-4)
    wrong = last["wrong"].split()
    assert 1 - len(wrong) / 50 == pytest.approx(last["final_test_accuracy"])
    assert (frame["wrong"][:-1] == "").all() and (frame["train_size"] == 100).all()


def test_where_nothing_is_put_aside_the_last_epoch_counts(images):
    x, y = images.train
    bare = Images(train=(x[:20], y[:20]), test=(x[:10], y[:10]))
    frame = kc.train_convolution(ProjectRun("5c", epochs=2), bare)
    assert frame["chosen_epoch"].iloc[-1] == 2 and frame["validation_accuracy"].isna().all()


def test_the_first_steps_come_out_again(frame, images):
    assert kc.first_loss(ProjectRun("3d", 3), images) == pytest.approx(frame["first_loss"][0], rel=1e-5)
    assert kc.first_loss(ProjectRun("3d", 4), images) != pytest.approx(frame["first_loss"][0], rel=1e-5)


def test_what_is_stored_can_be_read_and_the_kept_network_answers_as_keras_did(frame, images, tmp_path, monkeypatch):
    runs = (ProjectRun("3d", 3),)
    whole = frame.assign(key=runs[0].key, **provenance())
    monkeypatch.setattr(study, "RUNS", runs)
    monkeypatch.setattr(study, "KEPT", runs[0])
    for name in tensorflow.ENVIRONMENT:
        monkeypatch.setenv(name, "what the study replaces, until the end of the test")

    def sweep(given, folder, **_):
        assert os.environ["TF_NUM_INTRAOP_THREADS"] == "1"  # two add in another order
        return whole

    monkeypatch.setattr(study, "sweep", sweep)
    write = study.results.write
    monkeypatch.setattr(study.results, "write", lambda *given, **options: write(*given, folder=tmp_path, **options))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *_, **__: None)  # of code that is not committed
        study.run(Path("nowhere"))
    assert {path.name for path in tmp_path.iterdir()} == {
        study.results.SUMS,
        "convolution.csv",
        "convolution_answers.csv",
        "convolution_curves.csv",
        "convolution_weights.csv",
    }
    network = study.kept_network(folder=tmp_path)
    right = network.predict(images.test[0].reshape(50, -1)) == images.test[1]
    (stored,) = right_answers(study.ANSWERS, runs, images=50, folder=tmp_path)
    np.testing.assert_array_equal(right, stored)
    assert study.runs_of("3d") == list(runs) and study.runs_of("5c") == []
    with pytest.raises(ValueError, match="5c-seed0 is not among the stored runs"):
        right_answers(study.ANSWERS, [ProjectRun("5c")], folder=tmp_path)


def test_each_model_is_timed_and_warmed_up():
    calls = {"one": [], "two": []}
    models = {name: (lambda x, name=name: calls[name].append(len(x)), np.zeros((30, 4))) for name in calls}
    table = inference_speed(models, batch_size=20, rounds=2, singles=3)
    assert calls["one"] == calls["two"] == [20, 1, 20, 1, 1, 1, 20, 1, 1, 1]
    assert list(table.index) == ["one", "two"] and (table > 0).all(axis=None)


def test_the_figures_show_what_they_were_given():
    figure = pictures.sliding(np.arange(12).reshape(3, 4), np.array([[1, 0], [0, -1]]), (1, 2))
    *_, output = figure.axes
    assert {text.get_text() for text in output.texts} == {"−5"}
    probabilities = np.full(10, 0.1)
    _, *panels = pictures.two_predictions(np.ones((28, 28)), {"a": probabilities, "b": probabilities}, 3).axes
    assert [panel.get_title() for panel in panels] == ["a", "b"] and len(panels[0].patches) == 10
    colours = [bar.get_facecolor() for bar in panels[0].patches]
    assert [digit for digit in range(10) if colours.count(colours[digit]) == 1] == [3]
    plt.close("all")
