"""The ledger of the test set: nothing that was tried on it is left out."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from mnistbook import results
from mnistbook.ch93_test_set import ledger
from mnistbook.studies import find_studies

ROOT = Path(__file__).resolve().parents[2]


def test_every_run_that_read_the_test_images_is_counted():
    table = ledger.ledger()
    stores = {path.name.removesuffix(".csv") for path in results.FOLDER.iterdir() if path.name.endswith(".csv")}
    for name in stores:
        rows = results.read(name, extra_text=("project", "wrong"))
        measured = [column for column in rows if "test_acc" in column or "test_loss" in column]
        if measured and not name.endswith("_curves"):
            tried = rows[measured].notna().any(axis=1).sum()
            assert table.loc[table["store"] == name, "runs"].sum() == tried, name
        for text in rows.select_dtypes(exclude=["number", "bool"]):  # whatever a new store calls it
            assert not (rows[text] == "test accuracy").any() or name in set(table["store"]), name
    assert {"published", "generalization", "augmentation", "keras_dense", "convolution"} <= set(table["store"])
    assert set(find_studies()) <= set(table["store"])
    assert (table["looks"] >= table["runs"]).all() and not table.duplicated(["store", "what was tried"]).any()


def test_a_store_that_is_not_in_the_ledger_stops_the_build(tmp_path, monkeypatch):
    for path in Path(str(results.FOLDER)).glob("*.csv"):
        shutil.copy(path, tmp_path)
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    assert len(ledger.ledger()) == len(ledger.ledger())
    pd.DataFrame({"key": ["a"], "test_accuracy": [0.99]}).to_csv(tmp_path / "another.csv", index=False)
    with pytest.raises(KeyError, match="another holds test accuracies: say in ENTRIES why"):
        ledger.ledger()
    (tmp_path / "another.csv").unlink()
    runs = pd.read_csv(tmp_path / "generalization.csv", dtype=str, keep_default_na=False)
    row = runs[runs["test_accuracy"] != ""].iloc[[0]].assign(key="new", hidden="1200")
    pd.concat([runs, row]).to_csv(tmp_path / "generalization.csv", index=False)
    with pytest.raises(KeyError, match="no entry of generalization says why new was tried"):
        ledger.ledger()


def test_reopened_searches_are_said_to_be():
    table = ledger.ledger()
    reopened = table[table["decided by it"].str.contains("fell short")]
    assert sorted(reopened["store"]) == ["drawings", "generalization", "generalization"]
    large = reopened[reopened["store"] == "generalization"]
    assert large["what was tried"].str.startswith("784-800-10").all()


def test_both_collections_of_pictures_of_the_network_that_ships_are_counted():
    table = ledger.ledger()
    rows = table[table["store"] == "drawings"].set_index("what was tried")
    of = "the network that ships; each run is a kind of pictures"
    assert rows["runs"].to_dict() == {of: 24, f"{of}, of other digits": 24}
    assert rows.loc[f"{of}, of other digits", "decided by it"] == ledger.NOTHING


def test_every_notebook_that_reads_the_test_images_says_for_what():
    found = set()
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        if re.search(r"\b[xy]_test\b|\btest_images\b|\bread_again\b", code):
            found.add(path.stem)
    assert found == set(ledger.BUILT)


def test_a_look_after_each_epoch_is_counted_whatever_its_column_is_called():
    curves = results.read_curves("keras_dense", extra_text=("project",))
    last = curves.drop_duplicates("key", keep="last")
    on_test_images = last.loc[last["watched_accuracy"] == last["test_accuracy"], "key"]
    table = ledger.ledger()
    looks = table.loc[table["store"] == "keras_dense", "looks"].sum()
    assert looks == curves["key"].isin(on_test_images).sum() + (~last["key"].isin(on_test_images)).sum()
