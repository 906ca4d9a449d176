"""Sweeps: every run done once, whatever is killed in between; grids, random searches, the YAML file, the command."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import types
from collections import Counter
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import sweep_tasks
from sweep_tasks import Job, jobs, work
from typer.testing import CliRunner

from mnistlab.cli import app
from mnistlab.sweeps import distributions
from mnistlab.sweeps.optuna_search import Search, open_study, search
from mnistlab.sweeps.ranking import ranking, ranking_text
from mnistlab.sweeps.records import decode, encode
from mnistlab.sweeps.run import Run
from mnistlab.sweeps.runner import SweepError, SweepFailed, _line, grid, random_search, sweep, with_seeds
from mnistlab.sweeps.sweep_file import SweepFileError, read_sweep_file

ROOT = Path(__file__).resolve().parents[2]
TASKS = Path(sweep_tasks.__file__)
PATIENCE = 60
"""Seconds after which something that is waited for is taken to have failed."""


def wait_for(what, condition, process=None):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited {PATIENCE} s for {what}"
        assert process is None or process.poll() is None, f"the process ended before {what}"
        time.sleep(0.02)


def started(log):
    """How often each job was started."""
    return Counter(log_words(log)[::2])


def log_words(log):
    """Jobs and processes in turn."""
    return log.read_text().split() if log.exists() else []


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


# Grids and random searches


def test_a_grid_has_every_combination_and_the_last_field_varies_fastest():
    runs = grid(Run(epochs=3), hidden=[10, (20, 5)], seed=range(2))
    assert [(run.hidden, run.seed) for run in runs] == [((10,), 0), ((10,), 1), ((20, 5), 0), ((20, 5), 1)]
    assert {run.epochs for run in runs} == {3}
    assert grid(Run()) == [Run()]
    assert with_seeds(grid(Run(), hidden=[10, 20]), [4, 5]) == grid(Run(), hidden=[10, 20], seed=[4, 5])


def test_a_random_search_is_the_same_for_a_seed_and_grows_at_its_end():
    some = {"learning_rate": distributions.log_uniform(1e-3, 1), "hidden": distributions.log_integers(8, 512)}
    runs = random_search(Run(), 20, 0, **some, activation=["relu", "tanh"])
    assert runs[:5] == random_search(Run(), 5, 0, **some, activation=["relu", "tanh"])
    assert runs != random_search(Run(), 20, 1, **some, activation=["relu", "tanh"])
    without = random_search(Run(), 20, 0, **some)
    assert [run.learning_rate for run in without] == [run.learning_rate for run in runs]
    assert len({run.key for run in runs}) == 20
    same = distributions.uniform(0, 0.9)
    twins = random_search(Run(), 20, 0, dropout=same, input_dropout=same)
    assert all(run.dropout != run.input_dropout for run in twins)


@pytest.mark.parametrize("kind", ["uniform", "log_uniform", "integers", "log_integers"])
def test_distributions_stay_between_their_ends_and_reach_them(kind):
    drawn = np.array(distributions.draw("hidden", getattr(distributions, kind)(2, 9), 2000, 0))
    assert drawn.min() >= 2 and drawn.max() <= 9
    # Half of a logarithmic distribution lies below the geometric mean, half of a plain one below the arithmetic mean.
    middle = np.sqrt(18) if kind.startswith("log") else 5.5
    assert np.mean(drawn < middle) == pytest.approx(0.5, abs=0.05)
    if kind.endswith("integers"):
        assert set(drawn) == set(range(2, 10))
    else:
        assert all(float(f"{value:.3g}") == value for value in drawn)


@pytest.mark.parametrize(
    ("make", "error", "word"),
    [
        (lambda: grid(Run(), hiden=[1]), ValueError, "did you mean hidden"),
        (lambda: grid(Run(), dropout=0.5), TypeError, "dropout needs a list"),
        (lambda: grid(Run(), dropout=[]), ValueError, "at least one"),
        (lambda: grid(Run(), dropout=[0.1, 2]), ValueError, "dropout must be"),
        (lambda: grid(Run, dropout=[0.1]), TypeError, "base must be a configuration"),
        (lambda: random_search(Run(), 0, 0, dropout=[0.1]), ValueError, "n must be"),
        (lambda: random_search(Run(), 1, -1, dropout=[0.1]), ValueError, "seed must be"),
        (lambda: random_search(Run(), 1, 0, dropout=0.1), TypeError, "needs a distribution"),
        (lambda: random_search(Run(), 1, 0, dropout=[]), ValueError, "a choice needs"),
        (lambda: distributions.uniform(1, 1), ValueError, "below the upper end"),
        (lambda: distributions.log_uniform(0, 1), ValueError, "positive"),
        (lambda: distributions.integers(1, 2.5), TypeError, "integers"),
        (lambda: distributions.uniform(0, float("inf")), TypeError, "numbers"),
    ],
)
def test_what_cannot_be_is_refused(make, error, word):
    with pytest.raises(error, match=word):
        make()


# Each run once


def test_results_come_in_order_and_nothing_runs_twice(tmp_path, log):
    runs = jobs(log, 3)
    frame = sweep([*runs[::-1], runs[2]], tmp_path / "runs", task=work, workers=1)
    assert list(frame["number"]) == [2, 1, 0] and list(frame["square"]) == [4, 1, 0]
    assert list(frame.columns[:2]) == ["key", "number"] and list(frame["key"]) == ["job2", "job1", "job0"]
    assert set(started(log).values()) == {1}
    more = sweep(jobs(log, 5), tmp_path / "runs", task=work, workers=1)
    assert set(started(log).values()) == {1} and len(more) == 5
    # From a file or fresh, a frame is the same, to the last digit and the type of each column.
    pd.testing.assert_frame_equal(more[:3], frame[::-1].reset_index(drop=True))
    assert more["third"].tolist() == [number / 3 for number in range(5)]
    assert list(more["text"]) == list("01234") and more["none"].isna().all()
    assert sweep([], tmp_path / "none").empty and not (tmp_path / "none").exists()


def test_rows_say_where_they_come_from(tmp_path, log):
    frame = sweep(jobs(log, 1), tmp_path / "runs", task=work, workers=1)
    assert (frame["numpy"] == np.__version__).all() and frame["commit"].str.len().ge(7).all()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b"square", b"SQUARE"),
        lambda data: data.replace(b'"task": "sweep_tasks.work"', b'"task": "play"'),
        lambda data: b"[1, 2]",
        lambda data: os.urandom(50),
    ],
)
def test_a_damaged_file_is_noticed_and_done_again(tmp_path, log, capsys, spoil):
    before = sweep(jobs(log, 2), tmp_path, task=work, workers=1)
    path = tmp_path / "job1.json"
    path.write_bytes(spoil(path.read_bytes()))
    after = sweep(jobs(log, 2), tmp_path, task=work, workers=1)
    pd.testing.assert_frame_equal(before, after)
    assert started(log) == {"job0": 1, "job1": 2}
    err = capsys.readouterr().err
    assert "job1.json is" in err and "done again" in err and len(err.splitlines()) == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_that_raises_does_not_cost_the_others(tmp_path, log, capsys, workers):
    runs = [Job(number, str(log), fails=number in (1, 3)) for number in range(5)]
    with pytest.raises(SweepFailed, match=r"2 of 5 runs failed") as caught:
        sweep(runs, tmp_path, task=work, workers=workers, progress=True)
    assert "5 of 5 runs, 2 failed" in capsys.readouterr().err
    assert "job1: ArithmeticError: job 1 cannot be done" in str(caught.value)
    assert "job3: " in str(caught.value) and list(caught.value.failed) == ["job1", "job3"]
    assert "in work" in caught.value.failed["job1"]  # a whole traceback
    assert sorted(path.name for path in tmp_path.glob("*.json")) == ["job0.json", "job2.json", "job4.json"]


def test_a_killed_process_ends_the_sweep_with_a_word(tmp_path, log):
    with pytest.raises(SweepError, match="was killed"):
        sweep(jobs(log, 3), tmp_path, task=sweep_tasks.exits, workers=2)


def test_what_no_frame_can_hold_is_an_error_of_the_run(tmp_path, log):
    with pytest.raises(SweepFailed, match=r"must return a pandas.DataFrame, not int"):
        sweep(jobs(log, 1), tmp_path, task=int_task, workers=1)
    with pytest.raises(SweepFailed, match="not JSON serializable"):
        sweep(jobs(log, 1), tmp_path, task=array_task, workers=1)


def int_task(job):
    return 3


def array_task(job):
    return pd.DataFrame({"x": [np.zeros(2)]})


def test_encoding_keeps_values_and_types():
    frame = pd.DataFrame(
        {
            "float": [0.1 + 0.2, float("nan"), float("inf")],
            "small": np.array([1 / 3, 2, 3], np.float32),
            "integer": [2**62, -1, 0],
            "truth": [True, False, True],
            "text": ["1", "é\n\"'", ""],
            "empty": pd.Series([None, None, None], dtype=object),
        }
    )
    pd.testing.assert_frame_equal(decode(encode(frame)), frame, check_exact=True)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"backend": "threads"}, "'joblib' or 'dask'"),
        ({"backend": "dask"}, "address of a scheduler"),
        ({"backend": "dask", "scheduler": "tcp://127.0.0.1:1", "workers": 2}, "leave out workers"),
        ({"scheduler": "tcp://127.0.0.1:1"}, "belongs to backend='dask'"),
        ({"workers": 0}, "workers must be a positive integer"),
    ],
)
def test_wrong_options_are_refused_before_anything_runs(tmp_path, log, options, word):
    with pytest.raises(ValueError, match=word):
        sweep(jobs(log, 1), tmp_path, task=work, **options)
    assert not log.exists()


@pytest.mark.parametrize("key", ["", "a/b", "..", ".hidden", 3])
def test_a_key_must_name_a_file(tmp_path, key):
    class Bad:
        pass

    Bad.key = key
    with pytest.raises(ValueError, match="can name a file"):
        sweep([Bad()], tmp_path, task=work)


def test_the_line_counts_and_guesses_and_silent_without_a_terminal(tmp_path, log, capsys):
    sweep(jobs(log, 2), tmp_path / "silent", task=work, workers=1)
    assert capsys.readouterr().err == ""
    sweep(jobs(log, 2), tmp_path / "shown", task=work, workers=1, progress=True)
    assert "0 of 2 runs" in capsys.readouterr().err
    line = _line(total=24, done=20, show=True)  # 20 were there before: they say nothing about the time
    line._time = lambda: line.start_t + 100
    line.set_postfix_str("1 failed", refresh=False)
    line.update()
    assert str(line) == "21 of 24 runs, 1 failed, 05:00 left, 01:40 so far"
    line.close()


def test_processes_share_the_cores(tmp_path, log):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from sweep_tasks import *\n"
        "frame = sweep(jobs(sys.argv[2], 4, 0.1), sys.argv[3], task=threads, workers=2)\n"
        "print(frame['threads'].max(), sweep(jobs(sys.argv[2], 1), sys.argv[4], task=threads)['threads'].max())"
    )
    arguments = [str(TASKS.parent), str(log), str(tmp_path / "two"), str(tmp_path / "one")]
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    shown = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment | {"LOKY_MAX_CPU_COUNT": "2"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert shown == ["1", str(min(2, joblib.cpu_count()))]


# Killed in the middle


@contextlib.contextmanager
def cluster_of(folder, workers, before=""):
    """A Dask scheduler and workers, each in a process of its own: the address, and the workers.

    ``before`` is code that a worker runs before it begins.
    """
    where = folder / "scheduler.json"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TASKS.parent), str(ROOT)])}

    def start(module, *arguments, before=""):
        code = f"{before}\nfrom {module} import main\nmain()"
        command = [sys.executable, "-c", code, *arguments, "--scheduler-file", str(where), "--no-dashboard"]
        output = open(folder / f"{module}.log", "a")  # noqa: SIM115
        return subprocess.Popen(command, env=environment, cwd=folder, stdout=output, stderr=output)

    processes = [start("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0")]
    options = ("--no-nanny", "--nthreads", "1", "--host", "127.0.0.1")
    processes += [start("distributed.cli.dask_worker", *options, before=before) for _ in range(workers)]
    try:
        wait_for("the scheduler", lambda: where.exists() and where.read_text().endswith("}"))
        yield json.loads(where.read_text())["address"], processes[1:]
    finally:
        for process in reversed(processes):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with cluster_of(tmp_path_factory.mktemp("cluster"), 2) as made:
        yield made


def test_a_cluster_gives_every_result_once_though_a_worker_is_killed(tmp_path, log, cluster):
    address, workers = cluster
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=PATIENCE)
    command = [sys.executable, str(TASKS), str(tmp_path / "runs"), str(log), "12", "0.3", "dask", address]
    sweeping = subprocess.Popen(command)
    killed, other = (worker.pid for worker in workers)
    wait_for("both workers at work", lambda: {str(killed), str(other)} <= set(log_words(log)), sweeping)
    os.kill(killed, signal.SIGKILL)
    assert sweeping.wait(PATIENCE) == 0
    frame = sweep(jobs(log, 12, 0.3), tmp_path / "runs", task=work, workers=1)  # from the files alone
    assert list(frame["square"]) == [number**2 for number in range(12)]
    assert other in set(frame["process"]) <= {killed, other}
    # What the dead worker had not handed over was begun again by the other, and nothing else was.
    assert max(Counter(log.read_text().splitlines()).values()) == 1
    kept = set(frame["key"][frame["process"] == killed])
    lost = {
        key for key, pid in zip(log_words(log)[::2], log_words(log)[1::2], strict=True) if pid == str(killed)
    } - kept
    assert {key for key, times in started(log).items() if times == 2} == lost


def test_a_search_on_a_cluster_keeps_its_trials_and_its_study(tmp_path, cluster):
    address, _ = cluster
    small = Run(hidden=(4,), train_size=300, validation=100, epochs=4)
    plan = Search(small, {"learning_rate": {"log_uniform": [0.001, 1]}}, 5, pruner="successive_halving")
    frame = search(plan, tmp_path, backend="dask", scheduler=address)
    assert sorted(frame["trial"].unique()) == [0, 1, 2, 3, 4] == [trial.number for trial in open_study(tmp_path).trials]
    assert len(list(tmp_path.glob("*.json"))) == 5


def test_a_cluster_without_workers_is_given_up_and_what_is_done_is_kept(tmp_path, log, capsys, monkeypatch):
    monkeypatch.setattr("mnistlab.sweeps.runner.WAIT_FOR_WORKERS", 2)
    folder = tmp_path / "runs"
    with cluster_of(tmp_path, 1) as (address, (worker,)):

        def kill():
            wait_for("two results", lambda: len(list(folder.glob("*.json"))) >= 2)
            worker.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.raises(SweepError, match="has had no workers for 2 seconds"):
            sweep(jobs(log, 9, 0.5), folder, task=work, backend="dask", scheduler=address)
        killer.join()
    told = capsys.readouterr().err
    assert f"workers at {address}: " in told
    assert f"{address} has no workers: waiting 2 s" in told
    assert 2 <= len(list(folder.glob("*.json"))) < 9


def test_workers_that_cannot_import_the_library_end_the_sweep(tmp_path, log, monkeypatch):
    monkeypatch.setattr("mnistlab.sweeps.runner.WAIT_FOR_WORKERS", 5)
    before = "import sys; sys.modules['mnistlab'] = None"
    with cluster_of(tmp_path, 1, before) as (address, _), pytest.raises(SweepError, match="where mnistlab is inst"):
        sweep(jobs(log, 2), tmp_path / "runs", task=work, backend="dask", scheduler=address)


def test_a_scheduler_that_is_gone_ends_the_sweep(tmp_path, log):
    with cluster_of(tmp_path, 0) as (address, _):
        stopper = threading.Timer(3, lambda: stop_scheduler(address))
        stopper.start()
        with pytest.raises((OSError, SweepError)):
            sweep(jobs(log, 2), tmp_path / "runs", task=work, backend="dask", scheduler=address)
        stopper.join()


def stop_scheduler(address):
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        client.shutdown()


def test_a_wrong_scheduler_and_a_missing_package_are_said_in_one_line(tmp_path):
    path = yaml_file(tmp_path, "base: {epochs: 1}\n")
    code = "from mnistlab.__main__ import main; main()"
    for before, address, word in (
        ("", "tcp://127.0.0.1:1", "no scheduler answers at tcp://127.0.0.1:1"),
        ("", "nowhere", "a scheduler has an address like"),
        ("import sys; sys.modules['distributed'] = None\n", "tcp://127.0.0.1:1", "pip install 'mnistlab[cluster]'"),
    ):
        command = [sys.executable, "-c", before + code, "sweep", str(path), "--backend", "dask", "--scheduler", address]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=PATIENCE)
        assert done.returncode == 1 and word in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr


def play(kind, job):
    return work(job)


def test_a_folder_belongs_to_one_task_whatever_its_name(tmp_path, log):
    def fresh(task):
        sweep(jobs(log, 1), tmp_path / "runs", task=task, workers=1)
        return started(log)["job0"]

    assert [fresh(work), fresh(work)] == [1, 1]
    other = types.FunctionType(work.__code__, work.__globals__, "work")
    other.__module__, other.__qualname__ = "another_study", "work"
    assert fresh(other) == 2
    assert [fresh(partial(play, 1)), fresh(partial(play, 1)), fresh(partial(play, 2))] == [3, 3, 4]


@pytest.mark.parametrize("backend", ["joblib", "dask"])
def test_a_sweep_that_is_killed_goes_on_where_it_stopped(tmp_path, log, request, backend):
    where = request.getfixturevalue("cluster")[0] if backend == "dask" else "2"
    folder = tmp_path / "runs"
    command = [sys.executable, str(TASKS), str(folder), str(log), "9", "0.25", backend, where]
    sweeping = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    wait_for("three results", lambda: len(list(folder.glob("*.json"))) >= 3, sweeping)
    sweeping.kill()
    sweeping.wait()
    done = {path.stem for path in folder.glob("*.json")}
    if backend == "joblib":  # its processes end with it, and leave undone what they had been sent
        processes = set(log_words(log)[1::2])
        wait_for("the processes of the sweep to end", lambda: not any(map(is_running, processes)))
    options = {"scheduler": where} if backend == "dask" else {"workers": 1}
    frame = sweep(jobs(log, 9, 0.25), folder, task=work, backend=backend, **options)
    assert list(frame["number"]) == list(range(9))
    assert {started(log)[key] for key in done} == {1}
    assert not list(folder.glob(".*"))


def is_running(pid):
    """Whether there is such a process; one that has ended and was not asked for its status yet is not running."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


# The file, and the command


def yaml_file(folder, text):
    path = folder / "sweep.yaml"
    path.write_text(text)
    return path


def test_the_file_says_what_runs(tmp_path):
    text = (
        "base: {hidden: [20, 10], epochs: 3}\ngrid: {learning_rate: [1e-3, 1E+0, .5], bias: [yes, no]}\nseeds: [0, 7]"
    )
    runs = read_sweep_file(yaml_file(tmp_path, text))
    base = Run(hidden=(20, 10), epochs=3)
    assert runs == grid(base, learning_rate=[0.001, 1.0, 0.5], bias=[True, False], seed=[0, 7])
    text = "random: {samples: 4, seed: 3, learning_rate: {log_uniform: [1e-3, 1]}, activation: [relu, tanh]}"
    expected = {"learning_rate": distributions.log_uniform(1e-3, 1), "activation": ["relu", "tanh"]}
    assert read_sweep_file(yaml_file(tmp_path, text)) == random_search(Run(), 4, 3, **expected)
    assert read_sweep_file(yaml_file(tmp_path, "")) == [Run()]


def test_the_example_file_is_as_its_comment_says(tmp_path):
    path = ROOT / "examples" / "sweep.yaml"
    assert len(read_sweep_file(path)) == 27
    assert "mnistlab sweep examples/sweep.yaml" in (ROOT / "README.md").read_text()
    base, *blocks = re.split(r"\n\n", path.read_text())[:4]
    wanted = [
        read_sweep_file(yaml_file(tmp_path, base + re.sub("(?m)^# ?", "", "\n" + block[block.index("# " + name) :])))
        for name, block in zip(("random:", "search:"), blocks[1:], strict=True)
    ]
    assert len(wanted[0]) == 20 and (wanted[1].trials, wanted[1].pruner) == (40, "successive_halving")


MISTAKES = {
    "base: {hiden: 3}": "base: hiden is no field of a run: did you mean hidden?",
    "base: {zzz: 3}": "base: zzz is no field of a run: there are hidden,",
    "bas: {hidden: 3}": "bas is no key of a sweep: did you mean base?",
    "base: {learning_rate: fast}": "base: learning_rate must be a number, not 'fast'",
    "base: {epochs: 2.5}": "base: epochs must be an integer, not 2.5",
    "base: {bias: 1}": "base: bias must be true or false, not 1",
    "base: {augmentation: wild}": "base: augmentation must be mild, elastic or affine, not 'wild'",
    "base: [hidden]": "base: names and values are needed",
    "base: {epochs: 1, epochs: 2}": "line 1: epochs stands here twice",
    "base: {? [1] : 2}": "line 1: a key must be a name",
    "base: [": "line 1: expected",
    "base: !!python/object:os.system {}": "could not determine a constructor",
    "- 1": "names and values are needed",
    "grid: {dropout: [0, 1]}": "grid: dropout must be at least 0 and less than 1, not 1",
    "grid: {dropout: 0.5}": "grid: dropout needs a list of values, not 0.5",
    "grid: {seed: [1]}\nseeds: [1]": "seeds: the grid has a list for seed already",
    "grid: {dropout: [0]}\nrandom: {samples: 1}": "a sweep has a grid or random, not both",
    "random: {dropout: [0]}": "random: samples is missing",
    "random: {samples: many}": "random: samples: samples must be a positive integer",
    "random: {samples: 1, dropout: {unifrm: [0, 1]}}": "random: dropout: unifrm is no distribution: did you mean",
    "random: {samples: 1, dropout: {uniform: 1}}": "random: dropout: uniform needs its two ends",
    "random: {samples: 1, dropout: {uniform: [1, 0]}}": "random: dropout: the lower end 1",
    "random: {samples: 1, dropout: 0.5}": "random: dropout: a list or a distribution",
    "seeds: 3": "seeds: a list of integers is needed, not 3",
    "seeds: [one]": "seeds: seed must be an integer, not 'one'",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_in_the_file_is_answered_in_one_line_that_names_it(tmp_path, text):
    path = yaml_file(tmp_path, text)
    done = CliRunner().invoke(app, ["sweep", str(path)])
    assert done.exit_code == 1
    assert done.stderr.startswith(f"mnistlab: {path}") and MISTAKES[text] in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_file_that_is_missing_or_no_text_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent.yaml: there is no such file"):
        read_sweep_file(tmp_path / "absent.yaml")
    path = tmp_path / "picture.yaml"
    path.write_bytes(b"\xff\xfe\x00\x89PNG")
    with pytest.raises(SweepFileError, match=r"picture.yaml"):
        read_sweep_file(path)


def test_the_command_trains_ranks_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    base = "base: {hidden: 8, epochs: 2, train_size: 300, validation: 59000}\n"
    path = yaml_file(tmp_path, base + "grid: {learning_rate: [0.1, 1e-6]}\nseeds: [0, 1]\n")
    done = CliRunner().invoke(app, ["sweep", str(path), "--workers", "1"])
    assert done.exit_code == 0, done.stderr
    frame = pd.read_csv("sweep.csv")
    assert len(frame) == 2 * 2 * 2 and frame["final_validation_accuracy"].notna().sum() == 4
    first, second = done.stdout.splitlines()[3:5]
    assert first.split()[0] == "0.100000" and second.split()[0] == "0.000001"
    best = frame.query("learning_rate == 0.1")["final_validation_accuracy"].dropna()
    assert f"{best.mean():.2%} ± {100 * best.std():.2f}" in first
    files = {file: file.stat().st_mtime_ns for file in Path("sweep.runs").iterdir()}
    assert len(files) == 4
    again = CliRunner().invoke(app, ["sweep", str(path), "--workers", "1", "-o", "again.csv"])
    assert again.exit_code == 0 and Path("again.csv").read_bytes() == Path("sweep.csv").read_bytes()
    assert {file: file.stat().st_mtime_ns for file in Path("sweep.runs").iterdir()} == files


def test_the_command_without_the_extra_says_what_to_install():
    code = (
        "import sys\n"
        "sys.modules['pandas'] = None\n"
        "sys.argv = ['mnistlab', 'sweep', 'absent.yaml']\n"
        "from mnistlab.__main__ import main\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "mnistlab: sweeps need pandas: pip install 'mnistlab[sweeps]'\n"


def test_the_best_come_first_and_the_diverged_last():
    def rows(rate, seed, accuracy, diverged=False):
        run = Run(learning_rate=rate, seed=seed)
        return run.columns() | {"seconds": 1.0, "final_validation_accuracy": accuracy, "diverged": diverged}

    nan = float("nan")
    frame = pd.DataFrame(
        [
            rows(0.1, 0, 0.5),
            rows(0.1, 1, 0.7),
            rows(0.2, 0, 0.8),
            rows(0.2, 1, 0.8),
            rows(0.3, 0, 0.9),
            rows(0.3, 1, nan, True),
            rows(0.4, 0, nan, True),
            rows(0.4, 1, nan, True),
        ]
    )
    table = ranking(frame)
    assert list(table["learning_rate"]) == [0.2, 0.1, 0.3, 0.4]
    assert table["sd"][1] == pytest.approx(0.2 / np.sqrt(2)) and list(table["diverged"]) == [0, 0, 1, 2]
    assert list(table.columns) == ["learning_rate", "mean", "sd", "runs", "diverged"]
    text = ranking_text(frame, rows=3).splitlines()
    assert "best 3 of 4" in text[0] and "80.00% ± 0.00" in text[2] and len(text) == 5
    assert "no images were held out" in ranking_text(frame[:2].assign(final_validation_accuracy=nan))
