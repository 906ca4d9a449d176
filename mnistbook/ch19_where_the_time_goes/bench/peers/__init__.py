"""The peers: one module for each, with the same three functions, and the list of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol

import numpy as np

from mnistbook.ch19_where_the_time_goes.bench.work import Work

__all__ = [
    "ASKED",
    "BESIDE",
    "BOUND",
    "ONE_BY_ONE",
    "OURS",
    "PEERS",
    "PLAIN",
    "Peer",
    "installed",
    "missing",
    "variant",
]

Classify = Callable[[np.ndarray], np.ndarray]
Velocities = Callable[[], list[np.ndarray]]
AfterEpoch = Callable[[Classify, Velocities], bool]
"""Called after each epoch with a function that classifies, and one that returns the optimizer's velocities (none where
there is no momentum); returns whether the training goes on."""

OURS = "mnistlab"
ONE_BY_ONE = "one image at a time"
BOUND = "matrix products"

PEERS = {
    OURS: ("ours", "", None),
    "JAX": ("jax_scan", "", "jax"),
    "PyTorch": ("pytorch", "default", "torch"),
    "PyTorch, fused": ("pytorch", "fused", "torch"),
    "PyTorch, compiled": ("pytorch", "compiled", "torch"),
    "Keras": ("keras_fit", "default", "keras"),
    "Keras, 25 steps a call": ("keras_fit", "steps", "keras"),
    "Keras, compiled, 25 steps": ("keras_fit", "jit steps", "keras"),
    "scikit-learn": ("scikit", "", "sklearn"),
    "textbook NumPy": ("textbook", "", None),
    ONE_BY_ONE: ("one_by_one", "", None),
    BOUND: ("products", "", None),
}
"""Name: module in this package, variant, and the package that has to be installed."""

ASKED = {
    f"{OURS}, threads='auto'": ("ours", "auto", None),
    f"{OURS}, all cores": ("ours", str(os.cpu_count() or 1), None),
}
"""This library with the threads that a user can ask for, where others are left to choose theirs."""

BESIDE = (OURS, *ASKED, "JAX", "PyTorch, fused", "Keras, 25 steps a call", "scikit-learn", "textbook NumPy")
"""Those that are timed beside other programs."""

PLAIN = (ONE_BY_ONE, BOUND)
"""Those without momentum, so without a velocity."""

OVERRIDES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_VERBOSE", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS")
"""Settings that choose a library's kernels by hand. They would speak to one peer and not to another."""


class Peer(Protocol):
    """What each module defines."""

    def start(self, variant: str, threads: int | None) -> None:
        """Import the framework and limit its threads, but for None; the environment has been set already."""

    def train(self, work: Work, x: np.ndarray, y: np.ndarray, after_epoch: AfterEpoch) -> None:
        """Train until ``after_epoch`` says that it is enough."""

    def classifier(self, work: Work) -> Classify:
        """Return a function from images, shape (N, 784), to something of length N; weights as they are drawn."""


def installed(name: str) -> bool:
    """Return whether the peer can run here; nothing is imported to find out."""
    _, variant, package = (PEERS | ASKED)[name]
    if package is not None and find_spec(package) is None:
        return False
    return variant != "compiled" or shutil.which("g++") is not None or shutil.which("c++") is not None


def missing() -> list[str]:
    """Return the packages that peers need and that are not installed."""
    return sorted({package for _, _, package in PEERS.values() if package and find_spec(package) is None})


def load(name: str) -> Peer:
    """Return the module of a peer."""
    return import_module(f"{__name__}.{(PEERS | ASKED)[name][0]}")


def variant(name: str) -> str:
    """Return in which form its module runs a peer."""
    return (PEERS | ASKED)[name][1]


def environment(threads: int | None, keep: bool = False) -> dict[str, str]:
    """Return the variables for a peer's process: so many threads, and kernels chosen by the libraries themselves.

    With None for ``threads`` the libraries choose these too. ``keep`` leaves settings in that choose a library's
    kernels by hand.
    """
    variables = {name: value for name, value in os.environ.items() if keep or name not in OVERRIDES}
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    if threads is None:
        unlimited = {name: value for name, value in variables.items() if name not in names}
        return unlimited | {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1"}
    # As fast as TensorFlow can: elsewhere in this repository the second is 0, for numbers that do not vary.
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1"}
    return variables | dict.fromkeys(names, str(threads)) | {"TF_NUM_INTEROP_THREADS": "1"} | quiet
