"""Built from a fork, the report's buttons lead to the fork, with nothing edited."""

import os
import re
import subprocess
import sys
import tomllib
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import repository  # noqa: E402

CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
UPSTREAM = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]
FORK = "https://github.com/somebody/their-fork"
WORKFLOW = {"GITHUB_REPOSITORY": "somebody/their-fork"}
# What would make git look elsewhere than in the folder where it is started.
OF_GIT = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"}


def git(folder, *arguments):
    variables = {key: value for key, value in os.environ.items() if key not in OF_GIT}
    subprocess.run(["git", *arguments], cwd=folder, env=variables, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Return the root of a repository without a remote, and a function that gives it one."""
    for name in OF_GIT:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    git(tmp_path, "init", "--quiet")

    def fetched_from(address):
        git(tmp_path, "remote", "add", "origin", address)
        return tmp_path

    return tmp_path, fetched_from


def test_the_address_of_upstream_is_that_of_pyproject():
    assert repository.upstream(ROOT) == UPSTREAM


@pytest.mark.parametrize(
    "remote",
    [
        "https://github.com/somebody/their-fork",
        "https://github.com/somebody/their-fork.git",
        "https://github.com/somebody/their-fork.git/",
        "https://somebody:a-secret@github.com/somebody/their-fork.git",
        "git@github.com:somebody/their-fork.git",
        "ssh://git@github.com/somebody/their-fork.git",
        "git://github.com/somebody/their-fork",
    ],
)
def test_a_remote_on_github_is_the_address_whatever_way_it_is_written(checkout, remote):
    _, fetched_from = checkout
    assert repository.address({}, fetched_from(remote)) == FORK


@pytest.mark.parametrize(
    "remote",
    [
        "/srv/git/mnistlab",
        "../elsewhere",
        "https://example.org/somebody/their-fork",
        "https://github.com.example.org/a/b",
    ],
)
def test_a_remote_elsewhere_is_not(checkout, remote):
    _, fetched_from = checkout
    assert repository.address({}, fetched_from(remote)) == UPSTREAM


def test_without_a_remote_the_address_is_that_of_upstream(checkout):
    root, _ = checkout
    assert repository.address({}, root) == UPSTREAM
    assert repository.address({"GITHUB_REPOSITORY": ""}, root) == UPSTREAM


def test_the_repository_around_a_copy_without_history_is_not_asked(checkout):
    _, fetched_from = checkout
    inside = fetched_from(FORK) / "copy"
    inside.mkdir()
    (inside / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    assert repository.address({}, inside) == UPSTREAM


def test_without_git_the_address_is_that_of_upstream(checkout, monkeypatch):
    _, fetched_from = checkout
    root = fetched_from(FORK)
    monkeypatch.setenv("PATH", "")
    assert repository.address({}, root) == UPSTREAM


def test_a_workflow_knows_best(checkout):
    _, fetched_from = checkout
    root = fetched_from("https://github.com/another/remote")
    assert repository.address(WORKFLOW, root) == FORK
    server = {"GITHUB_SERVER_URL": "https://git.example.org"}
    assert repository.address(WORKFLOW | server, root) == "https://git.example.org/somebody/their-fork"


@pytest.mark.parametrize("name", ["their-fork", "a/b/c", "https://github.com/a/b", "a b/c", 'a/"><script>'])
def test_a_malformed_name_is_refused(checkout, name):
    root, _ = checkout
    with pytest.raises(ValueError, match=r"should be OWNER/NAME"):
        repository.address({"GITHUB_REPOSITORY": name}, root)


@pytest.mark.parametrize(
    ("address", "pages"),
    [
        (FORK, "https://somebody.github.io/their-fork"),
        ("https://github.com/Somebody/Somebody.github.io", "https://somebody.github.io"),
    ],
)
def test_a_repository_has_its_pages_where_github_puts_them(address, pages):
    assert repository.pages(address) == pages


# The pages.


def a_book(root):
    """Write a report of two pages that is built as the whole one is: same configuration, same extension."""
    for name in ("book", "notebooks", "tools"):
        (root / name).mkdir()
    for name in ("common.py", "repository.py", "sphinx_report.py"):
        (root / "tools" / name).write_bytes((ROOT / "tools" / name).read_bytes())
    config = {key: CONFIG[key] for key in ("only_build_toc_files", "repository", "launch_buttons", "html")}
    extensions = {"sphinx_report": CONFIG["sphinx"]["local_extensions"]["sphinx_report"]}
    config |= {"execute": {"execute_notebooks": "off"}, "sphinx": {"local_extensions": extensions}}
    (root / "_config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    contents = {"format": "jb-book", "root": "book/index", "chapters": [{"file": "notebooks/01_one"}]}
    (root / "_toc.yml").write_text(yaml.safe_dump(contents), encoding="utf-8")
    (root / "book" / "index.md").write_text("# Front page\n", encoding="utf-8")
    cells = [nbformat.v4.new_markdown_cell("# One"), nbformat.v4.new_code_cell("1 + 1")]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), root / "notebooks" / "01_one.ipynb")


def built(root, variables):
    """Build the report in a folder and return, for each page, where its links lead to."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GITHUB_", "GIT_"))}
    program = Path(sys.executable).with_name("jupyter-book")
    done = subprocess.run(
        [program, "build", ".", "-n", "-W"], cwd=root, env=kept | variables, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    pages = {name: root / "_build" / "html" / f"{name}.html" for name in ("book/index", "notebooks/01_one")}
    return {
        name: [unescape(link) for link in re.findall(r'href="(https?://[^"]+)"', page.read_text(encoding="utf-8"))]
        for name, page in pages.items()
    }


@pytest.mark.parametrize(
    ("remote", "variables", "address"),
    [
        (None, {}, UPSTREAM),
        ("git@github.com:somebody/their-fork.git", {}, FORK),
        (UPSTREAM, WORKFLOW, FORK),
    ],
    ids=["upstream", "remote", "workflow"],
)
def test_the_buttons_of_a_built_page_lead_to(checkout, remote, variables, address):
    root, fetched_from = checkout
    if remote:
        fetched_from(remote)
    a_book(root)
    links = built(root, variables)
    name, branch = urlsplit(address).path.strip("/"), CONFIG["repository"]["branch"]
    file, resolved = "notebooks/01_one.ipynb", f"{repository.NOTEBOOKS_BRANCH}/01_one.ipynb"
    assert f"{CONFIG['launch_buttons']['colab_url']}/github/{name}/blob/{resolved}" in links["notebooks/01_one"]
    binder = f"{CONFIG['launch_buttons']['binderhub_url']}/v2/gh/{name}/{resolved.replace('/', '?urlpath=lab/tree/')}"
    assert binder in links["notebooks/01_one"]
    for page, source in (("book/index", "book/index.md"), ("notebooks/01_one", file)):
        assert address in links[page]
        assert f"{address}/edit/{branch}/{source}" in links[page]
        assert any(link.startswith(f"{address}/issues/new?") for link in links[page])
        if address != UPSTREAM:
            assert [link for link in links[page] if UPSTREAM in link] == []
    assert [link for link in links["book/index"] if "colab" in link or "binder" in link] == []


def test_a_malformed_name_stops_the_build_and_says_why(checkout):
    root, _ = checkout
    a_book(root)
    with pytest.raises(RuntimeError, match=r"should be OWNER/NAME"):
        built(root, {"GITHUB_REPOSITORY": "their-fork"})
