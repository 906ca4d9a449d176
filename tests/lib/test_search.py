"""Searches by Optuna: what is drawn, what ends early, what is kept, and what goes on after a kill."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pandas as pd
import pytest
from typer.testing import CliRunner

from mnistlab.cli import app
from mnistlab.sweeps.optuna_search import FILE, Search, open_study, search
from mnistlab.sweeps.run import Run
from mnistlab.sweeps.runner import SweepError
from mnistlab.sweeps.sweep_file import SweepFileError, read_sweep_file

optuna = pytest.importorskip("optuna")

PATIENCE = 120
SMALL = Run(hidden=(4,), train_size=300, validation=100, epochs=4)
SPACE = {
    "learning_rate": {"log_uniform": [0.001, 1.0]},
    "hidden": [[4], [8, 4]],
    "batch_size": {"log_integers": [8, 64]},
}
PLAN = Search(SMALL, SPACE, 9, pruner="successive_halving", seed=3)


def complete(frame):
    return frame.drop(columns=["seconds"])


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("search")
    return folder, search(PLAN, folder, workers=1)


def test_trials_stay_in_their_space_and_the_study_knows_them(done):
    folder, frame = done
    last = frame.drop_duplicates("trial", keep="last").set_index("trial")
    assert list(last.index) == list(range(9))
    assert last["learning_rate"].between(0.001, 1).all() and last["batch_size"].between(8, 64).all()
    assert set(last["hidden"]) == {"4", "8-4"} and (last["train_size"] == 300).all()
    states = {trial.number: trial.state.name for trial in open_study(folder).trials}
    assert states == {number: "PRUNED" if row["pruned"] else "COMPLETE" for number, row in last.iterrows()}
    for trial in open_study(folder).trials:
        if trial.state.name == "COMPLETE":
            assert trial.value == last["final_validation_accuracy"][trial.number]


def test_halving_ends_what_is_not_among_the_best_third_so_far(done):
    _, frame = done
    after_one = frame[frame["epoch"] == 1].set_index("trial")["validation_accuracy"]
    lengths = frame.groupby("trial")["epoch"].max()
    assert 2 <= (lengths == 1).sum() <= 7
    for trial, accuracy in after_one.items():
        so_far = sorted(after_one[: trial + 1], reverse=True)
        if accuracy < so_far[max(len(so_far) // 3, 1) - 1]:
            assert lengths[trial] == 1, trial
    assert (lengths[~frame.groupby("trial")["pruned"].first()] == 4).all()


def test_one_worker_and_one_seed_give_the_same_trials_and_more_go_on_from_them(done, tmp_path):
    _, frame = done
    few = search(replace(PLAN, trials=4), tmp_path, workers=1)
    records = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.json")}
    assert len(records) == 4
    again = search(PLAN, tmp_path, workers=1)
    pd.testing.assert_frame_equal(complete(again), complete(frame))
    pd.testing.assert_frame_equal(again[: len(few)], few)
    assert all(path.stat().st_mtime_ns == time_ for path, time_ in records.items())
    other = search(replace(PLAN, trials=4, seed=4), tmp_path / "other", workers=1)
    assert not set(other["learning_rate"]) & set(frame["learning_rate"])


def test_the_sampler_learns(tmp_path):
    """After its ten random trials TPE tries better rates than one that goes on at random."""
    base = replace(SMALL, hidden=(16,), epochs=2, batch_size=8)
    later = {}
    for sampler in ("tpe", "random"):
        plan = Search(base, {"learning_rate": {"log_uniform": [1e-6, 1.0]}}, 40, sampler=sampler)
        frame = search(plan, tmp_path / sampler, workers=1)
        later[sampler] = frame.loc[(frame["trial"] >= 10) & (frame["epoch"] == 2), "final_validation_accuracy"].mean()
    assert later["tpe"] > later["random"] + 0.1


def test_a_folder_belongs_to_one_search(done):
    folder, _ = done
    with pytest.raises(ValueError, match="holds another search"):
        search(replace(PLAN, seed=1), folder, workers=1)
    with pytest.raises(FileNotFoundError, match="all workers share"):
        open_study(folder / "elsewhere")


YAML = """\
base: {hidden: [4], train_size: 300, validation: 100, epochs: 4}
search:
  trials: 12
  pruner: successive_halving
  seed: 3
  learning_rate: {log_uniform: [0.001, 1]}
  activation: [relu, tanh]
"""


def test_a_killed_sweep_goes_on(tmp_path):
    (tmp_path / "file.yaml").write_text(YAML)
    command = [sys.executable, "-m", "mnistlab", "sweep", "file.yaml", "--workers", "1"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": os.getcwd()}
    )
    folder, end = tmp_path / "file.runs", time.monotonic() + PATIENCE
    while len(list(folder.glob("*.json"))) < 3:
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = {path: path.read_bytes() for path in folder.glob("*.json")}
    assert 3 <= len(before) < 12
    open_study(folder).ask()  # as if the kill had come in the middle of a trial
    result = CliRunner().invoke(
        app,
        [
            "sweep",
            str(tmp_path / "file.yaml"),
            "--workers",
            "1",
            "--folder",
            str(folder),
            "-o",
            str(tmp_path / "out.csv"),
        ],
    )
    assert result.exit_code == 0, result.output
    assert "of 12 trials ended early" in result.output and "best" in result.output
    assert all(path.read_bytes() == data for path, data in before.items())
    assert len(list(folder.glob("*.json"))) == 12
    states = [trial.state.name for trial in open_study(folder).trials]
    assert "RUNNING" not in states and "FAIL" in states and len(states) - states.count("FAIL") >= 12


def test_two_workers_share_a_study(tmp_path):
    frame = search(replace(PLAN, trials=6), tmp_path, workers=2)
    assert sorted(frame["trial"].unique()) == list(range(6))


def test_a_training_that_diverges_counts_as_nothing(tmp_path):
    plan = Search(replace(SMALL, activation="linear"), {"learning_rate": [1e30]}, 1)
    frame = search(plan, tmp_path, workers=1)
    assert frame["diverged"].iloc[-1] and not frame["pruned"].any()
    assert open_study(tmp_path).best_value == 0


def test_a_trial_that_raises_is_named_and_fails_in_the_study(tmp_path):
    with pytest.raises(SweepError, match="1 of 1 runs failed"):
        search(Search(replace(SMALL, train_size=10**6), {"learning_rate": [0.1]}, 1), tmp_path, workers=1)
    assert [trial.state.name for trial in open_study(tmp_path).trials] == ["FAIL"]


def test_without_optuna_one_line_says_what_is_missing(tmp_path):
    (tmp_path / "file.yaml").write_text(YAML)
    code = "import sys; sys.modules['optuna'] = None; from mnistlab.__main__ import main; main()"
    command = [sys.executable, "-c", code, "sweep", "file.yaml"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=os.environ | {"PYTHONPATH": os.getcwd()}
    )
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "a search needs optuna: pip install 'mnistlab[search]'" in done.stderr


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (("trials: 12", "sampler: tpe"), "trials is missing"),
        (("trials: 12", "trials: 0"), "search: trials must be a positive integer"),
        (("successive_halving", "median"), "pruner must be none or successive_halving, not 'median'"),
        (
            ("log_uniform", "loguniform"),
            "search: learning_rate: loguniform is no distribution: did you mean log_uniform",
        ),
        (("[relu, tanh]", "[relu, tan]"), "search: activation must be"),
        (("[relu, tanh]", "relu"), "search: activation: a list or a distribution"),
        (("activation", "activatoin"), "did you mean activation"),
        (("search:", "seeds: [1]\nsearch:"), "without seeds"),
        (("validation: 100", "validation: 0"), "needs images for validation"),
    ],
)
def test_what_a_file_gets_wrong_is_said(tmp_path, change, word):
    (tmp_path / "file.yaml").write_text(YAML.replace(*change))
    with pytest.raises(SweepFileError, match=word):
        read_sweep_file(tmp_path / "file.yaml")


def test_the_file_of_the_study_is_beside_the_records(done):
    assert (done[0] / FILE).is_file()
