"""The check of links that lead out of the report tells those that lead nowhere from the others."""

import http.server
import json
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import links  # noqa: E402


@pytest.fixture
def server():
    """Return the address of a server that has one page, ``/there``."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/there" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture
def report(tmp_path):
    """Return the root of a report of one page, and a function that writes the page."""
    (tmp_path / "_config.yml").write_text("only_build_toc_files: true\n", encoding="utf-8")
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: index\n", encoding="utf-8")
    return tmp_path, lambda text: (tmp_path / "index.md").write_text(f"# Front page\n\n{text}\n", encoding="utf-8")


def test_a_link_that_leads_nowhere_is_found(report, server):
    root, write = report
    doi = "https://doi.org/10.1000/182"
    write(f"[one]({server}/there), [two]({server}/gone), [three]({doi})")
    status = {link["uri"]: link["status"] for link in links.followed(root)}
    assert status == {f"{server}/there": "working", f"{server}/gone": "broken", doi: "ignored"}


def test_a_report_that_cannot_be_built_is_not_a_report_without_broken_links(report):
    root, write = report
    write("text")
    (root / "_toc.yml").write_text("format: jb-book\nroot: elsewhere\n", encoding="utf-8")
    with pytest.raises(links.LinksError, match="elsewhere"):
        links.followed(root)


@pytest.mark.parametrize("status, code", [("working", 0), ("ignored", 0), ("broken", 1), ("timeout", 1)])
def test_the_exit_status_says_whether_a_link_leads_nowhere(monkeypatch, capsys, status, code):
    link = {"filename": "index.md", "lineno": 3, "status": status, "uri": "http://localhost/x", "info": "404"}
    monkeypatch.setattr(links, "followed", lambda _: [json.loads(json.dumps(link))])
    assert links.main() == code
    assert ("index.md:3" in capsys.readouterr().out) == bool(code)


def test_the_check_runs_no_notebook():
    config = links.configuration(ROOT)
    assert config["execute"]["execute_notebooks"] == "off"
    for name, path in config["sphinx"]["local_extensions"].items():
        assert Path(path).is_absolute()
        assert (Path(path) / f"{name}.py").is_file() or (Path(path) / name / "__init__.py").is_file()
