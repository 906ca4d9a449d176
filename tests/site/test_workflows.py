"""The workflows are what GitHub understands, call what exists, and may do no more than they need."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import install  # noqa: E402

GITHUB = ROOT / ".github"
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in sorted(GITHUB.glob("workflows/*.yml"))}
JOBS = {(name, key): job for name, workflow in WORKFLOWS.items() for key, job in workflow["jobs"].items()}
STEPS = [(f"{name}/{key}", step) for (name, key), job in JOBS.items() for step in job.get("steps", ())]
SCRIPTS = [(job, step["run"]) for job, step in STEPS if "run" in step]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def triggers(name):
    """Return what starts a workflow; YAML reads its key ``on`` as a truth value."""
    return WORKFLOWS[name].get("on", WORKFLOWS[name].get(True))


def complaints(schema, *paths):
    """Return what the schema that comes with check-jsonschema has to say about files; nothing is fetched."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    done = subprocess.run([*command, *map(str, paths)], capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


# The schemas.


def test_workflows_are_valid():
    assert len(WORKFLOWS) >= 6
    assert complaints("github-workflows", *GITHUB.glob("workflows/*.yml")) == ""


def test_dependabot_is_configured_validly():
    assert complaints("dependabot", GITHUB / "dependabot.yml") == ""


def test_dependabot_watches_the_packages_and_the_actions():
    updates = yaml.safe_load((GITHUB / "dependabot.yml").read_text("utf-8"))["updates"]
    assert {update["package-ecosystem"] for update in updates} == {"pip", "github-actions"}


# What they do.


def test_each_push_and_pull_request_is_tested_on_every_python():
    assert {"push", "pull_request", "workflow_call"} <= set(triggers("tests"))
    assert triggers("tests")["push"] == {"branches": ["**"]} and triggers("tests")["pull_request"] is None
    job = JOBS["tests", "test"]
    oldest, newest = (version[1] for version in (install.OLDEST, install.NEWEST))
    tried = [f"3.{minor}" for minor in range(oldest, newest + 1)]
    assert job["strategy"]["matrix"]["python"] == tried
    allowed = SpecifierSet(PROJECT["requires-python"])
    assert all(f"{version}.0" in allowed for version in tried) and f"3.{oldest - 1}.0" not in allowed
    assert any(step.get("run", "").startswith("make test ") for step in job["steps"])


def test_once_a_week_everything_is_done_from_nothing_and_with_other_versions():
    assert "schedule" in triggers("weekly")
    assert not any("cache" in str(step) for job, step in STEPS if job.startswith("weekly/"))
    versions = [entry["versions"] for entry in JOBS["weekly", "from-nothing"]["strategy"]["matrix"]["include"]]
    assert versions == ["tested", "newest"]
    targets = [re.match(r"make ([\w-]+)", script)[1] for job, script in SCRIPTS if job == "weekly/from-nothing"]
    assert targets == ["install", "test", "report", "check-report"]
    assert any("VERSIONS=oldest" in script for job, script in SCRIPTS if job == "weekly/oldest")


@pytest.mark.parametrize("name", ["weekly", "colab", "links"])
def test_what_runs_by_the_clock_can_be_started_by_hand(name):
    assert {"schedule", "workflow_dispatch"} <= set(triggers(name))


def test_the_notebooks_run_in_the_image_of_colab():
    job = JOBS["colab", "notebooks"]
    assert job["container"] == "${{ vars.COLAB_IMAGE }}"
    assert any("tools/standalone.py --into" in script for name, script in SCRIPTS if name == "colab/notebooks")


def test_pages_are_published_only_when_built_and_checked():
    assert triggers("publish")["push"] == {"branches": ["main"]}
    scripts = "\n".join(script for job, script in SCRIPTS if job == "publish/build")
    assert scripts.index("make report") < scripts.index("make check-report") < scripts.index("notebooks.zip")
    assert "report.pdf" in scripts
    assert JOBS["publish", "deploy"]["needs"] == "build"


def test_a_release_comes_after_the_tests_and_needs_no_password():
    assert triggers("release") == {"push": {"tags": ["v*"]}}
    assert JOBS["release", "test"]["uses"] == "./.github/workflows/tests.yml"
    job = JOBS["release", "publish"]
    assert set(job["needs"]) == {"test", "build"}
    assert job["permissions"] == {"id-token": "write"} and job["environment"] == "release"
    assert "with" not in job["steps"][-1] and job["steps"][-1]["uses"].startswith("pypa/gh-action-pypi-publish@")


@pytest.mark.parametrize(("tag", "code"), [(f"v{PROJECT['version']}", 0), ("v0.0.0", 1), (PROJECT["version"], 1)])
def test_a_tag_that_is_not_the_version_releases_nothing(tag, code):
    (script,) = [script for job, script in SCRIPTS if job == "release/build" and "TAG" in script]
    script = script.replace("python -", f"{sys.executable} -")
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=ROOT, env={"TAG": tag}, capture_output=True)
    assert done.returncode == code


# What they call exists.


@pytest.mark.parametrize(("job", "script"), SCRIPTS, ids=lambda value: value[:40])
def test_commands_exist(job, script):
    for target in re.findall(r"\bmake ([\w-]+)", script):
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), f"{job}: there is no 'make {target}'"
    for file in re.findall(r"\b(?:tools|tests)/[\w/.]+\.py", script):
        assert (ROOT / file).is_file(), f"{job}: there is no {file}"


def test_tests_that_are_left_out_exist():
    """A test that has another name now would run where its claim cannot hold."""
    text = (GITHUB / "workflows" / "weekly.yml").read_text("utf-8")
    left_out = set(re.findall(r"--deselect (\S+)::(\w+)", text))
    assert left_out
    for file, test in left_out:
        assert f"\ndef {test}(" in (ROOT / file).read_text("utf-8")


# What they may do.


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_may_read_and_its_runs_do_not_pile_up(name):
    assert WORKFLOWS[name]["permissions"] == {"contents": "read"}
    assert WORKFLOWS[name]["concurrency"]["group"].split("-")[0] == name


@pytest.mark.parametrize("job", JOBS, ids="/".join)
def test_a_job_ends_in_time_and_may_write_only_where_it_publishes(job):
    if "uses" not in JOBS[job]:
        assert 1 <= JOBS[job]["timeout-minutes"] <= 180
    may_write = {("publish", "deploy"): {"pages", "id-token"}, ("release", "publish"): {"id-token"}}
    rights = JOBS[job].get("permissions", {})
    assert {right for right, kind in rights.items() if kind == "write"} == may_write.get(job, set())


@pytest.mark.parametrize(("job", "step"), STEPS, ids=lambda value: value if isinstance(value, str) else "")
def test_actions_have_a_version_and_checkouts_keep_no_token(job, step):
    if "uses" in step:
        assert re.fullmatch(r"[\w-]+/[\w-]+@(v\d+(\.\d+){0,2}|[0-9a-f]{40})", step["uses"])
    if step.get("uses", "").startswith("actions/checkout@"):
        assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize(("job", "script"), SCRIPTS, ids=lambda value: value[:40])
def test_scripts_hold_nothing_that_a_stranger_can_write(job, script):
    """What GitHub puts into a script before a shell reads it can hold commands, as the name of a branch can."""
    assert all(name.startswith("matrix.") for name in re.findall(r"\$\{\{ *([\w.-]+)", script))
    assert "secrets" not in str(WORKFLOWS)


def test_the_guide_lists_every_workflow():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    assert set(re.findall(r"^\| `([\w-]+)\.yml` \|", text, re.MULTILINE)) == set(WORKFLOWS)
