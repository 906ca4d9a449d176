"""Digits that lean are sheared upright, as a slow twin does it image by image."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import affine_transform

import mnistlab as ml
from mnistlab.images import affine_displacements, deskew, moments, warp


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    return ml.load_mnist().x_test[:300]


def odd_images() -> np.ndarray:
    """Images that no digit looks like: noise to the border, single pixels and lines, all white."""
    images = np.zeros((10, 28, 28), dtype=np.uint8)
    images[:3] = np.random.default_rng(1).integers(0, 256, (3, 28, 28))
    images[3, 0, 0] = images[4, 27, 20] = images[5, 9, 2:25] = images[6, 3:27, 26] = 255
    images[7] = 255
    images[8, np.arange(28), np.arange(27, -1, -1)] = 200
    images[9, :, 0], images[9, 26:, 26:] = 60, 100  # rows slide by more than half the field
    return images


def twin(image: np.ndarray) -> np.ndarray:
    """Deskew one image as the formulas of the docstring read, with scipy's interpolation."""
    image = image.astype(np.float64)
    rows, columns = np.mgrid[:28, :28]
    mass = image.sum()
    centre = np.array([(rows * image).sum(), (columns * image).sum()]) / mass
    variance = ((rows - centre[0]) ** 2 * image).sum() / mass
    covariance = ((rows - centre[0]) * (columns - centre[1]) * image).sum() / mass
    matrix = np.array([[1, 0], [covariance / variance if variance > 1e-9 else 0, 1]])
    offset = centre - matrix @ [14, 14]
    return affine_transform(image, matrix, offset, order=1, mode="grid-constant")


def test_it_agrees_with_its_slow_twin(digits):
    images = np.concatenate([digits, odd_images()])
    expected = np.array([twin(image) for image in images])
    np.testing.assert_allclose(deskew(images.astype(np.float64)), expected, atol=1e-9)
    np.testing.assert_allclose(deskew(images.astype(np.float32) / 255), expected / 255, atol=2e-6)
    assert np.abs(deskew(images) - expected).max() <= 0.5 + 1e-4


def test_digits_stand_upright_in_the_middle(digits):
    leaning, straight = moments(digits), moments(deskew(digits))
    assert leaning[1].std() > 0.2
    assert np.abs(straight[1]).max() < 0.02
    assert np.abs(straight[0] - 14).max() < 0.1


def test_what_stands_upright_already_hardly_changes(digits):
    once = deskew(digits.astype(np.float32))
    twice = deskew(once)
    assert np.abs(twice - once).mean() < 0.02 * np.abs(once - digits).mean()


def test_a_shear_is_undone(digits):
    sheared = warp(digits, affine_displacements(shear=np.full(len(digits), 0.4)))
    assert abs(np.mean(moments(sheared)[1] - moments(digits)[1]) - 0.4) < 0.02
    difference = np.abs(deskew(sheared).astype(float) - deskew(digits)).mean()
    assert difference < 0.25 * np.abs(sheared.astype(float) - digits).mean()


def test_moments_of_a_known_image():
    images = np.zeros((3, 28, 28), dtype=np.uint8)
    images[0, [10, 11, 12], [5, 7, 9]] = 50
    images[1, 4, 3:6] = 9
    centre, slant = moments(images)
    np.testing.assert_allclose(centre[:2], [[11, 7], [4, 4]])
    np.testing.assert_allclose(slant[:2], [2, 0])
    assert np.isnan(centre[2]).all()
    assert slant[2] == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_shape_and_dtype_stay_and_the_input_too(digits, dtype):
    images = digits.astype(dtype)
    before = images.copy()
    result = deskew(images)
    assert result.dtype == dtype
    assert result.shape == images.shape
    rows = deskew(images.reshape(-1, 784))
    assert rows.shape == (len(images), 784)
    assert rows.tobytes() == result.tobytes()
    assert images.tobytes() == before.tobytes()
    assert deskew(images[:0]).shape == (0, 28, 28)


def test_the_result_does_not_depend_on_the_images_beside_it(digits):
    many = np.concatenate([digits] * 2)
    assert deskew(many).tobytes() == deskew(digits).tobytes() * 2
    assert deskew(digits[7:8]).tobytes() == deskew(digits)[7:8].tobytes()


def test_black_images_come_back_as_they_are(digits):
    images = digits[:4].copy()
    images[[1, 3]] = 0
    result = deskew(images)
    assert not result[[1, 3]].any()
    assert result[[0, 2]].tobytes() == deskew(digits[[0, 2]]).tobytes()


def test_what_is_no_image_is_refused(digits):
    with pytest.raises(TypeError, match="uint8, float32 or float64, not int64"):
        deskew(digits.astype(np.int64))
    with pytest.raises(ValueError, match=r"\(N, 784\), not \(300, 27, 28\)"):
        deskew(digits[:, 1:])
    with pytest.raises(ValueError, match=r"for one image, pass images\[None\]"):
        deskew(digits[0])
    for wrong in (np.nan, np.inf, -0.1):
        images = digits.astype(np.float32)
        images[5, 3, 3] = wrong
        with pytest.raises(ValueError, match="finite and at least 0"):
            deskew(images)
