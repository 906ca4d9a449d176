"""From pictures to what MNIST holds."""

import io

import numpy as np
import pytest
from PIL import Image

import mnistlab as ml
from mnistlab.images import ImageError, from_drawing


@pytest.fixture(scope="module")
def digits():
    return ml.load_mnist().x_test[:50]


def enlarged(image, factor=10):
    """An MNIST image as a person would have it: large, dark on light."""
    return Image.fromarray(255 - image).resize((28 * factor, 28 * factor), Image.Resampling.BICUBIC)


def distance(image, other):
    """Mean difference of two images' pixels, 0 to 255."""
    return np.abs(image.astype(float) - other.astype(float)).mean()


def test_what_comes_from_mnist_returns_nearly_unchanged(digits):
    errors = [distance(from_drawing(enlarged(image)), image) for image in digits]
    assert np.median(errors) < 6


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "LA", "1", "I;16"])
def test_modes_give_the_same_digit(digits, mode):
    picture = enlarged(digits[0])
    deep = Image.fromarray(np.asarray(picture).astype(np.uint16) * 257)
    picture = deep if mode == "I;16" else picture.convert(mode)
    assert distance(from_drawing(picture), from_drawing(enlarged(digits[0]))) < 12


def test_dark_and_light_ink_give_the_same_digit(digits):
    picture = enlarged(digits[3])
    inverted = Image.fromarray(255 - np.asarray(picture))
    assert distance(from_drawing(picture), from_drawing(inverted)) < 0.5


@pytest.mark.parametrize("ink", [0, 255])
def test_ink_on_nothing_is_seen(digits, ink):
    pixels = np.full((280, 280, 4), ink, np.uint8)
    pixels[..., 3] = 255 - np.asarray(enlarged(digits[1]))
    assert distance(from_drawing(Image.fromarray(pixels)), from_drawing(enlarged(digits[1]))) < 2


def test_place_and_size_do_not_matter(digits):
    sheet = Image.new("L", (900, 600), 250)
    sheet.paste(enlarged(digits[2], 12), (510, 40))
    assert distance(from_drawing(sheet), from_drawing(enlarged(digits[2]))) < 6


def test_result_is_centred_by_mass_in_a_box_of_twenty(digits):
    for image in digits[:10]:
        made = from_drawing(enlarged(image)).astype(float)
        rows, columns = np.flatnonzero(made.max(axis=1) > 60), np.flatnonzero(made.max(axis=0) > 60)
        assert max(np.ptp(rows), np.ptp(columns)) + 1 in (19, 20)
        place = np.arange(28) + 0.5
        assert abs(made.sum(axis=1) @ place / made.sum() - 14) <= 1
        assert abs(made.sum(axis=0) @ place / made.sum() - 14) <= 1


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_an_empty_canvas_is_refused(shade):
    with pytest.raises(ImageError, match="empty"):
        from_drawing(Image.new("L", (100, 100), shade))


def test_what_is_no_image_is_refused(tmp_path):
    for content in (b"", b"hello", b"\x89PNG\r\n\x1a\n" + bytes(40)):
        with pytest.raises(ImageError, match="no image"):
            from_drawing(io.BytesIO(content))
    with pytest.raises(FileNotFoundError):
        from_drawing(tmp_path / "absent.png")


def test_a_truncated_image_is_refused(digits):
    whole = io.BytesIO()
    enlarged(digits[0]).save(whole, "PNG")
    with pytest.raises(ImageError, match="no image that can be read"):
        from_drawing(io.BytesIO(whole.getvalue()[:500]))


def test_a_huge_image_is_refused():
    file = io.BytesIO()
    Image.new("1", (20_000, 3_000)).save(file, "PNG")
    with pytest.raises(ImageError, match="40 million"):
        from_drawing(io.BytesIO(file.getvalue()))


def test_a_photograph_is_turned_upright(digits):
    file = io.BytesIO()
    turned = enlarged(digits[0]).rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90° clockwise to see it
    turned.save(file, "JPEG", quality=95, exif=exif)
    assert distance(from_drawing(io.BytesIO(file.getvalue())), from_drawing(enlarged(digits[0]))) < 4
