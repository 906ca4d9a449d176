"""Pictures as people make them by accident: with foreign ink, on a table, in shadow, out of focus, cut too close.

:data:`EVERYDAY` holds one function a kind. Each makes the bytes of a file from an MNIST image, another one that may
stand beside it, and a generator.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from mnistbook.ch18_draw_your_own.drawings import Drawing
from mnistbook.ch18_draw_your_own.ink import as_file, lit_paper, pen, tilted, written
from mnistlab.images.pieces import grown
from mnistlab.images.shapes import box_of

__all__ = ["EVERYDAY", "SEVERAL", "everyday"]

Kind = Callable[[np.ndarray, np.ndarray, np.random.Generator], bytes]


def everyday(
    images: np.ndarray, labels: np.ndarray, each: int = 300, seed: int = 0, kinds: Collection[str] | None = None
) -> list[Drawing]:
    """Return ``each`` pictures of each kind of :data:`EVERYDAY`, of the same digits for every kind.

    Parameters
    ----------
    images, labels
        MNIST images, uint8 of shape (N, 28, 28), and their digits of shape (N,).
    each
        How many of each kind.
    seed
        The same seed gives the same pictures.
    kinds
        Names of those that are made; all if not given.

    Raises
    ------
    ValueError
        If there are fewer images than pictures of a kind.
    """
    if each > len(images):
        raise ValueError(f"{each} different digits need as many images, and there are {len(images)}")
    chosen = np.random.default_rng(seed).permutation(len(images))[:each]
    made = []
    for number, (kind, make) in enumerate(EVERYDAY.items()):
        if kinds is not None and kind not in kinds:
            continue
        for place, index in enumerate(chosen):
            rng = np.random.default_rng([seed, number, place])
            data = make(images[index], images[chosen[place - 1]], rng)
            made.append(Drawing(int(labels[index]), kind, int(index), data))
    return made


def _on_sheet(image: np.ndarray, rng: np.random.Generator, room: float = 0.6) -> np.ndarray:
    """Return a digit of 140 to 340 pixels with some room on all sides, as ink."""
    ink = pen(image, rng.uniform(6, 14))
    edge = round(room * len(ink) * rng.uniform(0.5, 1))
    return np.pad(ink, edge)


def _trimmed(ink: np.ndarray, margin: int = 0) -> np.ndarray:
    """Return the part of the sheet that has ink, and a margin."""
    return np.pad(ink[box_of(ink > 0.5)], margin)


def _free_place(ink: np.ndarray, size: int, rng: np.random.Generator) -> tuple[int, int]:
    """Return the corner of a square in which there is no ink, nor close to it."""
    near = grown(ink > 0.1, size + len(ink) // 60)
    rows, columns = np.nonzero(~near[:-size, :-size])
    place = int(rng.integers(len(rows)))
    return int(rows[place]), int(columns[place])


# Foreign ink.


def _corner_pixel(image: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> bytes:
    pixels = written(_on_sheet(image, rng))
    pixels[rng.choice([0, -1]), rng.choice([0, -1])] = 0
    return as_file(pixels)


def _dot(image: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> bytes:
    ink = _on_sheet(image, rng)
    row, column = _free_place(ink, 6, rng)
    pixels = Image.fromarray(written(ink))
    ImageDraw.Draw(pixels).ellipse((column, row, column + 5, row + 5), 0)
    return as_file(np.asarray(pixels))


def _pepper(image: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> bytes:
    pixels = written(_on_sheet(image, rng))
    pixels[rng.random(pixels.shape) < rng.uniform(0.0005, 0.002)] = 0
    return as_file(pixels)


def _page_number(image: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> bytes:
    ink = _on_sheet(image, rng, 0.4)
    rows = np.flatnonzero((ink > 0.5).any(axis=1))
    size = round(rng.uniform(0.1, 0.18) * np.ptp(rows))
    page = Image.fromarray(written(np.pad(ink, ((0, 2 * size), (0, 0)))))
    place = (page.width * rng.uniform(0.3, 0.6), rows[-1] + rng.uniform(0.8, 1.5) * size)
    ImageDraw.Draw(page).text(place, str(rng.integers(1, 400)), 0, ImageFont.load_default(size))
    return as_file(np.asarray(page))


def _neighbour(image: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> bytes:
    """A row of digits, cut apart too late: a quarter to a half of the next one is there."""
    factor = rng.uniform(6, 14)
    ink, beside = (_trimmed(pen(each, factor), 2) for each in (image, other))
    gap = round(factor * rng.uniform(4, 7))
    part = beside[:, : max(3, round(beside.shape[1] * rng.uniform(0.25, 0.5)))]
    height = max(len(ink), len(part)) + 2 * gap
    ink, part = (
        np.pad(each, (((height - len(each)) // 2, -(-(height - len(each)) // 2)), (0, 0))) for each in (ink, part)
    )
    row = np.hstack([np.zeros((height, gap)), ink, np.zeros((height, gap)), part])
    return as_file(written(row))


def _ruled(image: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> bytes:
    ink = _on_sheet(image, rng)
    paper = np.full((*ink.shape, 3), 245.0)
    paper[int(rng.integers(0, 20)) :: int(rng.integers(25, 60))] = (150, 180, 225)
    return as_file(written(ink[..., None], paper, rng.uniform(0, 60)))


# Edges that are not the digit's.


def _ground(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return a table: dark or middling, with a grain that runs one way."""
    grain = np.repeat(rng.normal(0, 6, (shape[0], 1)), shape[1], axis=1) + rng.normal(0, 3, shape)
    return rng.uniform(40, 120) + grain


def _laid(paper: np.ndarray, ground: np.ndarray, place: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(paper * place + ground * (1 - place)), 0, 255).astype(np.uint8)


def _on_a_table(image: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> bytes:
    ink = _on_sheet(image, rng)
    around = round(len(ink) * rng.uniform(0.15, 0.4))
    place, ink = np.pad(np.ones_like(ink), around), np.pad(ink, around)
    both, state = [], int(rng.integers(2**32))
    for layer in (place, ink):
        turned = tilted(layer, np.random.default_rng(state), 0.06)
        both.append(np.asarray(Image.fromarray(turned).rotate(state % 21 - 10, Image.Resampling.BILINEAR)))
    paper = written(both[1], lit_paper(ink.shape, rng), rng.uniform(20, 70)).astype(float)
    return as_file(_laid(paper, _ground(ink.shape, rng), both[0]), "JPEG", "RGB", quality=85)


def _table_edge(image: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> bytes:
    ink = _on_sheet(image, rng)
    wide = [
        round(len(ink) * rng.uniform(0.08, 0.4)) * int(side) for side in rng.permutation([1, rng.integers(2), 0, 0])
    ]
    sides = ((wide[0], wide[1]), (wide[2], wide[3]))
    place, ink = np.pad(np.ones_like(ink), sides), np.pad(ink, sides)
    paper = written(ink, rng.uniform(190, 250), rng.uniform(20, 70)).astype(float)
    return as_file(_laid(paper, _ground(ink.shape, rng), place), mode="RGB")


def _white_frame(image: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> bytes:
    """Half of them light on black in a white margin, as a plot is saved; half on grey paper in a white frame."""
    ink = _on_sheet(image, rng)
    pixels = written(ink, 0, 255) if rng.random() < 0.5 else written(ink, rng.uniform(130, 210), rng.uniform(0, 50))
    return as_file(np.pad(pixels, round(len(ink) * rng.uniform(0.05, 0.3)), constant_values=255))


def _in_a_box(image: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> bytes:
    """As on a form: a line around it, with the same ink."""
    ink = _on_sheet(image, rng)
    line = int(rng.integers(2, 6))
    return as_file(written(np.pad(np.pad(ink, line, constant_values=1), round(len(ink) * rng.uniform(0.05, 0.2)))))


# Full pictures.


def _felt_pen_trimmed(image: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> bytes:
    ink = _trimmed(pen(image, rng.uniform(6, 12), rng.uniform(0.4, 0.9)))
    pixels = np.empty((*ink.shape, 4), np.uint8)
    pixels[..., :3] = rng.choice([(0, 0, 0), (30, 60, 160), (200, 30, 30), (255, 255, 255)])
    pixels[..., 3] = np.rint(255 * ink)
    return as_file(pixels)


def _out_of_focus(image: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> bytes:
    pixels = Image.fromarray(written(_trimmed(pen(image, 10), 4), rng.uniform(220, 255), rng.uniform(0, 60)))
    return as_file(np.asarray(pixels.filter(ImageFilter.GaussianBlur(0.05 * pixels.height))))


def _hands_shadow(image: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> bytes:
    """Half of the paper, beyond a line through its middle, with 40 % of its light; the edge is more or less soft."""
    ink = _on_sheet(image, rng)
    angle, soft = rng.uniform(0, 2 * np.pi), rng.uniform(0.002, 0.06)
    y, x = np.meshgrid(*(np.linspace(-1, 1, side) for side in ink.shape), indexing="ij")
    lit = 1 - 0.6 / (1 + np.exp(-np.clip((np.cos(angle) * x + np.sin(angle) * y) / soft, -50, 50)))
    pixels = written(ink, rng.uniform(200, 245), rng.uniform(20, 60)) * lit + rng.normal(0, 1.5, ink.shape)
    return as_file(np.clip(np.rint(pixels), 0, 255).astype(np.uint8), "JPEG", "RGB", quality=85)


# Other shapes.


def _dithered(image: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> bytes:
    grey = Image.fromarray(written(_on_sheet(image, rng), rng.uniform(190, 250), rng.uniform(0, 60)))
    return as_file(np.asarray(grey.convert("1")))


def _hollow(image: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> bytes:
    ink = _on_sheet(image, rng)
    solid = Image.fromarray(((ink > 0.5) * 255).astype(np.uint8))
    inner = solid.filter(ImageFilter.MinFilter(2 * int(rng.integers(1, 4)) + 1))
    return as_file(255 - (np.asarray(solid) - np.asarray(inner)))


def _stretched(image: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> bytes:
    picture = Image.fromarray(written(_on_sheet(image, rng)))
    return as_file(np.asarray(picture.resize((2 * picture.width, picture.height))))


# What was read before too.


def _inverted(image: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> bytes:
    return as_file(255 - written(_on_sheet(image, rng)))


def _turned(image: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> bytes:
    turns = int(rng.integers(0, 4))
    exif = Image.Exif()
    exif[0x0112] = (1, 6, 3, 8)[turns]
    pixels = written(_on_sheet(image, rng), 230, 40)
    return as_file(np.rot90(pixels, turns), "JPEG", "RGB", quality=80, exif=exif)


def _palette(image: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> bytes:
    return as_file(written(_on_sheet(image, rng)[..., None], np.array([250, 245, 200.0]), 30), mode="P")


def _cmyk(image: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> bytes:
    return as_file(written(_on_sheet(image, rng), 240, 20), "JPEG", "CMYK", quality=85)


def _sixteen_bits(image: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> bytes:
    return as_file(np.rint(65535 * (0.9 - 0.7 * _on_sheet(image, rng))).astype(np.uint16))


def _thin_pen(image: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> bytes:
    return as_file(written(np.pad(pen(image, 10, -rng.uniform(0.3, 0.6)), 40)))


def _coloured_ink(image: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> bytes:
    colour = rng.choice([(30, 60, 200), (200, 30, 30), (20, 130, 60), (150, 40, 160)]).astype(float)
    return as_file(written(_on_sheet(image, rng)[..., None], 250, colour))


def _as_stored(image: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> bytes:
    """The 28×28 pixels themselves, light on black or dark on white."""
    return as_file(image if rng.random() < 0.5 else 255 - image)


EVERYDAY: dict[str, Kind] = {
    "pixel in a corner": _corner_pixel,
    "dot": _dot,
    "pepper": _pepper,
    "page number": _page_number,
    "piece of a neighbour": _neighbour,
    "paper on a table": _on_a_table,
    "edge of the table": _table_edge,
    "white frame": _white_frame,
    "box of a form": _in_a_box,
    "felt pen, trimmed": _felt_pen_trimmed,
    "out of focus": _out_of_focus,
    "hand's shadow": _hands_shadow,
    "dithered": _dithered,
    "hollow": _hollow,
    "stretched 2:1": _stretched,
    "inverted": _inverted,
    "turned (EXIF)": _turned,
    "palette": _palette,
    "CMYK": _cmyk,
    "16 bits": _sixteen_bits,
    "thin pen": _thin_pen,
    "coloured ink": _coloured_ink,
    "ruled paper": _ruled,
    "28×28": _as_stored,
}
"""What is done to a digit, by name."""


# Two digits.


def _two(image: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> bytes:
    factor = rng.uniform(5, 10)
    left, right = (_trimmed(pen(each, factor), 2) for each in (image, other))
    height = max(len(left), len(right))
    left, right = (np.pad(each, ((height - len(each), 0), (0, 0))) for each in (left, right))
    gap = np.zeros((height, round(factor * rng.uniform(4, 10))))
    return as_file(written(np.pad(np.hstack([left, gap, right]), round(factor * 6))))


SEVERAL: dict[str, Kind] = {"two digits": _two}
