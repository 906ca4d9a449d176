"""Seconds on the clock and of the processor."""

from __future__ import annotations

from time import perf_counter, process_time

__all__ = ["Stopwatch"]


class Stopwatch:
    """Takes the time between two moments; ``taken`` is how long it was, on the clock and of the processor."""

    def start(self) -> None:
        """Begin anew."""
        self.clock, self.processor = perf_counter(), process_time()

    def stop(self) -> None:
        """Take the time since the beginning."""
        self.taken = perf_counter() - self.clock, process_time() - self.processor
