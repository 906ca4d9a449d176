"""What every layer has in common: the two passes, the name it is saved by, and arrays that are views of a network's.

The layers themselves, each a formula and its derivative, are in :mod:`mnistlab.layers` and :mod:`mnistlab.convolution`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["Layer"]


LAYERS: dict[str, type[Layer]] = {}
"""Every class of layers by its name, the library's and any other: what a file or a page can be made of."""


class Layer:
    """What a network asks of a layer. A layer without parameters defines ``forward`` and ``backward`` only.

    A class of your own is known by its name as soon as it is defined: networks of it can be saved, and loaded where it
    is defined too. For that, ``config`` returns the arguments with which the layer was made.
    """

    javascript: str | None = None
    """For a page, the layer as a function: ``(layer, take) => (x) => …``. ``layer`` is its ``config``, ``take(size)``
    returns the next ``size`` parameters, and ``x`` is a Float64Array of the inputs."""

    inputs: int | None = None
    """Length of an input row, or None where any length will do."""

    outputs: int | None = None
    """Length of an output row, or None where it is that of the input."""

    bound: frozenset[str] = frozenset()
    """Names of the arrays that are views of a network's vectors, such as ``W`` and ``dW``: see ``__setattr__``."""

    own: frozenset[str] | None = None
    """Names of what the layer had when its network was made: all but views and memories; None in no network."""

    def __init_subclass__(cls) -> None:
        # The library's names stay the library's; a class that is defined again, as in a notebook, replaces itself.
        if not _is_ours(LAYERS.get(cls.__name__)) or _is_ours(cls):
            LAYERS[cls.__name__] = cls

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of each parameter, in the order in which the network's flat vector holds them."""
        return {}

    def initialize(self, rng: np.random.Generator) -> None:
        """Draw initial values for the parameters, in place."""

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Return the layer's output, shape (N, K), for the input ``x`` of shape (N, D)."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward pass")

    # Any is None where need_dx is False: a checker cannot know that it is not asked for then.
    def backward(self, dy: np.ndarray, need_dx: bool = True) -> np.ndarray | Any:
        """Return dL/dx, shape (N, D), for dL/dy of shape (N, K); write dL/dparameters into their gradients."""
        raise NotImplementedError(f"{type(self).__name__} defines no backward pass")

    def config(self) -> dict[str, object]:
        """Arguments that make this layer again; plain values only, so that a file can hold them."""
        return {}

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; what is assigned to a view of the network's vectors is written there (ValueError)."""
        if name in self.bound:
            write(getattr(self, name), value, f"{name} of {self!r}")
        else:
            super().__setattr__(name, value)

    def __getstate__(self) -> dict[str, object]:
        """Return what a copy or a pickle holds: a layer in no network, without what it remembers of the last batch."""
        names = vars(self).keys() if self.own is None else self.own
        return {name: value for name, value in vars(self).items() if name in names}

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.config().items())
        return f"{type(self).__name__}({arguments})"


def _is_ours(kind: type | None) -> bool:
    return kind is not None and kind.__module__ in ("mnistlab.layers", "mnistlab.convolution")


def make_layer(config: Mapping[str, Any]) -> Layer:
    """Return the layer that :meth:`Network.config` has described; ValueError if no class of its name is defined."""
    arguments = dict(config)
    kind = arguments.pop("type")
    if kind not in LAYERS:
        raise ValueError(
            f"it has a layer {kind!r}, which this version does not know: if it is your own, import its module"
        )
    return LAYERS[kind](**arguments)


def write(view: np.ndarray, values: np.ndarray, name: str) -> None:
    """Copy ``values`` into the array that a network knows as ``name``; ValueError if they have another shape."""
    if values is not view:  # as after ``layer.W += 1``
        if np.shape(values) != view.shape:
            raise ValueError(f"{name} has the shape {view.shape}, and what is assigned has {np.shape(values)}")
        view[...] = values


def forward_only(part: Any, *arguments: np.ndarray) -> np.ndarray:
    """Return ``part.forward(*arguments)`` of a layer or a loss that is left as it was: no backward pass follows."""
    before = dict(vars(part))
    try:
        return part.forward(*arguments)
    finally:
        for name in vars(part).keys() - before.keys():
            vars(part).pop(name, None)
        vars(part).update(before)
