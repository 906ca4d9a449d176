"""Checkpoints: a run's whole state in one file, written atomically."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mnistlab.atomic import write_atomically
from mnistlab.devices import to_host
from mnistlab.network import Network
from mnistlab.optimizers import Optimizer

__all__ = ["Checkpoint", "CheckpointError"]

FORMAT = "mnistlab-checkpoint-2"


class CheckpointError(ValueError):
    """A checkpoint is damaged, or belongs to another training."""


@dataclass
class Checkpoint:
    """A file that a run writes after each epoch.

    It is a NumPy ``.npz`` of plain arrays and one JSON text; nothing in it can be executed.

    Parameters
    ----------
    path
        Where it is.
    settings
        What the run depends on, in words; a file with other settings is refused.
    """

    path: Path
    settings: dict[str, object]

    def write(
        self, network: Network, optimizer: Optimizer, rows: list[dict[str, float]], best: np.ndarray | None
    ) -> None:
        """Write the state after an epoch; ``best`` are the best parameters so far, if anybody keeps them."""
        header = {"format": FORMAT, "settings": self.settings, "steps": optimizer.steps, "rows": rows}
        arrays: dict[str, Any] = {f"state.{name}": to_host(values) for name, values in optimizer.state.items()}
        arrays |= {"parameters": to_host(network.parameters), "header": np.array(json.dumps(header))}
        arrays |= {} if best is None else {"best": to_host(best)}
        write_atomically(self.path, lambda file: np.savez(file, **arrays))

    def restore(
        self, network: Network, optimizer: Optimizer, epochs: int
    ) -> tuple[list[dict[str, float]], np.ndarray | None]:
        """Put network and optimizer into the saved state; return the history's rows and the best parameters.

        ``epochs`` is how many the training shall have in the end.

        Raises
        ------
        CheckpointError
            If the file is damaged, no checkpoint, or of another training; network and optimizer are untouched then.
        """
        try:
            with np.load(self.path, allow_pickle=False) as file:
                arrays = dict(file)
            header = json.loads(str(arrays.pop("header")))
            if header["format"] != FORMAT:
                raise ValueError(f"its format is {header['format']!r}, not {FORMAT!r}")
            parameters, best = arrays.pop("parameters"), arrays.pop("best", None)
            rows, steps, settings = header["rows"], header["steps"], header["settings"]
        except Exception as error:  # for a damaged file, zipfile and NumPy raise a dozen kinds without a common base
            raise CheckpointError(
                f"{self.path} is damaged or no checkpoint of mnistlab ({error}): delete it to start anew"
            ) from error
        for name, value in self.settings.items():
            if settings.get(name) != value:
                raise CheckpointError(
                    f"{self.path} belongs to another training: its {name} is {settings.get(name)}, "
                    f"this training's is {value}. Use the same settings, or another file"
                )
        if len(rows) > epochs:
            raise CheckpointError(f"{self.path} is after epoch {len(rows)} already, and {epochs} were asked for")
        for values in (parameters, parameters if best is None else best, *arrays.values()):
            if values.shape != network.parameters.shape or values.dtype != network.dtype:
                raise CheckpointError(f"{self.path} holds arrays of the wrong shape: delete it to start anew")
        network.parameters[...] = network.array(parameters)
        optimizer.steps = steps
        optimizer.state = {name.removeprefix("state."): network.array(values) for name, values in arrays.items()}
        return rows, None if best is None else network.array(best)
