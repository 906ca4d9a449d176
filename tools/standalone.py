"""Run notebooks as a reader has them: an empty folder, and the package installed from a wheel of this repository.

standalone.py                         build a wheel, install it in a fresh environment, run all notebooks there
standalone.py --python python3.12     with another Python
standalone.py --oldest                with the oldest version of everything that pyproject.toml names; needs uv
standalone.py --freeze FILE           beside the versions that pip freeze listed, as in Colab; fail if one changes
standalone.py --into PYTHON           install the wheel for that Python, as it is: for an image such as Colab's
standalone.py --wheel FOLDER          only build the wheel, in that folder
Names of notebooks may follow.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

from common import ROOT, environment, say

FOLDER = ROOT / "notebooks"
RUNNER = Path(__file__).with_name("standalone_runner.py")
RUNNER_NEEDS = ("ipykernel", "nbclient", "nbformat")
FRAMEWORK = "tensorflow"
"""What brings Keras where a list of versions has it; elsewhere the extra of the package names the build."""

QUICK = 30
"""Seconds in which the first cell should have installed the package where the rest is there."""


class StandaloneError(Exception):
    """The wheel could not be built or installed; the message says why."""


def main(arguments: list[str]) -> int:
    """Do what the command line says; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="for the fresh environment")
    parser.add_argument("--oldest", action="store_true")
    parser.add_argument("--freeze", metavar="FILE", type=Path)
    parser.add_argument("--into", metavar="PYTHON")
    parser.add_argument("--wheel", metavar="FOLDER", type=Path)
    parser.add_argument("files", nargs="*", type=Path)
    options = parser.parse_args(arguments)
    paths = [path.resolve() for path in options.files] or sorted(FOLDER.glob("*.ipynb"))
    try:
        if options.wheel:
            say(f"wheel: {build_wheel(options.wheel)}")
            return 0
        with tempfile.TemporaryDirectory() as folder:
            wheel = build_wheel(Path(folder, "wheel"))
            if options.into:
                python = find(options.into)
            else:
                python = make_environment(Path(folder, "environment"), find(options.python))
            if options.freeze:
                before = install_beside(versions_in(options.freeze), options.freeze, wheel, paths, python)
                status = run_notebooks(python, paths)
                refuse(changes(before, installed(python)), "the notebooks change")  # with what their cells install
                return status
            install(wheel, extras(paths, python), python, oldest=options.oldest)
            pip(python, "install", *RUNNER_NEEDS)  # a reader's notebook program brings them
            return run_notebooks(python, paths)
    except StandaloneError as error:
        say(str(error))
        return 1


def build_wheel(folder: Path, *options: str) -> Path:
    """Build the package's wheel in a folder and return its path; ``options`` are those of pip.

    It is built from a copy of what is in the repository, or would be with the next commit: not from what earlier builds
    left beside it.
    """
    with tempfile.TemporaryDirectory() as copy:
        copy_repository(Path(copy))
        return wheel_of(Path(copy), folder, *options)


def wheel_of(copy: Path, folder: Path, *options: str) -> Path:
    """Build a wheel of a copy of the package, which is changed by that, and return its path."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--disable-pip-version-check"]
    call([*command, *options, "--wheel-dir", str(folder), str(copy)], "the wheel could not be built")
    (wheel,) = folder.glob(f"{project()['name']}-*.whl")
    return wheel


def copy_repository(folder: Path) -> None:
    """Copy the files of the repository, without those that git ignores."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        raise StandaloneError("this is no checkout of the repository: git cannot list its files") from None
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():  # one that was removed is listed until the next commit
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)


def find(python: str) -> Path:
    """Return the path of an interpreter that is given by its name or path."""
    path = shutil.which(python)
    if path is None:
        raise StandaloneError(f"there is no program {python}")
    return Path(path).absolute()


def make_environment(folder: Path, python: Path) -> Path:
    """Make a virtual environment for a Python and return its interpreter."""
    call([str(python), "-m", "venv", str(folder)], f"{python} cannot make a virtual environment")
    return folder / "bin" / "python"


def install(wheel: Path, names: set[str], python: Path, *, oldest: bool = False) -> None:
    """Install a wheel with those of its extras."""
    what = f"{wheel}[{','.join(sorted(names))}]"
    if oldest:
        uv = shutil.which("uv")
        if uv is None:
            raise StandaloneError("--oldest needs uv, which is not on the PATH")
        command = [uv, "pip", "install", "--quiet", "--python", str(python), "--resolution", "lowest-direct", what]
    else:
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", what]
    say(f"installing {what.rpartition('/')[2]}")
    call(command, "the wheel could not be installed")


def install_beside(frozen: dict[str, str], freeze: Path, wheel: Path, paths: Sequence[Path], python: Path) -> dict:
    """Install what a list of versions has of what the package touches, and then the package as a first cell does.

    What the package needs and the list lacks is installed by the first cell, not before. Return the versions that must
    not change: those of the list, and those installed from it.

    Raises
    ------
    StandaloneError
        If the package asks for another version than the list has, or changes one, or takes long.
    """
    say(f"installing what {freeze.name} has of it")
    asked = [*RUNNER_NEEDS, *sorted({FRAMEWORK, *installed_by_cells(paths)} & frozen.keys()), f"{wheel}[notebooks]"]
    pip(python, "install", "--constraint", str(freeze.resolve()), *asked)
    if foreign := installed(python).keys() - frozen.keys() - {"pip"} - {canonical(name) for name in RUNNER_NEEDS}:
        pip(python, "uninstall", "--yes", *sorted(foreign))
    before, started = installed(python), time.monotonic()
    install(wheel, extras(paths, python), python)
    seconds = time.monotonic() - started
    changed = changes(frozen | before, installed(python))
    say(f"        {seconds:.0f} s, {len(changed)} versions changed")
    refuse(changed, "the first cell changes")
    if seconds > QUICK:
        say(f"        that is long: a reader should wait {QUICK} s at most")
    return frozen | before


def installed_by_cells(paths: Sequence[Path]) -> set[str]:
    """Return the packages that cells of notebooks install by their names, where they are missing."""
    lines = (line for path in paths for line in path.read_text(encoding="utf-8").splitlines())
    asked = (re.search(r"%pip install --quiet ([\w .-]+?)(?:\\n)?\",?$", line) for line in lines)
    return {canonical(name) for match in asked if match for name in match[1].split()}


def refuse(changed: Sequence[str], what: str) -> None:
    """Raise StandaloneError if versions have changed."""
    if changed:
        raise StandaloneError(f"{what} what was there:\n" + "\n".join(changed))


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return what has another version than it had."""
    return [
        f"{name}: {before[name]}, then {version}"
        for name, version in sorted(after.items())
        if before.get(name, version) != version
    ]


def versions_in(freeze: Path) -> dict[str, str]:
    """Return the versions in a list as pip freeze writes it; lines that name no version are passed over."""
    try:
        lines = freeze.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise StandaloneError(f"the list of versions cannot be read: {error}") from None
    found = {canonical(name): version for name, mark, version in (line.partition("==") for line in lines) if mark}
    if not found:
        raise StandaloneError(f"{freeze} lists no versions: its lines should read like numpy==2.1.3")
    return found


def installed(python: Path) -> dict[str, str]:
    """Return the version of each package that a Python has."""
    code = "from importlib.metadata import distributions\nfor each in distributions(): print(each.name, each.version)"
    listed = call([str(python), "-I", "-c", code], f"{python} cannot say what is installed").splitlines()
    return {canonical(name): version for name, version in map(str.split, listed)}


def canonical(name: str) -> str:
    """Return the name of a package as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pip(python: Path, command: str, *arguments: str) -> str:
    """Run a command of pip for a Python, quietly, and return what it printed."""
    program = [str(python), "-m", "pip", command, "--quiet", "--disable-pip-version-check", *arguments]
    return call(program, f"pip {command} failed")


def extras(paths: Sequence[Path], python: Path) -> set[str]:
    """Return the extras that the first cells of notebooks would install for a Python."""
    name = re.escape(project()["name"])
    asked = re.compile(rf"^if not (.+):\n +%pip install .*{name}\[([\w,-]+)\] @", re.MULTILINE)
    modules: dict[str, set[str]] = {}  # of each extra: what there is where it need not be installed
    for path in paths:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        found = asked.findall(code[0]) if code else []
        if not found:
            raise StandaloneError(f"{path.name} asks for no extra: 'make notebooks' puts in the cell that does")
        for condition, group in found:
            for extra in group.split(","):
                modules.setdefault(extra, set()).update(re.findall(r'find_spec\("(\w+)"\)', condition))
    return {extra for extra in modules if missing(modules[extra], python)}


def missing(modules: set[str], python: Path) -> set[str]:
    """Return those of the modules that a Python cannot import; the package, which comes with the wheel, always is."""
    code = "import sys; from importlib.util import find_spec; print(*(m for m in sys.argv[1:] if find_spec(m) is None))"
    command = [str(python), "-I", "-c", code, *sorted(modules - {project()["name"]})]
    found = call(command, f"{python} cannot say what is installed").split()
    return {*found, project()["name"]} & modules


def project() -> dict:
    """Return what pyproject.toml says of the package."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def run_notebooks(python: Path, paths: Sequence[Path]) -> int:
    """Run notebooks by a Python and return the exit status; the runner may import nothing of this repository."""
    variables = environment()
    for name in ("PYTHONPATH", "TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS"):  # a reader has set none
        variables.pop(name, None)
    variables["PATH"] = os.pathsep.join([str(python.parent), os.environ.get("PATH", os.defpath)])
    command = [str(python), "-P", str(RUNNER), *map(str, paths)]
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(command, cwd=folder, env=variables, check=False).returncode


def call(command: Sequence[str], failure: str) -> str:
    """Run a command quietly and return what it printed; raise StandaloneError with that if it fails."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    except OSError as error:
        raise StandaloneError(f"{failure}: {error}") from None
    if done.returncode:
        raise StandaloneError(f"{failure}:\n{done.stdout[-3000:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
