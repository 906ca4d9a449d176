"""Numbers without a known value, and truths without a known answer: what an array of symbols holds during a proof.

Every function that a proof understands stands in :data:`FUNCTIONS`. Whatever else code asks of such a number (whether a
comparison is true, which integer it is, a function that is not in the list) raises :class:`NotUnderstood`, so that no
branch is taken silently.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

__all__ = [
    "FUNCTIONS",
    "Above",
    "NotUnderstood",
    "Truth",
    "Value",
    "all_understood",
    "apply",
    "every_path",
    "exact",
    "renamed",
]

MOST_PATHS = 64


class NotUnderstood(TypeError):
    """Code asks of a symbol what only a number has, or uses a function that a proof does not know."""

    raised = 0
    """How often there was one, whether or not somebody caught it."""

    def __init__(self, message: str):
        super().__init__(message)
        NotUnderstood.raised += 1


@contextmanager
def all_understood() -> Iterator[None]:
    """Raise :class:`NotUnderstood` at the end, if code caught one: it goes another way on symbols than on numbers."""
    before = NotUnderstood.raised
    yield
    if NotUnderstood.raised > before:
        raise NotUnderstood("code catches the error of a symbol that is asked for what only a number has")


class Above(sp.Function):
    """The indicator ``[a > 0]``: 1 where ``a`` is greater than 0, else 0, so that its value at the jump is 0.

    The other comparisons are made of it, each with its own value where both sides are equal: ``a >= b`` is
    ``1 - Above(b - a)``. Its derivative is 0 everywhere but at the jump, where there is none.
    """

    nargs = 1
    is_real = True
    is_nonnegative = True

    @classmethod
    def eval(cls, a: sp.Expr) -> sp.Expr | None:
        """Return 1 or 0 where the sign is known, and drop positive factors."""
        if a.is_positive:
            return sp.S.One
        if a.is_nonpositive:
            return sp.S.Zero
        factor, rest = a.primitive() if a.is_Add else a.as_coeff_Mul()
        if factor.is_positive and factor != 1:
            return cls(rest)
        return cls(-rest) if factor.is_negative and factor != -1 else None

    def _eval_power(self, power: sp.Expr) -> sp.Expr | None:
        return self if power.is_positive else None

    def _eval_derivative(self, symbol: sp.Symbol) -> sp.Expr:
        return sp.S.Zero

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """Return 0: the derivative, everywhere but at the jump."""
        return sp.S.Zero

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return rf"\left[{printer._print(self.args[0])} > 0\right]"


def exact(value: Any) -> sp.Expr:
    """Return a number as an expression; a float is taken as the fraction that it is.

    Raises
    ------
    NotUnderstood
        If it is no finite number.
    """
    if isinstance(value, Value | Truth):
        return value.expr
    if isinstance(value, sp.Expr):
        return value
    if isinstance(value, bool | np.bool_ | int | np.integer):
        return sp.Integer(int(value))
    if isinstance(value, float | np.floating | Fraction) and np.isfinite(float(value)):
        return sp.Rational(Fraction(value) if isinstance(value, Fraction) else Fraction(float(value)))
    raise NotUnderstood(f"{value!r} among symbols: a proof is about real numbers")


def apply(function: np.ufunc, *arguments: Any) -> Any:
    """Apply a function to single numbers; expressions give an expression, :class:`Value` gives :class:`Value`."""
    if function not in FUNCTIONS:
        raise NotUnderstood(
            f"numpy.{function.__name__} has no counterpart on symbols: write it with functions that have one, such as "
            "exp, log, maximum or where"
        )
    result = FUNCTIONS[function](*arguments)
    plain = any(isinstance(each, sp.Expr) for each in arguments)
    if plain and isinstance(result, Value) and not any(isinstance(each, Value) for each in arguments):
        return result.expr
    return result


class _Operators:
    """Operators as NumPy's functions, so that code may use either."""

    __slots__ = ("expr",)
    __array_priority__ = 1
    expr: sp.Expr

    def __array_ufunc__(self, function: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if any(_is_array(each) and not isinstance(each, np.ndarray) for each in inputs):
            return NotImplemented  # theirs, of symbolic shape or selected by a mask
        if any(isinstance(each, np.ndarray) for each in inputs):
            # With a plain array: let the array of symbols do it.
            from mnistlab.symbolic.array import SymbolicArray

            inputs = tuple(
                each.view(SymbolicArray)
                if type(each) is np.ndarray and each.dtype == object
                else np.array(each, dtype=object).view(SymbolicArray)
                for each in inputs
            )
            return getattr(function, method)(*inputs, **options)
        if method != "__call__" or options:
            raise NotUnderstood(f"numpy.{function.__name__} ({method}) of a single symbol, with {options}")
        return apply(function, *inputs)

    def __hash__(self) -> int:
        return id(self)

    def __index__(self) -> int:
        raise NotUnderstood(f"{self.expr} is a symbol, and code asks which integer it is")

    def __int__(self) -> int:
        raise NotUnderstood(f"{self.expr} is a symbol, and code makes an int of it")

    def __float__(self) -> float:
        raise NotUnderstood(f"{self.expr} is a symbol, and code makes a float of it or puts it among floats")

    def __repr__(self) -> str:
        return str(self.expr)


def _is_array(value: Any) -> bool:
    return hasattr(value, "__array_ufunc__") and not isinstance(value, _Operators | np.generic)


def _binary(function: np.ufunc) -> tuple[Callable, Callable]:
    def forward(self: Any, other: Any) -> Any:
        if _is_array(other):
            return NotImplemented
        return apply(function, self, other)

    def backward(self: Any, other: Any) -> Any:
        if _is_array(other):
            return NotImplemented
        return apply(function, other, self)

    return forward, backward


_function: np.ufunc
for _name, _function in (
    ("add", np.add),
    ("sub", np.subtract),
    ("mul", np.multiply),
    ("truediv", np.divide),
    ("pow", np.power),
    ("mod", np.remainder),
    ("and", np.bitwise_and),
    ("or", np.bitwise_or),
    ("xor", np.bitwise_xor),
):
    _forward, _backward = _binary(_function)
    setattr(_Operators, f"__{_name}__", _forward)
    setattr(_Operators, f"__r{_name}__", _backward)
for _name, _function in (
    ("lt", np.less),
    ("le", np.less_equal),
    ("gt", np.greater),
    ("ge", np.greater_equal),
    ("eq", np.equal),
    ("ne", np.not_equal),
):
    setattr(_Operators, f"__{_name}__", _binary(_function)[0])
for _name, _function in (
    ("neg", np.negative),
    ("pos", np.positive),
    ("abs", np.absolute),
    ("invert", np.invert),
):
    setattr(_Operators, f"__{_name}__", lambda self, _function=_function: apply(_function, self))


class Value(_Operators):
    """A real number of which an expression is known and nothing else."""

    __slots__ = ()

    def __init__(self, expr: Any):
        self.expr = exact(expr)

    def __bool__(self) -> bool:
        return bool(self != 0)

    def conjugate(self) -> Value:
        """Return the number itself, which is real."""
        return self


class Truth(_Operators):
    """Whether something holds, as an expression that is 1 or 0; a product is AND.

    A sum of two is refused. In NumPy it is OR, but of truths that code has made numbers, which cannot always be told
    from others here, it is a sum.
    """

    __slots__ = ()

    def __init__(self, expr: Any):
        self.expr = exact(expr)

    def __bool__(self) -> bool:
        return _decide(self.expr)


# Paths: which way code goes where it asks for the truth of a comparison.

_path: list[_Path] = []


class _Path:
    """Answers so far, and those to give next."""

    def __init__(self, answers: tuple[bool, ...]):
        self.script = answers
        self.given: dict[sp.Expr, bool] = {}

    def answer(self, truth: sp.Expr) -> bool:
        if truth not in self.given:
            place = len(self.given)
            self.given[truth] = self.script[place] if place < len(self.script) else True
        return self.given[truth]


def _decide(truth: sp.Expr) -> bool:
    if truth.is_Number:
        return bool(truth)
    if _path:
        return _path[-1].answer(truth)
    raise NotUnderstood(
        f"the code goes one of two ways, by the truth of a comparison of symbols ({truth}): use np.where, or multiply "
        "by the comparison"
    )


def every_path(run: Callable[[], Any]) -> Iterator[tuple[dict[sp.Expr, bool], Any]]:
    """Run code for each way that it can go, and yield the answers that lead there and what it returned.

    Raises
    ------
    NotUnderstood
        If there are more than 64 ways.
    """
    scripts: list[tuple[bool, ...]] = [()]
    for _ in range(MOST_PATHS):
        if not scripts:
            return
        script = scripts.pop()
        path = _Path(script)
        _path.append(path)
        try:
            result = run()
        finally:
            _path.remove(path)
        answers = tuple(path.given.values())
        scripts += [(*answers[:place], not answers[place]) for place in range(len(script), len(answers))]
        yield path.given, result
    raise NotUnderstood(f"the code has more than {MOST_PATHS} paths")


# What is understood.


def _of_numbers(formula: Callable[..., Any]) -> Callable[..., Value]:
    return lambda *arguments: Value(formula(*map(exact, arguments)))


def _is_truth(value: Any) -> bool:
    return isinstance(value, Truth | bool | np.bool_)


def _of_truths(name: str, formula: Callable[..., Any]) -> Callable[..., Truth]:
    def function(*arguments: Any) -> Truth:
        if not all(map(_is_truth, arguments)):
            raise NotUnderstood(f"{name} of symbols that are numbers: only comparisons are true or false")
        return Truth(sp.expand(formula(*map(exact, arguments))))

    return function


def _or_of_truths(if_truths: Callable[..., Truth], if_numbers: Callable[..., Value]) -> Callable[..., Truth | Value]:
    return lambda *arguments: (if_truths if all(map(_is_truth, arguments)) else if_numbers)(*arguments)


def _not_of_truths(name: str, if_numbers: Callable[..., Value]) -> Callable[..., Value]:
    def function(*arguments: Any) -> Value:
        if all(map(_is_truth, arguments)):
            raise NotUnderstood(f"numpy.{name} of truth values: use |, &, ~, or make numbers of them by 1 * (x > 0)")
        return if_numbers(*arguments)

    return function


def _compare(formula: Callable[[sp.Expr, sp.Expr], sp.Expr]) -> Callable[[Any, Any], Truth]:
    return lambda a, b: Truth(formula(exact(a), exact(b)))


def _maximum(*arguments: sp.Expr) -> sp.Expr:
    return sp.Max(*arguments)


def _minimum(*arguments: sp.Expr) -> sp.Expr:
    return -sp.Max(*(-each for each in arguments))


def _absolute(a: sp.Expr) -> sp.Expr:
    return abs(a) if a.is_number else sp.Max(a, -a)


def _equal(a: sp.Expr, b: sp.Expr) -> sp.Expr:
    return 1 - Above(a - b) - Above(b - a)


AND = _of_truths("AND", lambda a, b: a * b)
OR = _of_truths("OR", lambda a, b: a + b - a * b)
XOR = _of_truths("XOR", lambda a, b: a + b - 2 * a * b)
NOT = _of_truths("NOT", lambda a: 1 - a)
SUM = _of_numbers(operator.add)
PRODUCT = _of_numbers(operator.mul)

FUNCTIONS: dict[np.ufunc, Callable[..., Value | Truth]] = {
    np.add: _not_of_truths("add", SUM),
    np.multiply: _or_of_truths(AND, PRODUCT),
    np.subtract: _not_of_truths("subtract", _of_numbers(operator.sub)),
    np.negative: _not_of_truths("negative", _of_numbers(operator.neg)),
    np.positive: _not_of_truths("positive", _of_numbers(operator.pos)),
    np.divide: _of_numbers(operator.truediv),
    np.power: _of_numbers(operator.pow),
    np.float_power: _of_numbers(operator.pow),
    np.remainder: _of_numbers(sp.Mod),
    np.square: _of_numbers(lambda a: a**2),
    np.reciprocal: _of_numbers(lambda a: 1 / a),
    np.conjugate: _not_of_truths("conjugate", _of_numbers(lambda a: a)),
    np.exp: _of_numbers(sp.exp),
    np.expm1: _of_numbers(lambda a: sp.exp(a) - 1),
    np.log: _of_numbers(sp.log),
    np.log1p: _of_numbers(lambda a: sp.log(1 + a)),
    np.logaddexp: _of_numbers(lambda a, b: sp.log(sp.exp(a) + sp.exp(b))),
    np.tanh: _of_numbers(sp.tanh),
    np.sinh: _of_numbers(lambda a: (sp.exp(a) - sp.exp(-a)) / 2),
    np.cosh: _of_numbers(lambda a: (sp.exp(a) + sp.exp(-a)) / 2),
    np.sqrt: _of_numbers(sp.sqrt),
    np.absolute: _not_of_truths("absolute", _of_numbers(_absolute)),
    np.fabs: _of_numbers(_absolute),
    np.sign: _of_numbers(lambda a: Above(a) - Above(-a)),
    np.heaviside: _of_numbers(lambda a, b: Above(a) + b * _equal(a, sp.S.Zero)),
    np.maximum: _not_of_truths("maximum", _of_numbers(_maximum)),
    np.fmax: _not_of_truths("fmax", _of_numbers(_maximum)),
    np.minimum: _not_of_truths("minimum", _of_numbers(_minimum)),
    np.fmin: _not_of_truths("fmin", _of_numbers(_minimum)),
    np.greater: _compare(lambda a, b: Above(a - b)),
    np.greater_equal: _compare(lambda a, b: 1 - Above(b - a)),
    np.less: _compare(lambda a, b: Above(b - a)),
    np.less_equal: _compare(lambda a, b: 1 - Above(a - b)),
    np.equal: _compare(_equal),
    np.not_equal: _compare(lambda a, b: Above(a - b) + Above(b - a)),
    np.logical_and: AND,
    np.logical_or: OR,
    np.logical_xor: XOR,
    np.logical_not: NOT,
    np.bitwise_and: AND,
    np.bitwise_or: OR,
    np.bitwise_xor: XOR,
    np.invert: NOT,
}
"""All that is understood of single numbers; NumPy's function, and the same on symbols."""
if hasattr(np, "clip") and isinstance(getattr(np._core.umath, "clip", None), np.ufunc):  # type: ignore[attr-defined]
    _clip: np.ufunc = np._core.umath.clip  # type: ignore[attr-defined]  # private: NumPy's stubs leave it out
    FUNCTIONS[_clip] = _of_numbers(lambda a, low, high: _minimum(_maximum(a, low), high))


def choose(truth: Any, if_true: Any, if_false: Any) -> Any:
    """Return one of two by a truth: ``np.where`` of single values."""
    if not _is_truth(truth):
        raise NotUnderstood(f"a condition is asked for, and {truth!r} is a number: compare it, as in x != 0")
    if _is_truth(if_true) and _is_truth(if_false):
        return OR(AND(truth, if_true), AND(NOT(truth), if_false))
    share = exact(truth)
    result = share * exact(if_true) + (1 - share) * exact(if_false)
    strict = any(isinstance(each, Value | Truth) for each in (if_true, if_false)) or not any(
        isinstance(each, sp.Expr) for each in (if_true, if_false)
    )
    return Value(result) if strict else result


def number(value: Any) -> Any:
    """Return a truth as the number 1 or 0, anything else as it is."""
    return Value(value.expr) if isinstance(value, Truth) else value


def renamed(expression: sp.Expr) -> tuple[sp.Expr, int]:
    """Return the expression with bound indices named by their size and depth, and its depth."""
    if not expression.has(sp.Sum):
        return expression, 0
    if not isinstance(expression, sp.Sum):
        parts = [renamed(part) for part in expression.args]
        return expression.func(*(part for part, _ in parts)), max(depth for _, depth in parts)
    body, depth = renamed(expression.function)
    limits = sorted(expression.limits, key=lambda limit: str(limit[2]))
    choices = []
    for order in itertools.permutations(limits):
        if [str(limit[2]) for limit in order] != [str(limit[2]) for limit in limits]:
            continue
        names = [sp.Symbol(f"_{limit[2]}_{depth}_{place}", integer=True) for place, limit in enumerate(order)]
        body_so = body.xreplace({limit[0]: name for limit, name in zip(order, names, strict=True)})
        choices.append(sp.Sum(body_so, *((name, *limit[1:]) for limit, name in zip(order, names, strict=True))))
    return min(choices, key=sp.default_sort_key), depth + 1
