"""How to cite the report: CITATION.cff, shown as BibTeX."""

from __future__ import annotations

import re
from collections.abc import Mapping

import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from report_book.chapters import ROOT

CFF = ROOT / "CITATION.cff"


def setup(app: Sphinx) -> None:
    """Register the directive."""
    app.add_directive("citation", Citation)


class Citation(SphinxDirective):
    """Show the BibTeX entry, with a button that copies it."""

    def run(self) -> list[nodes.Node]:
        """Return the entry as a block of code."""
        self.env.note_dependency(str(CFF))
        text = bibtex(yaml.safe_load(CFF.read_text(encoding="utf-8")))
        return [nodes.literal_block(text, text, language="bibtex")]


def bibtex(cff: Mapping) -> str:
    """Return the BibTeX entry of what a CITATION.cff holds."""
    released = str(cff["date-released"])
    fields = {
        "author": " and ".join(map(_author, cff["authors"])),
        "title": f"{{{cff['title']}}}",
        "year": released[:4],
        "month": released[5:7].lstrip("0"),
        "version": str(cff["version"]),
        "url": cff["repository-code"],
        "note": f"License: {cff['license']}",
    }
    key = re.match(r"\w+", cff["title"])[0].lower() + fields["year"]
    width = max(map(len, fields))
    lines = [f"  {name:{width}} = {{{value}}}," for name, value in fields.items()]
    return "\n".join([f"@software{{{key},", *lines, "}"])


def _author(author: Mapping) -> str:
    """Return a name; braces keep that of a group in one piece."""
    if "name" in author:
        return f"{{{author['name']}}}"
    return f"{author['family-names']}, {author['given-names']}"
