"""How accuracy falls when the images are disturbed: noise, rotation, shift, occlusion and fading."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mnistbook.kit.figures import bands
from mnistlab.checks import check_seed
from mnistlab.images.displacements import affine_displacements
from mnistlab.images.warping import warp
from mnistlab.network import Network

__all__ = [
    "DISTURBANCES",
    "NOISE_APART",
    "Disturbance",
    "accuracies",
    "centred_noise",
    "fade",
    "level_reaching",
    "noise",
    "occlude",
    "robustness_curves",
    "rotate",
    "shift",
    "veil",
]

SIDE = 28


def noise(x: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Return ``x`` plus normal noise of standard deviation ``level`` in each pixel, cut off at 0 and 1."""
    return np.clip(x + level * rng.standard_normal(x.shape, dtype=np.float32), 0, 1)


def centred_noise(x: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Return ``x`` plus the same noise, not cut off: its mean is zero in every pixel, and pixels leave 0…1."""
    return x + level * rng.standard_normal(x.shape, dtype=np.float32)


def veil(x: np.ndarray, level: float, rng: np.random.Generator | None = None) -> np.ndarray:
    """Return ``x`` with the paper, every pixel of 0, as grey as noise makes it on average (:eq:`eq-veil`)."""
    return np.where(x == 0, x.dtype.type(level / np.sqrt(2 * np.pi)), x)


def rotate(x: np.ndarray, level: float, rng: np.random.Generator | None = None) -> np.ndarray:
    """Return the images turned by ``level`` degrees: the first, third … counter-clockwise, the others clockwise."""
    return _alternate(x, [affine_displacements(rotation=angle) for angle in (level, -level)])


def shift(x: np.ndarray, level: float, rng: np.random.Generator | None = None) -> np.ndarray:
    """Return the images moved by ``level`` pixels: down, up, right and left in turn."""
    ways = [(level, 0), (-level, 0), (0, level), (0, -level)]
    return _alternate(x, [affine_displacements(shift=np.array([way])) for way in ways])


def occlude(x: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Return the images with a square of ``level`` × ``level`` pixels wiped out at a random place within each.

    Raises
    ------
    ValueError
        If the side of the square is no whole number, or larger than the image.
    """
    size = int(level)
    if size != level or not 0 <= size <= SIDE:
        raise ValueError(f"the side of the square must be a whole number of pixels from 0 to {SIDE}, not {level!r}")
    corner = rng.integers(0, SIDE - size, size=(len(x), 2), endpoint=True)
    inside = (np.arange(SIDE) >= corner[..., None]) & (np.arange(SIDE) < corner[..., None] + size)  # (N, 2, 28)
    wiped = inside[:, 0, :, None] & inside[:, 1, None, :]
    return np.where(wiped.reshape(len(x), -1), np.zeros((), x.dtype), x)


def fade(x: np.ndarray, level: float, rng: np.random.Generator | None = None) -> np.ndarray:
    """Return the images with every pixel multiplied by 1 - ``level``: ink that lost this share of its darkness."""
    return x * x.dtype.type(1 - level)


@dataclass(frozen=True)
class Disturbance:
    """A way to disturb images of shape (N, 784), with the strengths at which it is tried; the first changes nothing.

    ``apply`` takes images with pixels from 0 to 1, a level and a generator, and returns new images of the same dtype.
    """

    name: str
    label: str
    levels: tuple[float, ...]
    apply: Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


DISTURBANCES = (
    Disturbance("noise", "noise, standard deviation", (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6), noise),
    Disturbance("rotation", "rotation, degrees", (0, 5, 10, 15, 20, 30, 40), rotate),
    Disturbance("shift", "shift, pixels", (0, 1, 2, 3, 4, 5, 6), shift),
    Disturbance("occlusion", "wiped square, pixels a side", (0, 4, 6, 8, 10, 12, 14), occlude),
    Disturbance("fading", "share of darkness lost", (0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95), fade),
)
"""Those of the report."""


NOISE_APART = (
    DISTURBANCES[0],
    Disturbance("centred noise", "noise that is not cut off", DISTURBANCES[0].levels, centred_noise),
    Disturbance("veil", "its mean alone, for a noise of", DISTURBANCES[0].levels, veil),
)
"""Noise, and what it is made of: values around zero, and paper that has become grey."""


def accuracies(
    networks: Mapping[str, Sequence[Network]],
    x: np.ndarray,
    labels: np.ndarray,
    disturbances: Sequence[Disturbance] = DISTURBANCES,
    *,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the accuracy of every network under every disturbance at every level.

    All networks see the same disturbed images.

    Parameters
    ----------
    networks
        Name of a kind of network to networks of that kind, which differ in their seeds.
    x, labels
        Images with pixels from 0 to 1, shape (N, 784), and labels, shape (N,).
    disturbances
        What is tried.
    seed
        Of the noise and of where squares lie.

    Returns
    -------
    pandas.DataFrame
        Columns ``disturbance``, ``level``, ``kind``, ``network`` (0, 1 …) and ``accuracy`` (0…1).

    Raises
    ------
    ValueError
        If images and labels differ in number, or there is no network.
    """
    if len(x) != len(labels) or not len(x):
        raise ValueError(f"each image needs a label: there are {len(x)} images and {len(labels)} labels")
    if not any(networks.values()):
        raise ValueError("there is no network to try")
    rows, seed = [], check_seed(seed)
    for number, disturbance in enumerate(disturbances):
        for level in disturbance.levels:
            disturbed = disturbance.apply(x, level, np.random.default_rng([seed, number]))
            for kind, group in networks.items():
                for index, network in enumerate(group):
                    accuracy = float(np.mean(network.predict(disturbed) == labels))
                    rows.append((disturbance.name, level, kind, index, accuracy))
    return pd.DataFrame(rows, columns=["disturbance", "level", "kind", "network", "accuracy"])


def level_reaching(levels: Sequence[float], accuracy: Sequence[float], floor: float) -> float:
    """Return the level at which the accuracy first falls to ``floor``, between two levels on a straight line.

    NaN if it stays above; the first level if it begins below.
    """
    levels, accuracy = np.asarray(levels, float), np.asarray(accuracy, float)
    below = np.flatnonzero(accuracy <= floor)
    if not len(below):
        return float("nan")
    after = int(below[0])
    if after == 0:
        return float(levels[0])
    share = (accuracy[after - 1] - floor) / (accuracy[after - 1] - accuracy[after])
    return float(levels[after - 1] + share * (levels[after] - levels[after - 1]))


def robustness_curves(frame: pd.DataFrame, disturbances: Sequence[Disturbance] = DISTURBANCES) -> Figure:
    """Draw :func:`accuracies`: a panel a disturbance, a line with a band a kind of network."""
    columns = 2
    rows = -(-len(disturbances) // columns)
    figure, panels = plt.subplots(rows, columns, figsize=(7, 2.3 * rows), sharey=True, squeeze=False)
    for axes, disturbance in zip(panels.flat, disturbances, strict=False):
        part = frame[frame["disturbance"] == disturbance.name]
        for index, kind in enumerate(part["kind"].unique()):
            table = part[part["kind"] == kind].pivot(index="network", columns="level", values="accuracy")
            bands(axes, table.columns.to_numpy(float), 100 * table.to_numpy(), kind, marker="os^D"[index % 4])
        axes.set(xlabel=disturbance.label, ylim=(0, 102))
        axes.xaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10]))
    for row in panels:
        row[0].set_ylabel("accuracy, %")
    handles, names = panels.flat[0].get_legend_handles_labels()
    spare = list(panels.flat[len(disturbances) :])
    for axes in spare:
        axes.axis("off")
    (spare or [panels.flat[0]])[0].legend(handles, names, loc="center" if spare else "lower left")
    return figure


def _alternate(x: np.ndarray, fields: Sequence[np.ndarray]) -> np.ndarray:
    """Return images warped by the fields in turn."""
    result = np.empty_like(x)
    for start, field in enumerate(fields):
        part = x[start :: len(fields)]
        if len(part):
            result[start :: len(fields)] = warp(part, field, group=len(part))
    return result
