"""Finding the digit: foreign ink, tables, frames, shadows, and pictures that hold no digit or two."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import mnistlab as ml
from mnistbook.ch18_draw_your_own import everyday as kinds
from mnistbook.ch18_draw_your_own.drawings import from_all_ink
from mnistbook.ch18_draw_your_own.nothing import NOTHING, nothing
from mnistlab.app.weights import load_digits
from mnistlab.images import ImageError, from_drawing
from mnistlab.images.drawing import WIDEST
from mnistlab.images.pieces import Pieces, grown


@pytest.fixture(scope="module")
def mnist():
    return ml.load_mnist()


def stroke():
    """A picture of a 1."""
    pixels = np.full((160, 200), 255, np.uint8)
    pixels[40:130, 90:106] = 0
    return pixels


ONE = from_drawing(stroke()).astype(int)


@pytest.mark.parametrize("kind", kinds.EVERYDAY)
def test_pictures_of_every_kind_are_read(mnist, kind):
    network, right = load_digits(), []
    for picture in kinds.everyday(mnist.x_test, mnist.y_test, each=32, kinds=[kind]):
        try:
            image = from_drawing(io.BytesIO(picture.data))
            right.append(int(network.predict(ml.to_vectors(image[None]))[0]) == picture.digit)
        except ImageError:
            right.append(False)
    assert np.sum(right) >= 29


def test_two_digits_are_said_to_be_several_things(mnist):
    for place in range(8):
        make, rng = kinds.SEVERAL["two digits"], np.random.default_rng(place)
        with pytest.raises(ImageError, match="several things"):
            from_drawing(io.BytesIO(make(mnist.x_test[place], mnist.x_test[place + 1], rng)))


@pytest.mark.parametrize("place", [(0, 0), (159, 199), (10, 180)])
def test_a_black_pixel_changes_nothing(place):
    pixels = stroke()
    pixels[place] = 0
    assert np.abs(from_drawing(pixels) - ONE).max() <= 1


def test_the_edge_of_a_table_changes_little():
    sheet, table = (np.pad(stroke(), ((0, 0), (0, 60)), constant_values=grey) for grey in (255, 60))
    assert np.abs(from_drawing(table) - from_drawing(sheet).astype(int)).mean() < 3


def ring(wide=8):
    """A picture of a 0, black on white."""
    y, x = np.mgrid[:160, :160] - 80
    return np.where(np.abs(np.hypot(y, 1.4 * x) - 50) < wide / 2, 0, 255).astype(np.uint8)


ZERO = from_drawing(ring()).astype(int)


def framed(pixels):
    """Light on black, in a white frame."""
    return np.pad(255 - pixels, 20, constant_values=255)


def shaded(pixels):
    """Half of it in shadow."""
    return (pixels * np.where(np.arange(160) > 90, 0.4, 1.0)[:, None]).astype(np.uint8)


def boxed(pixels):
    """In the box of a form, whose line is faint."""
    line = np.pad(np.full((140, 140), 255), 1, constant_values=150)
    return np.minimum(pixels, np.pad(line, 9, constant_values=255)).astype(np.uint8)


@pytest.mark.parametrize("spoil", [framed, shaded, boxed])
def test_what_a_0_encloses_stays_paper(spoil):
    image = from_drawing(spoil(ring())).astype(int)
    assert image[14, 14] < 30 and np.abs(image - ZERO).mean() < 8


def test_a_thin_0_is_no_outline_and_an_outline_with_a_gap_is_one():
    assert from_drawing(ring(7))[14, 14] == 0
    stroke = np.full((200, 160), 255, np.uint8)
    stroke[30:170, 60:92] = 0
    stroke[31:169, 61:91] = 255
    stroke[100:102, 60] = 255
    image = from_drawing(stroke)
    assert image[14, 13:15].min() > 200


def test_paper_made_of_dots_is_paper(mnist):
    digit = mnist.x_train[48]
    data = kinds.EVERYDAY["dithered"](digit, digit, np.random.default_rng(48))
    assert np.abs(from_drawing(io.BytesIO(data)).astype(int) - digit).mean() < 40


@pytest.mark.parametrize("size", [330, 480, 640])
def test_an_outline_that_gets_gaps_where_it_is_made_smaller_is_filled(size):
    y, x = np.mgrid[:size, :size] / size - 0.5
    leaning = np.abs(x + 0.4 * y) < 0.09
    outline = leaning & (np.abs(y) < 0.3)
    inner = grown(~outline, 1)
    pixels = np.where(outline & inner, 0, 255).astype(np.uint8)
    image, solid = (from_drawing(each).astype(int) for each in (pixels, np.where(outline, 0, 255).astype(np.uint8)))
    assert np.abs(image - solid).mean() < 16


@pytest.mark.parametrize("angle", [0.3, 1.2, 2.0])
def test_light_that_falls_off_is_no_digit(angle):
    y, x = np.mgrid[:200, :240] / 200
    grey = np.clip(0.9 - 0.8 * np.abs(x * np.cos(angle) + y * np.sin(angle)) ** 3, 0, 1)
    with pytest.raises(ImageError, match="empty"):
        from_drawing(np.rint(255 * grey).astype(np.uint8))


def test_a_digit_out_of_focus_that_fills_the_picture_is_found_whole(mnist):
    three = mnist.x_train[7]
    data = kinds.EVERYDAY["out of focus"](three, three, np.random.default_rng(7))
    assert np.abs(from_drawing(io.BytesIO(data)).astype(int) - three).mean() < 18


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, np.uint16, np.int64, bool])
@pytest.mark.parametrize("shape", [(160, 200), (160, 200, 1), (1, 160, 200), (160, 200, 3), (160, 200, 4)])
def test_arrays_are_pictures(dtype, shape):
    high = {"u": 65535 if dtype == np.uint16 else 255, "i": 255, "f": 1, "b": True}[np.dtype(dtype).kind]
    pixels = (stroke() > 0).astype(dtype) * dtype(high)
    if len(shape) == 3:
        pixels = pixels[..., None] if shape[2] < 5 else pixels[None]
    if shape[-1] in (3, 4) and len(shape) == 3:
        pixels = np.repeat(pixels, shape[-1], axis=2)
        pixels[..., 3:] = high
    assert np.abs(from_drawing(pixels) - ONE).mean() < 2


@pytest.mark.parametrize("wrong", [np.zeros(784), np.zeros((5, 28, 28)), np.array([["a"]]), np.zeros((0, 3)), 7, None])
def test_what_is_no_picture_is_answered_with_what_is_wanted(wrong):
    with pytest.raises(ImageError, match=r"\(height, width\)|a picture is a file"):
        from_drawing(wrong)


def test_what_gradios_sketchpad_gives_is_read():
    ink = np.zeros((160, 200, 4), np.uint8)
    ink[40:130, 90:106, 3] = 255
    for value in ({"composite": ink}, {"background": None, "layers": [ink], "composite": None}):
        assert np.abs(from_drawing(value) - ONE).max() <= 8
    with pytest.raises(ImageError, match="nothing has been drawn"):
        from_drawing({"background": None, "layers": [], "composite": None})
    with pytest.raises(ImageError, match="'composite'"):
        from_drawing({"image": ink})


@pytest.mark.parametrize("corners", [True, False])
def test_pieces_are_those_of_scipy(corners):
    ndimage = pytest.importorskip("scipy.ndimage")
    for seed in range(20):
        rng = np.random.default_rng(seed)
        mask = rng.random(rng.integers(1, 40, 2)) < rng.uniform(0.1, 0.9)
        pieces = Pieces(mask, corners=corners)
        wanted, count = ndimage.label(mask, np.ones((3, 3)) if corners else None)
        assert len(pieces) == count and np.array_equal(pieces.labels >= 0, mask)
        for place, (rows, columns) in enumerate(ndimage.find_objects(pieces.labels + 1)):
            assert pieces.boxes[place].tolist() == [rows.start, rows.stop, columns.start, columns.stop]
            assert len(np.unique(wanted[pieces.labels == place])) == 1
            assert pieces.areas[place] == (pieces.labels == place).sum()
        values = rng.random(mask.shape)
        assert np.array_equal(grown(values, 3), ndimage.maximum_filter(values, 7, mode="nearest"))


def test_pictures_without_a_digit_are_refused_or_doubted():
    network, sure, count = load_digits(), [], 0
    for kind, data in nothing(each=8):
        count += 1
        try:
            image = from_drawing(io.BytesIO(data))
        except ImageError:
            continue
        if network.predict_proba(ml.to_vectors(image[None])).max() > 0.6:
            sure.append(kind)
    assert count == 8 * len(NOTHING)
    assert not sure


def test_ink_cut_out_close_to_it_is_not_empty(mnist):
    picture = np.zeros((60, 40, 4), np.uint8)
    picture[..., 3] = 255
    picture[20:40, 12:28, 3] = 0
    assert Image.fromarray(picture).mode == "RGBA" and from_drawing(picture).max() == 255


def test_of_one_ink_on_nothing_all_is_the_digits(mnist):
    compared = 0
    for picture in kinds.everyday(mnist.x_test, mnist.y_test, each=120, kinds=["felt pen, trimmed"]):
        ink = Image.open(io.BytesIO(picture.data))
        if ink.width <= WIDEST * ink.height:  # is not taken for stretched
            assert np.array_equal(from_drawing(ink), from_all_ink(ink)), picture.index
            compared += 1
    assert compared > 100
