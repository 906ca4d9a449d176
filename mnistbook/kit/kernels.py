"""The kernels of the BLAS: they decide in which order products are added, and so the last digits of a training."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

from mnistlab.sweeps.provenance import provenance

__all__ = ["INSTRUCTIONS", "available", "call_with"]

CHOICE = "OPENBLAS_CORETYPE"
"""Names the kernels that OpenBLAS is to use, in place of those that it would choose."""

INSTRUCTIONS = {"Haswell": "avx2", "SkylakeX": "avx512f"}
"""What a processor must have for kernels that results were stored with: OpenBLAS does not ask."""

Result = TypeVar("Result")


def available() -> list[str]:
    """Return those of :data:`INSTRUCTIONS` that this processor can run."""
    features = str(provenance()["features"]).split()
    return [kernels for kernels, needed in INSTRUCTIONS.items() if needed in features]


def call_with(kernels: str, function: Callable[..., Result], *arguments: object) -> Result:
    """Call a function where NumPy's BLAS has these kernels: here, or in a process of its own.

    Where the processor cannot run them the function is called here, with the kernels that there are. Function,
    arguments and result must be such as can be pickled.
    """
    if kernels == provenance()["kernels"] or kernels not in available():
        return function(*arguments)
    before = os.environ.get(CHOICE)
    os.environ[CHOICE] = kernels
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as another:  # a BLAS reads it when it is loaded
            return another.submit(function, *arguments).result()
    finally:
        del os.environ[CHOICE]
        if before is not None:
            os.environ[CHOICE] = before
