"""Run notebooks, each from an empty folder, by the Python that runs this, and sum up: the second half of standalone.py.

Needs nbclient, nbformat and a kernel beside the package, and imports nothing of the repository.
"""

import re
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

PACKAGE = "mnistlab"
REPOSITORY = Path(__file__).resolve().parent.parent
SECONDS_PER_CELL = 1200
ESCAPES = re.compile(r"\x1b\[[\d;]*m")


def main(names: Sequence[str]) -> int:
    """Run the notebooks; return 1 if one failed, or the package is not an installed one."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        say(f"{PACKAGE} is not installed for {sys.executable}")
        return 1
    if Path(spec.origin).resolve().is_relative_to(REPOSITORY / PACKAGE):
        say(f"{PACKAGE} comes from the checkout, {spec.origin}: the notebooks would find there what a reader lacks")
        return 1
    say(f"Python {sys.version.split()[0]}, {PACKAGE} in {Path(spec.origin).parent}")
    failures = {}
    for path in map(Path, names):
        started = time.monotonic()
        say(f"running {path.name}")
        failure = run(path)
        if failure:
            failures[path.name] = failure
        say(f"        {time.monotonic() - started:.0f} s{', FAILED' if failure else ''}")
    for name, failure in failures.items():
        say(f"\n== {name}\n{failure}")
    say(f"\n{len(names) - len(failures)} of {len(names)} notebooks ran")
    return 1 if failures else 0


def run(path: Path) -> str | None:
    """Run a notebook from an empty folder; return what went wrong, or None."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            extra_arguments=["--IPKernelApp.log_level=40"],
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": folder}},
            timeout=SECONDS_PER_CELL,
        )
        try:
            client.execute()
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            return ESCAPES.sub("", str(error)).strip()[-3000:]
    return complaints(notebook)


def complaints(notebook: nbformat.NotebookNode) -> str | None:
    """Return what the cells wrote to stderr, or None: a reader would take it for something that went wrong."""
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", ()))
    said = "".join(output.text for output in outputs if output.get("name") == "stderr")
    return f"it wrote to stderr:\n{said.strip()[-3000:]}" if said.strip() else None


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
