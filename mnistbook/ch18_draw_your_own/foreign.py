"""Digits of other people, on other forms: the handwritten digits of scikit-learn.

These are 1,797 digits of 13 Turkish writers, 8×8 pixels of 17 greys, from the UCI repository (Alpaydın and Kaynak,
1998). They stand writer by writer, so that the second half is by other writers than the first, but for one perhaps.
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from mnistbook.ch18_draw_your_own.drawings import Drawing
from mnistbook.ch18_draw_your_own.ink import as_file, written

__all__ = ["FOREIGN", "LEARNT", "foreign", "foreign_digits"]

FOREIGN = "foreign hand, 8×8"

LEARNT = 900
"""How many the application's network learns from, the first ones; the others are left for measuring."""


def foreign_digits(learnt: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return ink in 0…1, float32 of shape (N, 8, 8), and digits: those that are learnt from, or the others."""
    images, digits = load_digits(return_X_y=True)
    part = slice(None, LEARNT) if learnt else slice(LEARNT, None)
    return images[part].reshape(-1, 8, 8).astype(np.float32) / 16, digits[part]


def foreign(each: int = 300, seed: int = 0) -> list[Drawing]:
    """Return ``each`` pictures of digits that the network has not learnt from, smoothly enlarged, dark on white."""
    images, digits = foreign_digits(learnt=False)
    chosen = np.random.default_rng(seed).permutation(len(images))[:each]
    return [Drawing(int(digits[i]), FOREIGN, int(i), as_file(written(enlarged(images[i])))) for i in chosen]


def enlarged(image: np.ndarray, factor: int = 20) -> np.ndarray:
    """Return ink of 8×8 pixels ``factor`` times as large, with two pixels of paper around."""
    around = Image.fromarray(np.pad(image, 2))
    return np.asarray(around.resize((12 * factor, 12 * factor), Image.Resampling.BICUBIC)).clip(0, 1)
