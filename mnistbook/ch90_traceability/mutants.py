"""Mutants: the library's code with one small error each, and who finds it.

A mutator changes one thing in the source of a method: a sign, an operator, an axis, a transpose, a comparison, a
number, an index, a mask, a term or a whole statement. Each mutant is proved, if that goes; what the proof lets pass is
looked at by finite differences. Why a mutant that neither finds is no error stands in :data:`SURVIVORS`.

mutants.py          judge all of them and write the table; about ten minutes on one core
"""

from __future__ import annotations

import ast
import copy
import csv
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent, wrap
from typing import Any

import numpy as np

from mnistlab import layers, losses, optimizers
from mnistlab.gradcheck import check_gradients
from mnistlab.network import Network
from mnistlab.symbolic import NotUnderstood, prove_for_every_size, prove_gradients, updates

__all__ = ["SURVIVORS", "TARGETS", "Mutant", "Target", "is_proved", "judge", "mutants", "reason", "report", "stored"]

FILE = Path(__file__).with_name("mutants.csv")
WIDTH = 72  # of the report, to fit a page
COLUMNS = ("method", "number", "change", "verdict")


@dataclass(frozen=True)
class Target:
    """A method that is mutated, and how it is proved."""

    owner: type
    method: str
    parts: tuple[Callable[[], Any], ...]
    """Each makes a layer, a loss or an update whose code runs through the method; all must be proved."""

    @property
    def name(self) -> str:
        """Class and method."""
        return f"{self.owner.__name__}.{self.method}"


def _updates(*names: str) -> tuple[Callable[[], updates.Update], ...]:
    return tuple(lambda update=update: update for update in updates.COMBINATIONS if update.of in names)


TARGETS: tuple[Target, ...] = (
    *(
        Target(owner, method, makers)
        for owner, makers in (
            (layers.Dense, (lambda: layers.Dense(2, 3), lambda: layers.Dense(2, 3, bias=False))),
            (layers.ReLU, (layers.ReLU,)),
            (layers.Sigmoid, (layers.Sigmoid,)),
            (layers.Tanh, (layers.Tanh,)),
            (layers.Softmax, (layers.Softmax,)),
            (layers.Dropout, (lambda: layers.Dropout(0.5), lambda: layers.Dropout(0))),
            (
                losses.SoftmaxCrossEntropy,
                (losses.SoftmaxCrossEntropy, lambda: losses.SoftmaxCrossEntropy(0.25)),
            ),
            (losses.CrossEntropy, (losses.CrossEntropy,)),
            (losses.SquaredError, (losses.SquaredError,)),
        )
        for method in ("forward", "backward")
    ),
    Target(optimizers.Optimizer, "step", _updates("SGD()", "SGD(momentum, weight_decay, l2)")),
    Target(
        optimizers.SGD,
        "update",
        _updates("SGD()", "SGD(momentum)", "SGD(nesterov)", "SGD(moving_average)", "SGD(nesterov, moving_average)"),
    ),
    Target(optimizers.RMSprop, "update", _updates("RMSprop()")),
    Target(optimizers.Adam, "update", _updates("Adam()")),
)
"""What is mutated: each rule that is proved for every size."""


@dataclass(frozen=True)
class Mutant:
    """One change of one method."""

    target: Target
    number: int
    change: str
    """The line before and after."""
    code: ast.Module

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Put the changed method in the place of the right one, for a while."""
        kept = vars(self.target.owner)[self.target.method]
        names: dict[str, Any] = {}
        exec(compile(self.code, "<mutant>", "exec"), inspect.getmodule(self.target.owner).__dict__ | {}, names)
        setattr(self.target.owner, self.target.method, names[self.target.method])
        try:
            yield
        finally:
            setattr(self.target.owner, self.target.method, kept)


def mutants(target: Target) -> list[Mutant]:
    """Return every mutant of a method."""
    source = dedent(inspect.getsource(getattr(target.owner, target.method)))
    tree = ast.parse(source)
    function = tree.body[0]
    if ast.get_docstring(function):
        del function.body[0]
    function.returns = None
    for argument in function.args.args:
        argument.annotation = None
    before = ast.unparse(tree).splitlines()
    found: dict[str, Mutant] = {}
    count = sum(1 for _ in ast.walk(function))
    for place in range(count):
        for kind in range(4):
            changed = copy.deepcopy(tree)
            nodes = list(ast.walk(changed.body[0]))
            if not _change(changed, nodes[place], kind):
                continue
            ast.fix_missing_locations(changed)
            after = ast.unparse(changed).splitlines()
            text = "\n".join(after)
            if text == "\n".join(before) or text in found:
                continue
            found[text] = Mutant(target, len(found), _difference(before, after), changed)
    return list(found.values())


def _difference(before: list[str], after: list[str]) -> str:
    gone = [line.strip() for line in before if line not in after]
    new = [line.strip() for line in after if line not in before]
    return f"{' '.join(gone)} → {' '.join(new) or 'nothing'}"


ARITHMETIC = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult}
COMPARISONS = {ast.Gt: (ast.Lt, ast.GtE), ast.Lt: (ast.Gt, ast.LtE), ast.Eq: (ast.NotEq, ast.Lt)}
FUNCTIONS = {"maximum": "minimum", "exp": "log", "log": "exp", "max": "min", "sum": "max", "tanh": "exp"}


def _change(tree: ast.Module, node: ast.AST, kind: int) -> bool:
    """Change a node in one of its ways; return whether it has so many."""
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in ARITHMETIC:
        if kind == 0:
            node.op = ARITHMETIC[type(node.op)]()
            return True
        if kind in (1, 2) and isinstance(node, ast.BinOp):
            return _replace(tree, node, node.left if kind == 1 else node.right)  # a dropped term
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and kind == 0:
        return _replace(tree, node, node.operand)
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS and kind < 2:
        node.ops[0] = COMPARISONS[type(node.ops[0])][kind]()
        return True
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and kind < 2:
        if isinstance(node.value, bool):
            node.value = not node.value
            return kind == 0
        node.value = node.value + 1 if kind == 0 else 0
        return True
    if isinstance(node, ast.Attribute) and node.attr == "T" and kind == 0:
        return _replace(tree, node, node.value)
    if isinstance(node, ast.Attribute) and node.attr in FUNCTIONS and kind == 0:
        node.attr = FUNCTIONS[node.attr]
        return True
    if isinstance(node, ast.IfExp) and kind < 2:
        return _replace(tree, node, node.body if kind == 0 else node.orelse)
    if isinstance(node, ast.If) and kind < 2:
        node.test = ast.Constant(kind == 0)
        return True
    if isinstance(node, ast.Assign | ast.AugAssign | ast.Expr) and kind == 3:
        return _replace(tree, node, ast.Pass())
    return False


def _replace(tree: ast.Module, old: ast.AST, new: ast.AST) -> bool:
    class Replacing(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return new if node is old else self.generic_visit(node)

    Replacing().visit(tree)
    return True


# Who finds it.


def judge(mutant: Mutant) -> str:
    """Return ``"proof"`` if the proof refuses a mutant, ``"differences"`` if only they do, else ``"survives"``."""
    with mutant.planted():
        if not is_proved(mutant.target):
            return "proof"
        return "differences" if _is_found_by_differences(mutant.target) else "survives"


def is_proved(target: Target) -> bool:
    """Return whether the code is proved as it is now; what is refused is not."""
    try:
        for make in target.parts:
            if not prove_for_every_size(make()).holds:
                return False
            if not isinstance(make(), updates.Update) and not prove_gradients(*_small(make()), batch=2).holds:
                return False
    except (NotUnderstood, TypeError, ValueError, LookupError, AttributeError, NameError, ZeroDivisionError):
        return False
    return True


def _small(part: Any, dtype: type = np.float32) -> tuple[Network, losses.Loss]:
    if isinstance(part, losses.Loss):
        return Network([layers.Dense(2, 3)], dtype=dtype), part
    stack = [part] if part.inputs else [layers.Dense(2, 3), part]
    return Network(stack, dtype=dtype), losses.SquaredError()


def _is_found_by_differences(target: Target) -> bool:
    rng = np.random.default_rng(0)
    x, t = rng.standard_normal((5, 2)), rng.random((5, 3))
    t /= t.sum(axis=1, keepdims=True)
    for make in target.parts:
        if not isinstance(make(), updates.Update):
            network, loss = _small(make(), np.float64)
            if max(check_gradients(network, loss, x, t, seed=1).values()) > 1e-6:
                return True
    return False


SURVIVORS: dict[str, str] = {
    "need_dx=False": "the network always says whether it needs dx, so that the default is never used",
    "need_dx else None →": "it computes dx where nobody asks for it: slower, and the same",
    "(self.x >= 0)": "differs at 0 alone, where there is no derivative",
    ">= self.epsilon)": "differs at the floor alone, where there is no derivative",
    "x + np.max(": "any shift cancels: the same function of real numbers, which overflows",
    "logits + np.max(": "any shift cancels: the same function of real numbers, which overflows",
    "→ e = np.exp(x)": "any shift cancels: the same function of real numbers, which overflows",
    "→ shifted = logits": "any shift cancels: the same function of real numbers, which overflows",
    "np.min(": "any shift cancels: the same function of real numbers, which overflows",
    "<= keep": "differs for a random number that is exactly the share, which has no probability",
    "self.rate < 0": "at a rate of 0 all are kept and divided by 1: slower, and the same",
    "if self.label_smoothing: → if True:": "with no smoothing it adds 0 and multiplies by 1",
    "if self.l2: → if True:": "with no penalty it adds 0",
    "if self.weight_decay: → if True:": "with no decay it multiplies by 1",
    "progress=": "training always says how far it is, so that the default is never used",
    "<= FLUSH_BELOW": "differs where a number is exactly the bound",
}
"""Why a mutant that nothing finds is no error, by a part of its change."""


def reason(change: str) -> str | None:
    """Return why a surviving mutant is no error, or None if that is not known."""
    return next((why for part, why in SURVIVORS.items() if part in change), None)


def stored() -> list[dict[str, str]]:
    """Return the stored verdicts: a row for each mutant."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def report() -> str:
    """Return how many mutants of each method there are and who finds them, and each survivor with the reason."""
    rows = stored()
    methods = list(dict.fromkeys(row["method"] for row in rows))
    lines = [f"{'method':<28}{'mutants':>9}{'proof':>8}{'differences':>13}{'survive':>9}"]
    for method in [*methods, "all"]:
        verdicts = [row["verdict"] for row in rows if method in (row["method"], "all")]
        counts = [verdicts.count(verdict) for verdict in ("proof", "differences", "survives")]
        lines.append(f"{method:<28}{len(verdicts):>9}{counts[0]:>8}{counts[1]:>13}{counts[2]:>9}")
    for row in rows:
        if row["verdict"] == "survives":
            before, _, after = row["change"].partition(" → ")
            lines += ["", *wrap(f"{row['method']}: {before}", WIDTH)]
            lines += wrap(f"→ {after}", WIDTH, initial_indent="  ", subsequent_indent="    ")
            lines += wrap(str(reason(row["change"])), WIDTH, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines)


def main() -> None:
    """Judge every mutant and store the verdicts."""
    with FILE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for target in TARGETS:
            for mutant in mutants(target):
                writer.writerow([target.name, mutant.number, mutant.change, judge(mutant)])
                file.flush()


if __name__ == "__main__":
    main()
