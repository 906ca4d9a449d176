"""Trained networks of the studies' headlines, twelve bits a weight: small enough for the repository."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources.abc import Traversable
from pathlib import Path

import numpy as np

from mnistbook import results
from mnistlab.layers import Dense
from mnistlab.network import Network
from mnistlab.perceptron import multilayer_perceptron

__all__ = ["keep", "kept_network", "rounded"]

TOP = 2**11 - 1
"""Codes lie between -TOP and TOP, in units of the largest weight of each column over TOP."""


def keep(path: Path, network: Network) -> None:
    """Write the network's Dense layers: codes of twelve bits for weights, float32 for biases and units."""
    arrays: dict[str, np.ndarray] = {}
    for number, layer in enumerate(_dense(network)):
        codes, units = _codes(layer.W)
        arrays |= {f"codes{number}": _pack(codes.ravel()), f"units{number}": units, f"b{number}": layer.b}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez(file, **arrays)


def kept_network(name: str, folder: Traversable = results.FOLDER) -> Network:
    """Return the network, with ReLU between its layers, that stands in ``folder`` as ``NAME.npz``."""
    with (folder / f"{name}.npz").open("rb") as file, np.load(file) as arrays:
        units = [arrays[f"units{number}"] for number in range(len(arrays.files) // 3)]
        sizes = [784, *map(len, units)]
        network = Network(multilayer_perceptron(sizes), seed=0)
        for number, layer in enumerate(_dense(network)):
            codes = _unpack(arrays[f"codes{number}"], layer.W.size).reshape(layer.W.shape)
            layer.W[...], layer.b[...] = codes * units[number], arrays[f"b{number}"]
    return network


def rounded(network: Network) -> Network:
    """Return the network as it will be read again: to see that its answers stay what they are."""
    for layer in _dense(network):
        codes, units = _codes(layer.W)
        layer.W[...] = codes * units
    return network


def _dense(network: Network) -> Iterable[Dense]:
    return (layer for layer in network.layers if isinstance(layer, Dense))


def _codes(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    units = np.abs(weights).max(axis=0) / TOP
    return np.rint(weights / np.where(units == 0, 1, units)).astype(np.int32), units.astype(np.float32)


def _pack(codes: np.ndarray) -> np.ndarray:
    """Return two codes in three bytes."""
    pairs = (np.pad(codes, (0, len(codes) % 2)) + TOP).reshape(-1, 2)
    words = pairs[:, 0] + (pairs[:, 1] << 12)
    return (words[:, None] >> np.array([0, 8, 16]) & 255).astype(np.uint8).ravel()


def _unpack(data: np.ndarray, count: int) -> np.ndarray:
    words = data.reshape(-1, 3).astype(np.int32) @ np.array([1, 1 << 8, 1 << 16], dtype=np.int32)
    return np.stack([words & 4095, words >> 12], axis=1).ravel()[:count] - TOP
