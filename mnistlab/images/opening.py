"""From whatever holds a picture to its greys."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

__all__ = ["FORMATS", "MAX_PIXELS", "WORKING_SIZE", "ImageError", "Picture", "greys", "resized"]

FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
"""Kinds of files that are read. Pillow knows many more, whose readers a stranger's file need not reach."""

MAX_PIXELS = 40_000_000
WORKING_SIZE = 256

Picture = str | Path | BinaryIO | Image.Image | np.ndarray | Mapping


class ImageError(ValueError):
    """A file is no image, or an image does not show one digit."""


def greys(picture: Picture, max_pixels: int = MAX_PIXELS, name: str | None = None) -> tuple[np.ndarray, bool]:
    """Return the greys of a picture, 0…1, float32, at working size, and whether its paper is even for certain.

    Parameters and errors are those of :func:`mnistlab.images.from_drawing`.
    """
    image = _open(picture, max_pixels, name)
    opacity = _cut_out_ink(image)
    return (_grey(image), False) if opacity is None else (1 - opacity, True)


def _open(picture: Picture, max_pixels: int, name: str | None) -> Image.Image:
    """Return an upright image, whatever its mode, or say why it is none."""
    if isinstance(picture, Mapping):
        picture = _of_editor(picture)
    if isinstance(picture, np.ndarray):
        picture = _of_array(picture)
    if isinstance(picture, Image.Image):
        return ImageOps.exif_transpose(picture)
    if not isinstance(picture, str | Path) and not hasattr(picture, "read"):
        raise ImageError(
            f"a picture is a file, a Pillow image, an array or what Gradio's editor gives, not {picture!r:.60}"
        )
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


def _of_editor(value: Mapping) -> Image.Image | np.ndarray | str:
    """Return the picture in the dictionary that Gradio's sketchpad and image editor give to a function."""
    if not {"composite", "layers", "background"} & set(value):
        raise ImageError(
            f"a dictionary must have Gradio's 'composite', which this one lacks: {', '.join(map(str, value))}"
        )
    drawn = [value.get("composite"), *(value.get("layers") or ()), value.get("background")]
    found = [each for each in drawn if each is not None]
    if not found:
        raise ImageError("the image is empty: nothing has been drawn yet")
    return found[0]


def _of_array(array: np.ndarray) -> Image.Image:
    """Return an image of greys, or of colours with or without opacity, whatever the range of its numbers."""
    shape = array.shape
    if array.ndim == 3 and 1 in (shape[0], shape[2]):
        array = array[0] if shape[0] == 1 else array[..., 0]
    if (
        array.ndim not in (2, 3)
        or array.dtype.kind not in "buif"
        or 0 in shape
        or array.shape[2:] not in ((), (3,), (4,))
    ):
        raise ImageError(
            "an array must be one picture of numbers, of shape (height, width), (height, width, 3) or "
            f"(height, width, 4), not {array.dtype} of shape {shape}"
        )
    if array.dtype == np.uint8:
        return Image.fromarray(array)
    values = _to_one(array.astype(np.float32))
    return Image.fromarray(values if values.ndim == 2 else np.rint(255 * values).astype(np.uint8))


def _grey(image: Image.Image) -> np.ndarray:
    """Return greys at working size, float32 in 0…1 (in whatever range floats came)."""
    try:
        if image.mode.startswith("I"):  # 16 bits and more: Pillow would cut, not scale
            whole = np.asarray(image)
            return _shrunk(whole.astype(np.float32) / (65535 if whole.max(initial=0) > 255 else 255))
        if image.mode == "F":
            return _shrunk(_to_one(np.asarray(image)))
        if "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info:
            rgba = image.convert("RGBA")
            rgba.thumbnail((WORKING_SIZE, WORKING_SIZE), Image.Resampling.BOX)
            return _opaque(np.asarray(rgba, dtype=np.float32) / 255)
        return _shrunk(np.asarray(image.convert("L"), dtype=np.float32) / 255)
    except ImageError:
        raise
    except (OSError, ValueError) as error:
        raise ImageError(f"an image of mode {image.mode} cannot be read: convert it to RGB first") from error


def _to_one(values: np.ndarray) -> np.ndarray:
    """Return floats in 0…1: as they are if they lie there, else moved and scaled."""
    if not np.isfinite(values).all():
        raise ImageError("the image holds NaN or infinity")
    values = values - min(float(values.min()), 0.0)
    return values / max(float(values.max()), 1.0)


def _opaque(rgba: np.ndarray) -> np.ndarray:
    """Return greys, shape (height, width), for colours and opacity in 0…1, shape (height, width, 4)."""
    grey, alpha = rgba[..., :3] @ np.array([0.299, 0.587, 0.114], dtype=np.float32), rgba[..., 3]
    if alpha.mean() > 0.5:  # a picture on paper with holes or round corners
        paper = float(np.median(grey[alpha > 0.5]))
    else:  # ink on nothing: the paper takes the colour opposite to the ink's, so that it stays visible
        paper = float((grey * alpha).sum() <= 0.5 * alpha.sum())
    return grey * alpha + paper * (1 - alpha)


def _cut_out_ink(image: Image.Image) -> np.ndarray | None:
    """Return how opaque a picture is, with room around, if it is one ink on nothing; else None."""
    if image.mode not in ("RGBA", "LA"):
        return None
    image = image.convert("RGBA")
    image.thumbnail((WORKING_SIZE, WORKING_SIZE), Image.Resampling.BOX)
    colours = np.asarray(image, dtype=np.float32) / 255
    alpha = colours[..., 3]
    ink = colours[alpha > 0.5][:, :3]
    if not len(ink) or alpha.min() >= 0.5 or np.ptp(ink, axis=0).max() > 0.1:
        return None
    height, width = alpha.shape
    return np.pad(alpha, ((height // 4, height // 4), (width // 4, width // 4)))


def _shrunk(values: np.ndarray) -> np.ndarray:
    """Return an array whose longer side is at most the working size."""
    scale = WORKING_SIZE / max(values.shape)
    return resized(values, scale) if scale < 1 else values


def resized(values: np.ndarray, scale: float) -> np.ndarray:
    """Return an array ``scale`` times as high and as wide."""
    height, width = (max(1, round(side * scale)) for side in values.shape)
    method = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(values).resize((width, height), method))
