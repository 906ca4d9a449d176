"""The reference: the public names with their docstrings, which cite the equations that they implement."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from importlib import import_module

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

from report_book.chapters import listed_chapters
from report_book.public import PAGES, PublicName, by_module, public_names, resolve, uses

DIRECTIVES = {"class": "autoclass", "exception": "autoexception", "function": "autofunction", "data": "autodata"}
OPTIONS = {"class": (":members:", ":show-inheritance:"), "data": (":no-value:",)}


def setup(app: Sphinx) -> None:
    """Register the directives and the links."""
    app.add_directive("api", Api)
    app.add_directive("api-summary", ApiSummary)
    app.connect("autodoc-process-docstring", say_where_it_is_used)
    app.connect("missing-reference", find_public_name)


class Api(SphinxDirective):
    """Document a page's public names, a section for each module. In print nothing: one looks names up on a screen."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        if self.env.app.builder.format == "latex":
            return []
        page = self.arguments[0]
        if page not in PAGES:
            raise self.error(f"there is no page {page!r} of the reference, only {', '.join(PAGES)}")
        return [self.section(module, names) for module, names in by_module(page).items()]

    def section(self, module: str, names: list[PublicName]) -> nodes.section:
        """Return the section of a module."""
        title, about = introduction(module)
        section = nodes.section(ids=[nodes.make_id(f"api-{module}")])
        section += nodes.title(title, title)
        lines = [f"*Module* ``{module}``" + (f" · {about}" if about else ""), "", *documenting(names)]
        source = f"the reference of {module}"
        text = StringList(["````{eval-rst}", *lines, "````"], source=source)
        self.state.nested_parse(text, self.content_offset, section)
        return section


def documenting(names: Iterable[PublicName]) -> list[str]:
    """Return the lines of reStructuredText that document these names."""
    lines = []
    for each in names:
        lines += [f".. {DIRECTIVES[each.kind]}:: {each.name}"]
        lines += [f"   {option}" for option in OPTIONS.get(each.kind, ())] + [""]
    return lines


class ApiSummary(SphinxDirective):
    """List a page's public names, each with the first sentence of its docstring."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the list."""
        lines = ["````{eval-rst}"]
        for names in by_module(self.arguments[0]).values():
            for each in names:
                lines += [f"- :py:obj:`~{each.name}`" + (f" – {each.summary}" if each.summary else "")]
        box = nodes.container(classes=["api-summary"])
        self.state.nested_parse(StringList([*lines, "````"], source="the public names"), self.content_offset, box)
        return box.children


def introduction(module: str) -> tuple[str, str]:
    """Return a title and a sentence for a module, from its docstring."""
    paragraph = " ".join((inspect.getdoc(import_module(module)) or module).split("\n\n")[0].split())
    title, colon, about = paragraph.partition(": ")
    return (title, about[:1].upper() + about[1:]) if colon else (paragraph.rstrip("."), "")


def say_where_it_is_used(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Add to a docstring the chapters whose code uses the name."""
    if name not in public_names() or what not in DIRECTIVES:
        return
    labels = [chapter.label for chapter in listed_chapters() if name in {each.name for _, each in uses(chapter)}]
    if labels:
        lines += ["", "*Used in* " + ", ".join(f":ref:`{label}`" for label in labels) + ".", ""]


def find_public_name(app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: nodes.Element) -> object:
    """Resolve a reference to what is documented under a shorter name; leave the name of what is not public as text."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or not target:
        return None
    candidates = [target, f"{node.get('py:module') or 'mnistlab'}.{target}", f"mnistlab.{target}"]
    known = next(filter(None, map(resolve, candidates)), None)
    if known:
        return env.get_domain("py").resolve_xref(env, node["refdoc"], app.builder, "obj", known.name, node, contnode)
    return contnode if target.startswith("mnistlab.") and _exists(target) else None


def _exists(name: str) -> bool:
    """Whether an attribute of a module, or of a class in it, has that name."""
    module, rest = name, []
    while module:
        try:
            value = import_module(module)
            break
        except ImportError:
            module, _, last = module.rpartition(".")
            rest.insert(0, last)
    for part in rest:
        if not hasattr(value, part) and part not in getattr(value, "__annotations__", {}):
            return False
        value = getattr(value, part, None)
    return bool(module)
