"""Stored results: what is written, where it comes from, and whether it comes out again."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import mnistlab
from mnistlab.sweeps import provenance as provenance_module
from mnistlab.sweeps import results
from mnistlab.sweeps.provenance import COLUMNS, provenance
from mnistlab.sweeps.run import Run

CLEAN = dict.fromkeys(COLUMNS, "x") | {"commit": "0123456789ab", "cores": 2}


@pytest.fixture
def committed(monkeypatch):
    """Provenance of a clean checkout, so that tests do not depend on what is committed."""
    monkeypatch.setattr(results, "provenance", lambda: CLEAN)


def tidy(seeds=(1, 0), epochs=3):
    """Rows as a sweep gives them, with provenance."""
    rows = []
    for seed in seeds:
        run = Run(hidden=(300,), seed=seed, epochs=epochs)
        for epoch in range(1, epochs + 1):
            measured = {"epoch": epoch, "loss": 1 / (epoch + seed), "seconds": 0.5, "diverged": False}
            final = {"test_accuracy": 0.9 + seed / 100 if epoch == epochs else np.nan}
            rows.append(run.columns() | measured | final | CLEAN)
    return pd.DataFrame(rows)


# What is written


def test_a_row_a_run_and_a_row_an_epoch(tmp_path):
    paths = results.write("study", tidy(), folder=tmp_path)
    assert [path.name for path in paths] == ["study.csv", "study_curves.csv"]
    runs, curves = results.read("study", folder=tmp_path), results.read("study_curves", folder=tmp_path)
    assert list(runs["seed"]) == [0, 1] and list(runs["hidden"]) == ["300", "300"]
    assert list(runs["seconds"]) == [1.5, 1.5] and list(runs["test_accuracy"]) == [0.9, 0.91]
    assert list(runs.columns[-len(COLUMNS) :]) == list(COLUMNS) and set(runs["commit"]) == {"0123456789ab"}
    assert list(curves.columns) == ["key", "epoch", "loss"]
    assert list(curves["epoch"]) == [1, 2, 3, 1, 2, 3] and list(curves["loss"][:3]) == [1, 0.5, 0.333333]
    assert list(curves["key"].unique()) == [Run(epochs=3).key, Run(epochs=3, seed=1).key]
    joined = results.read_curves("study", folder=tmp_path)
    assert len(joined) == 6 and list(joined["seed"]) == [0, 0, 0, 1, 1, 1] and joined["loss"].equals(curves["loss"])
    assert "seconds" not in joined  # those of a run would stand at each of its epochs


def test_the_same_rows_in_another_order_give_the_same_bytes(tmp_path):
    frame = tidy(seeds=(10, 9, 2))
    first = [path.read_bytes() for path in results.write("study", frame, folder=tmp_path)]
    shuffled = frame.sample(frac=1, random_state=0).sort_values("epoch", kind="stable")
    assert [path.read_bytes() for path in results.write("study", shuffled, folder=tmp_path)] == first
    assert list(results.read("study", folder=tmp_path)["seed"]) == [2, 9, 10]


def test_text_stays_text_and_gaps_stay_gaps(tmp_path, committed):
    frame = pd.DataFrame({"key": ["a", "b"], "project": ["1", "2"], "value": [1 / 3, np.nan], "some": ["none", "NA"]})
    results.write("study", frame, folder=tmp_path)
    stored = results.read("study", folder=tmp_path)
    assert list(stored["project"]) == ["1", "2"] and list(stored["some"]) == ["none", "NA"]
    assert stored["value"][0] == 0.333333 and np.isnan(stored["value"][1])
    with pytest.raises(ValueError, match="column digits of study looks like numbers"):
        results.write("study", frame.assign(digits=["007", "010"]), folder=tmp_path)
    results.write("study", frame.assign(digits=["007", "010"]), folder=tmp_path, extra_text=["digits"])
    assert list(results.read("study", folder=tmp_path, extra_text=["digits"])["digits"]) == ["007", "010"]


def test_runs_that_diverged_keep_their_row(tmp_path):
    frame = tidy(seeds=(0,))
    last = frame.index[-1]
    frame.loc[last, ["loss", "seconds", "test_accuracy"]] = np.nan
    frame["diverged"] = [False, False, True]
    results.write("study", frame, folder=tmp_path)
    (run,) = results.read("study", folder=tmp_path).to_dict("records")
    assert run["diverged"] is True and np.isnan(run["loss"]) and run["seconds"] == 1
    assert list(results.read("study_curves", folder=tmp_path)["diverged"]) == [False, False, True]


def test_a_file_that_would_be_too_large_is_not_written(tmp_path, committed):
    frame = pd.DataFrame({"seed": range(10_000), "text": "x" * 100})
    with pytest.raises(ValueError, match="and no file of results is larger"):
        results.write("study", frame, folder=tmp_path)
    with pytest.raises(ValueError, match="no rows"):
        results.write("study", frame[:0], folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_code_that_is_not_committed_is_said(tmp_path):
    frame = tidy()
    frame.loc[3:, "commit"] = "0123456789ab-dirty"
    with pytest.warns(UserWarning, match="study holds rows of code that is not committed: 0123456789ab-dirty$"):
        results.write("study", frame, folder=tmp_path)
    with pytest.warns(UserWarning, match="not committed: unknown$"):
        results.write("study", frame.assign(commit="unknown"), folder=tmp_path)


# Where it comes from


def git(folder, *arguments):
    identity = ("-c", "user.name=N", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_the_commit_is_that_of_the_code(tmp_path, monkeypatch):
    package = tmp_path / "mnistlab"
    package.mkdir()
    for file in (package / "__init__.py", tmp_path / "pyproject.toml", tmp_path / "README.md"):
        file.write_text("text\n")
    monkeypatch.setattr(mnistlab, "__file__", str(package / "__init__.py"))
    fresh = provenance_module._found.__wrapped__
    assert fresh()["commit"] == "unknown"  # no repository
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    head = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "README.md").write_text("other\n")
    stored = tmp_path / "mnistbook" / "results"
    stored.mkdir(parents=True)
    (stored / "a.csv").write_text("1\n")
    assert fresh()["commit"] == head[:12]  # neither pages nor results compute anything
    for folder in (package, stored.parent):
        (folder / "new.py").write_text("text\n")
        assert fresh()["commit"] == f"{head[:12]}-dirty"
        (folder / "new.py").unlink()
    monkeypatch.setenv("PATH", "")
    assert fresh()["commit"] == "unknown"
    (tmp_path / "pyproject.toml").unlink()
    assert provenance_module.checkout() is None and fresh()["commit"] == "unknown"


def test_provenance_is_plain_and_complete():
    values = provenance()
    assert tuple(values) == COLUMNS and all(isinstance(value, str | int) and value for value in values.values())
    assert values["mnistlab"] == mnistlab.__version__ and values["numpy"] == np.__version__


def test_provenance_names_processor_kernels_and_tensorflow(tmp_path, monkeypatch):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(
        "processor\t: 0\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD  EPYC\nstepping\t: 1\n"
        "flags\t\t: fpu fma sse4_2 smep avx avx2 avx512f hypervisor\n\nprocessor\t: 1\nflags\t: amx_tile\n"
    )
    name, features = provenance_module._processor(cpuinfo)
    assert name == "AMD EPYC, family 25, model 17, stepping 1" and features == "avx avx2 avx512f fma sse4_2"
    assert all(provenance_module._processor(tmp_path / "nowhere"))  # another system: what Python and NumPy know

    entries = [
        {"user_api": "openmp", "filepath": "/x/numpy.libs/a.so"},
        {"user_api": "blas", "filepath": "/x/scipy.libs/b.so", "architecture": "Prescott"},
        {"user_api": "blas", "filepath": "/x/numpy.libs/c.so", "architecture": "Zen"},
    ]
    monkeypatch.setattr(provenance_module, "threadpool_info", lambda: entries)
    assert provenance_module._kernels() == "Zen"
    monkeypatch.setattr(provenance_module, "threadpool_info", list)
    assert provenance_module._kernels() == "unknown"

    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    assert provenance()["tensorflow"] == "not used"
    monkeypatch.setitem(sys.modules, "tensorflow", SimpleNamespace(__version__="2.99"))  # imported since
    assert provenance()["tensorflow"] == "2.99"


def test_old_rows_say_what_was_not_recorded(tmp_path):
    new = ["kernels", "tensorflow", "features"]
    old = tidy().drop(columns=new)
    results.write("old", old, folder=tmp_path)
    (tmp_path / "older.csv").write_text(
        results.read("old", folder=tmp_path).drop(columns=new).to_csv(index=False), encoding="utf-8"
    )
    for name in ("old", "older"):
        read = results.read(name, folder=tmp_path)
        assert (read[new] == "not recorded").all(axis=None) and (read["processor"] == "x").all()
    newer = old[old["seed"] == 1].assign(kernels="Zen", tensorflow="2", features="fma")
    both = pd.concat([old[old["seed"] == 0], newer])
    results.write("both", both, folder=tmp_path)
    assert set(results.read("both", folder=tmp_path)["kernels"]) == {"not recorded", "Zen"}
    assert "kernels" not in results.read("old_curves", folder=tmp_path)  # where there is no provenance, none is missing


# Whether it comes out again


def test_a_spot_check_shows_what_it_compared(tmp_path):
    results.write("study", tidy(), folder=tmp_path)
    stored, again = results.read_curves("study", folder=tmp_path), tidy(seeds=(1,))[:2]
    table = results.spot_check(stored, again, ["loss"], 1e-6)
    assert list(table.columns) == ["key", "epoch", "quantity", "stored", "got", "difference"]
    assert list(table["epoch"]) == [1, 2] and list(table["stored"]) == [0.5, 0.333333]
    assert table["difference"].abs().max() <= 1e-6
    runs = results.read("study", folder=tmp_path)
    table = results.spot_check(runs.drop(columns="epoch"), tidy()[2:3], ["test_accuracy"], 0)
    assert list(table["stored"]) == [0.91] and "epoch" not in table


def test_a_spot_check_that_fails_says_which_run_and_what(tmp_path):
    results.write("study", tidy(), folder=tmp_path)
    stored = results.read_curves("study", folder=tmp_path)
    again = tidy(seeds=(1,)).assign(loss=[0.5, 0.4, 0.25])
    with pytest.raises(AssertionError) as caught:
        results.spot_check(stored, again, ["loss"], {"loss": 0.01})
    key = Run(epochs=3, seed=1).key
    assert str(caught.value).splitlines() == [
        "the run does not land on the stored numbers",
        f"  run {key}, epoch 2: loss stored 0.333333, got 0.4, tolerance 0.01",
    ]
    with pytest.raises(AssertionError, match=f"run {Run().key}, epoch 1: nothing is stored"):
        results.spot_check(stored, again.assign(key=Run().key), ["loss"], 1)
    with pytest.raises(AssertionError, match="got nan"):
        results.spot_check(stored, again.assign(loss=np.nan), ["loss"], 1)
    with pytest.raises(ValueError, match="the re-run rows have no column accuracy"):
        results.spot_check(stored.assign(accuracy=1), again, ["accuracy"], 1)
    with pytest.raises(ValueError, match="nothing to compare"):
        results.spot_check(stored, again[:0], ["loss"], 1)
    with pytest.raises(ValueError, match="not one a key and epoch"):
        results.spot_check(pd.concat([stored, stored]), again, ["loss"], 1)
