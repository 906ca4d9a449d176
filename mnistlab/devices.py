"""Where arrays live: in the main memory, as NumPy's, or on a GPU, as CuPy's.

The layers, losses and optimizers know nothing of this. They are plain NumPy calls, which NumPy hands on to the type of
the arguments; so it is enough that parameters and data are arrays of one device.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np

__all__ = ["DEVICES", "DeviceError", "array_module", "to_host"]

DEVICES = ("cpu", "cuda")


class DeviceError(RuntimeError):
    """A device was asked for that this machine does not have, or has no software for."""


def array_module(device: str) -> ModuleType:
    """Return the module that makes arrays on a device: NumPy for "cpu", CuPy for "cuda".

    Raises
    ------
    ValueError
        If ``device`` is neither.
    DeviceError
        If CuPy is not installed, or finds no GPU.
    """
    if device not in DEVICES:
        raise ValueError(f"device must be 'cpu' or 'cuda', not {device!r}")
    if device == "cpu":
        return np
    try:
        import cupy
    except ImportError as error:
        raise DeviceError(
            "device='cuda' needs CuPy: install the package that fits the driver, cupy-cuda12x or cupy-cuda13x, "
            "or leave device at 'cpu'"
        ) from error
    try:
        found = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise DeviceError(f"CuPy finds no GPU ({error}): leave device at 'cpu'") from error
    if not found:
        raise DeviceError("CuPy finds no GPU: leave device at 'cpu'")
    return cupy


def to_host(array: np.ndarray) -> np.ndarray:
    """Return ``array`` in the main memory: itself if it is there already, else a copy."""
    return array if isinstance(array, np.ndarray) else array.get()
