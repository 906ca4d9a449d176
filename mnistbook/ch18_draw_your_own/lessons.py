"""What the application's network learns from besides MNIST's digits: other pens, other hands, and what is no digit.

All are images as ``from_drawing`` would make them, made without it, which is faster. What the chapter measures on is
made otherwise: from other digits, by other code, and what holds no digit is mostly of other kinds.
"""

from __future__ import annotations

import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from mnistbook.ch18_draw_your_own.foreign import enlarged, foreign_digits
from mnistbook.ch18_draw_your_own.ink import pen
from mnistlab.images.drawing import in_field, unstretched
from mnistlab.images.light import EmptyError, inked, pen_of
from mnistlab.images.shapes import box_of

__all__ = ["flagged_ones", "no_digits", "other_hands", "other_pens"]

SIDE = 112
"""Pixels across the sheets."""

LETTERS = "AEFHKMNRVWXacdefhkmnruvwx&#@%?!§=+*"
"""Signs that nobody takes for a digit, as O, l and b may be."""

HARD = "##**&&%%@@==++aaaaaaeehhknruAFHKRX"
"""Those that a network takes for one most easily."""


def other_pens(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return digits as thick, thin and soft pens, coarse scanners, outlines and stretching make them, uint8.

    Parameters
    ----------
    images
        MNIST images, uint8 of shape (N, 28, 28).
    rng
        Where the randomness comes from.
    """
    return np.stack([_with_other_pen(image, rng) for image in images])


def flagged_ones(count: int, rng: np.random.Generator) -> np.ndarray:
    """Return 1s as many hands write them, which are rare in MNIST: with a flag, on a foot, or fat; uint8."""
    return np.stack([_flagged_one(rng) for _ in range(count)])


def other_hands(times: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return images made from the foreign digits that are there to learn from, each ``times`` times, and the digits."""
    few, digits = foreign_digits(learnt=True)
    made = []
    for image in np.repeat(few, times, axis=0):
        soft = Image.fromarray(np.rint(255 * enlarged(image, 8)).astype(np.uint8))
        ink = np.asarray(soft.filter(ImageFilter.GaussianBlur(rng.uniform(0, 3))), np.float32) / 255
        made.append(_fielded(inked(ink, pen_of(ink) * rng.uniform(0.85, 1.1))))
    return np.stack(made), np.repeat(digits, times)


def no_digits(images: np.ndarray, count: int, rng: np.random.Generator, hard: bool = False) -> np.ndarray:
    """Return images without a digit, the kinds in turn, uint8 of shape (count, 28, 28).

    Parameters
    ----------
    images
        MNIST images, of which some are torn apart and put together wrongly.
    count
        How many.
    rng
        Where the randomness comes from.
    hard
        Whether there are also kinds that are often taken for digits: stars, signs by other pens, wedges and bands.
    """
    kinds = [_scribble, _lines, _shape, _sign, _word, _blob, _pattern, lambda rng: _torn(images, rng)]
    if hard:
        kinds += [_star, _pulled_sign, _pulled_sign, _wedge, _band]
    made = []
    while len(made) < count:
        ink = np.asarray(kinds[len(made) % len(kinds)](rng), np.float32)
        if (ink > 0.5).any():
            made.append(_fielded(ink))
    return np.stack(made)


def _fielded(ink: np.ndarray) -> np.ndarray:
    return in_field(unstretched(np.ascontiguousarray(ink[box_of(ink > 0.5)])))


def _with_other_pen(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    factor = 4
    ink = pen(image, factor, rng.choice([0, rng.uniform(0, 1), rng.uniform(-0.6, 0)]))
    if rng.random() < 0.5:
        ink = _pulled(ink, rng.uniform(1, 2.2), int(rng.integers(2)))
    way = rng.random()
    if way < 0.3:
        soft = Image.fromarray(np.rint(255 * ink).astype(np.uint8)).filter(ImageFilter.GaussianBlur(rng.uniform(1, 6)))
        ink = np.asarray(soft, np.float32) / 255
    elif way < 0.6:
        ink = _coarse(ink, int(rng.integers(8, 13)))
    elif way < 0.66:
        solid = Image.fromarray(((np.pad(ink, 2) > 0.5) * 255).astype(np.uint8))
        ink = (np.asarray(solid) - np.asarray(solid.filter(ImageFilter.MinFilter(3)))).astype(np.float32) / 255
    try:
        ink = inked(ink, pen_of(ink))
    except EmptyError:
        return image
    return _fielded(ink) if (ink > 0.5).any() else image


def _pulled(ink: np.ndarray, factor: float, axis: int) -> np.ndarray:
    """Return ink that is ``factor`` times as high (axis 0) or as wide (axis 1)."""
    size = [ink.shape[1], ink.shape[0]]
    size[1 - axis] = round(factor * size[1 - axis])
    return np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BICUBIC)).clip(0, 1)


def _coarse(ink: np.ndarray, pixels: int) -> np.ndarray:
    """Return ink of which only so many pixels across were kept."""
    part = Image.fromarray(ink[box_of(ink > 0.5)])
    scale = pixels / max(part.size)
    few = part.resize([max(1, round(side * scale)) for side in part.size], Image.Resampling.BOX)
    few = Image.fromarray(np.pad(np.asarray(few), 2))
    return np.asarray(few.resize((8 * few.width, 8 * few.height), Image.Resampling.BICUBIC)).clip(0, 1)


def _drawn(strokes: list[np.ndarray], width: float, filled: bool = False) -> np.ndarray:
    """Return ink of lines through points in 0…1, with round ends."""
    sheet = Image.new("L", (SIDE, SIDE))
    draw = ImageDraw.Draw(sheet)
    for points in strokes:
        places = [tuple(place) for place in (0.1 + 0.8 * np.asarray(points)) * SIDE]
        if filled:
            draw.polygon(places, 255)
            continue
        draw.line(places, 255, max(1, round(width)), joint="curve")
        for x, y in places:
            draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), 255)
    return np.asarray(sheet, np.float32) / 255


def _flagged_one(rng: np.random.Generator) -> np.ndarray:
    lean, flag = rng.uniform(-0.12, 0.25), rng.uniform(0.1, 0.4)
    top, bottom = np.array([0.5 + lean, 0]), np.array([0.5 - lean, 1])
    strokes = [np.stack([top, bottom])]
    if rng.random() < 0.8:
        strokes.append(np.stack([top, np.add(top, (-flag, rng.uniform(0.5, 1.1) * flag))]))
    if rng.random() < 0.4:
        foot = rng.uniform(0.1, 0.3, 2)
        strokes.append(np.add(bottom, [(-foot[0], 0), (foot[1], rng.uniform(-0.05, 0.05))]))
    ink = _drawn(strokes, rng.uniform(6, 26 if len(strokes) > 1 else 44))
    if rng.random() < 0.5:
        ink = _coarse(ink, int(rng.integers(8, 13)))
    return _fielded(inked(ink, pen_of(ink)))


def _scribble(rng: np.random.Generator) -> np.ndarray:
    """A line that turns here and there."""
    steps = rng.normal(0, 1, (60, 2))
    smooth = np.ones(int(rng.integers(3, 14)))
    walk = np.cumsum(np.stack([np.convolve(each, smooth, "same") for each in steps.T], axis=1), axis=0)
    walk = (walk - walk.min(axis=0)) / np.ptp(walk, axis=0).max()
    return _drawn([walk[: int(rng.integers(25, 61))]], rng.uniform(4, 12))


def _lines(rng: np.random.Generator) -> np.ndarray:
    return _drawn(list(rng.random((int(rng.integers(3, 8)), 2, 2))), rng.uniform(4, 14))


def _shape(rng: np.random.Generator) -> np.ndarray:
    """A polygon or a star, full or in outline, at times with another one in it."""
    corners = int(rng.integers(3, 9))
    turns = np.sort(rng.random(corners)) if rng.random() < 0.5 else np.arange(corners) / corners
    angles = 2 * np.pi * turns
    angles = np.append(angles, angles[0]) + rng.uniform(0, 2 * np.pi)
    reach = 0.5 * np.where(np.arange(corners + 1) % 2, rng.uniform(0.3, 1), 1)
    reach[-1] = reach[0]
    wide = rng.uniform(0.5, 1)
    points = 0.5 + np.stack([wide * reach * np.cos(angles), reach * np.sin(angles)], axis=1)
    strokes = [points] if rng.random() < 0.6 else [points, 0.5 + (points - 0.5) * rng.uniform(0.2, 0.7)]
    return _drawn(strokes, rng.uniform(4, 14), filled=rng.random() < 0.4)


def _sign(rng: np.random.Generator) -> np.ndarray:
    return _written(LETTERS[rng.integers(len(LETTERS))], rng)


def _pulled_sign(rng: np.random.Generator) -> np.ndarray:
    """A sign wider or higher than in its font, and thicker or thinner."""
    ink = Image.fromarray(np.rint(255 * _written(HARD[rng.integers(len(HARD))], rng)).astype(np.uint8))
    thick = rng.choice([-3, 0, 3, 5, 7])
    if thick:
        ink = ink.filter(ImageFilter.MaxFilter(int(thick)) if thick > 0 else ImageFilter.MinFilter(-int(thick)))
    pulled = ink.resize((round(ink.width * rng.uniform(0.6, 1.4)), ink.height), Image.Resampling.BICUBIC)
    return np.asarray(pulled, np.float32) / 255


def _star(rng: np.random.Generator) -> np.ndarray:
    rays = int(rng.integers(4, 13))
    angles = np.arange(2 * rays + 1) * np.pi / rays + rng.uniform(0, 2 * np.pi)
    reach = np.where(np.arange(2 * rays + 1) % 2, rng.uniform(0.15, 0.38), 0.5)
    points = 0.5 + np.stack([reach * np.cos(angles) * rng.uniform(0.7, 1), reach * np.sin(angles)], axis=1)
    return _drawn([points], rng.uniform(3, 12), filled=rng.random() < 0.4)


def _slope(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return for each pixel where it is across and down the sheet, and how far along a random direction."""
    y, x = np.meshgrid(*2 * [np.linspace(0, 1, SIDE)], indexing="ij")
    angle = rng.uniform(0, 2 * np.pi)
    return x, y, (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle)


def _wedge(rng: np.random.Generator) -> np.ndarray:
    """A triangle with a soft side: what is left of a slope."""
    x, y, along = _slope(rng)
    soft = np.clip((along - rng.uniform(-0.2, 0.2)) / rng.uniform(0.02, 0.4), 0, 1)
    wide, high = rng.uniform(0.3, 1, 2)
    return soft * (x < wide) * (y < high)


def _band(rng: np.random.Generator) -> np.ndarray:
    """A band from side to side, at times with the corner beyond it: what is left of a slope too."""
    *_, along = _slope(rng)
    soft = rng.uniform(0.02, 0.1)

    def beyond(start: float) -> np.ndarray:
        return np.clip((along - start) / soft, 0, 1)

    start, gap = rng.uniform(-0.3, 0.1), rng.uniform(0.05, 0.25)
    end = start + rng.uniform(0.05, 0.2)
    ink = beyond(start) * (1 - beyond(end))
    return np.maximum(ink, beyond(end + gap)) if rng.random() < 0.7 else ink


def _word(rng: np.random.Generator) -> np.ndarray:
    return _written("".join(rng.choice(list("abcdefghiklmnopqrstuvwxyz"), int(rng.integers(2, 6)))), rng)


def _written(words: str, rng: np.random.Generator) -> np.ndarray:
    name = font_manager.findfont(
        font_manager.FontProperties(
            family=rng.choice(["DejaVu Sans", "DejaVu Serif", "DejaVu Sans Mono"]),
            weight=rng.choice(["normal", "bold"]),
            style=rng.choice(["normal", "italic"]),
        )
    )
    sheet = Image.new("L", (SIDE * (1 + len(words)), 2 * SIDE))
    ImageDraw.Draw(sheet).text((SIDE / 2, SIDE / 3), words, 255, ImageFont.truetype(name, 0.8 * SIDE))
    turned = sheet.rotate(float(rng.normal(0, 6)), Image.Resampling.BILINEAR)
    return np.asarray(turned, np.float32) / 255


def _field_of(cells: int, rng: np.random.Generator) -> np.ndarray:
    noise = Image.fromarray(rng.normal(0, 1, (cells, cells)).astype(np.float32))
    return np.asarray(noise.resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def _blob(rng: np.random.Generator) -> np.ndarray:
    """What is high in a hilly country, or what lies along its coast."""
    height = _field_of(int(rng.integers(3, 12)), rng)
    level = np.quantile(height, rng.uniform(0.3, 0.85))
    return height > level if rng.random() < 0.6 else np.abs(height - level) < rng.uniform(0.1, 0.4)


def _pattern(rng: np.random.Generator) -> np.ndarray:
    """Stripes, rings or squares, all of them in a part of the sheet."""
    y, x = np.meshgrid(*2 * [np.linspace(-1, 1, SIDE)], indexing="ij")
    angle, waves = rng.uniform(0, np.pi), rng.uniform(1.5, 6)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    kind = rng.integers(3)
    phase = np.hypot(x - rng.uniform(-1, 1), y - rng.uniform(-1, 1)) if kind == 0 else along
    ink = np.sin(2 * np.pi * waves * phase / 2) > rng.uniform(-0.5, 0.5)
    if kind == 1:
        ink ^= np.sin(2 * np.pi * waves * across / 2) > 0
    wide, high = rng.uniform(0.4, 1, 2)
    return ink & (np.abs(x) < wide) & (np.abs(y) < high)


def _torn(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two digits side by side or on top of each other, or the quarters of one exchanged."""
    one, two = (pen(images[rng.integers(len(images))], 4) for _ in range(2))
    kind = rng.integers(3)
    if kind == 0:
        return np.hstack([one[:, 16:-16], two[:, 16:-16]])
    if kind == 1:
        return np.maximum(one, np.rot90(two, int(rng.integers(1, 4))))
    half = SIDE // 2
    quarters = [one[:half, :half], one[:half, half:], one[half:, :half], one[half:, half:]]
    a, b, c, d = (np.rot90(quarters[place], int(rng.integers(4))) for place in rng.permutation(4))
    return np.vstack([np.hstack([a, b]), np.hstack([c, d])])
