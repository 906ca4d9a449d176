"""Every rule of the library has an equation, a lemma, a proof, a measured error and a line; a new one must get them."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pytest

import mnistlab as ml
from mnistbook.ch90_traceability import traceability
from mnistbook.ch90_traceability.traceability import MissingLink, rules, trace
from mnistlab.symbolic import cases, lemmas, updates
from mnistlab.symbolic.prove import prove_gradients

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def table():
    return trace()


def named(*names):
    return [rule for rule in rules() if rule.name in names]


def test_the_rules_are_those_of_the_library():
    found = [rule.name for rule in rules()]
    assert len(set(found)) == len(found)
    classes = {name.partition(".")[0] for name in found}
    public = {name for name in ml.__all__ if isinstance(getattr(ml, name), type)}
    bases = (ml.Layer, ml.Loss, ml.Optimizer)
    assert classes == {name for name in public if issubclass(getattr(ml, name), bases)} - {
        "Layer",
        "Optimizer",
    } | {"Network"}
    assert {"Dense.dW", "Dense.db", "Dense.dx", "Softmax.jacobian", "SoftmaxCrossEntropy.label_smoothing"} <= set(found)
    assert {"Conv2D.dW", "Conv2D.db", "Conv2D.dx", "MaxPool2D.dx"} <= set(found)
    assert {"SGD.momentum", "SGD.nesterov", "SGD.moving_average", "Adam.weight_decay", "Adam.l2"} <= set(found)


def test_every_rule_has_all_its_cells(table):
    assert [row.rule for row in table.rows] == rules()
    for row in table.rows:
        assert row.label and row.lemma.proved and row.proof.holds and 0 < row.error < 1e-6
    assert table.largest_error == max(row.error for row in table.rows)
    distinct = {id(entry) for row in table.rows for entry in row.proof.entries}
    assert table.entries == len(distinct)


def test_labels_stand_in_the_report_and_docstrings_cite_them(table):
    pages = [*(ROOT / "book").glob("*.md"), *(ROOT / "notebooks").glob("*.ipynb")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in pages)
    labels = set(re.findall(r":label: *([\w-]+)", text))
    assert {row.label for row in table.rows} <= labels
    of_lemmas = "".join(make.__doc__ for make in updates.LEMMAS)
    general = {"Loss", "Network", "Softmax.jacobian"}
    for row in table.rows:
        assert row.rule.name in general or row.label in row.rule.cited() or row.label in of_lemmas, row.rule.name


def test_lines_hold_the_code_of_their_rules():
    lines = {rule.name: rule.place for rule in rules()}
    package = Path(ml.__file__).parent

    def line(name):
        file, number = lines[name]
        return (package / file).read_text(encoding="utf-8").splitlines()[number - 1].strip()

    assert line("Dense.dW").partition("  # ")[0] == "np.dot(self.x.T, dz, out=self.dW)"
    assert line("Dense.dx").startswith("return dz @ self.W.T")
    assert line("ReLU.dx") == "return dy * (self.x > 0)"
    assert line("Conv2D.dW") == "np.matmul(self.patches.T, rows, out=self.dW.reshape(-1, self.filters))"
    assert line("Conv2D.dx").startswith("return self._scattered(rows @ self.W")
    assert line("MaxPool2D.dx") == "return dx.reshape(len(dy), self.inputs)"
    assert line("SoftmaxCrossEntropy") == "return (self.p - self.t) / self.p.shape[0]"
    assert line("Adam.l2") == "if self.l2:"
    assert line("Softmax.jacobian").startswith("def jacobian(")
    (rule,) = named("ReLU.dx")
    assert re.fullmatch(r"https://[^ ]+/blob/main/mnistlab/layers\.py#L\d+", rule.address)


def test_the_table_in_the_page_links_and_counts(table):
    text = table.part("layer")._repr_markdown_()
    assert text.startswith("```{list-table}") and text.endswith("```")
    assert "{eq}`eq-dense-backward`" in text and "every N, D, K; Dense 2×3: 63 entries" in text
    assert "{prf:ref}`thm-composition`" in table.part("network")._repr_markdown_()
    assert text.count("\n* - ") == len(table.part("layer")) + 1
    assert repr(table).count("\n") == len(table) - 1


def test_a_table_made_elsewhere_needs_no_sphinx(table):
    plain = table._repr_html_()
    assert "eq-dense-backward" in plain and "thm-composition" in plain
    assert "{eq}" not in plain and "](" not in plain and "$" not in plain and "`" not in plain


class Scaled(ml.Layer):
    """Twice its input."""

    __module__ = "mnistlab.layers"

    def forward(self, x, rng=None):
        return 2 * x

    def backward(self, dy, need_dx=True):
        return 2 * dy


class Cited(Scaled):
    """Twice its input (:eq:`eq-relu-backward`)."""

    __module__ = "mnistlab.layers"


class Drifting(ml.SGD):
    """Gradient descent that drifts."""

    __module__ = "mnistlab.optimizers"

    def update(self, w, g, rate):
        w -= rate * g + rate


@pytest.mark.parametrize(
    ("place", "planted", "complaint"),
    [
        ("layers", Scaled, "Scaled.dx: the docstring of Scaled cites no equation"),
        ("layers", Cited, "Cited.dx: no lemma in mnistlab.symbolic is about it"),
        ("optimizers", Drifting, "Drifting: no lemma in mnistlab.symbolic is about it"),
    ],
)
def test_a_class_without_equation_or_lemma_is_noticed(monkeypatch, place, planted, complaint):
    before = {rule.name for rule in rules()}
    monkeypatch.setattr(getattr(sys.modules["mnistlab"], place), planted.__name__, planted, raising=False)
    new = [rule for rule in rules() if rule.name not in before]
    assert new and {rule.owner for rule in new} == {planted}
    with pytest.raises(MissingLink, match=re.escape(complaint)):
        trace(new)


def test_a_class_outside_the_library_is_no_rule_of_it():
    class Elsewhere(ml.Layer):
        """A reader's own layer."""

    assert "Elsewhere" not in {rule.owner.__name__ for rule in rules()}
    assert "MaskOfTheOutput" not in {rule.owner.__name__ for rule in rules()}


def drop_lemma(monkeypatch):
    monkeypatch.setattr(lemmas, "ALL", tuple(make for make in lemmas.ALL if make is not lemmas.relu))


def spoil_lemma(monkeypatch):
    broken = replace(lemmas.relu(), proved=False)
    monkeypatch.setattr(lemmas, "ALL", (lambda: broken,))


def drop_label(monkeypatch):
    bare = replace(lemmas.relu(), label="")
    monkeypatch.setattr(lemmas, "ALL", (lambda: bare,))


def other_label(monkeypatch):
    other = replace(lemmas.relu(), label="eq-tanh-backward")
    monkeypatch.setattr(lemmas, "ALL", (lambda: other,))


def drop_citation(monkeypatch):
    monkeypatch.setattr(ml.ReLU, "__doc__", "Rectifier.")


def drop_case(monkeypatch):
    others = [case for case in cases.CASES if not any(isinstance(layer, ml.ReLU) for layer in case.layers())]
    monkeypatch.setattr(traceability, "CASES", others)


def break_code(monkeypatch):
    def backward(self, dy, need_dx=True):
        return dy * (np.maximum(self.x, 0) >= 0)

    monkeypatch.setattr(ml.ReLU, "backward", backward)


def break_differences(monkeypatch):
    monkeypatch.setattr(traceability, "check_gradients", lambda *_, **__: {"parameters": 1e-3, "inputs": 1e-10})


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (drop_lemma, "no lemma"),
        (spoil_lemma, "is not proved"),
        (drop_label, "has no label"),
        (other_label, "is about eq-tanh-backward, but the docstring of ReLU cites eq-relu-backward"),
        (drop_citation, "cites no equation"),
        (drop_case, "no network in mnistlab.symbolic.cases"),
        (break_code, "the proof of its code fails"),
        (break_differences, "differs from finite differences"),
    ],
)
def test_a_missing_cell_is_an_error_that_says_which(monkeypatch, damage, complaint):
    damage(monkeypatch)
    with pytest.raises(MissingLink, match=r"ReLU\.dx: .*" + complaint):
        trace(named("ReLU.dx"))


def test_an_update_without_a_formula_is_an_error(monkeypatch):
    monkeypatch.setattr(updates, "UPDATES", updates.UPDATES[:1])
    with pytest.raises(MissingLink, match=r"Adam\.l2: no update in mnistlab\.symbolic\.updates"):
        trace(named("Adam.l2"))


def test_the_page_has_the_table_of_every_kind():
    notebook = nbformat.read(ROOT / "notebooks" / "90_traceability.ipynb", as_version=4)
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    kinds = {rule.kind for rule in rules()}
    assert set(re.findall(r'^table\.part\("(\w+)"\)', code, re.MULTILINE)) == kinds


def test_a_layer_may_be_proved_that_is_none_of_the_library():
    prove_gradients(ml.Network([ml.Dense(2, 2), Scaled()]), ml.SquaredError()).check()


def test_the_benchmark_proves_everything(tmp_path):
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import proofs
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))
    kinds = [kind for kind, _, _ in proofs.tasks()]
    assert kinds.count("lemma") == len(lemmas.ALL) + len(updates.LEMMAS)
    assert kinds.count("gradient") == len(cases.CASES) + 1
    assert kinds.count("update") == len(updates.COMBINATIONS)
    assert kinds.count("every") == len(updates.COMBINATIONS) + len(proofs.PARTS)
    parts = {rule.owner for rule in rules() if rule.kind in ("layer", "loss")}
    assert {type(make()) for make in proofs.PARTS} == parts - {ml.Conv2D, ml.MaxPool2D}
    rows = [{"kind": kind, "proof": "one", "entries": 1, "seconds": 0.5} for kind in ("lemma", "every", "every")]
    fixed, every = proofs.table(rows).splitlines()[-2:]
    assert fixed.split() == ["total", "1", "proofs,", "fixed", "sizes", "1", "0.50"]
    assert every.split() == ["total", "2", "proofs,", "every", "size", "2", "1.00"]


@pytest.mark.parametrize(
    "kind, seconds, status", [("lemma", 89.0, 0), ("lemma", 91.0, 1), ("every", 59.0, 0), ("every", 61.0, 1)]
)
def test_the_benchmark_writes_its_rows_and_fails_when_it_takes_too_long(tmp_path, kind, seconds, status):
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import proofs; "
        f"proofs.measure = lambda: [dict(kind='{kind}', proof='one', entries=1, seconds={seconds})]; "
        "sys.exit(proofs.main(['--json', sys.argv[2]]))"
    )
    file = tmp_path / "rows.json"
    command = [sys.executable, "-c", program, str(ROOT / "benchmarks"), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    assert f'"seconds": {seconds}' in file.read_text(encoding="utf-8")
