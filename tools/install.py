"""Make .venv and install the package with everything that its development needs.

install.py            in the versions of constraints.txt, which were tested together
install.py newest     in the newest versions that there are
install.py oldest     in the oldest versions that pyproject.toml allows

Runs under the system's Python, whatever that is, so it keeps to syntax that old versions read.
"""

import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
RUN = os.path.join(VENV, "bin", "python")
OLDEST, NEWEST = (3, 11), (3, 14)
PIP = "-m pip install -qq --disable-pip-version-check --no-input "
# pip knows no oldest versions; uv does.
UV = "-m uv pip install --quiet --compile-bytecode --resolution lowest-direct "
COMMANDS = {
    "tested": [PIP + "--constraint constraints.txt --editable .[dev]"],
    "newest": [PIP + "--upgrade --upgrade-strategy eager --editable .[dev]"],
    "oldest": [PIP + "uv", UV + "--editable .[dev]"],
}


def main():
    versions = (sys.argv[1:] or ["tested"])[0]
    if versions not in COMMANDS:
        sys.exit("there are no {!r} versions to install: say {}".format(versions, " or ".join(COMMANDS)))
    check(sys.version_info[:2], sys.executable)
    if not os.path.exists(RUN):
        make_environment()
    check(version_of(RUN), ".venv/bin/python")
    print("installing into .venv; the first time takes some minutes and about 2 GB", flush=True)
    # An installer told to write no bytecode would leave that work to the start of every notebook.
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    variables["VIRTUAL_ENV"] = VENV  # where uv installs
    for command in COMMANDS[versions]:
        if subprocess.call([RUN, *command.split()], cwd=ROOT, env=variables) != 0:
            sys.exit("the packages of pyproject.toml could not be installed: the message is above")
    with open(os.path.join(VENV, ".installed"), "w"):
        pass


def check(version, name):
    if not OLDEST <= tuple(version) <= NEWEST:
        sys.exit(
            "{} is Python {}.{}; this needs 3.11 to 3.14. If you have one under another name, remove .venv "
            "and type, for instance:\n    make PYTHON=python3.12 report".format(name, *version)
        )


def version_of(python):
    code = "import sys; print(*sys.version_info[:2])"
    return tuple(int(part) for part in subprocess.check_output([python, "-c", code]).split())


def make_environment():
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        sys.exit(
            "This Python cannot make virtual environments: Debian and Ubuntu keep that in a package of its own.\n"
            "Type this, then try again:\n    sudo apt-get install python3-venv"
        )
    if subprocess.call([sys.executable, "-m", "venv", "--clear", VENV]) != 0:
        sys.exit("python -m venv failed: its message is above")


if __name__ == "__main__":
    main()
