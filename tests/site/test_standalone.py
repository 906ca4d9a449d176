"""Notebooks run with nothing but the package: all that they read travels in the wheel, and a tool tries it."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import standalone  # noqa: E402
import standalone_runner  # noqa: E402

import notebooks  # noqa: E402

NAME = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]
HERE = "--no-build-isolation"  # with the tools of this environment: nothing is fetched


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """Return a copy of what is in the repository."""
    folder = tmp_path_factory.mktemp("copy")
    try:
        standalone.copy_repository(folder)
    except standalone.StandaloneError:
        pytest.skip("this is no git repository")
    return folder


@pytest.fixture(scope="module")
def wheel(copy, tmp_path_factory):
    return standalone.build_wheel(tmp_path_factory.mktemp("wheel"), HERE)


def held(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def test_the_wheel_holds_every_file_of_both_packages_stored_results_included(copy, wheel):
    folders = [copy / NAME, copy / "mnistbook"]
    packages = {path.relative_to(copy).as_posix() for top in folders for path in top.rglob("*") if path.is_file()}
    assert {path.rpartition(".")[2] for path in packages} > {"csv", "css", "js", "py", "safetensors"}
    assert held(wheel) == packages


def test_a_wheel_made_from_the_source_distribution_holds_the_same(copy, wheel, tmp_path):
    """What is released is built that way."""
    code = "import setuptools.build_meta as build, sys; print(build.build_sdist(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, tmp_path], cwd=copy, check=True, capture_output=True)
    (source,) = tmp_path.glob("*.tar.gz")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", HERE, "--wheel-dir", tmp_path / "wheel", source]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    (again,) = (tmp_path / "wheel").glob("*.whl")
    assert held(again) == held(wheel)


def test_the_copy_holds_nothing_that_git_ignores(copy):
    assert not any((copy / name).exists() for name in (".git", ".venv", "_build", "build"))
    assert not list(copy.rglob("__pycache__"))


# What is installed.


HERE_PYTHON = Path(sys.executable)


def write(path, *sources):
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources]), path)
    return path


def request(module, extra):
    return f'if not find_spec("{module}"):\n    %pip install --quiet "{NAME}[{extra}] @ git+https://example.org/a/b"\n'


def test_the_extras_are_those_that_the_notebooks_ask_for(tmp_path):
    one = write(tmp_path / "1.ipynb", notebooks.install_cell())
    two = write(tmp_path / "2.ipynb", notebooks.install_cell() + "\n" + request("no_such_module", "interop"))
    assert standalone.extras([one], HERE_PYTHON) == {"notebooks"}
    assert standalone.extras([one, two], HERE_PYTHON) == {"notebooks", "interop"}


def test_what_is_there_already_is_not_asked_for(tmp_path):
    """Colab has a Keras for its accelerator, beside which another one must not be installed."""
    path = write(tmp_path / "1.ipynb", notebooks.install_cell() + "\n" + request("nbformat", "interop"))
    assert standalone.extras([path], HERE_PYTHON) == {"notebooks"}


def test_every_notebook_asks_for_extras_that_there_are(monkeypatch):
    monkeypatch.setattr(standalone, "missing", lambda modules, _: modules)
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert standalone.extras(paths, HERE_PYTHON) <= set(standalone.project()["optional-dependencies"])
    assert all("notebooks" in standalone.extras([path], HERE_PYTHON) for path in paths)


def test_the_packages_that_cells_install_are_those_of_the_application():
    """What the library's server needs and a reader's notebook may lack; FastAPI Offline and Pillow bring the others."""
    app = standalone.project()["optional-dependencies"]["app"]
    needed = {standalone.canonical(re.split("[>=]", each)[0]) for each in app} - {"fastapi", "starlette", "pillow"}
    assert standalone.installed_by_cells(sorted((ROOT / "notebooks").glob("*.ipynb"))) == needed


def test_only_packages_by_name_are_what_cells_install(tmp_path):
    path = write(tmp_path / "1.ipynb", request("nbformat", "interop"), "if x:\n    %pip install --quiet One two_2", "1")
    assert standalone.installed_by_cells([path]) == {"one", "two-2"}


def test_a_version_that_changed_is_named():
    changed = standalone.changes({"numpy": "2.1.3", "scipy": "1.16"}, {"numpy": "2.2", "scipy": "1.16", "new": "1"})
    with pytest.raises(standalone.StandaloneError, match=r"a cell changes what was there:\nnumpy: 2\.1\.3, then 2\.2$"):
        standalone.refuse(changed, "a cell changes")
    standalone.refuse([], "nothing changes")


def test_a_notebook_that_asks_for_nothing_is_an_error(tmp_path):
    path = write(tmp_path / "x.ipynb", "1")
    with pytest.raises(standalone.StandaloneError, match=r"x\.ipynb asks for no extra: 'make notebooks'"):
        standalone.extras([path], HERE_PYTHON)


def test_a_python_that_is_not_there_is_an_error():
    with pytest.raises(standalone.StandaloneError, match=r"no program python9\.99"):
        standalone.find("python9.99")


def test_the_oldest_versions_need_uv(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(standalone.StandaloneError, match="needs uv"):
        standalone.install(tmp_path / "x.whl", {"notebooks"}, HERE_PYTHON, oldest=True)


def test_what_an_installer_says_is_shown():
    command = [sys.executable, "-c", "print('no room'); raise SystemExit(1)"]
    with pytest.raises(standalone.StandaloneError, match=r"it failed:\nno room"):
        standalone.call(command, "it failed")
    with pytest.raises(standalone.StandaloneError, match=r"it failed: .*nowhere"):
        standalone.call(["/nowhere/at/all"], "it failed")


# What is run.


def test_the_package_of_the_checkout_is_refused(capsys):
    assert standalone_runner.main([]) == 1
    assert f"{NAME} comes from the checkout" in capsys.readouterr().out


def test_a_package_that_is_not_installed_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(standalone_runner, "PACKAGE", "a_package_that_nobody_has")
    assert standalone_runner.main([]) == 1
    assert "is not installed for" in capsys.readouterr().out


def test_each_notebook_runs_in_an_empty_folder_and_failures_are_told(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(standalone_runner, "PACKAGE", "nbformat")  # any that is installed
    empty = "import os\nassert os.listdir() == []\nopen('litter', 'w').close()"
    sources = {"1": empty, "2": "open('data.csv')", "3": empty}
    names = [str(write(tmp_path / f"{name}.ipynb", source)) for name, source in sources.items()]
    assert standalone_runner.main(names) == 1
    said = capsys.readouterr().out
    assert "2 of 3 notebooks ran" in said
    assert "== 2.ipynb" in said and "No such file or directory: 'data.csv'" in said
    assert "== 1.ipynb" not in said
    assert standalone_runner.main(names[:1]) == 0
