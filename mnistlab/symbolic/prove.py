"""Proofs of the library's gradients: its own code on symbols, against SymPy's derivative of its own loss."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import sympy as sp

from mnistlab.layer import Layer
from mnistlab.layers import Dropout, Softmax
from mnistlab.losses import Loss, SoftmaxCrossEntropy
from mnistlab.network import Network
from mnistlab.symbolic import equations
from mnistlab.symbolic.array import SymbolicArray, expressions, is_shift, symbols, values
from mnistlab.symbolic.passes import Pass, layer_passes, loss_passes, unchanged
from mnistlab.symbolic.values import Value, all_understood
from mnistlab.symbolic.zero import cancels, derivative, differs, is_zero

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
    network: Network,
    loss: Loss,
    *,
    batch: int | None = None,
    targets: np.ndarray | None = None,
    seed: int | None = None,
) -> Proof:
    """Prove that ``backward`` computes the derivative of ``forward``, entry by entry and exactly, away from kinks.

    The unchanged code of network and loss runs on symbols in place of parameters, inputs and targets. What it wrote for
    the gradient of each parameter and each input must equal the derivative, by SymPy, of what it computed as the loss;
    and what each layer and the loss compute must be their equation, which is the left side of their lemma.

    The network is proved as a whole with two samples, and each layer and the loss by itself with one, two and three:
    from free symbols in the place of dL/dy, so that :prf:ref:`thm-composition` makes networks of them. The passes of
    each are those of :mod:`mnistlab.symbolic.passes`: as in training, where the first layer is not asked for ``dx``,
    and with ``dx``; after other batches and with other parameters before; with a generator and without. Before each,
    the gradients hold other symbols, so that none may be added to, or left as it was.

    Parameters
    ----------
    network
        Of any dtype; small, since every entry becomes a formula. Its parameters are as before afterwards.
    loss
        Any loss.
    batch
        Number of samples, for the network and for its parts; by default 2, and 1, 2 and 3.
    targets
        Rows of shape (batch, output_size) of numbers or expressions. By default free symbols; of
        :class:`~mnistlab.SoftmaxCrossEntropy`, whose rule needs it, symbols that add to 1 in each row, and so of other
        losses that are not proved else. The proof says which.
    seed
        If given, the passes of the network are training passes with this seed, so that dropout has a fixed mask; those
        of a layer are both, and the seed is 0 if none is given.

    Returns
    -------
    Proof
        Call :meth:`Proof.check` to raise an error if it does not hold.

    Raises
    ------
    NotUnderstood
        If the code uses a function that has no counterpart on symbols, or asks for the truth of a comparison, even
        where it catches the error; or if a pass changes what belongs to others, or depends on those before.
    """
    if targets is not None and batch is None:
        batch = len(targets)
    batches = (2, (1, 2, 3)) if batch is None else (batch, (batch,))
    if targets is not None:
        return _prove(network, loss, batches, "as given", lambda *_: np.array(targets, dtype=object), seed)
    if not isinstance(loss, SoftmaxCrossEntropy):
        proof = _prove(network, loss, batches, "free symbols", symbols, seed)
        if proof.holds or equations.is_known(loss):
            return proof
        restricted = _prove(network, loss, batches, "rows that add to 1", _rows_of_one, seed)
        return restricted if restricted.holds else proof
    return _prove(network, loss, batches, "rows that add to 1", _rows_of_one, seed)


def _prove(
    network: Network,
    loss: Loss,
    batches: tuple[int, tuple[int, ...]],
    assumed: str,
    targets: Callable[[str, tuple[int, ...]], np.ndarray],
    seed: int | None,
) -> Proof:
    start = time.perf_counter()
    # One layer a line: on one line together they would be wider than the column of a page.
    stated: tuple[Layer | Loss, ...] = (*network.layers, loss)
    stack = "\n".join(f"  {part!r}" for part in stated)
    whole, parts = batches
    samples = f"{whole} sample{'s' * (whole > 1)}"
    unknown = [repr(part) for part in stated if not equations.is_known(part)]
    assuming = [f"its parts alone: {', '.join(map(str, parts))} samples"] if len(parts) > 1 else []
    assuming += [f"targets: {assumed}", "real numbers, away from kinks"]
    assuming += [f"no equation known, forward taken at its word: {part}" for part in dict.fromkeys(unknown)]
    proof = Proof("")
    with all_understood(), _exact_numbers(*network.layers, loss):
        twins = copy.deepcopy(network), copy.deepcopy(loss)
        twins[0].bind(*(values(symbols(name, network.parameters.shape)) for name in ("twin", "unused")))
        proof.entries += _of_network(network, loss, whole, targets, seed)
        for count in parts:
            proof.entries += _of_parts(network, loss, twins, count, targets, seed)
    if any(entry.name.endswith(TRAINING) for entry in proof.entries):
        assuming.append(f"mask of dropout: that of seed {seed or 0}")
    lines = "\n".join(f"  {line}" for line in assuming)
    proof.claim = f"backward is the derivative of forward ({samples}):\n{stack}\n{lines}"
    proof.seconds = time.perf_counter() - start
    return proof


def _of_network(
    network: Network, loss: Loss, count: int, targets: Callable[[str, tuple[int, ...]], np.ndarray], seed: int | None
) -> list[Entry]:
    """Return the entries of the network as a whole."""
    x, t = symbols("x", (count, network.input_size)), targets("t", (count, network.output_size))
    with _strict_parameters(network) as parameters:
        # Another batch before, and other parameters, that nothing may be left of.
        other = (count + 1, network.input_size), (count + 1, network.output_size)
        network.parameters[...] = values(symbols("old", parameters.shape))
        _pass(network, loss, symbols("x^{old}", other[0]), symbols("t^{old}", other[1]), seed, False)
        network.parameters[...] = values(parameters)
        _, alone, _ = _pass(network, loss, x, t, seed, False)
        value, gradients, dx = _pass(network, loss, x, t, seed, True)
    entries, value = _shifts(value)
    entries += _slopes(value, parameters, gradients, alone)
    return entries + _slopes(value, x, dx)


def _shifts(value: sp.Expr) -> tuple[list[Entry], sp.Expr]:
    """Return an entry for each maximum that cancels, and the value with the others written out.

    The code subtracts a maximum; if that changes nothing, the maximum may be treated as a constant.
    """
    entries = []
    for shift in sorted(filter(is_shift, value.free_symbols), key=str):
        if cancels(value, shift):
            entries.append(Entry("L/shift", sp.Integer(0), sp.diff(value, shift), True))
        else:
            value = value.xreplace({shift: shift.of})
    return entries, value


def _slopes(
    value: sp.Expr, by: np.ndarray, written: np.ndarray, alone: np.ndarray | None = None, name: str = ""
) -> list[Entry]:
    """Return an entry for each symbol: what was written, also ``alone`` without dx, and the derivative."""
    entries = []
    for place, symbol in enumerate(by.ravel()):
        slope, wrote = derivative(value, symbol), written.ravel()[place]
        label = symbol.name.replace("x", name, 1) if name else symbol.name
        entries.append(compare(label, wrote, slope))
        if alone is not None and alone.ravel()[place] != wrote:
            entries.append(compare(f"{label} without dx", alone.ravel()[place], slope))
    return entries


def _of_parts(
    network: Network,
    loss: Loss,
    twins: tuple[Network, Loss],
    count: int,
    targets: Callable[[str, tuple[int, ...]], np.ndarray],
    seed: int | None,
) -> list[Entry]:
    """Return the entries of each layer by itself and of the loss by itself, with free symbols around them."""
    entries = []
    width = network.input_size
    with _strict_parameters(network) as parameters:
        for number, (layer, twin) in enumerate(zip(network.layers, twins[0].layers, strict=True), 1):
            width = layer.inputs or width
            entries += _of_layer(network, layer, twin, number, (count, width), parameters, seed)
            width = layer.outputs or width
    return entries + _of_loss(loss, twins[1], (count, width), targets)


TRAINING = "in training"


def _like(name: str, array: Any) -> SymbolicArray:
    return values(symbols(name, np.shape(array)))


def _of_layer(
    network: Network,
    layer: Layer,
    twin: Layer,
    number: int,
    shape: tuple[int, int],
    parameters: np.ndarray,
    seed: int | None,
) -> list[Entry]:
    x = symbols("x", shape)

    def batch(name: str, more: int) -> SymbolicArray:
        return values(symbols(name, (shape[0] + more, shape[1])))

    def passes(seed: int | None) -> tuple[Pass, Pass]:
        def rng(old: bool) -> np.random.Generator | None:
            return None if seed is None else np.random.default_rng(seed + old)

        return layer_passes(layer, twin, batch, _like, [network.parameters], [network.gradients], rng)

    def entries_of(alone: Pass, full: Pass, training: bool) -> list[Entry]:
        if np.shape(full.dx) != shape:
            raise ValueError(f"{layer!r} returns dx of shape {np.shape(full.dx)} for inputs of shape {shape}")
        y, dy = expressions(full.y), symbols("g", np.shape(full.y))
        entries = equations.entries_of(layer, number, x, y, compare, training)
        shifts, value = _shifts(sp.Add(*(a * b for a, b in zip(dy.ravel(), y.ravel(), strict=True))))
        gradients, gradients_alone = expressions(full.gradients[0]), expressions(alone.gradients[0])
        mine = [place for place, written in enumerate(gradients) if not str(written).startswith("junk")]
        mine = sorted({*mine, *_places(network, layer)})
        entries += shifts + _slopes(value, parameters[mine], gradients[mine], gradients_alone[mine])
        return entries + _slopes(value, x, expressions(full.dx), name=f"x^{{({number})}}")

    # Both kinds of passes; what they have in common is compared once.
    quiet, training = passes(None), passes(0 if seed is None else seed)
    same = [each.reading() for each in quiet] == [each.reading() for each in training]
    if same and (seed is None or not isinstance(layer, Dropout)):
        return entries_of(*quiet, False)
    drawn = [replace(entry, name=f"{entry.name} {TRAINING}") for entry in entries_of(*training, True)]
    return entries_of(*quiet, False) + drawn


def _places(network: Network, layer: Layer) -> range:
    """Return where the parameters of a layer stand among all."""
    start = 0
    for each in network.layers:
        size = sum(math.prod(shape) for shape in each.parameter_shapes().values())
        if each is layer:
            return range(start, start + size)
        start += size
    raise ValueError(f"{layer!r} is not in the network")


def _of_loss(
    loss: Loss, twin: Loss, shape: tuple[int, int], targets: Callable[[str, tuple[int, ...]], np.ndarray]
) -> list[Entry]:
    y, t = symbols("y", shape), targets("t", shape)

    def outputs(name: str, more: int) -> SymbolicArray:
        return values(symbols(name, (shape[0] + more, shape[1])))

    def wanted(name: str, more: int) -> SymbolicArray:
        return values(t if name == "t" else symbols(name, (shape[0] + more, shape[1])))

    made, gradient = loss_passes(loss, twin, outputs, wanted)
    (value,) = expressions(made).ravel()
    entries = equations.entries_of_loss(loss, y, t, value, compare)
    shifts, value = _shifts(value)
    return entries + shifts + _slopes(value, y, expressions(gradient))


def _pass(
    network: Network, loss: Loss, x: np.ndarray, t: np.ndarray, seed: int | None, need_dx: bool
) -> tuple[sp.Expr, np.ndarray, Any]:
    """Return the loss, the gradients and dL/dx of a pass; before it, the gradients hold junk."""
    rng = None if seed is None else np.random.default_rng(seed)
    given = [values(x), values(t), network.parameters]
    network.gradients[...] = values(symbols("junk", network.gradients.shape))
    with unchanged(inputs=given[0], targets=given[1], parameters=given[2]):
        (value,) = expressions(loss.forward(network.forward(given[0], rng), given[1])).ravel()
        dx: Any = network.backward(loss.backward(), need_dx=need_dx)
    if need_dx and np.shape(dx) != x.shape:
        raise ValueError(f"backward returns dx of shape {np.shape(dx)} for inputs of shape {x.shape}")
    return value, expressions(network.gradients), expressions(dx) if need_dx else None


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
    with all_understood():
        outputs = expressions(layer.forward(values(x)))[0]
        jacobian = expressions(layer.jacobian())[0]
    proof = Proof(f"jacobian holds the derivatives of forward (1 row of {size}):\n  {layer!r}")
    for i, output in enumerate(outputs):
        for shift in filter(is_shift, output.free_symbols):
            slope = sp.diff(output, shift)
            proof.entries.append(Entry("s/shift", sp.Integer(0), slope, cancels(output, shift)))
        for k, entry in enumerate(x[0]):
            proof.entries.append(compare(f"J_{{{i},{k}}}", jacobian[i, k], derivative(output, entry)))
    proof.seconds = time.perf_counter() - start
    return proof


@contextmanager
def _exact_numbers(*parts: Layer | Loss) -> Iterator[None]:
    """Put exact numbers in the place of floats such as a rate, so that ``rate / 3`` is not rounded on the way."""
    kept = [(part, name, value) for part in parts for name, value in vars(part).items() if type(value) is float]
    try:
        for part, name, value in kept:
            setattr(part, name, Value(value))
        yield
    finally:
        for part, name, value in kept:
            setattr(part, name, value)


@contextmanager
def symbolic_parameters(network: Network) -> Iterator[SymbolicArray]:
    """Put a network on a vector of symbols, named like ``W^{(1)}_{0,1}``; afterwards it is as before."""
    kept = network.parameters, network.gradients
    parts, number = [], 0
    for layer in network.layers:
        shapes = layer.parameter_shapes()
        number += bool(shapes)
        parts += [symbols(f"{name}^{{({number})}}", shape).ravel() for name, shape in shapes.items()]
    parameters = np.concatenate([np.empty(0, dtype=object), *map(np.asarray, parts)]).view(SymbolicArray)
    try:
        network.bind(parameters.copy(), np.zeros(len(parameters), dtype=object).view(SymbolicArray))
        yield parameters
    finally:
        network.bind(*kept)


@contextmanager
def _strict_parameters(network: Network) -> Iterator[SymbolicArray]:
    """Do the same with entries whose truth nobody may ask for."""
    with symbolic_parameters(network) as parameters:
        network.bind(values(parameters), values(network.gradients))
        yield parameters


def _rows_of_one(name: str, shape: tuple[int, ...]) -> SymbolicArray:
    """Return rows of symbols that add to 1: the last entry is what the others leave."""
    t = symbols(name, shape)
    if shape[1] > 1:
        t[:, -1] = 1 - t[:, :-1].sum(axis=1)
    return t


def compare(name: str, written: sp.Expr, derivative: sp.Expr, given: Mapping[sp.Expr, bool] | None = None) -> Entry:
    """Return the entry that says whether the two are equal, with a counter-example if one was found.

    Parameters
    ----------
    name
        Of the entry.
    written, derivative
        What the code wrote, and what it should be.
    given
        Answers under which alone they need be equal; a counter-example fits them.
    """
    found = differs(written, derivative, given)
    if found is not None:
        found["written"], found["derivative"] = found.pop("a"), found.pop("b")
        return Entry(name, written, derivative, False, found)
    difference = written - derivative
    proved = is_zero(difference)
    shifts = {symbol: symbol.of for symbol in difference.free_symbols if is_shift(symbol)}
    return Entry(name, written, derivative, proved or (bool(shifts) and is_zero(difference.xreplace(shifts))))


def _describe(entry: Entry) -> str:
    lines = [
        f"  first of them, {entry.name}:",
        f"    written     {entry.written}",
        f"    derivative  {entry.derivative}",
    ]
    if entry.counterexample:
        lines.append(f"    they differ at {entry.counterexample}")
    return "\n".join(lines)
