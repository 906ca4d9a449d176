"""The map of the report: every part with its chapters and their questions, and two roads through it."""

from __future__ import annotations

from functools import lru_cache

import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from report_book.chapters import ROOT, chapter, contents, listed_chapters
from report_book.exercises import parsed

ROADS = ROOT / "book" / "roads.yml"


def setup(app: Sphinx) -> None:
    """Register the directives."""
    app.add_directive("roads", Roads)
    app.add_directive("map-of-the-report", Map)


@lru_cache
def roads() -> dict[str, dict]:
    """Return the roads, by name: for whom each is, and its stations."""
    return yaml.safe_load(ROADS.read_text(encoding="utf-8"))


class Roads(SphinxDirective):
    """Show a card for each road, with its stations in their order."""

    def run(self) -> list[nodes.Node]:
        """Return the cards."""
        listed = {each.name for each in listed_chapters()}
        lines = ["``````{grid} 1 1 2 2", ":gutter: 3", ""]
        for name, road in roads().items():
            lines += [f"`````{{grid-item-card}} {name}", ":class-card: road", "", road["for"], ""]
            stations = [station for station in road["stations"] if station["chapter"] in listed]
            lines += [f"- {chapter(station['chapter']).link} – {station['why']}" for station in stations]
            lines += ["`````", ""]
        return parsed(self, [*lines, "``````"])


class Map(SphinxDirective):
    """Show a card for each part of the contents that has chapters, with the questions that these answer."""

    def run(self) -> list[nodes.Node]:
        """Return the cards."""
        listed = {each.name: each for each in listed_chapters()}
        lines = ["``````{grid} 1 1 2 2", ":gutter: 3", ""]
        for part in contents()["parts"]:
            chapters = [listed[entry["file"]] for entry in part["chapters"] if entry["file"] in listed]
            if not chapters:
                continue
            lines += [f"`````{{grid-item-card}} {part['caption']}", ":class-card: part", ""]
            for each in chapters:
                marks = "".join(f" {{bdg-light}}`{name}`" for name in roads_through(each.name))
                lines += [f"{each.link}{marks}", "", f": {each.question or 'A page of reference.'}", ""]
            lines += ["`````", ""]
        return parsed(self, [*lines, "``````"])


def roads_through(name: str) -> list[str]:
    """Return the short names of the roads that pass a chapter."""
    return [road["mark"] for road in roads().values() if any(each["chapter"] == name for each in road["stations"])]
