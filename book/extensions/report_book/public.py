"""The public names of the library: what each is called, where it is documented, and which chapters use it."""

from __future__ import annotations

import ast
import pkgutil
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module

from report_book.chapters import Chapter

# Of the report's own package, what serves any chapter; the figures and studies of a single chapter are shown there.
REPORT = (
    "mnistbook.results",
    "mnistbook.kit.comparisons",
    "mnistbook.kit.metrics",
    "mnistbook.kit.source",
    "mnistbook.kit.style",
    "mnistbook.kit.tables",
    "mnistbook.projects.verdicts",
    "mnistbook.ch90_traceability.traceability",
    "mnistbook.ch91_this_build.inventory",
)
PAGES = {
    "images": ("mnistlab.images",),
    "proofs": ("mnistlab.gradcheck", "mnistlab.symbolic"),
    "files": ("mnistlab.checkpoint", "mnistlab.interop"),
    "sweeps": ("mnistlab.sweeps",),
    "report": ("mnistbook",),
    "library": ("mnistlab",),
}
"""Each page of the reference, and which modules it documents; the first that fits has a module."""

# As data flow through a training; modules that are not named follow.
ORDER = (
    "mnistlab.mnist",
    "mnistlab.data",
    "mnistlab.network",
    "mnistlab.perceptron",
    "mnistlab.layer",
    "mnistlab.layers",
    "mnistlab.convolution",
    "mnistlab.losses",
    "mnistlab.initializers",
    "mnistlab.optimizers",
    "mnistlab.schedules",
    "mnistlab.training",
    "mnistlab.gradcheck",
    "mnistlab.symbolic.prove",
)


@dataclass(frozen=True)
class PublicName:
    """A public name.

    Parameters
    ----------
    name
        As a user writes it, with the module that exports it.
    module
        In which it is defined.
    kind
        "class", "exception", "function" or "data".
    summary
        First sentence of its docstring.
    """

    name: str
    module: str
    kind: str
    summary: str

    @property
    def short(self) -> str:
        """The last part of the name."""
        return self.name.rpartition(".")[2]

    @property
    def page(self) -> str:
        """Which page documents it."""
        return next(page for page, tops in PAGES.items() if any(_is_in(self.module, top) for top in tops))


@lru_cache
def public_names() -> dict[str, PublicName]:
    """Return all public names, each object once, under the shortest name that exports it."""
    found: dict[tuple[str, str], PublicName] = {}
    for exporter in exporters():
        package = import_module(exporter)
        for short in getattr(package, "__all__", ()):
            value = getattr(package, short)
            module, own_name = _defined_in(value, exporter), getattr(value, "__qualname__", short)
            found.setdefault((module, own_name), _public_name(f"{exporter}.{short}", module, value))
    return {each.name: each for each in found.values()}


def exporters() -> list[str]:
    """Return the modules whose ``__all__`` is public, packages before their modules."""
    return [
        "mnistlab",
        "mnistlab.images",
        "mnistlab.interop",
        *_modules("mnistlab.symbolic"),
        *_modules("mnistlab.sweeps"),
        *REPORT,
    ]


def _modules(package: str) -> list[str]:
    return [module.name for module in pkgutil.iter_modules(import_module(package).__path__, f"{package}.")]


def by_module(page: str) -> dict[str, list[PublicName]]:
    """Return the names that a page documents, module by module."""
    groups: dict[str, list[PublicName]] = {}
    for each in public_names().values():
        if each.page == page:
            groups.setdefault(each.module, []).append(each)
    return dict(sorted(groups.items(), key=lambda item: (_place(item[0]), item[0])))


def resolve(name: str) -> PublicName | None:
    """Return the public name of what can be reached under ``name``, such as ``mnistlab.layers.Dense``."""
    if name in public_names():
        return public_names()[name]
    return _aliases().get(name)


@lru_cache
def uses(chapter: Chapter) -> list[tuple[str, PublicName]]:
    """Return what the code of a chapter uses: as it writes it, and the public name; in the order of first use."""
    imported: dict[str, str] = {}
    found: dict[str, tuple[str, PublicName]] = {}
    for kind, text in chapter.cells:
        if kind != "code":
            continue
        try:
            tree = ast.parse(re.sub(r"^(\s*)[%!].*", r"\1pass", text, flags=re.MULTILINE))
        except SyntaxError:
            continue
        nodes = sorted(ast.walk(tree), key=lambda node: (getattr(node, "lineno", 0), getattr(node, "col_offset", 0)))
        for node in nodes:
            if isinstance(node, ast.Import):
                imported |= {each.asname or each.name.partition(".")[0]: each.name for each in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
            elif isinstance(node, ast.Name | ast.Attribute):
                written = ast.unparse(node)
                first, dot, rest = written.partition(".")
                known = resolve(imported[first] + dot + rest) if first in imported else None
                if known:
                    found.setdefault(known.name, (written, known))
    return list(found.values())


def _public_name(name: str, module: str, value: object) -> PublicName:
    if isinstance(value, type):
        kind = "exception" if issubclass(value, BaseException) else "class"
    else:
        kind = "function" if callable(value) and hasattr(value, "__qualname__") else "data"
    text = (value.__doc__ or "") if kind != "data" else ""
    paragraph = " ".join(text.strip().split("\n\n")[0].split())
    return PublicName(name, module, kind, re.split(r"(?<=[.?!]) (?=[A-Z])", paragraph)[0])


def _defined_in(value: object, exporter: str) -> str:
    module = getattr(value, "__module__", None)
    return (
        module
        if isinstance(module, str) and module.startswith(("mnistlab", "mnistbook")) and hasattr(value, "__qualname__")
        else exporter
    )


@lru_cache
def _aliases() -> dict[str, PublicName]:
    return {f"{each.module}.{each.short}": each for each in public_names().values()}


def _place(module: str) -> int:
    return ORDER.index(module) if module in ORDER else len(ORDER)


def _is_in(module: str, top: str) -> bool:
    return module == top or module.startswith(f"{top}.")
