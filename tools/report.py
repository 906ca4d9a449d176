"""Build the report: report.py html pdf.

Where the variable PYODIDE names a folder with the release of Pyodide that the pages run on, it is put beside them.

Every build starts without the pages of the last one, since Sphinx repeats neither warnings nor numbers glued from other
pages where a page itself is unchanged. What took long, the outputs of the notebooks, is kept until a file changes
on which they depend. Where nothing at all has changed, nothing is built.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import debian
import repository
import yaml
from common import BUILD, ROOT, blas_threads, environment, say
from latex import for_print
from report_checks import check_html, check_latex

# jupyter-cache looks at the code of a notebook only; the code runs on these.
NOTEBOOKS_RUN_ON = ("mnistlab", "mnistbook", "constraints.txt")
REPORT_IS_MADE_OF = (
    *NOTEBOOKS_RUN_ON,
    "book",
    "notebooks",
    "tools",
    "_config.yml",
    "_toc.yml",
    "README.md",
    "CITATION.cff",
)

OUTPUT = {"html": BUILD / "html" / "index.html", "pdf": BUILD / "latex" / "report.pdf"}
FOLDER = {"html": BUILD / "html", "pdf": BUILD / "latex"}
NOTEBOOKS = BUILD / "notebooks"

ESCAPES = re.compile(r"\x1b\[[\d;]*m")
PROGRESS = re.compile(
    r"$|=+$|Running |(Source Folder|Config Path|Output Path):|Using jupyter-cache|\[etoc\]|Building your book"
    r"|(building|checking|copying|dumping|generating|highlighting|loading|looking|making|parsing|pickling|preparing"
    r"|reading|updating|writing) [^:]*(: |\.\.\.|\]: )|(myst|myst-nb|sphinx-multitoc-numbering) v[\d.]+:"
    r"|.*: (Executing notebook|Executed notebook|Cached executed|Using cached)|\[IPKernelApp\] WARNING . Kernel is"
)


class BuildError(Exception):
    """The report could not be built; the message says why."""


class TexMissing(BuildError):
    """The PDF cannot be built on this machine; the pages can."""


def main(targets: list[str]) -> int:
    """Build the targets, stopping at the first that fails; return the exit status.

    The PDF comes first, since the pages offer it. Where there is no TeX, they are built without it.
    """
    failed = False
    for target in sorted(targets, reverse=True):
        try:
            build(target)
        except BuildError as error:
            say(f"{target}: not built: {error}")
            failed = True
            if not isinstance(error, TexMissing):
                break
    return int(failed)


def build(target: str) -> None:
    """Build ``target``, "html" or "pdf", unless it stands there already, built from the files as they are."""
    state, stamp = f"{digest(REPORT_IS_MADE_OF)} {buttons_lead_to()}", BUILD / f".{target}"
    offered = target == "html" and is_built("pdf", state)
    if offered:
        state += " with the PDF"
    release = os.environ.get("PYODIDE") if target == "html" else None
    if release:
        state += f" with {Path(release).resolve()}"
    if is_built(target, state):
        say(f"{target}: nothing has changed since {OUTPUT[target].relative_to(ROOT)} was built")
        return
    stamp.unlink(missing_ok=True)
    if target == "pdf" and not shutil.which("latexmk") and not debian.install(debian.packages(), "TeX"):
        raise TexMissing("there is no TeX")
    forget_pages(target)
    forget_stale_outputs()
    if target == "html":
        variables = {"REPORT_PDF": str(OUTPUT["pdf"])} if offered else {}
        build_html(variables | ({"REPORT_PYODIDE": str(Path(release).resolve())} if release else {}))
    else:
        build_pdf()
    stamp.write_text(state)
    say(f"{target}: {OUTPUT[target].relative_to(ROOT)}")


def is_built(target: str, state: str) -> bool:
    """Whether ``target`` stands there, built from files in that state."""
    stamp = BUILD / f".{target}"
    return stamp.exists() and stamp.read_text() == state and OUTPUT[target].exists()


def buttons_lead_to() -> str:
    """Return the address of the repository, which the pages hold though it may stand in no file they are made of."""
    try:
        return repository.address()
    except ValueError as error:
        raise BuildError(str(error)) from None


def forget_pages(target: str) -> None:
    """Remove the pages of an earlier build, and what Sphinx remembers of it."""
    for folder in (BUILD / ".doctrees", FOLDER[target]):
        shutil.rmtree(folder, ignore_errors=True)


def forget_stale_outputs() -> None:
    """Remove the kept outputs of the notebooks if a file has changed on which they depend."""
    cache, stamp, state = BUILD / ".jupyter_cache", BUILD / ".outputs", digest(NOTEBOOKS_RUN_ON)
    if not stamp.exists() or stamp.read_text() != state:
        shutil.rmtree(cache, ignore_errors=True)
        BUILD.mkdir(exist_ok=True)
        stamp.write_text(state)


def build_html(variables: dict[str, str]) -> None:
    """Run the notebooks and build the pages, with more variables for the extensions of Sphinx.

    From what Sphinx then knows of them, each chapter is written as a notebook for viewers that know Markdown and TeX
    only, and put beside its page.
    """
    run_jupyter_book("html", variables)
    refuse(check_html(FOLDER["html"]))
    shutil.rmtree(NOTEBOOKS, ignore_errors=True)
    run_jupyter_book("custom", variables, "--custom-builder", NOTEBOOKS.name)
    for path in NOTEBOOKS.glob("*.ipynb"):
        shutil.copyfile(path, FOLDER["html"] / "notebooks" / path.name)


def build_pdf() -> None:
    """Run the notebooks and typeset the report."""
    run_jupyter_book("latex")
    source = FOLDER["pdf"] / "report.tex"
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    source.write_text(for_print(source.read_text(encoding="utf-8"), contents), encoding="utf-8")
    say("pdf: typesetting")
    command = ["latexmk", "-xelatex", "-interaction=nonstopmode", "-file-line-error", source.name]
    done = subprocess.run(
        command, cwd=FOLDER["pdf"], env=environment(), capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        refuse(re.findall(r"^(?:!|\./report\.tex:\d+:).*(?:\n.*){3}", done.stdout, re.MULTILINE)[:5])
        raise BuildError("latexmk failed:\n" + done.stdout[-2000:])
    refuse(check_latex(source, source.with_suffix(".log")))


def run_jupyter_book(builder: str, variables: dict[str, str] | None = None, *options: str) -> None:
    """Run Jupyter Book with warnings as errors; say which notebook runs and, at the end, what was wrong."""
    program = Path(sys.executable).with_name("jupyter-book")
    command = [program, "build", ".", "-n", "-W", "--keep-going", "--builder", builder, *options]
    # So that no notebook has to make the list of fonts, which matplotlib says on stderr if it takes long.
    fonts = [sys.executable, "-c", "import matplotlib.font_manager"]
    subprocess.run(fonts, env=environment(), stderr=subprocess.DEVNULL, check=False)
    log = []
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment() | blas_threads(1) | (variables or {}),  # so that a busy machine takes no ten times as long
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout or ():
            log.append(ESCAPES.sub("", line).rstrip())
            news = notebook_news(log[-1])
            if news:
                say(news)
    (BUILD / f"{builder}.log").write_text("\n".join(log))
    if process.returncode:
        refuse([line for line in without_own_traceback(log) if not PROGRESS.match(line)])
        raise BuildError("Jupyter Book failed")


def without_own_traceback(log: list[str]) -> list[str]:
    """Return the lines up to where Jupyter Book, having failed, shows where in its own code it says so."""
    starts = [place for place, line in enumerate(log) if line == "Traceback (most recent call last):"]
    own = [place for place in starts if re.search("jupyter[-_]book", "".join(log[place + 1 : place + 2]))]
    return log[: own[0]] if own else log


def notebook_news(line: str) -> str | None:
    """Return what a line of Jupyter Book's output says about the running of a notebook, if it does."""
    if match := re.search(r"(notebooks/[^/]+\.ipynb): Executing notebook", line):
        return f"running {match[1]}"
    if match := re.search(r"Executed notebook in ([\d.]+) seconds", line):
        return f"        {float(match[1]):.0f} s"
    return None


def digest(names: tuple[str, ...]) -> str:
    """Return one sum over the files and folders of those names, and over the Python that runs them."""
    total = hashlib.sha256(sys.version.encode())
    for path in (path for name in names for path in files(ROOT / name)):
        total.update(f"\n{path.relative_to(ROOT)}\n".encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def files(path: Path) -> list[Path]:
    """Return the files at a path, without those that programs leave there by themselves."""
    if path.is_file():
        return [path]
    return sorted(
        file
        for file in path.rglob("*")
        if file.is_file() and not any(part.startswith((".", "__")) for part in file.relative_to(path).parts[:-1])
    )


def refuse(problems: list[str]) -> None:
    """Raise BuildError if there are problems."""
    if problems:
        raise BuildError("\n".join(["", *problems]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
