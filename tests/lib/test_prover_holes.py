"""Wrong code that a prover might take for right, each piece refused; and right code written in other ways."""

import numpy as np
import pytest

import mnistlab as ml
from mnistbook.ch90_traceability import planted as of
from mnistbook.ch90_traceability.planted import (
    absolute,
    clipped,
    elu,
    gelu,
    keep,
    layer,
    leaky_by_index,
    leaky_by_where,
    network_of,
    softplus,
    sum_and_keep,
    two_steps,
    zero_by_index,
)
from mnistlab.symbolic import NotUnderstood, SymbolicArray, prove_for_every_size, prove_gradients, updates
from mnistlab.symbolic.array import expressions, symbols, values
from mnistlab.symbolic.prove import ProofFailed


def selected(self, x):
    y = keep(self, x).copy()
    y[x < 0] = np.exp(x[x < 0]) - 1
    return y


RIGHT_LAYERS = {
    "leaky ReLU": (leaky_by_where, lambda self, dy: np.where(self.x > 0, dy, 0.1 * dy)),
    "leaky ReLU by index": (leaky_by_index, lambda self, dy: dy * ((self.x > 0) + 0.1 * (self.x <= 0))),
    "leaky ReLU by maximum": (
        lambda self, x: np.maximum(keep(self, x), x / 10),
        lambda self, dy: np.where(self.x > 0, dy, dy / 10),
    ),
    "ELU": (elu, lambda self, dy: np.where(self.x > 0, dy, dy * np.exp(self.x))),
    "x times its mask": (lambda self, x: keep(self, x) * (x > 0), lambda self, dy: dy * (self.x > 0)),
    "ReLU by where": (
        lambda self, x: np.where(keep(self, x) > 0, x, 0),
        lambda self, dy: np.where(self.x > 0, dy, 0),
    ),
    "ReLU by a weak comparison": (
        lambda self, x: np.where(x >= np.maximum(keep(self, x), 0), x, 0),
        lambda self, dy: dy * (self.x >= 0),
    ),
    "mask of the output": (sum_and_keep, lambda self, dy: dy * (self.y > 0)),
    "index assignment": (zero_by_index, lambda self, dy: dy * (self.x > 0)),
    "sum of two steps": (two_steps, lambda self, dy: dy * (1 * (self.x > 0) + 1 * (self.x > 1))),
    "clip": (clipped, lambda self, dy: dy * ((self.x > -1) & (self.x < 1))),
    "clip by OR and NOT": (clipped, lambda self, dy: dy * ~((self.x <= -1) | (self.x >= 1))),
    "absolute value": (absolute, lambda self, dy: dy * np.sign(self.x)),
    "ELU by a selection": (selected, lambda self, dy: dy * np.where(self.x < 0, np.exp(self.x), 1)),
    "ELU by minimum": (
        lambda self, x: np.maximum(keep(self, x), 0) + np.exp(np.minimum(x, 0)) - 1,
        lambda self, dy: dy * ((self.x > 0) + (self.x <= 0) * np.exp(np.minimum(self.x, 0))),
    ),
    "a mask of numbers": (
        lambda self, x: x * (keep(self, x) > 0).astype(x.dtype),
        lambda self, dy: dy * (self.x > 0).astype(dy.dtype),
    ),
    "GELU by tanh": (
        gelu,
        lambda self, dy: dy * (1 + self.t + self.x * (1 - self.t * self.t) * 0.75 * (1 + 0.1875 * self.x * self.x)) / 2,
    ),
    "logistic without overflow": (
        lambda self, x: np.exp(np.minimum(keep(self, x), 0)) / (1 + np.exp(-np.abs(x))),
        lambda self, dy: dy * np.exp(-np.abs(self.x)) / (1 + np.exp(-np.abs(self.x))) ** 2,
    ),
    "softplus": (softplus, lambda self, dy: dy / (1 + np.exp(-self.x))),
    "softplus by hand": (
        lambda self, x: np.maximum(keep(self, x), 0) + np.log1p(np.exp(-np.abs(x))),
        lambda self, dy: dy / (1 + np.exp(-self.x)),
    ),
}


def with_dense(planted):
    return ml.Network([ml.Dense(2, 2), planted()])


@pytest.mark.parametrize("planted", of.PLANTED, ids=lambda planted: f"{planted.kind}, {planted.name}")
def test_wrong_code_is_refused(planted):
    assert of.refused_by(planted)


@pytest.mark.parametrize("name", ["leaky ReLU, slope 5", "the published mask", "GELU, inner derivative"])
def test_a_counterexample_differs(name):
    (planted,) = (each for each in of.PLANTED if each.name == name)
    for proof in (prove_gradients(*network_of(planted.make())), prove_for_every_size(planted.make())):
        found = [entry.counterexample for entry in proof.entries if entry.counterexample]
        assert found and not proof.holds
        assert all(abs(numbers["written"] - numbers["derivative"]) > 1e-9 for numbers in found)


@pytest.mark.parametrize("name", of.UNSEEN)
def test_what_no_proof_can_see_is_proved(name):
    make, why = of.UNSEEN[name]
    prove_gradients(*network_of(make()), batch=1).check()
    prove_for_every_size(make()).check()
    assert why


@pytest.mark.parametrize("name", RIGHT_LAYERS)
def test_a_right_layer_written_another_way_is_proved(name):
    planted = layer(*RIGHT_LAYERS[name])
    prove_gradients(with_dense(planted), ml.SquaredError(), batch=1).check()
    prove_for_every_size(planted()).check()


@pytest.mark.parametrize("name", ["ReLU by where", "x times its mask", "mask of the output", "index assignment"])
def test_a_relu_written_another_way_is_the_equation_of_relu(name):
    planted = layer(*RIGHT_LAYERS[name], base=ml.ReLU)
    prove_gradients(with_dense(planted), ml.SquaredError(), batch=1).check()
    prove_for_every_size(planted()).check()


def test_a_sigmoid_without_overflow_is_the_equation_of_the_sigmoid():
    planted = layer(*RIGHT_LAYERS["logistic without overflow"], base=ml.Sigmoid)
    prove_gradients(with_dense(planted), ml.SquaredError(), batch=1).check()
    prove_for_every_size(planted()).check()


class DenseOfTransposed(ml.Dense):
    """A dense layer with its products the other way round, and gradients that are assigned."""

    def forward(self, x, rng=None):
        self.x = x
        return (self.W.T @ x.T).T + self.b

    def backward(self, dz, need_dx=True):
        self.dW = self.x.T.dot(dz)
        self.db = dz.sum(axis=0)
        return np.dot(self.W, dz.T).T if need_dx else None


class SquareRight(of.SquareTransposed):
    """A second matrix, K × K, with the right gradient."""

    def backward(self, dy, need_dx=True):
        self.dV[...] = self.h.T @ dy
        dh = dy @ self.V.T
        self.dW[...] = self.x.T @ dh
        return dh @ self.W.T


class Scaled(ml.Dense):
    """A dense layer with a factor for each output, of which the equation of Dense says nothing."""

    def parameter_shapes(self):
        return {"W": (self.inputs, self.outputs), "g": (self.outputs,)}

    def initialize(self, rng):
        self.W[...], self.g[...] = rng.standard_normal(self.W.shape), 1

    def forward(self, x, rng=None):
        self.x, self.h = x, x @ self.W
        return self.h * self.g

    def backward(self, dy, need_dx=True):
        np.sum(dy * self.h, axis=0, out=self.dg)
        dh = dy * self.g
        np.dot(self.x.T, dh, out=self.dW)
        return dh @ self.W.T if need_dx else None


class ScaledLayer(ml.Layer):
    """The same as a layer of its own."""

    def __init__(self, inputs, outputs):
        self.inputs, self.outputs = inputs, outputs

    parameter_shapes, initialize = Scaled.parameter_shapes, Scaled.initialize
    forward, backward = Scaled.forward, Scaled.backward


@pytest.mark.parametrize("right", [DenseOfTransposed, SquareRight, ScaledLayer])
def test_a_right_layer_with_parameters_is_proved(right):
    prove_gradients(ml.Network([right(2, 3)]), ml.SquaredError(), batch=2).check()
    prove_for_every_size(right(2, 3)).check()


def test_a_dense_layer_that_is_scaled_is_not_the_equation_of_dense():
    """A parameter named like a symbol of the prover is another symbol."""
    assert of.refuses(lambda: prove_for_every_size(Scaled(2, 3)))


class Normalized(ml.Layer):
    """Each row less its mean, divided by its standard deviation (layer normalization)."""

    means = 2
    """How many of the two means the backward pass takes off: both, if it is right."""

    def forward(self, x, rng=None):
        centred = x - np.mean(x, axis=1, keepdims=True)
        self.sd = np.sqrt(np.mean(centred * centred, axis=1, keepdims=True) + 1e-5)
        self.y = centred / self.sd
        return self.y

    def backward(self, dy, need_dx=True):
        taken = (np.mean(dy, axis=1, keepdims=True), self.y * np.mean(dy * self.y, axis=1, keepdims=True))
        return (dy - sum(taken[: self.means])) / self.sd


def test_a_layer_with_a_square_root_is_proved():
    prove_gradients(ml.Network([ml.Dense(2, 3), Normalized()]), ml.SquaredError(), batch=1).check()
    prove_for_every_size(Normalized()).check()


@pytest.mark.parametrize("means", [0, 1])
def test_a_layer_with_a_square_root_that_forgets_a_mean_is_refused(means):
    wrong = Normalized()
    wrong.means = means
    assert of.refuses(lambda: prove_gradients(ml.Network([ml.Dense(2, 3), wrong]), ml.SquaredError(), batch=1))
    assert of.refuses(lambda: prove_for_every_size(wrong))


class AbsoluteError(ml.Loss):
    def forward(self, y, targets):
        self.difference = y - targets
        return np.sum(np.abs(self.difference)) / y.shape[0]

    def backward(self):
        return np.sign(self.difference) / self.difference.shape[0]


class LogSoftmaxWithoutShift(of.LogSoftmax):
    def forward(self, z, targets):
        log_p = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
        self.p, self.t = np.exp(log_p), targets
        return np.mean(np.sum(-targets * log_p, axis=1))


@pytest.mark.parametrize("right", [AbsoluteError, of.Hinge, of.LogSoftmax, LogSoftmaxWithoutShift])
def test_a_right_loss_is_proved(right):
    prove_gradients(ml.Network([ml.Dense(2, 2)]), right(), batch=2).check()
    prove_for_every_size(right()).check()


def test_a_huber_loss_is_proved_and_says_that_no_equation_is_known():
    proof = prove_gradients(ml.Network([ml.Dense(2, 2)]), of.Huber(), batch=1).check()
    assert "no equation known, forward taken at its word: Huber()" in repr(proof)
    prove_for_every_size(of.Huber()).check()


def test_the_claim_says_what_was_assumed_of_the_targets():
    network = ml.Network([ml.Dense(2, 3)])
    assert "targets: free symbols" in repr(prove_gradients(network, ml.SquaredError()))
    assert "targets: rows that add to 1" in repr(prove_gradients(network, ml.SoftmaxCrossEntropy()))
    assert "away from kinks" in repr(prove_gradients(network, ml.SquaredError()))


# Optimizers.

COMBINATIONS = {update.of: update for update in updates.COMBINATIONS}


@pytest.mark.parametrize("name", COMBINATIONS)
def test_every_combination_of_options_is_proved(name):
    updates.prove_update(COMBINATIONS[name]).check()


def test_the_combinations_are_all_that_can_be_made():
    assert len(COMBINATIONS) == (5 + 3 + 2) * 7  # rules of SGD, Adam and RMSprop; penalties, with and without biases


# Truths, and what is not understood.


def array():
    return values(symbols("x", (2, 3)))


NOT_UNDERSTOOD = {
    "a branch": lambda x: 1 if x[0, 0] > 0 else 0,
    "the truth of a number": lambda x: 1 if x[0, 0] else 0,
    "equality": lambda x: x[0, 0] == 1 or 0,
    "an integer": lambda x: range(x[0, 0]),
    "a float": lambda x: float(x[0, 0]),
    "count_nonzero": lambda x: np.count_nonzero(x > 0),
    "argmax": np.argmax,
    "sort": np.sort,
    "any": lambda x: (x > 0).any(),
    "all": lambda x: np.all(x > 0),
    "nonzero": lambda x: x.nonzero(),
    "array_equal": lambda x: np.array_equal(x, x),
    "a plain array's comparison": lambda x: np.asarray(x).view(np.ndarray) > 0,
    "floats": lambda x: x.astype(float),
    "into floats": lambda x: np.zeros((2, 3)).__setitem__(0, x[0]),
    "truths subtracted": lambda x: (x > 0) - (x > 1),
    "a number as a condition": lambda x: np.where(x, 1, 2),
    "AND of numbers": lambda x: np.logical_and(x, x),
    "an index": lambda x: np.eye(3)[x[0, 0]],
    "floor": np.floor,
    "isnan": np.isnan,
    "select": lambda x: np.select([x > 0], [x]),
    "linalg": np.linalg.norm,
    "infinity": lambda x: np.maximum(x, -np.inf),
    "min of Python": lambda x: min(x[0, 0], x[0, 1]),
    "two selections": lambda x: x[x > 0] + x[x > 1],
    "an array where a mask holds": lambda x: x.__setitem__(x > 0, np.ones(4)),
    "a sum of truths": lambda x: (x > 0) + (x > 1),
    "a product of arrays of truths": lambda x: (x > 0) @ (x > 0).T,
    "truths as floats": lambda x: (x > 0).astype(float),
}


@pytest.mark.parametrize("name", NOT_UNDERSTOOD)
def test_what_is_not_understood_is_refused(name):
    with pytest.raises((NotUnderstood, IndexError)):
        NOT_UNDERSTOOD[name](array())


def test_comparisons_say_what_holds_at_the_jump():
    zero = values(np.zeros(1, dtype=object).view(SymbolicArray))
    x = values(symbols("x", (1,)))
    for compare, at_jump in ((np.greater, 0), (np.greater_equal, 1), (np.less, 0), (np.less_equal, 1), (np.equal, 1)):
        (value,) = expressions(compare(x, 0))
        (there,) = expressions(compare(zero, 0))
        assert value.subs(symbols("x", (1,))[0], 0) == there == at_jump


def test_dot_of_more_than_two_dimensions_is_not_matmul():
    a, b = values(symbols("a", (2, 1, 2))), values(symbols("b", (2, 2, 1)))
    assert np.dot(a, b).shape == (2, 1, 2, 1)
    assert np.matmul(a, b).shape == (2, 1, 1)


def test_a_failed_proof_says_so():
    with pytest.raises(ProofFailed, match="NOT PROVED"):
        prove_gradients(ml.Network([of.Adding(2, 2)]), ml.SquaredError()).check()


def test_a_class_in_place_of_a_layer_is_refused_in_words():
    with pytest.raises(TypeError, match=r"pass an object such as ReLU\(\)"):
        prove_for_every_size(ml.ReLU)
