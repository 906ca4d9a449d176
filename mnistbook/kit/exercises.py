"""How a reader's answer to an exercise compares with the right one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from mnistlab.losses import SquaredError
from mnistlab.network import Network

__all__ = ["check", "judge"]

NOTHING_YET = "no answer yet: write yours in place of the three dots"


def check(yours: object, ours: object, *, tolerance: float = 1e-4) -> None:
    """Print whether an answer is right, else how far off it is, without giving the right one away.

    Parameters
    ----------
    yours
        The reader's answer; three dots where there is none yet.
    ours
        The right one: a number, an array or a tuple of numbers, a text, or a dictionary of several answers.
    tolerance
        How far off a number may be, as a part of the largest number of the right answer. Whole numbers are counts: they
        must agree exactly.
    """
    print(verdict(yours, ours, tolerance))


def verdict(yours: object, ours: object, tolerance: float = 1e-4) -> str:
    """Return what :func:`check` prints; it begins with ``right`` for a right answer only."""
    if yours is ...:
        return NOTHING_YET
    if isinstance(ours, Mapping):
        if not isinstance(yours, Mapping) or set(yours) != set(ours):
            return f"one answer is wanted for each of: {', '.join(map(str, ours))}"
        right = sum(verdict(yours[key], ours[key], tolerance) == "right" for key in ours)
        return "right" if right == len(ours) else f"not yet: {right} of {len(ours)} are right"
    if isinstance(ours, str):
        return "right" if yours == ours else "not yet"
    try:
        got, wanted = np.asarray(yours, dtype=float), np.asarray(ours)
    except (TypeError, ValueError):
        return f"numbers are wanted here, not {yours!r}"
    if got.size == wanted.size == 1:
        got = got.reshape(wanted.shape)  # the shape of a vector may be written 10, (10) or (10,)
    if got.shape != wanted.shape:
        return f"not yet: the answer has the shape {wanted.shape}, yours has {got.shape}"
    gap = np.abs(got - wanted).max(initial=0)
    if gap <= (0 if wanted.dtype.kind in "iu" else tolerance * np.abs(wanted).max(initial=0)):
        return "right"
    return f"not yet: off by {gap:.3g}" + (" at most" if wanted.size > 1 else "")


def judge(yours: object, around: Callable[[object], Network]) -> None:
    """Print whether the gradients of a layer that the reader wrote are proved, else which of them are not.

    Parameters
    ----------
    yours
        The reader's layer, as ``around`` takes it; three dots where there is none yet.
    around
        Makes a small network of it.
    """
    if yours is ...:
        print(NOTHING_YET)
        return
    from mnistlab.symbolic.prove import prove_gradients  # here, since most exercises need no SymPy

    proof = prove_gradients(around(yours), SquaredError())
    wrong = dict.fromkeys(entry.name.split("_{")[0] for entry in proof.entries if not entry.proved)
    print(f"not yet: what stands for {', '.join(wrong)} is not the derivative" if wrong else "right")
