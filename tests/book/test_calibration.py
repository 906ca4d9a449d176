"""Reliability, expected calibration error and temperature, and the sheet of mistakes."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import mnistlab as ml
from mnistbook.ch14_what_it_learnt import calibration, mistakes
from mnistbook.ch14_what_it_learnt.human_labels import HUMAN_LABELS, read_as
from mnistlab.symbolic.array import is_shift, symbols
from mnistlab.symbolic.prove import is_zero

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def drawn(rng, samples=4000, classes=5, spread=2.0):
    """Logits, and labels drawn from their own probabilities: calibrated at temperature 1."""
    logits = spread * rng.standard_normal((samples, classes))
    p = calibration.probabilities(logits)
    labels = (p.cumsum(axis=1) > rng.random((samples, 1))).argmax(axis=1)
    return logits, labels


def test_reliability_by_hand():
    confidence = np.array([0.55, 0.6, 0.65, 0.95, 1.0])
    p, labels = np.stack([confidence, 1 - confidence], axis=1), np.array([0, 1, 0, 0, 0])
    table = calibration.reliability(p, labels, bins=5)
    # 0.6 lies on a boundary and counts below it.
    np.testing.assert_allclose(table["low"], [0.4, 0.6, 0.8])
    np.testing.assert_array_equal(table["count"], [2, 1, 2])
    np.testing.assert_allclose(table["confidence"], [0.575, 0.65, 0.975])
    np.testing.assert_allclose(table["accuracy"], [0.5, 1, 1])
    expected = (2 * 0.075 + 0.35 + 2 * 0.025) / 5
    assert calibration.calibration_error(p, labels, bins=5) == pytest.approx(expected)


def test_a_calibrated_network_has_the_error_of_chance(rng):
    logits, labels = drawn(rng)
    p = calibration.probabilities(logits)
    chance = calibration.calibration_error_by_chance(p, rng, draws=300)
    assert chance.shape == (300,) and chance.min() > 0
    assert calibration.calibration_error(p, labels) < np.quantile(chance, 0.999)
    sharper = calibration.probabilities(logits, 0.5)
    assert calibration.calibration_error(sharper, labels) > 3 * chance.max()


def test_chance_counts_as_reliability_does(rng):
    """With confidences of 0 or 1 only there is no chance; with one bin it is the deviation of a mean."""
    assert (calibration.calibration_error_by_chance(np.eye(4), rng, draws=5) == 0).all()
    p = np.tile([0.8, 0.2], (400, 1))
    errors = calibration.calibration_error_by_chance(p, rng, draws=4000, bins=15)
    assert errors.mean() == pytest.approx(np.sqrt(2 / np.pi) * np.sqrt(0.8 * 0.2 / 400), rel=0.05)


def test_the_slope_is_the_derivative_of_the_loss():
    logits, temperature = symbols("theta", (2, 3)), sp.Symbol("T", positive=True)
    targets = np.array([[0, 1, 0], [1, 0, 0]])
    loss = calibration.cross_entropy(logits, targets, temperature)
    slope = calibration.slope(logits, targets, temperature)
    # What the code subtracts before it takes exponentials must not matter; then it may be set to 0.
    for expression in (loss, slope):
        assert all(is_zero(sp.diff(expression, symbol)) for symbol in expression.free_symbols if is_shift(symbol))
    loss, slope = (
        expression.xreplace({symbol: sp.S.Zero for symbol in expression.free_symbols if is_shift(symbol)})
        for expression in (loss, slope)
    )
    assert is_zero(sp.diff(loss, temperature) - slope)


@given(st.floats(0.05, 20), st.integers(0, 2**32 - 1))
def test_the_fitted_temperature_is_the_best(true, seed):
    logits, labels = drawn(np.random.default_rng(seed), samples=400)
    logits = true * logits
    fitted, targets = calibration.fit_temperature(logits, labels), ml.one_hot(labels, 5, np.float64)
    assert calibration.slope(logits, targets, fitted) == pytest.approx(0, abs=1e-7 / fitted)
    best = calibration.cross_entropy(logits, targets, fitted)
    for factor in (0.9, 1.1):
        assert calibration.cross_entropy(logits, targets, factor * fitted) > best
    assert fitted / true == pytest.approx(1, abs=0.5)


def test_a_temperature_changes_no_answer(rng):
    logits, _ = drawn(rng)
    for temperature in (0.1, 10):
        p = calibration.probabilities(logits, temperature)
        np.testing.assert_array_equal(p.argmax(axis=1), logits.argmax(axis=1))


def test_where_there_is_no_best_temperature_it_says_why():
    logits = np.array([[2.0, 0.0], [0.0, 1.0]])
    with pytest.raises(ValueError, match="all answers are right"):
        calibration.fit_temperature(logits, np.array([0, 1]))
    with pytest.raises(ValueError, match="no better than chance"):
        calibration.fit_temperature(logits, np.array([1, 0]))
    with pytest.raises(ValueError, match="2 rows of logits but 3 labels"):
        calibration.fit_temperature(logits, np.array([1, 0, 0]))
    with pytest.raises(ValueError, match="finite"):
        calibration.fit_temperature(np.full((2, 2), np.nan), np.array([1, 0]))


def test_what_is_no_probability_is_refused():
    with pytest.raises(ValueError, match="predict_proba"):
        calibration.reliability(np.array([[2.0, 0.5]]), np.array([0]))
    with pytest.raises(ValueError, match="shape"):
        calibration.reliability(np.array([[0.5, 0.5]]), np.array([0, 1]))


def test_the_diagram_shows_every_bin(rng):
    logits, labels = drawn(rng)
    table = calibration.reliability(calibration.probabilities(logits), labels)
    figure = calibration.reliability_diagram({"one": table, "two": table.iloc[:3]})
    bars = [len(axes.patches) for axes in figure.axes]
    assert bars == [0, 0, len(table), 3]


def test_mistakes_are_found_and_ranked():
    labels = np.array([0, 1, 2, 0])
    p = np.array([[0.9, 0.1, 0], [0.7, 0.2, 0.1], [0.1, 0.5, 0.4], [0.2, 0.8, 0.0]])
    others = np.array([[0, 1, 1, 1], [1, 0, 0, 1]])
    table = mistakes.mistakes(labels, p, others)
    assert table["image"].tolist() == [3, 2, 1]
    assert table["also_wrong"].tolist() == [2, 2, 1]
    assert table["same_answer"].tolist() == [2, 1, 1]
    np.testing.assert_allclose(table["margin"], np.log([0.8 / 0.2, 0.5 / 0.4, 0.7 / 0.2]))
    np.testing.assert_allclose(table["probability"], [0.8, 0.5, 0.7])
    with pytest.raises(ValueError, match="same images"):
        mistakes.mistakes(labels, p, others[:, :3])


def test_the_sheet_shows_every_image_where_it_belongs(rng):
    images = rng.integers(1, 256, (7, 28, 28)).astype(np.uint8)
    figure = mistakes.sheet(images, [str(number) for number in range(7)], [0, 1, 2, 0, 1, 2, 0], columns=3)
    (axes,) = figure.axes
    canvas = np.asarray(axes.images[0].get_array())
    assert [text.get_text() for text in axes.texts] == list("0123456")
    for image, frame in zip(images, axes.patches, strict=True):
        left, top = (round(edge + (frame.get_width() - 28) / 2 + 0.5) for edge in frame.get_xy())
        np.testing.assert_allclose(canvas[top : top + 28, left : left + 28], image / image.max())


def test_readings_are_of_test_images_and_compare_with_labels():
    assert len(HUMAN_LABELS) == 129
    assert all(0 <= image < 10_000 and 0 <= each.digit <= 9 for image, each in HUMAN_LABELS.items())
    image = next(image for image, each in HUMAN_LABELS.items() if each.doubt)
    digit = HUMAN_LABELS[image].digit
    assert read_as(image, digit) == "the label, in doubt"
    assert read_as(image, (digit + 1) % 10) == "another digit"
    sure = next(image for image, each in HUMAN_LABELS.items() if not each.doubt)
    assert read_as(sure, HUMAN_LABELS[sure].digit) == "the label"
    assert read_as(10_001, 3) == "not read"
