"""Pictures of digits: from whatever a person drew or photographed to what MNIST holds.

MNIST's digits are light on black, scaled with their proportions into a box of 20×20 pixels, and moved so that their
centre of mass is the centre of a field of 28×28 (LeCun et al., 1998). A network that learnt from them wants the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

__all__ = ["ImageError", "from_drawing"]

FIELD, BOX = 28, 20
MAX_PIXELS = 40_000_000
WORKING_SIZE = 400
INK = 0.25
"""Share of the strongest ink above which a pixel counts as drawn."""


class ImageError(ValueError):
    """A file is no image, or an image shows nothing."""


def from_drawing(picture: str | Path | BinaryIO | Image.Image) -> np.ndarray:
    """Return a picture of one digit as MNIST would hold it: uint8, shape (28, 28), light on black.

    Parameters
    ----------
    picture
        A file, an open binary file or a Pillow image: dark on light or light on dark, any size, grey or
        coloured, with or without transparency.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImageError
        If it is no image, is larger than 40 million pixels, or shows nothing.
    """
    ink = _ink(_open(picture))
    drawn = ink > INK
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    digit = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = BOX / max(digit.shape)
    size = (max(1, round(digit.shape[1] * scale)), max(1, round(digit.shape[0] * scale)))
    small = np.asarray(
        Image.fromarray(digit).resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC)
    )
    return np.rint(255 * np.clip(_centred(small / small.max()), 0, 1)).astype(np.uint8)


def _open(picture: str | Path | BinaryIO | Image.Image) -> Image.Image:
    """Return an upright image, whatever its mode, or say why it is none."""
    if isinstance(picture, Image.Image):
        return picture
    try:
        image = Image.open(picture)
        if image.width * image.height > MAX_PIXELS:
            raise ImageError(
                f"the image has {image.width} × {image.height} pixels: scale it down to 40 million or fewer"
            )
        return ImageOps.exif_transpose(image)
    except (FileNotFoundError, ImageError):
        raise
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError) as error:
        raise ImageError(f"{picture} is no image that can be read: {error}") from error


def _ink(image: Image.Image) -> np.ndarray:
    """Return how much each pixel differs from the paper, float32 in 0…1."""
    if image.mode.startswith("I") or image.mode == "F":  # 16 bits and more: Pillow would cut, not scale
        grey = np.asarray(image, dtype=np.float32)
    else:
        rgba = image.convert("RGBA")
        # What is transparent takes the colour opposite to the ink's, so that a drawing on nothing stays visible.
        pixels = np.asarray(rgba, dtype=np.float32)
        alpha = pixels[..., 3] / 255
        luminance = pixels[..., :3] @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
        if alpha.min() < 1:
            opaque = alpha > 0.5
            paper = 0.0 if opaque.any() and luminance[opaque].mean() > 127 else 255.0
            luminance = luminance * alpha + paper * (1 - alpha)
        grey = luminance
    if max(grey.shape) > WORKING_SIZE:
        factor = WORKING_SIZE / max(grey.shape)
        size = (max(1, round(grey.shape[1] * factor)), max(1, round(grey.shape[0] * factor)))
        grey = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BOX))
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ink = np.abs(grey - np.median(border))
    strongest = np.quantile(ink, 0.999) if ink.size > 5000 else ink.max()
    strongest = strongest or ink.max()
    spread = float(grey.max() - grey.min())
    if not np.isfinite(spread) or spread < (8 if grey.max() <= 255 else 0.03 * grey.max()):
        raise ImageError("the image is empty: draw or photograph one digit, with a clear contrast to the paper")
    return np.clip(ink / strongest, 0, 1).astype(np.float32)


def _centred(small: np.ndarray) -> np.ndarray:
    """Return ``small`` in a field of 28×28, its centre of mass in the middle as far as it fits."""
    mass = small.sum()
    row = (small.sum(axis=1) @ np.arange(small.shape[0])) / mass
    column = (small.sum(axis=0) @ np.arange(small.shape[1])) / mass
    top = int(np.clip(round(FIELD / 2 - row), 0, FIELD - small.shape[0]))
    left = int(np.clip(round(FIELD / 2 - column), 0, FIELD - small.shape[1]))
    field = np.zeros((FIELD, FIELD), dtype=np.float32)
    field[top : top + small.shape[0], left : left + small.shape[1]] = small
    return field
