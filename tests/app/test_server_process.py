"""The server as a process of its own: schemathesis, hostile files, load, the browser, and the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
from hostile import NAMES, hostile_files, saved
from PIL import Image

import mnistlab as ml
from mnistlab.cli import app

ROOT = Path(__file__).resolve().parents[2]


class Server:
    """A server process with folders of its own, which should stay empty."""

    def __init__(self, folder: Path, command: list[str], **environment: str):
        self.folders = [folder / name for name in ("work", "temporary", "home")]
        for path in self.folders:
            path.mkdir()
        work, temporary, home = map(str, self.folders)
        variables = {**os.environ, "TMPDIR": temporary, "HOME": home, "PYTHONPATH": str(ROOT), **environment}
        # Gradio imports matplotlib, which keeps a list of fonts; that is no upload.
        variables |= {"OPENBLAS_NUM_THREADS": "1", "XDG_CACHE_HOME": home, "MPLCONFIGDIR": str(folder / "fonts")}
        self.process = subprocess.Popen(
            command, cwd=work, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        assert line.startswith("serving at http"), self.process.communicate()
        self.port = int(line.split("/ (")[0].rpartition(":")[2])
        self.address = f"http://127.0.0.1:{self.port}/"

    def files(self) -> list[str]:
        return [path.name for folder in self.folders for path in folder.rglob("*") if path.is_file()]

    def stop(self, number: int = signal.SIGTERM) -> str:
        """Return what it wrote on standard error."""
        self.process.send_signal(number)
        return self.process.communicate(timeout=30)[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    command = [sys.executable, "-m", "mnistlab", "serve", "--port", "0"]
    server = Server(tmp_path_factory.mktemp("server"), command)
    yield server
    if server.process.poll() is None:
        server.stop()


@pytest.fixture(scope="module")
def eight():
    mnist = ml.load_mnist()
    image = mnist.x_test[int(np.flatnonzero(mnist.y_test == 8)[3])]
    return saved(Image.fromarray(255 - np.kron(image, np.ones((6, 6), np.uint8))))


def test_schemathesis_finds_nothing(server, tmp_path):
    program = Path(sys.executable).with_name("schemathesis")
    options = "--checks all --exclude-checks positive_data_acceptance"  # random bytes are no picture
    options += " --max-examples 10 --phases examples,coverage,fuzzing --seed 1 --max-time 20"
    options += " --generation-database none --no-color"
    command = [program, "run", f"{server.address}openapi.json", *options.split()]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_hostile_files_do_no_harm_and_leave_nothing(server, eight):
    process = psutil.Process(server.process.pid)
    with httpx.Client(base_url=server.address, timeout=60) as client:
        assert client.post("/predict", files={"file": eight}).json()["digit"] == 8
        before, peak = process.memory_info().rss, 0
        some = [pair for place, pair in enumerate(hostile_files(1)) if place % 12 == 0 or place > 2138]
        for place, (kind, data) in enumerate(some):
            name = NAMES[place % len(NAMES)].replace("\x00", "%00")
            answer = client.post("/predict", files={"file": (name, data)})
            assert answer.status_code in (200, 415, 422), kind
            peak = max(peak, process.memory_info().rss)
        assert len(some) > 180
        large = client.post("/predict", files={"file": bytes(30_000_000)})
        assert large.status_code == large.json()["status"] == 413
        for path in ("draw/gradio_api/upload", "draw/gradio_api/component_server", "draw/gradio_api/run/read"):
            assert client.post(path, files={"files": eight}).status_code == 404
        for body in (b"", b"{", b"[]", b'{"data": 5}', b'{"fn_index": 99, "session_hash": "a", "data": []}'):
            headers = {"content-type": "application/json"}
            answer = client.post("draw/gradio_api/queue/join", content=body, headers=headers)
            assert answer.status_code < 500, answer.text
        assert client.post("/predict", files={"file": eight}).json()["digit"] == 8
    assert peak - before < 500 * 2**20
    assert server.files() == []


def test_a_wrong_http_request_does_no_harm(server):
    import socket

    for data in (
        b"\0" * 100,
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nabc",
    ):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            assert b" 50" not in connection.recv(100)[:12]
    assert httpx.get(f"{server.address}health", timeout=30).status_code == 200


# A browser.


@pytest.fixture
def opened(browser, server):
    """Return a function that opens a page as wide as a phone; nothing may come from outside, nothing may go wrong."""
    outside, errors = [], []
    context = browser.new_context(viewport={"width": 390, "height": 800}, color_scheme="dark")

    def open_page(path=""):
        page = context.new_page()
        page.on("request", lambda r: r.url.startswith((server.address, "data:", "blob:")) or outside.append(r.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(server.address + path, timeout=90_000)
        return page

    yield open_page
    context.close()
    assert outside == [] and errors == []


def test_a_file_is_sent_with_the_keyboard_alone_and_its_answer_read(opened, eight):
    page = opened()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.set_input_files("input[type=file]", {"name": "x.png", "mimeType": "image/png", "buffer": eight})
    page.focus("input[type=file]")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "BUTTON"
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="It looks like an 8").wait_for()
    assert page.evaluate("document.activeElement.id") == "outcome"
    assert page.get_by_role("row").count() == 10
    assert page.get_by_role("img").evaluate("image => image.naturalWidth") == 28
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 26)"


def test_a_file_can_be_dropped(opened, eight):
    page = opened()
    page.evaluate(
        """bytes => {
            const dataTransfer = new DataTransfer(), zone = document.querySelector("label.drop");
            dataTransfer.items.add(new File([new Uint8Array(bytes)], "x.png", { type: "image/png" }));
            zone.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true }));
        }""",
        list(eight),
    )
    page.get_by_role("heading", name="It looks like an 8").wait_for()


def strokes(image):
    """Return lines that a pen two pixels wide draws over the ink of an MNIST image, in 0…1: one a run of pixels."""
    lines = []
    for row, pixels in enumerate(image > 127):
        edges = np.flatnonzero(np.diff(np.pad(pixels.astype(int), 1)))
        for start, end in edges.reshape(-1, 2).tolist():
            middle, half = (start + end - 1) / 2, max(0, (end - start) / 2 - 1)
            lines.append(((middle - half, row), (middle + half, row)))
    return (np.array(lines) + 0.5) / 28


def test_each_digit_drawn_on_the_sketchpad_is_read(opened, server):
    mnist = ml.load_mnist()
    page = opened("draw/")
    page.wait_for_selector("#pad canvas", timeout=90_000)
    for digit in range(10):
        image = mnist.x_test[int(np.flatnonzero(mnist.y_test == digit)[3])]
        # As a hand's strokes would come: pointer events on the canvas.
        page.evaluate(
            """lines => {
                const canvas = document.querySelector("#pad canvas"), box = canvas.getBoundingClientRect();
                canvas.setPointerCapture = () => {};
                const at = (type, [x, y]) => canvas.dispatchEvent(new PointerEvent(type, { pointerId: 1,
                    clientX: box.left + box.width * x, clientY: box.top + box.height * y, bubbles: true }));
                for (const [from, to] of lines) { at("pointerdown", from); at("pointermove", to); }
                at("pointerup", lines.at(-1)[1]);
            }""",
            strokes(image).tolist(),
        )
        page.wait_for_function("document.querySelector('#probabilities h2')?.innerText.trim()")
        assert page.inner_text("#probabilities h2").strip() == str(digit)
        page.get_by_role("button", name="Clear").click()
        page.wait_for_function("!document.querySelector('#probabilities h2')")
    assert server.files() == []


# Its end, and what keeps it from beginning. The server of this file ends here.


def test_it_stops_when_it_is_told_to(server):
    if server.process.poll() is None:
        complaints = server.stop()
        assert server.process.returncode in (0, -signal.SIGTERM)
        assert "Traceback" not in complaints, complaints
        assert "own" not in complaints, complaints


def test_a_load_run_measures_and_finds_no_errors():
    command = [sys.executable, str(ROOT / "benchmarks" / "server.py"), "--requests", "40", "--clients", "4", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    result = json.loads(done.stdout)
    assert done.returncode == 0 and result["errors"] == 0 and result["requests"] == 40
    assert 0 < result["p50_ms"] <= result["p99_ms"] and result["requests_per_second"] > 0


def test_mistakes_are_answered_in_one_line(server, tmp_path):
    import socket

    from typer.testing import CliRunner

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments, word in (
            (["--port", port], "choose another with --port"),
            (["--host", "203.0.113.1"], "--host"),
            (["--model", str(tmp_path / "absent")], "there is no file"),
        ):
            done = CliRunner().invoke(app, ["serve", *arguments])
            assert done.exit_code == 1 and word in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr


def test_without_fastapi_the_command_says_what_to_install(tmp_path):
    code = "import sys; sys.modules['fastapi'] = None; from mnistlab.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "serve"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 1 and "pip install 'mnistlab[app]'" in done.stderr and "Traceback" not in done.stderr
