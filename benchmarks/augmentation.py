"""How fast distortion and deskewing are, beside scipy's functions called image by image, on one core."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np
import scipy
from scipy.ndimage import affine_transform, gaussian_filter, map_coordinates
from threadpoolctl import threadpool_limits

import mnistlab as ml
from mnistlab.images import Augmentation, deskew
from mnistlab.sweeps.provenance import provenance

BATCH = 128
FEW, MANY = 256, 12_800
"""Images a round: few for those that take them one by one."""


@dataclass
class Row:
    """A line of the table."""

    what: str
    dtype: str
    images_per_second: float
    ratio: float
    """To the line of scipy that does the same and stands above it."""


def scipy_elastic(images: np.ndarray, rng: np.random.Generator) -> None:
    """Distort images as is usual: two Gaussian filters and one interpolation for each."""
    places = np.mgrid[:28, :28]
    alpha, sigma = Augmentation.elastic().alpha, Augmentation.elastic().sigma
    for image in images:
        displacements = [
            alpha * gaussian_filter(rng.uniform(-1, 1, (28, 28)), sigma, mode="constant", cval=0) for _ in range(2)
        ]
        map_coordinates(image, places + displacements, order=1)


def scipy_deskew(images: np.ndarray, rng: np.random.Generator) -> None:
    """Deskew images by their moments, one after the other."""
    rows, columns = np.mgrid[:28, :28]
    for image in images:
        mass = image.sum()
        row, column = (rows * image).sum() / mass, (columns * image).sum() / mass
        variance = ((rows - row) ** 2 * image).sum() / mass
        slant = ((rows - row) * (columns - column) * image).sum() / mass / variance
        matrix = np.array([[1, 0], [slant, 1]])
        affine_transform(image, matrix, offset=(row, column) - matrix @ [14, 14], order=1)


def in_batches(augment: Augmentation) -> Callable[[np.ndarray, np.random.Generator], None]:
    """Return a function that distorts images in mini-batches, as a training does."""

    def run(images: np.ndarray, rng: np.random.Generator) -> None:
        for start in range(0, len(images), BATCH):
            augment(images[start : start + BATCH], rng)

    return run


CANDIDATES = {
    "elastic, scipy": (scipy_elastic, FEW),
    "elastic, a field for 64 images": (in_batches(Augmentation.elastic()), MANY),
    "elastic, a field for each image": (in_batches(Augmentation.elastic(group=1)), MANY),
    "elastic + affine, a field for 64": (in_batches(Augmentation.mild()), MANY),
    "elastic + affine, a field for each": (in_batches(Augmentation.mild(group=1)), MANY),
    "deskew, scipy": (scipy_deskew, FEW),
    "deskew": (lambda images, rng: deskew(images), MANY),
}


def measure(rounds: int) -> list[Row]:
    """Time all candidates in turn, ``rounds`` times, and return the medians."""
    pixels = ml.load_mnist().x_train[:MANY]
    data = {"float32": pixels.astype(np.float32) / 255, "uint8": pixels}
    seconds: dict[tuple[str, str], list[float]] = {(name, dtype): [] for name in CANDIDATES for dtype in data}
    for number in range(rounds + 1):
        for (name, dtype), taken in seconds.items():
            run, count = CANDIDATES[name]
            rng = np.random.default_rng(number)
            start = time.process_time()
            run(data[dtype][:count], rng)
            if number:  # the first round only warms up
                taken.append((time.process_time() - start) / count)
    result = []
    for (name, dtype), taken in seconds.items():
        reference = seconds["deskew, scipy" if name.startswith("deskew") else "elastic, scipy", dtype]
        result.append(Row(name, dtype, 1 / median(taken), median(reference) / median(taken)))
    return result


def main() -> None:
    """Measure, print, and write if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers there")
    parser.add_argument("--rounds", type=int, default=7, help="how often each is timed (7)")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    with threadpool_limits(1):
        rows = measure(options.rounds)
    machine = provenance() | {"scipy": scipy.__version__}
    print(f"{'':36}{'dtype':>8}{'images/s':>12}{'to scipy':>10}")
    for row in rows:
        print(f"{row.what:36}{row.dtype:>8}{row.images_per_second:12,.0f}{row.ratio:9.1f}×")
    print(f"\nmedian of {options.rounds} rounds, one thread, processor time; {machine['processor']}")
    print(", ".join(f"{name} {machine[name]}" for name in ("mnistlab", "commit", "python", "numpy", "blas", "scipy")))
    if options.json:
        content = {"rounds": options.rounds, "rows": [asdict(row) for row in rows], **machine}
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
