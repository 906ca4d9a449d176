"""Pictures made from MNIST's digits, and reading them."""

from __future__ import annotations

import io
from collections import Counter

import numpy as np
import pytest
from hostile import saved
from PIL import Image

import mnistlab as ml
from mnistbook.ch18_draw_your_own.drawings import KINDS, WAYS, compare, drawings
from mnistbook.train_digits import SEED
from mnistlab.app.weights import load_digits
from mnistlab.images import ImageError, from_drawing


@pytest.fixture(scope="module")
def pictures():
    mnist = ml.load_mnist()
    return drawings(mnist.x_test, mnist.y_test)


@pytest.fixture(scope="module")
def table(pictures):
    return compare(load_digits(), pictures)


def test_pictures_are_many_of_all_kinds_and_always_the_same(pictures):
    mnist = ml.load_mnist()
    assert Counter(picture.kind for picture in pictures) == dict.fromkeys(KINDS, 20)
    assert len({picture.index for picture in pictures}) == 240
    assert all(picture.digit == mnist.y_test[picture.index] for picture in pictures)
    again = drawings(mnist.x_test, mnist.y_test, count=24)
    assert [picture.data for picture in again[:12]] == [picture.data for picture in pictures[:12]]
    other = drawings(mnist.x_test, mnist.y_test, count=24, seed=1)
    assert not {picture.data for picture in again} & {picture.data for picture in other}
    with pytest.raises(ValueError, match="10000"):
        drawings(mnist.x_test, mnist.y_test, count=10_001)


def test_pictures_come_in_the_files_that_people_send(pictures):
    opened = [picture.open() for picture in pictures]
    assert {image.format for image in opened} == {"PNG", "JPEG", "WEBP", "BMP"}
    assert {image.mode for image in opened} >= {"L", "RGB", "RGBA", "P", "I;16"}
    assert {image.getexif().get(0x0112) for image in opened} >= {1, 3, 6, 8}


def test_at_least_96_of_100_are_read_rightly(table):
    everything = table.loc["all"]
    assert everything["pictures"] == 240
    assert everything["from_drawing"] >= 0.96


def test_every_kind_is_read_rightly():
    """Twenty pictures of a kind are few: here are a hundred, of digits that the network that ships has not learnt."""
    mnist = ml.load_mnist()
    *_, x, y = ml.split(mnist.x_train, mnist.y_train, 0.1, seed=SEED)
    table = compare(load_digits(), drawings(x, y, count=100 * len(KINDS), seed=1))
    assert (table.loc[list(KINDS), "pictures"] == 100).all()
    assert table["from_drawing"].min() >= 0.93


def test_scaling_alone_is_not_enough(table):
    assert list(table.columns) == ["pictures", *WAYS]
    assert list(table.index) == [*KINDS, "all"]
    assert table.loc["enlarged", "inverted, 28×28"] >= 0.9  # what its authors tried
    assert table.loc["all", ["alpha, 28×28", "inverted, 28×28"]].max() < 0.5


# What from_drawing does with single pictures.


def stroke(paper=255, ink=0, size=(200, 160)):
    """A picture of a 1."""
    image = Image.new("L", size, paper)
    image.paste(ink, (90, 40, 106, 130))
    return image


ONE = from_drawing(stroke())


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I", "F"])
def test_every_mode_gives_the_same_image(mode):
    assert np.abs(from_drawing(stroke().convert(mode)).astype(int) - ONE).max() <= 8


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP"])
@pytest.mark.parametrize("colours", [(255, 0), (0, 255), (120, 150), (150, 120)])
def test_every_format_gives_the_same_image_dark_on_light_or_light_on_dark(kind, colours):
    made = from_drawing(io.BytesIO(saved(stroke(*colours).convert("RGB"), kind, quality=95)))
    assert np.abs(made.astype(int) - ONE).mean() < 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_obeyed(orientation):
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's numbers of the inverse turns
    image = stroke()
    image.paste(0, (106, 114, 130, 130))  # an L, which looks different from each side
    wanted = from_drawing(image)
    turned = image.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else image
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(turned, "JPEG", quality=95, exif=exif)
    for picture in (io.BytesIO(data), Image.open(io.BytesIO(data))):
        assert np.abs(from_drawing(picture).astype(int) - wanted).mean() < 4


@pytest.mark.parametrize("ink", [(0, 0, 0), (255, 255, 255), (127, 127, 127), (255, 230, 0)])
@pytest.mark.parametrize("opacity", [60, 255])
def test_ink_of_any_colour_and_strength_on_nothing_is_seen(ink, opacity):
    picture = Image.new("RGBA", (200, 160), (77, 88, 99, 0))
    picture.paste((*ink, opacity), (90, 40, 106, 130))
    assert np.abs(from_drawing(picture).astype(int) - ONE).max() <= 8


def test_holes_in_the_paper_are_not_ink():
    picture = stroke().convert("RGBA")
    for corner in ((0, 0), (190, 0), (0, 150), (190, 150)):
        picture.paste((0, 0, 0, 0), (*corner, corner[0] + 10, corner[1] + 10))
    assert np.abs(from_drawing(picture).astype(int) - ONE).max() <= 8


def test_light_from_one_side_and_squared_paper_are_not_ink():
    light = np.linspace(130, 250, 200)[None, :] - np.linspace(0, 40, 160)[:, None] ** 1.1
    light[::25] -= 20
    light[:, ::25] -= 20
    pixels = np.where(np.asarray(stroke()) == 0, 30, light)
    assert np.abs(from_drawing(Image.fromarray(pixels.astype(np.uint8))).astype(int) - ONE).mean() < 6


@pytest.mark.parametrize("grain", [0, 1, 5, 20])
def test_paper_without_ink_is_refused(grain):
    pixels = 180 + np.random.default_rng(0).normal(0, grain, (150, 200)) + np.linspace(-30, 30, 200)
    with pytest.raises(ImageError, match="empty"):
        from_drawing(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)))


def test_a_fully_transparent_picture_is_refused():
    with pytest.raises(ImageError, match="empty"):
        from_drawing(Image.new("RGBA", (50, 50), (0, 0, 0, 0)))


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "PPM"])
def test_other_kinds_of_files_are_refused_with_those_that_are_read(kind):
    with pytest.raises(ImageError, match="PNG, JPEG, WebP or BMP"):
        from_drawing(io.BytesIO(saved(stroke(), kind)))


def test_the_limit_on_pixels_and_the_name_are_the_callers():
    data = saved(stroke())
    with pytest.raises(ImageError, match=r"your file has 200 × 160 pixels: scale it down to 0\.03 million"):
        from_drawing(io.BytesIO(data), max_pixels=30_000, name="your file")
    assert np.array_equal(from_drawing(io.BytesIO(data), max_pixels=32_000), ONE)


@pytest.mark.parametrize("shape", [(1, 300), (300, 1), (1, 1), (2, 2), (5, 4)])
def test_pictures_of_few_pixels_give_an_image_or_an_error(shape):
    pixels = np.full(shape, 255, np.uint8)
    pixels[shape[0] // 2, shape[1] // 2] = 0
    try:
        assert from_drawing(Image.fromarray(pixels)).max() == 255
    except ImageError as error:
        assert "empty" in str(error)


def test_floats_that_are_no_numbers_are_refused():
    with pytest.raises(ImageError, match="NaN"):
        from_drawing(Image.fromarray(np.full((30, 30), np.nan, np.float32)))
