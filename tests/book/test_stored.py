"""The list of stored studies, and that every row says where it comes from."""

import pandas as pd
import pytest

from mnistbook import results
from mnistbook.ch91_this_build import inventory
from mnistlab.sweeps.provenance import COLUMNS, NOT_RECORDED


def test_one_row_a_study_and_place(monkeypatch):
    frame = pd.DataFrame(
        {
            "key": ["a", "b", "c"],
            "seed": [0, 2, 1],
            "seconds": [1800.0, 1800.0, 3600.0],
            "processor": "p",
            "kernels": "k",
            "mnistlab": "0.1",
            "commit": ["x", "x", "y-dirty"],
            "date": "2026-01-01",
        }
    )

    def read(name):
        if name == "kept":
            return frame
        raise FileNotFoundError(name)

    monkeypatch.setattr(inventory, "find_studies", lambda: {"kept": None, "never run": None})
    monkeypatch.setattr(results, "read", read)
    table = inventory.stored_studies()
    assert table["study"].tolist() == ["kept", "kept"]
    assert table["runs"].tolist() == [2, 1] and table["hours"].tolist() == [1, 1]
    assert table["seeds"].tolist() == ["0 to 2", "1"] and table["commit"].tolist() == ["x", "y-dirty"]


def test_every_stored_file_is_in_the_list():
    """A study whose module was renamed, or a second file of one, would vanish from the page without a word."""
    folder = results.FOLDER
    names = {path.stem.removesuffix("_curves") for path in folder.glob("*.csv")}
    listed = set(inventory.stored_studies()["study"])
    of_the_same_runs = {f"{study}_{part}" for study in listed for part in ("answers", "contested", "weights")}
    timings = {"bench"}  # of a benchmark, which is no study
    again = {"kept", "repeated"}  # runs of the studies, trained anew
    assert names - again == listed | timings | (of_the_same_runs & names)
    assert "published_from_seed" in listed


@pytest.mark.parametrize("path", sorted(results.FOLDER.glob("*.csv")), ids=lambda path: path.stem)
def test_every_row_says_with_what_it_was_computed(path):
    if path.stem.endswith("_curves"):  # their runs say so
        return
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    assert set(COLUMNS) <= set(rows)
    where = rows[list(COLUMNS)]
    assert not where.isin(["", "unknown", NOT_RECORDED]).any(axis=None)
    assert not where["commit"].str.endswith("-dirty").any()
