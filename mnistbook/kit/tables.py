"""Tables that read well in HTML and in print."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from mnistbook.kit.numerals import typeset

__all__ = ["Table"]


class Table:
    """A table that shows itself in a notebook: HTML in a browser, LaTeX in the PDF, text elsewhere.

    Parameters
    ----------
    frame
        The numbers. The index is shown as the first column if it has a name.
    formats
        How to write the numbers of a column, such as ``{"loss": "{:.4f}"}``; other values are shown with ``str``. A
        number that is missing (NaN) is a dash. HTML and LaTeX have minus signs and powers of ten for -1.5e-06.
    """

    def __init__(self, frame: pd.DataFrame, formats: Mapping[str, str] | None = None):
        frame = frame.reset_index() if frame.index.name else frame
        self.header = [str(name) for name in frame.columns]
        formats = dict(formats or {})
        self.rows = [
            [self._text(value, formats.get(name, "{}")) for name, value in zip(self.header, row, strict=True)]
            for row in frame.itertuples(index=False)
        ]
        numeric = [pd.api.types.is_numeric_dtype(kind) for kind in frame.dtypes]
        self.align = ["right" if is_numeric else "left" for is_numeric in numeric]

    def __repr__(self) -> str:
        lines = [self.header, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.header))]
        return "\n".join("  ".join(map(self._pad, line, widths, self.align)).rstrip() for line in lines)

    def _repr_html_(self) -> str:
        head = self._html_row(self.header, "th")
        body = "\n".join(self._html_row(row, "td") for row in self.rows)
        return f'<table class="table">\n<thead>\n{head}\n</thead>\n<tbody>\n{body}\n</tbody>\n</table>'

    def _repr_latex_(self) -> str:
        columns = "".join("r" if side == "right" else "l" for side in self.align)
        lines = [" & ".join(map(_escape_latex, row)) + r" \\" for row in (self.header, *self.rows)]
        head = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", lines[0], r"\midrule"]
        return "\n".join([*head, *lines[1:], r"\bottomrule", r"\end{tabular}"])

    @staticmethod
    def _text(value: object, form: str) -> str:
        return "–" if isinstance(value, float) and math.isnan(value) else form.format(value)

    @staticmethod
    def _pad(text: str, width: int, side: str) -> str:
        return text.rjust(width) if side == "right" else text.ljust(width)

    def _html_row(self, row: Sequence[str], tag: str) -> str:
        scope = ' scope="col"' if tag == "th" else ""
        cells = (
            f'<{tag}{scope} style="text-align: {side}">{_escape_html(text)}</{tag}>'
            for text, side in zip(row, self.align, strict=True)
        )
        return "<tr>" + "".join(cells) + "</tr>"


def _escape_html(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return typeset(text, "<sup>{}</sup>".format)


def _escape_latex(text: str) -> str:
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    special |= {mark: "\\" + mark for mark in "&%$#_{}"}
    return typeset("".join(special.get(mark, mark) for mark in text), r"\textsuperscript{{{}}}".format)
