"""How far pictures are from what a network learnt from: in numbers, and side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageOps

from mnistbook.ch18_draw_your_own.drawings import KINDS, WAYS, Drawing, from_all_ink
from mnistbook.kit.figures import frame
from mnistbook.kit.style import COLOURS, GREY
from mnistlab.data import to_vectors
from mnistlab.images import ImageError, from_drawing
from mnistlab.images.pixels import SIDE, as_images
from mnistlab.network import Network

__all__ = ["everyday_sheet", "kinds_sheet", "measures"]

THUMBNAIL = 160
BEHIND = "#8fa3b5"
"""Seen through transparent pictures: neither the light nor the dark of any pen."""


def measures(sets: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return what tells sets of images apart, as means over each set: one row a set.

    Parameters
    ----------
    sets
        By name, uint8 images of shape (N, 28, 28), light on black as in MNIST.

    Returns
    -------
    pandas.DataFrame
        ``ink`` is the mean grey, in per cent of full ink. ``box`` is the longer side of the smallest rectangle with
        all pixels of more than half ink, and ``off centre`` the distance of the centre of mass from pixel (14, 14),
        where MNIST has it; both in pixels and for images that are not empty.
    """
    return pd.DataFrame({name: _measured(as_images(images)) for name, images in sets.items()}).T.rename_axis("images")


def kinds_sheet(network: Network, pictures: Sequence[Drawing]) -> Figure:
    """Draw the first picture of each kind, what scaling alone makes of it, and what ``from_drawing`` does.

    Below an image stands what the network reads in it.

    Parameters
    ----------
    network
        From 784 pixels in 0…1 to ten digits.
    pictures
        What :func:`mnistbook.ch18_draw_your_own.drawings.drawings` returns.
    """
    first = {kind: next(picture for picture in pictures if picture.kind == kind) for kind in KINDS}
    rows = -(-len(first) // 2)
    figure, axes = plt.subplots(rows, 6, figsize=(7, 1.45 * rows))
    for place, (kind, picture) in enumerate(first.items()):
        left, *others = axes[place % rows, 3 * (place // rows) : 3 * (place // rows) + 3]
        _show(left, _thumbnail(picture))
        left.set_xlabel(f"{kind}: {picture.digit}", fontsize=8)
        for at, way in zip(others, ("inverted, 28×28", "from_drawing"), strict=True):
            _show_read(at, network, WAYS[way](picture.open()), picture.digit)
    for column, title in enumerate(("picture", "inverted, 28×28", "from_drawing") * 2):
        axes[0, column].set_title(title, fontsize=8)
    return figure


def everyday_sheet(network: Network, pictures: Sequence[Drawing]) -> Figure:
    """Draw the first picture of each kind, what is made of it if all ink counts, and what ``from_drawing`` does.

    Below an image stands what the network reads in it; an image that was refused is empty.

    Parameters
    ----------
    network
        From 784 pixels in 0…1 to ten digits.
    pictures
        What :func:`mnistbook.ch18_draw_your_own.everyday.everyday` returns.
    """
    first: dict[str, Drawing] = {}
    for picture in pictures:
        first.setdefault(picture.kind, picture)
    rows = -(-len(first) // 3)
    figure, axes = plt.subplots(rows, 9, figsize=(7, 1.05 * rows), squeeze=False)
    for place, (kind, picture) in enumerate(first.items()):
        left, *others = axes[place % rows, 3 * (place // rows) : 3 * (place // rows) + 3]
        _show(left, _thumbnail(picture))
        left.set_title(kind, loc="left", fontsize=8)
        left.set_xlabel(str(picture.digit), fontsize=8)
        for at, way in zip(others, (from_all_ink, from_drawing), strict=True):
            try:
                image = way(picture.open())
            except ImageError:
                image = None
            _show_read(at, network, image, picture.digit)
    for at in axes.ravel():
        if not at.images:  # the last kinds leave places over
            at.set_axis_off()
    return figure


def _measured(images: np.ndarray) -> dict[str, float]:
    boxes, distances = [], []
    for image in images:
        if not image.any():
            continue
        drawn = image > 127
        if drawn.any():
            boxes.append(max(np.ptp(np.flatnonzero(drawn.any(axis=axis))) + 1 for axis in (0, 1)))
        mass = image / image.sum(dtype=float)
        middle = np.arange(SIDE) - SIDE / 2
        distances.append(np.hypot(mass.sum(axis=0) @ middle, mass.sum(axis=1) @ middle))
    return {
        "ink": 100 * float(images.mean()) / 255,
        "box": float(np.mean(boxes)),
        "off centre": float(np.mean(distances)),
    }


def _thumbnail(picture: Drawing) -> np.ndarray:
    """Return a small copy of a picture, upright, uint8: greys, or colours with opacity."""
    image = ImageOps.exif_transpose(picture.open())
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    image = image.convert("RGBA")
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    return np.asarray(image)


def _show(axes: Axes, image: np.ndarray) -> None:
    axes.imshow(image, cmap="gray", vmin=0, vmax=255)
    frame(axes, GREY)
    axes.set_facecolor(BEHIND)


def _show_read(axes: Axes, network: Network, image: np.ndarray | None, digit: int) -> None:
    """Show an image and what the network reads in it, which should be ``digit``; None is an image that was refused."""
    answer = None if image is None else int(network.predict(to_vectors(image[None]))[0])
    _show(axes, np.zeros((SIDE, SIDE)) if image is None else image)
    right = answer == digit
    axes.set_xlabel(
        "refused" if answer is None else f"read as {answer}",
        fontsize=8,
        color="black" if right else COLOURS[1],
        weight=None if right else "bold",
    )
