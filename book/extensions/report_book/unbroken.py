"""In the pages, a formula and the punctuation beside it stay on one line.

Browsers take a formula in the text for a picture, before and after which a line may end.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

BEFORE, AFTER = re.compile(r"[(\[“]+$"), re.compile(r"^[.,;:!?)\]”’-]+")
"""What must not end a line, and what must not begin one."""


def setup(app: Sphinx) -> None:
    """Register the transform."""
    app.add_post_transform(KeepPunctuation)


class KeepPunctuation(SphinxPostTransform):
    """Put formulas and their punctuation into an element of the class ``unbroken``, which the style sheet knows."""

    default_priority = 900
    formats = ("html",)

    def run(self) -> None:
        """Put them there."""
        for formula in list(self.document.findall(nodes.math)):
            before, after = _cut(_beside(formula, -1), BEFORE), _cut(_beside(formula, 1), AFTER)
            if before or after:
                whole = nodes.inline("", "", classes=["unbroken"])
                formula.parent.replace(formula, whole)
                whole += [nodes.Text(before), formula, nodes.Text(after)]


def _beside(node: nodes.Element, step: int) -> nodes.Text | None:
    """Return the text right before or after a node, if it is one."""
    place = node.parent.index(node) + step
    if not 0 <= place < len(node.parent):
        return None
    return node.parent[place] if isinstance(node.parent[place], nodes.Text) else None


def _cut(text: nodes.Text | None, pattern: re.Pattern) -> str:
    """Take what matches off the text in its place, and return it."""
    found = text is not None and pattern.search(text)
    if not found:
        return ""
    rest = text[: found.start()] + text[found.end() :]
    parent, place = text.parent, next(i for i, each in enumerate(text.parent) if each is text)
    parent[place] = nodes.Text(rest)
    return found.group()
