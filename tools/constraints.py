"""Write constraints.txt: the newest versions that go together, on every Python that the package supports.

Each Python found is asked what pip would install into an empty environment: the oldest first, since what it can take,
the newer ones can too. The others only add what they need besides.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from common import ROOT, say

PYTHONS = ("python3.11", "python3.12", "python3.13")
HEADER = """\
# Versions that were tested together, on every supported Python: written by 'make constraints', read by 'make install'.
"""


def main() -> int:
    """Write the file; return the exit status."""
    found = [python for python in PYTHONS if runs(python)]
    if len(found) < len(PYTHONS):
        say(f"not on the PATH, so not asked: {', '.join(sorted({*PYTHONS} - {*found}))}")
    versions: dict[str, str] = {}
    for python in found or [sys.executable]:
        versions |= resolve(python, versions)
        say(f"{python}: {len(versions)} packages")
    (ROOT / "constraints.txt").write_text(HEADER + lines(versions))
    say("wrote constraints.txt; 'make test report check-report' shows whether the versions are good")
    return 0


def runs(python: str) -> bool:
    """Return whether there is such a program; version managers put names on the PATH that start nothing."""
    return bool(shutil.which(python)) and subprocess.run([python, "-V"], capture_output=True).returncode == 0


def resolve(python: str, known: dict[str, str]) -> dict[str, str]:
    """Return the packages and versions that pip under that Python would install, given versions already chosen."""
    with tempfile.TemporaryDirectory() as folder:
        given, report = Path(folder, "given.txt"), Path(folder, "report.json")
        given.write_text(lines(known))
        command = [python, "-m", "pip", "install", "-qq", "--dry-run", "--ignore-installed"]
        command += ["--report", str(report), "--constraint", str(given), "--editable", ".[dev]"]
        subprocess.run(command, cwd=ROOT, check=True)
        items = json.loads(report.read_text())["install"]
    packages = {item["metadata"]["name"]: item["metadata"]["version"] for item in items}
    return {name: version for name, version in packages.items() if name != "mnistlab"}


def lines(versions: dict[str, str]) -> str:
    """Return one ``name==version`` a line, in alphabetical order."""
    return "".join(f"{name}=={versions[name]}\n" for name in sorted(versions, key=str.lower))


if __name__ == "__main__":
    sys.exit(main())
