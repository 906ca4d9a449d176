"""Terms: where a chapter first sets one in italics, it links to the glossary and stands in the index."""

from __future__ import annotations

import re
from functools import lru_cache

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

from report_book.ancestors import is_within
from report_book.chapters import ROOT

PAGE = "book/glossary"
NO_RUNNING_TEXT = (nodes.reference, nodes.title, nodes.rubric, addnodes.pending_xref)


def setup(app: Sphinx) -> None:
    """Register the transform."""
    app.add_transform(LinkTerms)


class LinkTerms(SphinxTransform):
    """Link the first emphasis of each term in a chapter to its definition, and put the place into the index.

    Chapters set a term in italics where they introduce it, so nobody has to keep these links.
    """

    default_priority = 700  # before the domains, of which one collects the entries of the index, look at the page

    def apply(self) -> None:
        """Link them."""
        if not self.env.docname.startswith("notebooks/"):
            return
        seen = set()
        for emphasis in list(self.document.findall(nodes.emphasis)):
            term = known_term(emphasis.astext())
            if term is None or term in seen or is_within(emphasis, NO_RUNNING_TEXT):
                continue
            seen.add(term)
            target = nodes.make_id(f"term-here-{term}")
            link = addnodes.pending_xref(
                "",
                refdomain="std",
                reftype="term",
                reftarget=term,
                refexplicit=True,
                refwarn=True,
                refdoc=self.env.docname,
            )
            entry = addnodes.index(entries=[("single", term, target, "", None)])
            emphasis.replace_self([entry, nodes.target("", "", ids=[target]), link])
            link += nodes.inline("", "", emphasis, classes=["xref", "std", "std-term"])


def known_term(text: str) -> str | None:
    """Return the term of the glossary that a text is, with whatever capitals, in singular or plural."""
    text = " ".join(text.lower().split()).rstrip(".")
    return next((terms()[each] for each in (text, text.removesuffix("s"), f"{text}s") if each in terms()), None)


@lru_cache
def terms() -> dict[str, str]:
    """Return the terms of the glossary as its page writes them, by the same in small letters."""
    text = (ROOT / f"{PAGE}.md").read_text(encoding="utf-8")
    (body,) = re.findall(r"^`{3,}\{glossary\}\n(?::\w+:.*\n)*(.*?)^`{3,}$", text, re.MULTILINE | re.DOTALL)
    written = [line.strip() for line in body.splitlines() if line.strip() and not line[0].isspace()]
    return {term.lower(): term for term in written}
