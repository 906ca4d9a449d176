"""The page of the notation: every symbol with its meaning, its shape, and where it is introduced."""

from __future__ import annotations

import re
from functools import lru_cache

import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from report_book.chapters import ROOT, listed_chapters
from report_book.exercises import parsed

SYMBOLS = ROOT / "book" / "notation.yml"

# What is no symbol: names of functions and units written as words, and what only lays out a formula.
WORDS = re.compile(
    r"\\(?:text|textit|operatorname|mathrm|mathbf|begin|end|label)\*?\{[^{}]*\}|\\(?:lVert|rVert|lvert|rvert)"
)
COMMAND = re.compile(r"\\[A-Za-z]+")
GREEK = re.compile(
    r"\\(?:var)?(?:alpha|beta|gamma|delta|epsilon|zeta|eta|theta|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|phi|chi|psi|omega"
    r"|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Phi|Psi|Omega|ell|odot|nabla)(?![A-Za-z])"
)


def setup(app: Sphinx) -> None:
    """Register the directive."""
    app.add_directive("notation", Notation)


@lru_cache
def groups() -> dict[str, list[dict[str, str]]]:
    """Return the rows of each group of symbols, by the group's name."""
    return yaml.safe_load(SYMBOLS.read_text(encoding="utf-8"))


class Notation(SphinxDirective):
    """Show the table of one group of symbols, without those of chapters that are not in the report."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        self.env.note_dependency(str(SYMBOLS))
        group = self.arguments[0]
        if group not in groups():
            raise self.error(f"notation.yml has no group {group!r}, only {', '.join(groups())}")
        rows = [row for row in groups()[group] if in_report(row["where"])]
        if not rows:
            return []
        lines = ["````{list-table}", ":header-rows: 1", ":widths: 18 46 18 18", ":class: notation", ""]
        lines += ["* - symbol", "  - meaning", "  - shape", "  - introduced"]
        for row in rows:
            lines += [f"* - ${row['symbol']}$", f"  - {row['meaning']}"]
            lines += [f"  - {row.get('shape', 'number')}", f"  - {reference(row['where'])}"]
        return parsed(self, [*lines, "````"])


def in_report(where: str) -> bool:
    """Whether a label stands in a chapter of the report."""
    return any(where == each.label or where in each.equations for each in listed_chapters())


def reference(where: str) -> str:
    """Return a link to where a symbol is introduced, in MyST: to an equation, or to a chapter."""
    return f"{{eq}}`{where}`" if where.startswith("eq-") else f"{{ref}}`{where}`"


def letters(tex: str) -> set[str]:
    """Return the letters, Latin and Greek, that a formula uses as symbols."""
    tex = WORDS.sub(" ", tex)
    return set(GREEK.findall(tex)) | set(re.findall(r"[A-Za-z]", COMMAND.sub(" ", tex)))
