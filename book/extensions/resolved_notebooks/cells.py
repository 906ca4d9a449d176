"""A notebook as it was run, its text replaced by that of the page."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from html import escape

from docutils import nodes
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from resolved_notebooks.markdown import Markdown, folded

LINES_OF_A_CELL = 10_000
"""MyST-NB counts lines so: those of the first cell begin here, those of the second at twice that."""

LEFT_OUT = re.compile(r"application/(pdf|papermill\.record/.*)")
"""Forms of an output that no viewer shows: for print, and numbers that the text holds already."""

FOLDED = {"hide-input", "remove-cell"}
"""Tags of cells whose code the page does not show at first."""


class Page:
    """What stands on a page, by the cell of the notebook it comes from.

    Parameters
    ----------
    tree
        Of the page, with references resolved.
    markdown
        Writes its nodes.
    """

    def __init__(self, tree: nodes.document, markdown: Markdown):
        self.markdown = markdown
        self.texts: dict[int, list[str]] = defaultdict(list)
        self.captions: dict[int, str] = {}
        self.tables: dict[int, str] = {}
        self._here = 0
        self._read(tree, 0)

    def _read(self, parent: nodes.Element, level: int) -> None:
        for node in parent.children:
            if isinstance(node, nodes.section):
                self._read(node, level + 1)
            elif isinstance(node, nodes.title):
                self.text_at(node).append(self.markdown.heading(node, level))
            elif isinstance(node, nodes.container) and "cell_index" in node:
                self._read_outputs(node)
            elif blocks := self.markdown.block(node, one_line=False):
                self.text_at(node).extend(blocks)

    def text_at(self, node: nodes.Node) -> list[str]:
        """Return the blocks of the cell that a node comes from; one without a line, made later, follows the last."""
        line = next((each.line for each in node.findall() if each.line), None)
        if line:
            self._here = line // LINES_OF_A_CELL - 1
        return self.texts[self._here]

    def _read_outputs(self, cell: nodes.container) -> None:
        index = cell["cell_index"]
        for figure in cell.findall(nodes.figure):
            self.captions[index] = self.markdown.caption(figure)
        for table in cell.findall(nodes.table):
            self.tables[index] = "\n\n".join(self.markdown.table(table))


def fill(notebook: NotebookNode, page: Page, opening: str) -> NotebookNode:
    """Put the text of a page into a notebook, and before it an opening line.

    Raises
    ------
    ValueError
        If text of the page belongs to no Markdown cell: it would be lost.
    """
    kinds = [cell.cell_type for cell in notebook.cells]
    if lost := [index for index in page.texts if kinds[index] != "markdown"]:
        raise ValueError(f"text of the page seems to come from cells {lost}, which hold none")
    cells = [new_markdown_cell(opening, id="opening")]
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            cell.source = "\n\n".join(page.texts[index])
            cell.pop("attachments", None)
            cells += [cell] if cell.source else []
            continue
        alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        cell.outputs = [shown(output, alt) for output in cell.outputs if not is_record(output)]
        if index in page.tables:
            (output,) = cell.outputs
            output.data["text/markdown"] = page.tables[index]
            output.data.pop("text/html", None)  # which a viewer would show in its place
        fold(cell)
        cells.append(cell)
        if index in page.captions:
            words = [*folded("The figure in words", [alt])] if alt else []
            cells.append(new_markdown_cell("\n\n".join([page.captions[index], *words]), id=f"{cell.id}-caption"))
    notebook.cells = cells
    return notebook


def is_record(output: NotebookNode) -> bool:
    """Return whether an output holds nothing that a viewer shows."""
    return "data" in output and all(LEFT_OUT.fullmatch(mime) for mime in output.data)


def shown(output: NotebookNode, alt: str) -> NotebookNode:
    """Return an output without what no viewer shows, its picture with a text for those who cannot see it."""
    if "data" not in output:
        return output
    output.data = NotebookNode({mime: data for mime, data in output.data.items() if not LEFT_OUT.fullmatch(mime)})
    for mime in (mime for mime in output.data if alt and mime.startswith("image/")):
        output.metadata[mime] = {**output.metadata.get(mime, {}), "alt": alt}
    if "image/svg+xml" in output.data:
        named = f'role="img" aria-label="{escape(alt)}" ' if alt else ""
        drawn = f'<svg {named}style="max-width: 100%; height: auto" '  # on a telephone it shrinks, as on the page
        output.data["image/svg+xml"] = output.data["image/svg+xml"].replace("<svg ", drawn, 1)
    return output


def fold(cell: NotebookNode) -> None:
    """Let Colab and Jupyter fold away what the page does not show at first either, but for what installs a package."""
    tags = set(cell.metadata.get("tags", ()))
    whole = "hide-cell" in tags and "%pip" not in cell.source
    if whole or FOLDED & tags:
        cell.metadata["cellView"] = "form"
        cell.metadata["jupyter"] = {"source_hidden": True}
    if whole:
        cell.metadata["collapsed"] = True
        cell.metadata["jupyter"]["outputs_hidden"] = True


def lead_to(notebook: NotebookNode, upstream: str, address: str) -> None:
    """Let the first code cell install the package from another address than upstream's: that of a fork."""
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    first.source = first.source.replace(f"git+{upstream}", f"git+{address}")


def opening(facts: Mapping[str, str]) -> str:
    """Return the line that a notebook opens with."""
    return "*The chapter [{title}]({page}) of the report [{report}]({home}), as a notebook; version {version}.*".format(
        **facts
    )
