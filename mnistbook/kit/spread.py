"""Numbers with no more digits than their spread allows, and sentences that say which of two is faster.

The half of the distance between the quartiles is taken for the spread; its first digit is the last that is written.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Spread", "listed"]

MOST_DECIMALS = 2


class Spread(NamedTuple):
    """A median between its quartiles."""

    low: float
    middle: float
    high: float

    @property
    def decimals(self) -> int:
        """How many decimals may be written."""
        half = (self.high - self.low) / 2
        return MOST_DECIMALS if half <= 0 else min(MOST_DECIMALS, max(0, -math.floor(math.log10(half))))

    def __str__(self) -> str:
        return f"{self.middle:.{self.decimals}f}"

    @property
    def text(self) -> str:
        """The median, with its quartiles in brackets."""
        return f"{self} ({self.low:.{self.decimals}f} to {self.high:.{self.decimals}f})"

    @property
    def side(self) -> int:
        """Of a ratio: -1 if both quartiles, as they are written, are below 1, 1 if both are above, else 0."""
        low, high = (round(one, self.decimals) for one in (self.low, self.high))
        return -1 if high < 1 else 1 if low > 1 else 0


def listed(words: Sequence[object]) -> str:
    """Return ``a, b and c``."""
    *first, last = map(str, words)
    return f"{', '.join(first)} and {last}" if first else last
