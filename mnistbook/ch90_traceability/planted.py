"""Wrong code, written by hand to get past the prover: each piece trains, and each is wrong somewhere.

What earlier versions of the prover took for right, and more of these kinds and of others. :func:`refused_by` says which
proof refuses it, that at fixed sizes or that for every size. :data:`UNSEEN` are errors that no proof of this kind can
see, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mnistlab import optimizers
from mnistlab.convolution import Conv2D, MaxPool2D
from mnistlab.layers import Dense, Dropout, Layer, ReLU, Tanh
from mnistlab.losses import CrossEntropy, Loss, SoftmaxCrossEntropy, SquaredError
from mnistlab.network import Network
from mnistlab.symbolic import NotUnderstood, prove_for_every_size, prove_gradients, updates
from mnistlab.symbolic.prove import Proof

__all__ = ["PLANTED", "UNSEEN", "Planted", "layer", "network_of", "refused_by", "refuses"]


@dataclass(frozen=True)
class Planted:
    """A piece of wrong code."""

    kind: str
    name: str
    make: Callable[[], Any]
    """Returns a layer, a loss or an update."""
    seed: int | None = None


def layer(forward: Callable, backward: Callable, base: type[Layer] = Layer) -> type[Layer]:
    """Return a class of layers with these two passes."""
    passes = {
        "forward": lambda self, x, rng=None: forward(self, x),
        "backward": lambda self, dy, need_dx=True: backward(self, dy),
    }
    return type("Planted", (base,), passes)


def keep(self: Any, x: Any) -> Any:
    """Remember the input, and return it."""
    self.x = x
    return x


# Layers by their two passes.


def leaky_by_where(self: Any, x: Any) -> Any:
    """A leaky ReLU."""
    return np.where(keep(self, x) > 0, x, 0.1 * x)


def leaky_by_index(self: Any, x: Any) -> Any:
    """A leaky ReLU, written where a mask holds."""
    y = keep(self, x).copy()
    y[x < 0] *= 0.1
    return y


def zero_by_index(self: Any, x: Any) -> Any:
    """A ReLU, written where a mask holds."""
    y = keep(self, x).copy()
    y[x < 0] = 0
    return y


def rectified(self: Any, x: Any) -> Any:
    """A ReLU."""
    return np.maximum(keep(self, x), 0)


def elu(self: Any, x: Any) -> Any:
    """An exponential linear unit."""
    return np.where(keep(self, x) > 0, x, np.exp(x) - 1)


def sum_and_keep(self: Any, x: Any) -> Any:
    """A ReLU that keeps its output."""
    self.y = np.maximum(x, 0)
    return self.y


def two_steps(self: Any, x: Any) -> Any:
    """A sum of two ReLUs."""
    return np.maximum(keep(self, x), 0) + np.maximum(x - 1, 0)


def clipped(self: Any, x: Any) -> Any:
    """A clipped line."""
    return np.clip(keep(self, x), -1, 1)


def absolute(self: Any, x: Any) -> Any:
    """The absolute value."""
    return np.abs(keep(self, x))


def line(self: Any, x: Any) -> Any:
    """Twice the input."""
    return 2 * keep(self, x)


def normalized(self: Any, x: Any) -> Any:
    """Rows without their mean, over their standard deviation."""
    self.centred = x - np.mean(x, axis=1, keepdims=True)
    self.root = np.sqrt(np.mean(self.centred * self.centred, axis=1, keepdims=True) + 0.5)
    return self.centred / self.root


def gelu(self: Any, x: Any) -> Any:
    """The Gaussian error linear unit, by tanh."""
    self.t = np.tanh(0.75 * (keep(self, x) + 0.0625 * x * x * x))
    return x * (1 + self.t) / 2


def softplus(self: Any, x: Any) -> Any:
    """A smooth ReLU."""
    return np.logaddexp(keep(self, x), 0)


def two_masks(self: Any, x: Any) -> Any:
    """Twice a ReLU: a mask that was made numbers is added to itself."""
    mask = (keep(self, x) > 0).astype(x.dtype)
    return x * (mask + mask)


def any_of_row(self: Any, x: Any) -> Any:
    """The input, in rows where any is positive: a product of truth values is one."""
    return x * np.dot(keep(self, x) > 0, (x == x).T[:, :1])


def written_where(self: Any, x: Any) -> Any:
    """A ReLU by ``copyto``."""
    y = keep(self, x).copy()
    np.copyto(y, 0, "same_kind", x < 0)
    return y


def selected_first(self: Any, x: Any) -> Any:
    """Zero where x is positive, else x: the selection is a copy made before."""
    y = keep(self, x).copy()
    chosen = y[x < 0]
    y[...] = 0
    y[x < 0] = chosen
    return y


def _truth_asked(self: Any, dy: Any) -> Any:
    try:
        return 3 * dy if self.x[0, 0] > 0 else 3.5 * dy
    except TypeError:
        return 2 * dy


def _size_asked(self: Any, dy: Any) -> Any:
    try:
        return sum(3 * dy for _ in range(int(self.x[0, 0]) * 0 + 1))
    except Exception:
        return 2 * dy


def _row_products(self: Any, dy: Any) -> Any:
    products = np.dot(dy[:, None, :], np.ones_like(dy)[:, :, None])
    return self.x * products.sum(axis=-2).reshape(-1, 1)


PASSES: tuple[tuple[str, str, Callable, Callable], ...] = (
    ("truth values", "leaky ReLU, slope 5", leaky_by_where, lambda s, dy: np.where(s.x > 0, dy, 5 * dy)),
    ("truth values", "leaky ReLU, slope -7", leaky_by_where, lambda s, dy: np.where(s.x > 0, dy, -7 * dy)),
    ("truth values", "leaky ReLU by index, slope 5", leaky_by_index, lambda s, dy: np.where(s.x > 0, dy, 5 * dy)),
    ("truth values", "ELU, slope 3", elu, lambda s, dy: np.where(s.x > 0, dy, 3 * dy)),
    ("truth values", "ELU, all of it", elu, lambda s, dy: dy),
    ("truth values", "index assignment", zero_by_index, lambda s, dy: dy),
    ("truth values", "count of a mask", rectified, lambda s, dy: dy * np.count_nonzero(s.x > 0)),
    ("truth values", "a branch", rectified, lambda s, dy: dy if s.x[0, 0] > 0 else 0 * dy),
    ("truth values", "any", rectified, lambda s, dy: dy * (s.x > 0) if np.any(s.x > 0) else 0 * dy),
    ("truth values", "a branch in try", line, _truth_asked),
    ("truth values", "an integer in try", line, _size_asked),
    ("logic", "OR for a sum", two_steps, lambda s, dy: dy * ((s.x > 0) + (s.x > 1))),
    ("logic", "AND for a sum", two_steps, lambda s, dy: dy * ((s.x > 0) & (s.x > 1))),
    ("logic", "NOT", rectified, lambda s, dy: dy * ~(s.x > 0)),
    ("logic", "factor at the jump", rectified, lambda s, dy: dy * (s.x > 0) * 2 * ((s.x * 0 >= 0) / 2 + 0.5)),
    ("logic", "twice by >= and >", rectified, lambda s, dy: dy * (s.x > 0) * (1 + (s.x - s.x >= 0))),
    ("logic", "the published mask", sum_and_keep, lambda s, dy: dy * (s.y >= 0)),
    ("logic", "clip, other bounds", clipped, lambda s, dy: dy * (s.x > -1) * (s.x < 2)),
    ("logic", "sign for a step", rectified, lambda s, dy: dy * np.sign(s.x)),
    ("logic", "absolute value, no sign", absolute, lambda s, dy: dy),
    ("logic", "absolute value, half a sign", absolute, lambda s, dy: dy * (s.x > 0)),
    ("logic", "a mask made numbers, added", two_masks, lambda s, dy: dy * (s.x > 0)),
    ("logic", "any for a count", any_of_row, lambda s, dy: dy * np.sum(s.x > 0, axis=1, keepdims=True)),
    ("logic", "copyto everywhere", written_where, lambda s, dy: 0 * dy),
    ("logic", "a selection that changes", selected_first, lambda s, dy: 0 * dy),
    ("dispatch", "dot of a transposed", rectified, lambda s, dy: np.dot(dy, dy.T) @ s.x),
    (
        "dispatch",
        "dot in three dimensions",
        lambda s, x: np.sum(keep(s, x) * x / 2, axis=1, keepdims=True) * np.ones_like(x),
        _row_products,
    ),
    (
        "dispatch",
        "reduce without an axis",
        lambda s, x: keep(s, x) * np.add.reduce(x),
        lambda s, dy: dy * np.sum(s.x) + np.sum(dy * s.x),
    ),
    ("formula", "GELU, inner derivative", gelu, lambda s, dy: dy * (1 + s.t + s.x * (1 - s.t * s.t)) / 2),
    ("formula", "softplus by tanh", softplus, lambda s, dy: dy * (1 + np.tanh(s.x)) / 2),
    ("formula", "norm, a constant root", normalized, lambda s, dy: (dy - np.mean(dy, axis=1, keepdims=True)) / s.root),
    (
        "formula",
        "norm, the other axis",
        normalized,
        lambda s, dy: (
            (
                dy
                - np.mean(dy, axis=0, keepdims=True)
                - s.centred * np.mean(dy * s.centred, axis=1, keepdims=True) / s.root**2
            )
            / s.root
        ),
    ),
    ("formula", "slope of 1e-12 too much", line, lambda s, dy: (2 + 1e-12) * dy),
    ("sizes", "wrong for one sample", line, lambda s, dy: dy if s.x.shape[0] == 1 else 2 * dy),
    ("sizes", "wrong from four samples on", line, lambda s, dy: dy if s.x.shape[0] > 3 else 2 * dy),
    ("sizes", "wrong where N is K", line, lambda s, dy: dy if s.x.shape[0] == s.x.shape[1] else 2 * dy),
    (
        "sizes",
        "wrong mean of rows",
        lambda s, x: np.mean(keep(s, x), axis=1, keepdims=True) * np.ones_like(x),
        lambda s, dy: np.sum(dy, axis=1, keepdims=True) / s.x.shape[0] * np.ones_like(dy),
    ),
    ("memory", "gradient changed in place", line, lambda s, dy: np.multiply(dy, 2, out=dy)),
    (
        "memory",
        "output changed by the way back",
        lambda s, x: sum_and_keep(s, x),
        lambda s, dy: np.multiply(dy, np.greater(s.y, 0), out=s.y),
    ),
    ("memory", "gradient doubled in place before", line, lambda s, dy: 1 * np.add(dy, dy, out=dy)),
)


# Layers by a class.


class Adding(Dense):
    """Adds to the gradients that were there."""

    def backward(self, dz, need_dx=True):
        self.dW += self.x.T @ dz
        self.db[...] = dz.sum(axis=0)
        return dz @ self.W.T if need_dx else None


class FirstBatchForEver(Dense):
    """Keeps the first batch."""

    def forward(self, x, rng=None):
        if not hasattr(self, "x"):
            self.x = x
        return x @ self.W + self.b


class FirstBatchOfEachShape(Dense):
    """Keeps the first batch of each shape."""

    def forward(self, x, rng=None):
        kept = vars(self).setdefault("kept", {})
        self.x = kept.setdefault(str(x.shape), x)
        return x @ self.W + self.b


class RemembersTheArray(Tanh):
    """Takes an array that it has seen for the same batch, whatever was written into it since."""

    def forward(self, x, rng=None):
        if x is not getattr(self, "last", None):
            self.last, self.y = x, np.tanh(x)
        return self.y


class FirstWeightsForEver(Dense):
    """Multiplies by the weights as they were at first."""

    def backward(self, dz, need_dx=True):
        super().backward(dz, need_dx)
        if not hasattr(self, "transposed"):
            self.transposed = self.W.T.copy()
        return dz @ self.transposed if need_dx else None


class BiasOnlyWithInputs(Dense):
    """Computes the gradient of the bias only where dx is asked for."""

    def backward(self, dz, need_dx=True):
        np.dot(self.x.T, dz, out=self.dW)
        if not need_dx:
            return None
        np.sum(dz, axis=0, out=self.db)
        return dz @ self.W.T


class FirstAndLast(Dense):
    """Adds the first and the last sample only."""

    def backward(self, dz, need_dx=True):
        dx = super().backward(dz, need_dx)
        self.db[...] = dz[0] + dz[-1] if dz.shape[0] > 1 else dz[0]
        return dx


class MeanOfBias(Dense):
    """Takes the mean over the batch once more."""

    def backward(self, dz, need_dx=True):
        dx = super().backward(dz, need_dx)
        self.db /= dz.shape[0]
        return dx


class Twice(Dense):
    """Twice the equation, and twice its derivative."""

    def forward(self, x, rng=None):
        self.x = x
        return 2 * (x @ self.W + self.b)

    def backward(self, dz, need_dx=True):
        return super().backward(2 * dz, need_dx)


class SubtractsTheBias(Dense):
    """The other sign of the bias, there and back."""

    def forward(self, x, rng=None):
        self.x = x
        return x @ self.W - self.b

    def backward(self, dz, need_dx=True):
        dx = super().backward(dz, need_dx)
        np.negative(self.db, out=self.db)
        return dx


class DecaysByTheWay(Dense):
    """Makes the weights smaller in each pass backward."""

    def backward(self, dz, need_dx=True):
        dx = super().backward(dz, need_dx)
        self.W *= 0.99
        return dx


class LosesSmallWeights(Dense):
    """Forgets a gradient where its weight is negative."""

    def backward(self, dz, need_dx=True):
        dx = super().backward(dz, need_dx)
        self.dW *= self.W > 0
        return dx


class SquareTransposed(Layer):
    """A second matrix, K × K, whose gradient is transposed."""

    def __init__(self, inputs=2, outputs=3):
        self.inputs, self.outputs = inputs, outputs

    def parameter_shapes(self):
        return {"W": (self.inputs, self.outputs), "V": (self.outputs, self.outputs)}

    def initialize(self, rng):
        self.W[...] = rng.standard_normal(self.W.shape)
        self.V[...] = rng.standard_normal(self.V.shape)

    def forward(self, x, rng=None):
        self.x, self.h = x, x @ self.W
        return self.h @ self.V

    def backward(self, dy, need_dx=True):
        self.dV[...] = dy.T @ self.h
        dh = dy @ self.V.T
        self.dW[...] = self.x.T @ dh
        return dh @ self.W.T


class SharedByTheClass(Tanh):
    """Keeps its output in the class, where the next such layer overwrites it."""

    y = None

    def forward(self, x, rng=None):
        type(self).y = np.tanh(x)
        return type(self).y


class CountsItsPasses(Tanh):
    """Right for five passes."""

    def forward(self, x, rng=None):
        self.count = getattr(self, "count", 0) + 1
        return super().forward(x, rng)

    def backward(self, dy, need_dx=True):
        return super().backward(dy) * (1 if self.count < 6 else 2)


class WrongInTraining(Tanh):
    """Right where no generator is given, as nobody trains."""

    def forward(self, x, rng=None):
        self.training = rng is not None
        return super().forward(x)

    def backward(self, dy, need_dx=True):
        return dy * (1 - self.y) if self.training else super().backward(dy)


class OutputOverwritten(Tanh):
    """Writes each output into the same array, which callers may have kept."""

    def forward(self, x, rng=None):
        if getattr(self, "kept", None) is None or self.kept.shape != x.shape:
            self.kept = np.zeros_like(x)
        self.y = np.tanh(x, out=self.kept)
        return self.y


class UsedUp(Tanh):
    """Changes what it remembers, so that a second pass backward is another one."""

    def forward(self, x, rng=None):
        self.slope = 1 - np.tanh(x) ** 2
        return np.tanh(x)

    def backward(self, dy, need_dx=True):
        self.slope *= dy
        return 1 * self.slope


class WritesIntoItsInput(ReLU):
    """Saves an array, at the cost of who else has it."""

    def forward(self, x, rng=None):
        self.x = x.copy()
        return np.maximum(x, 0, out=x)


class AboveTheLargest(ReLU):
    """Zero everywhere, since nothing is above its row's maximum; with any other number there, a ReLU."""

    def forward(self, x, rng=None):
        self.mask = x > np.max(x, axis=1, keepdims=True)
        return x * self.mask

    def backward(self, dy, need_dx=True):
        return dy * self.mask


class NeverDrops(Dropout):
    """No dropout."""

    def forward(self, x, rng=None):
        self.mask = None
        return x


class DropsAlways(Dropout):
    """Drops where nobody trains."""

    def forward(self, x, rng=None):
        return super().forward(x, np.random.default_rng(0) if rng is None else rng)


class DrawsTwice(Dropout):
    """Sends another mask back."""

    def forward(self, x, rng=None):
        y = super().forward(x, rng)
        super().forward(x, rng)
        return y


class SameMaskForEver(Dropout):
    """Draws its mask once."""

    def forward(self, x, rng=None):
        if rng is None or getattr(self, "mask", None) is None or self.mask.shape != x.shape:
            return super().forward(x, rng)
        return x * self.mask


class SwappedKernel(Conv2D):
    """The kernel's gradient upside down."""

    def backward(self, dz, need_dx=True):
        dx = super().backward(dz, need_dx)
        self.dW[...] = self.dW[::-1, ::-1].copy()
        return dx


class LastPatchLost(Conv2D):
    """Leaves out what the last place of the kernel gives back."""

    def _scattered(self, patches, samples):
        shape = (*patches.shape[:-1], *self.kernel, self.shape[2])
        kept = patches.copy().reshape(-1, *shape[1:])
        kept[:, -1, -1, :] = 0
        return super()._scattered(kept.reshape(patches.shape), samples)


class AllOfTheWindow(MaxPool2D):
    """Sends the gradient to every pixel of the window."""

    def backward(self, dy, need_dx=True):
        dy = dy.reshape(-1, *self.output_shape)
        dx = np.zeros_like(dy, shape=(len(dy), *self.shape))
        for share in self._parts(dx):
            share[...] = dy
        return dx.reshape(len(dy), self.inputs)


# Losses.


class Half(SquaredError):
    """Without its ½, there and back."""

    def forward(self, y, targets):
        return 2 * super().forward(y, targets)

    def backward(self):
        return 2 * super().backward()


class ByTwo(SquaredError):
    """Over 2 in place of N."""

    def backward(self):
        return self.difference / 2


class ByOutputs(SquaredError):
    """Over K in place of N."""

    def backward(self):
        return self.difference / self.difference.shape[1]


class FirstSizeForEver(SquaredError):
    """Over the number of samples that the first batch had."""

    def backward(self):
        if not hasattr(self, "count"):
            self.count = self.difference.shape[0]
        return self.difference / self.count


class OverwritesOutputs(SquaredError):
    """Writes the difference into the network's outputs."""

    def forward(self, y, targets):
        self.count = y.shape[0]
        self.difference = np.subtract(y, targets, out=y)
        return np.sum(self.difference * self.difference) / 2 / self.count


class NotSmoothed(SoftmaxCrossEntropy):
    """Smooths the targets of the loss and not of its derivative."""

    def forward(self, logits, targets):
        value = super().forward(logits, targets)
        self.t = targets
        return value


class OnlyForRowsOfOne(CrossEntropy):
    """Right where the targets of a row add to 1, and not else."""

    def backward(self):
        return super().backward() * np.sum(self.t, axis=1, keepdims=True)


class Huber(Loss):
    """A loss that is square near 0 and straight elsewhere; this one is right."""

    def forward(self, y, targets):
        self.difference = y - targets
        size = np.abs(self.difference)
        return np.sum(np.where(size < 1, size * size / 2, size - 0.5)) / y.shape[0]

    def backward(self):
        return np.clip(self.difference, -1, 1) / self.difference.shape[0]


class HuberWithoutClip(Huber):
    """One branch for both."""

    def backward(self):
        return self.difference / self.difference.shape[0]


class Hinge(Loss):
    """Targets are signs; this one is right."""

    def forward(self, y, targets):
        self.y, self.t = y, targets
        return np.sum(np.maximum(0, 1 - y * targets)) / y.shape[0]

    def backward(self):
        return -self.t * (self.y * self.t < 1) / self.y.shape[0]


class HingeOtherSide(Hinge):
    """The mask of the samples that are right already."""

    def backward(self):
        return -self.t * (self.y * self.t > 1) / self.y.shape[0]


class LogSoftmax(Loss):
    """Cross-entropy on logits for any targets; this one is right."""

    def forward(self, z, targets):
        shifted = z - np.max(z, axis=1, keepdims=True)
        log_p = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
        self.p, self.t = np.exp(log_p), targets
        return -np.sum(targets * log_p) / z.shape[0]

    def backward(self):
        return (self.p * np.sum(self.t, axis=1, keepdims=True) - self.t) / self.p.shape[0]


class LogSoftmaxOfOneHot(LogSoftmax):
    """The rule for rows that add to 1, with targets that need not."""

    def backward(self):
        return (self.p - self.t * np.sum(self.t, axis=1, keepdims=True)) / self.p.shape[0]


# Optimizers.


class LosesMomentum(optimizers.SGD):
    """Loses its momentum each third step."""

    def update(self, w, g, rate):
        if self.steps % 3 == 0:
            self.zeros("velocity", w)[...] = 0
        super().update(w, g, rate)


class FrozenCorrection(optimizers.Adam):
    """Corrects the bias as in the second step for ever."""

    def update(self, w, g, rate):
        steps, self.steps = self.steps, min(self.steps, 2)
        super().update(w, g, rate)
        self.steps = steps


class NoDecayWithMomentum(optimizers.SGD):
    """Weight decay is off where momentum is on."""

    def step(self, parameters, gradients, progress=0.0, decayed=None):
        decay, self.weight_decay = self.weight_decay, 0.0 if self.momentum else self.weight_decay
        super().step(parameters, gradients, progress, decayed)
        self.weight_decay = decay


class OverwritesGradients(optimizers.SGD):
    """Computes in the caller's gradients."""

    def update(self, w, g, rate):
        g *= rate
        v = self.zeros("velocity", w)
        v *= self.momentum
        v -= g
        w += v


class KeepsTheGradient(optimizers.SGD):
    """Keeps the caller's array as its velocity."""

    def update(self, w, g, rate):
        super().update(w, g, rate)
        if self.momentum:
            g -= g - self.state["velocity"]
            self.state["velocity"] = g


class FlushesLarge(optimizers.SGD):
    """Flushes what is below a thousandth."""

    def step(self, parameters, gradients, progress=0.0, decayed=None):
        super().step(parameters, gradients, progress, decayed)
        if self.steps % 20 == 0:
            for each in self.state.values():
                each[np.abs(each) < 1e-3] = 0


class NeverFlushes(optimizers.SGD):
    """Lets velocities become subnormal."""

    def step(self, parameters, gradients, progress=0.0, decayed=None):
        self.steps += 1
        self.update(parameters, gradients, self.learning_rate(progress))


class BreaksAtTheFlush(optimizers.SGD):
    """An index that is out of range, met at step 20."""

    def step(self, parameters, gradients, progress=0.0, decayed=None):
        super().step(parameters, gradients, progress, decayed)
        if self.steps % 20 == 0:
            [][20]


class ZeroAtTheFlush(optimizers.SGD):
    """All parameters become 0 at step 20."""

    def step(self, parameters, gradients, progress=0.0, decayed=None):
        super().step(parameters, gradients, progress, decayed)
        if self.steps % 20 == 0:
            parameters *= 0


class ForgetsToCount(optimizers.Adam):
    """Each step is the first."""

    def step(self, parameters, gradients, progress=0.0, decayed=None):
        super().step(parameters, gradients, progress, decayed)
        self.steps = 1


class ForgetsTheSchedule(optimizers.SGD):
    """The learning rate of the start."""

    def step(self, parameters, gradients, progress=0.0, decayed=None):
        super().step(parameters, gradients, 0.0, decayed)


class StopsAfterAThousand(optimizers.SGD):
    """Does nothing from step 1,000 on."""

    def update(self, w, g, rate):
        if self.steps < 1000:
            super().update(w, g, rate)


class CountsForItself(optimizers.SGD):
    """Doubles its steps after the third, by a count of its own."""

    def update(self, w, g, rate):
        self.count = getattr(self, "count", 0) + 1
        super().update(w, g, rate * (1 if self.count < 4 else 2))


class OverwritesTheMask(optimizers.SGD):
    """Uses the mask of the biases up."""

    def step(self, parameters, gradients, progress=0.0, decayed=None):
        super().step(parameters, gradients, progress, decayed)
        if decayed is not None:
            decayed *= 0


class EpsilonInTheRoot(optimizers.Adam):
    """Adds ε under the root."""

    def update(self, w, g, rate):
        m, v = self.zeros("gradient_sum", w), self.zeros("square_sum", w)
        m *= self.beta_1
        m += g
        v *= self.beta_2
        v += g * g
        mean = m * (1 - self.beta_1) / (1 - self.beta_1**self.steps)
        square = v * (1 - self.beta_2) / (1 - self.beta_2**self.steps)
        w -= rate * mean / np.sqrt(square + self.epsilon)


class DecaysTheVelocityToo(optimizers.SGD):
    """Weight decay of the velocity as well."""

    def step(self, parameters, gradients, progress=0.0, decayed=None):
        super().step(parameters, gradients, progress, decayed)
        for each in self.state.values():
            each *= 1 - self.learning_rate(progress) * self.weight_decay


COMBINATIONS = {update.of: update for update in updates.COMBINATIONS}


def _update(wrong: type, name: str) -> Callable[[], updates.Update]:
    """Return what makes the update of this name with a wrong class."""
    right = COMBINATIONS[name]

    def make() -> Any:
        optimizer = right.make()
        optimizer.__class__ = wrong
        return optimizer

    return lambda: updates.Update(f"{wrong.__name__}({name})", make, right.formula, right.holds)


def _words(wrong: type) -> str:
    return f"{wrong.__mro__[1].__name__}: {(wrong.__doc__ or '').rstrip('.')}"


CLASSES: tuple[tuple[str, type, tuple[Any, ...], int | None], ...] = (
    ("one pass from zero", Adding, (2, 3), None),
    ("one pass from zero", FirstBatchForEver, (2, 3), None),
    ("one pass from zero", FirstBatchOfEachShape, (2, 3), None),
    ("one pass from zero", RemembersTheArray, (), None),
    ("one pass from zero", FirstWeightsForEver, (2, 3), None),
    ("one pass from zero", BiasOnlyWithInputs, (2, 3), None),
    ("one pass from zero", CountsItsPasses, (), None),
    ("one pass from zero", UsedUp, (), None),
    ("one pass from zero", WrongInTraining, (), None),
    ("one pass from zero", FirstSizeForEver, (), None),
    ("sizes", FirstAndLast, (2, 3), None),
    ("sizes", MeanOfBias, (2, 3), None),
    ("sizes", SquareTransposed, (2, 3), None),
    ("sizes", SwappedKernel, ((3, 4, 1), 1, (2, 3)), None),
    ("sizes", ByTwo, (), None),
    ("sizes", ByOutputs, (), None),
    ("own forward", Twice, (2, 3), None),
    ("own forward", SubtractsTheBias, (2, 3), None),
    ("own forward", AboveTheLargest, (), None),
    ("own forward", Half, (), None),
    ("own forward", OnlyForRowsOfOne, (), None),
    ("own forward", NeverDrops, (0.5,), 1),
    ("own forward", DropsAlways, (0.5,), 1),
    ("formula", LosesSmallWeights, (2, 3), None),
    ("formula", LastPatchLost, ((3, 4, 1), 1, (2, 3)), None),
    ("formula", AllOfTheWindow, ((2, 2, 1),), None),
    ("formula", NotSmoothed, (0.25,), None),
    ("formula", HuberWithoutClip, (), None),
    ("formula", HingeOtherSide, (), None),
    ("formula", LogSoftmaxOfOneHot, (), None),
    ("memory", DecaysByTheWay, (2, 3), None),
    ("memory", SharedByTheClass, (), None),
    ("memory", OutputOverwritten, (), None),
    ("memory", WritesIntoItsInput, (), None),
    ("memory", OverwritesOutputs, (), None),
    ("chance", DrawsTwice, (0.5,), 1),
    ("chance", SameMaskForEver, (0.5,), 1),
)

UPDATES: tuple[tuple[type, str], ...] = (
    (LosesMomentum, "SGD(momentum)"),
    (FrozenCorrection, "Adam()"),
    (NoDecayWithMomentum, "SGD(momentum, weight_decay)"),
    (OverwritesGradients, "SGD(momentum)"),
    (KeepsTheGradient, "SGD(momentum)"),
    (FlushesLarge, "SGD(momentum)"),
    (NeverFlushes, "SGD(momentum)"),
    (BreaksAtTheFlush, "SGD(momentum)"),
    (ZeroAtTheFlush, "SGD(momentum)"),
    (ForgetsToCount, "Adam()"),
    (ForgetsTheSchedule, "SGD()"),
    (StopsAfterAThousand, "SGD(momentum)"),
    (CountsForItself, "SGD()"),
    (OverwritesTheMask, "SGD(weight_decay, decay_biases=False)"),
    (EpsilonInTheRoot, "Adam()"),
    (DecaysTheVelocityToo, "SGD(momentum, weight_decay)"),
)

PLANTED: tuple[Planted, ...] = (
    *(Planted(kind, name, layer(forward, backward)) for kind, name, forward, backward in PASSES),
    *(Planted(kind, _words(wrong), lambda w=wrong, a=given: w(*a), seed) for kind, wrong, given, seed in CLASSES),
    *(Planted("optimizers", _words(wrong), _update(wrong, name)) for wrong, name in UPDATES),
)
"""All wrong code that was written by hand."""


# Who refuses it.

ERRORS = (NotUnderstood, TypeError, ValueError, LookupError, AttributeError, NameError, ZeroDivisionError)
"""What a proof is ended by where code is not understood, or breaks."""


def refuses(prove: Callable[[], Proof]) -> bool:
    """Return whether a proof fails, or is refused."""
    try:
        return not prove().holds
    except ERRORS:
        return True


def network_of(part: Any, dtype: type = np.float32) -> tuple[Network, Loss]:
    """Return a small network in which a layer or a loss is proved."""
    if isinstance(part, Loss):
        return Network([Dense(2, 3)], dtype=dtype), part
    stack = [part] if part.inputs else [Dense(2, 3), part]
    return Network(stack, dtype=dtype), SquaredError()


def refused_by(planted: Planted) -> list[str]:
    """Return which proofs refuse a piece of wrong code: ``"fixed sizes"``, ``"every size"``, or both."""
    part = planted.make()
    if isinstance(part, updates.Update):
        fixed = refuses(lambda: updates.prove_update(part))
    else:
        fixed = refuses(lambda: prove_gradients(*network_of(part), seed=planted.seed))
    every = not isinstance(part, Conv2D | MaxPool2D) and refuses(lambda: prove_for_every_size(planted.make()))
    return ["fixed sizes"] * fixed + ["every size"] * every


# What no such proof can see.


class WrongOnNumbers(Tanh):
    """Asks whether its arrays hold symbols."""

    def backward(self, dy, need_dx=True):
        right = super().backward(dy)
        return right if dy.dtype == object else 2 * right


class WrongInSinglePrecision(Tanh):
    """Asks whether its arrays are float32."""

    def backward(self, dy, need_dx=True):
        right = super().backward(dy)
        return 2 * right if dy.dtype == np.float32 else right


calls = 0


class WrongAfterAMillion(Tanh):
    """Counts its calls where nobody looks."""

    def backward(self, dy, need_dx=True):
        global calls
        calls += 1
        return super().backward(dy) * (1 if calls < 1_000_000 else 2)


UNSEEN: dict[str, tuple[Callable[[], Layer], str]] = {
    "asks whether its arrays hold symbols": (WrongOnNumbers, "the proof runs on symbols, and there it is right"),
    "asks whether its arrays are float32": (WrongInSinglePrecision, "neither symbols nor float64 are float32"),
    "counts its calls in a global variable": (WrongAfterAMillion, "the proof calls it a few times, as tests do"),
}
"""Wrong layers that are proved, and why."""
