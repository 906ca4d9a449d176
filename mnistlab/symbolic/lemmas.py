"""Lemmas: each rule of the library, proved with symbols for the sizes ``N``, ``D``, ``K`` …, so for every size.

A layer's rule says what becomes of ``dy``, the derivative of a loss L with respect to the layer's output. By the chain
rule, dL/dx is the derivative of ``Σ dy · y(x)`` with ``dy`` held fixed, whatever L is; that is what the lemmas
differentiate. :func:`composition` carries them from layer to layer, and so, by induction, to every depth.

SymPy differentiates the symbolic sum, which leaves Kronecker deltas; :func:`collapse` sums them away. It relies on one
assumption: every index that stands in a statement lies in its range (:data:`SIZE`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Self

import sympy as sp
from sympy.printing.latex import LatexPrinter

from mnistlab.symbolic.zero import is_zero

__all__ = [
    "ALL",
    "SIZE",
    "Lemma",
    "LemmaFailed",
    "Provable",
    "batch_mean",
    "collapse",
    "composition",
    "conv_bias",
    "conv_inputs",
    "conv_weights",
    "cross_entropy",
    "dense_bias",
    "dense_inputs",
    "dense_weights",
    "dropout",
    "label_smoothing",
    "max_pool",
    "prove",
    "relu",
    "sigmoid",
    "softmax_cross_entropy",
    "softmax_jacobian",
    "softmax_product",
    "squared_error",
    "tanh",
    "total",
]

N, D, K, P = sp.symbols("N D K P", integer=True, positive=True)
A, B, R, S = PLACES = sp.symbols("A B R S", integer=True, positive=True)
SIZES = (N, D, K, P, *PLACES)
n, m, c, d, i, j, k, q, r = sp.symbols("n m c d i j k q r", integer=True)
alpha, beta, mu, nu, rho, sigma, phi, psi = sp.symbols("alpha beta mu nu rho sigma varphi psi", integer=True)

SIZE: dict[sp.Symbol, sp.Expr] = {n: N, m: N, c: D, d: D, i: K, j: K, k: K, q: P, r: P}
"""What each index counts, from 0: samples (n, m), a layer's inputs (c, d), its outputs (i, j, k), parameters (q, r).

Of a convolution, c and d count channels of the input, i and k those of the output. Greek letters are places: rows and
columns of the kernel (α and β, μ and ν), of the output (ρ and σ) and of the input (φ and ψ)."""
SIZE |= {alpha: A, mu: A, beta: B, nu: B, rho: R, sigma: S, phi: R + A - 1, psi: S + B - 1}


def _array(name: str) -> sp.IndexedBase:
    return sp.IndexedBase(sp.Symbol(name, real=True), real=True)


b, g, p, s, t, u, v, W, x, y, z = map(_array, ("b", "g", "p", "s", "t", "u", "v", "W", "x", "y", "z"))
dp, dy, dz, mask, o, theta = map(_array, ("dp", "dy", "dz", "mask", "o", "theta"))
epsilon, smoothing = sp.symbols("varepsilon alpha", positive=True)


class LemmaFailed(AssertionError):
    """A rule is not the derivative, or could not be shown to be."""


class Provable:
    """A claim that is proved, or is not."""

    proved: bool
    """Whether it is."""

    def check(self) -> Self:
        """Return the lemma itself, if it is proved.

        Raises
        ------
        LemmaFailed
            If it is not.
        """
        if not self.proved:
            raise LemmaFailed(repr(self))
        return self


@dataclass(frozen=True)
class Lemma(Provable):
    """A rule and whether it was proved; made by :func:`prove`."""

    name: str
    label: str
    """Label of the equation or theorem in the report; the library's docstrings cite the equations."""
    statement: sp.Eq
    """The derivative, not evaluated, on the left; the rule on the right."""
    steps: tuple[sp.Basic, ...]
    """Expressions and equations on the way: at least the derivative with its deltas, and without them."""
    proved: bool
    assuming: tuple[sp.Eq, ...] = ()
    """Equations ``sum = value`` that the rule needs."""
    of: str = ""
    """Rule of the library that the lemma is about, as the report's table of rules names it."""

    @property
    def scope(self) -> str:
        """For what it holds, in words: ``every N, D, K``, with the sizes that stand in the statement."""
        names = {symbol.name for symbol in self.statement.free_symbols}
        return "every " + ", ".join(size.name for size in SIZES if size.name in names)

    def identities(self, **sizes: int) -> Iterator[tuple[sp.Expr, sp.Expr]]:
        """Write the statement out for given sizes, such as ``N=2, D=3, K=4``, without any use of :func:`collapse`.

        Sizes that do not stand in the statement may be left out.

        Yields
        ------
        tuple
            For each choice of the free indices: the explicit derivative of the explicit sum, and the rule.
        """
        numbers = {size: sp.Integer(sizes[size.name]) for size in SIZES if size.name in sizes}
        derivative, rule = self.statement.args
        free = sorted(self.statement.free_symbols & SIZE.keys(), key=str)
        for values in product(*(range(SIZE[index].xreplace(numbers)) for index in free)):
            at = {**numbers, **dict(zip(free, map(sp.Integer, values), strict=True))}
            known = {}
            for equation in self.assuming:
                terms = sp.Add.make_args(written_out(equation.lhs, at))
                known[terms[-1]] = equation.rhs - sp.Add(*terms[:-1])
            left = sp.diff(written_out(derivative.expr, at), written_out(derivative.variables[0], at))
            yield left.xreplace(known), written_out(rule, at).xreplace(known)

    def holds_for(self, **sizes: int) -> bool:
        """Return whether every identity of :meth:`identities` is true."""
        return all(_vanishes(left - right) for left, right in self.identities(**sizes))

    def __repr__(self) -> str:
        given = "".join(f", where {equation.lhs} = {equation.rhs}" for equation in self.assuming)
        verdict = f"proved for {self.scope}" if self.proved else "NOT PROVED"
        return f"{self.name}: {verdict}{given}\n  {self.statement.lhs}\n  = {self.statement.rhs}"

    def _repr_latex_(self) -> str:
        # On two lines, since some statements are wider than a page; what a softmax is stands on a third one.
        derivative, rule = self.statement.args
        left, right, meaning = latex(derivative), latex(rule), ""
        if (softmax := _softmax_in(rule)) is not None:
            (variable,) = derivative.variables
            by, loss = latex(variable), latex(_in_short(derivative.expr))
            left = rf"\frac{{\partial}}{{\partial {by}}} \left( {loss} \right)"
            right = latex(_in_short(rule))
            meaning = rf" \\ & \text{{where }} {latex(_in_short(softmax))} = {latex(softmax)}"
        return rf"$\displaystyle \begin{{aligned}} & {left} \\ & \qquad = {right}{meaning} \end{{aligned}}$"


def _in_short(expression: sp.Expr) -> sp.Expr:
    """Return an expression with p[…] in place of each softmax."""
    if isinstance(expression, sp.Mul) and (found := _softmax_among(expression.args)):
        *factors, logit = found
        rest = (factor for factor in expression.args if factor not in factors)
        return _in_short(sp.Mul(p[logit.indices], *rest))
    args = [_in_short(each) for each in expression.args]
    return expression if tuple(args) == expression.args else expression.func(*args)


def _softmax_in(expression: sp.Expr) -> sp.Expr | None:
    """Return a softmax that stands in an expression, by the free indices of its own entry if it can be; or None."""
    found = [each for node in expression.atoms(sp.Mul) if (each := _softmax_among(node.args))]
    if not found:
        return None
    one, over, _ = max(found, key=lambda each: str(each[2]))
    return one * over


def _softmax_among(factors: tuple[sp.Expr, ...]) -> tuple[sp.Expr, sp.Expr, sp.Indexed] | None:
    """Return an exponential of a logit, one over the sum of all in its row, and the logit; or None."""
    for one, over in product(factors, repeat=2):
        if isinstance(one, sp.exp) and isinstance(over, sp.Pow) and isinstance(over.base, sp.Sum) and over.exp == -1:
            index = over.base.variables[0]
            for logit in one.atoms(sp.Indexed):
                if over.base.function.xreplace({index: logit.indices[-1]}) == one:
                    return one, over, logit
    return None


class _Brackets(LatexPrinter):
    """Writes Heaviside's step as [a > 0]: SymPy's θ would be taken for the logits."""

    def _print_Heaviside(self, step: sp.Heaviside, exp: str | None = None) -> str:
        above = step.args[0].as_coefficients_dict()
        larger, smaller = (sp.Add(*(s * v * f for f, v in above.items() if s * v > 0)) for s in (1, -1))
        written = rf"\left[ {self._print(larger)} > {self._print(smaller)} \right]"
        return written if exp is None else rf"{written}^{{{exp}}}"


def latex(expression: sp.Basic) -> str:
    """Return an expression in LaTeX, as the report writes it."""
    return _Brackets({"long_frac_ratio": 1.5}).doprint(expression)


def total(term: sp.Expr, *indices: sp.Symbol) -> sp.Sum:
    """Return the sum of ``term`` over the full range of each index."""
    return sp.Sum(term, *((index, 0, SIZE[index] - 1) for index in indices))


def prove(
    name: str,
    label: str,
    function: sp.Expr,
    variable: sp.Indexed,
    rule: sp.Expr,
    *,
    assuming: tuple[sp.Eq, ...] = (),
    identities: tuple[sp.Eq, ...] = (),
    of: str = "",
) -> Lemma:
    """Differentiate a symbolic sum and compare with a rule.

    Parameters
    ----------
    name, label
        Of the lemma, and of its equation or theorem in the report.
    function, variable
        What is differentiated, and with respect to which entry.
    rule
        What the derivative is claimed to be.
    assuming
        Equations ``sum = value`` that may be used.
    identities
        Equations that must be true as well, and become steps of the proof.
    of
        Rule of the library that the lemma is about.

    Returns
    -------
    Lemma
        Proved or not: call :meth:`Lemma.check` to raise an error if it is not.
    """
    derivative = sp.diff(function, variable)
    collapsed = collapse(derivative)
    known = {collapse(equation.lhs): equation.rhs for equation in assuming}
    difference = sp.expand(collapse(sp.expand(collapsed - rule))).xreplace(known)
    return Lemma(
        name,
        label,
        sp.Eq(sp.Derivative(function, variable), rule, evaluate=False),
        (*identities, derivative, collapsed),
        _vanishes(difference) and all(_vanishes(collapse(each.lhs - each.rhs)) for each in identities),
        assuming,
        of,
    )


def collapse(expression: sp.Expr) -> sp.Expr:
    """Evaluate what sums over Kronecker deltas leave, and bring sums to one form.

    A delta picks one term out of a sum over the full range of an index; factors that do not depend on the index come
    out of the sum; a sum of sums becomes one sum over both indices. Each of these steps is an identity, so that
    expressions with equal results are equal.
    """
    if isinstance(expression, sp.Sum):
        body = collapse(expression.function)
        for limit in expression.limits:
            body = sp.Add(*(_sum(term, limit) for term in sp.Add.make_args(_expand(body))))
        return body
    return expression.func(*map(collapse, expression.args)) if expression.has(sp.Sum) else expression


def _expand(expression: sp.Expr) -> sp.Expr:
    return sp.expand(expression, power_base=False, power_exp=False, log=False)


def _sum(term: sp.Expr, limit: sp.Tuple) -> sp.Expr:
    """Return the sum of one product over one index."""
    index, first, last = limit
    factors = sp.Mul.make_args(term)
    inside = [factor for factor in factors if index in factor.free_symbols]
    outside = sp.Mul(*(factor for factor in factors if index not in factor.free_symbols))
    if not inside:
        return outside * (last - first + 1)
    for factor in inside:
        if isinstance(factor, sp.KroneckerDelta) and index in factor.args:
            (other,) = set(factor.args) - {index}
            rest = sp.Mul(*(each for each in inside if each is not factor))
            # To be put in for the index, the other must be in the sum's range, and no sum inside may bind either.
            if other in SIZE and (first, last) == (0, SIZE[other] - 1) and not {index, other} & _bound(rest):
                return outside * rest.xreplace({index: other})
    limits = [limit]
    for place, factor in enumerate(inside):
        rest = sp.Mul(*inside[:place], *inside[place + 1 :])
        taken = rest.free_symbols | _bound(rest) | {one[0] for one in limits}
        if isinstance(factor, sp.Sum) and not taken & set(factor.variables):
            inside[place] = factor.function
            limits += factor.limits
    return outside * sp.Sum(sp.Mul(*inside), *sorted(limits, key=str))


def _bound(expression: sp.Expr) -> set[sp.Symbol]:
    return {variable for each in expression.atoms(sp.Sum) for variable in each.variables}


def _vanishes(expression: sp.Expr) -> bool:
    """Return whether an expression is zero whatever its sums, and its derivatives of unknown functions, stand for."""
    opaque: dict[sp.Expr, sp.Dummy] = {}
    walk = sp.preorder_traversal(expression)
    for node in walk:
        if isinstance(node, sp.Sum | sp.Derivative):
            walk.skip()
            opaque.setdefault(node, sp.Dummy())
    return is_zero(expression.xreplace(opaque))


def written_out(expression: sp.Expr, at: Mapping[sp.Symbol, sp.Integer]) -> sp.Expr:
    """Return an expression with numbers for sizes and free indices, sums written out, and a symbol for each entry."""
    expression = expression.xreplace(dict(at))
    while sums := [each for each in expression.atoms(sp.Sum) if not each.function.has(sp.Sum)]:
        expression = expression.xreplace({each: _terms(each) for each in sums})
    entries = expression.atoms(sp.Indexed)
    return expression.xreplace({entry: sp.Symbol(str(entry), real=True) for entry in entries})


def _terms(each: sp.Sum) -> sp.Expr:
    ranges = [range(first, last + 1) for _, first, last in each.limits]
    choices = (dict(zip(each.variables, map(sp.Integer, values), strict=True)) for values in product(*ranges))
    return sp.Add(*(each.function.xreplace(choice) for choice in choices))


# The rules. In each, ``m``, ``d``, ``k`` are the entry that is differentiated by, and ``n``, ``c``, ``i``, ``j`` run.


def _dense() -> sp.Expr:
    return total(dz[n, i] * (total(x[n, c] * W[c, i], c) + b[i]), i, n)


def dense_weights() -> Lemma:
    """``dW = xᵀ dz``."""
    return prove("Dense, weights", "eq-dense-backward", _dense(), W[d, k], total(x[n, d] * dz[n, k], n), of="Dense.dW")


def dense_bias() -> Lemma:
    """``db = Σₙ dzₙ``."""
    return prove("Dense, bias", "eq-dense-backward", _dense(), b[k], total(dz[n, k], n), of="Dense.db")


def dense_inputs() -> Lemma:
    """``dx = dz Wᵀ``."""
    return prove("Dense, inputs", "eq-dense-backward", _dense(), x[m, d], total(dz[m, i] * W[d, i], i), of="Dense.dx")


def relu() -> Lemma:
    """``dx = dy [x > 0]``, as Heaviside's step: at 0, where there is no derivative, nothing is claimed."""
    function = total(dy[n, i] * sp.Max(x[n, i], 0), i, n)
    return prove("ReLU", "eq-relu-backward", function, x[m, k], dy[m, k] * sp.Heaviside(x[m, k]), of="ReLU.dx")


def sigmoid() -> Lemma:
    """``dx = dy y (1 - y)``, with y as the code computes it; that this is 1 / (1 + exp(-x)) is proved too."""

    def logistic(a: sp.Expr) -> sp.Expr:
        return (1 + sp.tanh(a / 2)) / 2

    a = sp.Symbol("a", real=True)
    same = sp.Eq(logistic(2 * a).rewrite(sp.exp), 1 / (1 + sp.exp(-2 * a)), evaluate=False)
    output = logistic(x[m, k])
    return prove(
        "Sigmoid",
        "eq-sigmoid-backward",
        total(dy[n, i] * logistic(x[n, i]), i, n),
        x[m, k],
        dy[m, k] * output * (1 - output),
        identities=(same,),
        of="Sigmoid.dx",
    )


def tanh() -> Lemma:
    """``dx = dy (1 - y²)``."""
    function = total(dy[n, i] * sp.tanh(x[n, i]), i, n)
    return prove("Tanh", "eq-tanh-backward", function, x[m, k], dy[m, k] * (1 - sp.tanh(x[m, k]) ** 2), of="Tanh.dx")


def dropout() -> Lemma:
    """``dx = dy m`` for a fixed mask m."""
    function = total(dy[n, i] * x[n, i] * mask[n, i], i, n)
    return prove("Dropout", "eq-dropout-backward", function, x[m, k], dy[m, k] * mask[m, k], of="Dropout.dx")


def _convolution() -> sp.Expr:
    patches = total(x[n, rho + alpha, sigma + beta, c] * W[alpha, beta, c, i], alpha, beta, c)
    return total(dz[n, rho, sigma, i] * (patches + b[i]), i, n, rho, sigma)


def conv_weights() -> Lemma:
    """``dW = Xᵀ dz``, X with a row for each place of each image: the input, multiplied by dz at a distance."""
    rule = total(x[n, rho + mu, sigma + nu, d] * dz[n, rho, sigma, k], n, rho, sigma)
    return prove("Conv2D, weights", "eq-conv-backward", _convolution(), W[mu, nu, d, k], rule, of="Conv2D.dW")


def conv_bias() -> Lemma:
    """``db = Σ dz`` over images and places."""
    rule = total(dz[n, rho, sigma, k], n, rho, sigma)
    return prove("Conv2D, bias", "eq-conv-backward", _convolution(), b[k], rule, of="Conv2D.db")


def conv_inputs() -> Lemma:
    """``dx``: each product of dz and W, added to the pixel that it came from, which two Kronecker deltas name."""
    here = sp.KroneckerDelta(rho + alpha, phi) * sp.KroneckerDelta(sigma + beta, psi)
    product_ = dz[m, rho, sigma, i] * W[alpha, beta, d, i]
    rule = total(here * product_, alpha, beta, i, rho, sigma)
    return prove("Conv2D, inputs", "eq-conv-backward", _convolution(), x[m, phi, psi, d], rule, of="Conv2D.dx")


def max_pool() -> Lemma:
    """``dx = dy [x is the largest]``: windows i of all channels, of each one entry x, and o, the largest of the others.

    Windows share no entry, so that o does not depend on x. Between equals, where there is no derivative,
    nothing is claimed.
    """
    function = total(dy[n, i] * sp.Max(x[n, i], o[n, i]), i, n)
    rule = dy[m, k] * sp.Heaviside(x[m, k] - o[m, k])
    return prove("MaxPool2D", "eq-max-pool-backward", function, x[m, k], rule, of="MaxPool2D.dx")


def _softmax(logits: sp.IndexedBase, *index: sp.Symbol) -> sp.Expr:
    """Return the last index's entry of the softmax of a row."""
    *row, entry = index
    return sp.exp(logits[(*row, entry)]) / total(sp.exp(logits[(*row, j)]), j)


def softmax_jacobian() -> Lemma:
    """``∂pᵢ/∂θₖ = pᵢ (δᵢₖ - pₖ)``."""
    rule = _softmax(theta, i) * (sp.KroneckerDelta(i, k) - _softmax(theta, k))
    return prove("Softmax, Jacobian", "eq-softmax-jacobian", _softmax(theta, i), theta[k], rule, of="Softmax.jacobian")


def softmax_product() -> Lemma:
    """``dθ = p (dp - Σ dp p)``: the product with the Jacobian, for each row of a batch."""
    function = total(dp[n, i] * _softmax(theta, n, i), i, n)
    rule = _softmax(theta, m, k) * (dp[m, k] - total(dp[m, i] * _softmax(theta, m, i), i))
    return prove("Softmax, product", "eq-softmax-backward", function, theta[m, k], rule, of="Softmax.dx")


def _mean_cross_entropy(targets: Callable[[sp.Symbol, sp.Symbol], sp.Expr]) -> sp.Expr:
    return -total(targets(n, i) * sp.log(_softmax(theta, n, i)), i, n) / N


ONE = sp.Eq(total(t[m, i], i), 1, evaluate=False)
"""A row of targets adds to 1."""


def softmax_cross_entropy(any_targets: bool = False) -> Lemma:
    """``dθ = (p - t) / N`` for rows of targets that add to 1; with ``any_targets``, ``(p Σt - t) / N`` for all rows."""
    function = _mean_cross_entropy(lambda row, entry: t[row, entry])
    name, label, probability = "Softmax and cross-entropy", "eq-softmax-cross-entropy-backward", _softmax(theta, m, k)
    general = prove(name, label, function, theta[m, k], (probability * total(t[m, i], i) - t[m, k]) / N)
    if any_targets:
        return general
    lemma = prove(
        name, label, function, theta[m, k], (probability - t[m, k]) / N, assuming=(ONE,), of="SoftmaxCrossEntropy"
    )
    return replace(lemma, steps=(*lemma.steps, general.statement), proved=lemma.proved and general.proved)


def label_smoothing() -> Lemma:
    """``dθ = (p - t') / N`` with ``t' = (1 - α) t + α / K``."""

    def smooth(row: sp.Symbol, entry: sp.Symbol) -> sp.Expr:
        return (1 - smoothing) * t[row, entry] + smoothing / K

    return prove(
        "Label smoothing",
        "eq-softmax-cross-entropy-backward",
        _mean_cross_entropy(smooth),
        theta[m, k],
        (_softmax(theta, m, k) - smooth(m, k)) / N,
        assuming=(ONE,),
        of="SoftmaxCrossEntropy.label_smoothing",
    )


def cross_entropy() -> Lemma:
    """``dp = -t / (N max(p, ε)) [p > ε]``; at the floor itself, where there is no derivative, nothing is claimed."""
    function = -total(t[n, i] * sp.log(sp.Max(p[n, i], epsilon)), i, n) / N
    rule = -t[m, k] / (N * sp.Max(p[m, k], epsilon)) * sp.Heaviside(p[m, k] - epsilon)
    return prove("Cross-entropy", "eq-cross-entropy-backward", function, p[m, k], rule, of="CrossEntropy")


def squared_error() -> Lemma:
    """``dy = (y - t) / N``."""
    function = total((y[n, i] - t[n, i]) ** 2, i, n) / (2 * N)
    return prove(
        "Squared error", "eq-squared-error-backward", function, y[m, k], (y[m, k] - t[m, k]) / N, of="SquaredError"
    )


def batch_mean() -> Lemma:
    """The mean of any loss ℓ of each sample: the gradient of sample m is ℓ's own over N, with no other sample in it."""
    loss = sp.Function("ell", real=True)
    rule = sp.Derivative(loss(z[m], t[m]), z[m]) / N
    return prove("Mean over the batch", "eq-batch-mean", total(loss(z[n], t[n]), n) / N, z[m], rule, of="Loss")


def composition() -> Lemma:
    """Two layers, one after the other: if each gives back the product with its Jacobian, so do both together.

    The lower layer has the Jacobian u (K × D), the upper one v (N × K); near a point, by the chain rule of calculus,
    an input that moves by x moves the output by ``v u x``. Given g, the derivative with respect to the output, the
    upper layer gives back ``Σ g v``, and the lower one makes of it ``Σ (Σ g v) u``. Parameters of the lower layer are
    covered too: for this purpose they are inputs of it.
    """
    function = total(g[n] * total(v[n, i] * total(u[i, c] * x[c], c), i), n)
    rule = total(total(g[n] * v[n, i], n) * u[i, d], i)
    return prove("Composition", "thm-composition", function, x[d], rule, of="Network")


ALL: tuple[Callable[[], Lemma], ...] = (
    dense_weights,
    dense_bias,
    dense_inputs,
    relu,
    sigmoid,
    tanh,
    dropout,
    softmax_jacobian,
    softmax_product,
    softmax_cross_entropy,
    label_smoothing,
    cross_entropy,
    squared_error,
    batch_mean,
    composition,
    conv_weights,
    conv_bias,
    conv_inputs,
    max_pool,
)
"""Every lemma, in the order of the page of rules."""
