"""Train the networks of the report's headlines once more, and keep their weights: ``make headlines``.

The first seed of each is trained as its study trained it. What is kept are the final weights, of twelve bits each, and
which test images they get wrong; a test and the appendix on what came out again read the test images with them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mnistbook import results
from mnistbook.ch12_generalization import study as generalization
from mnistbook.ch13_augmentation import study as augmentation
from mnistbook.kit.again import family
from mnistbook.kit.answers import pack_indices, right_rows
from mnistbook.kit.kept import keep, kept_network, rounded
from mnistbook.kit.kernels import call_with
from mnistlab.network import Network
from mnistlab.sweeps.provenance import provenance
from mnistlab.sweeps.run import Run, prepared, train

__all__ = ["HEADLINES", "KEPT", "main", "read_again", "row_of"]

KEPT = "kept"
"""Name of the stored file that says which test images each kept network gets wrong."""

HEADLINES: dict[str, tuple[str, Run]] = {
    "784-300-10": (generalization.NAME, generalization.FINAL["784-300-10"]),
    "784-800-10-deskewed": (augmentation.NAME, augmentation.STRAIGHT_FINAL),
    "784-800-10-elastic": (augmentation.NAME, augmentation.FINAL),
}
"""Study and run of each: those of the README's table."""


def row_of(name: str, network: Network) -> dict[str, object]:
    """Round the network's weights to those that are kept, and return what it then says on the test images.

    Raises
    ------
    RuntimeError
        If rounding changed an answer.
    """
    study, run = HEADLINES[name]
    x, y = prepared(run).test
    before = network.predict(x)
    answers = rounded(network).predict(x)
    if changed := np.count_nonzero(answers != before):
        raise RuntimeError(f"{name}: twelve bits a weight change {changed} answers")
    wrong = np.flatnonzero(answers != y)
    accuracy = 1 - len(wrong) / len(y)
    found = {"network": name, "study": study, "key": run.key, "seed": run.seed, "test_accuracy": accuracy}
    return found | {"wrong": pack_indices(wrong)}


def read_again() -> pd.DataFrame:
    """Let each kept network read the test images, and return one row for each.

    Returns
    -------
    pandas.DataFrame
        ``network``; ``test accuracy, %``; ``differs``, on how many images right and wrong are not as they were when
        the network was kept; ``study's run``, on how many they are not as in the study's stored run of that seed; and
        ``nearest other seed``, on how many images that run differs from the nearest of the others.
    """
    rows = []
    for kept in results.read(KEPT, extra_text=("wrong",)).itertuples():
        study, run = HEADLINES[kept.network]
        x, y = prepared(run).test
        right = kept_network(kept.network).predict(x) == y
        (then,) = right_rows([kept.wrong])
        answers = results.read(f"{study}_answers", extra_text=("wrong", "predicted")).set_index("key")["wrong"]
        (own,) = right_rows([answers[run.key]])
        others = right_rows([answers[key] for key in family(results.read_curves(study), run.key) if key in answers])
        rows.append(
            {
                "network": kept.network,
                "test accuracy, %": 100 * right.mean(),
                "differs": int(np.count_nonzero(right != then)),
                "study's run": int(np.count_nonzero(right != own)),
                "nearest other seed": int((others != own).sum(axis=1).min()),
            }
        )
    return pd.DataFrame(rows)


def _train_and_keep(name: str) -> dict[str, object]:
    network, _ = train(HEADLINES[name][1])
    row = row_of(name, network) | provenance()
    keep(Path(str(results.FOLDER)) / f"{name}.npz", network)
    return row


def main() -> None:
    """Train them, one after another on one thread, with the kernels of their stored runs, and keep them."""
    rows = []
    for name, (study, run) in HEADLINES.items():
        stored = results.read(study).set_index("key")["kernels"]
        rows.append(call_with(stored[run.key], _train_and_keep, name))
        print(f"{name}: {100 * rows[-1]['test_accuracy']:.2f} %", flush=True)
    results.write(KEPT, pd.DataFrame(rows), extra_text=("wrong",))


if __name__ == "__main__":
    main()
