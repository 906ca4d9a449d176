"""A Sphinx extension: the chapters as notebooks in which nothing but plain Markdown and TeX is left.

Colab, GitHub and other viewers of notebooks know neither directives nor roles. ``jupyter-book build . --builder custom
--custom-builder notebooks`` writes, from the tree of each page with all references resolved, what they can show.
"""

from sphinx.application import Sphinx
from sphinx.config import Config

from resolved_notebooks.builder import NotebookBuilder

SHOWN = ("text/markdown", "text/plain")
"""The forms of an output that this builder asks MyST-NB for; the others it takes from the run."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the builder."""
    app.add_builder(NotebookBuilder)
    app.connect("config-inited", choose_forms)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def choose_forms(app: Sphinx, config: Config) -> None:
    """Tell MyST-NB which form of an output this builder takes."""
    chosen = [(NotebookBuilder.name, mime, place) for place, mime in enumerate(SHOWN)]
    config.nb_mime_priority_overrides = [*config.nb_mime_priority_overrides, *chosen]
