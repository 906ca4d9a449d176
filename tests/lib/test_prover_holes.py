"""Wrong code that a prover might take for right, each piece refused; and right code written in other ways."""

import numpy as np
import pytest

import mnistlab as ml
from mnistlab.symbolic import NotUnderstood, SymbolicArray, prove_for_every_size, prove_gradients, updates
from mnistlab.symbolic.array import expressions, symbols, values
from mnistlab.symbolic.prove import ProofFailed


def layer(forward, backward, base=ml.Layer):
    """A class of layers with these two passes."""
    return type(
        "Planted",
        (base,),
        {
            "forward": lambda self, x, rng=None: forward(self, x),
            "backward": lambda self, dy, need_dx=True: backward(self, dy),
        },
    )


def keep(self, x):
    self.x = x
    return x


def leaky_by_where(self, x):
    return np.where(keep(self, x) > 0, x, 0.1 * x)


def leaky_by_index(self, x):
    y = keep(self, x).copy()
    y[x < 0] *= 0.1
    return y


def zero_by_index(self, x):
    y = keep(self, x).copy()
    y[x < 0] = 0
    return y


def rectified(self, x):
    return np.maximum(keep(self, x), 0)


def elu(self, x):
    return np.where(keep(self, x) > 0, x, np.exp(x) - 1)


def sum_and_keep(self, x):
    self.y = np.maximum(x, 0)
    return self.y


def two_steps(self, x):
    return np.maximum(keep(self, x), 0) + np.maximum(x - 1, 0)


def count(self, dy):
    return dy * np.count_nonzero(self.x > 0)


def branch(self, dy):
    return dy if self.x[0, 0] > 0 else 0 * dy


def any_positive(self, dy):
    return dy * (self.x > 0) if np.any(self.x > 0) else 0 * dy


def clipped(self, x):
    return np.clip(keep(self, x), -1, 1)


WRONG_LAYERS = {
    "leaky ReLU, slope 5": (leaky_by_where, lambda self, dy: np.where(self.x > 0, dy, 5 * dy)),
    "leaky ReLU, slope -7": (leaky_by_where, lambda self, dy: np.where(self.x > 0, dy, -7 * dy)),
    "leaky ReLU by index, slope 5": (leaky_by_index, lambda self, dy: np.where(self.x > 0, dy, 5 * dy)),
    "ELU, slope 3": (elu, lambda self, dy: np.where(self.x > 0, dy, 3 * dy)),
    "ELU, all of it": (elu, lambda self, dy: dy),
    "index assignment": (zero_by_index, lambda self, dy: dy),
    "count of a mask": (rectified, count),
    "a branch": (rectified, branch),
    "any": (rectified, any_positive),
    "OR for a sum": (two_steps, lambda self, dy: dy * ((self.x > 0) + (self.x > 1))),
    "AND for a sum": (two_steps, lambda self, dy: dy * ((self.x > 0) & (self.x > 1))),
    "NOT": (rectified, lambda self, dy: dy * ~(self.x > 0)),
    "a factor at the jump": (rectified, lambda self, dy: dy * (self.x > 0) * 2 * ((self.x * 0 >= 0) / 2 + 0.5)),
    "twice by >= and >": (rectified, lambda self, dy: dy * (self.x > 0) * (1 + (self.x - self.x >= 0))),
    "the published mask": (sum_and_keep, lambda self, dy: dy * (self.y >= 0)),
    "clip, other bounds": (clipped, lambda self, dy: dy * (self.x > -1) * (self.x < 2)),
    "sign for a step": (rectified, lambda self, dy: dy * np.sign(self.x)),
    "absolute value, no sign": (lambda self, x: np.abs(keep(self, x)), lambda self, dy: dy),
    "dot of a transposed": (rectified, lambda self, dy: np.dot(dy, dy.T) @ self.x),
}

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
    "absolute value": (lambda self, x: np.abs(keep(self, x)), lambda self, dy: dy * np.sign(self.x)),
    "logistic without overflow": (
        lambda self, x: np.exp(np.minimum(keep(self, x), 0)) / (1 + np.exp(-np.abs(x))),
        lambda self, dy: dy * np.exp(-np.abs(self.x)) / (1 + np.exp(-np.abs(self.x))) ** 2,
    ),
    "softplus": (
        lambda self, x: np.logaddexp(keep(self, x), 0),
        lambda self, dy: dy / (1 + np.exp(-self.x)),
    ),
    "softplus by hand": (
        lambda self, x: np.maximum(keep(self, x), 0) + np.log1p(np.exp(-np.abs(x))),
        lambda self, dy: dy / (1 + np.exp(-self.x)),
    ),
}


def refused(prove):
    """Return whether a proof fails, or is refused; a counter-example, if there is one, must be one."""
    try:
        proof = prove()
    except (NotUnderstood, ValueError):  # the latter where shapes do not fit
        return True
    for entry in proof.entries:
        if entry.counterexample:
            numbers = entry.counterexample
            assert not entry.proved and abs(numbers["written"] - numbers["derivative"]) > 1e-9
    return not proof.holds


def with_dense(planted):
    return ml.Network([ml.Dense(2, 2), planted()])


@pytest.mark.parametrize("name", WRONG_LAYERS)
def test_a_wrong_layer_is_refused(name):
    planted = layer(*WRONG_LAYERS[name])
    assert refused(lambda: prove_gradients(with_dense(planted), ml.SquaredError()))
    assert refused(lambda: prove_for_every_size(planted()))


@pytest.mark.parametrize("name", RIGHT_LAYERS)
def test_a_right_layer_written_another_way_is_proved(name):
    planted = layer(*RIGHT_LAYERS[name])
    prove_gradients(with_dense(planted), ml.SquaredError(), batch=1).check()
    if name == "leaky ReLU by index":  # how many entries there are is not known
        with pytest.raises(NotUnderstood, match="index"):
            prove_for_every_size(planted())
    else:
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


class Adding(ml.Dense):
    def backward(self, dz, need_dx=True):
        self.dW += self.x.T @ dz
        self.db[...] = dz.sum(axis=0)
        return dz @ self.W.T if need_dx else None


class FirstBatchForEver(ml.Dense):
    def forward(self, x, rng=None):
        if not hasattr(self, "x"):
            self.x = x
        return x @ self.W + self.b


class BiasOnlyWithInputs(ml.Dense):
    def backward(self, dz, need_dx=True):
        np.dot(self.x.T, dz, out=self.dW)
        if not need_dx:
            return None
        np.sum(dz, axis=0, out=self.db)
        return dz @ self.W.T


class FirstAndLast(ml.Dense):
    def backward(self, dz, need_dx=True):
        dx = super().backward(dz, need_dx)
        self.db[...] = dz[0] + dz[-1] if dz.shape[0] > 1 else dz[0]
        return dx


class SwappedKernel(ml.Conv2D):
    def backward(self, dz, need_dx=True):
        dx = super().backward(dz, need_dx)
        self.dW[...] = self.dW[::-1, ::-1].copy()
        return dx


class Twice(ml.Dense):
    def forward(self, x, rng=None):
        self.x = x
        return 2 * (x @ self.W + self.b)

    def backward(self, dz, need_dx=True):
        return super().backward(2 * dz, need_dx)


class WritesIntoItsInput(ml.ReLU):
    def forward(self, x, rng=None):
        self.x = x.copy()
        return np.maximum(x, 0, out=x)


class NeverDrops(ml.Dropout):
    def forward(self, x, rng=None):
        self.mask = None
        return x


class DropsAlways(ml.Dropout):
    def forward(self, x, rng=None):
        return super().forward(x, np.random.default_rng(0) if rng is None else rng)


@pytest.mark.parametrize("wrong", [NeverDrops, DropsAlways])
def test_a_wrong_dropout_is_refused(wrong):
    assert refused(lambda: prove_gradients(ml.Network([ml.Dense(2, 3), wrong(0.5)]), ml.SquaredError(), seed=1))
    assert refused(lambda: prove_for_every_size(wrong(0.5)))


@pytest.mark.parametrize("wrong", [Adding, FirstBatchForEver, BiasOnlyWithInputs, FirstAndLast, Twice])
def test_a_wrong_dense_layer_is_refused(wrong):
    assert refused(lambda: prove_gradients(ml.Network([wrong(2, 2)]), ml.SquaredError()))
    assert refused(lambda: prove_for_every_size(wrong(2, 2)))


def test_swapped_axes_of_a_kernel_are_refused():
    assert refused(lambda: prove_gradients(ml.Network([SwappedKernel((3, 4, 1), 1, (2, 3))]), ml.SquaredError()))


def test_an_input_that_is_overwritten_is_refused():
    assert refused(lambda: prove_gradients(ml.Network([WritesIntoItsInput(), ml.Dense(2, 2)]), ml.SquaredError()))


class Half(ml.SquaredError):
    def forward(self, y, targets):
        return 2 * super().forward(y, targets)

    def backward(self):
        return 2 * super().backward()


class ByTwo(ml.SquaredError):
    def backward(self):
        return self.difference / 2


class ByOutputs(ml.SquaredError):
    def backward(self):
        return self.difference / self.difference.shape[1]


class NotSmoothed(ml.SoftmaxCrossEntropy):
    def forward(self, logits, targets):
        value = super().forward(logits, targets)
        self.t = targets
        return value


class Huber(ml.Loss):
    def forward(self, y, targets):
        self.difference = y - targets
        size = np.abs(self.difference)
        return np.sum(np.where(size < 1, size * size / 2, size - 0.5)) / y.shape[0]

    def backward(self):
        return np.clip(self.difference, -1, 1) / self.difference.shape[0]


class HuberWithoutClip(Huber):
    def backward(self):
        return self.difference / self.difference.shape[0]


class OnlyForRowsOfOne(ml.CrossEntropy):
    """Right where the targets of a row add to 1, and not else."""

    def backward(self):
        return super().backward() * np.sum(self.t, axis=1, keepdims=True)


@pytest.mark.parametrize("wrong", [Half, ByTwo, ByOutputs, HuberWithoutClip, OnlyForRowsOfOne])
def test_a_wrong_loss_is_refused(wrong):
    assert refused(lambda: prove_gradients(ml.Network([ml.Dense(2, 2)]), wrong()))
    assert refused(lambda: prove_for_every_size(wrong()))


def test_targets_that_are_not_smoothed_are_refused():
    assert refused(lambda: prove_gradients(ml.Network([ml.Dense(2, 2)]), NotSmoothed(0.25)))
    assert refused(lambda: prove_for_every_size(NotSmoothed(0.25)))


def test_a_huber_loss_is_proved_and_says_that_no_equation_is_known():
    proof = prove_gradients(ml.Network([ml.Dense(2, 2)]), Huber(), batch=1).check()
    assert "no equation known, forward taken at its word: Huber()" in repr(proof)
    prove_for_every_size(Huber()).check()


def test_the_claim_says_what_was_assumed_of_the_targets():
    network = ml.Network([ml.Dense(2, 3)])
    assert "targets: free symbols" in repr(prove_gradients(network, ml.SquaredError()))
    assert "targets: rows that add to 1" in repr(prove_gradients(network, ml.SoftmaxCrossEntropy()))
    assert "away from kinks" in repr(prove_gradients(network, ml.SquaredError()))


# Optimizers.


class LosesMomentum(ml.SGD):
    def update(self, w, g, rate):
        if self.steps % 3 == 0:
            self.zeros("velocity", w)[...] = 0
        super().update(w, g, rate)


class FrozenCorrection(ml.Adam):
    def update(self, w, g, rate):
        steps, self.steps = self.steps, min(self.steps, 2)
        super().update(w, g, rate)
        self.steps = steps


class NoDecayWithMomentum(ml.SGD):
    def step(self, parameters, gradients, progress=0.0):
        decay, self.weight_decay = self.weight_decay, 0.0 if self.momentum else self.weight_decay
        super().step(parameters, gradients, progress)
        self.weight_decay = decay


class OverwritesGradients(ml.SGD):
    def update(self, w, g, rate):
        g *= rate
        v = self.zeros("velocity", w)
        v *= self.momentum
        v -= g
        w += v


class KeepsTheGradient(ml.SGD):
    def update(self, w, g, rate):
        super().update(w, g, rate)
        if self.momentum:
            g -= g - self.state["velocity"]
            self.state["velocity"] = g


class FlushesLarge(ml.SGD):
    def step(self, parameters, gradients, progress=0.0):
        super().step(parameters, gradients, progress)
        if self.steps % 20 == 0:
            for each in self.state.values():
                each[np.abs(each) < 1e-3] = 0


class NeverFlushes(ml.SGD):
    def step(self, parameters, gradients, progress=0.0):
        self.steps += 1
        self.update(parameters, gradients, self.learning_rate(progress))


class BreaksAtTheFlush(ml.SGD):
    def step(self, parameters, gradients, progress=0.0):
        super().step(parameters, gradients, progress)
        if self.steps % 20 == 0:
            parameters *= 0


class ForgetsToCount(ml.Adam):
    def step(self, parameters, gradients, progress=0.0):
        super().step(parameters, gradients, progress)
        self.steps = 1


class ForgetsTheSchedule(ml.SGD):
    def step(self, parameters, gradients, progress=0.0):
        super().step(parameters, gradients)


COMBINATIONS = {update.of: update for update in updates.COMBINATIONS}
WRONG_OPTIMIZERS = [
    (LosesMomentum, "SGD(momentum)"),
    (FrozenCorrection, "Adam()"),
    (NoDecayWithMomentum, "SGD(momentum, weight_decay)"),
    (OverwritesGradients, "SGD(momentum)"),
    (KeepsTheGradient, "SGD(momentum)"),
    (FlushesLarge, "SGD(momentum)"),
    (NeverFlushes, "SGD(momentum)"),
    (BreaksAtTheFlush, "SGD(momentum)"),
    (ForgetsToCount, "Adam()"),
    (ForgetsTheSchedule, "SGD()"),
]


@pytest.mark.parametrize(("wrong", "name"), WRONG_OPTIMIZERS, ids=lambda value: getattr(value, "__name__", None))
def test_a_wrong_optimizer_is_refused(wrong, name):
    right = COMBINATIONS[name]

    def make():
        optimizer = right.make()
        optimizer.__class__ = wrong
        return optimizer

    planted = updates.Update(name, make, right.formula, right.holds)
    assert refused(lambda: updates.prove_update(planted))
    assert refused(lambda: prove_for_every_size(planted))


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
        prove_gradients(ml.Network([Adding(2, 2)]), ml.SquaredError()).check()


def test_a_class_in_place_of_a_layer_is_refused_in_words():
    with pytest.raises(TypeError, match=r"pass an object such as ReLU\(\)"):
        prove_for_every_size(ml.ReLU)
