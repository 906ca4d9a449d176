"""One line on a terminal that shows how far a run is."""

from __future__ import annotations

import sys
import time

__all__ = ["ProgressLine"]

SECONDS_BETWEEN = 0.1
WIDTH = 24


class ProgressLine:
    """Redraws itself on standard error a few times a second; silent where that is no terminal, unless told to show.

    Parameters
    ----------
    epochs
        How many there will be.
    show
        True or False to decide; None to show on terminals only, so that notebooks and logs hold no litter.
    """

    def __init__(self, epochs: int, show: bool | None = None):
        self.epochs = epochs
        self.shown = sys.stderr.isatty() if show is None else show
        self.last = self.start = time.perf_counter()

    def show(self, epoch: int, share: float, loss: float) -> None:
        """Draw the line for ``share`` of the epoch with index ``epoch``."""
        now = time.perf_counter()
        if not self.shown or now - self.last < SECONDS_BETWEEN:
            return
        self.last = now
        done = int(share * WIDTH)
        bar = "━" * done + "─" * (WIDTH - done)
        text = f"epoch {epoch + 1}/{self.epochs} {bar} {share:4.0%}  loss {loss:.4f}  {now - self.start:.1f} s"
        print(f"\r\x1b[2K{text}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Wipe the line, so that something else can be printed."""
        if self.shown:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)
