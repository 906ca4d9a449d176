"""Pictures as people send them, made from MNIST's digits, and how well they are read.

A drawn or photographed digit is not an MNIST digit: it is large, sharp, off-centre, thick or thin, dark on light, on
paper that is neither white nor even. :func:`drawings` makes such pictures from MNIST images, each as the bytes of a
file, so that reading the file is part of the test. :func:`compare` measures three ways to read them.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from PIL import Image, ImageFilter

from mnistbook.ch18_draw_your_own.ink import as_file, lit_paper, pen, sheet, tilted, written
from mnistlab.data import to_vectors
from mnistlab.images import ImageError, from_drawing
from mnistlab.images.drawing import in_field
from mnistlab.images.light import flattened, inked, pen_of, sign_of
from mnistlab.images.opening import greys
from mnistlab.images.shapes import box_of
from mnistlab.network import Network

__all__ = ["KINDS", "WAYS", "Drawing", "Way", "compare", "drawings", "from_all_ink", "from_alpha", "from_inverted"]

Way = Callable[[Image.Image], np.ndarray]


@dataclass(frozen=True)
class Drawing:
    """One picture: what it shows, the kind of change it went through, and its bytes as a file.

    Parameters
    ----------
    digit
        What it shows.
    kind
        One of :data:`KINDS`.
    index
        Number of the MNIST image that it was made from.
    data
        A PNG, JPEG, WebP or BMP file.
    """

    digit: int
    kind: str
    index: int
    data: bytes = field(repr=False)

    def open(self) -> Image.Image:
        """Return the picture, as stored."""
        return Image.open(io.BytesIO(self.data))


def drawings(images: np.ndarray, labels: np.ndarray, count: int = 240, seed: int = 0) -> list[Drawing]:
    """Return ``count`` pictures of as many different digits, the kinds in turn.

    Parameters
    ----------
    images, labels
        MNIST images, uint8 of shape (N, 28, 28), and their digits of shape (N,).
    count
        How many; a multiple of the number of kinds gives each kind its equal share.
    seed
        The same seed gives the same pictures.

    Raises
    ------
    ValueError
        If there are fewer images than pictures wanted.
    """
    if count > len(images):
        raise ValueError(f"{count} different pictures need as many images, and there are {len(images)}")
    chosen = np.random.default_rng(seed).permutation(len(images))[:count]
    made = []
    for place, index in enumerate(chosen):
        kind = list(KINDS)[place % len(KINDS)]
        data = KINDS[kind](images[index], np.random.default_rng([seed, place + 1]))
        made.append(Drawing(int(labels[index]), kind, int(index), data))
    return made


def compare(network: Network, pictures: Sequence[Drawing], ways: Mapping[str, Way] | None = None) -> pd.DataFrame:
    """Return the share of pictures read rightly: one row a kind and one for all, one column a way of :data:`WAYS`.

    Parameters
    ----------
    network
        From 784 pixels in 0…1 to ten digits.
    pictures
        What :func:`drawings` returns.
    ways
        From a picture to what the network reads; those of :data:`WAYS` if not given.
    """
    ways = WAYS if ways is None else ways
    digits = np.array([picture.digit for picture in pictures])
    seen: dict[str, list[np.ndarray | None]] = {way: [] for way in ways}
    for picture in pictures:
        opened = picture.open()  # once: unpacking is a good part of the work
        for way, prepare in ways.items():
            try:
                seen[way].append(prepare(opened))
            except ImageError:
                seen[way].append(None)  # refused, which is not read
    right = {}
    for way, images in seen.items():
        read = np.array([image is not None for image in images])
        x = np.stack([np.zeros((28, 28), np.uint8) if image is None else image for image in images])
        right[way] = (network.predict(to_vectors(x)) == digits) & read
    table = pd.DataFrame({"kind": [picture.kind for picture in pictures], **right})
    table = pd.concat([table, table.assign(kind="all")]).groupby("kind", sort=False)
    return table.mean().assign(pictures=table.size())[["pictures", *ways]]


def from_alpha(picture: Image.Image) -> np.ndarray:
    """Return the transparency scaled to 28×28, as the Gradio page of the first reproduced project reads a drawing.

    A picture without transparency is opaque everywhere, and nothing can be seen.
    """
    return np.asarray(picture.convert("RGBA").getchannel("A").resize((28, 28)))


def from_all_ink(picture: Image.Image) -> np.ndarray:
    """Return what ``from_drawing`` would if all ink were the digit's: nothing is looked for, nothing left out.

    Raises
    ------
    ImageError
        If nothing stands out from the paper.
    """
    difference = flattened(greys(picture)[0])
    strength = sign_of(difference) * difference
    ink = inked(strength, pen_of(strength))
    return in_field(ink[box_of(ink > 0.5)])


def from_inverted(picture: Image.Image) -> np.ndarray:
    """Return the picture as greys scaled to 28×28 and inverted, as the server of the fourth reproduced project does.

    Pillow cuts 16-bit greys at 255 in this conversion.
    """
    return 255 - np.asarray(picture.convert("L").resize((28, 28)))


WAYS: dict[str, Way] = {
    "alpha, 28×28": from_alpha,
    "inverted, 28×28": from_inverted,
    "from_drawing": from_drawing,
}
"""Ways from a picture to what a network reads, uint8 of shape (28, 28): two that were published, and the library's."""


# One function a kind: an MNIST image and a generator in, the bytes of a file out.


def _enlarged(image: np.ndarray, rng: np.random.Generator) -> bytes:
    return as_file(written(pen(image, rng.uniform(5, 20))))


def _moved_and_scaled(image: np.ndarray, rng: np.random.Generator) -> bytes:
    return as_file(written(sheet(pen(image, rng.uniform(2, 16)), rng, room=3)), "BMP")


def _thick(image: np.ndarray, rng: np.random.Generator) -> bytes:
    return as_file(written(sheet(pen(image, 10, rng.uniform(0.4, 0.9)), rng)), "WEBP", "RGB", quality=90)


def _thin(image: np.ndarray, rng: np.random.Generator) -> bytes:
    return as_file(written(sheet(pen(image, 10, -rng.uniform(0.3, 0.6)), rng)), mode="RGB")


def _light_on_dark(image: np.ndarray, rng: np.random.Generator) -> bytes:
    ink = sheet(pen(image, rng.uniform(5, 15)), rng)
    return as_file(written(ink, rng.uniform(0, 60), rng.uniform(200, 255)), mode="P")


def _paper_texture(image: np.ndarray, rng: np.random.Generator) -> bytes:
    ink = sheet(pen(image, rng.uniform(6, 14)), rng)
    return as_file(written(ink, lit_paper(ink.shape, rng), rng.uniform(20, 80)), mode="RGB")


def _perspective(image: np.ndarray, rng: np.random.Generator) -> bytes:
    return as_file(written(tilted(sheet(pen(image, 10), rng), rng)), mode="RGB")


def _jpeg_artefacts(image: np.ndarray, rng: np.random.Generator) -> bytes:
    ink = sheet(pen(image, rng.uniform(4, 10)), rng)
    return as_file(written(ink, 240, 30), "JPEG", "RGB", quality=int(rng.integers(5, 16)))


def _transparent(image: np.ndarray, rng: np.random.Generator) -> bytes:
    ink = sheet(pen(image, 12), rng)
    pixels = np.empty((*ink.shape, 4), np.uint8)
    pixels[..., :3] = rng.choice([(0, 0, 0), (255, 255, 255), (30, 60, 160), (200, 30, 30), (240, 220, 60)])
    pixels[..., 3] = np.rint(255 * ink)
    return as_file(pixels)


def _sixteen_bits(image: np.ndarray, rng: np.random.Generator) -> bytes:
    ink = sheet(pen(image, rng.uniform(5, 15)), rng)
    grey = rng.uniform(0.7, 1) - rng.uniform(0.4, 0.7) * ink
    return as_file(np.rint(65535 * (grey if rng.random() < 0.5 else 1 - grey)).astype(np.uint16))


def _low_contrast(image: np.ndarray, rng: np.random.Generator) -> bytes:
    ink, paper = sheet(pen(image, rng.uniform(5, 15)), rng), rng.uniform(100, 200)
    grain = rng.normal(0, 1, ink.shape)
    return as_file(written(ink, paper + grain, paper + rng.choice([-1, 1]) * rng.uniform(25, 45)))


def _photograph(image: np.ndarray, rng: np.random.Generator) -> bytes:
    """Everything at once, and the camera held sideways: it says so in the EXIF data."""
    ink = tilted(sheet(pen(image, rng.uniform(8, 16), rng.uniform(0, 0.5)), rng), rng)
    pixels = written(ink, lit_paper(ink.shape, rng), rng.uniform(30, 90))
    blurred = Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 2)))
    turns = int(rng.integers(0, 4))
    exif = Image.Exif()
    exif[0x0112] = (1, 6, 3, 8)[turns]  # how a viewer must turn it: not, by 90° clockwise, 180°, 270°
    return as_file(np.rot90(np.asarray(blurred), turns), "JPEG", "RGB", quality=int(rng.integers(25, 60)), exif=exif)


KINDS: dict[str, Callable[[np.ndarray, np.random.Generator], bytes]] = {
    "enlarged": _enlarged,
    "moved and scaled": _moved_and_scaled,
    "thick pen": _thick,
    "thin pen": _thin,
    "light on dark": _light_on_dark,
    "paper texture": _paper_texture,
    "perspective": _perspective,
    "JPEG artefacts": _jpeg_artefacts,
    "transparent": _transparent,
    "16 bits": _sixteen_bits,
    "low contrast": _low_contrast,
    "photograph": _photograph,
}
"""What is done to a digit, by the name that :func:`compare` shows."""
