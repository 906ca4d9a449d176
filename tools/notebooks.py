"""Run the notebooks in place and clean them, so that what is committed is the same whenever and wherever it was run.

notebooks.py            run all, each from an empty folder, and clean them
notebooks.py --clean    only clean
notebooks.py --check    fail if one is not clean, or was not run
Names of notebooks may follow.
"""

import argparse
import re
import sys
import tempfile
import time
import tomllib
from pathlib import Path

import nbformat
from common import ROOT, blas_threads, environment, say
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = ROOT / "notebooks"
SECONDS_PER_CELL = 600
INSTALL_TAG = "hide-cell"
INSTALL_COMMENT = "# Where the library is not there yet, as in Colab: install it."
KERAS = re.compile(r"^\s*(import|from) (keras|tensorflow)\b|\b(\w+_keras|keras_\w+)\b", re.MULTILINE)
CELL_METADATA = {"tags", "mystnb"}
NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "pygments_lexer": "ipython3"},
}
DATA = re.compile(r"[A-Za-z0-9+/=]{10000,}")
"""A file as text, such as the weights of a network that a page draws with."""
PICTURE = re.compile(r"(application/papermill\.record/)?(image/.*|application/pdf)")


def main(arguments: list[str]) -> int:
    """Do what the command line says; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clean", action="store_true", help="do not run them")
    parser.add_argument("--check", action="store_true", help="change nothing; fail if there is something to change")
    parser.add_argument("files", nargs="*", type=Path)
    options = parser.parse_args(arguments)
    paths = options.files or sorted(FOLDER.glob("*.ipynb"))
    if options.check:
        problems = [f"{path.name}: {problem}" for path in paths for problem in check(path)]
        say("\n".join(problems) or f"{len(paths)} notebooks are as 'make notebooks' leaves them")
        return 1 if problems else 0
    for path in paths:
        notebook = read(path)
        put_install_cell(notebook)
        if not options.clean:
            run(notebook, path.name)
        path.write_text(written(clean(notebook)), encoding="utf-8")
    return 0


def install_cell(*, keras: bool = False) -> str:
    """Return the code of a notebook's first code cell; the address comes from pyproject.toml.

    With ``keras``, Keras is installed too where there is none. It is asked for by itself: Colab has it, with a
    TensorFlow for its GPU that must not be replaced.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name, address = project["name"], f"git+{project['urls']['Repository']}"
    cell = f"""\
{INSTALL_COMMENT}
# That takes some 20 seconds, once, and changes no package that Colab has.
from importlib.util import find_spec

if not (find_spec("{name}") and find_spec("sklearn") and find_spec("sympy")):
    %pip install --quiet "{name}[notebooks] @ {address}"
"""
    if keras:
        cell += f"""\
if not find_spec("keras"):
    %pip install --quiet "{name}[interop] @ {address}"
"""
    return cell.rstrip()


def needs_keras(notebook: NotebookNode) -> bool:
    """Return whether the code of a notebook, without its first cell, uses a name that has to do with Keras."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return any(KERAS.search(source) for source in code[1:])


def put_install_cell(notebook: NotebookNode) -> None:
    """Write the install cell into the first code cell, where that is an older version or a place-holder for it."""
    first = next((cell for cell in notebook.cells if cell.cell_type == "code"), None)
    if first is not None and (first.source == "# setup" or first.source.startswith(INSTALL_COMMENT)):
        first.source = install_cell(keras=needs_keras(notebook))
        first.metadata = NotebookNode(tags=[INSTALL_TAG])


def read(path: Path) -> NotebookNode:
    """Return the notebook in a file."""
    return nbformat.read(path, as_version=4)


def written(notebook: NotebookNode) -> str:
    """Return a notebook as it stands in its file."""
    return nbformat.writes(notebook) + "\n"


def run(notebook: NotebookNode, name: str) -> None:
    """Run a notebook from an empty folder, with nothing but the installed package."""
    started = time.monotonic()
    say(f"running {name}")
    notebook.metadata = NotebookNode(nbformat.from_dict(NOTEBOOK_METADATA))
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook,
            extra_arguments=["--IPKernelApp.log_level=40"],  # no warning that the kernel listens on this machine
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": folder}},
            timeout=SECONDS_PER_CELL,
        ).execute(env=environment() | blas_threads(1))
    say(f"        {time.monotonic() - started:.0f} s")


def clean(notebook: NotebookNode) -> NotebookNode:
    """Strip what differs from run to run or has no place in a repository: pictures, times, versions, editors' settings.

    Of an output that is a picture, the other forms stay: they say that there was one.
    """
    notebook.metadata = nbformat.from_dict(NOTEBOOK_METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for cell in notebook.cells:
        cell.metadata = NotebookNode({key: value for key, value in cell.metadata.items() if key in CELL_METADATA})
        cell.pop("attachments", None)
        if cell.cell_type == "code":
            cell.outputs = merged_streams([clean_output(output) for output in cell.outputs])
    return notebook


def clean_output(output: NotebookNode) -> NotebookNode:
    """Return an output without pictures and files as text, and without metadata other than those of glued values."""
    if "data" in output:
        output.data = NotebookNode({mime: data for mime, data in output.data.items() if not PICTURE.fullmatch(mime)})
        output.metadata = NotebookNode({key: value for key, value in output.metadata.items() if key == "scrapbook"})
        if "text/html" in output.data:
            output.data["text/html"] = DATA.sub("…", output.data["text/html"])
    return output


def merged_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Return the outputs with neighbouring pieces of one stream in one: where it is cut is a matter of time."""
    merged: list[NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream" and merged and merged[-1].get("name") == output.name:
            merged[-1].text += output.text
        else:
            merged.append(output)
    return merged


def check(path: Path) -> list[str]:
    """Return what is wrong with a notebook as it is committed."""
    text, notebook = path.read_text(encoding="utf-8"), read(path)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    problems = []
    expected = install_cell(keras=needs_keras(notebook))
    if not code or code[0].source != expected or code[0].metadata.get("tags") != [INSTALL_TAG]:
        problems.append("its first code cell is not the install cell")
    if [cell.execution_count for cell in code] != [*range(1, len(code) + 1)]:
        problems.append("its cells were not run from first to last")
    if not any(cell.outputs for cell in code):
        problems.append("it has no outputs")
    for place, cell in enumerate(notebook.cells):
        outputs = cell.get("outputs", ())
        tags = cell.metadata.get("tags", ())
        if any(output.output_type == "error" for output in outputs) and "raises-exception" not in tags:
            problems.append(f"cell {place} failed")
        if any(output.get("name") == "stderr" for output in outputs):
            problems.append(f"cell {place} wrote to stderr")
        if any(PICTURE.fullmatch(mime) for output in outputs for mime in output.get("data", ())):
            problems.append(f"cell {place} holds a picture")
        if litter := set(cell.metadata) - CELL_METADATA:
            problems.append(f"cell {place} holds metadata: {', '.join(sorted(litter))}")
    if not problems and text != written(clean(notebook)):
        problems.append("it is not as 'make notebooks' writes it")
    return problems


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
