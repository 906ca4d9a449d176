"""In print, what leads to another chapter says on which page that is: paper has no links."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

from report_book.ancestors import is_within

CRAMPED = (nodes.table, nodes.title, nodes.caption, nodes.rubric)
"""Where there is no room for a page."""


def setup(app: Sphinx) -> None:
    """Register the transform."""
    app.add_post_transform(GivePages)


class GivePages(SphinxPostTransform):
    """Put the page behind each reference to another document, but not behind the terms of the glossary."""

    default_priority = 900
    formats = ("latex",)

    def run(self) -> None:
        """Put it there."""
        for reference in list(self.document.findall(nodes.reference)):
            address = reference.get("refuri", "")
            elsewhere = address.startswith("%")  # so the LaTeX builder marks what is another document
            term = any("std-term" in inline["classes"] for inline in reference.findall(nodes.inline))
            if elsewhere and not term and not is_within(reference, CRAMPED):
                page = rf"p.\,\pageref{{\detokenize{{{_name(address)}}}}}"
                text = f", {page}" if _in_parentheses(reference) else f"~({page})"
                reference.parent.insert(reference.parent.index(reference) + 1, nodes.raw("", text, format="latex"))


def _name(address: str) -> str:
    """Return a document and a place in it as Sphinx's LaTeX names them."""
    document, _, place = address.removeprefix("%").partition("#")
    return f"{document}:{place}" if place else f"{document}::doc"


def _in_parentheses(reference: nodes.reference) -> bool:
    """Return whether the sentence has a parenthesis open where the reference stands."""
    parent = reference.parent
    before = "".join(node.astext() for node in parent.children[: parent.index(reference)])
    return before.count("(") > before.count(")")
