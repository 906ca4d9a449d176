"""Ink on sheets: what pictures of digits are made from.

Ink is an array of floats, 0 where there is none and 1 where it is full.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageFilter

__all__ = ["as_file", "lit_paper", "pen", "sheet", "tilted", "written"]


def pen(image: np.ndarray, factor: float, widen: float = 0.0) -> np.ndarray:
    """Return a digit ``factor`` times as large, with sharp edges, ``widen`` of MNIST's pixels wider on each side."""
    side = round(28 * factor)
    ink = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
    for _ in range(round(abs(widen) * factor)):  # a pixel a turn, which is much faster than one wide filter
        ink = ink.filter(ImageFilter.MaxFilter(3) if widen > 0 else ImageFilter.MinFilter(3))
    ink = np.asarray(ink, dtype=np.float32) / 255
    # MNIST's edges are grey because of its scaling; a pen's are sharp.
    return np.clip((ink - 0.4) * 3 + 0.5, 0, 1) if widen >= 0 else np.clip(ink * 2, 0, 1)


def sheet(ink: np.ndarray, rng: np.random.Generator, room: float = 2.0) -> np.ndarray:
    """Return the ink somewhere on a sheet up to ``room`` times as high and as wide."""
    height, width = (round(side * rng.uniform(1, room)) for side in ink.shape)
    top, left = rng.integers(0, height - ink.shape[0] + 1), rng.integers(0, width - ink.shape[1] + 1)
    whole = np.zeros((height, width), np.float32)
    whole[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return whole


def tilted(ink: np.ndarray, rng: np.random.Generator, strength: float = 0.12) -> np.ndarray:
    """Return the ink as seen from the side: each corner moved by up to ``strength`` of the sheet."""
    height, width = ink.shape
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=float)
    moved = corners + rng.uniform(-strength, strength, (4, 2)) * (width, height)
    # The eight coefficients that Pillow wants map each corner of the result to its place in the source.
    rows = []
    for (x, y), (u, v) in zip(corners, moved, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    coefficients = np.linalg.solve(np.array(rows), moved.ravel())
    tilted = Image.fromarray(ink).transform(
        (width, height), Image.Transform.PERSPECTIVE, tuple(coefficients), Image.Resampling.BICUBIC
    )
    return np.clip(np.asarray(tilted), 0, 1)


def lit_paper(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return lit paper, in 0…255: brighter on one side, stained, with a fine grain; one sheet in two is squared."""
    height, width = shape
    slope = rng.uniform(-25, 25, 2)
    light = np.linspace(-1, 1, height)[:, None] * slope[0] + np.linspace(-1, 1, width) * slope[1]
    stains = Image.fromarray(rng.normal(0, 6, (5, 5)).astype(np.float32))
    stains = np.asarray(stains.resize((width, height), Image.Resampling.BICUBIC))
    paper = rng.uniform(170, 215) + light + stains + rng.normal(0, 4, shape)
    if rng.random() < 0.5:
        step, first, depth = int(rng.integers(30, 60)), int(rng.integers(0, 30)), rng.uniform(10, 30)
        paper[first::step] -= depth
        paper[:, first::step] -= depth
    return paper


def written(ink: np.ndarray, paper: np.ndarray | float = 255.0, pen: float = 0.0) -> np.ndarray:
    """Return ink of the grey ``pen`` on paper, uint8."""
    return np.clip(np.rint(paper * (1 - ink) + pen * ink), 0, 255).astype(np.uint8)


def as_file(pixels: np.ndarray, kind: str = "PNG", mode: str | None = None, **options: object) -> bytes:
    """Return pixels as the bytes of a file."""
    file = io.BytesIO()
    image = Image.fromarray(pixels)
    if kind == "PNG":
        options["compress_level"] = 1  # the same pixels in a third of the time
    (image.convert(mode) if mode else image).save(file, kind, **options)
    return file.getvalue()
