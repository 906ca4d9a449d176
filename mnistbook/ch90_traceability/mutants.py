"""Mutants: the library's code with one small error each, and who finds it.

A mutator changes one thing in the source of a method: a sign, an operator, an axis, a transpose, a comparison, a
number, an index, a mask, a term or a whole statement. Each mutant is proved, if that goes; what the proof lets pass is
looked at by finite differences. Why a mutant that neither finds is no error stands in :data:`SURVIVORS`. Beside them
come the errors that were planted by hand (:mod:`~mnistbook.ch90_traceability.planted`).

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
from difflib import ndiff
from pathlib import Path
from textwrap import dedent, wrap
from typing import Any

import numpy as np

from mnistbook.ch90_traceability.planted import PLANTED, UNSEEN, network_of, refused_by, refuses
from mnistlab import convolution, layers, losses, optimizers
from mnistlab.gradcheck import check_gradients
from mnistlab.symbolic import prove_for_every_size, prove_gradients, updates

__all__ = ["SURVIVORS", "TARGETS", "Mutant", "Target", "judge", "mutants", "reason", "refusing", "report", "stored"]

FILE = Path(__file__).with_name("mutants.csv")
WIDTH = 72  # of the report, to fit a page
COLUMNS = ("method", "number", "change", "verdict", "by")
BY_HAND, UNSEEN_BY_PROOFS = "by hand, ", "unseen by any proof"


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
    *(
        Target(owner, method, makers)
        for owner, methods, makers in (
            (
                convolution.Conv2D,
                ("forward", "backward", "_patches", "_scattered"),
                (
                    lambda: convolution.Conv2D((3, 4, 1), 2, (2, 3)),
                    lambda: convolution.Conv2D((2, 3, 2), 1, (1, 2), bias=False),
                ),
            ),
            (
                convolution.MaxPool2D,
                ("forward", "backward", "_parts"),
                (lambda: convolution.MaxPool2D((2, 5, 1)), lambda: convolution.MaxPool2D((5, 1, 2), (2, 1))),
            ),
        )
        for method in methods
    ),
    Target(
        optimizers.Optimizer,
        "step",
        _updates("SGD()", "SGD(momentum, weight_decay, l2)", "SGD(weight_decay, l2, decay_biases=False)"),
    ),
    Target(
        optimizers.SGD,
        "update",
        _updates("SGD()", "SGD(momentum)", "SGD(nesterov)", "SGD(moving_average)", "SGD(nesterov, moving_average)"),
    ),
    Target(optimizers.RMSprop, "update", _updates("RMSprop()")),
    Target(optimizers.Adam, "update", _updates("Adam()")),
)
"""What is mutated: each rule that is proved."""


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
    changed = list(ndiff(before, after))
    gone, new = ([line[2:].strip() for line in changed if line.startswith(sign)] for sign in ("- ", "+ "))
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


def judge(mutant: Mutant) -> tuple[str, str]:
    """Return the verdict, and by which proof.

    The verdict is ``"proof"`` if a proof refuses the mutant, ``"differences"`` if only they find it, or ``"survives"``.
    """
    with mutant.planted():
        by = refusing(mutant.target)
        if by:
            return "proof", by
        return ("differences" if _is_found_by_differences(mutant.target) else "survives"), ""


def refusing(target: Target) -> str:
    """Return which proof refuses the code as it is now, ``"every size"`` or ``"fixed sizes"``; "" if it is proved."""
    for make in target.parts:
        part = make()
        if not isinstance(part, convolution.Conv2D | convolution.MaxPool2D) and refuses(
            lambda make=make: prove_for_every_size(make())
        ):
            return "every size"
        if not isinstance(part, updates.Update) and refuses(
            lambda make=make: prove_gradients(*network_of(make()), batch=2)
        ):
            return "fixed sizes"
    return ""


def _is_found_by_differences(target: Target) -> bool:
    return any(_differs(make()) for make in target.parts if not isinstance(make(), updates.Update))


def _differs(part: Any) -> bool:
    """Return whether finite differences find that a layer or a loss is wrong."""
    network, loss = network_of(part, np.float64)
    rng = np.random.default_rng(0)
    x, t = rng.standard_normal((5, network.input_size)), rng.random((5, network.output_size))
    t /= t.sum(axis=1, keepdims=True)
    return max(check_gradients(network, loss, x, t, seed=1).values()) > 1e-6


SHIFT = "any shift cancels: the same function of real numbers, which overflows"
SURVIVORS: dict[str, str] = {
    "reshape(-2, ": "NumPy takes any negative size for the one that follows from the others",
    "subok=False": "the same numbers in an array of NumPy's own class",
    "in self.parts[0:]": "takes the maximum of a number and itself first",
    "strict=False": "both are of one length",
    "→ share *= part >= other": "differs between equals alone, where there is no derivative",
    "in self.parts[place:]": "compares a number with itself besides",
    "in self.parts[place + 0:]": "compares a number with itself besides",
    "→ for other in self.parts[1:]": "compares a number with itself, and with those before it, besides",
    "need_dx=False": "the method does not look at need_dx",
    "need_dx else None →": "it computes dx where nobody asks for it: slower, and the same",
    "(self.x >= 0)": "differs at 0 alone, where there is no derivative; a test holds the choice",
    ">= self.epsilon)": "differs at the floor alone, where there is no derivative",
    "x + np.max(": SHIFT,
    "logits + np.max(": SHIFT,
    "→ e = np.exp(x)": SHIFT,
    "→ shifted = logits": SHIFT,
    "→ m = np.minimum(": SHIFT,
    "→ m = np.maximum(x, 1)": "any shift cancels: the same function of real numbers, rounded otherwise",
    "<= keep": "differs for a random number that is exactly the share: of real numbers, none",
    "if self.label_smoothing: → if True:": "with no smoothing it multiplies by 1 and adds 0",
    "if self.l2: → if True:": "with no penalty it adds 0",
    "if self.weight_decay: → if True:": "with no decay it multiplies by 1",
    "progress=0, ": "0 and 0.0 are one number",
    "<= _flush_below": "differs where a number is exactly the bound",
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
    """Return how many errors of each kind there are and who finds them, and what nobody finds, with the reason."""
    rows = stored()
    methods = list(dict.fromkeys(row["method"] for row in rows if row["method"] != UNSEEN_BY_PROOFS))
    lines = [f"{'where':<28}{'errors':>9}{'proof':>8}{'differences':>13}{'survive':>9}"]
    for method in [*methods, "all"]:
        verdicts = [row["verdict"] for row in rows if row["method"] in (methods if method == "all" else [method])]
        counts = [verdicts.count(verdict) for verdict in ("proof", "differences", "survives")]
        lines.append(f"{method:<28}{len(verdicts):>9}{counts[0]:>8}{counts[1]:>13}{counts[2]:>9}")
    planted = [row["by"] for row in rows if row["method"].startswith(BY_HAND)]
    lines += ["", f"Of the {len(planted)} by hand, refused"]
    for by in ("fixed sizes, every size", "fixed sizes", "every size"):
        lines.append(f"  {'by both proofs' if ',' in by else 'only at ' + by}: {planted.count(by)}")
    lines += ["", "What survives, and why it is no error:"]
    for row in rows:
        if row["verdict"] == "survives" and row["method"] != UNSEEN_BY_PROOFS:
            before, _, after = row["change"].partition(" → ")
            lines += ["", *wrap(f"{row['method']}: {before}", WIDTH)]
            lines += wrap(f"→ {after}", WIDTH, initial_indent="  ", subsequent_indent="    ")
            lines += wrap(str(reason(row["change"])), WIDTH, initial_indent="    ", subsequent_indent="    ")
    lines += ["", "What is proved and wrong all the same: a layer that"]
    for row in rows:
        if row["method"] == UNSEEN_BY_PROOFS:
            found = "differences find it" if row["verdict"] == "differences" else "differences do not find it"
            text = f"{row['change']}: {UNSEEN[row['change']][1]}; {found}"
            lines += wrap(text, WIDTH, initial_indent="  ", subsequent_indent="    ")
    return "\n".join(lines)


def _rows() -> Iterator[list[Any]]:
    """Yield a row for each error."""
    for place, planted in enumerate(PLANTED):
        by = refused_by(planted)
        yield [BY_HAND + planted.kind, place, planted.name, "proof" if by else "survives", ", ".join(by)]
    for place, (name, (make, _)) in enumerate(UNSEEN.items()):
        seen = refuses(lambda make=make: prove_gradients(*network_of(make()))) or refuses(
            lambda make=make: prove_for_every_size(make())
        )
        verdict = "proof" if seen else "differences" if _differs(make()) else "survives"
        yield [UNSEEN_BY_PROOFS, place, name, verdict, ""]
    for target in TARGETS:
        for mutant in mutants(target):
            yield [target.name, mutant.number, mutant.change, *judge(mutant)]


def main() -> None:
    """Judge every error and store the verdicts."""
    with FILE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in _rows():
            writer.writerow(row)
            file.flush()


if __name__ == "__main__":
    main()
