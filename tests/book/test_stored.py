"""The list of stored studies; that every row says where it comes from, and agrees with what else is stored of it."""

import numpy as np
import pandas as pd
import pytest

from mnistbook import results
from mnistbook.ch91_this_build import inventory
from mnistbook.kit.answers import right_rows
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


FILES = sorted(path.name for path in results.FOLDER.iterdir() if path.name.endswith(".csv"))
NUMBERS = ("loss", "accuracy")


def test_every_stored_file_is_the_one_that_its_study_wrote():
    assert results.sums() == {name: results.checksum(results.FOLDER / name) for name in FILES}


@pytest.mark.filterwarnings("ignore:.*code that is not committed")
def test_a_file_that_was_altered_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    frame = pd.DataFrame({"key": ["a", "a", "b"], "epoch": [1, 2, 1], "seed": [0, 0, 1], "loss": [0.5, 0.25, 0.5]})
    results.write("some", frame)
    assert set(results.sums()) == {"some.csv", "some_curves.csv"}
    assert len(results.read("some")) == 2 and len(results.read_curves("some")) == 3
    for name in ("some.csv", "some_curves.csv"):
        path, whole = tmp_path / name, (tmp_path / name).read_bytes()
        path.write_bytes(whole.replace(b"\n", b"\r\n"))  # as git may write it on Windows
        assert len(results.read_curves("some")) == 3
        path.write_bytes(whole.replace(b"0.25", b"0.26").replace(b"0.5", b"0.51"))
        with pytest.raises(ValueError, match=f"{name} is not what its study wrote"):
            results.read_curves("some")
        path.write_bytes(whole)


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith("_curves.csv")])
def test_a_run_ends_as_its_last_epoch_did(name):
    store = name.removesuffix("_curves.csv")
    runs = results.read(store, extra_text=("project",)).set_index("key")
    last = results.read(f"{store}_curves").groupby("key", sort=False).tail(1).set_index("key")
    assert set(last.index) <= set(runs.index)
    both = [column for column in last if column in runs and column.endswith(NUMBERS)]
    assert both
    pd.testing.assert_frame_equal(last[both], runs.loc[last.index, both], check_dtype=False)


ANSWERED = {
    "augmentation": ("test_accuracy", "final_validation_accuracy"),
    "convolution": ("final_test_accuracy",),
    "generalization": ("test_accuracy", "final_validation_accuracy"),
    "hyperparameters_fresh": ("final_validation_accuracy",),
    "keras_dense": ("test_accuracy",),
    "research": ("test_accuracy",),
}
"""What the stored answers of a study make: the first of these columns that a run has."""


def test_all_answers_are_listed():
    assert {f"{name}_answers.csv" for name in ANSWERED} == {name for name in FILES if name.endswith("_answers.csv")}


@pytest.mark.parametrize("name", ANSWERED)
def test_stored_answers_make_the_stored_accuracies(name):
    runs = results.read(name, extra_text=("project",)).set_index("key")
    answers = results.read(f"{name}_answers", extra_text=("wrong", "predicted", "project")).set_index("key")
    assert set(answers.index) == set(runs.index)
    accuracies = runs.loc[answers.index, list(ANSWERED[name])].bfill(axis=1).iloc[:, 0]
    known = accuracies.notna()  # not of a training that diverged
    assert known.mean() > 0.9
    right = right_rows(answers.loc[known, "wrong"].fillna(""))
    np.testing.assert_allclose(right.mean(axis=1), accuracies[known], rtol=0, atol=1e-6)


def test_no_seed_of_a_study_is_left_out():
    """They are 0, 1, 2, …; fresh ones, which judge what others chose, are 100 to 104; one is that of an author."""
    names = set(inventory.stored_studies().query("seeds != ''")["study"])
    assert len(names) >= 9
    for name in names:
        seeds = set(results.read(name)["seed"])
        chosen_by = seeds - set(range(100, 105)) - ({42} if name == "published_from_seed" else set())
        assert chosen_by == set(range(len(chosen_by))), name
        assert seeds - chosen_by in (set(), {42}, set(range(100, 105))), name
