"""The server's answers, asked in this process: what it reads, what it refuses, and what it never does."""

from __future__ import annotations

import base64
import gc
import io
import os
import re
import sys
from collections import Counter

import numpy as np
import psutil
import pytest
from fastapi.testclient import TestClient
from hostile import NAMES, hostile_files, png, saved
from PIL import Image

import mnistlab as ml
from mnistlab.app.interface import create_interface
from mnistlab.app.limits import Limits
from mnistlab.app.sketchpad import Fence, decode_drawing
from mnistlab.app.weights import DIGITS, load_digits
from mnistlab.interop.files import read_metadata

SMALL = Limits(file_bytes=100_000, request_bytes=300_000, files=3, pixels=10_000)


@pytest.fixture(scope="module")
def client():
    with TestClient(create_interface(load_digits(), Limits()), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def small():
    with TestClient(create_interface(load_digits(), SMALL), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def digits():
    """Pictures of test digits that the network reads rightly, dark on light."""
    mnist = ml.load_mnist()
    places = [int(np.flatnonzero(mnist.y_test == digit)[1]) for digit in range(10)]
    return [saved(Image.fromarray(255 - np.kron(mnist.x_test[place], np.ones((3, 3), np.uint8)))) for place in places]


def is_problem(answer, status, word=""):
    content = answer.json()
    assert answer.status_code == content["status"] == status, content
    assert set(content) == {"status", "message"}
    assert re.fullmatch(r"[A-Z/].*[.]( /openapi.json .*\.)?", content["message"], re.DOTALL), content
    assert word in content["message"]
    return True


# The network that ships.


def test_the_network_that_ships_is_as_good_as_its_file_says():
    mnist, facts = ml.load_mnist(), read_metadata(DIGITS)
    accuracy = ml.evaluate(load_digits(), ml.to_vectors(mnist.x_test), mnist.y_test).accuracy
    assert DIGITS.stat().st_size <= 1_000_000
    assert float(facts["test_accuracy"]) == pytest.approx(accuracy, abs=2e-4)
    assert accuracy >= 0.985
    assert {"seed", "epochs", "optimizer", "augmentation", "made_by"} <= set(facts)


def test_another_network_must_read_digits(tmp_path):
    path = tmp_path / "network.safetensors"
    with pytest.raises(FileNotFoundError):
        load_digits(path)
    ml.save_network(ml.Network([ml.Dense(784, 3)]), path)
    with pytest.raises(ValueError, match="784 to 10"):
        load_digits(path)
    ml.save_network(ml.Network([ml.Dense(784, 10), ml.ReLU()]), path)
    with pytest.raises(ValueError, match="no probabilities"):
        load_digits(path)


# Right answers.


def test_predict_gives_digit_and_probabilities(client, digits):
    for digit, data in enumerate(digits):
        answer = client.post("/predict", files={"file": ("x.png", data)})
        assert answer.status_code == 200
        content = answer.json()
        assert content["digit"] == digit == int(np.argmax(content["probabilities"]))
        assert sum(content["probabilities"]) == pytest.approx(1, abs=1e-5)


def test_a_batch_is_answered_picture_by_picture(client, digits):
    sent = [("files", ("x", data)) for data in (digits[3], b"no picture", digits[8], b"")]
    answer = client.post("/predict/batch", files=sent)
    assert answer.status_code == 200
    three, text, eight, nothing = answer.json()["results"]
    assert (three["digit"], eight["digit"]) == (3, 8)
    assert (text["status"], nothing["status"]) == (415, 422)


def test_health(client):
    content = client.get("/health").json()
    assert content["status"] == "ok" and content["version"] == ml.__version__ and "600" in content["network"]


def test_everything_is_described(client):
    described = client.get("/openapi.json").json()
    assert set(described["paths"]) == {"/predict", "/predict/batch", "/health"}
    for path in ("/predict", "/predict/batch"):
        operation = described["paths"][path]["post"]
        assert set(operation["responses"]) == {"200", "400", "408", "413", "415", "422", "429"}
        assert "multipart/form-data" in operation["requestBody"]["content"]


def test_the_page_shows_picture_and_bars_without_a_script_or_anything_from_outside(client, digits):
    page = client.get("/")
    assert page.status_code == 200 and 'type="file"' in page.text and "<h2" not in page.text
    result = client.post("/", files={"file": ("x.png", digits[4])})
    assert result.status_code == 200 and "It looks like a 4" in result.text
    assert result.text.count("<rect") == 10
    (picture,) = re.findall(r'src="data:image/png;base64,([^"]+)"', result.text)
    assert Image.open(io.BytesIO(base64.b64decode(picture))).size == (28, 28)
    for text in (page.text, result.text):
        assert "://" not in text and 'lang="en"' in text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_the_page_shows_each_of_several_pictures_as_it_was_seen(client, small, digits):
    sent = [("file", ("x.png", data)) for data in (digits[3], b"no picture", digits[8])]
    result = client.post("/", files=sent)
    assert result.status_code == 200 and '<h2 id="title">3 pictures</h2>' in result.text
    titles = re.findall("<h3>(.*?)</h3>", result.text)
    assert titles == ["Picture 1: it looks like a 3", "Picture 2: that did not work", "Picture 3: it looks like an 8"]
    three, eight = re.findall(r'src="data:image/png;base64,([^"]+)"', result.text)
    assert three != eight and result.text.count("<rect") == 20 and "Send a picture" in result.text
    assert client.get("/").text.count("multiple") == 1 and "up to 3 at once" in small.get("/").text
    answer = small.post("/", files=sent + sent, headers={"accept": "text/html"})
    assert answer.status_code == 422 and "up to 3 files" in answer.text


def test_the_page_says_what_was_wrong(client):
    answer = client.post("/", files={"file": ("<b>.png", b"<script>")}, headers={"accept": "text/html"})
    assert answer.status_code == 415
    assert "Send a picture" in answer.text and "<script>alert" not in answer.text
    assert is_problem(client.post("/", files={"file": ("x.png", b"text")}, headers={"accept": "*/*"}), 415)


# Wrong requests.


def test_unknown_addresses_and_methods(client):
    assert is_problem(client.get("/nothing"), 404)
    answer = client.get("/predict")
    assert is_problem(answer, 405) and answer.headers["allow"] == "POST"


def test_what_is_no_form_is_refused(client):
    assert is_problem(client.post("/predict"), 415)
    assert is_problem(client.post("/predict", json={"file": "x"}), 415)
    assert is_problem(client.post("/predict", content=b"x", headers={"content-type": "image/png"}), 415)
    assert is_problem(client.post("/predict", data={"file": "x"}), 415)


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("multipart/form-data", b"", 400),
        ("multipart/form-data; boundary=", b"", 400),
        ("multipart/form-data; boundary=" + "b" * 300, b"", 400),
        ("multipart/form-data; boundary=b", b"", 422),
        ("multipart/form-data; boundary=b", b"rubbish", 400),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\n", 422),
        ("multipart/form-data; boundary=b", b"--b\r\n" + b"h" * 9000, 400),
        ("multipart/form-data; boundary=b", b"--b\r\na: " + b"h" * 9000, 400),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\ncontent-disposition: form-data; name="file"\r\n\r\nx\r\n--b--',
            422,
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\ncontent-disposition: form-data; name="file"; filename="x"\r\n\r\n\x89PNG',
            400,
        ),
        ("multipart/form-data; boundary=b", b"--b\r\na: b\r\n\r\nx\r\n" * 100, 422),
        (
            "multipart/form-data; boundary=b; charset=undefined",
            b'--b\r\ncontent-disposition: form-data; name="file"; filename="x"\r\n\r\nx\r\n--b--',
            400,
        ),
        (
            "multipart/form-data; boundary=b; charset=zlib",
            b'--b\r\ncontent-disposition: form-data; name="file"; filename="x"\r\n\r\nx\r\n--b--',
            415,
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\ncontent-disposition: form-data; name="file"; filename="x"\r\n\r\nx',
            400,
        ),
    ],
)
def test_malformed_forms_are_refused(client, content_type, body, status):
    assert is_problem(client.post("/predict", content=body, headers={"content-type": content_type}), status)


def test_a_wrong_length_is_refused(client, digits):
    headers = {"content-type": "multipart/form-data; boundary=b", "content-length": "-5"}
    assert is_problem(client.post("/predict", content=b"x", headers=headers), 400)


def test_the_field_and_the_number_of_files_must_fit(client, small, digits):
    assert is_problem(client.post("/predict", files={"picture": ("x.png", digits[0])}), 422, "'file'")
    assert is_problem(client.post("/predict", files=[("file", ("x", b"1")), ("file", ("y", b"2"))]), 422, "one file")
    sent = [("files", ("x.png", digits[0]))] * 4
    assert is_problem(small.post("/predict/batch", files=sent), 422, "3 files")


def test_too_many_bytes(small):
    signature = b"\x89PNG\r\n\x1a\n"
    assert is_problem(small.post("/predict", files={"file": signature + bytes(100_000)}), 413, "A file")
    assert is_problem(small.post("/predict", files={"file": bytes(400_000)}), 413, "request")
    sent = [("files", signature + bytes(99_000))] * 3
    assert small.post("/predict/batch", files=sent).status_code == 200
    sent = [("files", bytes(99_000))] * 3 + [("other", bytes(99_000))]
    assert is_problem(small.post("/predict/batch", files=sent), 413, "request")

    def stream():  # with no length declared
        yield b"--b\r\n"
        for _ in range(40):
            yield bytes(10_000)

    headers = {"content-type": "multipart/form-data; boundary=b"}
    assert small.post("/predict", content=stream(), headers=headers).status_code in (400, 413)


def test_too_many_pixels_are_refused_unread(small):
    for size, word in (
        ((101, 100), "101 × 100 pixels"),
        ((10**4, 10**4), "× 10000 pixels"),
        ((10**5, 10**5), "pixels"),
    ):
        answer = small.post("/predict", files={"file": png(*size, 8, 0, b"")})
        assert is_problem(answer, 422, word)


def test_an_empty_canvas_and_damaged_pictures(client, digits):
    blank = saved(Image.new("L", (100, 100), 255))
    assert is_problem(client.post("/predict", files={"file": blank}), 422, "empty")
    assert is_problem(client.post("/predict", files={"file": digits[0][:200]}), 422, "no image that can be read")
    assert is_problem(client.post("/predict", files={"file": b""}), 422, "The file is empty")


def test_one_request_too_many_is_asked_to_come_again(digits):
    with TestClient(create_interface(load_digits(), Limits(in_flight=0))) as client:
        answer = client.post("/predict", files={"file": digits[0]})
        assert is_problem(answer, 429) and answer.headers["retry-after"] == "1"
    with TestClient(create_interface(load_digits(), Limits(in_flight=1))) as client:
        for _ in range(3):  # what is done no longer counts, be it good or bad
            assert client.post("/predict", files={"file": b""}).status_code == 422
        assert client.post("/predict", files={"file": digits[0]}).status_code == 200


def test_pictures_that_take_too_long_are_given_up(digits):
    with TestClient(create_interface(load_digits(), Limits(reading_seconds=0))) as client:
        assert is_problem(client.post("/predict", files={"file": digits[0]}), 429)


def test_an_error_of_the_servers_own_is_told_without_its_inside():
    network = load_digits()
    network.parameters[:] = np.nan
    network.predict_proba = lambda x: 1 / 0
    with TestClient(create_interface(network, Limits()), raise_server_exceptions=False) as client:
        picture = Image.new("L", (50, 50), 255)
        picture.paste(0, (20, 10, 30, 40))
        answer = client.post("/predict", files={"file": saved(picture)})
    assert answer.status_code == 500 and "division" not in answer.text and answer.json()["status"] == 500


# Hostile ones.


@pytest.fixture
def writes():
    """Names of files that this process opens for writing while the test runs."""
    found, watching = [], True

    def hook(event, arguments):
        if watching and event == "open":
            path, mode, flags = arguments
            if (isinstance(mode, str) and set(mode) & set("wxa+")) or (flags & (os.O_WRONLY | os.O_RDWR)):
                found.append(path)

    sys.addaudithook(hook)
    yield found
    watching = False


def test_the_watch_for_writing_sees_what_starlettes_own_parser_does(writes):
    from tempfile import SpooledTemporaryFile

    with SpooledTemporaryFile(max_size=10) as file:
        file.write(bytes(11))
    assert writes


def test_large_uploads_are_never_written(client, writes):
    noise = np.random.default_rng(0).integers(0, 256, (1400, 1400), dtype=np.uint8)
    noise[400:1000, 600:800] = 0
    data = saved(Image.fromarray(noise))
    assert len(data) > 1_500_000  # Starlette's own parser writes from 1 MB on
    before = len(writes)
    assert client.post("/predict", files={"file": ("x.png", data)}).status_code in (200, 422)
    assert client.post("/predict/batch", files=[("files", ("x.png", data))] * 5).status_code == 200
    assert writes[before:] == []


def test_two_thousand_hostile_files_do_no_harm(client, writes):
    process = psutil.Process()
    gc.collect()
    before, peak, statuses, kinds = process.memory_info().rss, 0, Counter(), Counter()
    for place, (kind, data) in enumerate(hostile_files()):
        name = NAMES[place % len(NAMES)].replace("\x00", "%00")
        answer = client.post("/predict", files={"file": (name, data)})
        statuses[answer.status_code] += 1
        kinds[kind] += 1
        peak = max(peak, process.memory_info().rss)
        assert answer.status_code == 200 or is_problem(answer, answer.status_code), kind
    assert sum(kinds.values()) >= 2000 and len(kinds) >= 18
    assert set(statuses) == {200, 415, 422}, statuses
    assert statuses[200] > 100 and statuses[415] > 100 and statuses[422] > 500, statuses
    assert writes == []
    assert peak - before < 500 * 2**20, f"{(peak - before) / 2**20:.0f} MiB"
    assert client.get("/health").status_code == 200


# The fence around the sketchpad.


def answer_of(scope, body=b""):
    """Return status and whether the application inside was reached."""
    import asyncio

    reached, sent = [], []

    async def inside(scope, receive, send):
        reached.append(await receive())
        if scope["path"].endswith("theme.css"):
            raise KeyError("inside")
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive():
        return {"type": "http.request", "body": body}

    async def send(message):
        sent.append(message)

    asyncio.run(Fence(inside)({"type": "http", "headers": [], "root_path": "/draw", **scope}, receive, send))
    return sent[0]["status"], bool(reached)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/draw/", 200),
        ("GET", "/draw/assets/index-Abc.js", 200),
        ("POST", "/draw/gradio_api/queue/join", 200),
        ("GET", "/predict", 404),
        ("GET", "//draw/", 404),
        ("GET", "/draw/draw/", 404),
        ("POST", "/draw/gradio_api/upload", 404),
        ("GET", "/draw/gradio_api/file=/etc/passwd", 404),
        ("GET", "/draw/gradio_api/proxy=http://x", 404),
        ("GET", "/draw/assets/../../secret", 404),
        ("POST", "/draw/gradio_api/component_server", 404),
        ("POST", "/draw/gradio_api/run/read", 404),
        ("POST", "/draw/gradio_api/vibe-edit", 404),
        ("DELETE", "/draw/", 404),
        ("GET", "/draw/monitoring", 404),
        ("GET", "/draw/theme.css", 400),
    ],
)
def test_the_fence_lets_through_what_the_page_needs(method, path, status):
    reached = answer_of({"method": method, "path": path})
    assert reached[0] == status and reached[1] == (status in (200, 400))


def test_the_fence_stops_large_requests():
    scope = {"method": "POST", "path": "/draw/gradio_api/queue/join"}
    assert answer_of(scope, bytes(500_000))[0] == 200
    assert answer_of(scope, bytes(600_000))[0] == 413


def test_only_a_pngs_text_is_a_drawing():
    assert decode_drawing("data:image/png;base64,AAEC") == b"\0\1\2"
    for text in (None, 5, "", "AAEC", "data:image/png;base64,?", "data:image/svg+xml;base64,AAEC", {"a": 1}):
        assert decode_drawing(text) == b""
