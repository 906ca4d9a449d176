"""What is stored in results/: which studies, how many runs, how long they took, and where they were computed."""

from __future__ import annotations

import pandas as pd

from mnistbook import results
from mnistbook.studies import find_studies

__all__ = ["stored_studies"]


def stored_studies() -> pd.DataFrame:
    """Return one row a study and place where it ran, with the hours that its runs took and the seeds that it drew.

    A study that has not been stored is left out.
    """
    rows = []
    for name in find_studies():
        try:
            runs = results.read(name)
        except FileNotFoundError:
            continue
        by = ["processor", "mnistlab", "commit", "date"]
        for place, part in runs.groupby(by, dropna=False):
            rows.append(
                {
                    "study": name,
                    "runs": len(part),
                    "seeds": _span(part["seed"]) if "seed" in part else "",
                    "hours": part["seconds"].sum() / 3600 if "seconds" in part else float("nan"),
                    **dict(zip(by, place, strict=True)),
                }
            )
    return pd.DataFrame(rows)


def _span(seeds: pd.Series) -> str:
    first, last = int(seeds.min()), int(seeds.max())
    return f"{first}" if first == last else f"{first} to {last}"
