"""Entries of a bibliography are items of a list.

docutils gives them the role doc-biblioentry, which was withdrawn: what reads a page aloud finds a list without items.
"""

from __future__ import annotations

from sphinx.application import Sphinx


def setup(app: Sphinx) -> None:
    """Register what is done to pages."""
    app.connect("html-page-context", make_items)


def make_items(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: object) -> None:
    """Say what an entry is."""
    if "body" in context:
        context["body"] = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')
