"""Distortions are exactly what they say, come from the generator alone, and reach the training."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, map_coordinates, rotate

import mnistlab as ml
from mnistlab.images import Augmentation, affine_displacements, elastic_displacements, warp
from mnistlab.threads import blas_threads

PRESETS = {name: getattr(Augmentation, name) for name in ("mild", "elastic", "affine")}
DTYPES = [np.uint8, np.float32, np.float64]


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    return ml.load_mnist().x_test[:150]


def draw(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def twin(image: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    """Warp one image with scipy."""
    places = np.mgrid[:28, :28] + displacement.astype(np.float64)
    return map_coordinates(image.astype(np.float64), places, order=1, mode="grid-constant")


# Geometry


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("group", [1, 4, 64, 1000])
def test_warping_agrees_with_scipy(digits, dtype, group):
    images = digits.astype(dtype)
    images[0] = draw(3).integers(0, 256, (28, 28))  # ink up to the border
    fields = 9 * draw(4).standard_normal((-(-len(images) // group), 2, 28, 28)).astype(np.float32)
    result = warp(images, fields, group)
    expected = [twin(image, fields[index // group]) for index, image in enumerate(images)]
    tolerance = 0.5 + 2e-3 if dtype == np.uint8 else 2e-3  # places are held in float32
    assert np.abs(result.astype(np.float64) - expected).max() < tolerance


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("group", [1, 64])
def test_no_distortion_changes_no_bit(digits, dtype, group):
    images = digits.astype(dtype) if dtype == np.uint8 else digits.astype(dtype) / 255
    assert Augmentation(group=group)(images, draw()).tobytes() == images.tobytes()
    assert warp(images, affine_displacements(rotation=np.zeros(len(images)))).tobytes() == images.tobytes()


@settings(max_examples=40)
@given(st.integers(-30, 30), st.integers(-30, 30))
def test_a_whole_shift_moves_pixels_and_brings_in_black(down, right):
    images = draw(5).integers(1, 256, (5, 28, 28)).astype(np.uint8)
    wide = np.pad(images, ((0, 0), (30, 30), (30, 30)))
    expected = np.roll(wide, (down, right), axis=(1, 2))[:, 30:58, 30:58]
    result = warp(images, affine_displacements(shift=np.array([[down, right]])), group=5)
    assert result.tobytes() == expected.tobytes()


@pytest.mark.parametrize("angle", [-90, -8, 3, 30, 180])
def test_a_rotation_agrees_with_scipy(digits, angle):
    images = digits.astype(np.float64) / 255
    result = warp(images, affine_displacements(angle), group=len(images))
    # scipy turns from rows towards columns, which is counter-clockwise where rows go downwards
    expected = rotate(images, angle, axes=(1, 2), reshape=False, order=1, mode="grid-constant")
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_stretching_and_shearing_are_about_the_middle():
    image = np.zeros((1, 28, 28))
    image[0, 9:19, 9:19] = 1
    larger = warp(image, affine_displacements(size=np.array([[2.0, 1.0]])))
    np.testing.assert_allclose(larger.sum(axis=(1, 2)), 200, rtol=1e-6)
    assert np.ptp(np.flatnonzero(larger[0].sum(axis=1) > 4.9)) + 1 == 20
    assert np.ptp(np.flatnonzero(larger[0].sum(axis=0) > 4.9)) + 1 == 10
    leaning = warp(image, affine_displacements(shear=0.5))
    rows = leaning[0, 9:19]
    np.testing.assert_allclose(rows @ np.arange(28) / rows.sum(axis=1) - 13.5, 0.5 * (np.arange(9, 19) - 13.5))


def back_map(displacement: np.ndarray) -> np.ndarray:
    """Return the matrix of shape (3, 3) that takes places in the result, counted from the middle, to the image."""
    places = np.stack([*np.mgrid[:28, :28] - 13.5, np.ones((28, 28))]).reshape(3, -1)
    fetched = places[:2] + displacement.reshape(2, -1)
    matrix = np.linalg.lstsq(places.T, fetched.T, rcond=None)[0].T
    np.testing.assert_allclose(matrix @ places, fetched, atol=1e-5)
    return np.vstack([matrix, [0, 0, 1]])


def test_parts_are_applied_in_the_order_that_is_stated():
    turn, slide, stretch, move = (
        {"rotation": 20},
        {"shear": 0.3},
        {"size": np.array([[1.2, 0.8]])},
        {"shift": np.array([[2.0, -3.0]])},
    )
    single = [back_map(affine_displacements(**step)[0]) for step in (turn, slide, stretch, move)]
    together = back_map(affine_displacements(**turn, **slide, **stretch, **move)[0])
    # What is done to the digit first is undone last.
    np.testing.assert_allclose(together, single[0] @ single[1] @ single[2] @ single[3], atol=1e-5)


def test_elastic_fields_are_scipys():
    for sigma in (0.7, 4.0, 8.0):
        fields = elastic_displacements(3, 24, sigma, draw(1))
        noise = 2 * draw(1).random((3, 2, 28, 28), dtype=np.float32) - 1
        expected = 24 * gaussian_filter(noise.astype(np.float64), (0, 0, sigma, sigma), mode="constant", truncate=6)
        np.testing.assert_allclose(fields, expected, atol=1e-4)


def test_elastic_fields_are_as_large_as_stated():
    fields = elastic_displacements(4000, 34, 4, draw(2)).astype(np.float64)
    deviation = np.sqrt((fields**2).mean(axis=(0, 1)))
    stated = 34 / (2 * 4 * math.sqrt(3 * math.pi))
    assert abs(stated - 1.38) < 0.005
    np.testing.assert_allclose(deviation[13:15, 13:15], stated, rtol=0.02)
    np.testing.assert_allclose(deviation[[0, 27], 13], 0.755 * stated, rtol=0.03)
    np.testing.assert_allclose(deviation[[0, 27], [0, 27]], 0.57 * stated, rtol=0.03)
    assert abs(np.sqrt((fields**2).mean()) - 1.27) < 0.01
    assert np.abs(fields.mean(axis=(0, 1))).max() < 0.1
    mild = elastic_displacements(4000, 24, 4, draw(3))[:, :, 14, 14]
    assert abs(mild.std() - 0.98) < 0.02


def test_affine_distortions_fill_their_limits():
    """Of the corners' displacements under each kind alone, the largest is the limit that was asked for."""
    corner = np.array([13.5, 13.5])
    shift = Augmentation(shift=2).displacements(3000, draw())
    assert 1.98 < np.abs(shift).max() <= 2
    assert np.ptp(shift, axis=(2, 3)).max() == 0
    place = corner + Augmentation(scale=0.1).displacements(3000, draw())[:, :, 27, 27]
    factors = corner / place
    assert 0.9 - 1e-6 <= factors.min() < 0.902
    assert 1.098 < factors.max() <= 1.1 + 1e-6
    assert abs(np.corrcoef(factors.T)[0, 1]) < 0.1
    turned = Augmentation(rotation=8).displacements(3000, draw())[:, :, 27, 27] + corner
    angles = np.degrees(np.arctan2(turned[:, 0], turned[:, 1])) - 45
    assert 7.9 < np.abs(angles).max() <= 8 + 1e-4
    assert -8 - 1e-4 < angles.min() < -7.9
    slid = Augmentation(shear=0.06).displacements(3000, draw())[:, :, 27, 27]
    assert np.abs(slid[:, 0]).max() == 0
    assert 0.059 < np.abs(slid[:, 1]).max() / 13.5 <= 0.06 + 1e-6


# What a call promises


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("group", [1, 64])
def test_shape_and_dtype_stay_and_the_input_too(digits, preset, dtype, group):
    images = digits.astype(dtype)
    before = images.copy()
    augment = PRESETS[preset](group=group)
    result = augment(images, draw())
    assert result.dtype == dtype
    assert result.shape == images.shape
    assert not np.shares_memory(result, images)
    rows = augment(images.reshape(-1, 784), draw())
    assert rows.shape == (len(images), 784)
    assert rows.tobytes() == result.tobytes()
    assert images.tobytes() == before.tobytes()
    assert 0 < np.abs(result.astype(float) - images).mean() < 40
    assert augment(images[:0], draw()).shape == (0, 28, 28)


def test_the_generator_alone_decides(digits):
    augment = Augmentation.mild()
    rng = draw(1)
    first, second = augment(digits, rng), augment(digits, rng)
    assert first.tobytes() == augment(digits, draw(1)).tobytes()
    assert first.tobytes() != second.tobytes()
    assert first.tobytes() != augment(digits, draw(2)).tobytes()


def test_groups_share_a_field_and_no_more(digits):
    same = np.repeat(digits[:1], 150, axis=0)
    result = Augmentation.mild(group=64)(same, draw())
    assert len(np.unique(result.reshape(150, -1), axis=0)) == 3
    assert len(np.unique(result[:64].reshape(64, -1), axis=0)) == 1
    assert len(np.unique(Augmentation.mild(group=1)(same, draw()).reshape(150, -1), axis=0)) == 150


def test_many_images_are_drawn_in_pieces(digits, monkeypatch):
    """The fields of a large array are not held all at once, and every image still gets one of its own group."""
    monkeypatch.setattr("mnistlab.images.augmentation.FIELDS", 2)
    same = np.repeat(digits[:1], 50, axis=0)
    result = Augmentation.mild(group=8)(same, draw()).reshape(50, -1)
    assert len(np.unique(result, axis=0)) == 7
    assert all(len(np.unique(result[start : start + 8], axis=0)) == 1 for start in range(0, 50, 8))


def test_presets_and_repr():
    mild, elastic, affine = (PRESETS[name]() for name in ("mild", "elastic", "affine"))
    assert repr(mild) == (
        "Augmentation(alpha=24.0, sigma=4.0, rotation=8.0, scale=0.08, shear=0.06, shift=1.0, group=64)"
    )
    assert (elastic.alpha, elastic.sigma) == (mild.alpha, mild.sigma)
    assert not any((elastic.rotation, elastic.scale, elastic.shear, elastic.shift, affine.alpha))
    assert (affine.rotation, affine.scale, affine.shear, affine.shift) == (8, 0.08, 0.06, 1)
    assert repr(Augmentation(rotation=8, group=np.int64(3))) == repr(Augmentation(rotation=np.float64(8), group=3))


# What is refused


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        *(
            ({name: -0.5}, ValueError, f"{name} must be finite and at least 0, not -0.5")
            for name in ("alpha", "sigma", "rotation", "scale", "shear", "shift")
        ),
        ({"alpha": math.nan}, ValueError, "alpha must be finite"),
        ({"shift": math.inf}, ValueError, "shift must be finite"),
        ({"rotation": "8"}, TypeError, "rotation must be a number, not '8'"),
        ({"scale": True}, TypeError, "scale must be a number"),
        ({"scale": 1}, ValueError, "scale must be less than 1"),
        ({"sigma": 0}, ValueError, "set alpha to 0"),
        ({"group": 0}, ValueError, "group must be a positive integer, not 0"),
        ({"group": 2.5}, ValueError, "group must be a positive integer"),
    ],
)
def test_wrong_settings_are_refused(options, kind, message):
    with pytest.raises(kind, match=message):
        Augmentation(**options)


def test_wrong_images_are_refused(digits):
    augment = Augmentation.mild()
    with pytest.raises(TypeError, match="x must be uint8, float32 or float64, not int64"):
        augment(digits.astype(np.int64), draw())
    with pytest.raises(ValueError, match=r"x must have shape \(N, 28, 28\) or \(N, 784\), not \(150, 10\)"):
        augment(np.zeros((150, 10), np.float32), draw())
    with pytest.raises(ValueError, match=r"for one image, pass x\[None\]"):
        augment(digits[0], draw())
    with pytest.raises(TypeError, match=r"rng must be a numpy\.random\.Generator"):
        augment(digits, 0)
    with pytest.raises(ValueError, match=r"shape \(3, 2, 28, 28\), not \(1, 2, 28, 28\)"):
        warp(digits, affine_displacements(), 64)
    with pytest.raises(ValueError, match="NaN or infinity"):
        warp(digits, affine_displacements(math.nan), 150)


# In training


def small() -> ml.Network:
    return ml.Network([ml.Dense(784, 20), ml.ReLU(), ml.Dropout(0.2), ml.Dense(20, 10)], seed=1)


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    mnist = ml.load_mnist()
    x = ml.to_vectors(mnist.x_train[:500])
    x.flags.writeable = False
    return x, mnist.y_train[:500]


def by_hand(data, augment, epochs: int, seed: int) -> bytes:
    """Train as ``fit`` says that it does, with streams of randomness that are written down here once more."""
    network, optimizer, loss = small(), ml.SGD(0.1, momentum=0.9), ml.SoftmaxCrossEntropy()
    targets = ml.one_hot(data[1])
    with blas_threads(1):  # as in fit: the threads of a product decide how its sums are rounded
        for epoch in range(epochs):
            order, dropout = np.random.default_rng([seed, epoch + 1]).spawn(2)
            own = np.random.default_rng([seed, epoch + 1]).spawn(3)[2]
            for x, t in ml.minibatches(data[0], targets, 64, order):
                ml.train_step(network, loss, optimizer, augment(x, own) if augment else x, t, 0.0, dropout)
    return network.parameters.tobytes()


@pytest.mark.parametrize("augment", [None, Augmentation.mild()], ids=["none", "mild"])
def test_each_batch_is_augmented_from_a_stream_of_its_own(data, augment):
    network = small()
    ml.fit(network, *data, epochs=2, batch_size=64, seed=3, augment=augment)
    assert network.parameters.tobytes() == by_hand(data, augment, 2, 3)


def test_order_and_dropout_do_not_depend_on_it(data):
    plain, same = small(), small()
    ml.fit(plain, *data, epochs=2)
    ml.fit(same, *data, epochs=2, augment=lambda x, rng: x + 0 * rng.random(x.shape, dtype=x.dtype))
    assert plain.parameters.tobytes() == same.parameters.tobytes()


def test_only_what_is_learnt_from_is_augmented(data):
    seen = []

    def augment(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        seen.append(len(x))
        return x

    ml.fit(small(), *data, epochs=2, batch_size=128, validation_split=0.2, augment=augment)
    assert seen == [128, 128, 128, 16] * 2


def test_resuming_is_bit_identical(data, tmp_path):
    straight, resumed = small(), small()
    options = {"epochs": 4, "augment": Augmentation.mild(), "optimizer": None}
    ml.fit(straight, *data, **options)
    file = tmp_path / "run.npz"

    def stop(row: dict[str, float]) -> None:
        if row["epoch"] == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        ml.fit(small(), *data, **options, checkpoint=file, on_epoch_end=stop)
    ml.fit(resumed, *data, **options, checkpoint=file, resume=True)
    assert resumed.parameters.tobytes() == straight.parameters.tobytes()
    for other in (Augmentation.elastic(), Augmentation.mild(group=1), None):
        with pytest.raises(ml.CheckpointError, match="its augment is Augmentation"):
            ml.fit(small(), *data, **options | {"augment": other}, checkpoint=file, resume=True)


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        (lambda x, rng: x.astype(np.float64), r"float32 of shape \(128, 784\), not float64 of shape \(128, 784\)"),
        (lambda x, rng: x.reshape(-1, 28, 28), r"not float32 of shape \(128, 28, 28\)"),
        (lambda x, rng: x[1:], r"not float32 of shape \(127, 784\)"),
        (lambda x, rng: None, "not NoneType"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_learnt(data, augment, message, tmp_path):
    network = small()
    with pytest.raises(ValueError, match=f"augment must return .*{message}"):
        ml.fit(network, *data, augment=augment, checkpoint=tmp_path / "run.npz")
    assert network.parameters.tobytes() == small().parameters.tobytes()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_batch_cannot_be_written_into(data, shuffle):
    x = data[0].copy()
    network = small()
    with pytest.raises(ValueError, match="read-only"):
        ml.fit(network, x, data[1], shuffle=shuffle, augment=lambda x, rng: np.multiply(x, 2, out=x))
    assert x.tobytes() == data[0].tobytes()
    assert network.parameters.tobytes() == small().parameters.tobytes()


@pytest.mark.parametrize("wrong", [Augmentation, "mild", 3])
def test_what_cannot_be_called_is_refused(data, wrong):
    with pytest.raises(TypeError, match="pass an instance or a function"):
        ml.fit(small(), *data, augment=wrong)


# Pictures


def test_pictures_show_what_they_say(digits):
    pytest.importorskip("matplotlib").use("Agg")
    from mnistbook.ch92_image_operations.distortions import displacement_fields

    above = displacement_fields(digits[0], (1, 4), size=1.5).axes[:2]
    for axes in above:
        arrows = axes.collections[0]
        assert 0.3 < np.sqrt(np.mean(arrows.U**2 + arrows.V**2)) < 1.5 * math.sqrt(2) + 0.1


@pytest.mark.parametrize("why", ["the training diverges", "a later batch fails"])
def test_the_thread_that_augments_ends_with_the_training(data, why):
    threads = []

    def augment(x, rng):
        threads.append(threading.current_thread())
        if why == "a later batch fails" and len(threads) == 3:
            raise KeyError("no such distortion")
        return x * np.float32(1e30) if why == "the training diverges" and len(threads) == 2 else x.copy()

    expected = ml.TrainingDiverged if why == "the training diverges" else KeyError
    with pytest.raises(expected) as caught:
        ml.fit(small(), *data, epochs=2, batch_size=32, augment=augment)
    del caught
    assert len(threads) >= 2 and threads[0] is not threading.current_thread()
    assert not any(thread.is_alive() for thread in threads)
