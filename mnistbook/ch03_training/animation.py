"""An image flows forward through a network and the error back: it plays in a page, and stands in frames in print."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from mnistbook.kit.in_page import InPage, scripted
from mnistbook.kit.style import COLOURS
from mnistlab.data import one_hot
from mnistlab.layers import Dense, ReLU
from mnistlab.losses import SoftmaxCrossEntropy
from mnistlab.network import Network

__all__ = ["Animation", "Stage"]

HIDDEN, DIGITS = 16, 10
IMAGE = (10.0, 120.0, 160.0)
"""Left and upper edge of the image in the drawing, and its size."""

PLACES = {
    "hidden": [(330.0, 20 + 24.0 * unit) for unit in range(HIDDEN)],
    "outputs": [(520.0, 20 + 40.0 * digit) for digit in range(DIGITS)],
}
"""Where the units stand."""

PICTURE = 22.0
"""Size of the small pictures of gradients."""

RADIUS = 10.0
"""Of the unit with the largest number of a stage."""


class Stage(NamedTuple):
    """One picture of the animation. Numbers of a kind are drawn relative to the largest of them.

    Parameters
    ----------
    title, text
        What happens, and the numbers of it.
    direction
        ``"forward"`` or ``"backward"``: which way dots move along the lines, and which colour all numbers have.
    hidden, outputs
        A number for each unit, or None where it has none yet.
    first, second
        A number for each line, from the image to the hidden units and from there to the outputs, of shape (16,) and
        (16, 10), or None for no lines.
    pictures
        A factor for each hidden unit: by it the image is multiplied, which gives the gradient of that unit's weights.
    notes
        A text for each output.
    values_kept
        Whether the hidden numbers are values still, while the others are derivatives: they keep the colour of values.
    """

    title: str
    text: str
    direction: str
    hidden: np.ndarray | None = None
    outputs: np.ndarray | None = None
    first: np.ndarray | None = None
    second: np.ndarray | None = None
    pictures: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    values_kept: bool = False


class Animation(InPage):
    """One image in a network 784-16-10: forward to the loss, backward to the gradients, and one step of training.

    In a page it is HTML that needs nothing from outside; in print it is the drawing of :meth:`figure`. Everything shown
    is computed by the library. The network itself stays as it is.

    Parameters
    ----------
    network
        ``[Dense(784, 16), ReLU(), Dense(16, 10)]``, with biases.
    image
        One image of shape (784,), with numbers from 0 to 1.
    label
        The digit that it shows.
    learning_rate
        Of the step at the end.

    Raises
    ------
    ValueError
        If the network has other layers, or the image another shape, or the label is no digit.
    """

    def __init__(self, network: Network, image: np.ndarray, label: int, *, learning_rate: float = 0.1):
        layers = [{"type": type(layer).__name__, **layer.config()} for layer in network.layers]
        dense = {"type": "Dense", "bias": True}
        wanted = [dense | {"inputs": 784, "outputs": HIDDEN}, {"type": "ReLU"}]
        if layers != [*wanted, dense | {"inputs": HIDDEN, "outputs": DIGITS}]:
            raise ValueError(f"the animation is for Dense(784, 16), ReLU(), Dense(16, 10), not {network!r}")
        image = np.array(image, dtype=np.float64)
        if image.shape != (784,) or not (np.isfinite(image).all() and image.min() >= 0 and 0 < image.max() <= 1):
            raise ValueError(f"the animation needs one image of 784 numbers from 0 to 1, not shape {image.shape}")
        if label not in range(DIGITS):
            raise ValueError(f"the label is a digit from 0 to 9, not {label!r}")
        self.image, self.label, self.learning_rate = image, int(label), float(learning_rate)
        self.network = Network([Dense(784, HIDDEN), ReLU(), Dense(HIDDEN, DIGITS)], dtype=np.float64)
        self.network.parameters[...] = network.parameters

    def values(self) -> dict[str, np.ndarray]:
        """Return what the library computes for the image, under the names of the report's equations.

        ``z``, ``h``, ``theta``, ``p``, ``loss``; ``d2`` and ``d1``, the deltas; ``dW2`` and ``dW1``; and after a step
        against the gradient ``p_after`` and ``loss_after``.
        """
        first, _, second = self.network.layers
        x, loss = self.image[None], SoftmaxCrossEntropy()
        target = one_hot(np.array([self.label]), dtype=np.float64)
        start = self.network.parameters.copy()
        value = loss.forward(self.network.forward(x), target)
        values = {"z": first.forward(x)[0], "h": second.x[0], "theta": second.forward(second.x)[0]}
        values |= {"p": self.network.predict_proba(x)[0], "loss": np.array(value)}
        loss.forward(self.network.forward(x), target)
        self.network.backward(loss.backward())
        # With one image the gradient of the biases is the delta.
        values |= {"d2": second.db, "d1": first.db, "dW2": second.dW, "dW1": first.dW}
        values = {name: array.copy() for name, array in values.items()}
        self.network.parameters -= self.learning_rate * self.network.gradients
        values["loss_after"] = np.array(loss.forward(self.network.forward(x), target))
        values["p_after"] = self.network.predict_proba(x)[0].copy()
        self.network.parameters[...] = start
        return values

    def stages(self) -> list[Stage]:
        """Return the pictures, in the order of the calculation."""
        v, label = self.values(), self.label
        W2 = self.network.layers[2].W
        on, answer = int(np.sum(v["h"] > 0)), int(v["p"].argmax())
        p, after = v["p"][label], v["p_after"][label]
        strongest = int(np.abs(v["d1"]).argmax())
        logits, shares = _texts(v["theta"], 2), _texts(v["p"], 3)
        errors, moved = _texts(v["d2"], 3), _texts(v["p_after"], 3)
        guess = "which is right" if answer == label else f"but {answer} gets {v['p'][answer]:.3f}"
        forward, backward = "forward", "backward"
        error = {"hidden": v["h"], "outputs": v["d2"], "notes": errors, "values_kept": True}
        return [
            Stage(
                "The image",
                f"A {label}: 784 numbers, of which {int(np.sum(self.image > 0))} are not 0.",
                forward,
            ),
            Stage(
                "The first layer",
                "Each hidden unit multiplies the 784 pixels by its weights, adds the products and its bias. "
                f"{on} of the 16 sums z are positive.",
                forward,
                v["z"],
                first=v["z"],
            ),
            Stage("ReLU", f"It keeps the {on} positive sums and makes the other {HIDDEN - on} zero.", forward, v["h"]),
            Stage(
                "The second layer",
                "Each output adds sixteen products of a hidden value and a weight, and its bias: the logits.",
                forward,
                v["h"],
                v["theta"],
                second=v["h"][:, None] * W2,
                notes=logits,
            ),
            Stage(
                "Softmax and loss",
                f"The logits become probabilities. The right digit, {label}, gets {p:.3f}, {guess}. "
                f"The loss is −log {p:.3f} = {float(v['loss']):.2f}.",
                forward,
                v["h"],
                v["p"],
                notes=shares,
            ),
            Stage(
                "The error",
                f"Now backward. The error of an output is p − t: its probability, minus 1 for the {label}. "
                "A filled circle says that its logit should fall, an open one that it should rise.",
                backward,
                **error,
            ),
            Stage(
                "Gradient of the second layer",
                "The gradient of a weight is the hidden value at its beginning times the error at its end. "
                f"It is 0 for all weights of the {HIDDEN - on} units that are 0.",
                backward,
                second=v["dW2"],
                **error,
            ),
            Stage(
                "The error goes back",
                "Each error is multiplied by the weights and added up at the hidden units. "
                f"The {HIDDEN - on} units that ReLU had made zero get none.",
                backward,
                v["d1"],
                v["d2"],
                second=W2 * v["d2"] * (v["h"] > 0)[:, None],
                notes=errors,
            ),
            Stage(
                "Gradient of the first layer",
                "The gradient of a unit's 784 weights is the image times the error of the unit: sixteen copies of the "
                "image, each with a factor of its own (blue where it is negative). "
                f"The largest in size is {_texts(v['d1'], 3)[strongest]}.",
                backward,
                v["d1"],
                v["d2"],
                pictures=v["d1"],
                notes=errors,
            ),
            Stage(
                "One step",
                f"All weights move against their gradients, with the learning rate {self.learning_rate:g}. The same "
                f"image once more: digit {label} now gets {after:.3f}, and the loss goes from {float(v['loss']):.2f} "
                f"to {float(v['loss_after']):.2f}.",
                forward,
                outputs=v["p_after"],
                notes=moved,
            ),
        ]

    def figure(self) -> Figure:
        """Draw the stages from the first layer on, side by side."""
        stages = self.stages()[1:]
        figure = Figure(figsize=(7, 6.6), layout="constrained")
        for number, (axes, stage) in enumerate(zip(figure.subplots(3, 3).flat, stages, strict=True), start=1):
            axes.set(xlim=(0, 640), ylim=(406, -6), aspect="equal")
            axes.axis("off")
            axes.set_title(f"{number}. {stage.title}", fontsize=9)
            self._draw(axes, stage)
        return figure

    def _draw(self, axes: Axes, stage: Stage) -> None:
        colour = COLOURS[0] if stage.direction == "forward" else COLOURS[1]
        left, top, size = IMAGE
        pixels = self.image.reshape(28, 28)
        axes.imshow(_ink(pixels, "black"), extent=(left, left + size, top + size, top), aspect="auto", zorder=2)
        lines = []
        if stage.first is not None:
            lines += list(zip(_from_image(), PLACES["hidden"], _relative(stage.first), strict=True))
        if stage.second is not None:
            relative = _relative(stage.second)
            lines += [
                (PLACES["hidden"][j], PLACES["outputs"][k], relative[j, k]) for j, k in np.ndindex(HIDDEN, DIGITS)
            ]
        for (x_0, y_0), (x_1, y_1), value in lines:
            if value:
                look = "-" if value > 0 else ":"
                axes.plot([x_0, x_1], [y_0, y_1], look, color=colour, linewidth=1.6 * abs(value), zorder=1)
        of_hidden = COLOURS[0] if stage.values_kept else colour
        for kind, numbers, of in (("hidden", stage.hidden, of_hidden), ("outputs", stage.outputs, colour)):
            values = np.zeros(len(PLACES[kind])) if numbers is None else _relative(numbers)
            for (x, y), value in zip(PLACES[kind], values, strict=True):
                axes.plot(x, y, "o", markersize=1.6, color="#999999", zorder=3)
                face = of if value > 0 else "white"
                axes.scatter(x, y, 45 * abs(value), facecolor=face, edgecolor=of, linewidth=0.9, zorder=4)
        if stage.pictures is not None:
            for (x, y), value in zip(PLACES["hidden"], _relative(stage.pictures), strict=True):
                edges = (x - 16 - PICTURE, x - 16, y + PICTURE / 2, y - PICTURE / 2)
                tint = colour if value > 0 else COLOURS[0]
                axes.imshow(_ink(pixels * abs(value), tint), extent=edges, aspect="auto", zorder=2)
        for digit, (x, y) in enumerate(PLACES["outputs"]):
            axes.text(x + 16, y, str(digit), va="center", fontsize=6, weight="bold" if digit == self.label else None)
            if stage.notes:
                axes.text(x + 118, y, stage.notes[digit], va="center", ha="right", fontsize=5.5, color=colour)

    def start(self) -> dict[str, object]:
        """Return what the page draws, as plain values."""
        stages = []
        for stage in self.stages():
            numbers = {
                name: None if value is None else _relative(value).round(4).tolist()
                for name, value in stage._asdict().items()
                if name in ("hidden", "outputs", "first", "second", "pictures")
            }
            stages.append(stage._asdict() | numbers)
        return {
            "pixels": np.rint(255 * self.image).astype(int).tolist(),
            "label": self.label,
            "image": IMAGE,
            "picture": PICTURE,
            "radius": RADIUS,
            "ends": _from_image(),
            "places": PLACES,
            "stages": stages,
        }

    def _repr_html_(self) -> str:
        return scripted(__package__, "animation", self.start(), "An image flows through a network")

    def __repr__(self) -> str:
        return f"Animation: one image, a {self.label}, in a network 784-16-10, in {len(self.stages())} pictures"


def _relative(numbers: np.ndarray) -> np.ndarray:
    """Return numbers as parts of the largest of them, with their signs."""
    return numbers / (np.abs(numbers).max() or 1)


def _from_image() -> list[tuple[float, float]]:
    """Return where on the image's right edge the line to each hidden unit begins."""
    left, top, size = IMAGE
    return [(left + size, top + size * (unit + 0.5) / HIDDEN) for unit in range(HIDDEN)]


def _ink(pixels: np.ndarray, colour: str) -> np.ndarray:
    """Return an image whose ink has a colour and whose paper is transparent, of shape (28, 28, 4)."""
    image = np.empty((*pixels.shape, 4))
    image[...] = to_rgba(colour)
    image[..., 3] = pixels
    return image


def _texts(numbers: np.ndarray, digits: int) -> tuple[str, ...]:
    return tuple(f"{number:.{digits}f}".replace("-", "−") for number in numbers)
