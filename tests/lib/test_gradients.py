"""What ``backward`` writes is the derivative of what ``forward`` computes, and the checkers notice where it is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from strategies import Problem, problems

import mnistlab as ml
from mnistlab.gradcheck import relative_error

F64 = np.float64


@given(problems())
def test_gradients_equal_finite_differences(problem: Problem):
    assume(problem.distance_to_kink() > 1e-3)
    network = problem.network
    network.gradients[...] = np.nan  # what is not written stays visible
    problem.loss_value()
    dx = network.backward(problem.loss.backward(), need_dx=True)
    tolerance = {"rtol": 1e-6, "atol": 1e-8}
    numerical = ml.numerical_gradient(problem.loss_value, network.parameters)
    np.testing.assert_allclose(network.gradients, numerical, **tolerance)
    np.testing.assert_allclose(dx, ml.numerical_gradient(problem.loss_value, problem.x), **tolerance)


@given(problems())
def test_skipping_the_input_gradient_changes_no_other(problem: Problem):
    network = problem.network
    problem.loss_value()
    dy = problem.loss.backward()
    assert network.backward(dy, need_dx=True).shape == problem.x.shape
    with_dx = network.gradients.copy()
    network.gradients[...] = np.nan
    assert network.backward(dy) is None
    np.testing.assert_array_equal(network.gradients, with_dx)


def test_the_first_layer_is_spared_its_input_gradient(monkeypatch: pytest.MonkeyPatch):
    asked = []
    backward = ml.Dense.backward
    monkeypatch.setattr(ml.Dense, "backward", lambda *args: asked.append(args[2]) or backward(*args))
    network = ml.Network([ml.Dense(2, 2), ml.Tanh(), ml.Dense(2, 2)])
    dy = np.ones_like(network.forward(np.ones((1, 2), np.float32)))
    network.backward(dy)
    network.backward(dy, need_dx=True)
    assert asked == [True, False, True, True]


# One problem in which every rule of the library takes part, square where a transpose could hide in the shapes.
LAYERS = {
    "relu": lambda: [ml.Dense(4, 4), ml.ReLU(), ml.Dense(4, 4)],
    "sigmoid": lambda: [ml.Dense(4, 4), ml.Sigmoid(), ml.Dense(4, 4)],
    "tanh": lambda: [ml.Dense(4, 4), ml.Tanh(), ml.Dense(4, 4)],
    "softmax": lambda: [ml.Dense(4, 4), ml.Tanh(), ml.Dense(4, 4), ml.Softmax()],
    "dropout": lambda: [ml.Dense(4, 4), ml.Dropout(0.5), ml.Dense(4, 4)],
}
LOSSES = {
    "logits": lambda: ml.SoftmaxCrossEntropy(),
    "smoothed": lambda: ml.SoftmaxCrossEntropy(0.2),
    "probabilities": lambda: ml.CrossEntropy(),
    "clipped": lambda: ml.CrossEntropy(0.25),
    "squares": lambda: ml.SquaredError(),
}
COMBINATIONS = [
    ("relu", "logits"),
    ("sigmoid", "smoothed"),
    ("tanh", "squares"),
    ("softmax", "probabilities"),
    ("softmax", "clipped"),
    ("softmax", "squares"),
    ("dropout", "logits"),
]


def make(layers: str, loss: str) -> Problem:
    rng = np.random.default_rng(3)
    network = ml.Network(LAYERS[layers](), dtype=F64)
    network.parameters[...] = rng.standard_normal(network.parameters.size)
    problem = Problem(network, LOSSES[loss](), rng.standard_normal((5, 4)), np.eye(4)[[0, 1, 2, 3, 0]], seed=1)
    assert problem.distance_to_kink() > 1e-3
    return problem


def errors(problem: Problem) -> dict[str, float]:
    """Every relative error that the library's two checkers find."""
    arguments = (problem.network, problem.loss, problem.x, problem.targets)
    found = ml.check_gradients(*arguments, seed=problem.seed)
    direction = ml.check_direction(*arguments, rng=np.random.default_rng(5), seed=problem.seed)
    return {**found, "direction": direction}


@pytest.mark.parametrize(("layers", "loss"), COMBINATIONS)
def test_the_checkers_agree_with_the_library(layers: str, loss: str):
    problem = make(layers, loss)
    parameters, x = problem.network.parameters.copy(), problem.x.copy()
    assert max(errors(problem).values()) < 1e-7
    np.testing.assert_array_equal(problem.network.parameters, parameters)
    np.testing.assert_array_equal(problem.x, x)


def test_the_clipped_problem_is_clipped_in_part():
    problem = make("softmax", "clipped")
    problem.loss_value()
    at_target = problem.loss.p[problem.targets == 1]
    assert (at_target < problem.loss.epsilon).any()
    assert (at_target > problem.loss.epsilon).any()


def _dense(dW=None, db=None, dx=None):
    """Return a ``Dense.backward`` with some of its three rules replaced."""

    def backward(self, dz, need_dx=True):
        self.dW[...] = self.x.T @ dz if dW is None else dW(self, dz)
        if self.bias:
            self.db[...] = dz.sum(axis=0) if db is None else db(self, dz)
        return dz @ self.W.T if dx is None else dx(self, dz)

    return backward


# Where it is planted; the problem that meets it; the wrong rule.
PLANTED = {
    "dense, sign of dW": (ml.Dense, "relu", "logits", _dense(dW=lambda self, dz: -self.x.T @ dz)),
    "dense, dW transposed": (ml.Dense, "relu", "logits", _dense(dW=lambda self, dz: dz.T @ self.x)),
    "dense, db forgotten": (ml.Dense, "relu", "logits", _dense(db=lambda self, dz: 0)),
    "dense, db a mean": (ml.Dense, "relu", "logits", _dense(db=lambda self, dz: dz.mean(axis=0))),
    "dense, dx not transposed": (ml.Dense, "relu", "logits", _dense(dx=lambda self, dz: dz @ self.W)),
    "relu, sign": (ml.ReLU, "relu", "logits", lambda self, dy, need_dx=True: -dy * (self.x > 0)),
    "relu, mask of its output": (
        ml.ReLU,
        "relu",
        "logits",
        lambda self, dy, need_dx=True: dy * (np.maximum(self.x, 0) >= 0),
    ),
    "sigmoid, a factor": (ml.Sigmoid, "sigmoid", "smoothed", lambda self, dy, need_dx=True: dy * (1 - self.y)),
    "tanh, no square": (ml.Tanh, "tanh", "squares", lambda self, dy, need_dx=True: dy * (1 - self.y)),
    "softmax, diagonal only": (
        ml.Softmax,
        "softmax",
        "squares",
        lambda self, dp, need_dx=True: self.p * (1 - self.p) * dp,
    ),
    "dropout, no mask": (ml.Dropout, "dropout", "logits", lambda self, dy, need_dx=True: dy),
    "loss on logits, no 1/N": (ml.SoftmaxCrossEntropy, "relu", "logits", lambda self: self.p - self.t),
    "loss on logits, sign": (ml.SoftmaxCrossEntropy, "relu", "logits", lambda self: (self.t - self.p) / len(self.p)),
    "loss on logits, unsmoothed": (
        ml.SoftmaxCrossEntropy,
        "sigmoid",
        "smoothed",
        lambda self: (self.p - (self.t > 0.5)) / len(self.p),
    ),
    "loss on probabilities, no 1/N": (
        ml.CrossEntropy,
        "softmax",
        "probabilities",
        lambda self: -self.t / self.p,
    ),
    "loss on probabilities, not clipped": (
        ml.CrossEntropy,
        "softmax",
        "clipped",
        lambda self: -self.t / np.maximum(self.p, self.epsilon) / len(self.p),
    ),
    "squares, a factor 2": (
        ml.SquaredError,
        "tanh",
        "squares",
        lambda self: 2 * self.difference / len(self.difference),
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_error_is_found(name: str, monkeypatch: pytest.MonkeyPatch):
    owner, layers, loss, wrong = PLANTED[name]
    problem = make(layers, loss)
    monkeypatch.setattr(owner, "backward", wrong)
    found = errors(problem)
    assert found["parameters"] > 1e-2
    assert found["direction"] > 1e-3
    # dL/dx passes through every rule but those for dW and db.
    assert (found["inputs"] > 1e-2) == (owner is not ml.Dense or "dx" in name)


def test_checks_refuse_float32():
    network = ml.Network([ml.Dense(2, 2)])
    x = np.ones((1, 2))
    with pytest.raises(TypeError, match="float64"):
        ml.check_gradients(network, ml.SquaredError(), x, x)
    with pytest.raises(TypeError, match="float64"):
        ml.check_direction(ml.Network([ml.Dense(2, 2)], dtype=F64), ml.SquaredError(), x.astype("f4"), x, rng=None)


def test_numerical_gradient_and_relative_error():
    x = np.array([[1.0, -2.0], [0.5, 3.0]])
    kept = x.copy()
    np.testing.assert_allclose(ml.numerical_gradient(lambda: float(np.sum(x**3)), x), 3 * x**2, rtol=1e-8)
    np.testing.assert_array_equal(x, kept)
    assert relative_error(np.array([3.0, 4.0]), np.array([0.0, 0.0])) == pytest.approx(1)
    assert relative_error(np.array([1.0]), np.array([1.1])) == pytest.approx(0.1 / 2.1)
    assert relative_error(np.zeros(2), np.zeros(2)) == 0
