"""A Sphinx extension: a button "Run in this page" where the cells of a chapter need only packages that Pyodide has.

Nothing is loaded before it is pressed. Then each cell becomes an editor, and a worker beside the page runs them. Python
comes from Pyodide's usual address, or from beside the pages where REPORT_PYODIDE names a folder with the release.

thebe-lite 0.5 is near to this. But it takes Pyodide from its address without comparing it with the release, its kernel
cannot stop a cell that runs, and an output of it loses a figure's number and caption.
"""

import html
import json
import os
from pathlib import Path
from urllib.parse import urlsplit

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from run_in_page.carried import ASSETS, BESIDE, PART, SYMPY, carry
from run_in_page.needs import imported
from run_in_page.release import ReleaseError, with_needed

FOLDER = "REPORT_PYODIDE"
STATIC = "_static/run_in_page"
RUNNER = "IPython"
"""What runs the cells needs it, whatever they need."""

FROM_FILE = (
    "A browser lets a page that was opened as a file load nothing. Type “python -m http.server” in the folder of the "
    "pages, and open the address that it says."
)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("builder-inited", prepare)
    app.connect("html-page-context", offer)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def prepare(app: Sphinx) -> None:
    """Put beside the pages what they load when the button is pressed."""
    if app.builder.name != "html":
        return
    release = os.environ.get(FOLDER)
    try:
        app.run_in_page = carry(Path(app.outdir, STATIC), Path(release) if release else None)
    except ReleaseError as error:
        raise ExtensionError(str(error)) from None


def offer(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None) -> None:
    """Put the button under the title of a page that can run, and the page's cells into a file."""
    if app.builder.name != "html" or doctree is None or not app.env.doc2path(pagename).endswith(".ipynb"):
        return
    page = describe(Path(app.env.doc2path(pagename)), doctree, app.run_in_page, Path(app.confdir))
    if page is None:
        return
    name = Path(pagename).name
    Path(app.outdir, STATIC, f"{name}.json").write_text(json.dumps(page), encoding="utf-8")
    values = {
        "name": name,
        "folder": context["pathto"](STATIC, 1),
        "offer": words(page, app.run_in_page),
        "file": FROM_FILE,
    }
    attributes = " ".join(f'data-{key}="{html.escape(value)}"' for key, value in values.items())
    script = (ASSETS / "button.js").read_text(encoding="utf-8")
    button = f'<div class="run-in-page" {attributes}></div>\n<script>\n{script}</script>'
    context["body"] = context["body"].replace("</h1>", f"</h1>\n{button}", 1)


def describe(notebook: Path, doctree: nodes.document, site: dict, root: Path) -> dict | None:
    """Return the cells of a page and what they need; None if that cannot be had in a page."""
    cells = enumerate(json.loads(notebook.read_text(encoding="utf-8"))["cells"])
    code = {index: "".join(cell["source"]) for index, cell in cells if cell["cell_type"] == "code"}
    lock = site["lock"]
    packages = {name: package for package, entry in lock["packages"].items() for name in entry["imports"]}
    names = imported(list(code.values()), root) | {RUNNER}
    if not names <= {*packages, *SYMPY}:
        return None
    shown = {node["cell_index"] for node in doctree.findall(nodes.container) if node.get("nb_element") == "cell_code"}
    return {
        "cells": [{"source": text, "shown": index in shown} for index, text in code.items()],
        "packages": with_needed({packages[name] for name in names.difference(SYMPY)}, lock),
        "archives": [site["wheel"], *([site["sympy"]] if names.intersection(SYMPY) else [])],
        "digits": any("load_mnist" in text for text in code.values()),
    }


def words(page: dict, site: dict) -> str:
    """Return what the button does, and how much it loads from where."""
    packages = [site["lock"]["packages"][each]["file_name"] for each in page["packages"]]
    names = [*site["interpreter"], *packages, *page["archives"], *([PART] if page["digits"] else [])]
    size = sum((site["own"].get(name) or site["files"][name])["size"] for name in names)
    source = "this site" if site["address"] == BESIDE else f"this site and {urlsplit(site['address']).netloc}"
    return f"It makes every cell of this page an editor, and loads Python from {source}: {size / 1e6:.0f} MB, once."
