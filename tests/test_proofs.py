"""The code of layers, losses and optimizers, run on symbols and proved."""

import numpy as np
import pytest
import sympy as sp

import mnistlab as ml
from mnistlab.experiments import wrong_gradients as wrong
from mnistlab.symbolic.array import SymbolicArray, is_shift, symbols
from mnistlab.symbolic.prove import ProofFailed, is_zero, prove_gradients, symbolic_parameters

CASES = {
    "Dense": ([ml.Dense(2, 3)], ml.SquaredError(), None),
    "Dense without bias": ([ml.Dense(2, 3, bias=False)], ml.SquaredError(), None),
    "ReLU": ([ml.Dense(3, 2), ml.ReLU(), ml.Dense(2, 2)], ml.SoftmaxCrossEntropy(), None),
    "Sigmoid": ([ml.Dense(2, 2), ml.Sigmoid(), ml.Dense(2, 2), ml.Sigmoid()], ml.SquaredError(), None),
    "Tanh": ([ml.Dense(2, 2), ml.Tanh(), ml.Dense(2, 2)], ml.SquaredError(), None),
    "Softmax, squared error": ([ml.Dense(2, 3), ml.Softmax()], ml.SquaredError(), None),
    "softmax cross-entropy": ([ml.Dense(2, 3)], ml.SoftmaxCrossEntropy(), None),
    "label smoothing": ([ml.Dense(2, 4)], ml.SoftmaxCrossEntropy(0.25), None),
    "no biases, Softmax as a layer": (
        [ml.Dense(2, 2, bias=False), ml.Dense(2, 2, bias=False), ml.Softmax()],
        ml.CrossEntropy(0.25),
        None,
    ),
    "Dropout": ([ml.Dense(2, 3), ml.ReLU(), ml.Dropout(0.3), ml.Dense(3, 2)], ml.SoftmaxCrossEntropy(), 1),
    "two hidden layers": (
        [ml.Dense(2, 2), ml.ReLU(), ml.Dense(2, 2), ml.Tanh(), ml.Dense(2, 2)],
        ml.SoftmaxCrossEntropy(),
        None,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_backward_is_the_derivative_of_forward(case):
    layers, loss, seed = CASES[case]
    network = ml.Network(layers)
    before = network.parameters.copy()
    proof = prove_gradients(network, loss, seed=seed).check()
    shifts = proof.groups().get("L/shift", 0)
    assert len(proof.entries) == network.parameters.size + 2 * network.input_size + shifts
    assert np.array_equal(network.parameters, before) and network.parameters.dtype == np.float32


def test_label_smoothing_is_proved_for_every_amount():
    loss = ml.SoftmaxCrossEntropy()
    loss.label_smoothing = sp.Symbol("epsilon", positive=True)
    prove_gradients(ml.Network([ml.Dense(2, 3)]), loss).check()


def wrong_sign(layer, dz, need_dx=True):
    return -dz * layer.y * (1 - layer.y)


def no_transpose(layer, dz, need_dx=True):
    np.matmul(layer.x.T, dz, out=layer.dW)
    return dz @ layer.W


def squared_error_doubled(loss):
    return 2 * loss.difference / len(loss.difference)


def tanh_of_the_input(layer, dy, need_dx=True):
    return dy * (1 - layer.y)


PLANTED = [
    (ml.Sigmoid, wrong_sign, "Sigmoid"),
    (ml.Dense, no_transpose, "two hidden layers"),
    (ml.Dense, wrong.DenseWithoutBiasGradient.backward, "Dense"),
    (ml.ReLU, wrong.MaskOfTheOutput.backward, "ReLU"),
    (ml.SoftmaxCrossEntropy, wrong.SumInsteadOfMean.backward, "softmax cross-entropy"),
    (ml.Softmax, wrong.DiagonalSoftmax.backward, "Softmax, squared error"),
    (ml.Dropout, wrong.DropoutWithoutMask.backward, "Dropout"),
    (ml.SquaredError, squared_error_doubled, "Dense"),
    (ml.Tanh, tanh_of_the_input, "Tanh"),
]


@pytest.mark.parametrize(("owner", "mistake", "case"), PLANTED, ids=lambda value: getattr(value, "__qualname__", None))
def test_a_planted_error_is_found_with_a_counterexample(monkeypatch, owner, mistake, case):
    monkeypatch.setattr(owner, "backward", mistake)
    layers, loss, seed = CASES[case]
    proof = prove_gradients(ml.Network(layers), loss, seed=seed)
    with pytest.raises(ProofFailed, match="NOT PROVED"):
        proof.check()
    failed = [entry for entry in proof.entries if not entry.proved]
    assert failed and all(entry.counterexample for entry in failed)
    for entry in failed:
        assert abs(entry.counterexample["written"] - entry.counterexample["derivative"]) > 1e-9


def test_a_forgotten_shift_is_found(monkeypatch):
    def forward(loss, logits, targets):
        shifted = logits - np.max(logits, axis=1, keepdims=True)
        e = np.exp(shifted)
        total = np.sum(e, axis=1, keepdims=True)
        loss.p, loss.t = e / total, targets
        return np.sum(targets * (np.log(total) - logits)) / len(logits)

    monkeypatch.setattr(ml.SoftmaxCrossEntropy, "forward", forward)
    proof = prove_gradients(ml.Network([ml.Dense(2, 3)]), ml.SoftmaxCrossEntropy())
    assert [entry.name for entry in proof.entries if not entry.proved] == ["L/shift", "L/shift"]


def test_is_zero_knows_identities_and_nothing_else():
    x, y = sp.symbols("x y", real=True)
    zeros = [
        sp.exp(2 * x) - sp.exp(x) ** 2,
        sp.exp(-x) * sp.exp(x) - 1,
        (x + y) ** 2 / (x + y) - x - y,
        sp.exp(x) / (sp.exp(x) + 1) + 1 / (1 + sp.exp(x)) - 1,
    ]
    assert [is_zero(zero) for zero in zeros] == [True] * len(zeros)
    others = [sp.exp(x) - sp.exp(y), sp.tanh(x) - sp.tanh(2 * x), sp.Rational(1, 10**20), sp.Heaviside(x) - 1]
    assert not any(is_zero(other) for other in others)


def test_functions_without_a_counterpart_are_refused():
    with pytest.raises(TypeError, match=r"numpy\.arctan"):
        np.arctan(symbols("x", (2,)))


def test_floats_are_taken_exactly():
    (value,) = symbols("x", (1,)) * 0.1
    assert value.args[0] == sp.Rational(3602879701896397, 36028797018963968)


def test_a_maximum_along_an_axis_becomes_a_shift():
    array = symbols("x", (2, 3))
    top = np.max(array, axis=1, keepdims=True)
    assert isinstance(top, SymbolicArray) and top.shape == (2, 1)
    assert all(is_shift(symbol) for symbol in top.ravel()) and not is_shift(array[0, 0])


def updates():
    """Each optimizer, with symbols for its numbers, and the update that its docstring promises for step two."""
    w, g1, g2 = (symbols(name, (2,)) for name in ("w", "g", "h"))
    eta, mu, lam, b1, b2, eps = sp.symbols("eta mu lambda beta_1 beta_2 epsilon", positive=True)
    sgd = {"w": w - eta * g1 - eta * g2}
    v1 = -eta * g1
    v2 = mu * v1 - eta * g2
    average = (1 - mu) * v1, mu * (1 - mu) * v1 - eta * (1 - mu) * g2
    m1, m2 = (1 - b1) * g1, b1 * (1 - b1) * g1 + (1 - b1) * g2
    s1, s2 = (1 - b2) * g1**2, b2 * (1 - b2) * g1**2 + (1 - b2) * g2**2
    adam = w
    for step, (m, s) in enumerate(((m1, s1), (m2, s2)), 1):
        adam = adam - eta * (m / (1 - b1**step)) / (np.sqrt(s / (1 - b2**step)) + eps)
    decayed = w * (1 - eta * lam) - eta * g1
    penalized = w - eta * (g1 + lam * w)
    options = {
        "plain": (ml.SGD(), {}, sgd["w"]),
        "momentum": (ml.SGD(momentum=0.5), {"momentum": mu}, w + v1 + v2),
        "Nesterov": (ml.SGD(momentum=0.5, nesterov=True), {"momentum": mu}, w + mu * (v1 + v2) - eta * (g1 + g2)),
        "moving average": (ml.SGD(momentum=0.5, moving_average=True), {"momentum": mu}, w + average[0] + average[1]),
        "Adam": (ml.Adam(), {"beta_1": b1, "beta_2": b2, "epsilon": eps}, adam),
        "weight decay": (ml.SGD(weight_decay=0.1), {"weight_decay": lam}, decayed * (1 - eta * lam) - eta * g2),
        "L2": (ml.SGD(l2=0.1), {"l2": lam}, penalized - eta * (g2 + lam * penalized)),
    }
    for name, (optimizer, numbers, expected) in options.items():
        optimizer.learning_rate = lambda progress: eta
        vars(optimizer).update(numbers)
        yield pytest.param(optimizer, w.copy(), (g1, g2), expected, id=name)


@pytest.mark.parametrize(("optimizer", "w", "gradients", "expected"), list(updates()))
def test_two_steps_of_each_optimizer_are_its_formula(optimizer, w, gradients, expected):
    for gradient in gradients:
        optimizer.step(w, gradient)
    assert all(is_zero(sp.powdenest(a - b, force=True)) for a, b in zip(w, expected, strict=True))


def test_a_wrong_update_is_found(monkeypatch):
    def update(self, w, g, rate):
        v = self.zeros("velocity", w)
        v *= self.momentum
        v += rate * g
        w += v

    monkeypatch.setattr(ml.SGD, "update", update)
    optimizer, w, gradients, expected = next(case.values for case in updates() if case.id == "momentum")
    for gradient in gradients:
        optimizer.step(w, gradient)
    assert not any(is_zero(a - b) for a, b in zip(w, expected, strict=True))


def test_parameters_return_after_an_error():
    network = ml.Network([ml.Dense(2, 2)])
    kept = network.parameters
    with pytest.raises(RuntimeError), symbolic_parameters(network):
        raise RuntimeError
    assert network.parameters is kept and network.layers[0].W.base is not None
