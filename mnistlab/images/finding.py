"""Finding the digit in a picture: which ink is its, and which is a speck's, a table's, a frame's or a neighbour's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from mnistlab.images.light import EmptyError, darker, flattened, inked, lighter, pen_of, sign_of, steepness
from mnistlab.images.opening import ImageError
from mnistlab.images.pieces import Pieces, grown
from mnistlab.images.shapes import box_of, inside_outlines, is_edge, is_panel, is_solid, straightness, touches

__all__ = ["RULES", "SeveralError", "find_digit"]

SPECK = 0.05
"""Of the largest piece's area: what is smaller is no part of a digit."""

NEAR = 0.15
"""Of the digit's longer side: a part of it is no further from the rest."""

LIKE = 0.6
"""Of a piece's height: what is as high, and stands beside it, is a digit of its own."""

GAP = 0.06
"""Of that height: the least white between two digits."""

STEEP = 0.08
"""Of the picture's range of greys: if they nowhere change by more over two hundredths of its size, there is but light
that falls off. Even a digit out of focus is steeper."""

FAINT = 0.15
"""Of full ink: as strong are the gaps that a thin line gets where a picture is made smaller."""

FRINGE = 2
"""Pixels around a piece that belong to it, fainter than half."""

INK = 0.3
"""Of its area: a digit beside it has as much."""

FRAMED, STRAIGHT, FULL_SHEET = 0.25, 0.85, 0.5
"""A frame's content has that much of its size, and a frame, without its holes, fills that much of the rectangle around
it; with its holes a sheet fills more than the last, and what lies in it is holes of what is written there."""

GROUND = 0.4
"""Of the picture: what is cut off by its edge and covers more is what the digit stands on."""

FILLS = 0.7
"""Of the picture's height or width: a digit that leaves little paper."""

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
    "sheet": FULL_SHEET,
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
    if steepness(grey) < STEEP:
        raise EmptyError
    difference = flattened(grey)
    sign = sign_of(difference)
    first = _look(sign * difference)
    if isinstance(first, SeveralError):
        thin = _look(sign * difference, FAINT)
        if isinstance(thin, _Found) and thin.good:
            return _cut_out(thin.ink)
    local = darker if sign < 0 else lighter
    # Most of the picture was found where dots stand for grey paper, say.
    ground = isinstance(first, _Found) and first.cut and is_solid(first.ink > 0.5)
    speckled = isinstance(first, SeveralError) or ground or (isinstance(first, _Found) and first.unclean)
    if isinstance(first, _Found) and not ground:
        if even or (first.good and not _fills(first.ink) and not is_solid(first.ink > 0.5)):
            return _cut_out(first.ink)
        if not (first.panel or first.edge or first.unclean) and (whole := _whole(first.ink, local, grey)) is not None:
            return _cut_out(whole)
    if speckled and (again := _out_of_focus(grey)) is not None:
        return again
    if isinstance(first, SeveralError) and isinstance(_look(local(grey)), SeveralError):
        raise first
    if isinstance(first, _Found) and first.panel:
        alone, inside = _sheet_alone(grey, first.ink > 0.5)
        flat = flattened(alone)
        inner = _look(sign_of(flat) * flat)
        # What a sheet's edge cuts through is written across a shadow.
        if isinstance(inner, _Found) and inner.good and inside[inner.ink > 0.5].all():
            return _cut_out(inner.ink)
    for look in (darker, lighter):  # most pens are darker than their paper
        if (found := _twice(look, grey)) is not None:
            return _cut_out(found)
    if not speckled and (again := _out_of_focus(grey)) is not None:
        return again
    if not isinstance(first, _Found):
        raise first
    if first.edge:
        raise EmptyError
    return _cut_out(first.ink)


def _fills(ink: np.ndarray) -> bool:
    """Return whether a digit leaves so little paper around it that its light is hard to tell."""
    digit = _cut_out(ink)
    return len(digit) >= FILLS * len(ink) or digit.shape[1] >= FILLS * ink.shape[1]


def _whole(part: np.ndarray, local: Callable[..., np.ndarray], grey: np.ndarray) -> np.ndarray | None:
    """Return the digit that a part of one belongs to, looked for locally; None if what was found is no part of one."""
    found = _look(local(grey))
    if not isinstance(found, _Found) or found.panel or found.edge or found.unclean:
        return None
    one, other = part > 0.5, found.ink > 0.5
    return found.ink if (one & other).sum() > 0.9 * one.sum() else None


def _twice(look: Callable[..., np.ndarray], grey: np.ndarray) -> np.ndarray | None:
    """Return the digit that a far and a near look agree on; None if there is none."""
    for far, nearer in ((1, (0.5, 0.7)), (0.5, (0.3,))):
        found = _look(look(grey, far))
        if not isinstance(found, _Found) or found.cut or found.panel or is_solid(found.ink > 0.5):
            continue
        for near in nearer:
            closer = _look(look(grey, near))
            if isinstance(closer, _Found) and _alike(found.ink, closer.ink):
                return found.ink
    return None


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


def _look(strength: np.ndarray, least: float = 0.5) -> _Found | ImageError:
    """Return the digit in a picture of the differences from its paper, or why there is none.

    Its pieces are of ink that is stronger than ``least``.
    """
    try:
        pen = pen_of(strength)
        for _ in range(2):
            ink = inked(strength, pen)
            pieces = Pieces(ink > least)
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
    box = box_of(kept)
    clean[box][inside_outlines(clean[box] > 0.2)] = 1
    return _Found(clean, touches(kept), is_panel(kept), bool(unclean), is_edge(kept))


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
    if pieces.areas[place] > FULL_SHEET * height * width:
        return False  # a sheet, and these are holes of what is written on it
    sizes = np.maximum(*(pieces.boxes[inside][:, [1, 3]] - pieces.boxes[inside][:, [0, 2]]).T)
    if sizes.max() < FRAMED * max(height, width):
        return False
    return straightness(pieces.labels[box[0] : box[1], box[2] : box[3]] == place) > STRAIGHT


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two looks found the same: what depends on how far one looks is no stroke."""
    one, other = one > 0.5, other > 0.5
    return bool((one & other).sum() > 0.8 * (one | other).sum())


def _blurred(grey: np.ndarray) -> np.ndarray:
    """Return the picture out of focus, so that dots become grey."""
    height, width = grey.shape
    scale = max(grey.shape) / 64
    small = Image.fromarray(grey).resize(
        (max(1, round(width / scale)), max(1, round(height / scale))), Image.Resampling.HAMMING
    )
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def _cut_out(ink: np.ndarray) -> np.ndarray:
    return ink[box_of(ink > 0.5)]
