"""The docstrings of the public names, read as the build of the pages reads them, without running a notebook."""

import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "book" / "extensions")]

from report_book import api, public  # noqa: E402

READ = """
import sys
from sphinx.application import Sphinx

source, out = sys.argv[1:]
Sphinx(source, source, out, out, "dummy", status=None).builder.read()
"""


def complaints(folder: Path, text: str) -> list[str]:
    """Return what Sphinx complains of as it reads a text; references are looked up later, so not of those.

    It reads in a process of its own: Sphinx leaves behind what another test can stumble over.
    """
    settings = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["sphinx"]["config"]
    options = {key: value for key, value in settings.items() if key.startswith(("autodoc_", "napoleon_", "python_"))}
    options["extensions"] = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_proof"]
    configuration = "\n".join(f"{key} = {value!r}" for key, value in options.items())
    (folder / "conf.py").write_text(configuration, encoding="utf-8")
    (folder / "index.rst").write_text(text, encoding="utf-8")
    command = [sys.executable, "-c", READ, folder, folder / "out"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stderr.splitlines()


def test_every_docstring_of_the_reference_is_well_formed(tmp_path):
    lines = ["Reference", "=========", "", *api.documenting(public.public_names().values())]
    assert complaints(tmp_path, "\n".join(lines)) == []


def test_a_star_that_opens_emphasis_and_does_not_close_it_is_heard_of(tmp_path):
    (line,) = complaints(tmp_path, "Shapes\n======\n\nof shape (seeds, *printed.shape).\n")
    assert "Inline emphasis start-string without end-string" in line
