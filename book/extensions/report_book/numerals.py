"""Numbers in the text, set as print has them: minus signs, raised exponents, no line's end before a unit."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

from mnistbook.kit.numerals import typeset

NO_BREAK = "\N{NO-BREAK SPACE}"

GLUED = "pasted-text"
"""The class that MyST-NB gives to what it pastes into a line."""

UNIT = re.compile(r" (?=[%±])|(?<=±) (?=\d|$)")
"""The space before a sign that must not begin a line, and that between ± and its number."""

AS_IT_IS = (nodes.FixedTextElement, nodes.literal, nodes.math, nodes.raw)
"""Parents of text that is no prose."""

RAISED = "\N{START OF HEADING}{}\N{START OF TEXT}"
"""Marks of an exponent, which no text contains."""


def setup(app: Sphinx) -> None:
    """Register the transform."""
    app.add_post_transform(SetNumerals)


class SetNumerals(SphinxPostTransform):
    """Set the numbers of glued text, and keep signs with their numbers."""

    default_priority = 6  # right after MyST-NB has pasted what comes from other pages

    def run(self) -> None:
        """Set them."""
        for inline in list(self.document.findall(nodes.inline)):
            if GLUED in inline["classes"]:
                made = numerals(inline.astext())
                inline.children = []
                inline += made
        for text in list(self.document.findall(nodes.Text)):
            if UNIT.search(text) and not isinstance(text.parent, AS_IT_IS):
                text.parent.replace(text, nodes.Text(UNIT.sub(NO_BREAK, text)))


def numerals(text: str) -> list[nodes.Node]:
    """Return a text as nodes, with its exponents raised."""
    parts = re.split("[\1\2]", typeset(text, RAISED.format))
    made = [nodes.superscript(part, part) if place % 2 else nodes.Text(part) for place, part in enumerate(parts)]
    return [node for node in made if node.astext()]
