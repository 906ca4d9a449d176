"""Whether a stored run comes out again: nearer to what is stored of it than half the way to any other seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from hashlib import sha256

import numpy as np
import pandas as pd

from mnistlab.sweeps.provenance import provenance
from mnistlab.sweeps.run import Run

__all__ = ["Comparison", "compare", "comparisons", "digest", "family"]

CONFIGURATION = (*(field.name for field in fields(Run) if field.name != "seed"), "project", "library", "rate", "trial")
"""Columns in which runs agree that differ in their seed only."""

MEASURED = tuple(
    [
        f"{part}_{what}"
        for part in ("train", "running", "watched", "validation", "test")
        for what in ("loss", "accuracy")
    ]
)
MACHINE = ("python", "numpy", "blas", "kernels", "processor", "features")


@dataclass(frozen=True)
class Comparison:
    """What came of one run that was trained again.

    Attributes
    ----------
    key
        Of the run.
    epochs
        How many of its epochs were compared.
    difference
        Between the run and what is stored of it, in standard deviations between seeds: the root mean square over epochs
        and over everything that was measured after each.
    spread
        The same distance between what is stored of the run and of the nearest other seed.
    identical
        Whether all digits that are stored came out.
    same_machine
        Whether processor, kernels and versions are those with which the run was stored, and so must all digits be.
    where
        The provenance of the process that compared.
    """

    key: str
    epochs: int
    difference: float
    spread: float
    identical: bool
    same_machine: bool
    where: dict[str, object]

    @property
    def tolerance(self) -> float:
        """Half the spread: what is nearer to the stored run than this is farther from every other one."""
        return 0.0 if self.same_machine else self.spread / 2

    @property
    def holds(self) -> bool:
        """Whether the run came out."""
        return self.identical if self.same_machine else self.difference < self.tolerance

    def check(self) -> Comparison:
        """Return the comparison if the run came out.

        Raises
        ------
        AssertionError
            If it did not.
        """
        if not self.holds:
            rule = "on the same machine all digits must" if self.same_machine else f"tolerance {self.tolerance:.3g}"
            raise AssertionError(
                f"{self.key} does not come out again: {self.difference:.3g} from what is stored, {rule}; the nearest "
                f"other seed is {self.spread:.3g} away"
            )
        return self


def compare(
    stored: pd.DataFrame,
    rerun: pd.DataFrame,
    others: Sequence[str] | None = None,
    quantities: Sequence[str] = ("loss", *MEASURED),
) -> Comparison:
    """Compare a run that was trained again, or its first epochs, with what is stored of it.

    Parameters
    ----------
    stored
        Rows as :func:`mnistbook.results.read_curves` returns them.
    rerun
        The rows of one run.
    others
        Keys of the runs that stand for other seeds; by default those that :func:`family` finds.
    quantities
        What is compared, as far as it was measured. The loss, a mean over all steps of an epoch, hangs less on rounding
        than what is measured between two steps.

    Raises
    ------
    ValueError
        If the rows are not those of one stored run, or no other seed was stored.
    """
    key, *more = rerun["key"].unique()
    if more or key not in set(stored["key"]):
        raise ValueError(f"{', '.join([key, *more])} must be one run that is stored")
    others = family(stored, key) if others is None else others
    if not others:
        raise ValueError(f"no other seed of {key} is stored: nothing tells how far apart two would be")
    rerun = _when_measured(rerun).set_index("epoch")
    stored = _when_measured(stored[stored["key"].isin([key, *others])])
    mine = stored[stored["key"] == key].set_index("epoch")
    known = [name for name in quantities if name in mine and name in rerun]
    vectors = {
        other: stored[stored["key"] == other].set_index("epoch").reindex(rerun.index)[known].to_numpy(float)
        for other in (key, *others)
    }
    again, kept = rerun[known].to_numpy(float), vectors[key]
    all_runs = np.array(list(vectors.values()))
    sd = all_runs.std(axis=0, ddof=1)
    # An epoch in which few seeds happen to agree must not outweigh the others.
    scale = np.maximum(sd, np.nanmedian(np.where(np.isnan(sd).all(axis=0), 0, sd), axis=0))
    told = ~np.isnan(all_runs).any(axis=0) & (scale > 0)
    # What is measured at the end only is missing before; a loss that is no number is a finding.
    told &= ~np.isnan(again) | (np.array(known) == "loss")
    if not told.any():
        raise ValueError(f"nothing that was measured tells the seeds of {key} apart")

    def distance(rows: np.ndarray) -> float:
        away = ((rows - kept)[told] / scale[told]) ** 2
        return float(np.sqrt(away.mean())) if np.isfinite(away).all() else math.inf

    return Comparison(
        key,
        len(rerun),
        distance(again),
        min(distance(vectors[other]) for other in others),
        identical=all(
            f"{new:.6g}" == f"{old:.6g}" for new, old in zip(again.flat, kept.flat, strict=True) if not math.isnan(old)
        ),
        same_machine=_same_machine(mine.iloc[0]),
        where=provenance(),
    )


def _when_measured(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with what was measured at the end of a run in its last row only: it stands in all of them."""
    rows = rows.copy()
    runs = rows.groupby("key")
    before = rows["epoch"] < runs["epoch"].transform("max")
    for name in set(MEASURED) & set(rows):
        rows.loc[before & (runs[name].transform("nunique") == 1), name] = np.nan
    return rows


def digest(stored: pd.DataFrame, key: str) -> str:
    """Return a short name for all that is stored of what a run measured: another run, or one digit, has another."""
    names = ["epoch", *(name for name in ("loss", *MEASURED) if name in stored)]
    rows = stored.loc[stored["key"] == key, names]
    return sha256(rows.to_csv(index=False, float_format="%.6g").encode()).hexdigest()[:12]


def family(stored: pd.DataFrame, key: str) -> list[str]:
    """Return the keys of the stored runs that differ from one in nothing but the seed."""
    lengths = stored.groupby("key", sort=False)["epoch"].max()
    runs = stored.drop_duplicates("key").set_index("key")
    names = [name for name in CONFIGURATION if name in runs]
    known = runs[names].astype(object)  # pandas leaves what is missing, as Adam's momentum, missing in a text too
    settings = known.where(known.notna(), "none").astype(str).agg(" ".join, axis=1)
    if "epochs" not in runs:
        settings = settings + " " + lengths.astype(str)
    return [other for other in runs.index if settings[other] == settings[key] and other != key]


def comparisons(found: list[Comparison]) -> pd.DataFrame:
    """Return one row a comparison, in the words of the pages."""
    return pd.DataFrame(
        {
            "run": [one.key for one in found],
            "epochs": [one.epochs for one in found],
            "difference": [one.difference for one in found],
            "tolerance": [one.tolerance for one in found],
            "nearest other seed": [one.spread for one in found],
            "all digits": ["yes" if one.identical else "no" for one in found],
        }
    )


def _same_machine(row: pd.Series) -> bool:
    here = provenance()
    names = MACHINE if row.get("tensorflow") == "not used" else (*MACHINE, "tensorflow")
    return all(row.get(name) == here[name] for name in names)
