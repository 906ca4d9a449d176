"""The name of a network stays on one line, and in the pages a formula does with the punctuation beside it.

Lines may end at hyphens, and browsers take a formula in the text for a picture, before and after which one may end.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

from report_book.numerals import AS_IT_IS

BEFORE, AFTER = re.compile(r"[(\[“]+$"), re.compile(r"^[.,;:!?)\]”’-]+")
"""What must not end a line, and what must not begin one."""

NETWORK = re.compile(r"(?<![\w-])(\d+(?:-\d+){2,})(?![\w-])")
"""Sizes of layers, as in 784-300-10."""


def setup(app: Sphinx) -> None:
    """Register the transforms."""
    app.add_post_transform(KeepFormulas)
    app.add_post_transform(KeepNetworks)


class KeepFormulas(SphinxPostTransform):
    """Put formulas with their punctuation into elements of the class ``unbroken``, which the style sheet knows."""

    default_priority = 900
    formats = ("html",)

    def run(self) -> None:
        """Put them there."""
        for formula in list(self.document.findall(nodes.math)):
            before, after = _cut(formula, -1, BEFORE), _cut(formula, 1, AFTER)
            if before or after:
                parent, place = formula.parent, formula.parent.index(formula)
                parent[place] = _unbroken(nodes.Text(before), formula, nodes.Text(after))


class KeepNetworks(SphinxPostTransform):
    """Put names of networks into elements of the class ``unbroken``, which the style sheets of both kinds know."""

    default_priority = 900
    formats = ("html", "latex")

    def run(self) -> None:
        """Put them there."""
        for text in list(self.document.findall(nodes.Text)):
            if NETWORK.search(text) and not isinstance(text.parent, AS_IT_IS):
                parts = [nodes.Text(part) for part in NETWORK.split(text)]
                parts[1::2] = [_unbroken(part) for part in parts[1::2]]
                text.parent.replace(text, parts)


def _unbroken(*parts: nodes.Node) -> nodes.inline:
    return nodes.inline("", "", *parts, classes=["unbroken"])


def _cut(formula: nodes.math, step: int, pattern: re.Pattern) -> str:
    """Take what matches off the text right before or after a formula, if there is one, and return it."""
    parent, place = formula.parent, formula.parent.index(formula) + step
    text = parent[place] if 0 <= place < len(parent) else None
    found = isinstance(text, nodes.Text) and pattern.search(text)
    if not found:
        return ""
    parent[place] = nodes.Text(text[: found.start()] + text[found.end() :])
    return found.group()
