"""Pictures of digits: from whatever a person drew or photographed to what MNIST holds.

MNIST's digits are light on black, scaled with their proportions into a box of 20×20 pixels, and moved so that their
centre of mass is the centre of a field of 28×28 (LeCun et al., 1998). A network that learnt from them wants the same.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

__all__ = ["FORMATS", "ImageError", "from_drawing"]

FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
"""Kinds of files that are read. Pillow knows many more, whose readers a stranger's file need not reach."""

FIELD, BOX = 28, 20
MAX_PIXELS = 40_000_000
WORKING_SIZE = 256
FAINTEST, FULL = 0.3, 0.8
"""Of the pen's usual darkness: what is fainter is paper, what is stronger is full ink. Chosen on pictures made from
training digits that the network had not seen; they keep squared paper and stains out of the picture."""

CONTRAST, SEPARATION = 8 / 255, 5
"""The least difference between ink and paper: of the whole range, and in standard deviations of the paper's grain."""


class ImageError(ValueError):
    """A file is no image, or an image shows nothing."""


def from_drawing(
    picture: str | Path | BinaryIO | Image.Image, *, max_pixels: int = MAX_PIXELS, name: str | None = None
) -> np.ndarray:
    """Return a picture of one digit as MNIST would hold it: uint8, shape (28, 28), light on black.

    Parameters
    ----------
    picture
        A file (PNG, JPEG, WebP or BMP), an open binary file or a Pillow image: dark on light or light on dark, any
        size, grey or coloured, 8 or 16 bits, with or without transparency.
    max_pixels
        Larger files are refused before they are unpacked.
    name
        What messages call the picture, if not by its file's name.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImageError
        If it is no image, has more than ``max_pixels`` pixels, or shows nothing.
    """
    ink = _ink(_flattened(_grey(_open(picture, max_pixels, name))))
    drawn = ink > 0.5
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    digit = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    small = _resized(digit, BOX / max(digit.shape))
    return np.rint(255 * _centred(np.clip(small / small.max(), 0, 1))).astype(np.uint8)


def _open(picture: str | Path | BinaryIO | Image.Image, max_pixels: int, name: str | None) -> Image.Image:
    """Return an upright image, whatever its mode, or say why it is none."""
    if isinstance(picture, Image.Image):
        return ImageOps.exif_transpose(picture)
    name = name or (str(picture) if isinstance(picture, str | Path) else "the file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd but readable files, and of large ones, which are refused here
            image = Image.open(picture, formats=FORMATS)
            if image.width * image.height > max_pixels:
                raise ImageError(
                    f"{name} has {image.width} × {image.height} pixels: "
                    f"scale it down to {max_pixels / 1e6:g} million or fewer"
                )
            if image.format == "JPEG":  # may be unpacked at an eighth of its size, in a fraction of time and memory
                image.draft(None, (2 * WORKING_SIZE, 2 * WORKING_SIZE))
            image.load()
            return ImageOps.exif_transpose(image)
    except (FileNotFoundError, ImageError):
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name} has far too many pixels: at most {max_pixels / 1e6:g} million are read") from error
    except Exception as error:  # damaged bytes come out of Pillow as a dozen kinds of error
        raise ImageError(f"{name} is no image that can be read (PNG, JPEG, WebP or BMP)") from error


def _grey(image: Image.Image) -> np.ndarray:
    """Return greys at working size, float32 in 0…1 (in whatever range floats came)."""
    try:
        if image.mode.startswith("I"):  # 16 bits and more: Pillow would cut, not scale
            whole = np.asarray(image)
            return _shrunk(whole.astype(np.float32) / (65535 if whole.max(initial=0) > 255 else 255))
        if image.mode == "F":
            return _shrunk(np.asarray(image))
        if "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info:
            rgba = image.convert("RGBA")
            rgba.thumbnail((WORKING_SIZE, WORKING_SIZE), Image.Resampling.BOX)
            return _opaque(np.asarray(rgba, dtype=np.float32) / 255)
        return _shrunk(np.asarray(image.convert("L"), dtype=np.float32) / 255)
    except (OSError, ValueError) as error:
        raise ImageError(f"an image of mode {image.mode} cannot be read: convert it to RGB first") from error


def _opaque(rgba: np.ndarray) -> np.ndarray:
    """Return greys, shape (height, width), for colours and opacity in 0…1, shape (height, width, 4)."""
    grey, alpha = rgba[..., :3] @ np.array([0.299, 0.587, 0.114], dtype=np.float32), rgba[..., 3]
    if alpha.mean() > 0.5:  # a picture on paper with holes or round corners
        paper = float(np.median(grey[alpha > 0.5]))
    else:  # ink on nothing: the paper takes the colour opposite to the ink's, so that it stays visible
        paper = float((grey * alpha).sum() <= 0.5 * alpha.sum())
    return grey * alpha + paper * (1 - alpha)


def _flattened(grey: np.ndarray) -> np.ndarray:
    """Return how much each pixel differs from the paper, whose light a quadratic surface describes.

    The surface is fitted by least squares to what looks like paper; in turns, since the better it fits the better can
    be told what is paper.
    """
    if not np.isfinite(grey).all():
        raise ImageError("the image holds NaN or infinity")
    y, x = (np.linspace(-1, 1, size, dtype=np.float32) for size in grey.shape)
    y, x = y[:, None], x[None, :]
    terms = [np.broadcast_to(term, grey.shape).ravel() for term in (1, x, y, x * x, x * y, y * y)]
    surface, values = np.stack(terms, axis=1).astype(np.float32), grey.ravel()
    some = slice(None, None, max(1, values.size // 8000))  # enough points for six numbers
    border = np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]]))
    rest = values - border
    for _ in range(4):
        off = np.abs(rest[some])
        paper = off <= _otsu(off)
        if paper.mean() < 0.3:
            break
        rest = values - surface @ np.linalg.lstsq(surface[some][paper], values[some][paper], rcond=None)[0]
    return rest.reshape(grey.shape)


def _ink(difference: np.ndarray) -> np.ndarray:
    """Return the ink of each pixel, float32 in 0…1, for its difference from the paper; some pixel has full ink."""
    off = np.abs(difference)
    sign = np.sign(difference[off > _otsu(off)].sum()) or 1.0  # ink is darker than all paper, or lighter
    ink = np.maximum(sign * difference, 0)
    drawn = ink > _otsu(ink)
    pen = float(np.median(ink[drawn])) if drawn.any() else 0.0
    grain = float(difference[~drawn].std()) if not drawn.all() else 0.0
    if pen < max(CONTRAST, SEPARATION * grain):
        raise ImageError("the image is empty: draw or photograph one digit, with a clear contrast to the paper")
    return np.clip((ink / pen - FAINTEST) / (FULL - FAINTEST), 0, 1).astype(np.float32)


def _otsu(values: np.ndarray, bins: int = 128) -> float:
    """Return the threshold that best parts positive values into two groups (Otsu, 1979)."""
    largest = float(values.max(initial=0))
    if largest <= 0:
        return 0.0
    counts, edges = np.histogram(values, bins, (0, largest))
    below = np.cumsum(counts)[:-1]
    above = values.size - below
    sums = np.cumsum(counts * (edges[:-1] + edges[1:]) / 2)
    spread = below * above * (sums[:-1] / np.maximum(below, 1) - (sums[-1] - sums[:-1]) / np.maximum(above, 1)) ** 2
    return float(edges[1 + spread.argmax()])


def _shrunk(values: np.ndarray) -> np.ndarray:
    """Return an array whose longer side is at most the working size."""
    scale = WORKING_SIZE / max(values.shape)
    return _resized(values, scale) if scale < 1 else values


def _resized(values: np.ndarray, scale: float) -> np.ndarray:
    height, width = (max(1, round(side * scale)) for side in values.shape)
    method = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(values).resize((width, height), method))


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
