"""A laboratory in a page: the reader trains a network on MNIST digits, with no server; in print, a picture of a run."""

from __future__ import annotations

import base64
import hashlib
import html
import struct
import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import metadata
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

import mnistlab as ml
from mnistbook.kit.figures import frame
from mnistbook.kit.in_page import ELEMENT, InPage, as_json, asset
from mnistbook.kit.style import COLOURS

__all__ = ["CONTROLS", "PRESETS", "Control", "Laboratory", "Preset", "digits", "recipe"]

TRAINING, VALIDATION = 4000, 1000
"""How many images a page has: the first of MNIST's training images."""

STEP = 17
"""From one of its 16 levels of grey to the next: images take half as much of a page so."""


class Control(NamedTuple):
    """A setting of a run: its name in the page, the values to choose from, the first choice, and names of values."""

    label: str
    choices: tuple[float | str, ...]
    start: float | str
    names: Mapping[float | str, str] = {}


CONTROLS: dict[str, Control] = {
    "hidden": Control("hidden units", (2, 4, 8, 16, 32, 64, 128), 64),
    "activation": Control(
        "activation", ("relu", "sigmoid", "tanh"), "relu", {"relu": "ReLU", "sigmoid": "sigmoid", "tanh": "tanh"}
    ),
    "initial": Control("initial weights", (1, 0, 30), 1, {1: "He's", 0: "all zero", 30: "30 times He's"}),
    "optimizer": Control(
        "optimizer",
        ("sgd", "nesterov", "rmsprop", "adam"),
        "sgd",
        {"sgd": "SGD", "nesterov": "SGD, Nesterov", "rmsprop": "RMSprop", "adam": "Adam"},
    ),
    "learning_rate": Control("learning rate", (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10), 0.1),
    "momentum": Control("momentum", (0, 0.5, 0.9, 0.99), 0),
    "batch_size": Control("batch size", (4, 16, 32, 64, 256, 1000), 32),
    "weight_decay": Control("weight decay", (0, 0.0001, 0.001, 0.01, 0.1), 0),
    "dropout": Control("dropout", (0, 0.2, 0.5, 0.8), 0),
    "images": Control("training images", (200, 1000, TRAINING), TRAINING),
    "epochs": Control("epochs", (5, 20, 100, 300), 20),
    "seed": Control("seed", tuple(range(10)), 0),
}
"""What can be set, under the names of the library where it has one."""


class Preset(NamedTuple):
    """Settings that lead to something to be seen: a title, what is changed, and where to look."""

    title: str
    changes: Mapping[str, float | str]
    look: str


PRESETS: dict[str, Preset] = {
    "calm": Preset("It learns", {}, "Both losses fall, and strokes appear in the noise of the weights."),
    "small-rate": Preset(
        "Too small a rate", {"learning_rate": 0.0003}, "The loss falls all the time, and has hardly begun when it ends."
    ),
    "large-rate": Preset(
        "Too large a rate",
        {"learning_rate": 3},
        "The loss leaps in the first steps, and the network guesses ever after.",
    ),
    "dead-units": Preset(
        "Dead ReLUs",
        {"learning_rate": 1, "momentum": 0.5},
        "How many hidden units never fire again, for no image: their weights stand still.",
    ),
    "saturation": Preset(
        "Saturated sigmoids",
        {"activation": "sigmoid", "initial": 30},
        "How often the slope of a hidden unit is nearly zero: no gradient comes through, and noise stays noise.",
    ),
    "zero-weights": Preset(
        "Zero weights",
        {"activation": "sigmoid", "initial": 0, "hidden": 16},
        "All hidden units get the same gradient, so that all pictures are one picture.",
    ),
    "overshooting": Preset(
        "Momentum that overshoots",
        {"learning_rate": 0.01, "momentum": 0.99, "batch_size": 256},
        "The loss comes down, and swings up again before it settles.",
    ),
    "overfitting": Preset(
        "Overfitting",
        {"images": 200, "hidden": 128, "epochs": 300},
        "The loss of the 200 images goes to zero, that of the others turns and rises.",
    ),
}
"""What the chapters talk about, by the end of the address that leads there."""


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Return the images of the page, uint8 of shape (5000, 28, 28), and their labels.

    They are the first of MNIST's training images, in 16 levels of grey. The last 1,000 are held out for validation.
    """
    mnist = ml.load_mnist()
    count = TRAINING + VALIDATION
    return np.rint(mnist.x_train[:count] / STEP).astype(np.uint8) * np.uint8(STEP), mnist.y_train[:count]


@cache
def picture() -> bytes:
    """Return the images and labels as one PNG file of four bits a pixel: a row an image, and then its label.

    Pillow would write it, but filters rows as it likes, which a page's script would have to undo.
    """
    images, labels = digits()
    levels = np.column_stack([images.reshape(len(images), -1) // STEP, labels])
    height, width = levels.shape
    pairs = np.pad(levels, ((0, 0), (0, width % 2))).reshape(height, -1, 2)
    rows = np.pad(pairs[..., 0] << 4 | pairs[..., 1], ((0, 0), (1, 0)))  # a row begins with 0: not filtered
    header = struct.pack(">IIBBBBB", width, height, 4, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    framed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def recipe(settings: Mapping[str, float | str], dtype: type = np.float32) -> tuple[ml.Network, ml.Optimizer]:
    """Return what the page trains with these settings, as the library has it: a network and an optimizer.

    The page draws its own random numbers, so that initial weights and batches are others.
    """
    activation = {"relu": ml.ReLU, "sigmoid": ml.Sigmoid, "tanh": ml.Tanh}[settings["activation"]]
    layers = [ml.Dense(784, settings["hidden"]), activation(), ml.Dropout(settings["dropout"])]
    network = ml.Network([*layers, ml.Dense(settings["hidden"], 10)], seed=settings["seed"], dtype=dtype)
    network.parameters *= settings["initial"]
    options = {"weight_decay": settings["weight_decay"]}
    if settings["optimizer"] in ("rmsprop", "adam"):
        kind = ml.Adam if settings["optimizer"] == "adam" else ml.RMSprop
    else:
        kind = ml.SGD
        nesterov = settings["optimizer"] == "nesterov" and settings["momentum"] > 0
        options |= {"momentum": settings["momentum"], "nesterov": nesterov}
    return network, kind(settings["learning_rate"], **options)


class Laboratory(InPage):
    """A network 784-H-10 that learns in the page while the reader watches, and may change every setting.

    In a page it is HTML that needs no server and nothing from outside: 5,000 digits are in it as one picture, and a
    worker trains beside the page. In print a picture of a run by the library stands in its place.

    Parameters
    ----------
    controls
        Names of the settings that the reader may change, of :data:`CONTROLS`; the others keep their first choice. Only
        with all of them are the update-to-weight ratio and the slope of hidden units shown, for readers who know these.
    presets
        Names of those :data:`PRESETS` that are offered; an address that ends in ``#NAME-PRESET`` leads to one.
    name
        Of this laboratory in the address of its page.
    page
        Path of the published page, to which a frame leads that lets no worker run.

    Raises
    ------
    ValueError
        If a control or a preset is unknown, or a preset changes what is no control.
    """

    def __init__(
        self,
        controls: Sequence[str] = tuple(CONTROLS),
        presets: Sequence[str] = tuple(PRESETS),
        *,
        name: str = "lab",
        page: str = "notebooks/11_hyperparameters.html",
    ):
        for kind, asked, known in (("control", controls, CONTROLS), ("preset", presets, PRESETS)):
            if unknown := [each for each in asked if each not in known]:
                raise ValueError(f"a laboratory has no {kind} {unknown[0]!r}; it knows {', '.join(known)}")
        for each in presets:
            if beyond := [changed for changed in PRESETS[each].changes if changed not in controls]:
                raise ValueError(f"the preset {each!r} changes {beyond[0]!r}, which is no control here")
        self.controls, self.presets, self.name, self.page = tuple(controls), tuple(presets), name, page

    def settings(self, **changes: float | str) -> dict[str, float | str]:
        """Return the settings with which a run starts, some of them changed."""
        return {name: control.start for name, control in CONTROLS.items()} | changes

    def figure(self) -> Figure:
        """Draw a run of the library with the first settings: its curves, and its hidden units' weights."""
        settings = self.settings(epochs=10)
        network, optimizer = recipe(settings)
        images, labels = digits()
        x = ml.to_vectors(images)
        training, validation = slice(0, TRAINING), slice(TRAINING, None)
        history = ml.fit(
            network,
            x[training],
            labels[training],
            optimizer=optimizer,
            epochs=settings["epochs"],
            batch_size=settings["batch_size"],
            validation_data=(x[validation], labels[validation]),
            progress=False,
        )
        figure = Figure(figsize=(7, 2.4), layout="compressed")
        losses, accuracies, weights = figure.subplots(1, 3, width_ratios=(1, 1, 1.1))
        epochs = history["epoch"]
        losses.plot(epochs, history["loss"], color=COLOURS[0], label="training")
        losses.plot(epochs, history["validation_loss"], color=COLOURS[1], label="validation")
        losses.set(xlabel="epoch", title="loss", ylim=(0, None), xticks=epochs[1::2])
        losses.legend(fontsize=8)
        accuracies.plot(epochs, 100 * history["validation_accuracy"], color=COLOURS[1])
        accuracies.set(xlabel="epoch", title="validation accuracy, %", xticks=epochs[1::2])
        weights.imshow(_sheet(network.layers[0].W), cmap="PuOr_r", vmin=-0.25, vmax=0.25)
        weights.set_title("first layer's weights")
        frame(weights)
        for axes in (losses, accuracies, weights):
            axes.title.set_fontsize(10)
        return figure

    def _repr_html_(self) -> str:
        start = {
            "name": self.name,
            "address": f"{_home()}/{self.page}",
            "controls": {name: _plain(CONTROLS[name]) for name in self.controls},
            "start": self.settings(),
            "presets": {name: PRESETS[name]._asdict() for name in self.presets},
            "training": TRAINING,
            "details": self.controls == tuple(CONTROLS),
        }
        text = as_json(start)
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        scripts = (ELEMENT, "network.js", "worker.js", "charts.js", "laboratory.js")
        style, *code = (asset(__package__, name) for name in ("laboratory.css", *scripts))
        unstarted = f'[data-laboratory="{digest}"]:not([data-started])'
        # Names live inside the function. Each copy of the script starts what has its mark and was not started.
        return (
            f"<style>\n{style}</style>\n"
            f'<div class="mnistlab-laboratory" data-laboratory="{digest}" role="group" '
            f'aria-label="{html.escape(repr(self))}">This laboratory needs JavaScript. It runs on '
            f'<a href="{start["address"]}">the page of the report</a>.</div>\n'
            f"<script>\n(() => {{\n{''.join(code)}const start = {text};\n"
            f'start.digits = "{base64.b64encode(picture()).decode()}";\n'
            f"for (const root of document.querySelectorAll({unstarted!r})) {{\n"
            '  root.setAttribute("data-started", "");\n'
            "  laboratory(root, start, laboratoryNetwork, laboratoryWorker, laboratoryCharts);\n"
            "}\n})();\n</script>"
        )

    def __repr__(self) -> str:
        return f"Laboratory: train a network yourself, with {len(self.controls)} settings to change"


def _sheet(W: np.ndarray, across: int = 8, gap: int = 1) -> np.ndarray:
    """Return the weights of hidden units, the columns of (784, H), as pictures side by side."""
    pictures = W.T.reshape(-1, 28, 28)
    padded = np.pad(pictures, ((0, -len(pictures) % across), (0, gap), (0, gap)))
    rows = padded.reshape(-1, across, 28 + gap, 28 + gap).swapaxes(1, 2)
    return rows.reshape(-1, across * (28 + gap))[:-gap, :-gap]


def _plain(control: Control) -> dict[str, object]:
    names = [control.names.get(choice, str(choice)) for choice in control.choices]
    return {"label": control.label, "choices": control.choices, "names": names}


def _home() -> str:
    """Return the address of the published pages, which follows from that of the repository."""
    repository = next(
        line.partition(", ")[2] for line in metadata("mnistlab").get_all("Project-URL") if line.startswith("Repository")
    )
    owner, name = repository.rsplit("/", 2)[1:]
    return f"https://{owner.lower()}.github.io/{name}"
