"""Pictures of digits: from whatever a person drew or photographed to what MNIST holds.

MNIST's digits are light on black, scaled with their proportions into a box of 20×20 pixels, and moved so that their
centre of mass is the centre of a field of 28×28 (LeCun et al., 1998). A network that learnt from them wants the same.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from mnistlab.images.finding import find_digit
from mnistlab.images.light import FAINTEST, FULL
from mnistlab.images.opening import FORMATS, MAX_PIXELS, WORKING_SIZE, ImageError, Picture, greys, resized

__all__ = [
    "BOX",
    "FAINTEST",
    "FIELD",
    "FORMATS",
    "FULL",
    "STRETCHED",
    "USUAL",
    "WIDEST",
    "WORKING_SIZE",
    "ImageError",
    "from_drawing",
    "in_field",
    "unstretched",
]

FIELD, BOX = 28, 20
WIDEST, USUAL, STRETCHED = 1.3, 0.8, 3.5
"""Width over height: what is wider than nearly all of MNIST's digits was stretched; to what it is brought back; and
what is wider than any of them would be if it were stretched to twice its width, and is left as it is."""


def from_drawing(picture: Picture, *, max_pixels: int = MAX_PIXELS, name: str | None = None) -> np.ndarray:
    """Return a picture of one digit as MNIST would hold it: uint8, shape (28, 28), light on black.

    Parameters
    ----------
    picture
        A file (PNG, JPEG, WebP or BMP), an open binary file or a Pillow image: dark on light or light on dark, any
        size, grey or coloured, 8 or 16 bits, with or without transparency. Also an array of shape (height, width),
        (height, width, 3) or (height, width, 4), and the dictionary that Gradio's sketchpad gives. Besides the digit
        there may be specks, a page number, a piece of a neighbour, a shadow, a table or a frame.
    max_pixels
        Larger files are refused before they are unpacked.
    name
        What messages call the picture, if not by its file's name.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImageError
        If it is no image, has more than ``max_pixels`` pixels, shows nothing, or shows several things.
    """
    return in_field(unstretched(find_digit(*greys(picture, max_pixels, name))))


def unstretched(digit: np.ndarray) -> np.ndarray:
    """Return the ink of a digit, cut out, narrower if it is so wide that it must have been stretched."""
    height, width = digit.shape
    if not WIDEST * height < width <= STRETCHED * height:
        return digit
    return np.asarray(Image.fromarray(digit).resize((max(1, round(USUAL * height)), height), Image.Resampling.BOX))


def in_field(digit: np.ndarray) -> np.ndarray:
    """Return the ink of a digit, cut out, scaled into the box and centred in the field: uint8, shape (28, 28).

    Parameters
    ----------
    digit
        Of shape (height, width), float32 in 0…1, full somewhere.
    """
    small = resized(digit, BOX / max(digit.shape))
    return np.rint(255 * _centred(np.clip(small / small.max(), 0, 1))).astype(np.uint8)


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
