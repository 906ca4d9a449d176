"""Settings that more than one chapter trains: the baseline of the chapter on generalization, and its large networks."""

from __future__ import annotations

from dataclasses import replace

from mnistlab.sweeps.run import Run

__all__ = ["BASELINE", "LARGE_CANDIDATES", "RECIPE"]

BASELINE = Run(hidden=(300,), batch_size=128, epochs=20, learning_rate=0.1, momentum=0.9, train_metrics=True)
RECIPE = replace(BASELINE, schedule="cosine", label_smoothing=0.1, weight_decay=1e-3)

_WIDE = replace(BASELINE, label_smoothing=0.1, hidden=(800,))
_LONG = replace(_WIDE, epochs=40, average_last=20)
LARGE_CANDIDATES: dict[str, Run] = {
    "label smoothing, 20 epochs": _WIDE,
    "all three and dropout, 40 epochs": replace(
        RECIPE, hidden=(800,), weight_decay=1e-4, dropout=0.3, input_dropout=0.2, epochs=40
    ),
    "smoothing, averaging, 20 epochs": replace(_WIDE, average_last=10),
    "smoothing, averaging, 40 epochs": _LONG,
    "smoothing, averaging, input dropout, 40 epochs": replace(_LONG, input_dropout=0.2),
}
"""Candidates for the network 784-800-10. The first two were compared, and the better one tested, before the others."""
