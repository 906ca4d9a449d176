"""Learning-rate schedules: a function of the training's progress, from 0 at the first step to 1 after the last.

A schedule does not count steps, so it needs no knowledge of the data's size, the batch size or the epochs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Constant", "Cosine", "Schedule", "Step", "WarmUp"]

Schedule = Callable[[float], float]


@dataclass(frozen=True)
class Constant:
    """The same rate throughout."""

    rate: float

    def __post_init__(self):
        _check_rate(self.rate)

    def __call__(self, progress: float) -> float:
        """Return the learning rate at ``progress``."""
        return self.rate


@dataclass(frozen=True)
class Step:
    """``rate``, multiplied by ``factor`` at each of the milestones, which are fractions of the training."""

    rate: float
    factor: float = 0.1
    milestones: tuple[float, ...] = (0.5, 0.75)

    def __post_init__(self):
        _check_rate(self.rate)
        _check_rate(self.factor, "factor")
        if not all(0 < milestone < 1 for milestone in self.milestones):
            raise ValueError(f"milestones are fractions of the training, between 0 and 1, not {self.milestones}")

    def __call__(self, progress: float) -> float:
        """Return the learning rate at ``progress``."""
        return self.rate * self.factor ** sum(progress >= milestone for milestone in self.milestones)


@dataclass(frozen=True)
class Cosine:
    """Half a cosine wave from ``rate`` down to ``final`` (Loshchilov & Hutter, 2017)."""

    rate: float
    final: float = 0.0

    def __post_init__(self):
        _check_rate(self.rate)
        if not (math.isfinite(self.final) and self.final >= 0):
            raise ValueError(f"a schedule's final must be at least 0, not {self.final!r}")

    def __call__(self, progress: float) -> float:
        """Return the learning rate at ``progress``."""
        return self.final + (self.rate - self.final) * (1 + math.cos(math.pi * progress)) / 2


@dataclass(frozen=True)
class WarmUp:
    """Rise in a straight line during the first ``fraction`` of the training, then follow ``schedule`` over the rest.

    The first step is made with the share ``start`` of the rate to which it rises (Goyal et al., 2017).
    """

    schedule: Schedule
    fraction: float = 0.1
    start: float = 0.1

    def __post_init__(self):
        if not 0 < self.fraction < 1:
            raise ValueError(f"fraction must lie between 0 and 1, not {self.fraction!r}")
        if not 0 < self.start <= 1:
            raise ValueError(f"start must be above 0 and at most 1, not {self.start!r}")

    def __call__(self, progress: float) -> float:
        """Return the learning rate at ``progress``."""
        if progress < self.fraction:
            return self.schedule(0.0) * (self.start + (1 - self.start) * progress / self.fraction)
        return self.schedule((progress - self.fraction) / (1 - self.fraction))


def _check_rate(rate: float, name: str = "rate") -> None:
    if not (math.isfinite(rate) and rate > 0):
        raise ValueError(f"a schedule's {name} must be a positive number, not {rate!r}")
