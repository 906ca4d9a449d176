"""What the chapter on speed counts, times and shows. No test looks at how fast anything is."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mnistlab as ml
from mnistbook.ch19_where_the_time_goes import (
    calls,
    roofline,
    step_parts,
    subnormals,
)
from mnistbook.ch19_where_the_time_goes.roofline import Machine, Product
from mnistlab import optimizers
from mnistlab.training import train_step

SIZES = st.lists(st.integers(1, 50), min_size=2, max_size=5)


# Operations and bytes.


def test_a_product_counts_what_it_multiplies_adds_and_moves():
    product = Product("", 2, 3, 5)
    assert product.flops == 2 * 2 * 3 * 5
    assert product.bytes == 4 * (2 * 3 + 3 * 5 + 2 * 5)
    assert product.intensity == product.flops / product.bytes


@given(st.integers(1, 2000), st.integers(1, 2000), st.integers(1, 2000))
def test_intensity_is_the_formula_and_below_half_of_the_smallest_size(m, k, n):
    intensity = Product("", m, k, n).intensity
    assert intensity == pytest.approx(1 / (2 * (1 / m + 1 / k + 1 / n)))
    assert min(m, k, n) / 6 * (1 - 1e-12) <= intensity < min(m, k, n) / 2


@given(SIZES, st.integers(1, 300))
def test_the_products_of_a_step_have_the_operations_of_the_theorem(sizes, n):
    products = roofline.step_products(sizes, n)
    pairs = [before * after for before, after in pairwise(sizes)]
    assert len(products) == 3 * len(pairs) - 1
    assert sum(product.flops for product in products) == 2 * n * (3 * sum(pairs) - pairs[0])


def test_the_products_are_those_that_the_layers_do():
    """Shapes as NumPy meets them in a step of the library."""
    found = calls.calls_of_a_step([7, 5, 4, 3], 2, ml.SGD())
    products = [
        (*one.shapes[0], one.shapes[1][1]) for one in found if one.name in ("matmul", "dot") and len(one.shapes[0]) == 2
    ]
    expected = [(one.m, one.k, one.n) for one in roofline.step_products([7, 5, 4, 3], 2)]
    assert sorted(products) == sorted(expected)


def test_the_calls_of_a_step_are_those_of_its_formulas():
    found = [call.name for call in calls.calls_of_a_step([7, 3], 2, ml.SGD(0.1, momentum=0.9))]
    assert found[:4] == ["take", "take", "matmul", "add"]
    assert found[-4:] == ["multiply", "multiply", "subtract", "add"]
    deeper = calls.calls_of_a_step([7, 5, 3], 2, ml.SGD(0.1, momentum=0.9))
    # A further layer has one product forward and two backward, since it is not the first.
    more = Counter(call.name for call in deeper) - Counter(found)
    assert more["matmul"] + more["dot"] == 3


def test_a_logged_array_computes_what_a_plain_one_does():
    network = ml.Network(ml.multilayer_perceptron([7, 5, 3]), seed=1)
    x = np.random.default_rng(0).random((4, 7), np.float32)
    plain = network.forward(x)
    logged = network.forward(calls.logged(x, []))
    assert isinstance(logged, calls.LoggedArray)
    np.testing.assert_array_equal(np.asarray(logged), plain)


@pytest.mark.parametrize("n", [1, 2, 32])
def test_both_ways_to_multiply_give_the_same_numbers(n):
    for product, left, right, out in roofline.product_arrays((20, 8, 3), n):
        out[...] = np.nan
        roofline.multiply(left, right, out)
        np.testing.assert_allclose(out, left @ right, rtol=1e-5, atol=1e-6, err_msg=product.name)


def test_the_first_layer_s_gradient_is_timed_by_both_functions(monkeypatch):
    met = []
    monkeypatch.setattr(roofline, "_repeat", lambda work, seconds: met.append(work) or len(met))
    table = roofline.time_two_ways((20, 8, 3), (1, 4))
    assert table.to_dict("list") == {"np.matmul": [1, 3], "np.dot": [2, 4]} and list(table.index) == [1, 4]
    assert [work.func for work in met] == [np.matmul, np.dot] * 2
    assert [[one.shape for one in (*work.args, work.keywords["out"])] for work in met[2:]] == [
        [(20, 4), (4, 8), (20, 8)]
    ] * 2


@pytest.mark.parametrize(("sizes", "batch"), [([784], 32), ([784, 0], 32), ([784, 10], 0)])
def test_a_network_needs_sizes(sizes, batch):
    with pytest.raises(ValueError, match="size"):
        roofline.step_products(sizes, batch)


def test_the_roof_is_the_lower_of_two():
    machine = Machine(peak=100.0, memory=10.0, cache=50.0)
    assert list(machine.roof(np.array([1.0, 10.0, 20.0]))) == [10, 100, 100]
    assert machine.roof(1.0, cached=True) == 50


def test_machine_and_products_are_measured():
    machine = roofline.measure_machine(1, side=64, cached_bytes=2**12, large_bytes=2**14)
    assert min(machine) > 0
    products = roofline.time_products((20, 8, 3), (1, 16), 0.0005)
    assert len(products) == 2 * 5 and (products["seconds"] > 0).all()
    assert np.allclose(products["rate"], products["flops"] / products["seconds"])


# Parts of a step.


def small_training():
    x, y = np.random.default_rng(0).random((90, 6), np.float32), np.arange(90) % 3
    network = ml.Network(ml.multilayer_perceptron([6, 5, 3]), seed=0)
    return network, ml.SoftmaxCrossEntropy(), ml.SGD(0.1, momentum=0.9), x, ml.one_hot(y, 3)


def test_a_timed_step_is_a_step_of_the_library_bit_for_bit():
    rows = np.array([3, 1, 80])
    ours, loss, optimizer, x, t = small_training()
    for _ in range(3):
        train_step(ours, loss, optimizer, x[rows], t[rows])
    timed, loss, optimizer, x, t = small_training()
    for _ in range(3):
        taken = step_parts.timed_step(timed, loss, optimizer, x, t, rows)
    assert len(taken) == len(step_parts.PARTS) and min(taken) >= 0
    np.testing.assert_array_equal(timed.parameters, ours.parameters)


def test_a_timed_step_learns_nothing_from_what_is_not_finite():
    network, loss, optimizer, x, t = small_training()
    network.parameters[0] = np.inf
    before = network.parameters.copy()
    with pytest.raises(ArithmeticError, match="smaller learning rate"), np.errstate(invalid="ignore"):
        step_parts.timed_step(network, loss, optimizer, x, t, np.arange(4))
    np.testing.assert_array_equal(network.parameters, before)


def test_parts_are_timed_for_each_batch_size():
    parts = step_parts.time_parts(*small_training(), (10, 30), images=100)
    assert list(parts.index) == [10, 30] and tuple(parts.columns) == step_parts.PARTS
    with pytest.raises(ValueError, match="a batch of 91 cannot be drawn from 90 samples"):
        step_parts.time_parts(*small_training(), (91,))


# Subnormal numbers.


def test_the_share_of_subnormal_numbers():
    values = np.array([0, 1, -subnormals.QUANTUM, subnormals.NORMAL / 2, -subnormals.NORMAL, 1e-30], np.float32)
    assert subnormals.share_subnormal(values) == 2 / 6
    assert subnormals.share_subnormal(values.astype(np.float64)) == 0


@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.5, 0.75, 0.9, 0.95, 0.99, 0.875])
def test_the_theorem_names_the_numbers_that_momentum_leaves_as_they_are(momentum):
    q, factor = np.float32(subnormals.QUANTUM), np.float32(momentum)
    stuck = [k for k in range(1, 200) if np.float32(k) * q * factor == np.float32(k) * q]
    assert subnormals.fixed_points(momentum) == stuck


def test_a_velocity_ends_at_the_largest_fixed_point_and_not_at_zero():
    values = subnormals.decay(1e-4)
    end = max(subnormals.fixed_points(0.9))
    assert end == 4 and values[-1] == np.float32(end * Fraction(subnormals.QUANTUM))
    assert (np.diff(values) <= 0).all() and len(values) == 2_001


@pytest.mark.parametrize("momentum", [-0.1, 1.0, 1 - 1e-9])
def test_a_momentum_outside_its_range_has_no_fixed_points(momentum):
    with pytest.raises(ValueError, match="momentum must be in"):
        subnormals.fixed_points(momentum)


def test_without_the_flush_small_numbers_stay_and_after_it_all_is_as_before():
    def velocity():
        optimizer = ml.SGD(0.1, momentum=0.5)
        w = np.ones(2, np.float32)
        optimizer.step(w, np.array([1e-29, 1.0], np.float32))
        for _ in range(39):
            optimizer.step(w, np.array([0.0, 1.0], np.float32))
        return optimizer.state["velocity"][0]

    flushed, before = velocity(), optimizers.FLUSH_BELOW
    with pytest.raises(KeyError), subnormals.without_flush():
        kept = velocity()
        raise KeyError
    assert flushed == 0 != kept
    assert before == optimizers.FLUSH_BELOW > 0


def test_multiplying_is_timed():
    assert subnormals.time_multiplying(1.0, count=64, rounds=3) > 0


def test_sizes_are_counted():
    velocities = {"a": np.array([0, 1e-40, 1e-3, 1], np.float32), "b": np.array([1e-3], np.float32)}
    table = subnormals.table_of_sizes(velocities)
    assert table.iloc[:, 1:].to_numpy().tolist() == [[25, 25, 50], [0, 0, 100]]
