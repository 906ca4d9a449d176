"""A stopwatch for what is timed from callbacks."""

from __future__ import annotations

from time import perf_counter, process_time
from typing import NamedTuple

__all__ = ["Stopwatch", "Times"]


class Times(NamedTuple):
    """Seconds on the clock, and of the processor."""

    seconds: float
    cpu_seconds: float


class Stopwatch:
    """Measures from a start to a stop; it starts when it is made, and may be started again.

    Attributes
    ----------
    taken
        What passed between the last start and the last stop.
    """

    taken: Times

    def __init__(self):
        self.start()

    def start(self) -> None:
        """Begin to measure."""
        self._clock, self._processor = perf_counter(), process_time()

    def stop(self) -> Times:
        """Return what has passed since the start, and keep it."""
        self.taken = Times(perf_counter() - self._clock, process_time() - self._processor)
        return self.taken
