"""The multilayer perceptron: Dense layers in a row, with an activation and dropout between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from mnistlab.initializers import Initializer, LeCun
from mnistlab.layer import Layer
from mnistlab.layers import Dense, Dropout, ReLU

__all__ = ["multilayer_perceptron"]


def multilayer_perceptron(
    sizes: Sequence[int],
    *,
    activation: Callable[[], Layer] | None = ReLU,
    dropout: float = 0.0,
    input_dropout: float = 0.0,
    bias: bool = True,
    initializer: Initializer | None = None,
) -> list[Layer]:
    """Return the layers of a multilayer perceptron; the last of them is Dense and gives logits.

    Parameters
    ----------
    sizes
        Lengths of the input, of each hidden layer, and of the output: two numbers or more.
    activation
        Class of the layer that follows each hidden Dense layer, or None where there is none.
    dropout, input_dropout
        Share of hidden units and of inputs that a training pass drops; where it is 0 there is no such layer.
    bias
        Whether the Dense layers add one.
    initializer
        Of all Dense layers. If None, they take the default of :class:`Dense`, which suits ReLU; hidden layers with
        another activation take :class:`LeCun`.

    Raises
    ------
    TypeError
        If ``activation`` is a layer, of which each place needs its own, or makes none.
    ValueError
        If there are fewer than two sizes, one is not a positive integer, or a share is not in [0, 1).

    Examples
    --------
    >>> from mnistlab import Network, multilayer_perceptron
    >>> Network(multilayer_perceptron([784, 300, 10]), seed=0).parameters.size
    238510
    """
    sizes = list(sizes)
    if len(sizes) < 2:
        raise ValueError(f"a multilayer perceptron needs the sizes of its input and its output, not {sizes}")
    if activation is not None and not (callable(activation) and isinstance(activation(), Layer)):
        name = type(activation).__name__ if isinstance(activation, Layer) else "ReLU"
        raise TypeError(f"activation must be a class of layers, such as {name} (no brackets), not {activation!r}")
    hidden_initializer = LeCun() if initializer is None and activation is not ReLU else initializer
    layers: list[Layer] = [Dropout(input_dropout)] if input_dropout else []
    for inputs, outputs in pairwise(sizes[:-1]):
        layers.append(Dense(inputs, outputs, bias, initializer=hidden_initializer))
        layers += [activation()] if activation is not None else []
        layers += [Dropout(dropout)] if dropout else []
    return [*layers, Dense(sizes[-2], sizes[-1], bias, initializer=initializer)]
