"""Optimizers against slow twins that follow the docstrings' formulas number by number."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import mnistlab as ml
from mnistlab import optimizers

RATE, MU = 0.1, 0.8


def classical(rate: float, mu: float) -> Callable:
    def step(w: float, g: float, memory: dict) -> float:
        memory["v"] = mu * memory.get("v", 0) - rate * g
        return w + memory["v"]

    return step


def nesterov(w: float, g: float, memory: dict) -> float:
    memory["v"] = MU * memory.get("v", 0) - RATE * g
    return w + MU * memory["v"] - RATE * g


def average(w: float, g: float, memory: dict) -> float:
    memory["m"] = MU * memory.get("m", 0) + (1 - MU) * g
    return w - RATE * memory["m"]


def adam(w: float, g: float, memory: dict) -> float:
    t = memory["t"] = memory.get("t", 0) + 1
    memory["m"] = 0.7 * memory.get("m", 0) + 0.3 * g
    memory["v"] = 0.95 * memory.get("v", 0) + 0.05 * g**2
    m_hat, v_hat = memory["m"] / (1 - 0.7**t), memory["v"] / (1 - 0.95**t)
    return w - RATE * m_hat / (np.sqrt(v_hat) + 0.01)


def rmsprop(w: float, g: float, memory: dict) -> float:
    memory["v"] = 0.95 * memory.get("v", 0) + 0.05 * g**2
    return w - RATE * g / np.sqrt(memory["v"] + 0.01)


def decayed(step: Callable) -> Callable:
    return lambda w, g, memory: step((1 - RATE * 0.3) * w, g, memory)


def penalised(step: Callable) -> Callable:
    return lambda w, g, memory: step(w, g + 0.3 * w, memory)


TWINS = {
    "plain": (lambda: ml.SGD(RATE), lambda w, g, memory: w - RATE * g),
    "momentum": (lambda: ml.SGD(RATE, MU), classical(RATE, MU)),
    "nesterov": (lambda: ml.SGD(RATE, MU, nesterov=True), nesterov),
    "moving average": (lambda: ml.SGD(RATE, MU, moving_average=True), average),
    "moving average, as classical": (lambda: ml.SGD(RATE, MU, moving_average=True), classical(RATE * (1 - MU), MU)),
    "adam": (lambda: ml.Adam(RATE, 0.7, 0.95, 0.01), adam),
    "rmsprop": (lambda: ml.RMSprop(RATE, 0.95, 0.01), rmsprop),
    "rmsprop, weight decay": (lambda: ml.RMSprop(RATE, 0.95, 0.01, weight_decay=0.3), decayed(rmsprop)),
    "rmsprop, l2": (lambda: ml.RMSprop(RATE, 0.95, 0.01, l2=0.3), penalised(rmsprop)),
    "plain, weight decay": (lambda: ml.SGD(RATE, weight_decay=0.3), penalised(lambda w, g, memory: w - RATE * g)),
    "momentum, weight decay": (lambda: ml.SGD(RATE, MU, weight_decay=0.3), decayed(classical(RATE, MU))),
    "momentum, l2": (lambda: ml.SGD(RATE, MU, l2=0.3), penalised(classical(RATE, MU))),
    "adam, weight decay": (lambda: ml.Adam(RATE, 0.7, 0.95, 0.01, weight_decay=0.3), decayed(adam)),
    "adam, l2": (lambda: ml.Adam(RATE, 0.7, 0.95, 0.01, l2=0.3), penalised(adam)),
}


@pytest.mark.parametrize("name", TWINS)
def test_steps_follow_the_formula(name: str, rng: np.random.Generator):
    make, twin = TWINS[name]
    optimizer, w = make(), rng.standard_normal(5)
    by_hand, memories = list(w), [{} for _ in w]
    for _ in range(45):  # beyond two flushes
        g = rng.standard_normal(5)
        kept = g.copy()
        optimizer.step(w, g)
        np.testing.assert_array_equal(g, kept)
        by_hand = [twin(*numbers) for numbers in zip(by_hand, g, memories, strict=True)]
        np.testing.assert_allclose(w, by_hand, rtol=1e-12)
    assert optimizer.steps == 45


def test_the_schedule_sees_the_progress():
    optimizer, w = ml.SGD(ml.Step(1.0, 0.5, (0.5,)), weight_decay=0.5), np.ones(1)
    optimizer.step(w, np.zeros(1), progress=0.0)
    assert w == 0.5
    optimizer.step(w, np.zeros(1), progress=0.5)
    assert w == 0.5 * 0.75


@pytest.mark.parametrize("make", [lambda: ml.SGD(0.1, 0.9), lambda: ml.Adam(0.1, epsilon=1e-3)], ids=["sgd", "adam"])
def test_state_without_gradient_does_not_become_subnormal(make: Callable, monkeypatch: pytest.MonkeyPatch):
    def train() -> tuple[np.ndarray, np.ndarray, bool]:
        optimizer, w, g = make(), np.ones(4, np.float32), np.ones(4, np.float32)
        seen = False
        for step in range(1200):
            g[:2] = step == 0  # two entries whose gradient is never seen again
            optimizer.step(w, g)
            decayed = np.concatenate([values[:2] for values in optimizer.state.values()])
            seen |= bool(((decayed != 0) & (np.abs(decayed) < np.finfo(np.float32).tiny)).any())
        return w, optimizer.state[next(iter(optimizer.state))], seen

    w, first, seen = train()
    assert not seen
    np.testing.assert_array_equal(first[:2], 0)
    assert (first[2:] != 0).all()
    monkeypatch.setattr(optimizers, "FLUSH_BELOW", 0)
    unflushed, first, seen = train()
    assert seen  # so the check above means something
    assert (first[:2] != 0).all()
    np.testing.assert_array_equal(w, unflushed)


def test_dtype_stays_that_of_the_parameters():
    for optimizer in (ml.SGD(0.1, 0.9, l2=0.1), ml.Adam(weight_decay=0.1)):
        w = np.ones(3, np.float32)
        optimizer.step(w, np.ones(3, np.float32))
        assert {w.dtype, *(values.dtype for values in optimizer.state.values())} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ml.SGD(0), ValueError, "rate must be a positive number, not 0"),
        (lambda: ml.SGD(-0.1), ValueError, "rate must be a positive number, not -0.1"),
        (lambda: ml.SGD(float("nan")), ValueError, "rate must be a positive number, not nan"),
        (lambda: ml.SGD(float("inf")), ValueError, "rate must be a positive number, not inf"),
        (lambda: ml.SGD(momentum=1), ValueError, "momentum must be at least 0 and less than 1, not 1"),
        (lambda: ml.SGD(momentum=-0.1), ValueError, "momentum must be at least 0 and less than 1, not -0.1"),
        (lambda: ml.SGD(nesterov=True), ValueError, "need a momentum above 0"),
        (lambda: ml.SGD(moving_average=True), ValueError, "need a momentum above 0"),
        (lambda: ml.SGD(weight_decay=-1e-4), ValueError, "weight_decay must be at least 0, not -0.0001"),
        (lambda: ml.SGD(weight_decay=float("inf")), ValueError, "weight_decay must be at least 0"),
        (lambda: ml.Adam(l2=-1), ValueError, "l2 must be at least 0, not -1"),
        (lambda: ml.Adam(beta_1=1.0), ValueError, "beta_1 must be at least 0 and less than 1, not 1.0"),
        (lambda: ml.Adam(beta_2=float("nan")), ValueError, "beta_2 must be at least 0 and less than 1, not nan"),
        (lambda: ml.Adam(epsilon=0), ValueError, "epsilon must be positive, not 0"),
        (lambda: ml.RMSprop(epsilon=-1), ValueError, "epsilon must be positive, not -1"),
        (lambda: ml.RMSprop(rho=1.0), ValueError, "rho must be at least 0 and less than 1, not 1.0"),
        (lambda: ml.Adam(momentum=0.9), TypeError, "unexpected keyword argument 'momentum'"),
        (lambda: ml.SGD(0.1, lr=0.2), TypeError, "unexpected keyword argument 'lr'"),
    ],
)
def test_wrong_options(make: Callable, error: type[Exception], message: str):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_small_squares_still_count(dtype: type):
    """Adam divides by the gradient's size, whatever that is; nothing of it may be taken for zero on the way."""
    g, epsilon = (1e-16, 1e-20) if dtype == np.float64 else (1e-17, 1e-21)
    optimizer, w = ml.Adam(1e-3, epsilon=epsilon), np.zeros(1, dtype)
    for _ in range(60):
        optimizer.step(w, np.full(1, g, dtype))
    assert w[0] == pytest.approx(-0.060, rel=1e-3)


def test_velocities_are_flushed_far_below_what_counts_in_their_type():
    optimizer, w = ml.SGD(1.0, momentum=0.5), np.zeros(1)
    for _ in range(60):
        optimizer.step(w, np.full(1, 1e-200))
    assert w[0] == pytest.approx(-118e-200, rel=1e-6)


def test_rmsprop_is_that_of_keras(rng: np.random.Generator):
    keras = pytest.importorskip("keras")
    w = rng.standard_normal(5)
    variable, theirs = keras.Variable(w, dtype="float64"), keras.optimizers.RMSprop(0.01, rho=0.8, epsilon=1e-3)
    ours = ml.RMSprop(0.01, rho=0.8, epsilon=1e-3)
    assert (ml.RMSprop().rho, ml.RMSprop().epsilon) == (
        keras.optimizers.RMSprop().rho,
        keras.optimizers.RMSprop().epsilon,
    )
    for _ in range(20):
        g = rng.standard_normal(5)
        ours.step(w, g)
        theirs.apply([keras.ops.convert_to_tensor(g)], [variable])
    np.testing.assert_allclose(w, np.asarray(variable), rtol=1e-6)
