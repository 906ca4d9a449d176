"""What the chapters on gradients count, measure and draw."""

from itertools import pairwise

import matplotlib
import numpy as np
import pytest

import mnistlab as ml
from mnistlab.experiments import backprop

matplotlib.use("agg")


class Counted(np.ndarray):
    """An array that counts the multiplications of the matrix products it takes part in."""

    total = 0

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        plain = [np.asarray(value) for value in inputs]
        if ufunc is np.matmul:
            Counted.total += plain[0].shape[0] * plain[0].shape[1] * plain[1].shape[1]
        if out is not None:
            options["out"] = tuple(np.asarray(array) for array in out)
        return np.asarray(getattr(ufunc, method)(*plain, **options)).view(Counted)

    def __array_function__(self, function, types, arguments, options):
        if function is np.dot:
            return np.matmul(*arguments, **options)
        return super().__array_function__(function, types, arguments, options)


@pytest.mark.parametrize("sizes", [(7, 5), (7, 5, 3), (4, 6, 5, 2)])
@pytest.mark.parametrize("samples", [1, 3])
def test_the_count_is_that_of_the_code(sizes, samples):
    layers = [ml.Dense(*pair, bias=False) for pair in pairwise(sizes)]
    network = ml.Network(layers)
    counted = []
    x = np.ones((samples, sizes[0]), np.float32).view(Counted)
    Counted.total = 0
    y = network.forward(x)
    counted.append(Counted.total)
    network.backward(np.ones_like(y))
    counted.append(Counted.total - counted[0])
    expected = backprop.multiplications(sizes)
    assert counted == [samples * expected["forward"], samples * expected["backward"]]
    assert expected["forward mode"] == network.parameters.size * expected["forward"]
    assert expected["finite differences"] == 2 * expected["forward mode"]


def test_the_median_is_that_of_the_calls_after_the_warm_up(monkeypatch):
    calls = []
    durations = iter([1.0, 5.0, 2.0])
    clock = [0.0]

    def work():
        calls.append(1)
        if len(calls) > 3:
            clock[0] += next(durations)

    monkeypatch.setattr(backprop, "perf_counter", lambda: clock[0])
    assert backprop.median_seconds(work, 3) == 2
    assert len(calls) == 6


def test_the_flow_names_every_value_and_its_derivative():
    (axes,) = backprop.flow().axes
    drawn = {text.get_text() for text in axes.texts}
    assert {"$x$", "$z$", "$h$", r"$\theta$", "$W^{(1)}$", "$dW^{(1)}$", "$W^{(2)}$", "$dW^{(2)}$"} <= drawn


def test_each_curve_and_each_optimum_is_drawn_in_one_colour():
    steps = np.array([1e-3, 1e-2, 1e-1])
    figure = backprop.error_curves(steps, {"a": steps, "b": 2 * steps}, {"b": 0.01})
    curve_a, curve_b, optimum, *_ = figure.axes[0].lines
    assert curve_a.get_label() == "a" and curve_b.get_ydata() == pytest.approx(2 * steps)
    assert optimum.get_xdata() == [0.01, 0.01]
    assert optimum.get_color() == curve_b.get_color() != curve_a.get_color()
