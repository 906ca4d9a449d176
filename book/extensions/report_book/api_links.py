"""From the chapters to the reference: the first use of a public name on a page, in its code and in its prose.

Kept by hand: sphinx-codeautolink makes a link of every use, in code only, and has no links back that fit into a
docstring.
"""

from __future__ import annotations

import html
import re

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

from report_book.ancestors import is_within
from report_book.chapters import listed_chapters
from report_book.public import PublicName, public_names, uses

OBJECT = re.compile(r"(?:ml\.)?([A-Za-z_]\w*)(?:\(.*\))?")
LINK_OR_TITLE = (nodes.reference, nodes.title, pending_xref)
DOT = r'<span class="o">\.</span>'


def setup(app: Sphinx) -> None:
    """Register what makes the links."""
    app.add_transform(LinkProse)
    app.connect("html-page-context", link_code)


class LinkProse(SphinxTransform):
    """Make a link of the first mention of each public name in the prose of a page."""

    default_priority = 700

    def apply(self) -> None:
        """Link them; not in print, which has no reference."""
        if self.app.builder.format == "latex" or self.env.docname.startswith("book/api/"):
            return
        known, linked = top_level(), set()
        for literal in list(self.document.findall(nodes.literal)):
            match = OBJECT.fullmatch(literal.astext())
            if not match or match[1] in linked or match[1] not in known or is_within(literal, LINK_OR_TITLE):
                continue
            linked.add(match[1])
            link = pending_xref(
                "",
                refdomain="py",
                reftype="obj",
                reftarget=known[match[1]].name,
                refexplicit=True,
                refwarn=True,
                refdoc=self.env.docname,
            )
            literal.replace_self(link)
            link += literal


def top_level() -> dict[str, PublicName]:
    """Return the names of ``mnistlab`` itself; a word in another subpackage may mean something else in a sentence."""
    return {each.short: each for each in public_names().values() if each.name.count(".") == 1}


def link_code(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: object) -> None:
    """Make a link of the first use of each public name in the code of a chapter."""
    chapter = next((each for each in listed_chapters() if each.name == pagename), None)
    if chapter is None or "body" not in context:
        return
    objects = app.env.get_domain("py").objects
    for written, known in uses(chapter):
        if known.name in objects:
            entry = objects[known.name]
            target = f"{app.builder.get_relative_uri(pagename, entry.docname)}#{entry.node_id}"
            context["body"] = link_first(context["body"], written, target, known.name)


def link_first(body: str, written: str, target: str, name: str) -> str:
    """Return HTML in which the first highlighted ``written`` is a link."""
    *before, last = written.split(".")
    start = "".join(rf'<span class="\w+">{part}</span>{DOT}' for part in before) or rf"(?<!{DOT})"
    word = re.compile(rf'({start}<span class="(?:n|nc|nf)">){last}(</span>)')
    link = f'<a class="api-link" href="{target}" title="{html.escape(name)}">{last}</a>'
    return word.sub(rf"\g<1>{link}\g<2>", body, count=1)
