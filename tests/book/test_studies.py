"""The report's stored results, and the studies that compute them."""

import os
import subprocess
import sys
import types
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from mnistbook import results, studies
from mnistlab.sweeps.provenance import COLUMNS
from mnistlab.sweeps.results import LARGEST

ROOT = Path(__file__).resolve().parents[2]


# Where it is found


def test_what_is_not_there_is_said_with_the_places():
    with pytest.raises(FileNotFoundError, match=r"results.absent\.csv: 'make experiments'"):
        results.read("absent")


def test_stored_files_are_small_and_have_provenance():
    for path in Path(str(results.FOLDER)).glob("*.csv"):
        assert path.stat().st_size <= LARGEST, path.name
        if not path.stem.endswith("_curves"):
            assert set(COLUMNS) <= set(results.read(path.stem).columns), path.name


def test_a_wheel_alone_brings_the_results(tmp_path):
    if find_spec("setuptools") is None or find_spec("pip") is None:
        pytest.skip("needs setuptools and pip in this environment, to build without a network")
    source = tmp_path / "source"
    code = [file for package in ("mnistlab", "mnistbook") for file in ROOT.joinpath(package).rglob("*.py")]
    for file in (*code, *map(ROOT.joinpath, ("pyproject.toml", "README.md"))):
        copy = source / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    (source / "LICENSE").write_bytes((ROOT / "LICENSE").read_bytes())
    (source / "mnistbook" / "results" / "tiny.csv").write_text("key,commit,value\na,0012,1.5\n")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
    wheel = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(tmp_path), str(source)]
    subprocess.run([*pip, *wheel], check=True)
    (path,) = tmp_path.glob("*.whl")
    assert "mnistbook/results/tiny.csv" in zipfile.ZipFile(path).namelist()
    code = (
        "import mnistlab, sys\n"
        "from mnistbook import results\n"
        "from mnistlab.sweeps.provenance import provenance\n"
        "assert mnistlab.__file__.startswith(sys.argv[1]), mnistlab.__file__\n"
        "(row,) = results.read('tiny').to_dict('records')\n"
        "print(row['key'], row['commit'], row['value'], provenance()['commit'])"
    )
    empty = tmp_path / "empty"
    empty.mkdir()
    for scheme in ("--prefix", "--target"):
        target = tmp_path / scheme.strip("-")
        install = ["install", "--no-deps", "--no-index", "--ignore-installed", "--no-compile", scheme, str(target)]
        subprocess.run([*pip, *install, str(path)], check=True, stderr=subprocess.DEVNULL)
        site = target if scheme == "--target" else next(target.glob("l*/**/site-packages"))
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        environment |= {"PYTHONPATH": str(site)}
        shown = subprocess.run(
            [sys.executable, "-c", code, str(target)],
            cwd=empty,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        assert shown.stdout.split() == ["a", "0012", "1.5", "unknown"], scheme


# Studies


@pytest.fixture
def two_studies(monkeypatch, tmp_path):
    """Studies named good and bad in place of the real ones; what good was called with."""
    calls = []

    def fail(folder, workers=None):
        raise ArithmeticError("nothing works")

    good = types.SimpleNamespace(
        NAME="good", DESCRIPTION="works", run=lambda folder, workers: calls.append((folder, workers))
    )
    bad = types.SimpleNamespace(NAME="bad", DESCRIPTION="fails", run=fail)
    monkeypatch.setattr(studies, "find_studies", lambda: {"bad": bad, "good": good})
    return calls


def test_all_studies_run_though_one_fails(two_studies):
    failed = studies.run_studies([], workers=3)
    assert list(failed) == ["bad"] and str(failed["bad"]) == "nothing works"
    assert two_studies == [(ROOT / "_build" / "experiments" / "good", 3)]
    assert studies.run_studies(["good"]) == {} and len(two_studies) == 2
    with pytest.raises(ValueError, match="no study best: choose among bad, good"):
        studies.run_studies(["good", "best"])
    assert len(two_studies) == 2


def test_every_study_is_whole():
    for name, study in studies.find_studies().items():
        assert name.isidentifier() and len(study.DESCRIPTION.splitlines()) == 1 and callable(study.run)
    done = subprocess.run(["git", "check-ignore", studies.runs_folder("x")], cwd=ROOT, capture_output=True)
    assert done.returncode in (0, 128)  # 128: this checkout is no repository


def test_the_command_lists_runs_and_fails(two_studies, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["studies", "--list"])
    assert studies.main() == 0 and capsys.readouterr().out.split() == ["bad", "fails", "good", "works"]
    monkeypatch.setattr(sys, "argv", ["studies", "good", "--workers", "2"])
    assert studies.main() == 0 and two_studies[-1][1] == 2
    assert "commit" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["studies"])
    assert studies.main() == 1 and "nothing works" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["studies", "none"])
    with pytest.raises(SystemExit):
        studies.main()
    assert "choose among bad, good" in capsys.readouterr().err
