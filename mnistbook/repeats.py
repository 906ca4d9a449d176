"""Train one whole run of each study again, and see whether it comes out: ``make repeat``.

Each is trained with the kernels of the BLAS with which it was stored, where the processor has their instructions: the
kernels decide in which order products are added. What came out last is stored in ``results/repeated.csv`` with
``--store``; the appendix on what came out again shows it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import pandas as pd
from threadpoolctl import threadpool_limits

from mnistbook import results
from mnistbook.ch11_hyperparameters import research
from mnistbook.ch11_hyperparameters import study as hyperparameters
from mnistbook.ch12_generalization import study as generalization
from mnistbook.ch13_augmentation import study as augmentation
from mnistbook.ch17_convolution import study as convolution
from mnistbook.kit import again
from mnistbook.kit.kernels import call_with
from mnistbook.projects.keras_convolution import train_convolution
from mnistbook.projects.keras_dense import train_dense
from mnistbook.projects.networks import AUTHORS_SEED, train_project
from mnistbook.projects.registry import ProjectRun
from mnistbook.projects.tensorflow import use_one_thread
from mnistlab.sweeps.run import train_run
from mnistlab.sweeps.runner import Configuration

__all__ = ["OUTCOMES", "REPEATED", "SHORT", "Repeat", "main", "outcomes", "repeat", "stored_curves"]

OUTCOMES = "repeated"
"""Name of the stored file of what came out."""


@dataclass(frozen=True)
class Repeat:
    """A stored run that is trained again as a whole.

    Attributes
    ----------
    run
        Its configuration.
    task
        What trains it.
    others
        Runs that stand for other seeds where the study has none: their name in the store, and the runs.
    """

    run: Configuration
    task: Callable[[Configuration], pd.DataFrame]
    others: tuple[str, tuple[Configuration, ...]] | None = None

    @property
    def other_keys(self) -> list[str] | None:
        """Keys of the runs that stand for other seeds; None where the study has other seeds."""
        return None if self.others is None else [run.key for run in self.others[1]]


REPEATED: dict[str, Repeat] = {
    "hyperparameters": Repeat(hyperparameters.first_round()["momentum"][4 * len(hyperparameters.SEEDS)], train_run),
    hyperparameters.FRESH: Repeat(
        replace(hyperparameters.SHORT, hidden=(200,), learning_rate=0.16, seed=hyperparameters.FINAL_SEEDS[0]),
        train_run,
    ),
    # No trial of a search has another seed: what the first round gave nearby stands for that.
    "searches": Repeat(
        replace(hyperparameters.SHORT, hidden=(109,), batch_size=158, learning_rate=0.177),
        train_run,
        ("hyperparameters", tuple(hyperparameters.methods()["plain SGD"][6:9])),
    ),
    "research": Repeat(research.Trial("width-100", 0), research.train_trial),
    "generalization": Repeat(generalization.LEARNING_CURVE["baseline"][1000], train_run),
    "published": Repeat(ProjectRun("5"), train_project),
    "keras_dense": Repeat(ProjectRun("5k", library="keras"), train_dense),
    # Its author drew from one seed: what another draw would have given is in the other store.
    "published_from_seed": Repeat(
        ProjectRun("1s", AUTHORS_SEED, learning_rate=0.7),
        train_project,
        ("published", (ProjectRun("1", learning_rate=0.7),)),
    ),
    "augmentation": Repeat(augmentation.FINAL, train_run),
    "convolution": Repeat(convolution.runs_of("5c")[-1], train_convolution),
}
"""By the name of the store, the quick ones first."""

SHORT = ("hyperparameters", "generalization")
"""Those that a build can afford."""


def stored_curves(name: str) -> pd.DataFrame:
    """Return the rows with which the run of a store is compared."""
    curves = results.read_curves(name, extra_text=("project",))
    chosen = REPEATED[name]
    if chosen.others is not None:
        elsewhere = results.read_curves(chosen.others[0], extra_text=("project",))
        curves = pd.concat([curves, elsewhere[elsewhere["key"].isin(chosen.other_keys)]])
    return curves


def repeat(name: str, curves: pd.DataFrame | None = None, kernels: str | None = None) -> again.Comparison:
    """Train the run of a store again, and compare it with ``curves``, or what is stored.

    Parameters
    ----------
    name
        Of the store.
    curves
        Rows as :func:`stored_curves` returns them.
    kernels
        Those of the BLAS, where the processor can run them; by default those with which the run was stored.
    """
    stored = stored_curves(name)
    if kernels is None:
        kernels = stored.loc[stored["key"] == REPEATED[name].run.key, "kernels"].iloc[0]
    return call_with(kernels, _repeat, name, stored if curves is None else curves)


def _repeat(name: str, curves: pd.DataFrame) -> again.Comparison:
    chosen = REPEATED[name]
    with threadpool_limits(1):
        frame = chosen.task(chosen.run).assign(key=chosen.run.key)
    return again.compare(curves, frame, chosen.other_keys)


def outcomes(live: Iterable[again.Comparison] = ()) -> pd.DataFrame:
    """Return one row for each store: what is repeated, the spread between seeds, the tolerance, and what came out.

    ``nearest other seed`` and ``tolerance`` are computed from the store; ``difference`` and ``all digits`` come from
    ``live``, or from the last time that the run was repeated and kept, on the processor that stands beside them.

    Raises
    ------
    ValueError
        If what is stored of a run is not what it was when the run was repeated.
    """
    fresh = {one.key: one for one in live}
    last = results.read(OUTCOMES).set_index("store")
    rows = []
    for name, chosen in REPEATED.items():
        curves = stored_curves(name)
        spread = again.compare(curves, curves[curves["key"] == chosen.run.key], chosen.other_keys).spread
        row = {"store": name, "run": chosen.run.key, "nearest other seed": spread, "tolerance": spread / 2}
        if (one := fresh.get(chosen.run.key)) is not None:
            row |= {"difference": one.difference, "all digits": "yes" if one.identical else "no", "where": "this build"}
        elif name in last.index and last["run"][name] == chosen.run.key:
            if again.digest(curves, chosen.run.key) != last["stored"][name]:
                raise ValueError(
                    f"what is stored of {chosen.run.key} has changed since the run was repeated: "
                    f"make repeat REPEAT='{name} --store'"
                )
            row |= {what: last[what][name] for what in ("difference", "all digits")}
            row["where"] = f"{last['processor'][name]}, {last['date'][name]}"
        else:
            row |= {"difference": float("nan"), "all digits": "", "where": "weekly only"}
        rows.append(row)
    return pd.DataFrame(rows)


def main(arguments: Iterable[str]) -> int:
    """Repeat the named runs, or all; return 1 if one did not come out."""
    parser = argparse.ArgumentParser(prog="python -m mnistbook.repeats", description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of stores: {', '.join(REPEATED)}")
    parser.add_argument("--store", action="store_true", help="put what came out into results/repeated.csv")
    options = parser.parse_args(list(arguments))
    if unknown := set(options.names) - set(REPEATED):
        parser.error(f"there is no store {', '.join(sorted(unknown))}")
    use_one_thread()
    failed, rows = [], []
    for name in options.names or REPEATED:
        start = sum(os.times()[:4])  # of this process and of those that it started
        one = repeat(name)
        table = again.comparisons([one]).assign(seconds=sum(os.times()[:4]) - start)
        print(
            f"{name}: {'comes out' if one.holds else 'DOES NOT COME OUT'}\n{table.to_string(index=False)}", flush=True
        )
        stored = again.digest(stored_curves(name), one.key)
        rows.append(table.assign(stored=stored, store=name, **one.where))
        failed += [] if one.holds else [name]
    if options.store:
        try:
            kept = results.read(OUTCOMES)
            rows.insert(0, kept[~kept["store"].isin(options.names or REPEATED)])
        except FileNotFoundError:
            pass
        table = pd.concat(rows)
        results.write(OUTCOMES, table[["store", *(column for column in table if column != "store")]])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
