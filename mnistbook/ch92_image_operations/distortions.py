"""A picture of the fields that displace pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from mnistbook.kit.figures import show_digit
from mnistbook.kit.style import COLOURS
from mnistlab.images import elastic_displacements, warp

__all__ = ["displacement_fields"]


def displacement_fields(
    image: np.ndarray, sigmas: Sequence[float] = (1, 4, 10), *, size: float = 1.4, seed: int = 0
) -> Figure:
    """Draw elastic displacement fields of several widths, and below each what it makes of an image.

    An arrow leads from a place in the result to where its pixel is fetched, and stands for four pixels. All fields come
    from the same noise, and ``size`` is the root mean square of each component over the whole field, in pixels,
    whatever the width: only the smoothness differs.

    Parameters
    ----------
    image
        Shape (28, 28).
    sigmas
        Widths of the smoothing in pixels, a column each.
    size
        How far pixels are displaced.
    seed
        Of the noise.
    """
    figure, panels = plt.subplots(
        2, len(sigmas), figsize=(7, 14 / len(sigmas) + 0.25), squeeze=False, layout="constrained"
    )
    place = np.arange(0.5, 28, 2)
    for (arrows, result), sigma in zip(panels.T, sigmas, strict=True):
        field = elastic_displacements(1, 1.0, sigma, np.random.default_rng(seed))
        alpha = size / math.sqrt(np.mean(field.astype(np.float64) ** 2))
        field *= np.float32(alpha)
        # The mean of four pixels stands between them, and hides none of the field as every second pixel would.
        mean = field[0].reshape(2, 14, 2, 14, 2).mean(axis=(2, 4))
        show_digit(arrows, image)
        arrows.images[0].set_alpha(0.3)
        arrows.set_xticks(np.arange(28) + 0.5, minor=True)
        arrows.set_yticks(np.arange(28) + 0.5, minor=True)
        arrows.grid(which="minor", color="#e2e2e2", linewidth=0.4)
        arrows.tick_params(which="both", length=0)
        arrows.quiver(
            place,
            place,
            mean[1],
            mean[0],
            angles="xy",
            scale_units="xy",
            scale=1,
            color=COLOURS[0],
            width=0.006,
        )
        arrows.set(xlim=(-0.5, 27.5), ylim=(27.5, -0.5))
        arrows.set_title(f"σ = {sigma:g}, α = {alpha:.3g}", fontsize=9)
        show_digit(result, warp(image[None], field)[0])
    panels[0, 0].set_ylabel("displacements", fontsize=9)
    panels[1, 0].set_ylabel("result", fontsize=9)
    return figure
