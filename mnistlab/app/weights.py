"""The network that ships with the package, or another one from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mnistlab.interop.files import load_network
from mnistlab.network import Network

__all__ = ["DIGITS", "load_digits"]

DIGITS = Path(__file__).with_name("digits.safetensors")
"""784-600-10 in half precision, made by ``make app-network``; its metadata say how, and how good it is."""


def load_digits(path: str | Path | None = None) -> Network:
    """Return the network in a file, by default the one that ships with the package.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If it is damaged or no network of mnistlab.
    ValueError
        If the network does not lead from 784 pixels to ten probabilities.
    """
    path = DIGITS if path is None else Path(path)
    network = load_network(path)
    sizes = network.input_size, network.output_size
    if sizes != (784, 10):
        raise ValueError(f"{path} takes {sizes[0]} numbers and gives {sizes[1]}: digits need a network from 784 to 10")
    network.predict_proba(
        np.zeros((1, 784), network.dtype)
    )  # tells now, not at the first request, if it gives no probabilities
    return network
