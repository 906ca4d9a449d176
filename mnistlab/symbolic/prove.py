"""Proofs of the library's gradients: its own code on symbols, against SymPy's derivative of its own loss."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import sympy as sp

from mnistlab.layers import Softmax
from mnistlab.losses import Loss
from mnistlab.network import Network
from mnistlab.symbolic.array import SymbolicArray, is_shift, symbols

__all__ = [
    "Entry",
    "Proof",
    "ProofFailed",
    "compare",
    "is_zero",
    "prove_gradients",
    "prove_jacobian",
    "symbolic_parameters",
]

MOST_DENOMINATORS = 30


@dataclass(frozen=True)
class Entry:
    """One identity: what the code wrote for a quantity, and what the derivative is."""

    name: str
    written: sp.Expr
    derivative: sp.Expr
    proved: bool
    counterexample: dict[str, float] | None = None
    """Values of the symbols at which the two differ, and the two under ``written`` and ``derivative``."""


@dataclass
class Proof:
    """The result of :func:`prove_gradients`: an :class:`Entry` for each parameter and each input."""

    claim: str
    entries: list[Entry] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether every entry is proved."""
        return bool(self.entries) and all(entry.proved for entry in self.entries)

    def check(self) -> Proof:
        """Return the proof itself, if it holds.

        Raises
        ------
        ProofFailed
            If an entry is not proved.
        """
        if not self.holds:
            raise ProofFailed(self)
        return self

    def groups(self) -> dict[str, int]:
        """Return how many entries each array has, by its name."""
        names = [entry.name.split("_{")[0] for entry in self.entries]
        return {name: names.count(name) for name in dict.fromkeys(names)}

    def __repr__(self) -> str:
        proved = sum(entry.proved for entry in self.entries)
        lines = [self.claim]
        lines += [f"  {name}: {count} {'entry' if count == 1 else 'entries'}" for name, count in self.groups().items()]
        lines.append(f"  {'proved' if self.holds else 'NOT PROVED'}: {proved} of {len(self.entries)} identities")
        lines += [_describe(entry) for entry in self.entries if not entry.proved][:1]
        return "\n".join(lines)


class ProofFailed(AssertionError):
    """A gradient is not the derivative, or could not be shown to be."""

    def __init__(self, proof: Proof):
        super().__init__(str(proof))
        self.proof = proof


def prove_gradients(
    network: Network, loss: Loss, *, batch: int = 2, targets: np.ndarray | None = None, seed: int | None = None
) -> Proof:
    """Prove that ``backward`` computes the derivative of ``forward``, entry by entry and exactly.

    The unchanged code of network and loss runs on symbols in place of parameters, inputs and targets. What it wrote for
    the gradient of each parameter and each input must equal the derivative, by SymPy, of what it computed as the loss.

    Parameters
    ----------
    network
        Of any dtype; small, since every entry becomes a formula. Its parameters are as before afterwards.
    loss
        Any loss of the library.
    batch
        Number of samples.
    targets
        Rows of shape (batch, output_size) of numbers or expressions; by default symbols that add to 1 in each row.
    seed
        If given, passes are training passes with this seed, so that dropout has a fixed mask.

    Returns
    -------
    Proof
        Call :meth:`Proof.check` to raise an error if it does not hold.
    """
    start = time.perf_counter()
    x = symbols("x", (batch, network.input_size))
    t = _targets(batch, network.output_size) if targets is None else np.array(targets, dtype=object).view(SymbolicArray)
    with symbolic_parameters(network) as parameters:
        rng = None if seed is None else np.random.default_rng(seed)
        value = sp.sympify(loss.forward(network.forward(x, rng), t))
        dx = network.backward(loss.backward(), need_dx=True)
        gradients = network.gradients.copy()
    pairs = [*zip(parameters, gradients, strict=True), *zip(x.ravel(), dx.ravel(), strict=True)]
    # One layer a line: on one line together they would be wider than the column of a page.
    stack = "\n".join(f"  {part!r}" for part in (*network.layers, loss))
    proof = Proof(f"backward is the derivative of forward ({batch} sample{'s' * (batch > 1)}):\n{stack}")
    for shift in sorted(filter(is_shift, value.free_symbols), key=str):
        # The code subtracts a maximum; if that changes nothing, the maximum may be treated as a constant.
        proof.entries.append(compare("L/shift", sp.Integer(0), sp.diff(value, shift)))
    proof.entries += [compare(symbol.name, sp.sympify(written), sp.diff(value, symbol)) for symbol, written in pairs]
    proof.seconds = time.perf_counter() - start
    return proof


def prove_jacobian(layer: Softmax, size: int = 3) -> Proof:
    """Prove that ``layer.jacobian()`` holds the derivative of every output of one row with respect to every input.

    Parameters
    ----------
    layer
        A layer without parameters that has a method ``jacobian``.
    size
        Length of the row.

    Returns
    -------
    Proof
        Call :meth:`Proof.check` to raise an error if it does not hold.
    """
    start = time.perf_counter()
    x = symbols("x", (1, size))
    outputs = layer.forward(x)[0]
    jacobian = layer.jacobian()[0]
    proof = Proof(f"jacobian holds the derivatives of forward (1 row of {size}):\n  {layer!r}")
    for i, output in enumerate(outputs):
        for shift in filter(is_shift, output.free_symbols):
            proof.entries.append(compare("s/shift", sp.Integer(0), sp.diff(output, shift)))
        for k, entry in enumerate(x[0]):
            proof.entries.append(compare(f"J_{{{i},{k}}}", sp.sympify(jacobian[i, k]), sp.diff(output, entry)))
    proof.seconds = time.perf_counter() - start
    return proof


@contextmanager
def symbolic_parameters(network: Network) -> Iterator[SymbolicArray]:
    """Put a network on a vector of symbols, named like ``W^{(1)}_{0,1}``; afterwards it is as before."""
    kept = network.parameters, network.gradients
    parts, number = [], 0
    for layer in network.layers:
        shapes = layer.parameter_shapes()
        number += bool(shapes)
        parts += [symbols(f"{name}^{{({number})}}", shape).ravel() for name, shape in shapes.items()]
    parameters = np.concatenate([np.asarray(part) for part in parts]).view(SymbolicArray)
    try:
        network.bind(parameters.copy(), np.zeros(len(parameters), dtype=object).view(SymbolicArray))
        yield parameters
    finally:
        network.bind(*kept)


def is_zero(expression: sp.Expr) -> bool:
    """Return whether an expression is zero for all values of its symbols; False also where that is not found out.

    Each application of a function (exp, tanh, a maximum, a step …) is taken as an unknown of its own, which leaves a
    rational function. Where a sum stands in a denominator, the sum becomes an unknown in place of one of its terms,
    which leaves a polynomial in the unknowns and their reciprocals; expanded, it must be 0. This never calls zero what
    is not, since an identity between independent unknowns holds for whatever they stand for. Only where a step jumps,
    and no derivative exists, nothing is claimed: there a step over a maximum may differ from the product of steps that
    it is taken as.
    """
    expression = _with_unknowns(_with_split_steps(sp.sympify(expression)))
    for _ in range(MOST_DENOMINATORS):
        denominator = next(_denominators(expression), None)
        if denominator is None:
            return sp.expand(expression) == 0
        # A term that is itself divided by would make the sum that replaces it a new denominator, and so on for ever.
        divisors = {node.base for node in expression.atoms(sp.Pow) if node.base.is_Symbol and node.exp.is_negative}
        term = next((term for term in denominator.args if term.is_Symbol and term not in divisors), None)
        if term is None:
            return sp.expand(sp.fraction(sp.together(expression))[0]) == 0
        total = sp.Dummy()
        expression = expression.xreplace({denominator: total}).xreplace({term: total - (denominator - term)})
    return False


def _with_split_steps(expression: sp.Expr) -> sp.Expr:
    """Return the expression with ``θ(a - b) θ(a - c)`` in place of ``θ(a - max(b, c))``: the same but at the jumps."""
    return expression.xreplace({step: _split(step) for step in expression.atoms(sp.Heaviside)})


def _split(step: sp.Heaviside) -> sp.Expr:
    largest = next((term for term in sp.Add.make_args(step.args[0]) if isinstance(-term, sp.Max)), None)
    if largest is None:
        return step
    rest = step.args[0] - largest
    return sp.Mul(*(_split(sp.Heaviside(rest - each)) for each in (-largest).args))


def _with_unknowns(expression: sp.Expr) -> sp.Expr:
    """Return the expression with an unknown for each outermost application of a function.

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
    return expression.xreplace(replaced)


def _denominators(expression: sp.Expr) -> Iterator[sp.Add]:
    """Yield the sums that stand in denominators."""
    for node in sp.preorder_traversal(expression):
        if node.is_Pow and node.base.is_Add and node.exp.is_negative:
            yield node.base


def _targets(batch: int, outputs: int) -> SymbolicArray:
    """Return rows of symbols that add to 1: the last entry is what the others leave."""
    t = symbols("t", (batch, outputs))
    if outputs > 1:
        t[:, -1] = 1 - t[:, :-1].sum(axis=1)
    return t


def compare(name: str, written: sp.Expr, derivative: sp.Expr) -> Entry:
    """Return the entry that says whether the two are equal, with a counter-example if one was found."""
    difference = written - derivative
    if is_zero(difference):
        return Entry(name, written, derivative, True)
    return Entry(name, written, derivative, False, _counterexample(written, derivative))


def _counterexample(written: sp.Expr, derivative: sp.Expr, tries: int = 20) -> dict[str, float] | None:
    """Return values at which the two expressions differ, or None if none was found."""
    free = sorted(written.free_symbols | derivative.free_symbols, key=str)
    both = sp.lambdify(free, (written, derivative), "numpy", cse=True)
    rng = np.random.default_rng(0)
    for _ in range(tries):
        point = rng.uniform(-2, 2, len(free))
        with np.errstate(all="ignore"):
            a, b = map(float, both(*point))
        if np.isfinite([a, b]).all() and abs(a - b) > 1e-9 * (1 + abs(a) + abs(b)):
            return {**dict(zip(map(str, free), map(float, point), strict=True)), "written": a, "derivative": b}
    return None


def _describe(entry: Entry) -> str:
    lines = [
        f"  first of them, {entry.name}:",
        f"    written     {entry.written}",
        f"    derivative  {entry.derivative}",
    ]
    if entry.counterexample:
        lines.append(f"    they differ at {entry.counterexample}")
    return "\n".join(lines)
