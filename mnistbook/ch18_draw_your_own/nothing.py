"""Pictures that hold no digit, or two: letters, faces, scribbles, patterns, landscapes, paper without ink.

:data:`NOTHING` holds one function a kind, from a generator to the bytes of a file. What a person may take for a digit
is not among them: an O is a 0, a stroke is a 1.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from mnistbook.ch18_draw_your_own.ink import as_file, lit_paper, tilted, written

__all__ = ["NOTHING", "nothing"]

Draw = Callable[[ImageDraw.ImageDraw, np.random.Generator, int], None]

HIGH, WIDE = 220, 240


def nothing(each: int = 20, seed: int = 0, kinds: Collection[str] | None = None) -> list[tuple[str, bytes]]:
    """Return the kind and the bytes of ``each`` pictures without a digit, of every kind or of those that are named."""
    return [
        (kind, make(np.random.default_rng([seed, number, place])))
        for number, (kind, make) in enumerate(NOTHING.items())
        if kinds is None or kind in kinds
        for place in range(each)
    ]


# Greys.


def _grey(pixels: np.ndarray) -> bytes:
    return as_file(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))


def _waves(rng: np.random.Generator) -> np.ndarray:
    return np.linspace(0, 1, WIDE) * rng.uniform(1, 6)


def _hills(rng: np.random.Generator, cells: int, shape: tuple[int, int] = (HIGH, WIDE)) -> np.ndarray:
    """Return smooth noise, each finer part half as strong as the coarser one."""
    total = np.zeros(shape)
    for octave in range(5):
        noise = Image.fromarray(rng.normal(0, 0.5**octave, [cells * 2**octave] * 2).astype(np.float32))
        total += np.asarray(noise.resize(shape[::-1], Image.Resampling.BICUBIC))
    return total


def _landscape(rng: np.random.Generator) -> bytes:
    """Sky with a sun, ridges one behind the other, and grain, as a photograph."""
    sky = np.linspace(rng.uniform(120, 200), rng.uniform(200, 250), HIGH)[:, None] * np.ones((1, WIDE))
    y, x = np.meshgrid(np.arange(HIGH), np.arange(WIDE), indexing="ij")
    sky[np.hypot(y - rng.uniform(20, 80), x - rng.uniform(20, 220)) < rng.uniform(8, 25)] = 255
    for ridge in range(int(rng.integers(2, 5))):
        outline = HIGH * (0.4 + 0.15 * ridge) + 25 * np.asarray(_hills(rng, 3, (1, WIDE)))[0]
        sky[y > outline] = rng.uniform(40, 180)
    return as_file(np.clip(sky + rng.normal(0, 4, sky.shape), 0, 255).astype(np.uint8), "JPEG", "RGB", quality=80)


def _bricks(rng: np.random.Generator) -> bytes:
    high, wide = rng.integers(14, 40), rng.integers(30, 80)
    y, x = np.meshgrid(np.arange(HIGH), np.arange(WIDE), indexing="ij")
    joint = (y % high < 3) | ((x + (y // high % 2) * wide // 2) % wide < 3)
    return _grey(np.where(joint, 210, rng.uniform(80, 150)) + 8 * _hills(rng, 12))


def _barcode(rng: np.random.Generator) -> bytes:
    bars = np.repeat(rng.integers(0, 2, 48), rng.integers(2, 5, 48))
    code = np.tile(255.0 * (1 - bars), (int(rng.integers(60, 140)), 1))
    return _grey(np.pad(code, 30, constant_values=255))


def _wood(rng: np.random.Generator) -> bytes:
    along = _hills(rng, 3) * rng.uniform(1, 3) + np.linspace(0, rng.uniform(4, 12), WIDE)
    return _grey(140 + 50 * np.sin(2 * np.pi * along))


# Ink.


def _sheet(draw: Draw) -> Callable[..., bytes]:
    """Return what makes pictures of a drawing: with a pen as wide as may be, at times askew and on real paper."""

    def make(rng: np.random.Generator) -> bytes:
        size = int(rng.integers(150, 400))
        sheet = Image.new("L", (size, size))
        draw(ImageDraw.Draw(sheet), rng, size)
        ink = tilted(np.asarray(sheet.filter(ImageFilter.GaussianBlur(0.7)), np.float32) / 255, rng, 0.05)
        if rng.random() < 0.3:
            return as_file(written(ink, lit_paper(ink.shape, rng), rng.uniform(20, 70)), "JPEG", "RGB", quality=85)
        return as_file(written(ink, *((255, 0) if rng.random() < 0.7 else (0, 255))))

    return make


def _lines_to(draw: ImageDraw.ImageDraw, points: np.ndarray, size: int, width: float) -> None:
    draw.line([tuple(place) for place in size * np.asarray(points)], 255, max(1, round(width * size)), joint="curve")


def _scribble(draw: ImageDraw.ImageDraw, rng: np.random.Generator, size: int) -> None:
    """Loops that wander to the right: a pen tried out."""
    turns = np.linspace(0, rng.uniform(4, 9) * 2 * np.pi, 300)
    drift = np.linspace(-0.28, 0.28, 300)
    reach = 0.1 + 0.05 * rng.random() + 0.03 * np.sin(turns / rng.uniform(1.5, 4))
    points = np.stack([0.5 + drift + reach * np.cos(turns), 0.5 + reach * np.sin(turns) * rng.uniform(0.5, 1)], axis=1)
    _lines_to(draw, points, size, rng.uniform(0.01, 0.03))


def _zigzag(draw: ImageDraw.ImageDraw, rng: np.random.Generator, size: int) -> None:
    count = int(rng.integers(6, 14))
    across = np.linspace(0.15, 0.85, count)
    points = np.stack([across, np.where(np.arange(count) % 2, 0.3, 0.7) + rng.uniform(-0.08, 0.08, count)], axis=1)
    _lines_to(draw, points[:, :: int(rng.choice([-1, 1]))], size, rng.uniform(0.01, 0.04))


def _face(draw: ImageDraw.ImageDraw, rng: np.random.Generator, size: int) -> None:
    width, reach = max(2, round(rng.uniform(0.01, 0.03) * size)), size * rng.uniform(0.25, 0.4)
    middle, eye = size / 2, size * rng.uniform(0.02, 0.05)

    def box(x: float, y: float, r: float) -> tuple[float, float, float, float]:
        return x - r, y - r, x + r, y + r

    draw.ellipse(box(middle, middle, reach), outline=255, width=width)
    for side in (-0.4, 0.4):
        draw.ellipse(box(middle + side * reach, middle - 0.3 * reach, eye), 255)
    draw.arc(
        box(middle, middle + 0.1 * reach, 0.5 * reach), *((20, 160) if rng.random() < 0.5 else (200, 340)), 255, width
    )


def _house(draw: ImageDraw.ImageDraw, rng: np.random.Generator, size: int) -> None:
    left, right, top, floor = 0.25, 0.25 + rng.uniform(0.35, 0.55), rng.uniform(0.4, 0.5), 0.85
    wide = rng.uniform(0.01, 0.03)
    roof = ((left + right) / 2, top - rng.uniform(0.15, 0.3))
    _lines_to(
        draw, [(left, top), (left, floor), (right, floor), (right, top), roof, (left, top), (right, top)], size, wide
    )
    door = left + 0.1
    _lines_to(draw, [(door, floor), (door, floor - 0.2), (door + 0.1, floor - 0.2), (door + 0.1, floor)], size, wide)


def _star(draw: ImageDraw.ImageDraw, rng: np.random.Generator, size: int) -> None:
    rays = int(rng.integers(5, 9))
    angles = np.arange(2 * rays + 1) * np.pi / rays + rng.uniform(0, 1)
    reach = np.where(np.arange(2 * rays + 1) % 2, rng.uniform(0.12, 0.25), 0.4)
    points = 0.5 + np.stack([reach * np.cos(angles), reach * np.sin(angles)], axis=1)
    if rng.random() < 0.5:
        draw.polygon([tuple(place) for place in size * points], 255)
    else:
        _lines_to(draw, points, size, rng.uniform(0.015, 0.04))


def _heart(draw: ImageDraw.ImageDraw, rng: np.random.Generator, size: int) -> None:
    t = np.linspace(0, 2 * np.pi, 80)
    x, y = 16 * np.sin(t) ** 3, 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    points = 0.5 + np.stack([x, -y], axis=1) * rng.uniform(0.016, 0.022)
    if rng.random() < 0.5:
        draw.polygon([tuple(place) for place in size * points], 255)
    else:
        _lines_to(draw, points, size, rng.uniform(0.03, 0.05))


def _arrow(draw: ImageDraw.ImageDraw, rng: np.random.Generator, size: int) -> None:
    angle = rng.uniform(-0.6, 0.6) + rng.choice([0, np.pi])  # along the line; upright it might be a 1
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    head = rng.uniform(0.12, 0.2)
    wide = rng.uniform(0.02, 0.05)
    for points in ([(-0.35, 0), (0.35, 0)], [(0.35 - head, -head), (0.35, 0), (0.35 - head, head)]):
        _lines_to(draw, 0.5 + np.array(points) @ turn, size, wide)


def _triangle(draw: ImageDraw.ImageDraw, rng: np.random.Generator, size: int) -> None:
    angles = np.array([0, 2.1, 4.2, 0]) + rng.uniform(0, 2 * np.pi)
    points = 0.5 + 0.38 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    if rng.random() < 0.5:
        draw.polygon([tuple(place) for place in size * points], 255)
    else:
        _lines_to(draw, points, size, rng.uniform(0.015, 0.05))


def _net(draw: ImageDraw.ImageDraw, rng: np.random.Generator, size: int) -> None:
    """Lines from side to side of a box, crossing."""
    for _ in range(int(rng.integers(5, 10))):
        _lines_to(draw, 0.15 + 0.7 * np.array([(0, rng.random()), (1, rng.random())]), size, 0.015)
        _lines_to(draw, 0.15 + 0.7 * np.array([(rng.random(), 0), (rng.random(), 1)]), size, 0.015)


def _cross(draw: ImageDraw.ImageDraw, rng: np.random.Generator, size: int) -> None:
    """As in a box that is ticked off, or of a grave."""
    wide, straight = rng.uniform(0.02, 0.08), rng.random() < 0.5
    ends = ((0.2, 0.5), (0.5, 0.2)) if straight else ((0.2, 0.2), (0.8, 0.2))
    for x, y in ends:
        _lines_to(draw, [(x, y), (1 - x, 1 - y)], size, wide)


def _stain(draw: ImageDraw.ImageDraw, rng: np.random.Generator, size: int) -> None:
    """Spilt ink: round, with drops that ran out of it."""
    angles = np.linspace(0, 2 * np.pi, 90)
    reach = 0.22 + sum(rng.uniform(0, 0.14 / n) * np.cos(n * angles + rng.uniform(0, 6)) for n in range(3, 9))
    points = 0.5 + np.stack([reach * np.cos(angles), reach * np.sin(angles)], axis=1)
    draw.polygon([tuple(place) for place in size * points], 255)


def _signs(signs: str, fonts: tuple[str, ...] = ("STIXGeneral", "cmr10", "cmss10", "cmtt10")) -> Draw:
    """Return what writes one of ``signs`` in a font that no lesson is written in."""

    def write(draw: ImageDraw.ImageDraw, rng: np.random.Generator, size: int) -> None:
        font = ImageFont.truetype(font_manager.findfont(str(rng.choice(fonts))), 0.7 * size)
        draw.text((size / 2, size / 2), signs[rng.integers(len(signs))], 255, font, anchor="mm")

    return write


def _text(words: str) -> Callable[[np.random.Generator], bytes]:
    def write(rng: np.random.Generator) -> bytes:
        page = Image.new("L", (320, 240), 255)
        ImageDraw.Draw(page).multiline_text((20, 20), words, 0, ImageFont.load_default(float(rng.uniform(16, 26))))
        return as_file(np.asarray(page))

    return write


NOTHING: dict[str, Callable[[np.random.Generator], bytes]] = {
    "blank": lambda rng: _grey(np.full((200, 260), rng.uniform(0, 255))),
    "fine noise": lambda rng: _grey(rng.normal(128, rng.uniform(2, 60), (HIGH, WIDE))),
    "pixels at random": lambda rng: _grey(255.0 * (rng.random((HIGH, WIDE)) < rng.uniform(0.02, 0.98))),
    "coarse noise": lambda rng: as_file(
        np.asarray(
            Image.fromarray(rng.integers(0, 256, (9, 9), dtype=np.uint8)).resize((WIDE, WIDE), Image.Resampling.BICUBIC)
        )
    ),
    "clouds": lambda rng: _grey(140 + rng.uniform(20, 60) * _hills(rng, int(rng.integers(2, 6)))),
    "landscape": _landscape,
    "wood": _wood,
    "bricks": _bricks,
    "slope": lambda rng: _grey(np.add.outer(_waves(rng), _waves(rng)) * rng.uniform(5, 60) + 20),
    "round slope": lambda rng: _grey(
        rng.uniform(60, 250) * np.hypot(*np.meshgrid(np.linspace(-1, 1, WIDE), np.linspace(-1, 1, 200)))
    ),
    "waves": lambda rng: _grey(128 + 100 * np.sin(6.28 * np.add.outer(_waves(rng), _waves(rng)))),
    "stripes": lambda rng: _grey(np.tile(255.0 * (np.arange(WIDE) // int(rng.integers(5, 40)) % 2), (200, 1))),
    "chessboard": lambda rng: _grey(255.0 * (np.add.outer(*2 * [np.arange(WIDE) // int(rng.integers(15, 60))]) % 2)),
    "half dark": lambda rng: _grey(np.where(np.arange(WIDE) < rng.uniform(40, 200), 60, 220) * np.ones((200, 1))),
    "empty sheet on a table": lambda rng: _grey(np.pad(np.full((150, 120), 230.0), 40, constant_values=70)),
    "dark patch": lambda rng: _grey(
        255 - 255.0 * np.pad(np.ones((int(rng.integers(60, 120)), int(rng.integers(60, 120)))), 50)
    ),
    "line of text": _text("the quick brown fox"),
    "page of text": _text("\n".join(["some words about"] * 8)),
    "barcode": _barcode,
    "capital": _sheet(_signs("AEFHKMNRWX")),
    "small letter": _sheet(_signs("aehkmnuwx")),
    "sign": _sheet(_signs("#&%@*=+")),
    "Greek letter": _sheet(_signs("ΔΛΞΠΣΨΩ", ("STIXGeneral",))),
    "scribble": _sheet(_scribble),
    "zigzag": _sheet(_zigzag),
    "face": _sheet(_face),
    "house": _sheet(_house),
    "star": _sheet(_star),
    "heart": _sheet(_heart),
    "arrow": _sheet(_arrow),
    "triangle": _sheet(_triangle),
    "cross": _sheet(_cross),
    "net of lines": _sheet(_net),
    "ink stain": _sheet(_stain),
}
"""What holds no digit, by name."""
