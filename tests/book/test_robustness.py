"""Disturbed images, and the accuracy on them."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

import mnistlab as ml
from mnistbook.ch14_what_it_learnt import robustness

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def x():
    """Eight images with a 4 × 6 block of ink around a place off the middle."""
    images = np.zeros((8, 28, 28), np.float32)
    images[:, 8:12, 10:16] = 1
    return images.reshape(8, 784)


def centres(x):
    images = x.reshape(-1, 28, 28).astype(np.float64)
    place, mass = np.arange(28), images.sum(axis=(1, 2))
    return np.stack([images.sum(axis=2) @ place / mass, images.sum(axis=1) @ place / mass], axis=1)


@pytest.mark.parametrize("disturbance", [*robustness.DISTURBANCES, *robustness.NOISE_APART], ids=lambda each: each.name)
def test_the_first_level_changes_nothing_and_the_others_do(x, disturbance):
    assert disturbance.levels[0] == 0
    same = disturbance.apply(x, 0, np.random.default_rng(0))
    np.testing.assert_allclose(same, x, atol=1e-6)
    before = x.copy()
    results = [disturbance.apply(x, level, np.random.default_rng(0)) for level in disturbance.levels]
    assert all(result.dtype == np.float32 and result.shape == x.shape for result in results)
    distances = [np.abs(result - x).sum() for result in results]
    assert distances[-1] > 0 and np.all(np.diff(distances) >= 0)
    np.testing.assert_array_equal(x, before)


def test_shifts_go_down_up_right_and_left(x):
    moved = centres(robustness.shift(x, 2)) - centres(x)
    np.testing.assert_allclose(moved[:4], [[2, 0], [-2, 0], [0, 2], [0, -2]], atol=1e-5)
    np.testing.assert_allclose(moved[4:], moved[:4])


def test_rotations_go_to_either_side_about_the_middle(x):
    middle = 13.5
    before = centres(x)[0] - middle
    after = centres(robustness.rotate(x, 20)) - middle
    angle = np.degrees(np.arctan2(-after[:, 0], after[:, 1]) - np.arctan2(-before[0], before[1]))
    np.testing.assert_allclose(angle[:2], [20, -20], atol=0.5)
    np.testing.assert_allclose(np.linalg.norm(after, axis=1), np.linalg.norm(before), rtol=0.02)


def test_squares_are_as_large_as_said_and_lie_anywhere():
    white = np.ones((4000, 784), np.float32)
    wiped = robustness.occlude(white, 14, np.random.default_rng(0)).reshape(-1, 28, 28) == 0
    assert (wiped.sum(axis=(1, 2)) == 14 * 14).all()
    assert (wiped.any(axis=1).sum(axis=1) == 14).all()
    corner = wiped.any(axis=2).argmax(axis=1)
    assert set(corner) == set(range(15))
    assert (robustness.occlude(white, 28, np.random.default_rng(0)) == 0).all()
    for size in (29, -1, 2.5):
        with pytest.raises(ValueError, match="whole number of pixels"):
            robustness.occlude(white, size, np.random.default_rng(0))


def test_noise_is_cut_off_and_the_veil_is_its_mean():
    paper = np.zeros((400, 784), np.float32)
    noisy = robustness.noise(paper, 0.3, np.random.default_rng(0))
    assert noisy.min() == 0 and noisy.max() <= 1
    veiled = robustness.veil(paper, 0.3)
    assert np.ptp(veiled) == 0
    assert noisy.mean() == pytest.approx(veiled[0, 0], rel=0.01)
    free = robustness.centred_noise(paper, 0.3, np.random.default_rng(0))
    assert free.mean() == pytest.approx(0, abs=0.003) and free.std() == pytest.approx(0.3, rel=0.01)
    assert (robustness.veil(np.ones((1, 784), np.float32), 0.5) == 1).all()


def test_fading_multiplies(x):
    np.testing.assert_allclose(robustness.fade(x, 0.25), 0.75 * x)


def test_accuracies_are_those_of_each_network_on_the_same_images(x):
    y = np.array([0, 1] * 4)
    networks = [ml.Network([ml.Dense(784, 2)], seed=seed) for seed in range(3)]
    frame = robustness.accuracies({"a": networks[:2], "b": networks[2:]}, x, y, seed=5)
    levels = sum(len(each.levels) for each in robustness.DISTURBANCES)
    assert len(frame) == 3 * levels
    for number, each in enumerate(robustness.DISTURBANCES):
        disturbed = each.apply(x, each.levels[3], np.random.default_rng([5, number]))
        row = frame.query("disturbance == @each.name and level == @each.levels[3] and kind == 'a' and network == 1")
        assert row["accuracy"].item() == np.mean(networks[1].predict(disturbed) == y)
    drawn = []
    probe = robustness.Disturbance("probe", "", (0, 1), lambda x, level, rng: drawn.append(rng.random()) or x)
    robustness.accuracies({"a": networks}, x, y, [robustness.DISTURBANCES[0], probe], seed=5)
    assert drawn == [np.random.default_rng([5, 1]).random()] * 2, "one draw a level, for all networks"
    again = robustness.accuracies({"a": networks[:2], "b": networks[2:]}, x, y, seed=5)
    assert frame.equals(again)
    with pytest.raises(ValueError, match="each image needs a label"):
        robustness.accuracies({"a": networks}, x, y[:3])
    with pytest.raises(ValueError, match="no network"):
        robustness.accuracies({"a": []}, x, y)


def test_the_level_that_reaches_a_floor_is_interpolated():
    assert robustness.level_reaching([0, 1, 3], [1.0, 0.95, 0.85], 0.9) == pytest.approx(2)
    assert robustness.level_reaching([0, 1], [0.8, 0.7], 0.9) == 0
    assert np.isnan(robustness.level_reaching([0, 1], [1.0, 0.95], 0.9))


def test_curves_have_a_line_for_each_kind(x):
    networks = [ml.Network([ml.Dense(784, 2)], seed=seed) for seed in range(2)]
    frame = robustness.accuracies({"a": networks, "b": networks}, x, np.zeros(8, int))
    drawn = robustness.robustness_curves(frame)
    lines = [len(axes.lines) for axes in drawn.axes]
    assert lines == [2, 2, 2, 2, 2, 0]
    assert [text.get_text() for text in drawn.axes[5].get_legend().get_texts()] == ["a", "b"]
