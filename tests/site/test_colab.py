"""What a reader in Colab meets: versions that stay, a record of glued values without MyST-NB, nothing on stderr."""

import subprocess
import sys
from pathlib import Path

import myst_nb.ext.glue as theirs
import nbformat
import pytest
from IPython.testing.globalipapp import get_ipython

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import standalone  # noqa: E402
import standalone_runner  # noqa: E402

from mnistbook.kit import glue as kit  # noqa: E402

LIST = ROOT / "tools" / "colab-2026-08.txt"


@pytest.mark.parametrize("display", [True, False])
@pytest.mark.parametrize("value", [41.5, "text", [1, 2]])
def test_glue_writes_the_record_that_myst_nb_writes(monkeypatch, value, display):
    get_ipython()
    written = []
    monkeypatch.setattr(kit, "show", lambda data, **more: written.append((data, more)))
    kit.glue("answer", value, display=display)
    monkeypatch.setattr(theirs, "ipy_display", lambda data, **more: written.append((data, more)))
    theirs.glue("answer", value, display=display)
    assert written[0] == written[1]


def test_glue_needs_no_myst_nb():
    code = "import sys; sys.modules['myst_nb'] = None; from mnistbook.kit.glue import glue; glue('a', 1, display=False)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_list_of_versions_is_read_as_pip_writes_it(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("# from somewhere\nNumPy==2.1.3\nmdit_py.plugins==0.6.1\ntorch @ file:///wheel\n", encoding="utf-8")
    assert standalone.versions_in(path) == {"numpy": "2.1.3", "mdit-py-plugins": "0.6.1"}
    path.write_text("numpy\n", encoding="utf-8")
    with pytest.raises(standalone.StandaloneError, match="lists no versions"):
        standalone.versions_in(path)
    with pytest.raises(standalone.StandaloneError, match="cannot be read"):
        standalone.versions_in(tmp_path / "none.txt")


def test_the_list_in_the_repository_has_the_versions_that_decide():
    versions = standalone.versions_in(LIST)
    assert versions["numpy"] == "2.1.3" and versions["tensorflow"] == "2.20.0" and versions["ipython"] == "7.34.0"


@pytest.fixture
def world(monkeypatch):
    """Return the packages of a Python, which commands of pip change; what the first cell changes is asked for."""
    there, first_cell = {"pip": "1"}, {}

    def pip(python, command, *arguments):
        if command == "install":
            there.update({"numpy": "2.1.3", "dask": "1", "joblib": "1.4", "mnistlab": "0.1", "nbclient": "0.10"})
        else:
            for name in arguments:
                there.pop(name, None)

    def install(wheel, names, python):
        missing.append(set(there))
        there.update(first_cell)

    missing = []
    monkeypatch.setattr(standalone, "pip", pip)
    monkeypatch.setattr(standalone, "install", install)
    monkeypatch.setattr(standalone, "installed", lambda python: dict(there))
    monkeypatch.setattr(standalone, "extras", lambda paths, python: {"notebooks"})
    return first_cell, missing


FROZEN = {"numpy": "2.1.3", "dask": "1", "pandas": "2.2.3", "pip": "0"}


def beside():
    standalone.install_beside(FROZEN, LIST, Path("x.whl"), [], Path("python"))


def test_the_first_cell_finds_what_the_list_has_and_no_more(world):
    first_cell, missing = world
    first_cell.update({"joblib": "1.5", "mnistlab": "0.1"})
    beside()
    assert missing == [{"numpy", "dask", "nbclient", "pip"}]


@pytest.mark.parametrize(
    ("changed", "said"), [({"dask": "2"}, "dask: 1, then 2"), ({"pandas": "3"}, "pandas: 2.2.3, then 3")]
)
def test_a_first_cell_that_changes_a_version_is_refused(world, changed, said):
    world[0].update(changed)
    with pytest.raises(standalone.StandaloneError, match=said):
        beside()


def test_a_notebook_that_writes_to_stderr_fails(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(standalone_runner, "PACKAGE", "nbformat")  # any that is installed
    cell = nbformat.v4.new_code_cell("import sys; print('a line at start-up', file=sys.stderr)")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "x.ipynb")
    assert standalone_runner.main([str(tmp_path / "x.ipynb")]) == 1
    assert "it wrote to stderr:\na line at start-up" in capsys.readouterr().out


def test_nothing_that_a_first_cell_installs_brings_myst_nb_or_distributed():
    extras = standalone.project()["optional-dependencies"]
    asked = " ".join(extras["notebooks"] + extras["sweeps"] + extras["symbolic"])
    assert "myst" not in asked and "distributed" not in asked
