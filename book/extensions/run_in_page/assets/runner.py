"""Runs cells inside the page: IPython without a kernel, whose outputs go to a function of the worker.

A cell may print for ever and make pictures without end; what the page is given of it has a limit.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

CHARACTERS, DISPLAYS = 100_000, 200
"""Of one cell: more text, or more figures and tables, are counted and not shown."""

PAUSE = 0.05
"""Seconds between two pieces of printed text: each costs the page some work."""

SHOWN = ["text/html", "image/svg+xml", "image/png", "text/latex", "text/plain"]

Send = Callable[[str, str], object]

if sys.platform == "emscripten":
    time.process_time = time.perf_counter  # that of a page stands still


class Outputs:
    """What one cell says and shows, on its way to the page."""

    def __init__(self, send: Send):
        self.send = send
        self.begin()

    def begin(self) -> None:
        """Forget the cell before."""
        self.waiting, self.characters, self.displays, self.sent = "", 0, 0, time.monotonic()

    def write(self, text: str) -> int:
        """Take printed text; stands in for standard output and standard error."""
        if room := max(0, CHARACTERS - self.characters):
            self.waiting += text[:room]
        self.characters += len(text)
        if self.waiting and time.monotonic() - self.sent > PAUSE:
            self.flush()
        return len(text)

    def flush(self) -> None:
        """Send the text that waits."""
        if self.waiting:
            self.send("stream", self.waiting)
        self.waiting, self.sent = "", time.monotonic()

    def isatty(self) -> bool:
        """Return that nobody types here."""
        return False

    def show(self, data: dict[str, object]) -> None:
        """Take an output that has several forms."""
        self.flush()
        self.displays += 1
        forms = {kind: form for kind, form in data.items() if kind in SHOWN}
        if forms and self.displays <= DISPLAYS:
            self.send("display", json.dumps(forms))

    def end(self) -> None:
        """Send what waits, and say what was left out."""
        self.flush()
        if (more := self.characters - CHARACTERS) > 0:
            self.send("note", f"{more:,} more characters were printed and are not shown.")
        if (more := self.displays - DISPLAYS) > 0:
            self.send("note", f"{more:,} more outputs are not shown.")


class _Publisher(DisplayPublisher):
    def publish(self, data: dict, *_: object, **__: object) -> None:
        self.shell.outputs.show(data)


class _Hook(DisplayHook):
    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: dict, md_dict: dict | None = None) -> None:
        self.shell.outputs.show(format_dict)


class Shell(InteractiveShell):
    """IPython's shell, with outputs for a page."""

    display_pub_class, displayhook_class = _Publisher, _Hook

    def __init__(self, send: Send):
        os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
        logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # that it looks for fonts is no news
        self.outputs = Outputs(send)
        settings = Config()
        settings.HistoryManager.enabled = False
        settings.InteractiveShell.colors = "NoColor"
        super().__init__(config=settings)
        self.display_formatter.active_types = SHOWN
        # The first cell of a chapter installs what is missing; here nothing can be, and nothing is.
        self.register_magic_function(lambda line: None, magic_name="pip")

    def enable_gui(self, gui: str | None = None) -> None:
        """Do nothing: a page has no windows."""

    def _showtraceback(self, etype: type, evalue: BaseException, stb: list[str]) -> None:
        self.outputs.flush()
        self.outputs.send("error", "\n".join(stb))

    def run(self, code: str, number: int) -> bool:
        """Run a cell, which errors call by its number in the page; return whether it raised nothing."""
        self.execution_count = number
        self.outputs.begin()
        kept, sys.stdout, sys.stderr = (sys.stdout, sys.stderr), self.outputs, self.outputs
        try:
            done = self.run_cell(code, store_history=True)
        finally:
            sys.stdout, sys.stderr = kept
            self.outputs.end()
        return done.success


def use_digits(name: str) -> None:
    """Let ``load_mnist`` return the digits of a file: all of MNIST, checked, or a part, which says that it is one."""
    path = Path(name).resolve()
    import numpy as np

    import mnistlab
    from mnistlab import mnist

    with np.load(path) as arrays:
        whole = len(arrays["x_train"]) == 60_000
        if not whole:
            part = mnist.MNIST(**arrays, source="a part of MNIST that this page carries")
    os.environ["MNISTLAB_DATA"] = str(path)
    mnistlab.load_mnist = mnist.load_mnist if whole else lambda **_: part
