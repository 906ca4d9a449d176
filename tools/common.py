"""What the tools share: the root of the repository, and how to run a program in it."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "_build"


def environment() -> dict[str, str]:
    """Return the variables for a program that may start kernels or TensorFlow: quiet, reproducible, .venv first."""
    variables = dict(os.environ)
    variables.pop("MPLBACKEND", None)  # would keep figures out of notebooks
    variables |= {
        "JUPYTER_PLATFORM_DIRS": "1",
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), variables.get("PATH", os.defpath)]),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    # TensorFlow is silent only with both. A timing of it sets the second to 1, since it costs speed.
    variables.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    variables.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    # Where matplotlib cannot write, it says so in each notebook, and such a line fails the report.
    if not all(map(_writable, _matplotlib_folders(variables))):
        variables["MPLCONFIGDIR"] = str(BUILD / "matplotlib")
    moment = _last_change()
    if moment:
        variables.setdefault("SOURCE_DATE_EPOCH", moment)
    return variables


def blas_threads(count: int) -> dict[str, str]:
    """Return the variables that tell linear algebra how many threads to use.

    Processes that run side by side must share the cores: where each takes all of them, their threads wait for each
    other, and a training takes ten times as long.
    """
    return {"OMP_NUM_THREADS": str(count), "OPENBLAS_NUM_THREADS": str(count)}


def run(*command: str | Path, cwd: Path = ROOT, threads: int | None = None) -> int:
    """Run a program in the environment above, with so many ``threads`` for linear algebra; return its exit status."""
    limits = {} if threads is None else blas_threads(threads)
    return subprocess.run([*map(str, command)], cwd=cwd, env=environment() | limits, check=False).returncode


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True)


def _matplotlib_folders(variables: dict[str, str]) -> list[Path]:
    """Return where matplotlib keeps its settings and its list of fonts, unless a variable says otherwise."""
    if variables.get("MPLCONFIGDIR"):
        return [Path(variables["MPLCONFIGDIR"])]
    home = Path(os.path.expanduser("~"))
    if not sys.platform.startswith(("linux", "freebsd")):
        return [home / ".matplotlib"]
    settings, fonts = variables.get("XDG_CONFIG_HOME"), variables.get("XDG_CACHE_HOME")
    return [Path(settings or home / ".config") / "matplotlib", Path(fonts or home / ".cache") / "matplotlib"]


def _writable(folder: Path) -> bool:
    """Return whether files can be made in a folder, which is made itself if need be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _last_change() -> str:
    """Return when the last commit was made, in seconds, so that a build does not depend on its date; or nothing."""
    command = ["git", "log", "-1", "--format=%ct"]
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
