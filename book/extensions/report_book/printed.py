"""What pages and print have of each other: the PDF beside the pages, and the reference on the pages only."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

OFFERED = "REPORT_PDF"
"""The variable that names the PDF, set where there is one of this very state of the report."""

PDF = "report.pdf"
ON_SCREEN_ONLY = "book/api/"


def setup(app: Sphinx) -> None:
    """Register what is done to pages and to print."""
    app.connect("doctree-read", leave_out_reference, priority=800)
    app.connect("html-page-context", offer_pdf, priority=950)
    app.connect("build-finished", copy_pdf)


def leave_out_reference(app: Sphinx, doctree: nodes.document) -> None:
    """Leave the reference out of print: some seventy leaves that one does not read, but looks up."""
    if app.builder.format != "latex":
        return
    if app.env.docname.startswith(ON_SCREEN_ONLY):
        app.env.metadata[app.env.docname]["orphan"] = "in no table of contents"
    for toctree in list(doctree.findall(addnodes.toctree)):
        toctree["entries"] = [entry for entry in toctree["entries"] if not entry[1].startswith(ON_SCREEN_ONLY)]
        toctree["includefiles"] = [name for name in toctree["includefiles"] if not name.startswith(ON_SCREEN_ONLY)]
        if not toctree["entries"]:
            toctree.parent.remove(toctree)


def offer_pdf(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: object) -> None:
    """Put the PDF of the report, if there is one, among a page's downloads; say what the theme's own buttons give."""
    for group in context.get("header_buttons", ()):
        if group.get("label") != "download-buttons":
            continue
        for button in group["buttons"]:
            if button["label"] == "download-pdf-button":
                button |= {"text": "Print this page", "icon": "fas fa-print"}
            elif button["label"] == "download-source-button":
                runs = button["url"].endswith(".ipynb")
                button["text"] = f"This page {'as a notebook' if runs else 'as Markdown'}"
                if runs:  # the one beside the page, which any viewer can show
                    button["url"] = context["pathto"](f"{pagename}.ipynb", 1)
        if os.environ.get(OFFERED):
            report = {
                "type": "link",
                "url": context["pathto"](PDF, 1),
                "text": "The whole report as PDF",
                "tooltip": "Download the report",
                "icon": "fas fa-file-pdf",
                "label": "download-report-button",
            }
            group["buttons"].insert(0, report)


def copy_pdf(app: Sphinx, error: Exception | None) -> None:
    """Copy the PDF to where the pages offer it."""
    source = os.environ.get(OFFERED)
    if error is None and app.builder.format == "html" and source:
        shutil.copyfile(source, Path(app.outdir) / PDF)
