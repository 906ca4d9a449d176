"""The folder for other people's machines says what is true, and the Space serves with what it asks for alone."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distribution, version
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest
import yaml
from closure import closure
from packaging.requirements import Requirement
from test_server_process import Server, eight  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_space_is_complete():
    _, front, text = (DEPLOY / "space" / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    matter = yaml.safe_load(front)
    assert set(matter) >= {"title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "app_file", "license"}
    assert (DEPLOY / "space" / matter["app_file"]).is_file()
    assert matter["sdk"] == "gradio" and matter["sdk_version"] == version("gradio")
    assert len(matter["short_description"]) <= 60
    assert "238,510" in text


def asked_for():
    lines = (DEPLOY / "space" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    (requirement,) = map(Requirement, lines)
    return requirement


def test_the_space_installs_this_package_from_its_repository():
    requirement = asked_for()
    assert requirement.name == PROJECT["name"] and requirement.extras == {"app"}
    assert requirement.url == f"git+{PROJECT['urls']['Repository']}"  # whoever took the name elsewhere is not meant


@pytest.fixture(scope="module")
def clean_python(tmp_path_factory):
    """Python of a new environment that holds what the Space asks for and nothing else, made without a network.

    This package comes from a wheel in the place of the repository, so that a file that was not packed is missed; what
    it needs is linked from the environment of this test.
    """
    if find_spec("setuptools") is None or find_spec("pip") is None:
        pytest.skip("needs setuptools and pip in this environment, to build without a network")
    folder = tmp_path_factory.mktemp("space")
    source, environment, wheels = (folder / name for name in ("source", "environment", "wheels"))
    shutil.copytree(ROOT / "mnistlab", source / "mnistlab", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "wheel", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--no-build-isolation", "--wheel-dir", wheels, source], check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (site,) = environment.glob("lib/*/site-packages")
    (wheel,) = wheels.iterdir()
    zipfile.ZipFile(wheel).extractall(site)
    for name in closure(PROJECT["name"], asked_for().extras) - {PROJECT["name"]}:
        for file in distribution(name).files:
            entry = site / file.parts[0]
            if file.parts[0] not in ("..", "__pycache__") and not entry.exists():
                entry.symlink_to(Path(distribution(name).locate_file(file.parts[0])))
    return environment / "bin" / "python"


def test_the_space_serves_in_a_clean_environment(clean_python, tmp_path, eight):  # noqa: F811
    app = tmp_path / "app.py"
    shutil.copy(DEPLOY / "space" / "app.py", app)
    code = "import mnistlab; from importlib.util import find_spec as f; print(mnistlab.__file__, f('scipy'), f('pip'))"
    told = subprocess.run([clean_python, "-I", "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert Path(told[0]).is_relative_to(clean_python.parent.parent) and told[1:] == ["None", "None"]
    space = Server(tmp_path, [str(clean_python), str(app)], PORT="0", PYTHONPATH="")
    try:
        assert httpx.post(f"{space.address}predict", files={"file": eight}, timeout=60).json()["digit"] == 8
        assert httpx.get(f"{space.address}draw/", timeout=60).status_code == 200
        assert space.files() == []
    finally:
        space.stop(signal.SIGINT)


@pytest.fixture(scope="module")
def instructions():
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    return [line.split(None, 1) for line in text.splitlines() if line and not line.startswith("#")]


def test_the_container_runs_as_somebody_with_few_rights(instructions):
    names = [name for name, _ in instructions]
    users = [argument for name, argument in instructions if name == "USER"]
    assert users == ["mnistlab"] and names.index("USER") > max(i for i, name in enumerate(names) if name == "RUN")
    assert any("useradd" in argument and "mnistlab" in argument for name, argument in instructions if name == "RUN")
    assert "ADD" not in names and names[-1] == "CMD"
    assert not any("sudo" in argument or "://" in argument for name, argument in instructions if name == "RUN")


def test_the_container_is_made_from_a_named_version_and_files_that_exist(instructions):
    (base,) = [argument for name, argument in instructions if name == "FROM"]
    python = re.fullmatch(r"python:(3\.\d+)-slim", base)[1]
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(f"{python}.0")
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").split()
    for name, argument in instructions:
        if name == "COPY":
            for source in argument.split()[:-1]:
                assert (ROOT / source).exists() and f"!{source}" in ignored


def test_what_the_server_reads_is_in_the_package():
    data = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]
    folder = ROOT / "mnistlab" / "app"
    packed = {path for pattern in data["mnistlab.app"] for path in folder.glob(pattern)}
    assert {folder / "digits.safetensors", *(folder / "assets").iterdir()} <= packed
