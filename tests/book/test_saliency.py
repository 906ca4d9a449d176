"""Gradients with respect to the image, and what hidden units do."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

import mnistlab as ml
from mnistbook.ch14_what_it_learnt import hidden_units, saliency

matplotlib.use("agg")


@pytest.fixture
def network():
    """784-6-4 with biases, in float64."""
    made = ml.Network(ml.multilayer_perceptron([784, 6, 4]), seed=1, dtype=np.float64)
    rng = np.random.default_rng(2)
    for layer in (made.layers[0], made.layers[2]):
        layer.b[...] = 0.3 * rng.standard_normal(layer.b.shape)
    return made


@pytest.fixture
def images():
    rng = np.random.default_rng(3)
    return rng.random((5, 784)) * (rng.random((5, 784)) < 0.2), np.array([0, 1, 2, 3, 1])


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("of", ["logit", "log-probability"])
def test_the_input_gradient_is_that_of_the_score(network, images, of):
    x, digits = images
    written = saliency.input_gradient(network, x, digits, of)
    assert written.shape == x.shape
    some = np.ix_(range(5), range(300, 340))
    numerical, h = np.zeros((5, 40)), 1e-6
    for column, pixel in enumerate(range(300, 340)):
        nudge = h * np.eye(784)[pixel]
        above, below = (saliency.score(network, x + sign * nudge, digits, of) for sign in (1, -1))
        numerical[:, column] = (above - below) / (2 * h)
    np.testing.assert_allclose(written[some], numerical, rtol=1e-6, atol=1e-8)


def test_scores_are_logits_and_log_probabilities(network, images):
    x, digits = images
    row = np.arange(5)
    np.testing.assert_allclose(saliency.score(network, x, digits), network.outputs(x)[row, digits])
    np.testing.assert_allclose(
        saliency.score(network, x, digits, "log-probability"), np.log(network.predict_proba(x)[row, digits])
    )


@pytest.mark.parametrize("of", ["logit", "log-probability"])
@pytest.mark.parametrize("baseline", [0.0, 0.5])
def test_integrated_gradients_add_to_the_difference_of_scores(network, images, of, baseline):
    x, digits = images
    difference = saliency.score(network, x, digits, of) - saliency.score(network, np.full_like(x, baseline), digits, of)
    gaps = [
        np.abs(
            saliency.integrated_gradients(network, x, digits, of, baseline=baseline, steps=steps).sum(axis=1)
            - difference
        ).max()
        for steps in (2, 1000)
    ]
    assert gaps[1] < 0.01 * np.abs(difference).max()
    assert gaps[1] < gaps[0]


def test_integrated_gradients_of_a_linear_network_are_gradient_times_input(images):
    x, digits = images
    network = ml.Network([ml.Dense(784, 4)], dtype=np.float64)
    parts = saliency.integrated_gradients(network, x, digits, steps=1)
    np.testing.assert_allclose(parts, x * network.layers[0].W.T[digits])


def test_integrated_gradients_use_the_midpoints(images):
    """For a smooth score the error of the midpoint rule is of the second order: twice the points, a quarter of it."""
    x, digits = images
    network = ml.Network([ml.Dense(784, 4)], seed=5, dtype=np.float64)
    of = "log-probability"
    difference = saliency.score(network, x, digits, of) - saliency.score(network, 0 * x, digits, of)
    few, many = (
        np.abs(saliency.integrated_gradients(network, x, digits, of, steps=steps).sum(axis=1) - difference).sum()
        for steps in (10, 20)
    )
    assert few / many == pytest.approx(4, rel=0.1)


def test_gradient_times_input_and_biases_give_the_logit(network, images):
    x, digits = images[0][:1], images[1][:1]
    total = np.sum(x * saliency.input_gradient(network, x, digits))
    total += sum(layer.b @ layer.db for layer in network.layers if isinstance(layer, ml.Dense))
    assert total == pytest.approx(saliency.score(network, x, digits)[0])


def test_erasing_takes_the_pixels_of_the_highest_relevance():
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    relevance = np.array([[0.1, 0.3, 0.2], [-1.0, -3.0, -2.0]])
    np.testing.assert_array_equal(saliency.erase(x, relevance, 0), x)
    np.testing.assert_array_equal(saliency.erase(x, relevance, 2), [[1, 0, 0], [0, 5, 0]])
    assert x.min() > 0, "the images themselves must stay"


def test_bad_questions_are_refused(network, images):
    x, digits = images
    with pytest.raises(ValueError, match="'logit' or the 'log-probability'"):
        saliency.score(network, x, digits, "probability")
    with pytest.raises(ValueError, match="0…3"):
        saliency.input_gradient(network, x, digits + 3)
    with pytest.raises(ValueError, match="baseline has shape"):
        saliency.integrated_gradients(network, x, digits, baseline=np.zeros(10))
    with pytest.raises(ValueError, match="steps must be a positive integer"):
        saliency.integrated_gradients(network, x, digits, steps=0)
    with pytest.raises(ValueError, match="not in logits"):
        saliency.score(ml.Network([ml.Dense(784, 4), ml.Softmax()]), x, digits)
    with pytest.raises(ValueError, match="each pixel needs a relevance"):
        saliency.erase(x, x[:2], 3)
    with pytest.raises(ValueError, match="count must be between"):
        saliency.erase(x, x, 785)


def test_contributions_add_to_the_centred_logits(network, images):
    x, digits = images
    share = hidden_units.contributions(network, x, digits)
    assert share.shape == (6, 4)
    logits = network.outputs(x) - network.layers[2].b
    centred = logits - logits.mean(axis=1, keepdims=True)
    for digit in range(4):
        assert share[:, digit].sum() == pytest.approx(centred[digits == digit, digit].mean())


def test_silencing_equals_a_network_without_the_units(network, images):
    x = images[0]
    x = np.concatenate([x] * 4) + 0.1 * np.random.default_rng(4).random((20, 784))
    y = network.predict(x)  # right for all, by definition ...
    y[:4] = range(4)  # ... but for some
    without = network.clone()
    units = np.array([0, 3, 4])
    lost = hidden_units.silencing(without, x, y, [units, np.array([], int)])
    assert (lost[1] == 0).all()
    recall = [np.mean(without.predict(x)[y == digit] == digit) for digit in range(4)]
    without.layers[2].W[units] = 0
    left = [np.mean(without.predict(x)[y == digit] == digit) for digit in range(4)]
    np.testing.assert_allclose(lost[0], 100 * (np.array(recall) - left))
    assert np.abs(lost[0]).max() > 0


def test_hidden_units_say_what_they_cannot_look_into(network, images):
    x, digits = images
    with pytest.raises(ValueError, match="Dense, ReLU and Dense"):
        hidden_units.contributions(ml.Network([ml.Dense(784, 4)]), x, digits)
    with pytest.raises(ValueError, match="none labelled 3"):
        hidden_units.contributions(network, x, np.array([0, 1, 2, 2, 1]))
    with pytest.raises(ValueError, match="must have shape"):
        hidden_units.contributions(network, x, digits[:3])


def test_pictures_are_symmetric_about_white(images):
    x, _ = images
    figure = saliency.attributions(x.reshape(-1, 28, 28), {"gradient": x - 0.2, "none": 0 * x}, ["a"] * 5)
    signed = [axes.images[0] for axes in figure.axes[5:]]
    assert len(figure.axes) == 15
    assert all(image.norm.vmin == -image.norm.vmax for image in signed)
