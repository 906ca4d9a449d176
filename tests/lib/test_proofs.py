"""The code of layers, losses and optimizers, run on symbols and proved."""

import copy

import numpy as np
import pytest
import sympy as sp

import mnistlab as ml
from mnistbook.ch07_checking_gradients import wrong_gradients as wrong
from mnistlab.symbolic import cases, updates
from mnistlab.symbolic.array import SymbolicArray, is_shift, symbols
from mnistlab.symbolic.prove import ProofFailed, is_zero, prove_gradients, prove_jacobian, symbolic_parameters

CASES = {case.name: case for case in cases.CASES}
UPDATES = {update.of: update for update in updates.UPDATES}


@pytest.mark.parametrize("name", CASES)
def test_backward_is_the_derivative_of_forward(name):
    network = CASES[name].network()
    before = network.parameters.copy()
    proof = prove_gradients(network, CASES[name].loss, seed=CASES[name].seed).check()
    groups = proof.groups()
    parameters = sum(count for name, count in groups.items() if name[0] in "Wb")
    # Once in the network, with two samples, and in the layer alone with one, two and three.
    assert parameters == 4 * network.parameters.size and groups["x"] == 2 * network.input_size
    assert groups["L"] == 3 and groups["y"] == 6 * network.output_size
    for number, layer in enumerate(network.layers, 1):
        passes = 2 if isinstance(layer, ml.Dropout) else 1  # with a generator and without
        assert groups[f"x^{{({number})}}"] == passes * 6 * (layer.inputs or network.layers[number - 2].outputs or 3)
    assert np.array_equal(network.parameters, before) and network.parameters.dtype == np.float32


def test_a_proof_says_what_was_proved_in_lines_that_fit_a_page():
    lines = repr(CASES["two hidden layers"].prove()).splitlines()
    assert max(map(len, lines)) <= 72
    assert lines[1:7] == [f"  {part!r}" for part in (*CASES["two hidden layers"].layers(), ml.SoftmaxCrossEntropy())]
    assert lines[7:10] == [
        "  its parts alone: 1, 2, 3 samples",
        "  targets: rows that add to 1",
        "  real numbers, away from kinks",
    ]
    assert lines[-1] == "  proved: 219 of 219 identities"


def test_the_jacobian_of_softmax_holds_the_derivatives(monkeypatch):
    proof = prove_jacobian(ml.Softmax(), size=3).check()
    assert proof.groups() == {"s/shift": 3, "J": 9}
    monkeypatch.setattr(ml.Softmax, "jacobian", lambda self: self.p[:, :, None] * np.eye(3, dtype=object))
    assert not prove_jacobian(ml.Softmax(), size=3).holds


def test_a_loss_that_remembers_symbols_is_proved_again():
    """Copies of what it remembers do not get into the proof, in which a maximum knows of what it is one."""
    loss, network = ml.SoftmaxCrossEntropy(), ml.Network([ml.Dense(2, 3)])
    for _ in range(2):
        prove_gradients(network, loss, batch=1).check()
    (shift,) = np.max(symbols("x", (1, 2)), axis=1)
    assert copy.deepcopy(shift).of == shift.of


def test_label_smoothing_is_proved_for_every_amount():
    loss = ml.SoftmaxCrossEntropy()
    loss.label_smoothing = sp.Symbol("epsilon", positive=True)
    prove_gradients(ml.Network([ml.Dense(2, 3)]), loss).check()


def wrong_sign(layer, dz, need_dx=True):
    return -dz * layer.y * (1 - layer.y)


def no_transpose(layer, dz, need_dx=True):
    np.dot(layer.x.T, dz, out=layer.dW)
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
    proof = CASES[case].prove()
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
    failed = [entry for entry in proof.entries if not entry.proved]
    assert "L" in {entry.name for entry in failed} and all(entry.counterexample for entry in failed)


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


def test_the_answer_does_not_depend_on_the_order_of_unknowns():
    """Unknowns are numbered as they are made, so that a second call sees them in another order."""
    a, b, c, d = sp.symbols("a b c d", real=True)
    total = sum(map(sp.exp, (a, b, c, d)))
    share = sp.exp(a) / total
    zero = (share - share**2) * total * sp.exp(-a) - (1 - share)
    assert all(is_zero(zero) for _ in range(20))


def test_functions_without_a_counterpart_are_refused():
    with pytest.raises(TypeError, match=r"numpy\.arctan"):
        np.arctan(symbols("x", (2,)))


def test_floats_are_taken_exactly():
    (value,) = symbols("x", (1,)) * 0.1
    assert value.args[0] == sp.Rational(3602879701896397, 36028797018963968)
    product = symbols("x", (1, 1))
    np.dot(np.array([[0.1]]), symbols("y", (1, 1)), out=product)
    assert product[0, 0].args[0] == value.args[0]


def test_a_maximum_along_an_axis_becomes_a_shift():
    array = symbols("x", (2, 3))
    top = np.max(array, axis=1, keepdims=True)
    assert isinstance(top, SymbolicArray) and top.shape == (2, 1)
    assert all(is_shift(symbol) for symbol in top.ravel()) and not is_shift(array[0, 0])


@pytest.mark.parametrize("name", UPDATES)
def test_each_step_of_each_optimizer_is_its_formula(name):
    """The first one, and any other, at which tiny numbers are flushed or not."""
    groups = updates.prove_update(UPDATES[name]).check().groups()
    assert groups["w"] == 3 * 2 and groups["t"] == 3
    stateless = name in ("SGD", "SGD.weight_decay", "SGD.l2")
    states = {"SGD": 0 if stateless else 1, "RMSprop": 1, "Adam": 2}[name.split(".")[0]]
    assert [group for group in groups if group.startswith("state")] == list(groups)[2:] and len(groups) == 2 + states


def test_a_proof_of_an_update_holds_for_all_numbers():
    """Every number of an optimizer becomes a symbol, so that none of them could be wrong by itself."""
    for update in updates.UPDATES:
        optimizer = update.make()
        count = sum(isinstance(value, float) and value > 0 for value in vars(optimizer).values())
        updates.symbolic_numbers(optimizer)
        numbers = [value for value in vars(optimizer).values() if isinstance(value, sp.Symbol)]
        assert len(set(numbers)) == count
        assert isinstance(optimizer.learning_rate(0.0), sp.Symbol)


def wrong_sign_of_the_gradient(self, w, g, rate):
    v = self.zeros("velocity", w)
    v *= self.momentum
    v += rate * g
    w += v


def nesterov_without_look_ahead(self, w, g, rate):
    v = self.zeros("velocity", w)
    v *= self.momentum
    v -= rate * g
    w += v


def adam_without_correction(self, w, g, rate):
    m, v = self.zeros("mean", w), self.zeros("mean_square", w)
    m *= self.beta_1
    m += (1 - self.beta_1) * g
    v *= self.beta_2
    v += (1 - self.beta_2) * (g * g)
    w -= rate * m / (np.sqrt(v) + self.epsilon)


def adam_with_one_weight(self, w, g, rate):
    m, v = self.zeros("gradient_sum", w), self.zeros("square_sum", w)
    weight = (1 - self.beta_1**self.steps) / (1 - self.beta_1)
    m *= self.beta_1
    m += g
    v *= self.beta_2
    v += g * g
    w -= rate * m / weight / (np.sqrt(v / weight) + self.epsilon)


def decay_after_the_step(self, parameters, gradients, progress=0.0):
    rate = self.learning_rate(progress)
    self.steps += 1
    self.update(parameters, gradients, rate)
    parameters *= 1 - rate * self.weight_decay


def penalty_twice(self, parameters, gradients, progress=0.0):
    self.steps += 1
    self.update(parameters, gradients + 2 * self.l2 * parameters, self.learning_rate(progress))


WRONG_UPDATES = [
    (ml.SGD, "update", wrong_sign_of_the_gradient, "SGD.momentum"),
    (ml.SGD, "update", wrong.MomentumWithWrongSign.update, "SGD.momentum"),
    (ml.SGD, "update", nesterov_without_look_ahead, "SGD.nesterov"),
    (ml.SGD, "update", nesterov_without_look_ahead, "SGD.moving_average"),
    (ml.Adam, "update", adam_without_correction, "Adam"),
    (ml.Adam, "update", adam_with_one_weight, "Adam"),
    (ml.Optimizer, "step", decay_after_the_step, "SGD.weight_decay"),
    (ml.Optimizer, "step", penalty_twice, "Adam.l2"),
]


@pytest.mark.parametrize(("owner", "method", "mistake", "name"), WRONG_UPDATES)
def test_a_wrong_update_is_found(monkeypatch, owner, method, mistake, name):
    monkeypatch.setattr(owner, method, mistake)
    proof = updates.prove_update(UPDATES[name])
    with pytest.raises(ProofFailed, match="NOT PROVED"):
        proof.check()


def test_the_root_of_a_square_keeps_its_sign(monkeypatch):
    """In the first step Adam divides by |g|; were it g, all steps would go the same way."""

    def signed(self, w, g, rate):
        w -= rate * g / (g + self.epsilon)

    monkeypatch.setattr(ml.Adam, "update", signed)
    assert not updates.prove_update(UPDATES["Adam"]).holds


def test_parameters_return_after_an_error():
    network = ml.Network([ml.Dense(2, 2)])
    kept = network.parameters
    with pytest.raises(RuntimeError), symbolic_parameters(network):
        raise RuntimeError
    assert network.parameters is kept and network.layers[0].W.base is not None
