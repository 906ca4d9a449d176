"""One registry of the projects' networks, one configuration: the stored rows must be found by its keys."""

from __future__ import annotations

import pytest

from mnistbook import results
from mnistbook.ch10_published import study as published_study
from mnistbook.ch11_hyperparameters import research
from mnistbook.ch16_dense_in_keras import study as dense_study
from mnistbook.ch17_convolution import study as convolution_study
from mnistbook.projects import keras_dense
from mnistbook.projects.keras_convolution import fresh_model
from mnistbook.projects.published import ACCURACY, KERAS_ACCURACY, KERAS_EPOCHS, LAYER_PARAMETERS, TEST_LOSS
from mnistbook.projects.registry import CONVOLUTIONS, DENSE, FROM_SCRATCH, PROJECTS, ProjectRun


@pytest.mark.parametrize(
    ("name", "runs"),
    [
        ("published", published_study.runs()),
        ("keras_dense", dense_study.runs()),
        ("research", research.trials()),
        ("convolution", convolution_study.RUNS),
        (published_study.FROM_SEED, published_study.runs_from_seed()),
    ],
)
def test_all_runs_of_the_study_are_stored(name, runs):
    assert set(results.read(name)["key"]) == {run.key for run in runs}


def test_the_published_layers_are_those_of_the_models():
    models = {"5k": keras_dense.keras_network(PROJECTS["5k"], 0), "5c": fresh_model(ProjectRun("5c"))}
    for name, model in models.items():
        ours = [layer.count_params() for layer in model.layers]
        printed = list(LAYER_PARAMETERS[name].values())
        assert [count for count in printed if count] == [count for count in ours if count]


def test_every_setting_is_part_of_the_key():
    runs = [ProjectRun("4"), ProjectRun("4", 1), ProjectRun("4", learning_rate=0.1), ProjectRun("4", epochs=3)]
    runs += [ProjectRun("1k", library=library, epochs=n) for library in ("mnistlab", "keras") for n in (None, 2)]
    runs += [ProjectRun("3d"), ProjectRun("3d", 1), ProjectRun("3d", epochs=2), ProjectRun("3d", epochs=3)]
    assert len({run.key for run in runs}) == len(runs)


def test_what_a_project_does_not_have_is_refused():
    assert ProjectRun("5c").library == "keras" and ProjectRun("5").library == ProjectRun("5k").library == "mnistlab"
    with pytest.raises(ValueError, match="'keras' does not train project 5: choose among mnistlab"):
        ProjectRun("5", library="keras")
    with pytest.raises(ValueError, match="project 5k has its own optimizer: leave out learning_rate"):
        ProjectRun("5k", learning_rate=0.1)


def test_what_was_published_belongs_to_a_network():
    assert sorted([*FROM_SCRATCH, *DENSE, *CONVOLUTIONS]) == sorted(PROJECTS)
    assert {project for project, _ in ACCURACY} == set(FROM_SCRATCH) - {"1s"}
    assert set(KERAS_ACCURACY) == {*DENSE, *CONVOLUTIONS}
    for project, epochs in KERAS_EPOCHS.items():
        assert len(epochs) == PROJECTS[project].epochs
    assert set(TEST_LOSS) <= set(PROJECTS)
