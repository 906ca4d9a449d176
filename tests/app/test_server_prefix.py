"""The application under a prefix: mounted in another one, or behind a proxy that takes the prefix away or leaves it."""

from __future__ import annotations

import contextlib
import http.client
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hostile import saved
from PIL import Image
from test_server_process import Server
from typer.testing import CliRunner

from mnistlab.app.server import create_app
from mnistlab.cli import app

PREFIX = "/digits"


@contextlib.contextmanager
def serving(application, **options):
    """Serve in a thread; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(application, ws="none", log_level="error", **options))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.02)
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(timeout=30)


@contextlib.contextmanager
def proxy(port):
    """Show at a port of its own, below the prefix, what a server shows at its root; yield that port."""

    class Handler(BaseHTTPRequestHandler):
        def forward(self):
            if not self.path.startswith(f"{PREFIX}/"):
                self.send_error(404)
                return
            inner = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            inner.request(self.command, self.path.removeprefix(PREFIX), body, dict(self.headers))
            answer = inner.getresponse()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "date"):
                    self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                while piece := answer.read1(4096):
                    self.wfile.write(piece)
            inner.close()

        do_GET = do_POST = forward

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


def mounted():
    site = FastAPI()
    site.mount(PREFIX, create_app())
    return site


@contextlib.contextmanager
def by_command(folder):
    server = Server(folder, [sys.executable, "-m", "mnistlab", "serve", "--port", "0", "--root-path", PREFIX])
    try:
        yield server.port
    finally:
        server.stop()
        assert server.files() == []


@pytest.fixture(scope="module", params=["mount", "root path", "command behind a proxy", "proxy that says nothing"])
def address(request, tmp_path_factory):
    """Where the application's upload page is."""
    with contextlib.ExitStack() as stack:
        match request.param:
            case "mount":
                port = stack.enter_context(serving(mounted()))
            case "root path":  # which the path of a request has already
                port = stack.enter_context(serving(create_app(), root_path=PREFIX))
            case "command behind a proxy":
                port = stack.enter_context(proxy(stack.enter_context(by_command(tmp_path_factory.mktemp("server")))))
            case _:
                port = stack.enter_context(proxy(stack.enter_context(serving(create_app()))))
        yield f"http://127.0.0.1:{port}{PREFIX}/"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "draw/gradio_api/upload"),
        ("POST", "draw/gradio_api/run/read"),
        ("POST", "draw/gradio_api/component_server"),
        ("GET", "draw/gradio_api/file=/etc/hostname"),
        ("GET", "draw/monitoring"),
        ("DELETE", "draw/"),
    ],
)
def test_gradios_own_doors_are_closed(address, method, path):
    files = {"files": ("x.png", b"x")} if method == "POST" else None
    answer = httpx.request(method, address + path, files=files, timeout=60)
    assert answer.status_code in (404, 501) and "x.png" not in answer.text  # 501: the proxy's own


def test_pictures_are_read(address):
    picture = Image.new("L", (60, 60), 255)
    picture.paste(0, (27, 8, 33, 52))
    answer = httpx.post(f"{address}predict", files={"file": ("one.png", saved(picture))}, timeout=60)
    assert answer.status_code == 200 and answer.json()["digit"] == 1
    assert httpx.get(f"{address}draw", timeout=60, follow_redirects=True).url.path == f"{PREFIX}/draw/"


@pytest.fixture
def opened(browser, address):
    """Return a function that opens a page; nothing may come from elsewhere, and nothing may be missing."""
    wrong = []
    context = browser.new_context()

    def open_page(path):
        page = context.new_page()
        page.on("request", lambda r: r.url.startswith((address, "data:", "blob:")) or wrong.append(r.url))
        page.on("response", lambda r: r.status < 400 or wrong.append((r.status, r.url)))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: "Security Policy" in message.text and wrong.append(message.text))
        page.goto(address + path, timeout=90_000)
        return page

    yield open_page
    context.close()
    assert wrong == []


def test_the_sketchpad_reads_what_is_drawn(request, address, opened):
    if "says nothing" in request.node.name:
        pytest.skip("Gradio's page asks for addresses that its server must know: --root-path is for that")
    page = opened("draw/")
    page.wait_for_selector("#pad canvas", timeout=90_000)
    box = page.locator("#pad canvas").bounding_box()
    x, top, bottom = box["x"] + box["width"] / 2, box["y"] + 0.15 * box["height"], box["y"] + 0.85 * box["height"]
    page.mouse.move(x, top)
    page.mouse.down()
    page.mouse.move(x, bottom, steps=8)
    page.mouse.up()
    page.wait_for_function("document.querySelector('#probabilities h2')?.innerText.trim()", timeout=60_000)
    assert page.inner_text("#probabilities h2").strip() == "1"


def test_the_interface_can_be_tried_with_nothing_from_outside(opened):
    page = opened("docs")
    page.wait_for_selector(".opblock", timeout=60_000)
    assert page.locator(".opblock").count() == 3
    page.locator("#operations-default-health .opblock-summary-control").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    page.locator(".live-responses-table .response-col_status", has_text="200").wait_for(timeout=30_000)


@pytest.mark.parametrize("make", [create_app, mounted])
def test_an_application_can_end_and_start_again(make):
    prefix = PREFIX if make is mounted else ""
    application = make()
    picture = Image.new("L", (60, 60), 255)
    picture.paste(0, (27, 8, 33, 52))
    for session in ("first", "second"):
        with TestClient(application) as client:
            answer = client.post(f"{prefix}/predict", files={"file": ("one.png", saved(picture))})
            assert answer.status_code == 200 and answer.json()["digit"] == 1
            data = {"data": ["data:image/png;base64,"], "fn_index": 0, "session_hash": session}
            assert client.post(f"{prefix}/draw/gradio_api/queue/join", json=data).status_code == 200
            told = client.get(f"{prefix}/draw/gradio_api/queue/data", params={"session_hash": session})
            assert "process_completed" in told.text


def test_what_is_no_root_path_is_refused():
    done = CliRunner().invoke(app, ["serve", "--root-path", "http://x/digits"])
    assert done.exit_code == 1 and "like /digits" in done.stderr and len(done.stderr.splitlines()) == 1
