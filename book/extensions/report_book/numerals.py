"""Numbers glued into the text, set as print has them: minus signs, and powers of ten with raised exponents."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

from mnistlab.experiments.numerals import typeset

GLUED = "pasted-text"
"""The class that MyST-NB gives to what it pastes into a line."""

RAISED = "\N{START OF HEADING}{}\N{START OF TEXT}"
"""Marks of an exponent, which no text contains."""


def setup(app: Sphinx) -> None:
    """Register the transform."""
    app.add_post_transform(SetNumerals)


class SetNumerals(SphinxPostTransform):
    """Set the numbers of glued text."""

    default_priority = 6  # right after MyST-NB has pasted what comes from other pages

    def run(self) -> None:
        """Set them."""
        for inline in list(self.document.findall(nodes.inline)):
            if GLUED in inline["classes"]:
                made = numerals(inline.astext())
                inline.children = []
                inline += made


def numerals(text: str) -> list[nodes.Node]:
    """Return a text as nodes, with its exponents raised."""
    parts = re.split("[\1\2]", typeset(text, RAISED.format))
    made = [nodes.superscript(part, part) if place % 2 else nodes.Text(part) for place, part in enumerate(parts)]
    return [node for node in made if node.astext()]
