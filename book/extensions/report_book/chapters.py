"""What the chapters say of themselves: read from the contents and the notebooks."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]

LABEL = re.compile(r"^\(([\w-]+)\)=\n# ", re.MULTILINE)
QUESTION = re.compile(r"\*\*(.+?\?)\*\*", re.DOTALL)
EQUATION = re.compile(r"^```\{math\}\n:label: (eq-[\w-]+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXERCISE = re.compile(r"^`{3,}\{exercise(?:-start)?\} *(.*)\n:label: ([\w-]+)", re.MULTILINE)


APPENDIX = 90
"""Notebooks from this number on are not chapters with a number."""


@dataclass(frozen=True)
class Chapter:
    """A notebook of the report.

    Parameters
    ----------
    name
        As the contents name it: its path without the ending.
    root
        Folder that the path begins in.
    """

    name: str
    root: Path = ROOT

    @property
    def number(self) -> int | None:
        """Its number in the report, with which its name begins; None in the appendix."""
        number = int(self.name.rpartition("/")[2].partition("_")[0])
        return number if number < APPENDIX else None

    @property
    def link(self) -> str:
        """A link to it, in MyST, with its number if it has one."""
        number = "" if self.number is None else f"**{self.number}** "
        return f"{number}{{ref}}`{self.label}`"

    @cached_property
    def cells(self) -> list[tuple[str, str]]:
        """Kind and text of each cell."""
        notebook = json.loads((self.root / f"{self.name}.ipynb").read_text(encoding="utf-8"))
        return [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]

    @cached_property
    def prose(self) -> str:
        """Text of all Markdown cells."""
        return "\n\n".join(text for kind, text in self.cells if kind == "markdown")

    @cached_property
    def label(self) -> str:
        """Label before the title, for references."""
        match = LABEL.search(self.prose)
        if match is None:
            raise ValueError(f"{self.name} has no label before its title: write (ch-…)= there")
        return match[1]

    @cached_property
    def question(self) -> str:
        """The question that the chapter opens with, in MyST; empty where there is none."""
        match = QUESTION.search(self.prose)
        return " ".join(match[1].split()) if match else ""

    @cached_property
    def equations(self) -> dict[str, str]:
        """TeX of each labelled equation."""
        return dict(EQUATION.findall(self.prose))

    @cached_property
    def exercises(self) -> dict[str, str]:
        """Title of each exercise, by label, in their order."""
        return {label: title for title, label in EXERCISE.findall(self.prose)}


@lru_cache
def contents() -> dict:
    """Return what _toc.yml holds."""
    return yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))


@lru_cache
def chapter(name: str) -> Chapter:
    """Return the chapter of that name, read once."""
    return Chapter(name)


@lru_cache
def listed_chapters() -> tuple[Chapter, ...]:
    """Return the notebooks of the contents, in their order."""
    names = [entry["file"] for part in contents()["parts"] for entry in part["chapters"]]
    return tuple(chapter(name) for name in names if (ROOT / f"{name}.ipynb").is_file())


def all_chapters() -> tuple[Chapter, ...]:
    """Return every notebook there is, also those that the contents do not list."""
    return tuple(chapter(f"notebooks/{path.stem}") for path in sorted((ROOT / "notebooks").glob("*.ipynb")))
