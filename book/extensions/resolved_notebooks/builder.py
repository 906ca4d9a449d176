"""The builder: for each chapter, a notebook made from its page and from its run."""

from __future__ import annotations

import os
import re
import shutil
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import repository
from docutils import nodes
from jupyter_cache import get_cache
from nbformat import NotebookNode
from pybtex.database import Entry
from sphinx.builders import Builder
from sphinx.environment import BuildEnvironment
from sphinxcontrib.bibtex.domain import BibtexDomain

from resolved_notebooks.cells import Page, fill, lead_to, opening
from resolved_notebooks.markdown import Markdown

PROJECT = tomllib.loads((repository.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


class NotebookBuilder(Builder):
    """Write the chapters as notebooks of plain Markdown and TeX."""

    name = "notebooks"
    format = "notebooks"
    epilog = "The notebooks are in %(outdir)s."
    supported_image_types = ("image/svg+xml", "image/png", "application/pdf")
    allow_parallel = True

    def init(self) -> None:
        """Find out where the report is published."""
        self.address = repository.address()
        self.home = repository.pages(self.address)

    def get_outdated_docs(self) -> Iterator[str]:
        """Return all chapters: they are few, and each may refer to each."""
        return (name for name in sorted(self.env.found_docs) if is_chapter(self.env, name))

    def get_target_uri(self, docname: str, typ: str | None = None) -> str:
        """Return the address of a published page."""
        return f"{self.home}/{docname}.html"

    def get_relative_uri(self, from_: str, to: str, typ: str | None = None) -> str:
        """Return the same: a notebook is opened far from the pages."""
        return self.get_target_uri(to)

    def prepare_writing(self, docnames: set[str]) -> None:
        """Gather what all chapters need."""
        self.cited = cited(self.env.get_domain("cite"))

    def write_doc(self, docname: str, doctree: nodes.document) -> None:
        """Write one notebook; of the other pages, which Sphinx hands over where it has read them anew, nothing."""
        if not is_chapter(self.env, docname):
            return
        page = self.get_target_uri(docname)
        sections = self.env.toc_secnumbers.get(docname, {})
        markdown = Markdown(page, self.env.toc_fignumbers.get(docname, {}), sections, self.cited)
        facts = {
            "title": self.env.titles[docname].astext(),
            "page": page,
            "report": self.config.html_title or self.config.project,
            "home": self.home,
            "version": f"{PROJECT['version']} of {day()}",
        }
        notebook = fill(executed(self.env, docname), Page(doctree, markdown), opening(facts))
        lead_to(notebook, repository.upstream(), self.address)
        path = Path(self.outdir, f"{docname.rpartition('/')[2]}.ipynb")
        path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")

    def finish(self) -> None:
        """Put beside them what Binder makes its image from."""
        outdir = Path(self.outdir)
        shutil.copyfile(repository.ROOT / "constraints.txt", outdir / "constraints.txt")
        package = f"{PROJECT['name']}[interop,notebooks] @ git+{self.address}"
        (outdir / "requirements.txt").write_text(f"--constraint constraints.txt\n{package}\n", encoding="utf-8")
        (outdir / "runtime.txt").write_text("python-3.12\n", encoding="utf-8")
        about = f"The chapters of [the report]({self.home}) as notebooks, made by `make report` in [{self.address}]"
        (outdir / "README.md").write_text(f"{about}({self.address}). Do not edit them here.\n", encoding="utf-8")


def is_chapter(env: BuildEnvironment, docname: str) -> bool:
    """Return whether a page is made of a notebook."""
    return env.doc2path(docname).endswith(".ipynb")


def executed(env: BuildEnvironment, docname: str) -> NotebookNode:
    """Return the notebook of a chapter with the outputs of its run, where there was one, else with those it holds."""
    notebook = nbformat.read(env.doc2path(docname), as_version=4)
    folder = env.mystnb_config.execution_cache_path or Path(env.app.outdir).parent / ".jupyter_cache"
    if not Path(folder).is_dir():
        return notebook
    try:
        return get_cache(folder).merge_match_into_notebook(notebook)[1]
    except KeyError:
        return notebook


def cited(domain: BibtexDomain) -> dict[str, str]:
    """Return how the text names each work, by the identifier of its entry."""
    return {each.citation_id: name_of(each.entry) for each in domain.citations}


def name_of(entry: Entry) -> str:
    """Return the names of one author or two, of more the first one's, without any the title; and the year if known."""
    people = entry.persons.get("author") or entry.persons.get("editor") or ()
    names = [" ".join(person.prelast_names + person.last_names) for person in people]
    names = names if len(names) < 3 else [f"{names[0]} et al."]
    who = " and ".join(names) or entry.fields.get("key") or entry.fields["title"]
    return re.sub(r"[{}]", "", f"{who} {entry.fields.get('year', '')}".strip())


def day() -> str:
    """Return when what the report is made of was last changed."""
    moment = os.environ.get("SOURCE_DATE_EPOCH")
    when = datetime.fromtimestamp(int(moment), UTC) if moment else datetime.now(UTC)
    return f"{when.day} {when:%B %Y}"
