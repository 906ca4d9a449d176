"""Write constraints.txt: the newest versions that go together, on every Python that the package supports, by uv."""

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from common import ROOT, say

OLDEST = "3.11"
# uv reads what a release needs from one of its wheels; TensorFlow's for Python 3.14 need another h5py than the others.
OVERRIDES = "h5py<3.15; python_version < '3.14'\nh5py>=3.15.1,<3.16; python_version >= '3.14'\n"
HEADER = """\
# Versions that go together on every supported Python: written by 'make constraints', read by 'make install'.
"""


def main() -> int:
    """Write the file; return the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "constraints.txt")  # an older one there would be kept to as far as possible
        command = ["-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", OLDEST, "--extra", "dev"]
        # Of what 'make bench' wants besides, PyTorch is left out: its usual build brings gigabytes along.
        wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
            "optional-dependencies"
        ]
        Path(folder, "jax.in").write_text(next(one for one in wanted["bench"] if one.startswith("jax")))
        Path(folder, "overrides.txt").write_text(OVERRIDES, encoding="utf-8")
        command += ["--override", str(Path(folder, "overrides.txt"))]
        command += ["--no-annotate", "--no-header", "--no-emit-index-url", "--no-emit-package", "mnistlab"]
        status = subprocess.call(
            [sys.executable, *command, "pyproject.toml", str(Path(folder, "jax.in")), "--output-file", file], cwd=ROOT
        )
        if status:
            return status
        (ROOT / "constraints.txt").write_text(HEADER + file.read_text(encoding="utf-8"), encoding="utf-8")
    say("wrote constraints.txt; 'make test report check-report' shows whether the versions are good")
    return 0


if __name__ == "__main__":
    sys.exit(main())
