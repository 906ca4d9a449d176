"""Committees: several networks that answer together, by the mean of their probabilities.

Where all members agree, the mean of their probabilities is largest at the same class. So the probabilities are needed
only for the *contested* images, on which two members differ, and these are few enough to be stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

__all__ = ["Ballots", "contested", "subset_accuracies"]

PROBABILITIES = [f"p{digit}" for digit in range(10)]


def contested(probabilities: np.ndarray) -> np.ndarray:
    """Return the indices of the images on which two members differ.

    Parameters
    ----------
    probabilities
        Shape (members, N, 10).
    """
    answers = probabilities.argmax(axis=2)
    return np.flatnonzero((answers != answers[0]).any(axis=0))


class Ballots:
    """What each member of a committee answered, and how sure it was where there was anything to decide.

    Parameters
    ----------
    answers
        Labels of shape (members, N).
    images
        Indices of the contested images, shape (M,); all others have one answer in each column of ``answers``.
    probabilities
        For those images, shape (members, M, 10).

    Raises
    ------
    ValueError
        If the shapes do not fit, or members differ on an image that is not among the contested ones.
    """

    def __init__(self, answers: np.ndarray, images: np.ndarray, probabilities: np.ndarray):
        self.answers, self.images, self.probabilities = map(np.asarray, (answers, images, probabilities))
        if self.probabilities.shape != (len(self.answers), len(self.images), 10):
            raise ValueError(
                f"for {len(self.answers)} members and {len(self.images)} contested images the probabilities must have "
                f"shape {(len(self.answers), len(self.images), 10)}, not {self.probabilities.shape}"
            )
        differ = np.flatnonzero((self.answers != self.answers[0]).any(axis=0))
        if missing := np.setdiff1d(differ, self.images).tolist():
            raise ValueError(f"the members differ on images whose probabilities are missing: {missing[:10]}")

    @classmethod
    def of(cls, probabilities: np.ndarray) -> Ballots:
        """Return the ballots of members that gave ``probabilities``, of shape (members, N, 10)."""
        images = contested(probabilities)
        return cls(probabilities.argmax(axis=2), images, probabilities[:, images])

    def frame(self, keys: Sequence[str]) -> pd.DataFrame:
        """Return a row for each member, named by its key, and contested image: ``key``, ``image``, ``p0`` … ``p9``."""
        blocks = []
        for key, rows in zip(keys, self.probabilities, strict=True):
            block = pd.DataFrame(rows, columns=PROBABILITIES)
            block.insert(0, "image", self.images)
            block.insert(0, "key", key)
            blocks.append(block)
        return pd.concat(blocks, ignore_index=True)

    @classmethod
    def read(cls, answers: dict[str, np.ndarray], frame: pd.DataFrame) -> Ballots:
        """Return the ballots from the members' answers by key, and the rows that :meth:`frame` made.

        Raises
        ------
        ValueError
            As the class does.
        """
        images = np.unique(frame["image"])
        blocks = [frame[frame["key"] == key].sort_values("image") for key in answers]
        for key, block in zip(answers, blocks, strict=True):
            if not np.array_equal(block["image"], images):
                raise ValueError(f"member {key} lacks rows for some of the contested images")
        return cls(np.array(list(answers.values())), images, np.array([block[PROBABILITIES] for block in blocks]))

    def together(self, members: Sequence[int] | None = None) -> np.ndarray:
        """Return the committee's labels, shape (N,): of all members, or of those with the given numbers."""
        members = list(range(len(self.answers)) if members is None else members)
        labels = self.answers[members[0]].copy()
        labels[self.images] = self.probabilities[members].mean(axis=0).argmax(axis=1)
        return labels


def subset_accuracies(ballots: Ballots, labels: np.ndarray) -> dict[int, np.ndarray]:
    """Return, for each size of a committee, the accuracies of all committees of that size."""
    count = len(ballots.answers)
    return {
        size: np.array([np.mean(ballots.together(chosen) == labels) for chosen in combinations(range(count), size)])
        for size in range(1, count + 1)
    }
