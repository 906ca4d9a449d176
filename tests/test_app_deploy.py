"""The folder for other people's machines says what is true; that the Space serves is tested with the server."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
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


def test_what_the_space_installs_is_this_package_and_no_address():
    lines = (DEPLOY / "space" / "requirements.txt").read_text(encoding="utf-8").split()
    (requirement,) = map(Requirement, lines)
    assert requirement.name == PROJECT["name"] and requirement.extras == {"app"} and requirement.url is None
    assert requirement.specifier.contains(PROJECT["version"])
    assert "app" in PROJECT["optional-dependencies"]


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
