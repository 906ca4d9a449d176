"""Scaling, one-hot rows, splits and mini-batches."""

from __future__ import annotations

import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mnistlab as ml
from mnistlab.data import prefetch


def test_to_vectors_scales_each_brightness():
    images = np.arange(256, dtype=np.uint8).reshape(2, 16, 8)
    x = ml.to_vectors(images)
    assert (x.shape, x.dtype) == ((2, 128), np.float32)
    np.testing.assert_allclose(x.ravel(), np.arange(256) / 255, rtol=1e-6)
    standard = ml.to_vectors(images, np.float64, mean=0.13, std=0.31)
    np.testing.assert_allclose(standard.ravel(), (np.arange(256) / 255 - 0.13) / 0.31, rtol=1e-12)
    assert images.max() == 255


def test_one_hot():
    np.testing.assert_array_equal(ml.one_hot(np.array([2, 0], np.uint8), 3), [[0, 0, 1], [1, 0, 0]])
    assert ml.one_hot(np.array([9])).shape == (1, 10)
    assert ml.one_hot([1], 2, np.float64).dtype == np.float64


@given(st.integers(1, 40), st.integers(1, 50), st.one_of(st.none(), st.integers(0, 99)))
def test_minibatches_hold_each_sample_once_with_its_target(samples: int, batch_size: int, seed: int | None):
    x = np.arange(samples)[:, None]
    batches = list(ml.minibatches(x, 10 * x, batch_size, None if seed is None else np.random.default_rng(seed)))
    assert [len(a) for a, _ in batches[:-1]] == [batch_size] * (len(batches) - 1)
    assert 1 <= len(batches[-1][0]) <= batch_size
    seen = np.concatenate([a for a, _ in batches])
    np.testing.assert_array_equal(np.concatenate([t for _, t in batches]), 10 * seen)
    np.testing.assert_array_equal(seen if seed is None else np.sort(seen, axis=0), x)


def test_minibatches_shuffle():
    x = np.arange(100)[:, None]
    rng = np.random.default_rng(0)
    first, second = (np.concatenate([a for a, _ in ml.minibatches(x, x, 7, rng)]) for _ in range(2))
    assert (first != x).any()
    assert (first != second).any()


@given(st.integers(2, 200), st.floats(0.01, 0.99), st.integers(0, 99))
def test_split_is_a_partition(samples: int, fraction: float, seed: int):
    x = np.arange(samples)
    if not 0 < round(samples * fraction) < samples:
        with pytest.raises(ValueError, match="leaves one side empty"):
            ml.split(x, x, fraction, seed=seed)
        return
    x_rest, y_rest, x_held_out, y_held_out = ml.split(x, -x, fraction, seed=seed)
    assert len(x_held_out) == round(samples * fraction)
    np.testing.assert_array_equal(np.sort(np.concatenate([x_rest, x_held_out])), x)
    np.testing.assert_array_equal(np.concatenate([x_rest, x_held_out]), -np.concatenate([y_rest, y_held_out]))
    np.testing.assert_array_equal(ml.split(x, x, fraction, seed=seed)[2], x_held_out)


def test_split_is_drawn_at_random_by_its_seed():
    x = np.arange(100)
    held_out = [ml.split(x, x, 0.3, seed=seed)[2] for seed in (0, 1)]
    assert set(held_out[0]) != set(held_out[1])
    assert set(held_out[0]) not in (set(range(30)), set(range(70, 100)))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ml.to_vectors(np.ones((2, 4, 4))), TypeError, "uint8 pixels from 0 to 255, not float64"),
        (lambda: ml.to_vectors(np.ones((4, 4), np.uint8)), ValueError, r"for one image, pass image\[None\]"),
        (lambda: ml.to_vectors(np.ones((1, 4, 4, 3), np.uint8)), ValueError, r"not \(1, 4, 4, 3\)"),
        (lambda: ml.to_vectors(np.ones((1, 4, 4), np.uint8), std=0), ValueError, "std must be positive"),
        (lambda: ml.one_hot(np.array([0.0, 1.0])), TypeError, "integers, not float64"),
        (lambda: ml.one_hot(np.array([True])), TypeError, "integers, not bool"),
        (lambda: ml.one_hot(np.array([[1, 2]])), ValueError, r"vector, not an array of shape \(1, 2\)"),
        (lambda: ml.one_hot(np.array([0, 10])), ValueError, "0…9: sample 1 has the label 10$"),
        (lambda: ml.one_hot(np.array([0, -1, 9, 12])), ValueError, "sample 1 has the label -1, and 1 more"),
        (lambda: ml.split(np.ones(3), np.ones(4), 0.5), ValueError, "3 samples but 4 targets"),
        (lambda: ml.split(np.ones(3), np.ones(3), 1.0), ValueError, "leaves one side empty"),
    ],
)
def test_wrong_arguments(call, error: type[Exception], message: str):
    with pytest.raises(error, match=message):
        call()


# One batch ahead.


def test_items_are_made_one_ahead_in_another_thread_and_come_in_order():
    made = []

    def items():
        for number in range(4):
            made.append((number, threading.get_ident()))
            yield number

    seen = []
    deadline = time.monotonic() + 10
    for number in prefetch(items()):
        while len(made) < min(number + 2, 4) and time.monotonic() < deadline:  # the next one, without being asked for
            time.sleep(0.001)
        seen.append((number, len(made)))
    assert seen == [(0, 2), (1, 3), (2, 4), (3, 4)]
    assert {thread for _, thread in made} != {threading.get_ident()} and len({thread for _, thread in made}) == 1


def test_an_error_comes_after_the_items_before_it():
    def items():
        yield 1
        raise ValueError("the second")

    coming = prefetch(items())
    assert next(coming) == 1
    with pytest.raises(ValueError, match="the second"):
        next(coming)


def test_no_thread_stays_when_nobody_wants_more():
    threads = []
    coming = prefetch(threads.append(threading.current_thread()) or number for number in range(10))
    next(coming)
    coming.close()
    assert len(threads) == 2 and not threads[0].is_alive()


def test_the_other_thread_has_the_callers_errstate():
    with np.errstate(divide="raise"):
        coming = prefetch(np.float64(1) / np.float64(divisor) for divisor in (1, 0))
        assert next(coming) == 1
        with pytest.raises(FloatingPointError):
            next(coming)


def test_python_in_a_page_makes_items_without_a_second_thread(monkeypatch):
    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.setattr(threading.Thread, "start", None)  # starting one would fail
    makers = []
    coming = prefetch(makers.append(threading.get_ident()) or number for number in range(3))
    assert list(coming) == [0, 1, 2] and set(makers) == {threading.get_ident()}
