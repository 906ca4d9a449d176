"""A 2-2-2 network to try by hand: a live figure in a page, a drawing in print."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnistbook.kit.in_page import InPage, scripted
from mnistbook.kit.style import COLOURS, GREY
from mnistlab.layers import Dense, Sigmoid
from mnistlab.losses import SquaredError
from mnistlab.network import Network

__all__ = ["Playground", "Working", "tiny_network"]

ACROSS = (0.0, 3.2, 6.4)
HEIGHTS = (3.0, 0.0)
RADIUS = 0.42


def tiny_network() -> Network:
    """Return the float64 network 2-2-2 of the chapter on the chain rule: sigmoids, and short numbers."""
    network = Network([Dense(2, 2), Sigmoid(), Dense(2, 2), Sigmoid()], dtype=np.float64)
    first, _, second, _ = network.layers
    first.W[...], first.b[...] = [[0.4, -0.6], [0.8, 0.4]], [0.2, -0.1]
    second.W[...], second.b[...] = [[1.0, -0.5], [0.5, 1.5]], [-0.4, 0.2]
    return network


class Working:
    """Lines of a calculation: what is computed, by which formula, and with which numbers.

    Parameters
    ----------
    lines
        Left sides and right sides in LaTeX; the right sides of a line are joined by equals signs.
    """

    def __init__(self, *lines: Sequence[str]):
        self.lines = [tuple(line) for line in lines]

    def _repr_latex_(self) -> str:
        rows = [f"{left} &= " + " = ".join(right) for left, *right in self.lines]
        body = " \\\\[1ex]\n".join(rows)
        return f"$\\displaystyle \\begin{{aligned}}\n{body}\n\\end{{aligned}}$"

    def __repr__(self) -> str:
        return "\n".join(" = ".join(line) for line in self.lines)


class Playground(InPage):
    """A 2-2-2 network with one sample, shown with its values and gradients; in a browser, with sliders.

    In a page it is HTML that needs nothing from outside; in print it is the drawing of :meth:`figure`. Half the squared
    error is the loss, and *step* is one step of gradient descent. The network itself stays as it is.

    Parameters
    ----------
    network
        ``[Dense(2, 2), Sigmoid(), Dense(2, 2), Sigmoid()]``, with biases.
    x, targets
        One sample and its targets, each of shape (1, 2).
    learning_rate
        Where the slider of the learning rate starts, in [0, 10].
    name
        Tells two playgrounds apart that stand on one page with the same numbers.

    Raises
    ------
    ValueError
        If the network has other layers, an array has another shape or is not finite, or the rate is out of its range.
    """

    def __init__(
        self,
        network: Network,
        x: np.ndarray,
        targets: np.ndarray,
        *,
        learning_rate: float = 1.0,
        name: str = "playground",
    ):
        layers = [{"type": type(layer).__name__, **layer.config()} for layer in network.layers]
        dense = {"type": "Dense", "inputs": 2, "outputs": 2, "bias": True}
        if layers != [dense, {"type": "Sigmoid"}] * 2:
            raise ValueError(f"a playground is for Dense(2, 2), Sigmoid(), Dense(2, 2), Sigmoid(), not {network!r}")
        arrays = [np.array(value, dtype=np.float64) for value in (x, targets, network.parameters)]
        if any(array.shape != (1, 2) for array in arrays[:2]) or not all(np.isfinite(array).all() for array in arrays):
            raise ValueError("a playground needs x and targets of shape (1, 2), and finite numbers everywhere")
        if not 0 <= learning_rate <= 10:
            raise ValueError(f"the learning rate of a playground lies between 0 and 10, not at {learning_rate!r}")
        self.x, self.targets, parameters = arrays
        self.learning_rate, self.name = float(learning_rate), name
        self.network = Network([Dense(2, 2), Sigmoid(), Dense(2, 2), Sigmoid()], dtype=np.float64)
        self.network.parameters[...] = parameters

    def values(self) -> dict[str, np.ndarray]:
        """Return what the library computes: ``h``, ``y``, ``loss``, the deltas ``d1`` and ``d2``, and all gradients.

        Deltas are derivatives of the loss with respect to what enters a sigmoid. Rows have shape (2,), weights and
        their gradients (2, 2).
        """
        loss = SquaredError()
        first, hidden, second, output = self.network.layers
        value = loss.forward(self.network.forward(self.x), self.targets)
        self.network.backward(loss.backward())
        gradients = {"dW1": first.dW, "db1": first.db, "dW2": second.dW, "db2": second.db}
        deltas = {"d1": first.db, "d2": second.db}  # with one sample, db is the delta
        values = {"h": hidden.y[0], "y": output.y[0], "loss": np.array(value), **deltas, **gradients}
        return {key: array.copy() for key, array in values.items()}

    def start(self) -> dict[str, object]:
        """Return what the page starts from, as plain values."""
        first, _, second, _ = self.network.layers
        arrays = {"x": self.x[0], "t": self.targets[0], "W1": first.W, "b1": first.b, "W2": second.W, "b2": second.b}
        return {key: array.tolist() for key, array in arrays.items()} | {"rate": self.learning_rate}

    def figure(self, follow: tuple[int, int] | None = None) -> Figure:
        """Draw the network with its values, and its gradients in colour.

        Parameters
        ----------
        follow
            Row and column of a weight of the first layer. All ways on which it acts on the loss are drawn bold, and
            gradients are left out.
        """
        figure = Figure(figsize=(7, 4.2))
        axes = figure.add_subplot()
        axes.axis("off")
        axes.set(xlim=(-0.7, 9.3), ylim=(-1.6, 4.6), aspect="equal")
        first, _, second, _ = self.network.layers
        values = self.values()
        for layer, (dense, gradient) in enumerate(((first, values["dW1"]), (second, values["dW2"]))):
            for i, k in np.ndindex(2, 2):
                bold = follow is not None and ((i, k) == follow if layer == 0 else i == follow[1])
                _edge(axes, layer, i, k, bold)
                _edge_label(axes, layer, i, k, dense.W[i, k], None if follow else gradient[i, k])
        rows = (("x", self.x[0], None, None), ("h", values["h"], first.b, "d1"), ("y", values["y"], second.b, "d2"))
        for column, (name, row, bias, delta) in enumerate(rows):
            for i in range(2):
                notes = [f"${name}_{i}$"]
                if bias is not None:
                    notes.append(f"bias {_signed(bias[i])}")
                _unit(axes, column, i, f"{row[i]:.3f}", notes)
                if delta and follow is None:
                    _note(axes, column, i, 2, f"δ {_signed(values[delta][i], 4)}", COLOURS[1])
        self._draw_loss(axes, float(values["loss"]), follow is not None)
        return figure

    def _draw_loss(self, axes: Axes, loss: float, bold: bool) -> None:
        place = 8.5
        for i, height in enumerate(HEIGHTS):
            axes.plot([ACROSS[2], place], [height, sum(HEIGHTS) / 2], zorder=1, **_line(bold))
            target = f"$t_{i}$ = {self.targets[0, i]:g}"
            axes.text(7.15, height + (0.25 if i == 0 else -0.25), target, ha="left", va="center", color=GREY)
        axes.text(place, sum(HEIGHTS) / 2, f"L\n{loss:.4f}", ha="center", va="center", bbox=_box(COLOURS[0]))

    def _repr_html_(self) -> str:
        return scripted(__package__, "playground", self.start(), f"{self.name}: a network to try")

    def __repr__(self) -> str:
        loss = float(self.values()["loss"])
        return f"Playground: network 2-2-2, x = {self.x[0]}, targets = {self.targets[0]}, loss = {loss:.6f}"


def _edge(axes: Axes, layer: int, i: int, k: int, bold: bool) -> None:
    axes.plot(ACROSS[layer : layer + 2], [HEIGHTS[i], HEIGHTS[k]], zorder=1 + bold, **_line(bold))


def _edge_label(axes: Axes, layer: int, i: int, k: int, weight: float, gradient: float | None) -> None:
    # Where two edges cross, the labels stay near the unit that the edge comes from.
    part = 0.5 if i == k else 0.3
    x = ACROSS[layer] + part * (ACROSS[layer + 1] - ACROSS[layer])
    y = HEIGHTS[i] + part * (HEIGHTS[k] - HEIGHTS[i])
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    options = {"ha": "center", "zorder": 3, "bbox": box, "fontsize": 9}
    if gradient is None:
        axes.text(x, y, _signed(weight), va="center", **options)
    else:
        axes.text(x, y, _signed(weight), va="bottom", **options)
        axes.text(x, y, _signed(gradient, 4), va="top", color=COLOURS[1], **options)


def _unit(axes: Axes, column: int, i: int, value: str, notes: list[str]) -> None:
    box = {"boxstyle": f"circle,pad={RADIUS}", "facecolor": "white", "edgecolor": COLOURS[0], "linewidth": 1.6}
    axes.text(ACROSS[column], HEIGHTS[i], value, ha="center", va="center", zorder=4, fontsize=9, bbox=box)
    for line, note in enumerate(notes):
        _note(axes, column, i, line, note, "black")


def _note(axes: Axes, column: int, i: int, line: int, text: str, colour: str) -> None:
    """Write a line above an upper unit or below a lower one, where no edge runs."""
    away = 0.72 + 0.34 * line
    y = HEIGHTS[i] + (away if i == 0 else -away)
    axes.text(ACROSS[column], y, text, ha="center", va="center", fontsize=9, color=colour)


def _line(bold: bool) -> dict[str, object]:
    return {"color": COLOURS[1], "linewidth": 3} if bold else {"color": "#bbbbbb", "linewidth": 1}


def _box(colour: str) -> dict[str, object]:
    return {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": colour, "linewidth": 1.6}


def _signed(value: float, digits: int = 2) -> str:
    return f"{value:.{digits}f}".replace("-", "−")
