"""Whether an expression is zero: by exact algebra, in each of the regions between kinks; and its value in numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import sympy as sp

from mnistlab.symbolic.array import Shift
from mnistlab.symbolic.values import Above

__all__ = ["cancels", "derivative", "differs", "evaluate", "is_positive", "is_zero", "with_steps"]

MOST_DENOMINATORS = 30
MOST_REGIONS = 400
POINTS = 12
KINKS = (Above, sp.Max)


def is_zero(expression: sp.Expr) -> bool:
    """Return whether an expression is zero for all values of its symbols; False also where that is not found out.

    Each application of a function (exp, tanh, a maximum, a step …) is taken as an unknown of its own, which leaves a
    rational function. Where a sum stands in a denominator, the sum becomes an unknown in place of one of its terms,
    which leaves a polynomial in the unknowns and their reciprocals; expanded, it must be 0. This never calls zero what
    is not, since an identity between independent unknowns holds for whatever they stand for. A step is its own square,
    and a step over a maximum is made of steps over its arguments; the square of a sum's root is the sum.

    If that is not enough, space is cut where comparisons change and maxima have kinks, and each region that is not
    empty is looked at by itself. On the cuts, where no derivative exists, nothing is claimed.
    """
    expression = with_steps(sp.sympify(expression))
    if expression.is_Number:
        return expression == 0
    if differs(expression, sp.S.Zero) is not None:
        return False
    if not expression.has(*KINKS):
        return _is_zero_smooth(expression)
    return _is_zero_smooth(_canonical(expression)) or _is_zero_in_regions(expression, [], [MOST_REGIONS])


def derivative(expression: sp.Expr, symbol: sp.Symbol) -> sp.Expr:
    """Return the derivative, everywhere but at kinks."""
    return with_steps(sp.diff(with_steps(expression), symbol))


def with_steps(expression: sp.Expr) -> sp.Expr:
    """Return the expression with all kinks written as maxima and as :class:`~mnistlab.symbolic.values.Above`."""
    if not expression.has(sp.Heaviside, sp.Min, sp.Abs, sp.sign):
        return expression
    parts = [with_steps(part) for part in expression.args]
    if isinstance(expression, sp.Heaviside):
        return Above(parts[0])
    if isinstance(expression, sp.Min):
        return -sp.Max(*(-part for part in parts))
    if isinstance(expression, sp.Abs):
        return sp.Max(parts[0], -parts[0])
    if isinstance(expression, sp.sign):
        return Above(parts[0]) - Above(-parts[0])
    return expression.func(*parts) if parts else expression


def cancels(value: sp.Expr, shift: sp.Expr, slope: sp.Expr | None = None) -> bool:
    """Return whether a value does not depend on a shift: its slope is zero, and no kink or jump stands at the shift.

    The slope is the derivative, if it is not given as something else that must be zero.
    """
    if any(node.has(shift) for node in with_steps(value).atoms(*KINKS)):
        return False
    return is_zero(sp.diff(value, shift) if slope is None else slope)


# Algebra between kinks.


def _is_zero_smooth(expression: sp.Expr) -> bool:
    if _is_zero_rational(expression):
        return True
    other = _with_exponentials(expression)
    if other != expression and _is_zero_rational(other):
        return True
    return other.has(sp.log) and _is_zero_by_derivatives(other)


def _is_zero_by_derivatives(expression: sp.Expr) -> bool:
    """Return whether all derivatives are zero, and the value where each symbol is 0: for logarithms of positive sums.

    These, and what is divided by, must be positive everywhere, so that the expression has a value everywhere.
    """
    must_be = [node.args[0] for node in expression.atoms(sp.log)]
    must_be += [node.base for node in expression.atoms(sp.Pow) if not (node.exp.is_integer and node.exp.is_positive)]
    if not all(map(is_positive, must_be)):
        return False
    free = expression.free_symbols
    if any(not symbol.is_real or symbol.is_positive for symbol in free) or len(free) > 16:
        return False
    if not all(_is_zero_rational(sp.diff(expression, symbol)) for symbol in free):
        return False
    return sp.expand_log(expression.subs(dict.fromkeys(free, sp.S.Zero)), force=True).equals(0) is True


def _with_exponentials(expression: sp.Expr) -> sp.Expr:
    """Return the same with tanh by exp, and logarithms of products with an exponential taken apart."""
    expression = expression.replace(sp.tanh, lambda a: 1 - 2 / (sp.exp(2 * a) + 1))
    expression = sp.expand(expression, power_base=False, log=False, mul=False, multinomial=False)
    return expression.replace(sp.log, _taken_apart)


def _taken_apart(argument: sp.Expr) -> sp.Expr:
    total = sp.S.Zero
    rest = []
    for factor in sp.Mul.make_args(sp.factor_terms(argument)):
        if isinstance(factor, sp.exp):
            total += factor.exp
        elif factor.is_Pow and factor.exp == -1 and is_positive(factor.base):
            total -= _taken_apart(factor.base)
        else:
            rest.append(factor)
    left = sp.Mul(*rest)
    return total + (sp.log(left) if left != 1 else 0)


def is_positive(expression: sp.Expr) -> bool:
    """Return whether the sign is known to be positive: sums and products of exponentials are."""
    if isinstance(expression, sp.Sum):
        return is_positive(expression.function)
    if expression.is_Add or expression.is_Mul:
        return all(map(is_positive, expression.args))
    return isinstance(expression, sp.exp) or bool(expression.is_positive)


def _is_zero_rational(expression: sp.Expr) -> bool:
    expression, steps = _with_unknowns(expression)
    roots = {
        node.base for node in expression.atoms(sp.Pow) if node.base.is_Add and node.exp.is_Rational and node.exp.q == 2
    }
    if roots and _is_zero_with_root(expression, min(roots, key=sp.default_sort_key)):
        return True
    for _ in range(MOST_DENOMINATORS):
        denominator = next(_denominators(expression), None)
        if denominator is None:
            return _reduced(sp.expand(expression), steps) == 0
        # A term that is itself divided by would make the sum that replaces it a new denominator, and so on for ever.
        divisors = {node.base for node in expression.atoms(sp.Pow) if node.base.is_Symbol and node.exp.is_negative}
        term = next(
            (term for term in denominator.args if term.is_Symbol and term not in divisors and term not in steps), None
        )
        if term is None:
            return _reduced(sp.expand(sp.fraction(sp.together(expression))[0]), steps) == 0
        total = sp.Dummy()
        expression = expression.xreplace({denominator: total}).xreplace({term: total - (denominator - term)})
    return False


def _is_zero_with_root(expression: sp.Expr, of: sp.Expr) -> bool:
    """Return whether it is zero with an unknown for the root of a sum, whose square is that sum.

    Powers of the sum are powers of the unknown. Multiplied by one that is high enough, so that no power is negative,
    the expression has a part of even and one of odd powers; in both, the square is the sum again.
    """
    root = sp.Dummy(positive=True)
    powers = {
        node: root ** (2 * node.exp)
        for node in expression.atoms(sp.Pow)
        if node.base == of and (2 * node.exp).is_Integer
    }
    terms = sp.collect(sp.expand(expression.xreplace(powers)), root, evaluate=False)
    exponents = {
        power: sp.degree(power, root) if power.is_polynomial(root) else -sp.degree(1 / power, root) for power in terms
    }
    least = min([0, *exponents.values()])
    least -= least % 2
    parts = [sp.S.Zero, sp.S.Zero]
    for power, factor in terms.items():
        half, odd = divmod(exponents[power] - least, 2)
        parts[odd] += factor * of**half
    return all(_is_zero_rational(part) for part in parts)


def _reduced(expanded: sp.Expr, steps: set[sp.Dummy]) -> sp.Expr:
    """Return a polynomial with each step in place of its powers."""
    if not expanded.free_symbols & steps:
        return expanded
    powers = {
        node: node.base
        for node in expanded.atoms(sp.Pow)
        if node.base in steps and node.exp.is_Integer and node.exp.is_positive
    }
    return expanded.xreplace(powers) if powers else expanded


def _with_unknowns(expression: sp.Expr) -> tuple[sp.Expr, set[sp.Dummy]]:
    """Return the expression with an unknown for each outermost application of a function, and those that are steps.

    Powers of an exponential are powers of its unknown: ``exp(2 a)`` becomes the square of what stands for ``exp(a)``.
    """
    unknowns: dict[sp.Expr, sp.Dummy] = {}
    replaced: dict[sp.Expr, sp.Expr] = {}
    walk = sp.preorder_traversal(expression)
    for node in walk:
        if not isinstance(node, sp.Function | sp.Max | sp.Min):
            continue
        walk.skip()
        power = sp.Integer(1)
        base = node
        if isinstance(node, sp.exp):
            content, rest = node.exp.as_content_primitive()
            if rest.could_extract_minus_sign():
                content, rest = -content, -rest
            if content.is_Integer:
                power, base = content, sp.exp(rest)
        replaced[node] = unknowns.setdefault(base, sp.Dummy()) ** power
    return expression.xreplace(replaced), {unknowns[base] for base in unknowns if isinstance(base, Above)}


def _denominators(expression: sp.Expr) -> Iterator[sp.Add]:
    """Yield the sums that stand in denominators."""
    for node in sp.preorder_traversal(expression):
        if node.is_Pow and node.base.is_Add and node.exp.is_negative:
            yield node.base


def _canonical(expression: sp.Expr) -> sp.Expr:
    """Return the same, everywhere but at kinks, with each step in one form."""
    if not expression.has(Above):
        return expression
    if isinstance(expression, Above):
        return _step(expression.args[0])
    return expression.func(*map(_canonical, expression.args))


def _step(a: sp.Expr) -> sp.Expr:
    """Return ``[a > 0]``, with a maximum in ``a`` taken apart, and of ``a`` and ``-a`` the same one."""
    a = sp.expand(a)
    for term in sp.Add.make_args(a):
        factor, largest = term.as_coeff_Mul()
        if isinstance(largest, sp.Max):
            parts = [_step(a - term + factor * each) for each in largest.args]
            if factor.is_negative:  # less than all of them
                return sp.Mul(*parts)
            return 1 - sp.Mul(*(1 - part for part in parts))
    if a.is_number or a.has(*KINKS):
        return Above(a)
    if _is_zero_smooth(a):
        return sp.S.Zero
    if a.could_extract_minus_sign():
        return 1 - Above(-a)
    return Above(a)


# Regions.


def _is_zero_in_regions(expression: sp.Expr, facts: list[sp.Expr], left: list[int]) -> bool:
    """Return whether it is zero in each region where all ``facts`` are positive, as far as regions are left."""
    kink = next((node for node in sp.postorder_traversal(expression) if isinstance(node, KINKS)), None)
    if kink is None:
        left[0] -= 1
        return _is_zero_smooth(expression)
    edge = sp.expand(kink.args[0] if isinstance(kink, Above) else kink.args[0] - kink.args[1])
    if _is_zero_smooth(edge):
        return _is_zero_in_regions(_beside(expression, kink, None), facts, left)
    for sign in (1, -1):
        if left[0] <= 0:
            return False
        here = [*facts, sign * edge]
        if not _is_empty(here) and not _is_zero_in_regions(_beside(expression, kink, sign), here, left):
            return False
    return True


def _beside(expression: sp.Expr, kink: sp.Expr, sign: int | None) -> sp.Expr:
    """Return the expression where the edge of a kink is positive or negative, or is 0 everywhere (None)."""
    if isinstance(kink, Above):
        return expression.xreplace({kink: sp.S.One if sign == 1 else sp.S.Zero})
    first, second, *others = kink.args
    return expression.xreplace({kink: sp.Max(second if sign == -1 else first, *others)})


def _is_empty(facts: list[sp.Expr]) -> bool:
    """Return whether no point makes all facts positive: by Fourier and Motzkin, each monomial being a variable."""
    rows = [{key: value for key, value in fact.as_coefficients_dict().items()} for fact in facts]
    for _ in range(40):
        if any(all(key == 1 and value <= 0 for key, value in row.items()) for row in rows):
            return True
        variables = {key for row in rows for key in row if key != 1}
        if not variables or len(rows) > 200:
            return False
        count = {key: sum(key in row for row in rows) for key in variables}
        variable = min(variables, key=lambda key: (count[key], str(key)))
        above = [row for row in rows if row.get(variable, 0) > 0]
        below = [row for row in rows if row.get(variable, 0) < 0]
        rows = [row for row in rows if variable not in row]
        for one in above:
            for other in below:
                sums = {}
                for key in one.keys() | other.keys():
                    value = one.get(key, 0) * -other[variable] + other.get(key, 0) * one[variable]
                    if value != 0 and key != variable:
                        sums[key] = value
                rows.append(sums)
    return False


# Numbers.


def differs(a: sp.Expr, b: sp.Expr, given: Mapping[sp.Expr, bool] | None = None) -> dict[str, float] | None:
    """Return values of the symbols at which two expressions differ, and the two under ``"a"`` and ``"b"``, or None.

    Parameters
    ----------
    a, b
        Expressions. A maximum along an axis has the value that it has.
    given
        Truths, as expressions that are 1 or 0, with the answers that the values must fit.
    """
    given = given or {}
    a, b = sp.sympify(a), sp.sympify(b)
    wanted = {symbol for each in (a, b, *given) for symbol in _symbols(each)}
    free = sorted(wanted, key=lambda symbol: (str(symbol), isinstance(symbol, sp.Dummy)))
    rng = np.random.default_rng(0)
    count = POINTS if not given else 400
    point = {symbol: _numbers(symbol, rng, count) for symbol in free}
    known: dict[sp.Expr, Any] = dict(point)
    try:
        with np.errstate(all="ignore"):
            left, right = (np.broadcast_to(evaluate(each, known), (count,)) for each in (a, b))
            fits = np.ones(count, dtype=bool)
            for truth, answer in given.items():
                fits &= np.broadcast_to(evaluate(truth, known) > 0.5, (count,)) == answer
            far = np.abs(left - right) > 1e-9 * (1 + np.abs(left) + np.abs(right))
    except NotImplementedError:
        return None
    places = np.flatnonzero(fits & far & np.isfinite(left) & np.isfinite(right))
    if not len(places):
        return None
    place = places[0]
    return {**{str(s): float(v[place]) for s, v in point.items()}, "a": float(left[place]), "b": float(right[place])}


def _symbols(expression: sp.Expr) -> Iterator[sp.Symbol]:
    for symbol in expression.free_symbols:
        if isinstance(symbol, Shift):
            yield from _symbols(symbol.of)
        else:
            yield symbol


def _numbers(symbol: sp.Symbol, rng: np.random.Generator, count: int) -> np.ndarray:
    if symbol.is_integer:
        return rng.integers(1, 61, count).astype(float)
    numbers = rng.uniform(-2, 2, count)
    if symbol.is_positive:
        return np.abs(numbers) / 2.01 + 1e-3
    return np.abs(numbers) if symbol.is_nonnegative else numbers


FORMULAS: dict[Any, Callable[..., Any]] = {
    sp.exp: np.exp,
    sp.log: np.log,
    sp.tanh: np.tanh,
    sp.Abs: np.abs,
    sp.sign: np.sign,
    Above: lambda a: np.where(a > 0, 1.0, 0.0),
    sp.Heaviside: lambda a, _: np.heaviside(a, 0.5),
    sp.Mod: np.mod,
}


def evaluate(expression: sp.Expr, known: dict[sp.Expr, Any]) -> Any:
    """Return the value of an expression in floating point; ``known`` holds those of its symbols, and keeps all others.

    Raises
    ------
    NotImplementedError
        If it holds something else than sums, products, powers and functions that the proofs use.
    """
    if expression in known:
        return known[expression]
    if isinstance(expression, Shift):
        value = evaluate(expression.of, known)
    elif expression.is_number and not expression.args:
        value = float(expression)
    elif expression.is_Add:
        value = sum(evaluate(part, known) for part in expression.args)
    elif expression.is_Mul:
        value = _product([evaluate(part, known) for part in expression.args])
    elif expression.is_Pow:
        value = np.power(np.asarray(evaluate(expression.base, known), float), evaluate(expression.exp, known))
    elif isinstance(expression, sp.Max):
        value = np.maximum.reduce(np.broadcast_arrays(*(evaluate(part, known) for part in expression.args)))
    elif isinstance(expression, sp.Min):
        value = np.minimum.reduce(np.broadcast_arrays(*(evaluate(part, known) for part in expression.args)))
    elif expression.func in FORMULAS:
        value = FORMULAS[expression.func](*(np.asarray(evaluate(part, known)) for part in expression.args))
    else:
        raise NotImplementedError(f"no value of {expression.func}")
    known[expression] = value
    return value


def _product(factors: list[Any]) -> Any:
    value = 1.0
    nothing: Any = False
    for factor in factors:
        value = value * factor
        nothing = nothing | (np.asarray(factor) == 0)
    # A branch that is not taken is 0, even where its formula has no value.
    return np.where(nothing, 0.0, value)
