"""From the bytes of a picture to a digit."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from threading import Lock

import numpy as np
from PIL import Image

from mnistlab.app.problems import Problem
from mnistlab.data import to_vectors
from mnistlab.images import ImageError, from_drawing
from mnistlab.network import Network

__all__ = ["Reading", "Recognizer"]


@dataclass(frozen=True)
class Reading:
    """What a network reads in a picture: ten probabilities, and the image that it saw, uint8 of shape (28, 28)."""

    probabilities: np.ndarray
    image: np.ndarray

    @property
    def digit(self) -> int:
        """The most probable digit."""
        return int(self.probabilities.argmax())

    def image_address(self) -> str:
        """Return the image as an address that a page can show with no further request."""
        file = io.BytesIO()
        Image.fromarray(self.image).save(file, "PNG")
        return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


class Recognizer:
    """A network that reads pictures, from several threads.

    Parameters
    ----------
    network
        From 784 pixels to ten digits.
    pixels
        Largest picture.
    """

    def __init__(self, network: Network, pixels: int):
        self.network, self.pixels = network, pixels
        self._lock = Lock()

    def read(self, data: bytes) -> Reading:
        """Return what the picture in a file shows.

        Raises
        ------
        Problem
            415 if it is no PNG, JPEG, WebP or BMP file; 422 if it is damaged, too large, or shows nothing.
        """
        if not data:
            raise Problem(422, "The file is empty.")
        if not _is_picture(data):
            raise Problem(415, "Send a picture: a PNG, JPEG, WebP or BMP file. This is something else.")
        try:
            image = from_drawing(io.BytesIO(data), max_pixels=self.pixels, name="the picture")
        except ImageError as error:
            message = str(error)
            raise Problem(422, f"{message[0].upper()}{message[1:]}.") from None
        with self._lock:  # layers remember their inputs, so that one pass must end before the next begins
            probabilities = self.network.predict_proba(to_vectors(image[None], self.network.dtype))[0]
        return Reading(probabilities, image)


def _is_picture(data: bytes) -> bool:
    return data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM")) or (
        data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    )
