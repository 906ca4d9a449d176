"""From each rule of the library to its equation, its lemma, the proof of its code, a measured error, and its line.

The rules are found in the library: the gradients that ``backward`` methods write and return, and the updates of the
optimizers. So a layer that is added without an equation, a lemma or a proof makes the table fail.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import metadata
from pathlib import Path
from textwrap import dedent

import numpy as np
import pandas as pd

import mnistlab
from mnistbook.kit.tables import Table
from mnistlab.convolution import Conv2D, MaxPool2D
from mnistlab.gradcheck import check_gradients, numerical_gradient, relative_error
from mnistlab.layer import Layer
from mnistlab.layers import Dense, Softmax
from mnistlab.losses import Loss, SoftmaxCrossEntropy
from mnistlab.network import Network
from mnistlab.optimizers import Optimizer
from mnistlab.symbolic import lemmas, updates
from mnistlab.symbolic.cases import CASES, Case
from mnistlab.symbolic.prove import Proof, prove_jacobian
from mnistlab.symbolic.sizes import prove_for_every_size

__all__ = ["MissingLink", "Row", "Rule", "Traceability", "rules", "trace"]

BRANCH = "main"
OUTSIDE = ("mnistlab.interop",)
"""Packages of the library whose layers the report does not prove: they are copies in other frameworks."""

CITATION = re.compile(r":(?:eq|prf:ref):`([\w-]+)`")
SAMPLES = 8


class MissingLink(LookupError):
    """A rule has no equation, no lemma, no proof, no measured error or no line of code."""


@dataclass(frozen=True)
class Rule:
    """Something that the library claims: a gradient, or an update.

    Attributes
    ----------
    name
        Class and gradient, ``Dense.dW``; class and option, ``SGD.momentum``; or the class alone.
    kind
        ``"layer"``, ``"loss"``, ``"network"`` or ``"optimizer"``.
    owner
        The class.
    must_cite
        Whether the docstring of the class itself has to cite the rule's equation.
    place
        File, from the package's folder on, and number of the line where the code of the rule stands.
    """

    name: str
    kind: str
    owner: type
    must_cite: bool
    place: tuple[str, int]

    def cited(self) -> list[str]:
        """Return the labels that docstrings of the class and its methods cite."""
        texts = [inspect.getdoc(self.owner), *(getattr(each, "__doc__", None) for each in vars(self.owner).values())]
        return CITATION.findall("\n".join(text for text in texts if isinstance(text, str)))

    @property
    def address(self) -> str:
        """Where the line can be read on the web."""
        file, line = self.place
        return f"{repository()}/blob/{BRANCH}/mnistlab/{file}#L{line}"


@dataclass(frozen=True)
class Row:
    """A rule with all that stands for it; made by :func:`trace`."""

    rule: Rule
    label: str
    """Of the equation or theorem in the report."""
    lemma: lemmas.Lemma | updates.Stepwise
    proof: Proof
    proof_of: str
    """What was proved, in few words."""
    error: float
    """Relative error against finite differences in float64."""


def repository() -> str:
    """Return the address of the repository, from the installed package."""
    for entry in metadata("mnistlab").get_all("Project-URL") or ():
        name, _, address = entry.partition(", ")
        if name == "Repository":
            return address.rstrip("/")
    raise MissingLink("the installed package names no Repository: see [project.urls] in pyproject.toml")


# Which rules there are.


def rules() -> list[Rule]:
    """Return every rule, in the order in which the library's files have them."""
    found = [rule for layer in _family(Layer) for rule in _of_layer(layer)]
    found += [rule for loss in _family(Loss) for rule in _of_loss(loss)]
    # The base of the losses stands for what they share, the mean over the batch; a network for the composition.
    found += [
        Rule("Loss", "network", Loss, False, _line(Loss, "forward")),
        Rule("Network", "network", Network, False, _line(Network, "backward")),
    ]
    return found + [rule for optimizer in _family(Optimizer) for rule in _of_optimizer(optimizer)]


def _family(base: type) -> list[type]:
    """Return the classes derived from ``base`` that loaded modules of the library define, in the order of the files."""
    found = {}
    for name, module in sorted(sys.modules.items()):
        if name.startswith("mnistlab.") and not name.startswith(OUTSIDE):
            found |= {value: None for value in vars(module).values() if _is_derived(value, base, name)}
    return list(found)


def _is_derived(value: object, base: type, module: str) -> bool:
    """Return whether it is a class derived from ``base`` that the module defines, and does not only import."""
    return isinstance(value, type) and issubclass(value, base) and value is not base and value.__module__ == module


def _of_layer(owner: type) -> Iterator[Rule]:
    source = inspect.getsource(owner.backward)
    for name in dict.fromkeys(re.findall(r"self\.d(\w+)", source)):
        yield Rule(f"{owner.__name__}.d{name}", "layer", owner, True, _line(owner, "backward", f"self.d{name}"))
    yield Rule(f"{owner.__name__}.dx", "layer", owner, True, _line(owner, "backward", "return"))
    for name, method in vars(owner).items():
        if inspect.isfunction(method) and not name.startswith("_") and not hasattr(Layer, name):
            yield Rule(f"{owner.__name__}.{name}", "layer", owner, False, _line(owner, name))


def _of_loss(owner: type) -> Iterator[Rule]:
    yield Rule(owner.__name__, "loss", owner, True, _line(owner, "backward", "return"))
    for option in _options(owner):
        yield Rule(f"{owner.__name__}.{option}", "loss", owner, True, _line(owner, "forward", f"self.{option}"))


def _of_optimizer(owner: type) -> Iterator[Rule]:
    yield Rule(owner.__name__, "optimizer", owner, False, _line(owner, "update"))
    for option in _options(owner):
        # The option is read in the optimizer's own formula or before it; if neither, the formula has to answer for it.
        reading = [name for name in ("update", "step") if f"self.{option}" in inspect.getsource(getattr(owner, name))]
        place = _line(owner, reading[0], f"self.{option}") if reading else _line(owner, "update")
        yield Rule(f"{owner.__name__}.{option}", "optimizer", owner, False, place)


def _options(owner: type) -> list[str]:
    """Return the arguments that are off by default: with one of them on, the rule is another."""
    arguments = inspect.signature(owner).parameters.values()
    return [each.name for each in arguments if isinstance(each.default, bool | float) and not each.default]


def _line(owner: type, method: str, holding: str = "def ") -> tuple[str, int]:
    """Return the file and the line of the first line of a method's code, after its docstring, that holds a text."""
    function = getattr(owner, method)
    lines, start = inspect.getsourcelines(function)
    node = ast.parse(dedent("".join(lines))).body[0]
    skipped = range(node.body[0].lineno, node.body[0].end_lineno + 1) if ast.get_docstring(node) else ()
    for number, line in enumerate(lines, 1):
        if holding in line and number not in skipped:
            file, package = Path(inspect.getsourcefile(function)), Path(mnistlab.__file__).parent
            name = file.relative_to(package) if file.is_relative_to(package) else file
            return name.as_posix(), start + number - 1
    raise MissingLink(f"{owner.__name__}.{method} has no line with '{holding}'")


# What stands for each of them.


def trace(only: Iterable[Rule] | None = None) -> Traceability:
    """Follow every rule to its equation, its lemma, its proof, its measured error and its line.

    Parameters
    ----------
    only
        Rules, if not all of the library.

    Raises
    ------
    MissingLink
        If one of them is missing, does not hold, or the error is too large to be one of rounding; it names all.
    """
    known: dict[str, lemmas.Lemma | updates.Stepwise] = {}
    for make in (*lemmas.ALL, *updates.LEMMAS):
        lemma = make()
        known.setdefault(lemma.of, lemma)  # of several about one rule, the first stands for it
    proofs = _Proofs()
    rows, missing = [], []
    for rule in rules() if only is None else only:
        lemma = known.get(rule.name) or (known.get(rule.name.partition(".")[2]) if rule.kind == "optimizer" else None)
        try:
            rows.append(_row(rule, lemma, proofs))
        except MissingLink as error:
            missing.append(str(error))
    if missing:
        raise MissingLink("the chain from the code to its proof is broken:\n  " + "\n  ".join(missing))
    return Traceability(rows)


LARGEST_ERROR = 1e-6
"""What finite differences in float64 may be off by; a wrong gradient is off by a thousandth and more."""


def _row(rule: Rule, lemma: lemmas.Lemma | updates.Stepwise | None, proofs: _Proofs) -> Row:
    cited = rule.cited()
    if rule.must_cite and not cited:
        raise MissingLink(f"{rule.name}: the docstring of {rule.owner.__name__} cites no equation with :eq:")
    if lemma is None:
        raise MissingLink(f"{rule.name}: no lemma in mnistlab.symbolic is about it (of='{rule.name}')")
    if not lemma.proved:
        raise MissingLink(f"{rule.name}: its lemma '{lemma.name}' is not proved")
    if not lemma.label:
        raise MissingLink(f"{rule.name}: its lemma '{lemma.name}' has no label")
    if rule.must_cite and lemma.label not in cited:
        raise MissingLink(
            f"{rule.name}: its lemma is about {lemma.label}, but the docstring of {rule.owner.__name__} cites "
            + ", ".join(cited)
        )
    proof_of, proof, error = proofs.of(rule)
    if not proof.holds:
        raise MissingLink(f"{rule.name}: the proof of its code fails\n{proof}")
    if not error < LARGEST_ERROR:
        raise MissingLink(f"{rule.name}: differs from finite differences by {error:.1e}")
    return Row(rule, lemma.label, lemma, proof, proof_of, error)


class _Proofs:
    """Finds the proof of a rule's code, and measures it; what serves several rules is computed once."""

    def __init__(self) -> None:
        self.proofs: dict[str, Proof] = {}
        self.errors: dict[str, dict[str, float]] = {}
        self.every_size: dict[str, tuple[str, Proof] | None] = {}

    def of(self, rule: Rule) -> tuple[str, Proof, float]:
        """Return what was proved, the proof, and the error against finite differences."""
        if rule.kind == "optimizer":
            return self._of_update(rule)
        if rule.name == "Softmax.jacobian":
            return "Softmax on a row of 3", prove_jacobian(Softmax()), _jacobian_error()
        # The simplest that will do: in it least else can be right or wrong.
        case = min(filter(_serves(rule), CASES), key=lambda case: len(case.layers()), default=None)
        if case is None:
            raise MissingLink(f"{rule.name}: no network in mnistlab.symbolic.cases proves its code")
        if case.name not in self.proofs:
            self.proofs[case.name], self.errors[case.name] = case.prove(), _errors(case)
        proof, errors = self.proofs[case.name], self.errors[case.name]
        gradient = rule.name.partition(".")[2]
        key = f"{rule.owner.__name__} of {case.name}"
        if key not in self.every_size:
            self.every_size[key] = _for_every_size(rule, case)
        every = self.every_size[key]
        words = f"{every[0]}; {_in_words(case)}" if every else _in_words(case)
        more = every[1].entries if every else []
        if rule.kind != "layer" or not _has_parameters(rule.owner, case):
            return words, Proof(proof.claim, proof.entries + more), max(errors.values())
        # The entries of this gradient alone: x_{0,1} of the input, W^{(1)}_{0,1} of a parameter.
        entries = [each for each in proof.entries if re.match(rf"(?:{gradient[1:]}|y)[_^]|L/", each.name)]
        entries += [each for each in more if each.name in (gradient, f"{gradient} without dx", "y")]
        return words, Proof(proof.claim, entries), errors[gradient]

    def _of_update(self, rule: Rule) -> tuple[str, Proof, float]:
        for update in updates.UPDATES:
            if update.of == rule.name:
                proof = updates.prove_update(update)
                proof.entries += prove_for_every_size(update).entries
                return "every P, each step by induction", proof, _update_error(update)
        raise MissingLink(f"{rule.name}: no update in mnistlab.symbolic.updates says what it should do")


def _for_every_size(rule: Rule, case: Case) -> tuple[str, Proof] | None:
    """Return for which sizes the code of a rule is proved, and the proof, if there is one for symbolic sizes."""
    if rule.kind == "loss":
        return "every N, K", prove_for_every_size(case.loss)
    layer = next((layer for layer in case.layers() if type(layer) is rule.owner), None)
    if layer is None or isinstance(layer, Conv2D | MaxPool2D):
        return None
    return "every N, D, K" if layer.inputs else "every N, K", prove_for_every_size(layer)


def _serves(rule: Rule) -> Callable[[Case], bool]:
    """Return whether a case proves the code of a rule."""
    option = rule.name.partition(".")[2]

    def serves(case: Case) -> bool:
        layers = case.layers()
        if rule.kind == "layer":
            name = option[1:]
            mine = [layer for layer in layers if type(layer) is rule.owner]
            return any(option == "dx" or name in layer.parameter_shapes() for layer in mine)
        if rule.kind == "loss":
            on = [name for name in _options(rule.owner) if getattr(case.loss, name, None)]
            return type(case.loss) is rule.owner and on == [option] * bool(option)
        # The mean over the batch: any; the composition: the deepest.
        depth = sum(isinstance(layer, Dense) for layer in layers)
        return rule.owner is Loss or depth == max(
            sum(isinstance(layer, Dense) for layer in each.layers()) for each in CASES
        )

    return serves


def _has_parameters(owner: type, case: Case) -> bool:
    return any(type(layer) is owner and layer.parameter_shapes() for layer in case.layers())


def _in_words(case: Case) -> str:
    names = []
    for layer in case.layers():
        sizes = f" {layer.inputs}×{layer.outputs}" if isinstance(layer, Dense) else ""
        names.append(type(layer).__name__ + sizes)
    return ", ".join(names)


def _errors(case: Case) -> dict[str, float]:
    """Return relative errors of a case's network in float64: of its inputs, of each kind of parameter, and of all.

    It is a larger network of the same layers, and targets add to 1 only where they must: what the proof assumed of
    sizes and targets is not assumed here.
    """
    rng = np.random.default_rng(0)
    network = Network(_larger(case.layers()), dtype=np.float64)
    x = rng.standard_normal((SAMPLES, network.input_size))
    targets = rng.random((SAMPLES, network.output_size))
    if isinstance(case.loss, SoftmaxCrossEntropy):
        targets /= targets.sum(axis=1, keepdims=True)
    overall = check_gradients(network, case.loss, x, targets, seed=case.seed)
    errors = {"dx": overall["inputs"], "parameters": overall["parameters"]}

    def value() -> float:
        passing = None if case.seed is None else np.random.default_rng(case.seed)
        return float(case.loss.forward(network.forward(x, passing), targets))

    value()
    network.backward(case.loss.backward())
    for layer in network.layers:
        for name in layer.parameter_shapes():
            numerical = numerical_gradient(value, getattr(layer, name))
            error = relative_error(getattr(layer, "d" + name), numerical)
            errors["d" + name] = max(error, errors.get("d" + name, 0.0))
    return errors


def _larger(layers: list[Layer]) -> list[Layer]:
    """Return layers of the same kinds with other sizes."""
    result: list[Layer] = []
    for layer in layers:
        config = layer.config()
        before = next((each for each in reversed(result) if each.outputs), None)
        if isinstance(layer, Dense):
            config |= {"inputs": before.outputs if before else 3 * layer.inputs + 1, "outputs": 3 * layer.outputs + 1}
        elif isinstance(layer, Conv2D | MaxPool2D):
            height, width, channels = layer.shape
            config["shape"] = before.output_shape if before else (height + 1, width + 2, channels + 1)
        result.append(type(layer)(**config))
    return result


def _jacobian_error(size: int = 10) -> float:
    rng = np.random.default_rng(0)
    x, softmax = rng.standard_normal((1, size)), Softmax()
    softmax.forward(x)
    exact = softmax.jacobian()[0]
    by_differences = [numerical_gradient(lambda i=i: float(softmax.forward(x)[0, i]), x)[0] for i in range(size)]
    return relative_error(exact, np.array(by_differences))


def _update_error(update: updates.Update, steps: int = 3) -> float:
    """Return the relative error of the way that an optimizer goes with the gradients of a network.

    It is compared with the formula, that takes finite differences of the loss in place of the gradients.
    """
    rng = np.random.default_rng(0)
    case = next(case for case in CASES if case.name == "Tanh")
    network, reference = case.network(np.float64), case.network(np.float64)
    x, targets = rng.standard_normal((SAMPLES, network.input_size)), rng.standard_normal((SAMPLES, network.output_size))
    start = network.parameters.copy()
    optimizer = update.make()

    def differences(w: np.ndarray) -> np.ndarray:
        reference.parameters[...] = w
        return numerical_gradient(lambda: float(case.loss.forward(reference.forward(x), targets)), reference.parameters)

    at = updates.numbers(optimizer, optimizer.learning_rate(0.0))
    *_, expected = updates.follow(update, start.copy(), differences, at, steps)
    for _ in range(steps):
        case.loss.forward(network.forward(x), targets)
        network.backward(case.loss.backward())
        optimizer.step(network.parameters, network.gradients)
    return relative_error(network.parameters - start, expected - start)


# The table.


class Traceability:
    """The rows, as a table in the page and as text elsewhere.

    Parameters
    ----------
    rows
        One for each rule.
    """

    def __init__(self, rows: list[Row]):
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, kind: str) -> Traceability:
        """Return the rows of one kind of rule."""
        return Traceability([row for row in self.rows if row.rule.kind == kind])

    @property
    def entries(self) -> int:
        """How many identities were proved, each counted once, however many rows it serves."""
        return len({id(entry) for row in self.rows for entry in row.proof.entries})

    @property
    def largest_error(self) -> float:
        """The largest error against finite differences."""
        return max(row.error for row in self.rows)

    def __repr__(self) -> str:
        return "\n".join(
            f"{row.rule.name}: {row.label}; {row.lemma.name}, {row.lemma.scope}; {row.proof_of}: "
            f"{len(row.proof.entries)} entries; {row.error:.0e}; {row.rule.place[0]}:{row.rule.place[1]}"
            for row in self.rows
        )

    def _repr_html_(self) -> str:
        """Return a plain table, for whoever runs the notebook again elsewhere; equations go by their labels."""
        return Table(pd.DataFrame(map(_plain, self.rows), columns=HEAD))._repr_html_()

    def _repr_markdown_(self) -> str:
        """Return a table in MyST: Sphinx resolves the equations, and LaTeX breaks the lines of the cells."""
        lines = ["```{list-table}", ":header-rows: 1", ":widths: 26 15 23 23 13", ""]
        for cells in (HEAD, *map(_cells, self.rows)):
            lines += [f"{'  ' if place else '* '}- {cell}" for place, cell in enumerate(cells)]
        return "\n".join([*lines, "```"])


HEAD = ("Rule and its line", "Equation", "Lemma", "Code proved on", "Error")


def _plain(row: Row) -> tuple[str, ...]:
    # A long name breaks between its words only.
    name, (file, line) = row.rule.name.replace(".", " ").replace("_", " "), row.rule.place
    lemma, proof = f"{row.lemma.name}, {row.lemma.scope}", f"{row.proof_of}: {len(row.proof.entries)} entries"
    return f"{name} {file}, {line}", row.label, lemma, proof, f"{row.error:.0e}"


def _cells(row: Row) -> tuple[str, ...]:
    """Return what :func:`_plain` does, with links."""
    rule, label, lemma, proof, error = _plain(row)
    place = ", ".join(map(str, row.rule.place))
    role = "prf:ref" if label.startswith("thm-") else "eq"
    figure, exponent = error.split("e")
    rule = f"{rule.removesuffix(place)}[{place}]({row.rule.address})"
    return rule, f"{{{role}}}`{label}`", lemma, proof, rf"${figure} \cdot 10^{{{int(exponent)}}}$"
