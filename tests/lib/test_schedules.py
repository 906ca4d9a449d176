"""Learning-rate schedules at their ends, milestones and joints."""

from __future__ import annotations

import numpy as np
import pytest

import mnistlab as ml


def test_constant():
    assert {ml.Constant(0.3)(progress) for progress in (0, 0.5, 1)} == {0.3}


def test_step_changes_at_its_milestones():
    schedule = ml.Step(1.0, factor=0.5, milestones=(0.25, 0.5))
    at = [0, np.nextafter(0.25, 0), 0.25, np.nextafter(0.5, 0), 0.5, 1]
    assert [schedule(progress) for progress in at] == [1, 1, 0.5, 0.5, 0.25, 0.25]


def test_cosine_goes_from_rate_to_final():
    schedule = ml.Cosine(0.8, final=0.2)
    assert [schedule(progress) for progress in (0, 0.5, 1)] == pytest.approx([0.8, 0.5, 0.2])
    assert schedule(0.25) == pytest.approx(0.2 + 0.6 * (1 + np.sqrt(0.5)) / 2)
    values = [schedule(progress) for progress in np.linspace(0, 1, 50)]
    assert values == sorted(values, reverse=True)
    assert ml.Cosine(0.8)(1) == pytest.approx(0)


def test_warm_up_rises_and_then_follows_the_whole_of_the_other():
    inner = ml.Cosine(0.8, final=0.2)
    schedule = ml.WarmUp(inner, fraction=0.2)
    assert [schedule(progress) for progress in (0, 0.05, 0.1, 0.2)] == pytest.approx([0.08, 0.26, 0.44, 0.8])
    assert schedule(0.2 + 0.8 * 0.3) == pytest.approx(inner(0.3))
    assert schedule(1) == pytest.approx(0.2)


def test_any_function_of_the_progress_will_do():
    optimizer, w = ml.SGD(lambda progress: 1 + progress), np.zeros(1)
    optimizer.step(w, np.ones(1), progress=0.5)
    assert w == -1.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ml.Constant(0), "rate must be a positive number, not 0"),
        (lambda: ml.Cosine(-1), "rate must be a positive number, not -1"),
        (lambda: ml.Cosine(0.1, final=-0.1), "final must .* not -0.1"),
        (lambda: ml.Cosine(0.1, final=float("nan")), "final must .* not nan"),
        (lambda: ml.Step(float("nan")), "rate must be a positive number, not nan"),
        (lambda: ml.Step(0.1, factor=0), "factor must be a positive number, not 0"),
        (lambda: ml.Step(0.1, milestones=(10, 20)), "fractions of the training, between 0 and 1"),
        (lambda: ml.WarmUp(ml.Constant(0.1), 0), "fraction must lie between 0 and 1, not 0"),
        (lambda: ml.WarmUp(ml.Constant(0.1), 1.0), "fraction must lie between 0 and 1, not 1.0"),
        (lambda: ml.WarmUp(ml.Constant(0.1), start=0), "start must be above 0 and at most 1, not 0"),
    ],
)
def test_wrong_options(make, message: str):
    with pytest.raises(ValueError, match=message):
        make()


def test_the_first_step_of_a_warm_up_learns(clusters):
    network = ml.Network([ml.Dense(4, 3)])
    before = network.parameters.copy()
    ml.fit(network, *clusters, optimizer=ml.SGD(ml.WarmUp(ml.Constant(0.1), 0.5)), epochs=1, batch_size=300)
    assert (network.parameters != before).any()
