"""The page that lists all exercises, by difficulty and by chapter."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from report_book.chapters import ROOT, Chapter, listed_chapters

GRADES = ROOT / "book" / "exercises.yml"
LEVELS = {1: "Easy", 2: "Middling", 3: "Hard"}
UNGRADED = "Not graded yet"


def setup(app: Sphinx) -> None:
    """Register the directives."""
    app.add_directive("exercises-by-chapter", ByChapter)
    app.add_directive("exercises-by-difficulty", ByDifficulty)


@lru_cache
def grades(path: Path = GRADES) -> dict[str, dict[str, int]]:
    """Return how hard each exercise is: for each chapter the grades of its exercises, by label.

    Raises
    ------
    ValueError
        If a grade is not one of the levels.
    """
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    wrong = {label: grade for graded in found.values() for label, grade in graded.items() if grade not in LEVELS}
    if wrong:
        raise ValueError(f"{path.name}: a grade must be one of {list(LEVELS)}, not {wrong}")
    return found


class ByChapter(SphinxDirective):
    """List the exercises of each chapter, with their difficulty."""

    def run(self) -> list[nodes.Node]:
        """Return a list for each chapter."""
        lines = []
        for chapter in listed_chapters():
            if chapter.exercises:
                lines += ["", f"{{ref}}`{chapter.label}`", ""]
                lines += [f"- {line(chapter, label)} ({level(chapter, label).lower()})" for label in chapter.exercises]
        return parsed(self, lines)


class ByDifficulty(SphinxDirective):
    """List the exercises of one level, with their chapters."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the list."""
        wanted = self.arguments[0].capitalize()
        if wanted not in LEVELS.values():
            raise self.error(f"there is no difficulty {wanted!r}, only {', '.join(LEVELS.values())}")
        return parsed(
            self, [f"- {line(chapter, label)} ({{ref}}`{chapter.label}`)" for chapter, label in at_level(wanted)]
        )


def at_level(name: str) -> list[tuple[Chapter, str]]:
    """Return chapter and label of the exercises of one level."""
    chapters = listed_chapters()
    return [(each, label) for each in chapters for label in each.exercises if level(each, label) == name]


def level(chapter: Chapter, label: str) -> str:
    """Return the name of an exercise's level."""
    return LEVELS.get(grades().get(chapter.name, {}).get(label, 0), UNGRADED)


def line(chapter: Chapter, label: str) -> str:
    """Return a link to an exercise, and its title, in MyST."""
    return f"{{ref}}`{label}`: {chapter.exercises[label]}"


def parsed(directive: SphinxDirective, lines: list[str]) -> list[nodes.Node]:
    """Return what MyST makes of lines that a directive wrote."""
    box = nodes.container()
    directive.state.nested_parse(StringList(lines, source=directive.env.docname), directive.content_offset, box)
    return box.children
