"""What stands as text in a cell of a stored table: which images a network got wrong, and vectors of numbers."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Collection, Iterable

import numpy as np

__all__ = ["pack_floats", "pack_indices", "right_rows", "unpack_floats"]


def pack_indices(indices: Iterable[int]) -> str:
    """Return indices as text, separated by blanks."""
    return " ".join(map(str, indices))


def right_rows(wrong: Collection[str], images: int = 10_000) -> np.ndarray:
    """Return whether networks are right on each image, booleans of shape (len(wrong), images).

    Parameters
    ----------
    wrong
        For each network, the indices of the images on which it is wrong as :func:`pack_indices` wrote them; a cell
        without text, which pandas reads as NaN, where there is none.
    images
        How many were looked at.
    """
    right = np.ones((len(wrong), images), dtype=bool)
    for row, text in zip(right, wrong, strict=True):
        if isinstance(text, str):
            row[np.fromiter(map(int, text.split()), int)] = False
    return right


def pack_floats(values: np.ndarray) -> str:
    """Return numbers as text: float32, little-endian, in base 64."""
    return b64encode(values.astype("<f4").tobytes()).decode()


def unpack_floats(text: str) -> np.ndarray:
    """Return what :func:`pack_floats` wrote, as one vector, float32."""
    return np.frombuffer(b64decode(text), "<f4").astype(np.float32)
