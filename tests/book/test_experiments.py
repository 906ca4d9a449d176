"""Metrics, tables, sources and figures of the report."""

import matplotlib
import matplotlib.pyplot
import numpy as np
import pandas as pd
import pytest

import mnistlab as ml
from mnistbook.ch02_network import diagram
from mnistbook.kit import figures, metrics, style
from mnistbook.kit.comparisons import compare_answers
from mnistbook.kit.source import Source
from mnistbook.kit.tables import Table

matplotlib.use("agg")


def test_per_class_counts_by_hand():
    labels, predicted = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 0, 2])
    table = metrics.per_class(labels, predicted, classes=4)
    assert table["precision"].tolist() == pytest.approx([2 / 3, 1 / 2, 1, 0])
    assert table["recall"].tolist() == pytest.approx([2 / 3, 1 / 2, 1, 0])
    assert table["support"].tolist() == [3, 2, 1, 0]
    assert metrics.confusion_matrix(labels, predicted, classes=3).tolist() == [[2, 1, 0], [1, 1, 0], [0, 0, 1]]


@pytest.mark.parametrize(("right", "samples"), [(970, 1000), (9_850, 10_000), (3, 7)])
def test_the_ends_of_wilsons_interval_are_where_the_share_is_1_96_standard_deviations_away(right, samples):
    share = right / samples
    for end in metrics.wilson_interval(right, samples):
        assert abs(share - end) == pytest.approx(1.959964 * np.sqrt(end * (1 - end) / samples))
    assert metrics.wilson_interval(10, 10)[1] <= 1


def test_disagreements_are_weighed_like_tosses_of_a_coin():
    first = np.array([True] * 8 + [False] * 2 + [True] * 90)
    second = np.array([False] * 8 + [True] * 2 + [True] * 90)
    result = compare_answers(first, second)
    assert (result.first_more, result.second_more) == (8, 2)
    # 8 or more heads, or 2 or fewer, of 10: 2 (1 + 10 + 45) / 1024
    assert result.p_value == pytest.approx(112 / 1024)
    assert compare_answers(second, first).p_value == result.p_value
    assert compare_answers(first, first) == (0, 0, 1.0)
    with pytest.raises(ValueError, match="same seeds and images"):
        compare_answers(first, second[1:])


def test_a_prediction_interval_holds_a_further_run_as_often_as_it_says():
    draws = np.random.default_rng(0).normal(98, 0.1, (4000, 4))
    held = 0
    for *seen, further in draws:
        low, high = metrics.prediction_interval(np.array(seen))
        held += low <= further <= high
    assert held / len(draws) == pytest.approx(0.95, abs=0.012)
    with pytest.raises(ValueError, match="at least two runs"):
        metrics.prediction_interval(np.array([98.0]))


def test_bands_are_the_mean_and_one_standard_deviation():
    _, axes = matplotlib.pyplot.subplots()
    figures.bands(axes, np.arange(2), np.array([[1.0, 5.0], [3.0, 5.0]]), "two runs")
    assert axes.lines[0].get_ydata().tolist() == [2, 5]
    corners = axes.collections[0].get_paths()[0].vertices
    assert corners[:, 1].min() == pytest.approx(2 - 2**0.5) and corners[:, 1].max() == pytest.approx(5)
    figures.bands(axes, np.arange(2), np.array([[1.0, 5.0]]), "one run")
    assert len(axes.lines) == 2 and len(axes.collections) == 1


def test_table_in_its_three_forms():
    frame = pd.DataFrame({"a & b": [1.234, 2.0], "name": ["x_1", "<y>"]})
    table = Table(frame, {"a & b": "{:.1f}"})
    assert repr(table).splitlines() == ["a & b  name", "  1.2  x_1", "  2.0  <y>"]
    assert "<td" in table._repr_html_() and "&lt;y&gt;" in table._repr_html_() and "a &amp; b" in table._repr_html_()
    assert r"a \& b & name \\" in table._repr_latex_() and r"x\_1" in table._repr_latex_()


def test_a_number_that_is_missing_is_a_dash_in_a_table():
    table = Table(pd.DataFrame({"a": [1.0, float("nan")]}), {"a": "{:.2f}"})
    assert repr(table).splitlines() == ["   a", "1.00", "   –"]


@pytest.mark.parametrize(
    ("written", "set_in_html"),
    [
        ("-4.5e-06", "−4.5\N{NO-BREAK SPACE}·\N{NO-BREAK SPACE}10<sup>−6</sup>"),
        ("1e-4", "10<sup>−4</sup>"),
        ("3e+12", "3\N{NO-BREAK SPACE}·\N{NO-BREAK SPACE}10<sup>12</sup>"),
        ("0e+00", "0"),
        ("-0.12 to -3", "−0.12 to −3"),
        ("784-300-10", "784-300-10"),
        ("2026-11-21", "2026-11-21"),
        ("float32-1e-3", "float32-1e-3"),
    ],
)
def test_tables_set_numbers_as_print_does(written, set_in_html):
    table = Table(pd.DataFrame({"a": [written]}))
    assert f">{set_in_html}</td>" in table._repr_html_()
    assert set_in_html.replace("<sup>", r"\textsuperscript{").replace("</sup>", "}") in table._repr_latex_()
    assert written in repr(table)


def test_source_leaves_out_docstrings_and_keeps_code():
    text = repr(Source(ml.Dense.backward, ml.train_step))
    assert '"""' not in text
    assert "np.dot(self.x.T, dz, out=self.dW)" in text and "return value" in text
    assert "-> " not in text and "def backward(self, dz, need_dx=True):" in text
    shown = Source(ml.Dense.forward)._repr_markdown_()
    assert shown.startswith(
        "```python\n# mnistlab.layers: Dense.forward\ndef forward(self, x, rng=None):\n    self.x = x\n"
    )


def test_diagram_draws_every_unit_it_should():
    network = ml.Network([ml.Dense(784, 300), ml.ReLU(), ml.Dense(300, 7, bias=False), ml.Softmax()])
    figure = diagram.network_diagram(network)
    axes = figure.axes[0]
    assert len(axes.patches) == 10 + 10 + 7
    assert len(axes.lines) == 10 * 10 + 10 * 7
    words = " ".join(text.get_text() for text in axes.texts)
    assert "784 pixels" in words and "300 hidden units" in words and "7 digits" in words and "ReLU" in words
    assert words.count("⋮") == 2 and words.count("b^{") == 1


def test_figures_have_labelled_axes():
    style.use()
    rng = np.random.default_rng(0)
    drawn = [
        figures.curves({"a": np.ones(3), "b": np.ones(3)}, xlabel="epoch", ylabel="loss", markers=("b",)),
        figures.confusion(rng.integers(0, 9, (10, 10))),
    ]
    for figure in drawn:
        assert figure.axes[0].get_xlabel() and figure.axes[0].get_ylabel()


def test_digit_grid_shows_each_image_once():
    images = np.random.default_rng(0).integers(0, 256, (7, 28, 28), dtype=np.uint8)
    figure = figures.digit_grid(images, [str(i) for i in range(7)], columns=4)
    shown = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    assert len(shown) == 7 and all(np.array_equal(a, b) for a, b in zip(shown, images, strict=True))
