"""Finding the digit in a picture: which ink is its, and which is a speck's, a table's, a frame's or a neighbour's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from mnistlab.images.light import EmptyError, darker, flattened, inked, lighter, pen_of, sign_of
from mnistlab.images.opening import ImageError
from mnistlab.images.pieces import Pieces, grown

__all__ = ["RULES", "SeveralError", "find_digit"]

SPECK = 0.05
"""Of the largest piece's area: what is smaller is no part of a digit."""

NEAR = 0.15
"""Of the digit's longer side: a part of it is no further from the rest."""

LIKE = 0.6
"""Of a piece's height: what is as high, and stands beside it, is a digit of its own."""

GAP = 0.06
"""Of that height: the least white between two digits."""

THICKEST = 0.36
"""Of the digit's longer side: no square so wide fits into its strokes."""

SHEET = 0.3
"""Of the picture: a sheet of paper is at least as wide and as high."""

THIN, BETWEEN = 0.05, 0.2
"""Of the digit's longer side: the widest line, and the widest room between two lines, of a digit drawn in outline."""

FRINGE = 2
"""Pixels around a piece that belong to it, fainter than half."""

INK = 0.3
"""Of its area: a digit beside it has as much."""

FRAMED, STRAIGHT = 0.25, 0.85
"""A frame's content has that much of its size, and a frame fills that much of the rectangle around it."""

GROUND = 0.4
"""Of the picture: what is cut off by its edge and covers more is what the digit stands on."""

PART, SMALL = 0.25, 0.08
"""Of the size of what the picture's edge cuts off, and of the picture's: a digit is at least as large."""

MOST = 8
"""Pieces of more than a speck's size: more than any digit has."""


RULES = {
    "speck": SPECK,
    "near": NEAR,
    "like": LIKE,
    "gap": GAP,
    "ink": INK,
    "framed": FRAMED,
    "straight": STRAIGHT,
    "ground": GROUND,
    "part": PART,
    "small": SMALL,
    "most": MOST,
    "fringe": FRINGE,
}
"""What the page's script needs to know of these."""


class SeveralError(ImageError):
    """An image shows more than one thing."""

    def __init__(self):
        super().__init__("the image shows several things: leave one digit in it, with paper around")


@dataclass(frozen=True)
class _Found:
    """What a look at a picture found: the digit's ink, and what speaks against it."""

    ink: np.ndarray
    cut: bool
    """It touches the edge of the picture."""
    panel: bool
    """It is a sheet, a table or a frame: straight, wide, and more ground than stroke."""
    unclean: bool
    """What should be paper is half ink."""

    edge: bool
    """It is all along one side of the picture."""

    @property
    def good(self) -> bool:
        return not (self.cut or self.panel or self.unclean or self.edge)


def find_digit(grey: np.ndarray, even: bool = False) -> np.ndarray:
    """Return the ink of the one digit in a picture, cut out, float32 in 0…1.

    The paper's light is first taken for even; if what then looks like ink is no digit free on its paper, for what is
    around each place.

    Parameters
    ----------
    grey
        Of shape (height, width), 0…1.
    even
        Whether the paper is known to be even.

    Raises
    ------
    ImageError
        If there is none, or there are several things.
    """
    if not np.isfinite(grey).all():
        raise ImageError("the image holds NaN or infinity")
    difference = flattened(grey)
    sign = sign_of(difference)
    first = _look(sign * difference)
    if isinstance(first, _Found) and (first.good or even):
        return _cut_out(first.ink)
    speckled = isinstance(first, SeveralError) or (isinstance(first, _Found) and first.unclean)
    if speckled and (again := _out_of_focus(grey)) is not None:
        return again
    if isinstance(first, SeveralError):
        raise first
    if isinstance(first, _Found) and first.panel:
        alone, inside = _sheet_alone(grey, first.ink > 0.5)
        flat = flattened(alone)
        inner = _look(sign_of(flat) * flat)
        # What a sheet's edge cuts through is written across a shadow.
        if isinstance(inner, _Found) and inner.good and inside[inner.ink > 0.5].all():
            return _cut_out(inner.ink)
    looks = [darker, lighter]
    if isinstance(first, _Found) and not (first.panel or first.edge or first.unclean):
        looks = looks[:1] if sign < 0 else looks[1:]  # what only touches the edge may be a digit, whose holes are none
    for look in looks:
        found, closer = _look(look(grey)), _look(look(grey, 0.5))
        if not isinstance(found, _Found) or not isinstance(closer, _Found) or found.cut or found.panel:
            continue
        if _alike(found.ink, closer.ink) and not _is_solid(found.ink > 0.5):
            return _cut_out(found.ink)
    if not speckled and (again := _out_of_focus(grey)) is not None:
        return again
    if not isinstance(first, _Found):
        raise first
    if first.edge:
        raise EmptyError
    return _cut_out(first.ink)


def _sheet_alone(grey: np.ndarray, panel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the picture with what is outside of a sheet of paper as grey as the sheet, and what is well inside."""
    columns = np.arange(panel.shape[1])
    first, last = panel.argmax(axis=1)[:, None], panel.shape[1] - panel[:, ::-1].argmax(axis=1)[:, None]
    inside = panel.any(axis=1, keepdims=True) & (columns >= first) & (columns < last)
    inside = grown(np.pad(inside, 1), max(2, round(0.03 * max(panel.shape))), np.minimum)[1:-1, 1:-1]
    return np.where(inside, grey, np.median(grey[panel])), grown(inside, FRINGE + 1, np.minimum)


def _out_of_focus(grey: np.ndarray) -> np.ndarray | None:
    """Return the digit in a picture made of dots, which are greys from afar; None if there is none."""
    difference = flattened(_blurred(grey))
    found = _look(sign_of(difference) * difference)
    return _cut_out(found.ink) if isinstance(found, _Found) and found.good else None


def _look(strength: np.ndarray) -> _Found | ImageError:
    """Return the digit in a picture of the differences from its paper, or why there is none."""
    try:
        pen = pen_of(strength)
        for _ in range(2):
            ink = inked(strength, pen)
            pieces = Pieces(ink > 0.5)
            chosen = _chosen(pieces, ink.shape)
            kept, dropped = pieces.mask(chosen), pieces.mask(~chosen)
            if dropped.sum() <= 0.2 * kept.sum():
                break
            pen = float(np.median(strength[kept]))  # that of the digit, not of a table
    except ImageError as error:
        return error
    clean = ink.copy()
    if dropped.any():
        clean[grown(dropped, FRINGE) & ~kept] = 0
    around = ~grown(kept | dropped, FRINGE + 1)
    unclean = ((ink > 0.05) & around).sum() > 0.04 * ink.size
    if unclean:
        clean *= grown(kept, FRINGE)
    clean[_inside_outlines(clean > 0.2)] = 1
    return _Found(clean, _touches(kept), _is_panel(kept), bool(unclean), _is_edge(kept))


def _chosen(pieces: Pieces, shape: tuple[int, int]) -> np.ndarray:
    """Return which pieces are the digit's, as a boolean array.

    Raises
    ------
    EmptyError, SeveralError
        If none is, or there are several digits.
    """
    if not len(pieces):
        raise EmptyError
    top, bottom, left, right = pieces.boxes.T
    longer = np.maximum(bottom - top, right - left)
    at_edge = (top == 0) | (left == 0) | (bottom == shape[0]) | (right == shape[1])
    frame = np.array([_is_frame(pieces, place) for place in range(len(pieces))])
    usable = ~frame if not frame.all() else np.ones(len(pieces), bool)
    free = usable & ~at_edge
    main = int(np.where(usable, pieces.areas, 0).argmax())
    if free.any() and pieces.areas[main] < GROUND * shape[0] * shape[1]:
        inner = int(np.where(free, pieces.areas, 0).argmax())
        if longer[inner] >= max(PART * min(longer[main], max(shape) / 2), SMALL * max(shape)):
            main, usable = inner, free
    large = usable & (pieces.areas >= SPECK * pieces.areas[main])
    if large.sum() > MOST:
        raise SeveralError
    chosen = np.zeros(len(pieces), bool)
    chosen[main] = True
    box = pieces.boxes[main].copy()
    while True:  # what is near a part of the digit is one too
        gap = np.maximum(np.maximum(box[0] - bottom, top - box[1]), np.maximum(box[2] - right, left - box[3]))
        more = large & ~chosen & (gap <= NEAR * max(box[1] - box[0], box[3] - box[2]))
        if not more.any():
            break
        chosen |= more
        parts = pieces.boxes[chosen]
        box = np.array([parts[:, 0].min(), parts[:, 1].max(), parts[:, 2].min(), parts[:, 3].max()])
    height = bottom - top
    others = large & ~chosen & (longer >= LIKE * longer[main])
    if others.any():
        raise SeveralError
    for one in np.flatnonzero(chosen):
        for other in np.flatnonzero(chosen):
            white = left[other] - right[one]
            least, most = sorted((height[one], height[other]))
            # A 1 has less ink than an 8, but more than the line that some put beside a 1.
            if white >= GAP * most and least >= LIKE * most and pieces.areas[other] >= INK * pieces.areas[one]:
                raise SeveralError
    return chosen


def _is_frame(pieces: Pieces, place: int) -> bool:
    """Return whether a piece is straight all around and another one of some size lies within."""
    box = pieces.boxes[place]
    inside = (
        (pieces.boxes[:, 0] > box[0])
        & (pieces.boxes[:, 1] < box[1])
        & (pieces.boxes[:, 2] > box[2])
        & (pieces.boxes[:, 3] < box[3])
    )
    height, width = box[1] - box[0], box[3] - box[2]
    if not inside.any():
        return False
    sizes = np.maximum(*(pieces.boxes[inside][:, [1, 3]] - pieces.boxes[inside][:, [0, 2]]).T)
    if sizes.max() < FRAMED * max(height, width):
        return False
    return _straightness(pieces.labels[box[0] : box[1], box[2] : box[3]] == place) > STRAIGHT


def _is_panel(kept: np.ndarray) -> bool:
    """Return whether what was found is a sheet of paper, a table's edge, or the like."""
    rows, columns = np.flatnonzero(kept.any(axis=1)), np.flatnonzero(kept.any(axis=0))
    part = kept[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if min(part.shape) < SHEET * max(kept.shape):
        return False
    first, last = part.argmax(axis=1), part.shape[1] - part[:, ::-1].argmax(axis=1)
    return part.sum() > 0.75 * (last - first).sum() and _straightness(part) > 0.87


def _is_solid(kept: np.ndarray) -> bool:
    """Return whether what was found is too thick for strokes: what a look leaves between a digit and an edge."""
    rows, columns = np.flatnonzero(kept.any(axis=1)), np.flatnonzero(kept.any(axis=0))
    part = kept[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    shorter, longer = sorted(part.shape)
    return shorter > 0.3 * longer and bool(
        grown(np.pad(part, 1), round(THICKEST * longer / 2), np.minimum).any()
        or (part.mean() > 0.5 and _straightness(part) > 0.8)
    )


def _is_edge(kept: np.ndarray) -> bool:
    """Return whether what was found is a table's edge or a margin: all along one side, and not just a line."""
    rows, columns = np.flatnonzero(kept.any(axis=1)), np.flatnonzero(kept.any(axis=0))
    part = kept[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    sides = [kept[0], kept[-1], kept[:, 0], kept[:, -1]]
    wide = min(part.shape) >= 0.1 * max(kept.shape)
    return wide and bool(part.mean() > 0.5) and sum(side.mean() > 0.9 for side in sides) == 1


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two looks found the same: what depends on how far one looks is no stroke."""
    one, other = one > 0.5, other > 0.5
    return bool((one & other).sum() > 0.8 * (one | other).sum())


def _straightness(part: np.ndarray) -> float:
    """Return how much of the smallest rectangle around a mask, turned or not, the mask fills without its holes."""
    first, last = part.argmax(axis=1), part.shape[1] - part[:, ::-1].argmax(axis=1)
    there = np.flatnonzero(part.any(axis=1))
    area = float((last - first)[there].sum())
    x = np.concatenate([first[there], last[there], first[there], last[there]]).astype(float)
    y = np.concatenate([there, there, there + 1, there + 1]).astype(float)
    angles = np.deg2rad(np.arange(0, 90, 3))[:, None]
    across = np.ptp(x * np.cos(angles) + y * np.sin(angles), axis=1)
    along = np.ptp(y * np.cos(angles) - x * np.sin(angles), axis=1)
    return area / float((across * along).min())


def _inside_outlines(kept: np.ndarray) -> np.ndarray:
    """Return what is to be filled in a digit of which only the outline was drawn: a mask, empty for any other digit.

    Between an outline and the outlines within it there is ink; within these there is paper.
    """
    rows, columns = np.flatnonzero(kept.any(axis=1)), np.flatnonzero(kept.any(axis=0))
    longer = max(np.ptp(rows), np.ptp(columns)) + 1
    nothing = np.zeros_like(kept)
    if grown(np.pad(kept, 1), max(1, round(THIN * longer / 2)), np.minimum).any():
        return nothing
    ground = Pieces(np.pad(~kept, 1, constant_values=True), corners=False)
    ink = Pieces(np.pad(kept, 1))
    outside = ground.labels == ground.labels[0, 0]
    outer = ink.mask(_numbers(ink, grown(outside, 1)))
    between = ground.mask(_numbers(ground, grown(outer, 1)) & (np.arange(len(ground)) != ground.labels[0, 0]))
    inside, line = between[1:-1, 1:-1], outer[1:-1, 1:-1]
    solid = grown(np.pad(inside, 1), max(1, round(BETWEEN * longer / 2)), np.minimum).any()
    return nothing if solid or inside.sum() < 0.35 * (inside | line).sum() else inside


def _numbers(pieces: Pieces, place: np.ndarray) -> np.ndarray:
    """Return which pieces have a pixel in a mask, as a boolean array."""
    there = np.unique(pieces.labels[place])
    return np.isin(np.arange(len(pieces)), there)


def _touches(mask: np.ndarray) -> bool:
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


def _blurred(grey: np.ndarray) -> np.ndarray:
    """Return the picture out of focus, so that dots become grey."""
    height, width = grey.shape
    scale = max(grey.shape) / 64
    small = Image.fromarray(grey).resize(
        (max(1, round(width / scale)), max(1, round(height / scale))), Image.Resampling.HAMMING
    )
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def _cut_out(ink: np.ndarray) -> np.ndarray:
    drawn = ink > 0.5
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
