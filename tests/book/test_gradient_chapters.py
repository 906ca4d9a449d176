"""What the chapters on gradients count, measure and draw."""

from itertools import pairwise
from math import prod
from pathlib import Path

import matplotlib
import nbformat
import numpy as np
import pytest

import mnistlab as ml
from mnistbook.ch06_matrix_form import cost
from mnistbook.ch06_matrix_form.flow import flow
from mnistbook.ch19_where_the_time_goes.calls import logged

matplotlib.use("agg")

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def glued(notebook, name):
    cells = nbformat.read(NOTEBOOKS / f"{notebook}.ipynb", as_version=4).cells
    outputs = [
        output for cell in cells for output in cell.get("outputs", ()) if "scrapbook" in output.get("metadata", {})
    ]
    (found,) = [output for output in outputs if output.metadata.scrapbook.name == name]
    return float(found.data["application/papermill.record/text/plain"])


def multiplications(calls):
    products = [call.shapes for call in calls if call.name in ("matmul", "dot")]
    return sum(prod(left) * right[1] for left, right in products)


@pytest.mark.parametrize("sizes", [(7, 5), (7, 5, 3), (4, 6, 5, 2)])
@pytest.mark.parametrize("samples", [1, 3])
def test_the_count_is_that_of_the_code(sizes, samples):
    layers = [ml.Dense(*pair, bias=False) for pair in pairwise(sizes)]
    network = ml.Network(layers)
    counted = []
    y = network.forward(logged(np.ones((samples, sizes[0]), np.float32), calls := []))
    counted.append(multiplications(calls))
    calls.clear()
    network.backward(logged(np.ones_like(y), calls))
    counted.append(multiplications(calls))
    expected = cost.multiplications(sizes)
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

    monkeypatch.setattr(cost, "perf_counter", lambda: clock[0])
    assert cost.median_seconds(work, 3) == 2
    assert len(calls) == 6


def test_the_flow_names_every_value_and_its_derivative():
    (axes,) = flow().axes
    drawn = {text.get_text() for text in axes.texts}
    assert {"$x$", "$z$", "$h$", r"$\theta$", "$W^{(1)}$", "$dW^{(1)}$", "$W^{(2)}$", "$dW^{(2)}$"} <= drawn


def test_the_matrices_begin_with_the_sample_that_was_followed_by_hand():
    """The network 2-2-2 stands in both chapters; its numbers must not drift apart."""
    assert glued("06_matrix_form", "tiny_alone") == pytest.approx(glued("04_chain_rule", "by_hand"), rel=1e-12)
