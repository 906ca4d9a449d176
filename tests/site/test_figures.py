"""Where figures are drawn: a short one that a single cell shows stands in that cell, where a reader can change it."""

from __future__ import annotations

import ast
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

SHORT = 25
"""Lines from which on a figure may be a function, even if one cell alone shows it."""


def short_figures_of_one_cell(root: Path) -> list[str]:
    """Return the short functions of ``mnistbook`` that draw a figure for one cell of a notebook and nothing else."""
    modules = {
        name_of(path, root): ast.parse(path.read_text("utf-8")) for path in sorted(root.glob("mnistbook/**/*.py"))
    }
    lengths = {f"{name}.{short}": lines for name, tree in modules.items() for short, lines in figures_of(tree)}
    uses = defaultdict(list)
    for name, tree in modules.items():
        own = {node.name: f"{name}.{node.name}" for node in tree.body if isinstance(node, ast.FunctionDef)}
        for used in used_names([tree], own):
            uses[used].append(name)
    for path in sorted(root.glob("notebooks/*.ipynb")):
        cells = [ast.parse(text) for text in code_cells(path)]
        imported = imports_of(cells)
        for number, cell in enumerate(cells):
            for used in set(used_names([cell], imported)):
                uses[used].append(f"{path.name}, code cell {number}")
    return [
        f"{figure}: {lines} lines, for {uses[figure][0]}"
        for figure, lines in lengths.items()
        if lines < SHORT and len(uses[figure]) == 1 and ".ipynb" in uses[figure][0]
    ]


def figures_of(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield the functions of a module that return a figure, and their lines with those of private ones they call."""
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    for name, function in functions.items():
        if function.returns is not None and "Figure" in ast.unparse(function.returns) and not name.startswith("_"):
            needed, found = {name}, [function]
            for each in found:  # grows on the way
                called = {node.id for node in ast.walk(each) if isinstance(node, ast.Name)}
                helpers = {one for one in called & functions.keys() if one.startswith("_")} - needed
                needed |= helpers
                found += [functions[one] for one in sorted(helpers)]
            yield name, sum(map(body_lines, found))


def body_lines(function: ast.FunctionDef) -> int:
    """Return how many lines the body has without the docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1


def imports_of(trees: Iterable[ast.AST]) -> dict[str, str]:
    """Return what each imported name stands for."""
    imported = {}
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.ImportFrom) and node.module:
            imported |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
        elif isinstance(node, ast.Import):
            imported |= {each.asname or each.name.partition(".")[0]: each.name for each in node.names}
    return imported


def used_names(trees: list[ast.AST], known: dict[str, str]) -> Iterator[str]:
    """Yield the full names of what is used, through imports and through ``known`` names."""
    known = known | imports_of(trees)
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Name | ast.Attribute):
            first, dot, rest = ast.unparse(node).partition(".")
            if first in known:
                yield known[first] + dot + rest


def code_cells(path: Path) -> Iterator[str]:
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            yield re.sub(r"^(\s*)[%!].*", r"\1pass", "".join(cell["source"]), flags=re.MULTILINE)


def name_of(path: Path, root: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def test_a_short_figure_that_one_cell_shows_stands_in_that_cell():
    assert short_figures_of_one_cell(ROOT) == []


def test_a_short_figure_behind_a_call_is_found(tmp_path):
    drawing = "def {}() -> Figure:\n    return {}\n\n\n"
    long = drawing.format("long", "(\n" + "1 +\n" * SHORT + "1)")
    package = tmp_path / "mnistbook" / "ch01"
    package.mkdir(parents=True)
    (package / "figures.py").write_text(
        drawing.format("once", 1) + drawing.format("twice", 1) + long + drawing.format("inner", 1) + "inner()\n"
    )
    cells = [
        "from mnistbook.ch01 import figures as drawn\nfrom mnistbook.ch01.figures import twice",
        "drawn.once()\ndrawn.long()\ndrawn.inner()\ntwice()",
        "%time drawn.unknown()\ntwice()",
    ]
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "01.ipynb").write_text(
        json.dumps({"cells": [{"cell_type": "code", "source": [text]} for text in cells]})
    )
    assert short_figures_of_one_cell(tmp_path) == ["mnistbook.ch01.figures.once: 1 lines, for 01.ipynb, code cell 1"]
