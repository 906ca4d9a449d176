"""Which packages the cells of a page need: those that they import, and those that this repository's modules import."""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

MAGIC = re.compile(r"^(\s*)[%!].*", re.MULTILINE)


def imported(cells: list[str], root: Path) -> set[str]:
    """Return the top-level names of all packages that cells import, by themselves or through modules under ``root``.

    What a module imports only inside a function is not asked for: nor does it need to be there before.
    """
    names, seen = set(), set()
    todo = [module for code in cells for module in _imports(ast.parse(MAGIC.sub(r"\1pass", code)))]
    while todo:
        module = todo.pop()
        own = _files(module, root)
        if not own:
            names.add(module.partition(".")[0])
        for path in own - seen:
            seen.add(path)
            todo += _imports_of(path)
    return names - set(sys.stdlib_module_names)


@cache
def _imports_of(path: Path) -> list[str]:
    return list(_imports(ast.parse(path.read_text(encoding="utf-8"))))


def _imports(node: ast.AST) -> Iterator[str]:
    """Yield the modules, and what may be one, that stand in imports outside functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module:
            yield child.module
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        elif not isinstance(child, ast.FunctionDef):
            yield from _imports(child)


def _files(module: str, root: Path) -> set[Path]:
    """Return the files that run when a module of this repository is imported; none for one from elsewhere."""
    parts = module.split(".")
    folders = [root.joinpath(*parts[:depth]) for depth in range(1, len(parts) + 1)]
    files = {path for each in folders for path in (each / "__init__.py", each.with_suffix(".py")) if path.is_file()}
    return files if (root / parts[0] / "__init__.py").is_file() else set()
