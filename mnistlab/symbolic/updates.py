"""Updates: what the optimizers do, as formulas; their code proved to do it; and what the formulas say for all steps.

The formulas are written here once more, apart from the code, as the report has them: an update is a function from
``w``, a state and the gradient to the next ``w`` and state. It works on numbers and on symbols.

Notation: gradient ``g``, learning rate ``η``, momentum ``μ``, decay or penalty ``λ``, number of the step ``t``, from 1.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np
import sympy as sp

from mnistlab.optimizers import SGD, Adam, Optimizer, RMSprop
from mnistlab.symbolic.array import symbols
from mnistlab.symbolic.lemmas import Lemma, Provable, prove, q, r, total
from mnistlab.symbolic.prove import Proof, compare, is_zero

__all__ = ["LEMMAS", "UPDATES", "Stepwise", "Update", "follow", "prove_update", "symbolic_numbers"]

State = dict[str, Any]
Formula = Callable[[Any, Any, State, SimpleNamespace, int], Any]
"""From ``w``, ``g``, the state (changed in place), the optimizer's numbers and ``t`` to the next ``w``."""


def _plain(w: Any, g: Any, state: State, at: SimpleNamespace, t: int) -> Any:
    return w - at.eta * g


def _momentum(w: Any, g: Any, state: State, at: SimpleNamespace, t: int) -> Any:
    state["v"] = at.mu * state.get("v", 0) - at.eta * g
    return w + state["v"]


def _nesterov(w: Any, g: Any, state: State, at: SimpleNamespace, t: int) -> Any:
    # As it was published: the ball is at w - μv, and the gradient is taken where its velocity will carry it.
    ball = w - at.mu * state.get("v", 0)
    state["v"] = at.mu * state.get("v", 0) - at.eta * g
    ball = ball + state["v"]
    return ball + at.mu * state["v"]


def _moving_average(w: Any, g: Any, state: State, at: SimpleNamespace, t: int) -> Any:
    state["m"] = at.mu * state.get("m", 0) + (1 - at.mu) * g
    return w - at.eta * state["m"]


def _rmsprop(w: Any, g: Any, state: State, at: SimpleNamespace, t: int) -> Any:
    state["v"] = at.rho * state.get("v", 0) + (1 - at.rho) * g * g
    return w - at.eta * g / np.sqrt(state["v"] + at.epsilon)


def _adam(w: Any, g: Any, state: State, at: SimpleNamespace, t: int) -> Any:
    state["m"] = at.beta_1 * state.get("m", 0) + (1 - at.beta_1) * g
    state["v"] = at.beta_2 * state.get("v", 0) + (1 - at.beta_2) * g * g
    mean, square = state["m"] / (1 - at.beta_1**t), state["v"] / (1 - at.beta_2**t)
    return w - at.eta * mean / (np.sqrt(square) + at.epsilon)


def _with_weight_decay(formula: Formula) -> Formula:
    return lambda w, g, state, at, t: formula((1 - at.eta * at.weight_decay) * w, g, state, at, t)


def _with_l2(formula: Formula) -> Formula:
    return lambda w, g, state, at, t: formula(w, g + at.l2 * w, state, at, t)


@dataclass(frozen=True)
class Update:
    """A rule of an optimizer: how to make the optimizer that follows it, and the formula."""

    of: str
    """The rule's name: class, or class and option."""
    make: Callable[[], Optimizer]
    formula: Formula


UPDATES: tuple[Update, ...] = (
    Update("SGD", lambda: SGD(0.1), _plain),
    Update("SGD.momentum", lambda: SGD(0.1, momentum=0.5), _momentum),
    Update("SGD.nesterov", lambda: SGD(0.1, momentum=0.5, nesterov=True), _nesterov),
    Update("SGD.moving_average", lambda: SGD(0.1, momentum=0.5, moving_average=True), _moving_average),
    Update("SGD.weight_decay", lambda: SGD(0.1, weight_decay=0.25), _with_weight_decay(_plain)),
    Update("SGD.l2", lambda: SGD(0.1, l2=0.25), _with_l2(_plain)),
    Update("RMSprop", lambda: RMSprop(0.1), _rmsprop),
    Update("RMSprop.weight_decay", lambda: RMSprop(0.1, weight_decay=0.25), _with_weight_decay(_rmsprop)),
    Update("RMSprop.l2", lambda: RMSprop(0.1, l2=0.25), _with_l2(_rmsprop)),
    Update("Adam", lambda: Adam(0.1), _adam),
    Update("Adam.weight_decay", lambda: Adam(0.1, weight_decay=0.25), _with_weight_decay(_adam)),
    Update("Adam.l2", lambda: Adam(0.1, l2=0.25), _with_l2(_adam)),
)
"""One update for each optimizer, and for each option that it leaves off by default."""

GREEK = {"momentum": "mu", "weight_decay": "lambda", "l2": "lambda"}


def numbers(optimizer: Optimizer, rate: Any) -> SimpleNamespace:
    """Return what the formulas call ``η``, ``μ`` and so on, taken from an optimizer with this learning rate."""
    return SimpleNamespace(eta=rate, mu=getattr(optimizer, "momentum", 0), **vars(optimizer))


def symbolic_numbers(optimizer: Optimizer) -> SimpleNamespace:
    """Put a positive symbol in the place of each number of an optimizer that is not 0, and of the learning rate.

    Returns the symbols under the names that the formulas use.
    """
    eta = sp.Symbol("eta", positive=True)
    for name, value in vars(optimizer).items():
        if isinstance(value, float) and value:
            setattr(optimizer, name, sp.Symbol(GREEK.get(name, name), positive=True))
    optimizer.learning_rate = lambda progress: eta
    return numbers(optimizer, eta)


def follow(update: Update, w: Any, gradients: Callable[[Any], Any], at: SimpleNamespace, steps: int) -> Iterator[Any]:
    """Yield the parameters after each step of the formula; ``gradients`` returns the gradient at a point."""
    state: State = {}
    for t in range(1, steps + 1):
        w = update.formula(w, gradients(w), state, at, t)
        yield w


def prove_update(update: Update, steps: int = 2, size: int = 2) -> Proof:
    """Run an optimizer's unchanged ``step`` on symbols, and compare with the formula after each step.

    Parameters
    ----------
    update
        One of :data:`UPDATES`.
    steps
        Number of steps; each has a gradient of its own, of free symbols.
    size
        Number of parameters.

    Returns
    -------
    Proof
        An entry for each parameter after each step. Call :meth:`Proof.check` to raise an error if it does not hold.
    """
    start = time.perf_counter()
    optimizer = update.make()
    proof = Proof(f"the step is the formula ({steps} steps):\n  {update.of}")
    at = symbolic_numbers(optimizer)
    gradients = [symbols(f"g^{{({t})}}", (size,)) for t in range(1, steps + 1)]
    w = symbols("w", (size,))
    given = iter(gradients)
    expected = follow(update, w.copy(), lambda _: next(given), at, steps)
    for t, (gradient, values) in enumerate(zip(gradients, expected, strict=True), 1):
        optimizer.step(w, gradient)
        for place, (written, formula) in enumerate(zip(w, values, strict=True)):
            pair = (_with_reduced_roots(sp.sympify(each)) for each in (written, formula))
            proof.entries.append(compare(f"w^{{({t})}}_{{{place}}}", *pair))
    proof.seconds = time.perf_counter() - start
    return proof


def _with_reduced_roots(expression: sp.Expr) -> sp.Expr:
    """Return the expression with each radicand in factors, a fraction in lowest terms: one root is written one way."""

    def is_root(node: sp.Expr) -> bool:
        return node.is_Pow and node.exp == sp.S.Half

    return expression.replace(is_root, lambda root: sp.sqrt(root.base.factor()))


# What the formulas say, for every number of parameters or of steps.

eta, mu, lam = sp.symbols("eta mu lambda", positive=True)
g, w = (sp.IndexedBase(sp.Symbol(name, real=True), real=True) for name in "gw")


def gradient_descent() -> Lemma:
    """The loss falls by ``η ‖g‖²``, to first order in ``η`` (:eq:`eq-gradient-descent`)."""
    function = total(g[r] * (w[r] - eta * g[r]), r)
    return prove("Descent", "eq-gradient-descent", function, eta, -total(g[r] ** 2, r), of="SGD")


def _penalty() -> sp.Expr:
    return lam / 2 * total(w[r] ** 2, r)


def l2_penalty() -> Lemma:
    """The gradient of ``L + λ/2 ‖w‖²`` is ``g + λ w`` (:eq:`eq-weight-decay`); L is straight near a point."""
    function = total(g[r] * w[r], r) + _penalty()
    return prove("L2 penalty", "eq-weight-decay", function, w[q], g[q] + lam * w[q], of="l2")


def weight_decay() -> Lemma:
    """``(1 - ηλ) w`` is a step of gradient descent on ``λ/2 ‖w‖²`` (:eq:`eq-weight-decay`).

    As everything here is differentiated, w itself is written as the derivative of ``‖w‖² / 2``.
    """
    function = total(w[r] ** 2, r) / 2 - eta * _penalty()
    return prove("Weight decay", "eq-weight-decay", function, w[q], (1 - eta * lam) * w[q], of="weight_decay")


@dataclass(frozen=True)
class Stepwise(Provable):
    """A lemma about all steps: identities that carry a claim from one step to the next."""

    name: str
    label: str
    """Label of the equation in the report."""
    of: str
    """Rule of the library that the lemma is about."""
    claim: str
    identities: tuple[sp.Eq, ...]
    """If they hold for every ``t``, so does the claim, by induction."""

    scope = "every step"

    @cached_property
    def proved(self) -> bool:
        """Whether each identity holds."""
        return all(is_zero(each.lhs - each.rhs) for each in self.identities)

    def __repr__(self) -> str:
        return f"{self.name}: {'proved for every step' if self.proved else 'NOT PROVED'}\n  {self.claim}"


def _equal(left: sp.Expr, right: sp.Expr) -> sp.Eq:
    return sp.Eq(left, right, evaluate=False)


t = sp.Symbol("t", integer=True, nonnegative=True)
w_now, v_now, m_now, g_now = sp.symbols("w v m g", real=True)


def constant_gradient() -> Stepwise:
    """Where the gradient stays the same, ``v = -η g (1 - μᵗ) / (1 - μ)`` after t steps (:eq:`eq-momentum`)."""

    def velocity(steps: sp.Expr) -> sp.Expr:
        return -eta * g_now * (1 - mu**steps) / (1 - mu)

    first = _equal(velocity(sp.Integer(0)), sp.Integer(0))
    step = _equal(mu * velocity(t) - eta * g_now, velocity(t + 1))
    claim = "constant gradient: v = -η g (1 - μᵗ) / (1 - μ)"
    return Stepwise("Momentum", "eq-momentum", "SGD.momentum", claim, (first, step))


def look_ahead() -> Stepwise:
    """If w is the point ahead of the ball, ``ball + μ v``, it is so after the step (:eq:`eq-momentum`)."""
    v_next = mu * v_now - eta * g_now
    ball_next = (w_now - mu * v_now) + v_next
    step = _equal(w_now + mu * v_next - eta * g_now, ball_next + mu * v_next)
    return Stepwise("Look-ahead", "eq-momentum", "SGD.nesterov", "w = ball + μ v", (step,))


def moving_average() -> Stepwise:
    """If ``v = -η m``, it is so after the step, and both move w alike (:eq:`eq-momentum-map`)."""
    m_next = mu * m_now + (1 - mu) * g_now
    v_next = mu * (-eta * m_now) - (1 - mu) * eta * g_now
    steps = (_equal(v_next, -eta * m_next), _equal(w_now + v_next, w_now - eta * m_next))
    return Stepwise("Moving average", "eq-momentum-map", "SGD.moving_average", "v = -η m", steps)


def mean_square() -> Stepwise:
    """Where the gradient stays the same, ``v = (1 - ρᵗ) g²`` after t steps (:eq:`eq-rmsprop`)."""
    rho = sp.Symbol("rho", positive=True)

    def square(steps: sp.Expr) -> sp.Expr:
        return (1 - rho**steps) * g_now**2

    first = _equal(square(sp.Integer(0)), sp.Integer(0))
    step = _equal(rho * square(t) + (1 - rho) * g_now**2, square(t + 1))
    return Stepwise("Mean square", "eq-rmsprop", "RMSprop", "constant gradient: v = (1 - ρᵗ) g²", (first, step))


def bias_correction() -> Stepwise:
    """Where the gradient stays the same, ``m = (1 - βᵗ) g`` after t steps, so ``m̂ = g`` (:eq:`eq-adam`)."""
    beta = sp.Symbol("beta", positive=True)

    def mean(steps: sp.Expr) -> sp.Expr:
        return (1 - beta**steps) * g_now

    first = _equal(mean(sp.Integer(0)), sp.Integer(0))
    step = _equal(beta * mean(t) + (1 - beta) * g_now, mean(t + 1))
    corrected = _equal(mean(t + 1) / (1 - beta ** (t + 1)), g_now)
    return Stepwise("Bias correction", "eq-adam", "Adam", "constant gradient: m̂ = g", (first, step, corrected))


def weighted_mean() -> Stepwise:
    """The sum ``M = m / (1 - β)`` over the sum S of its weights is ``m̂``, for any gradients (:eq:`eq-adam-sums`)."""
    beta = sp.Symbol("beta", positive=True)

    def weights(steps: sp.Expr) -> sp.Expr:
        return (1 - beta**steps) / (1 - beta)

    first = _equal(weights(sp.Integer(0)), sp.Integer(0))
    another_weight = _equal(beta * weights(t) + 1, weights(t + 1))
    another_gradient = _equal(beta * m_now / (1 - beta) + g_now, (beta * m_now + (1 - beta) * g_now) / (1 - beta))
    mean = _equal(m_now / (1 - beta) / weights(t + 1), m_now / (1 - beta ** (t + 1)))
    claim = "any gradients: M / S = m̂"
    return Stepwise("Weighted mean", "eq-adam-sums", "Adam", claim, (first, another_weight, another_gradient, mean))


LEMMAS: tuple[Callable[[], Lemma | Stepwise], ...] = (
    gradient_descent,
    constant_gradient,
    look_ahead,
    moving_average,
    weight_decay,
    l2_penalty,
    mean_square,
    bias_correction,
    weighted_mean,
)
"""Every lemma about updates; those of weight decay and of the penalty hold for each optimizer."""
