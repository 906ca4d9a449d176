"""The pad where only what the application needs is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

CODE = """
import sys
sys.modules["matplotlib"] = None
from mnistlab.app.digit_pad import DigitPad
from mnistlab.app.weights import load_digits
pad = DigitPad(load_digits())
print(sorted(pad._repr_mimebundle_()))
try:
    pad.figure()
except ModuleNotFoundError as error:
    print(error)
print([name for name in sys.modules if name.startswith("mnistbook")])
"""


def test_a_pad_needs_no_matplotlib():
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, env=environment)
    assert done.stdout.splitlines() == [
        "['text/html', 'text/plain']",
        "a pad's picture needs matplotlib: pip install 'mnistlab[notebooks]'",
        "[]",
    ], done.stderr
