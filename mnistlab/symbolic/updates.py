"""Updates: what the optimizers do, as formulas; their code proved to do it; and what the formulas say for all steps.

The formulas are written here once more, apart from the code, as the report has them: an update is a function from
``w``, a state and the gradient to the next ``w`` and state. It works on numbers and on symbols.

Notation: gradient ``g``, learning rate ``η``, momentum ``μ``, decay or penalty ``λ``, number of the step ``t``, from 1.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import sympy as sp

from mnistlab.optimizers import SGD, Adam, Optimizer, RMSprop
from mnistlab.symbolic.array import SymbolicArray, expressions, symbols, values
from mnistlab.symbolic.lemmas import Lemma, Provable, prove, q, r, total
from mnistlab.symbolic.passes import unchanged
from mnistlab.symbolic.prove import Entry, Proof, compare
from mnistlab.symbolic.values import Above, NotUnderstood, Value, all_understood, every_path, exact
from mnistlab.symbolic.zero import is_zero

__all__ = [
    "COMBINATIONS",
    "LEMMAS",
    "UPDATES",
    "Stepwise",
    "Update",
    "compare_steps",
    "follow",
    "prove_update",
    "symbolic_numbers",
]

State = dict[str, Any]
Formula = Callable[[Any, Any, State, SimpleNamespace, Any], Any]
"""From ``w``, ``g``, the state (changed in place), the optimizer's numbers and ``t`` to the next ``w``."""

FLUSH_EVERY, FLUSH_BELOW = 20, sp.Rational(Fraction(1e-30))
"""On each so-many-th step, entries of a velocity that are smaller than that become 0; symbols count as float32."""


def _plain(w: Any, g: Any, state: State, at: SimpleNamespace, t: Any) -> Any:
    return w - at.eta * g


def _momentum(w: Any, g: Any, state: State, at: SimpleNamespace, t: Any) -> Any:
    state["v"] = at.mu * state.get("v", 0) - at.eta * g
    return w + state["v"]


def _nesterov(w: Any, g: Any, state: State, at: SimpleNamespace, t: Any) -> Any:
    # As it was published: the ball is at w - μv, and the gradient is taken where its velocity will carry it.
    ball = w - at.mu * state.get("v", 0)
    state["v"] = at.mu * state.get("v", 0) - at.eta * g
    ball = ball + state["v"]
    return ball + at.mu * state["v"]


def _moving_average(w: Any, g: Any, state: State, at: SimpleNamespace, t: Any) -> Any:
    state["m"] = at.mu * state.get("m", 0) + (1 - at.mu) * g
    return w - at.eta * state["m"]


def _nesterov_moving_average(w: Any, g: Any, state: State, at: SimpleNamespace, t: Any) -> Any:
    state["m"] = at.mu * state.get("m", 0) + (1 - at.mu) * g
    return w - at.eta * (at.mu * state["m"] + (1 - at.mu) * g)


def _rmsprop(w: Any, g: Any, state: State, at: SimpleNamespace, t: Any) -> Any:
    state["v"] = at.rho * state.get("v", 0) + (1 - at.rho) * g * g
    return w - at.eta * g / np.sqrt(state["v"] + at.epsilon)


def _adam(w: Any, g: Any, state: State, at: SimpleNamespace, t: Any) -> Any:
    state["m"] = at.beta_1 * state.get("m", 0) + (1 - at.beta_1) * g
    state["v"] = at.beta_2 * state.get("v", 0) + (1 - at.beta_2) * g * g
    mean, square = state["m"] / (1 - at.beta_1**t), state["v"] / (1 - at.beta_2**t)
    return w - at.eta * mean / (np.sqrt(square) + at.epsilon)


def _with_weight_decay(formula: Formula) -> Formula:
    return lambda w, g, state, at, t: formula((1 - at.eta * at.weight_decay * at.decayed) * w, g, state, at, t)


def _with_l2(formula: Formula) -> Formula:
    return lambda w, g, state, at, t: formula(w, g + at.l2 * at.decayed * w, state, at, t)


Invariant = Callable[[State, SimpleNamespace], dict[str, Any]]
"""From the formula's state to what the optimizer then holds, under the optimizer's names."""


def _no_state(state: State, at: SimpleNamespace) -> dict[str, Any]:
    return {}


def _velocity(state: State, at: SimpleNamespace) -> dict[str, Any]:
    return {"velocity": state["v"]}


def _velocity_of_mean(state: State, at: SimpleNamespace) -> dict[str, Any]:
    return {"velocity": -at.eta * state["m"]}


def _mean_square(state: State, at: SimpleNamespace) -> dict[str, Any]:
    return {"mean_square": state["v"]}


def _sums_of_means(state: State, at: SimpleNamespace) -> dict[str, Any]:
    return {"gradient_sum": state["m"] / (1 - at.beta_1), "square_sum": state["v"] / (1 - at.beta_2)}


@dataclass(frozen=True)
class Update:
    """A rule of an optimizer: how to make the optimizer that follows it, and the formula."""

    of: str
    """The rule's name: class, or class and option."""
    make: Callable[[], Optimizer]
    formula: Formula
    holds: Invariant = _no_state
    """What stands in the optimizer's state between steps."""


UPDATES: tuple[Update, ...] = (
    Update("SGD", lambda: SGD(0.1), _plain),
    Update("SGD.momentum", lambda: SGD(0.1, momentum=0.5), _momentum, _velocity),
    Update("SGD.nesterov", lambda: SGD(0.1, momentum=0.5, nesterov=True), _nesterov, _velocity),
    Update(
        "SGD.moving_average", lambda: SGD(0.1, momentum=0.5, moving_average=True), _moving_average, _velocity_of_mean
    ),
    Update("SGD.weight_decay", lambda: SGD(0.1, weight_decay=0.25), _with_weight_decay(_plain)),
    Update("SGD.l2", lambda: SGD(0.1, l2=0.25), _with_l2(_plain)),
    Update("RMSprop", lambda: RMSprop(0.1), _rmsprop, _mean_square),
    Update("RMSprop.weight_decay", lambda: RMSprop(0.1, weight_decay=0.25), _with_weight_decay(_rmsprop), _mean_square),
    Update("RMSprop.l2", lambda: RMSprop(0.1, l2=0.25), _with_l2(_rmsprop), _mean_square),
    Update("Adam", lambda: Adam(0.1), _adam, _sums_of_means),
    Update("Adam.weight_decay", lambda: Adam(0.1, weight_decay=0.25), _with_weight_decay(_adam), _sums_of_means),
    Update("Adam.l2", lambda: Adam(0.1, l2=0.25), _with_l2(_adam), _sums_of_means),
)
"""One update for each optimizer, and for each option that it leaves off by default."""


def _combinations() -> Iterator[Update]:
    """Yield every combination of options that can be made."""
    momenta = {
        "": ({}, _plain, _no_state),
        "momentum": ({"momentum": 0.5}, _momentum, _velocity),
        "nesterov": ({"momentum": 0.5, "nesterov": True}, _nesterov, _velocity),
        "moving_average": ({"momentum": 0.5, "moving_average": True}, _moving_average, _velocity_of_mean),
        "nesterov, moving_average": (
            {"momentum": 0.5, "nesterov": True, "moving_average": True},
            _nesterov_moving_average,
            _velocity_of_mean,
        ),
    }
    betas = {
        name: (options, _adam, _sums_of_means)
        for name, options in (("", {}), ("beta_1=0", {"beta_1": 0.0}), ("beta_2=0", {"beta_2": 0.0}))
    }
    penalties = {
        "": ({}, lambda formula: formula),
        "weight_decay": ({"weight_decay": 0.25}, _with_weight_decay),
        "l2": ({"l2": 0.25}, _with_l2),
        "weight_decay, l2": ({"weight_decay": 0.25, "l2": 0.25}, lambda each: _with_l2(_with_weight_decay(each))),
    }
    penalties |= {
        f"{name}, decay_biases=False": (options | {"decay_biases": False}, wrapped)
        for name, (options, wrapped) in penalties.items()
        if name
    }
    rhos = {name: (options, _rmsprop, _mean_square) for name, options in (("", {}), ("rho=0", {"rho": 0.0}))}
    for owner, rules in ((SGD, momenta), (Adam, betas), (RMSprop, rhos)):
        for rule, (options, formula, holds) in rules.items():
            for penalty, (more, wrapped) in penalties.items():
                name = ", ".join(filter(None, (rule, penalty)))
                given: dict[str, Any] = options | more
                make = partial(owner, 0.1, **given)
                yield Update(f"{owner.__name__}({name})", make, wrapped(formula), holds)


COMBINATIONS: tuple[Update, ...] = tuple(_combinations())
"""Every optimizer with every combination of its options."""

GREEK = {"momentum": "mu", "weight_decay": "lambda", "l2": "lambda"}


def numbers(optimizer: Optimizer, rate: Any) -> SimpleNamespace:
    """Return what the formulas call ``η``, ``μ`` and so on, taken from an optimizer with this learning rate."""
    return SimpleNamespace(eta=rate, mu=getattr(optimizer, "momentum", 0), decayed=1, **vars(optimizer))


def symbolic_numbers(optimizer: Optimizer) -> SimpleNamespace:
    """Put a positive symbol in the place of each number of an optimizer that is not 0, and of the learning rate.

    Returns the symbols under the names that the formulas use.
    """
    eta = sp.Symbol("eta", positive=True)
    both = bool(optimizer.weight_decay and optimizer.l2)
    for name, value in vars(optimizer).items():
        if isinstance(value, float) and value:
            letter = GREEK.get(name, name) + "_2" * (both and name == "l2")
            setattr(optimizer, name, sp.Symbol(letter, positive=True))
    optimizer.learning_rate = lambda progress: eta
    return numbers(optimizer, eta)


def follow(update: Update, w: Any, gradients: Callable[[Any], Any], at: SimpleNamespace, steps: int) -> Iterator[Any]:
    """Yield the parameters after each step of the formula; ``gradients`` returns the gradient at a point."""
    state: State = {}
    for t in range(1, steps + 1):
        w = update.formula(w, gradients(w), state, at, t)
        yield w


def prove_update(update: Update, size: int = 2) -> Proof:
    """Prove that an optimizer's unchanged ``step`` is the formula, at every step.

    By induction: the first step of a new optimizer; and one step from a state of free symbols, at a number ``t`` of the
    step that is a symbol too. If before the step the optimizer holds what belongs to the formula's state, then after it
    the parameters are the formula's and it holds what belongs to the formula's new state. Where the code asks about
    ``t``, as it does for the flush of tiny numbers, each way that it can go is looked at. The gradients must be left as
    they are, and nothing may be kept that changes when the caller overwrites them.

    Parameters
    ----------
    update
        One of :data:`UPDATES` or :data:`COMBINATIONS`.
    size
        Number of parameters.

    Returns
    -------
    Proof
        Entries for each parameter and each number of the state. Call :meth:`Proof.check` to raise an error if it does
        not hold.

    Raises
    ------
    NotUnderstood
        If the code uses a function that has no counterpart on symbols, or asks for the truth of a comparison other than
        about the number of the step.
    """
    start = time.perf_counter()
    proof = Proof(f"each step is the formula, by induction ({size} parameters):\n  {update.of}")
    with all_understood():
        proof.entries = compare_steps(update, _Vectors(size))
    proof.seconds = time.perf_counter() - start
    return proof


class _Vectors:
    """Vectors of so many symbols."""

    def __init__(self, size: int):
        self.shape = (size,)

    def symbols(self, name: str, **assumptions: bool) -> SymbolicArray:
        """Return free symbols, for the formula."""
        array = symbols(name, self.shape)
        if assumptions:
            array[...] = [sp.Symbol(each.name, real=True, **assumptions) for each in array]
        return array

    def given(self, formulas: np.ndarray) -> SymbolicArray:
        """Return the same for the code."""
        return values(formulas)

    def read(self, array: np.ndarray) -> np.ndarray:
        """Return what the code made of it."""
        if array.shape != self.shape:
            raise ValueError(f"a vector of the shape {array.shape} in place of {self.shape}")
        return expressions(array)

    def overwrite(self, array: np.ndarray) -> None:
        """Put other symbols in the place of all entries."""
        array[...] = values(symbols("overwritten", self.shape))


def compare_steps(update: Update, vectors: Any) -> list[Entry]:
    """Return the entries of :func:`prove_update`; ``vectors`` makes the arrays, of a fixed or of a symbolic length."""
    return [
        entry
        for first in (True, False)
        for given, (made, expected) in every_path(partial(_step, update, vectors, first))
        for entry in _entries(made, expected, given)
    ]


def _step(update: Update, vectors: Any, first: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the optimizer and the formula make of one step: arrays by name."""
    optimizer: Any = update.make()  # to be filled with symbols
    at = symbolic_numbers(optimizer)
    for name, value in vars(optimizer).items():
        if isinstance(value, sp.Expr):
            setattr(optimizer, name, Value(value))
    progress, elsewhere = sp.symbols("progress rate_elsewhere", positive=True)
    optimizer.learning_rate = lambda asked: Value(at.eta if exact(asked) == progress else elsewhere)
    w, g = vectors.symbols("w"), vectors.symbols("g")
    mask: tuple[Any, ...] = ()
    if not optimizer.decay_biases:  # any numbers, of which 1 and 0 are two
        at.decayed = vectors.symbols("d")
        mask = (vectors.given(at.decayed),)
    t = sp.Integer(1) if first else sp.Symbol("t", integer=True, positive=True)
    state: State = {}
    if not first:
        for name in _state_names(update):
            square = name == "v" and isinstance(optimizer, Adam | RMSprop)  # a mean of squares
            state[name] = vectors.symbols(name, **({"nonnegative": True} if square else {}))
        optimizer.state = {name: vectors.given(part) for name, part in update.holds(state, at).items()}
        optimizer.steps = Value(t - 1)
    if first:
        _check_default(update, vectors)
    flushes = bool(Value(t) % FLUSH_EVERY == 0)  # type: ignore[operator]  # set on the class in a loop
    given, mine = vectors.given(g), vectors.given(w)
    before = {name: value for name, value in vars(optimizer).items() if name not in ("steps", "state")}
    with unchanged(gradients=given, **dict(zip(("mask",), mask, strict=False))):
        optimizer.step(mine, given, Value(progress), *mask)
    after = {name: value for name, value in vars(optimizer).items() if name not in ("steps", "state")}
    if after.keys() != before.keys() or any(after[name] is not before[name] for name in before):
        raise NotUnderstood("a step changes something else of the optimizer than its state and the number of the step")
    vectors.overwrite(given)
    made = {"w": vectors.read(mine), "t": [exact(optimizer.steps)]}
    made |= {f"state {name}": vectors.read(part) for name, part in optimizer.state.items()}
    expected = {"w": update.formula(w, g, state, at, t), "t": [t]}
    for name, part in update.holds(state, at).items():
        flushed = flushes and name in optimizer.velocities
        expected[f"state {name}"] = [_flushed(each) for each in part] if flushed else part
    return made, expected


def _check_default(update: Update, vectors: Any) -> None:
    """Raise NotUnderstood if a step without ``progress`` has another learning rate than that of the start."""
    optimizer: Any = update.make()
    asked: list[Any] = []

    def rate(progress: Any) -> Value:
        asked.append(progress)
        return Value(1)

    optimizer.learning_rate = rate
    mask = {} if optimizer.decay_biases else {"decayed": vectors.given(vectors.symbols("d"))}
    optimizer.step(vectors.given(vectors.symbols("w")), vectors.given(vectors.symbols("g")), **mask)
    if asked != [0]:
        raise NotUnderstood("a step without progress does not take the learning rate of the start")


def _state_names(update: Update) -> list[str]:
    """Return what the formula's state is called, from its first step."""
    state: State = {}
    update.formula(symbols("w", (1,)), symbols("g", (1,)), state, symbolic_numbers(update.make()), sp.Integer(1))
    return list(state)


def _flushed(value: sp.Expr) -> sp.Expr:
    return value * (1 - Above(FLUSH_BELOW - sp.Max(value, -value)))


def _entries(made: dict[str, Any], expected: dict[str, Any], given: Mapping[sp.Expr, bool]) -> Iterator[Entry]:
    """Yield an entry for each number."""
    where = ", ".join(f"{truth} = {int(answer)}" for truth, answer in given.items())
    if made.keys() != expected.keys():
        held, known = (sp.Symbol(", ".join(sorted(each))) for each in (made, expected))
        yield Entry("what the state holds", held, known, False)
    for name, part in made.items():
        for place, pair in enumerate(zip(part, expected.get(name, part), strict=True)):
            written, formula = (_with_reduced_roots(sp.sympify(each)) for each in pair)
            label = f"{name}_{{{place}}}" + (f" where {where}" if where else "")
            yield compare(label, written, formula, given)


def _with_reduced_roots(expression: sp.Expr) -> sp.Expr:
    """Return the expression with each radicand in factors, a fraction in lowest terms: one root is written one way.

    For each rate β of decay, ``1 - β`` and ``1 - βᵗ`` become positive unknowns, which they are; that they belong
    together is forgotten.
    """
    unknown: dict[sp.Expr, sp.Expr] = {}
    for base in sorted((each for each in expression.free_symbols if each.name.startswith("beta")), key=str):
        rest = sp.Symbol(f"1-{base}", positive=True)
        for power in expression.atoms(sp.Pow):
            if power.base == base and not power.exp.is_number:
                unknown[power] = 1 - sp.Symbol(f"1-{power}", positive=True)
        unknown[base] = 1 - rest
    powers = {each: unknown[each] for each in unknown if each.is_Pow}
    expression = expression.xreplace(powers).xreplace({each: unknown[each] for each in unknown if not each.is_Pow})

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
    def proved(self) -> bool:  # type: ignore[override]  # nobody writes it
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
