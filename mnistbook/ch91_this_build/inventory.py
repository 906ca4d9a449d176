"""What is stored in results/: the runs of which studies, how many, how long they took, and where they were computed."""

from __future__ import annotations

import pandas as pd

from mnistbook import results
from mnistbook.studies import find_studies

__all__ = ["stored_studies"]


def stored_studies() -> pd.DataFrame:
    """Return one row a file of runs and place where they ran, with the hours that they took and their seeds.

    The column ``study`` has the name of the file, which is that of the study unless it stores several. What has not
    been stored is left out.
    """
    rows = []
    files = [stored for name, study in find_studies().items() for stored in getattr(study, "STORED", (name,))]
    for name in files:
        try:
            runs = results.read(name)
        except FileNotFoundError:
            continue
        by = ["processor", "kernels", "mnistlab", "commit", "date"]
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
