"""A pad in a notebook or a page: draw a digit, and see what a network makes of it, with no server."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from importlib.resources import files
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from mnistlab.data import to_vectors
from mnistlab.devices import to_host
from mnistlab.images import from_drawing
from mnistlab.images.drawing import BOX, FAINTEST, FIELD, FULL, STRETCHED, USUAL, WIDEST, WORKING_SIZE
from mnistlab.images.finding import RULES
from mnistlab.layer import make_layer
from mnistlab.layers import Dense, Dropout, ReLU, Sigmoid, Softmax, Tanh
from mnistlab.network import Network

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["DigitPad", "example"]

LAYERS = (Dense, ReLU, Sigmoid, Tanh, Softmax, Dropout)
"""Layers that the page knows; of others it takes what their class has as ``javascript``."""

PAPER, PEN = WORKING_SIZE, 20
"""Pixels across the paper, which needs no shrinking then, and across the pen."""

BAR, EDGE = "#0072b2", "#767676"
"""Colours of the picture that stands in for a pad in print."""

MOST_BYTES = 1_500_000
"""Of the page that a pad may take."""

_TURNS = np.linspace(0, 1, 25)
EXAMPLE = [
    [(76, 84), *zip(124 - 48 * np.cos(3.5 * _TURNS), 88 - 40 * np.sin(3.5 * _TURNS), strict=True), (88, 196)],
    [(88, 196), (184, 196)],
]
"""Strokes that draw a 2: places of the pen on the paper."""


class DigitPad:
    """Paper on which a reader draws a digit, and sees at once what a network makes of it.

    In a page it is HTML that needs no server and nothing from outside: the weights are in it, as float16. Shown are the
    ten probabilities, the image that the network sees, made as :func:`mnistlab.images.from_drawing` makes it, and the
    activations of the hidden layers. In print a picture stands in its place. Several pads may stand on a page.

    Parameters
    ----------
    network
        From 784 pixels in 0…1 to ten digits; it ends in Dense or Softmax. Later changes of it do not show.
    opening
        An image that lies on the paper at first, already read: uint8 of shape (28, 28), light on dark as in MNIST. The
        first stroke clears it. Without one the paper is empty.

    Raises
    ------
    TypeError
        If it is no network, or a layer is of a kind that the page does not know and that has no ``javascript``.
    ValueError
        If it does not lead from 784 to 10, ends in another layer, holds numbers that float16 cannot, or would take
        more than 1.5 MB of the page; or if ``opening`` is no such image.
    """

    def __init__(self, network: Network, *, opening: np.ndarray | None = None):
        _check(network)
        if opening is not None and (np.shape(opening) != (FIELD, FIELD) or np.asarray(opening).dtype != np.uint8):
            raise ValueError(f"a pad opens with an image of uint8 and shape ({FIELD}, {FIELD}), not {opening!r}")
        self.opening = None if opening is None else np.array(opening)
        self.layers = network.config()
        self.kinds = {type(layer).__name__: layer.javascript for layer in network.layers if layer.javascript}
        self.parameters = to_host(network.parameters).astype("<f2")
        if self._parts_size() > MOST_BYTES:
            raise ValueError(
                f"a pad takes up to {MOST_BYTES / 1e6:g} MB of a page, and {network.parameters.size:,} parameters need "
                f"{self._parts_size() / 1e6:.2f} MB: show a smaller network"
            )

    def network(self) -> Network:
        """Return a network with the weights that the page has."""
        network = Network([make_layer(layer) for layer in self.layers])
        network.parameters[...] = self.parameters
        return network

    def figure(self) -> Figure:
        """Draw the pad with an example on it, and what the network makes of it.

        Raises
        ------
        ModuleNotFoundError
            If there is no matplotlib, which nothing else of a pad needs.
        """
        try:
            from matplotlib.figure import Figure
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "a pad's picture needs matplotlib: pip install 'mnistlab[notebooks]'", name=error.name
            ) from error
        drawing = example()
        image, network = from_drawing(drawing), self.network()
        probabilities = network.predict_proba(to_vectors(image[None]))[0]
        figure = Figure(figsize=(7, 2.7), layout="compressed")
        paper, seen, chances = figure.subplots(1, 3, width_ratios=(1, 1, 1.3))
        paper.imshow(drawing, cmap="gray", vmin=0, vmax=255)
        paper.set_title("the paper", fontsize=10)
        seen.imshow(image, cmap="gray", vmin=0, vmax=255)
        seen.set_title(f"as the network sees it, {FIELD} × {FIELD}", fontsize=10)
        for axes in (paper, seen):
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set(visible=True, color=EDGE)
        chances.barh(range(10), probabilities, color=BAR)
        chances.set(yticks=range(10), xlim=(0, 1), xlabel="probability", ylabel="digit")
        chances.invert_yaxis()
        return figure

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str | bytes]:
        shown: dict[str, str | bytes] = {"text/html": self._repr_html_()}
        if find_spec("matplotlib"):
            drawing = BytesIO()
            self.figure().savefig(drawing, format="pdf", metadata={"CreationDate": None})
            shown["application/pdf"] = drawing.getvalue()
        return shown | {"text/plain": repr(self)}

    def _repr_html_(self) -> str:
        start = {
            "layers": self.layers,
            "paper": PAPER,
            "pen": PEN,
            "field": FIELD,
            "box": BOX,
            "faintest": FAINTEST,
            "full": FULL,
            "finding": RULES,
            "widest": WIDEST,
            "usual": USUAL,
            "stretched": STRETCHED,
            "example": [np.round(stroke, 1).tolist() for stroke in EXAMPLE],
            "opening": None if self.opening is None else self.opening.ravel().tolist(),
            "parameters": base64.b64encode(self.parameters.tobytes()).decode(),
        }
        text = json.dumps(start)
        kinds = ", ".join(f"{name}: {function}" for name, function in self.kinds.items())
        digest = hashlib.sha256((text + kinds).encode()).hexdigest()[:12]
        style, reader, pad = (_asset(name) for name in ("digit_pad.css", "digit_reader.js", "digit_pad.js"))
        # Names live inside the function. Pads that hold the same network share a mark: each starts those not started.
        return (
            f"<style>\n{style}</style>\n"
            f'<div class="mnistlab-pad" data-pad="{digest}" role="group" aria-label="{html.escape(repr(self))}">'
            "<noscript>This pad needs JavaScript.</noscript></div>\n"
            f"<script>\n(() => {{\n{reader}{pad}const network = {text};\n"
            f"network.kinds = {{{kinds}}};\n"
            f"""for (const root of document.querySelectorAll('[data-pad="{digest}"]:not([data-started])')) {{\n"""
            '  root.setAttribute("data-started", "");\n'
            "  digitPad(root, network, digitReader);\n"
            "}\n})();\n</script>"
        )

    def _parts_size(self) -> int:
        names = ("digit_pad.css", "digit_reader.js", "digit_pad.js")
        return -(-self.parameters.nbytes // 3) * 4 + sum(len(_asset(name).encode()) for name in names) + 4096

    def __repr__(self) -> str:
        sizes = [str(layer["inputs"]) for layer in self.layers if layer["type"] == "Dense"]
        return f"DigitPad: draw a digit, read by a network {'-'.join([*sizes, '10'])}"


def example() -> Image.Image:
    """Return the drawing with which a pad shows what it is for: a grey Pillow image, black on white."""
    fine = 4  # Pillow's lines have hard edges, a browser's soft ones
    image = Image.new("L", (fine * PAPER, fine * PAPER), 255)
    draw = ImageDraw.Draw(image)
    for stroke in EXAMPLE:
        points = [(fine * x, fine * y) for x, y in stroke]
        draw.line(points, 0, fine * PEN)
        for x, y in points:
            reach = fine * PEN / 2
            draw.ellipse((x - reach, y - reach, x + reach, y + reach), 0)
    return image.resize((PAPER, PAPER), Image.Resampling.BOX)


def _check(network: Network) -> None:
    if not isinstance(network, Network):
        raise TypeError(f"a pad shows a Network, not {network!r}")
    unknown = [layer for layer in network.layers if type(layer) not in LAYERS and not layer.javascript]
    if unknown:
        known = ", ".join(kind.__name__ for kind in LAYERS)
        raise TypeError(f"a pad knows the layers {known}, and not {unknown[0]!r}, which has no javascript")
    sizes = network.input_size, network.output_size
    if sizes != (FIELD * FIELD, 10):
        raise ValueError(f"a pad needs a network from 784 pixels to 10 digits, not from {sizes[0]} to {sizes[1]}")
    if not isinstance(network.layers[-1], Dense | Softmax):
        raise ValueError(f"a pad shows probabilities, so the network must end in Dense or Softmax, not {network!r}")
    largest = float(np.abs(network.parameters).max())
    if not largest <= float(np.finfo(np.float16).max):  # NaN fails too
        raise ValueError(f"a pad keeps weights as float16, which holds finite numbers up to 65,504, not {largest:g}")


def _asset(name: str) -> str:
    return files("mnistlab.app").joinpath("assets", name).read_text(encoding="utf-8")
