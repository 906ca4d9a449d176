"""Results of runs as small CSV files with provenance, which a later run can be compared with."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from importlib.resources.abc import Traversable
from pathlib import Path

import pandas as pd

from mnistlab.atomic import write_atomically
from mnistlab.sweeps.provenance import COLUMNS, completed, provenance

__all__ = ["last_rows", "read", "read_curves", "spot_check", "write"]

LARGEST = 1_000_000
"""Bytes of a file; the repository holds no larger ones."""

TEXT = ("key", "hidden", "project", *(name for name in COLUMNS if name != "cores"))
"""Columns that hold text even where it looks like a number."""


def last_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the last row of each run, with ``seconds``, if there are any, added up over its epochs."""
    rows = frame.drop_duplicates("key", keep="last")
    if "seconds" in frame:
        # A sum that skips NaN: the epoch in which a training diverged has no time.
        rows = rows.assign(seconds=rows["key"].map(frame.groupby("key")["seconds"].sum()))
    return rows.reset_index(drop=True)


def write(name: str, frame: pd.DataFrame, *, folder: str | Path, extra_text: Sequence[str] = ()) -> list[Path]:
    """Store the rows of a study, and return the files that were written.

    A frame with the columns ``key`` and ``epoch``, as :func:`~mnistlab.sweeps.runner.sweep` returns it, becomes two
    files: ``NAME.csv`` has one row a run, with its configuration, provenance, seconds and the measurements of its last
    row; ``NAME_curves.csv`` has the columns that change from epoch to epoch, with key and epoch. Any other frame
    becomes ``NAME.csv`` as it is. Columns of :func:`provenance` that are missing are filled in with those of now; rows
    that come with a provenance of their own get nothing from now, but "not recorded" where it says less.

    Rows are sorted by the columns up to ``seed``, or else stay in their order; floats have six digits.

    Parameters
    ----------
    name
        Of the file, without its ending.
    frame
        The rows.
    folder
        Where the files go.
    extra_text
        More columns, besides the usual ones, whose text may look like numbers; :func:`read` wants them too.

    Raises
    ------
    ValueError
        If there are no rows, text would be read as numbers, or a file would be larger than 1 MB; nothing is written
        then.

    Warns
    -----
    UserWarning
        If the code that computed a row was not committed or is not known.
    """
    if frame.empty:
        raise ValueError(f"there are no rows to store as {name}")
    folder = Path(folder)
    frame = completed(frame)  # what comes with a provenance of its own gets nothing from now
    now = provenance()
    frame = frame.assign(**{column: now[column] for column in COLUMNS if column not in frame})
    frame = frame[[column for column in frame if column not in COLUMNS] + list(COLUMNS)]
    if {"key", "epoch"} <= set(frame):
        frame = _sorted(frame)
        changing = _changing(frame)
        tables = {name: last_rows(frame)}
        if changing:
            tables[f"{name}_curves"] = frame[["key", "epoch", *changing]]
    else:
        tables = {name: _sorted(frame)}
    for stem, table in tables.items():
        _check_text(stem, table, extra_text)
    texts = {folder / f"{stem}.csv": table.to_csv(index=False, float_format="%.6g") for stem, table in tables.items()}
    for path, text in texts.items():
        if (size := len(text.encode())) > LARGEST:
            raise ValueError(
                f"{path.name} would have {size:,} bytes, and no file of results is larger than {LARGEST:,}: store "
                "fewer rows or columns"
            )
    unsure = sorted({commit for commit in frame["commit"] if commit == "unknown" or commit.endswith("-dirty")})
    if unsure:
        warnings.warn(f"{name} holds rows of code that is not committed: {', '.join(unsure)}", stacklevel=2)
    for path, text in texts.items():
        write_atomically(path, lambda file, text=text: file.write(text.encode()))  # type: ignore[misc]  # bound in each round
    return list(texts)


def read(name: str, *, folder: str | Path | Traversable, extra_text: Sequence[str] = ()) -> pd.DataFrame:
    """Return the rows stored in ``folder`` as ``name``.

    Where a table has provenance, columns of it that did not exist yet when the rows were stored say "not recorded".

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    """
    file = (Path(folder) if isinstance(folder, str) else folder) / f"{name}.csv"
    if not file.is_file():
        raise FileNotFoundError(f"there are no stored results {file}")
    dtype = dict.fromkeys((*TEXT, *extra_text), str)
    with file.open(encoding="utf-8", newline="") as text:  # type: ignore[call-overload]  # newline is handed on
        frame = pd.read_csv(text, dtype=dtype, keep_default_na=False, na_values=[""])
    return completed(frame)


def read_curves(name: str, *, folder: str | Path | Traversable, extra_text: Sequence[str] = ()) -> pd.DataFrame:
    """Return the rows of ``NAME_curves.csv``, one an epoch, with the configuration of their run from ``NAME.csv``."""
    curves = read(f"{name}_curves", folder=folder, extra_text=extra_text)
    runs = read(name, folder=folder, extra_text=extra_text)
    fixed = runs.drop(columns=[column for column in (*curves.columns, "seconds") if column != "key" and column in runs])
    return curves.merge(fixed, on="key", how="left", validate="many_to_one")


def spot_check(
    stored: pd.DataFrame,
    rerun: pd.DataFrame,
    columns: Sequence[str],
    tolerance: float | Mapping[str, float],
) -> pd.DataFrame:
    """Compare what a run gives now with what is stored.

    Parameters
    ----------
    stored
        Rows with ``key`` and, if it is about epochs, ``epoch``: what :func:`read` or :func:`read_curves` returns.
    rerun
        Rows of one or more of the stored runs, perhaps not all of their epochs.
    columns
        What is compared.
    tolerance
        Largest absolute difference, for all columns or for each.

    Returns
    -------
    pandas.DataFrame
        One row a comparison: ``key``, ``epoch``, ``quantity``, ``stored``, ``got``, ``difference``.

    Raises
    ------
    AssertionError
        If a row is not stored, or differs by more than the tolerance; the message has a line for each.
    ValueError
        If there is nothing to compare, or a column is missing.
    """
    by = ["key", "epoch"] if "epoch" in stored and "epoch" in rerun else ["key"]
    for side, frame in (("stored", stored), ("re-run", rerun)):
        if missing := [column for column in (*by, *columns) if column not in frame]:
            raise ValueError(f"the {side} rows have no column {', '.join(missing)}")
    known = stored.set_index(by)[list(columns)]
    if not known.index.is_unique:
        raise ValueError(f"the stored rows are not one a {' and '.join(by)}")
    rows, problems = [], []
    for _, got in rerun.iterrows():
        place = tuple(got[name] for name in by)
        which = ", ".join(f"{'run' if name == 'key' else name} {value}" for name, value in zip(by, place, strict=True))
        place = place if len(place) > 1 else place[0]
        if place not in known.index:
            problems.append(f"{which}: nothing is stored")
            continue
        for column in columns:
            old, new = float(known.loc[place, column]), float(got[column])
            limit = tolerance[column] if isinstance(tolerance, Mapping) else tolerance
            both_missing = math.isnan(old) and math.isnan(new)
            difference = 0.0 if both_missing else new - old
            if not abs(difference) <= limit:
                problems.append(f"{which}: {column} stored {old:.6g}, got {new:.6g}, tolerance {limit:g}")
            row = dict(got[by]) | {"quantity": column, "stored": old, "got": new, "difference": difference}
            rows.append(row)
    if problems:
        more = [f"and {len(problems) - 10} more"] if len(problems) > 10 else []
        raise AssertionError("\n  ".join(["the run does not land on the stored numbers", *problems[:10], *more]))
    if not rows:
        raise ValueError("there is nothing to compare")
    return pd.DataFrame(rows)


def _check_text(name: str, table: pd.DataFrame, extra_text: Sequence[str]) -> None:
    for column in table.select_dtypes(exclude=["number", "bool"]):
        text = table[column].astype(str)
        if column not in (*TEXT, *extra_text) and pd.to_numeric(text, errors="coerce").notna().all():
            raise ValueError(f"the text in the column {column} of {name} looks like numbers: name it in extra_text")


def _changing(frame: pd.DataFrame) -> list[str]:
    """Return the columns that belong to an epoch; the others are one number a run, perhaps in its last row only."""
    rest = [column for column in frame if column not in ("key", "epoch", "seconds", *COLUMNS)]
    last = ~frame.duplicated("key", keep="last")
    before = frame[~last]
    reference = frame[last].set_index("key")
    changing = []
    for column in rest:
        values, ends = before[column], before["key"].map(reference[column])
        if (values.notna() & (values != ends)).any():
            changing.append(column)
    return changing


def _sorted(frame: pd.DataFrame) -> pd.DataFrame:
    columns = list(frame)
    if "seed" not in columns:
        return frame.reset_index(drop=True)
    by = [column for column in columns[: columns.index("seed") + 1] if column != "key"]
    by += [column for column in ("key", "epoch") if column in columns and column not in by]
    return frame.sort_values(by, kind="stable", ignore_index=True)
