"""Images of digits: from drawings to what MNIST holds, upright digits, and random distortions of them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from mnistlab.images.augmentation import Augmentation
from mnistlab.images.deskewing import deskew, moments
from mnistlab.images.displacements import affine_displacements, elastic_displacements
from mnistlab.images.warping import warp

if TYPE_CHECKING:
    from mnistlab.images.drawing import ImageError, from_drawing

__all__ = [
    "Augmentation",
    "ImageError",
    "affine_displacements",
    "deskew",
    "elastic_displacements",
    "from_drawing",
    "moments",
    "warp",
]


def __getattr__(name: str) -> object:
    if name in ("ImageError", "from_drawing"):  # these need Pillow, which training does without
        return getattr(import_module("mnistlab.images.drawing"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
