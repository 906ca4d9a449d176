"""Optimizers: how parameters follow their gradients, on one flat vector.

Notation of the docstrings: parameters ``w``, gradient ``g``, learning rate ``η``. All updates are in place.
"""

from __future__ import annotations

import math

import numpy as np

from mnistlab.schedules import Constant, Schedule

__all__ = ["SGD", "Adam", "Optimizer", "RMSprop"]

FLUSH_EVERY = 20
FLUSH_BELOW = 1e-30


class Optimizer:
    """Learning rate, weight decay and state, which every optimizer has.

    Parameters
    ----------
    learning_rate
        A number, or a schedule: a function of the training's progress in [0, 1].
    weight_decay
        λ of decoupled weight decay (Loshchilov & Hutter, 2019): ``w ← (1 - ηλ) w`` before each step
        (:eq:`eq-weight-decay`).
    l2
        λ of an L2 penalty ``λ/2 ‖w‖²`` added to the loss: ``g ← g + λ w`` (:eq:`eq-weight-decay`). For plain SGD it is
        the same as weight decay; with momentum or Adam it is not.
    decay_biases
        Whether the two act on biases too: on all parameters, or on those with two dimensions or more.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """

    velocities: frozenset[str] = frozenset()
    """Names of the state vectors to which gradients come as they are, and which decay where none comes."""

    def __init__(
        self,
        learning_rate: float | Schedule = 0.01,
        *,
        weight_decay: float = 0.0,
        l2: float = 0.0,
        decay_biases: bool = True,
    ):
        self.learning_rate = learning_rate if callable(learning_rate) else Constant(float(learning_rate))
        self.weight_decay = _check_range("weight_decay", weight_decay, upper=math.inf)
        self.l2 = _check_range("l2", l2, upper=math.inf)
        self.decay_biases = bool(decay_biases)
        self.steps = 0
        self.state: dict[str, np.ndarray] = {}

    def step(
        self,
        parameters: np.ndarray,
        gradients: np.ndarray,
        progress: float = 0.0,
        decayed: np.ndarray | int | None = None,
    ) -> None:
        """Move ``parameters`` one step; ``gradients`` is left as it is.

        Parameters
        ----------
        parameters, gradients
            Vectors of one length and dtype; the first is changed in place.
        progress
            Fraction of the training that is done, for the schedule.
        decayed
            What :meth:`Network.weight_mask` returns; needed where ``decay_biases`` is off, else not looked at.
        """
        rate, decayed = self.learning_rate(progress), 1 if self.decay_biases else _check_mask(decayed)
        self.steps += 1
        if self.l2:
            gradients = gradients + self.l2 * decayed * parameters
        if self.weight_decay:
            parameters *= 1 - rate * self.weight_decay * decayed
        self.update(parameters, gradients, rate)
        if self.steps % FLUSH_EVERY == 0:
            # Where a pixel is always black the gradient is 0 and a velocity decays into subnormal numbers, on which
            # processors are many times slower, and stays there: 0.9 times the smallest of them rounds to itself.
            for name in self.velocities & self.state.keys():  # squares of gradients count, however small
                values = self.state[name]
                values[np.abs(values) < _flush_below(values.dtype)] = 0

    def update(self, w: np.ndarray, g: np.ndarray, rate: float) -> None:
        """Apply the optimizer's own formula, in place."""
        raise NotImplementedError(f"{type(self).__name__} defines no update")

    def zeros(self, name: str, like: np.ndarray) -> np.ndarray:
        """Return the state vector ``name``, made of zeros when it is first asked for."""
        if name not in self.state:
            self.state[name] = np.zeros_like(like)
        return self.state[name]

    def config(self) -> dict[str, object]:
        """Return what the optimizer was made with; the state is not part of it."""
        hidden = ("steps", "state", *(["decay_biases"] if self.decay_biases else []))
        return {name: value for name, value in vars(self).items() if name not in hidden}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.config().items())})"


class SGD(Optimizer):
    r"""Stochastic gradient descent, plain or with momentum μ (Polyak, 1964; Sutskever et al., 2013).

    ====================  ==========================================================
    plain                 ``w ← w - η g``
    ``momentum``          ``v ← μ v - η g``,            ``w ← w + v``
    ``nesterov``          ``v ← μ v - η g``,            ``w ← w + μ v - η g``
    ``moving_average``    ``v ← μ v - η (1 - μ) g``,    ``w ← w + v``
    ====================  ==========================================================

    The last is the form ``m ← μ m + (1 - μ) g``, ``w ← w - η m`` with ``v = -η m``: classical momentum with the
    learning rate ``(1 - μ) η`` (:eq:`eq-gradient-descent`, :eq:`eq-momentum`, :eq:`eq-momentum-map`).

    Raises
    ------
    ValueError
        If ``momentum`` is not in [0, 1), or an option that needs momentum is given without it.
    """

    velocities = frozenset({"velocity"})

    def __init__(
        self,
        learning_rate: float | Schedule = 0.01,
        momentum: float = 0.0,
        *,
        nesterov: bool = False,
        moving_average: bool = False,
        weight_decay: float = 0.0,
        l2: float = 0.0,
        decay_biases: bool = True,
    ):
        super().__init__(learning_rate, weight_decay=weight_decay, l2=l2, decay_biases=decay_biases)
        self.momentum = _check_range("momentum", momentum)
        if (nesterov or moving_average) and not self.momentum:
            raise ValueError("nesterov and moving_average need a momentum above 0")
        self.nesterov, self.moving_average = bool(nesterov), bool(moving_average)

    def update(self, w: np.ndarray, g: np.ndarray, rate: float) -> None:
        """Apply the row of the table above that was chosen."""
        step = (rate * (1 - self.momentum) if self.moving_average else rate) * g
        if not self.momentum:
            w -= step
            return
        v = self.zeros("velocity", w)
        v *= self.momentum
        v -= step
        if self.nesterov:
            w += self.momentum * v
            w -= step
        else:
            w += v


class RMSprop(Optimizer):
    r"""Gradient descent on gradients divided by a running root mean square (Tieleman & Hinton, 2012), in Keras's form.

    ``v ← ρ v + (1 - ρ) g²``, then ``w ← w - η g / √(v + ε)`` (:eq:`eq-rmsprop`): ε stands under the root, and the first
    steps are not corrected.

    Raises
    ------
    ValueError
        If ``rho`` is not in [0, 1) or ``epsilon`` is not positive.
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        rho: float = 0.9,
        epsilon: float = 1e-7,
        *,
        weight_decay: float = 0.0,
        l2: float = 0.0,
        decay_biases: bool = True,
    ):
        super().__init__(learning_rate, weight_decay=weight_decay, l2=l2, decay_biases=decay_biases)
        self.rho, self.epsilon = _check_range("rho", rho), _check_epsilon(epsilon)

    def update(self, w: np.ndarray, g: np.ndarray, rate: float) -> None:
        """``w ← w - η g / √(v + ε)``."""
        v = self.zeros("mean_square", w)
        v *= self.rho
        v += (1 - self.rho) * (g * g)
        w -= rate * g / np.sqrt(v + self.epsilon)


class Adam(Optimizer):
    r"""Adaptive moment estimation, Algorithm 1 of Kingma & Ba (2015); with ``weight_decay``, AdamW.

    ``m ← β₁ m + (1 - β₁) g``, ``v ← β₂ v + (1 - β₂) g²``, then, with the bias of the first steps corrected,
    ``w ← w - η m̂ / (√v̂ + ε)`` where ``m̂ = m / (1 - β₁ᵗ)`` and ``v̂ = v / (1 - β₂ᵗ)`` (:eq:`eq-adam`).

    The state holds the sums ``M = m / (1 - β₁)`` and ``V = v / (1 - β₂)``, to which each gradient comes with weight 1.
    Divided by the sums of all weights, ``S₁ = (1 - β₁ᵗ) / (1 - β₁)`` and likewise ``S₂``, they are m̂ and v̂
    (:eq:`eq-adam-sums`).

    Raises
    ------
    ValueError
        If a beta is not in [0, 1) or ``epsilon`` is not positive.
    """

    velocities = frozenset({"gradient_sum"})

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        *,
        weight_decay: float = 0.0,
        l2: float = 0.0,
        decay_biases: bool = True,
    ):
        super().__init__(learning_rate, weight_decay=weight_decay, l2=l2, decay_biases=decay_biases)
        self.beta_1 = _check_range("beta_1", beta_1)
        self.beta_2 = _check_range("beta_2", beta_2)
        self.epsilon = _check_epsilon(epsilon)

    def update(self, w: np.ndarray, g: np.ndarray, rate: float) -> None:
        """``w ← w - η √S₂ / S₁ · M / (√V + ε √S₂)``, which is ``w - η m̂ / (√v̂ + ε)``."""
        first, second = self.zeros("gradient_sum", w), self.zeros("square_sum", w)
        first_weight = (1 - self.beta_1**self.steps) / (1 - self.beta_1)
        second_root = ((1 - self.beta_2**self.steps) / (1 - self.beta_2)) ** 0.5
        first *= self.beta_1
        first += g
        second *= self.beta_2
        # One vector for all that follows, and sums in place of means: a quarter to a third less time for the update.
        step = g * g
        second += step
        np.sqrt(second, out=step)
        step += self.epsilon * second_root
        np.divide(first, step, out=step)
        step *= rate * second_root / first_weight
        w -= step


def _flush_below(dtype: np.dtype) -> float:
    """Return ``FLUSH_BELOW``, and for float64, whose smallest normal number is 2e-308, 1e-270 times that."""
    return FLUSH_BELOW * (1e-270 if dtype == np.float64 else 1)


def _check_mask(decayed: np.ndarray | int | None) -> np.ndarray | int:
    if decayed is None:
        raise ValueError("decay_biases=False needs to know the biases: pass decayed=network.weight_mask()")
    return decayed


def _check_epsilon(value: float) -> float:
    if not value > 0:
        raise ValueError(f"epsilon must be positive, not {value!r}")
    return float(value)


def _check_range(name: str, value: float, upper: float = 1.0) -> float:
    if not 0 <= value < upper:
        below = "" if upper == math.inf else f" and less than {upper:g}"
        raise ValueError(f"{name} must be at least 0{below}, not {value!r}")
    return float(value)
