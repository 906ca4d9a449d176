"""Figures that the reader can work with in a page, and that stand in print as a drawing."""

from __future__ import annotations

import hashlib
import html
import json
from abc import ABC, abstractmethod
from importlib.resources import files
from io import BytesIO

from matplotlib.figure import Figure

__all__ = ["InPage", "as_json", "asset", "scripted"]

ELEMENT = "element.js"
"""The script that makes elements of a page, which those of all these figures use."""


class InPage(ABC):
    """What a notebook shows as the HTML of a page, and the PDF as a drawing.

    A subclass defines ``_repr_html_``, :meth:`figure`, and ``__repr__`` for where there is neither.
    """

    @abstractmethod
    def figure(self) -> Figure:
        """Return the drawing."""

    @abstractmethod
    def _repr_html_(self) -> str: ...

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str | bytes]:
        drawing = BytesIO()
        self.figure().savefig(drawing, format="pdf", metadata={"CreationDate": None})
        return {"text/html": self._repr_html_(), "application/pdf": drawing.getvalue(), "text/plain": repr(self)}


def scripted(package: str, name: str, start: dict[str, object], label: str) -> str:
    """Return the HTML of a figure: its style, and its script, which is handed where it stands and what it starts with.

    Parameters
    ----------
    package
        Whose folder ``assets`` holds ``NAME.css`` and ``NAME.js``.
    name
        Of the two files, of the script's function ``NAME(root, start)``, and of the class ``mnistlab-NAME``.
    start
        Plain values.
    label
        What the figure is called for those who cannot see it.
    """
    values = as_json(start)
    root = f"mnistlab-{name}-{hashlib.sha256((label + values).encode()).hexdigest()[:8]}"
    code = asset(__package__, ELEMENT) + asset(package, f"{name}.js")
    return (
        f"<style>\n{asset(package, f'{name}.css')}</style>\n"
        f'<div class="mnistlab-{name}" id="{root}" role="group" aria-label="{html.escape(label)}">'
        "<noscript>This figure needs JavaScript.</noscript></div>\n"
        # Names live inside the function: a page may have several such figures.
        f'<script>\n(() => {{\n{code}{name}(document.getElementById("{root}"), {values});\n}})();\n</script>'
    )


def as_json(values: object) -> str:
    """Return plain values as text that may stand inside a script, which ``</`` would end."""
    return json.dumps(values).replace("</", r"<\/")


def asset(package: str, name: str) -> str:
    """Return the text of a file in a package's folder ``assets``."""
    return files(package).joinpath("assets", name).read_text(encoding="utf-8")
