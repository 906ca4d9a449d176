"""What this report uses of safetensors, for pages: the library itself is compiled, and not for browsers.

A file is the length of its header in eight bytes, the header in JSON, and the numbers of its tensors, one after the
other. A test compares this module with the library.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

TYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}
NAMES = {np.dtype(dtype): name for name, dtype in TYPES.items()}


class SafetensorError(Exception):
    """A file is damaged or something else."""


def save(tensor_dict: dict[str, np.ndarray], metadata: dict[str, str] | None = None) -> bytes:
    """Return a file; tensors of longer numbers come first, then they go by name."""
    header: dict[str, dict] = {"__metadata__": metadata} if metadata else {}
    pieces, end = [], 0
    for name in sorted(tensor_dict, key=lambda each: (-tensor_dict[each].itemsize, each)):
        array = tensor_dict[name]
        start, end = end, end + array.nbytes
        header[name] = {"dtype": NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [start, end]}
        pieces.append(array.astype(array.dtype.newbyteorder("<"), order="C", copy=False).tobytes())
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(pieces)


class safe_open:
    """An open file, which knows its metadata and its tensors."""

    def __init__(self, filename: str | Path, framework: str = "numpy"):
        data = Path(filename).read_bytes()
        length = int.from_bytes(data[:8], "little")
        try:
            self.header = json.loads(data[8 : 8 + length])
            self.texts = self.header.pop("__metadata__", None)
            ends = [entry["data_offsets"][1] for entry in self.header.values()]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise SafetensorError(f"the header cannot be read: {error}") from error
        if max(ends, default=0) != len(data) - 8 - length:
            raise SafetensorError("the file is not as long as its header says")
        self.numbers = data[8 + length :]

    def __enter__(self) -> safe_open:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def metadata(self) -> dict[str, str] | None:
        """Return the texts beside the tensors."""
        return self.texts

    def get_tensors(self) -> dict[str, np.ndarray]:
        """Return all tensors by name."""
        return {name: self._tensor(**entry) for name, entry in self.header.items()}

    def _tensor(self, dtype: str, shape: list[int], data_offsets: list[int]) -> np.ndarray:
        return np.frombuffer(self.numbers[slice(*data_offsets)], TYPES[dtype]).reshape(shape)


def load_file(filename: str | Path) -> dict[str, np.ndarray]:
    """Return the tensors of a file."""
    with safe_open(filename) as file:
        return file.get_tensors()


__path__: list[str] = []  # so that it can have a submodule
numpy = sys.modules[f"{__name__}.numpy"] = sys.modules[__name__]
