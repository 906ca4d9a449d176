"""The pad of a page: what its script computes is what the library computes, and everybody can draw on it."""

from __future__ import annotations

import base64
import html
import io
import json
import re
from importlib.resources import files

import numpy as np
import pytest
from PIL import Image, ImageOps
from test_server_process import strokes

import mnistlab as ml
from mnistbook.ch18_draw_your_own.everyday import everyday
from mnistlab.app.digit_pad import MOST_BYTES, PAPER, PEN, DigitPad, example
from mnistlab.app.weights import load_digits
from mnistlab.images import ImageError, from_drawing


def all_kinds():
    """A network of every kind of layer that a pad knows."""
    layers = [ml.Dropout(0.2), ml.Dense(784, 24, bias=False), ml.Tanh(), ml.Dense(24, 20), ml.ReLU(), ml.Dense(20, 16)]
    layers += [ml.Sigmoid(), ml.Dropout(0.5), ml.Dense(16, 10), ml.Softmax()]
    network = ml.Network(layers, seed=3)
    network.parameters += np.random.default_rng(3).normal(0, 0.05, network.parameters.size)  # no bias stays at 0
    return network


@pytest.fixture(scope="module")
def mnist():
    return ml.load_mnist()


@pytest.fixture(scope="module")
def pad():
    return DigitPad(load_digits())


# The object.


def test_a_pad_has_html_for_the_page_a_picture_for_print_and_text(pad):
    bundle = pad._repr_mimebundle_()
    assert list(bundle) == ["text/html", "application/pdf", "text/plain"]
    assert bundle["application/pdf"].startswith(b"%PDF")
    assert bundle["text/plain"] == "DigitPad: draw a digit, read by a network 784-600-10"
    assert len(bundle["text/html"].encode()) < MOST_BYTES
    assert "://" not in bundle["text/html"]
    assert bundle["text/html"].count("<script>") == 1 and bundle["text/html"] == DigitPad(load_digits())._repr_html_()


def test_the_network_given_may_change_later():
    network = all_kinds()
    pad = DigitPad(network)
    before = pad._repr_html_()
    kept = network.parameters.copy()
    network.parameters[...] = 0
    assert pad._repr_html_() == before
    assert np.allclose(pad.network().parameters, kept, rtol=1e-3, atol=1e-7)


def test_the_picture_in_print_shows_the_example_read_rightly(pad):
    paper, seen, chances = pad.figure().axes
    assert paper.images[0].get_array().shape == (PAPER, PAPER)
    assert np.array_equal(seen.images[0].get_array(), from_drawing(example()))
    assert np.argmax([bar.get_width() for bar in chances.patches]) == 2


def with_parameter(value):
    network = all_kinds()
    network.parameters[5] = value
    return network


@pytest.mark.parametrize(
    ("network", "error", "word"),
    [
        ("digits", TypeError, "Network"),
        (ml.Network([ml.Dense(784, 9)]), ValueError, "784 to 9"),
        (ml.Network([ml.Dense(4, 10)]), ValueError, "from 4 to 10"),
        (ml.Network([ml.Dense(784, 10), ml.ReLU()]), ValueError, "end in Dense or Softmax"),
        (ml.Network([ml.Dense(784, 800), ml.ReLU(), ml.Dense(800, 10)]), ValueError, "show a smaller network"),
        (ml.Network([ml.Dense(784, 10), type("Odd", (ml.ReLU,), {})()]), TypeError, "Odd"),
        (with_parameter(np.nan), ValueError, "nan"),
        (with_parameter(7e4), ValueError, "70000"),
    ],
)
def test_what_cannot_be_shown_is_refused(network, error, word):
    with pytest.raises(error, match=word):
        DigitPad(network)


# Its script beside the library, in a browser.


@pytest.fixture(scope="module")
def reader(browser):
    """Return a function that opens a page with nothing but the script's reader of digits, for a pad."""
    page = browser.new_page()
    page.set_content("<!doctype html><title>reader</title>")
    script = files("mnistlab.app").joinpath("assets", "digit_reader.js").read_text(encoding="utf-8")

    def with_network(pad):
        network = re.search(r"const network = (\{.*\});\n", pad._repr_html_())[1]
        page.evaluate(f"() => {{ {script}\n window.reader = digitReader({json.dumps(json.loads(network))}); }}")
        return page

    yield with_network
    page.close()


READ_ALL = """packed => {
    const bytes = Uint8Array.from(atob(packed), c => c.charCodeAt(0)), answers = [];
    for (let i = 0; i < bytes.length; i += 784) {
        const { probabilities, hidden } = reader.read(bytes.subarray(i, i + 784));
        answers.push([...probabilities, ...hidden.flatMap(values => [...values])]);
    }
    return JSON.stringify(answers);
}"""

# Draws each drawing as the pad does; returns the paper as PNG, the image that is seen, and what is read, and how long
# the last two took.
DRAW_ALL = """([drawings, paper, pen]) => {
    const canvas = document.createElement("canvas"), context = canvas.getContext("2d", { willReadFrequently: true });
    canvas.width = canvas.height = paper;
    context.lineWidth = pen;
    context.lineCap = "round";
    return JSON.stringify(JSON.parse(drawings).map(lines => {
        context.fillStyle = "#fff";
        context.fillRect(0, 0, paper, paper);
        context.beginPath();
        for (const [from, to] of lines) {
            context.moveTo(...from.map(v => v * paper));
            context.lineTo(to[0] * paper + 0.01, to[1] * paper);
        }
        context.stroke();
        const begun = performance.now();
        const image = reader.see(context.getImageData(0, 0, paper, paper).data);
        const answer = reader.read(image);
        const milliseconds = performance.now() - begun;
        return [canvas.toDataURL(), [...image], [...answer.probabilities], milliseconds];
    }));
}"""


def read_all(page, images):
    # As text both ways, which Playwright carries much faster than lists.
    return np.array(json.loads(page.evaluate(READ_ALL, base64.b64encode(images.tobytes()).decode())))


def opened_picture(address):
    return Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))


def test_the_script_reads_1000_test_images_as_the_library_does(reader, pad, mnist):
    images = mnist.x_test[:1000]
    ours = read_all(reader(pad), images)
    network = load_digits()
    library = network.predict_proba(ml.to_vectors(images))
    assert np.array_equal(ours[:, :10].argmax(axis=1), library.argmax(axis=1))
    assert ours[:, :10] == pytest.approx(library, rel=0, abs=1e-2)
    hidden = network.layers[1].forward(network.layers[0].forward(ml.to_vectors(images)))
    assert ours[:, 10:] == pytest.approx(hidden, rel=0, abs=1e-2)


def test_the_script_knows_every_kind_of_layer(reader, mnist):
    pad, images = DigitPad(all_kinds()), mnist.x_test[:50]
    ours = read_all(reader(pad), images)
    network = pad.network()
    assert ours[:, :10] == pytest.approx(network.predict_proba(ml.to_vectors(images)), rel=0, abs=1e-5)
    x, hidden = ml.to_vectors(images), []
    for layer in network.layers:
        x = layer.forward(x)
        if isinstance(layer, ml.Tanh | ml.ReLU | ml.Sigmoid):
            hidden.append(x)
    assert ours[:, 10:] == pytest.approx(np.hstack(hidden), rel=0, abs=1e-5)


def test_float16_is_unpacked_exactly(reader):
    network = ml.Network([ml.Dense(784, 10)])
    special = np.array([0, -0.0, 1, -2.5, 65504, 6.1e-5, 6e-8, -5.9e-5, 1 / 3, 2048], dtype=np.float16)
    network.parameters[:10] = special
    page = reader(DigitPad(network))
    image = np.zeros(784, np.uint8)
    image[0] = 255
    probabilities = read_all(page, image)[0]
    logits = special.astype(np.float64)
    assert probabilities == pytest.approx(np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum())
    network.parameters[:10] = logits * [1, 1, 1, 1, 0, 1e3, 1e5, 1e3, 1, 0]
    page = reader(DigitPad(network))
    logits = network.parameters[:10].astype(np.float16).astype(np.float64)
    expected = np.exp(logits - logits.max())
    assert read_all(page, image)[0] == pytest.approx(expected / expected.sum(), rel=1e-9)


def test_1000_drawings_are_seen_and_read_as_the_library_does(reader, pad, mnist, record_property):
    page, papers, images, read, times = reader(pad), [], [], [], []
    for start in range(0, 1000, 100):
        drawings = []
        for place in range(start, start + 100):
            # Somewhere on the paper, in some size: the pad has to find and to scale it.
            rng = np.random.default_rng(place)
            size = rng.uniform(0.4, 1)
            drawings.append((strokes(mnist.x_test[place]) * size + rng.uniform(0, 1 - size, 2)).tolist())
        drawn = json.loads(page.evaluate(DRAW_ALL, [json.dumps(drawings), PAPER, PEN]))
        for paper, image, probabilities, milliseconds in drawn:
            papers.append(paper)
            images.append(image)
            read.append(probabilities)
            times.append(milliseconds)
    library = np.stack([from_drawing(opened_picture(paper)) for paper in papers])
    off = np.abs(library.reshape(1000, 784).astype(int) - np.array(images))
    assert off.mean() < 0.2 and (off.max(axis=1) <= 16).mean() > 0.97
    probabilities = load_digits().predict_proba(ml.to_vectors(library))
    assert np.array_equal(np.argmax(read, axis=1), probabilities.argmax(axis=1))
    assert np.array(read) == pytest.approx(probabilities, rel=0, abs=1e-2)
    assert (np.argmax(read, axis=1) == mnist.y_test[:1000]).mean() > 0.9
    record_property("largest difference of a probability", float(np.abs(read - probabilities).max()))
    record_property("milliseconds a drawing, median and largest", (float(np.median(times)), max(times)))
    print(f"\nseen and read in {np.median(times):.1f} ms (median), {max(times):.1f} ms (most)", off.max(axis=1).max())


@pytest.mark.parametrize(("width", "height"), [(1, 1), (256, 256), (256, 1), (1, 200), (25, 200), (13, 17), (250, 3)])
def test_rectangles_of_all_shapes_are_seen_as_the_library_sees_them(reader, pad, width, height):
    paper = np.full((PAPER, PAPER), 255, np.uint8)
    paper[:height, -width:] = 0
    rgba = np.repeat(paper, 4)
    script = "packed => { const s = reader.see(Uint8Array.from(atob(packed), c => c.charCodeAt(0))); return [...s]; }"
    seen = np.array(reader(pad).evaluate(script, base64.b64encode(rgba.tobytes()).decode())).reshape(28, 28)
    if width == height == PAPER:  # the library takes it for empty paper
        assert seen.sum() == 400 * 255
    else:
        assert np.abs(seen - from_drawing(Image.fromarray(paper)).astype(int)).max() <= 1


DRAWN = ["pixel in a corner", "dot", "pepper", "page number", "piece of a neighbour", "box of a form"]


@pytest.mark.parametrize("kind", DRAWN)
def test_spoilt_papers_are_seen_as_the_library_sees_them(reader, pad, mnist, kind):
    page = reader(pad)
    script = """packed => {
        const pixels = Uint8Array.from(atob(packed), c => c.charCodeAt(0));
        try { return [...reader.see(pixels)]; } catch { return null; }
    }"""
    for picture in everyday(mnist.x_test, mnist.y_test, each=12, kinds=[kind]):
        paper = ImageOps.pad(picture.open().convert("L"), (PAPER, PAPER), Image.Resampling.BOX, 255)
        seen = page.evaluate(script, base64.b64encode(np.repeat(np.asarray(paper), 4).tobytes()).decode())
        try:
            library = from_drawing(paper)
        except ImageError:
            assert seen is None
        else:
            assert np.abs(np.reshape(seen, (28, 28)) - library.astype(int)).mean() < 2


def test_a_tiny_drawing_is_enlarged_as_the_library_enlarges_it(reader, pad):
    paper = np.full((PAPER, PAPER), 255, np.uint8)
    paper[100:112, 60:69] = 0
    paper[104:107, 63:66] = 255
    paper[108, 60:64] = 120
    script = "packed => [...reader.see(Uint8Array.from(atob(packed), c => c.charCodeAt(0)))]"
    seen = reader(pad).evaluate(script, base64.b64encode(np.repeat(paper, 4).tobytes()).decode())
    assert np.abs(np.array(seen).reshape(28, 28) - from_drawing(Image.fromarray(paper)).astype(int)).max() <= 4


# The page.

HEAD = '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'


@pytest.fixture
def opened(browser, tmp_path):
    """Return a function that opens pads in a page of a file, as wide as a phone, in the dark."""
    context = browser.new_context(viewport={"width": 390, "height": 900}, color_scheme="dark", has_touch=True)
    asked, complaints = [], []

    def open_page(*pads):
        file = tmp_path / "page.html"
        style = '<body style="background: #111; color: #eee">'
        file.write_text(HEAD + style + "".join(each._repr_html_() for each in pads), encoding="utf-8")
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text))
        page.goto(file.as_uri())
        return page

    yield open_page
    context.close()
    assert complaints == [] and [url for url in asked if not url.startswith("file:")] == [] and len(asked) == 1


# As a hand's strokes would come: pointer events on the canvas.
DRAW = """(canvas, lines) => {
    const box = canvas.getBoundingClientRect();
    const at = (type, [x, y]) => canvas.dispatchEvent(new PointerEvent(type, { pointerId: 1, bubbles: true,
        clientX: box.left + box.width * x, clientY: box.top + box.height * y }));
    for (const [from, to] of lines) { at("pointerdown", from); at("pointermove", to); at("pointerup", to); }
}"""
IMAGE = """canvas => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return Array.from({ length: data.length / 4 }, (_, i) => data[4 * i]);
}"""


def said(page):
    return page.get_by_role("status").first.inner_text().replace("\xa0", " ")


def shown(page):
    return page.eval_on_selector_all("tr", "rows => rows.map(row => Number(row.dataset.value))")


def test_each_digit_drawn_on_the_pad_is_read(opened, pad, mnist):
    page = opened(pad)
    canvas = page.locator("canvas.drawing")
    network = load_digits()
    for digit in range(10):
        image = mnist.x_test[int(np.flatnonzero(mnist.y_test == digit)[3])]
        canvas.evaluate(DRAW, strokes(image).tolist())
        assert re.fullmatch(rf"It looks like an? {digit} \(\d+ %\)\.", said(page))
        assert page.locator("tr.best th").inner_text() == str(digit)
        drawn = from_drawing(opened_picture(canvas.evaluate("canvas => canvas.toDataURL()")))
        seen = np.array(page.locator("canvas.seen").evaluate(IMAGE)).reshape(28, 28)
        assert np.abs(seen - drawn.astype(int)).mean() < 1
        assert shown(page) == pytest.approx(network.predict_proba(ml.to_vectors(drawn[None]))[0], rel=0, abs=1e-2)
        hidden = np.array(page.locator("canvas.hidden").evaluate(IMAGE))
        dense, relu = network.layers[:2]
        active = relu.forward(dense.forward(ml.to_vectors(seen[None].astype(np.uint8))))[0] > 0
        active = np.pad(active, (0, len(hidden) - len(active)))  # the last row of the grid need not be full
        assert not hidden[~active].any() and hidden.max() == 255
        page.get_by_role("button", name="Clear").click()
        assert said(page) == "The paper is empty." and not np.any(shown(page))


def test_what_is_drawn_is_read_while_it_is_drawn(opened, pad):
    page = opened(pad)
    box = page.locator("canvas.drawing").bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.8 * box["height"], steps=5)
    page.wait_for_selector("tr.best")
    assert page.locator("tr.best th").inner_text() == "1"
    assert said(page) == ""  # nothing is announced in the middle of a stroke
    page.mouse.up()
    assert said(page).startswith("It looks like a 1")


def test_a_pad_opens_with_an_image_already_read_and_the_first_stroke_clears_it(opened, mnist):
    network, image = load_digits(), mnist.x_train[0]
    page = opened(DigitPad(network, opening=image))
    assert re.fullmatch(r"An example\. It looks like a 5 \(\d+ %\)\. Your first stroke clears it\.", said(page))
    seen = np.array(page.locator("canvas.seen").evaluate(IMAGE)).reshape(28, 28)
    assert np.abs(seen - image.astype(int)).mean() < 12  # the paper is finer than the image
    assert shown(page) == pytest.approx(network.predict_proba(ml.to_vectors(seen[None].astype(np.uint8)))[0], abs=1e-2)
    canvas = page.locator("canvas.drawing")
    stroke = [[[0.5, 0.2], [0.5, 0.8]]]
    canvas.evaluate(DRAW, stroke)
    alone = canvas.evaluate(IMAGE)
    assert said(page).startswith("It looks like a 1")
    canvas.evaluate(DRAW, [[[0.3, 0.2], [0.3, 0.8]]])
    assert sum(value < 128 for value in canvas.evaluate(IMAGE)) > 1.5 * sum(value < 128 for value in alone)


def test_with_the_keyboard_too_the_first_stroke_clears_what_lay_on_the_pad(opened, mnist):
    page = opened(DigitPad(load_digits(), opening=mnist.x_train[0]))
    canvas = page.locator("canvas.drawing")
    canvas.focus()
    page.keyboard.press("ArrowDown")
    assert said(page).startswith("An example.")  # the pen is not down yet
    for key in ("ArrowUp", "Space", *["ArrowDown"] * 16, "Space"):
        page.keyboard.press(key)
    assert said(page).startswith("It looks like a 1")


@pytest.mark.parametrize("opening", [np.zeros((28, 28)), np.zeros((28, 27), np.uint8)])
def test_a_pad_opens_with_an_image_of_mnist_s_form_only(opening):
    with pytest.raises(ValueError, match="opens with an image"):
        DigitPad(load_digits(), opening=opening)


def test_a_finger_and_the_example(opened, pad):
    page = opened(pad)
    box = page.locator("canvas.drawing").bounding_box()
    page.touchscreen.tap(box["x"] + 100, box["y"] + 100)
    assert said(page).startswith("It looks like")
    page.get_by_role("button", name="Example").click()
    assert said(page).startswith("It looks like a 2")
    seen = np.array(page.locator("canvas.seen").evaluate(IMAGE)).reshape(28, 28)
    assert np.abs(seen - from_drawing(example()).astype(int)).mean() < 3


def test_the_keyboard_is_enough(opened, pad):
    page = opened(pad)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Drawing pad"
    assert page.locator(".cross").is_visible()
    page.keyboard.press("Space")
    above = page.locator(".cross").bounding_box()["y"]
    for _ in range(16):
        page.keyboard.press("ArrowDown")
    assert page.locator(".cross").bounding_box()["y"] > above + 100
    assert page.evaluate("scrollY") == 0
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    assert said(page).startswith("It looks like a 1")
    ink = np.asarray(opened_picture(page.locator("canvas.drawing").evaluate("c => c.toDataURL()")).convert("L")) < 128
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    assert (np.ptp(rows), np.ptp(columns)) == pytest.approx((16 * 8 + PEN, PEN), abs=2)
    page.keyboard.press("Delete")
    assert said(page) == "The paper is empty."
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert said(page).startswith("It looks like a 2")


def test_everything_has_a_name_for_those_who_cannot_see_it(opened, pad):
    page = opened(pad)
    page.get_by_role("button", name="Example").click()
    labels = [picture.get_attribute("aria-label") for picture in page.get_by_role("img").all()]
    assert labels[0] == "As the network sees it: 28 × 28 pixels"
    assert re.fullmatch(r"Activations\. Hidden units: \d+ of 600 positive", labels[1])
    assert page.get_by_role("status").get_attribute("aria-live") == "polite"
    assert page.get_by_role("table", name="Probability of each digit").get_by_role("row").count() == 10
    assert page.get_by_role("rowheader", name="7").is_visible()
    described = page.locator("canvas.drawing").get_attribute("aria-describedby")
    assert "arrow keys" in page.locator(f"#{described}").inner_text()


def test_a_pad_fits_a_phone_and_has_the_colours_of_its_page(opened, pad):
    page = opened(pad)
    page.get_by_role("button", name="Example").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    colours = page.eval_on_selector_all(
        ".mnistlab-pad :is(p, th, button, caption)", "all => [...new Set(all.map(e => getComputedStyle(e).color))]"
    )
    assert colours == ["rgb(238, 238, 238)"]
    # The report's theme gives outputs white paper, and says by a variable what colour its text has.
    page.evaluate("document.documentElement.style.setProperty('--pst-color-text-base', 'rgb(1, 2, 3)')")
    assert page.locator(".mnistlab-pad th").first.evaluate("e => getComputedStyle(e).color") == "rgb(1, 2, 3)"


def test_pads_on_one_page_do_not_disturb_each_other(opened, pad):
    page = opened(pad, DigitPad(all_kinds()), pad)
    page.get_by_role("button", name="Example").nth(2).click()
    answers = page.get_by_role("status").all_inner_texts()
    assert answers[:2] == ["", ""] and answers[2].startswith("It looks like a 2")
    assert page.locator("canvas.drawing").count() == 3 and page.locator("canvas.hidden").count() == 5
    assert page.get_by_text("Hidden layer 3").is_visible()
    names = page.eval_on_selector_all("[id]", "all => all.map(e => e.id)")
    assert len(names) == len(set(names)) == 3


def test_a_pad_leaves_no_names_behind(browser, pad):
    page = browser.new_page()
    page.set_content("<!doctype html><title>none</title>")
    names = "() => Object.getOwnPropertyNames(window).sort()"
    before = page.evaluate(names)
    page.set_content(pad._repr_html_())
    assert page.locator("canvas.drawing").count() == 1
    assert page.evaluate(names) == before
    page.close()


def test_a_script_that_a_notebook_moves_still_finds_its_pad(browser, pad):
    # JupyterLab and Colab put an output's HTML into the page first, and then run copies of its scripts.
    page = browser.new_page()
    page.set_content("<!doctype html><title>notebook</title><main></main>")
    page.evaluate(
        """html => {
            const main = document.querySelector("main");
            main.innerHTML = html + html;
            for (const old of main.querySelectorAll("script")) {
                const script = document.createElement("script");
                script.textContent = old.textContent;
                old.replaceWith(script);
            }
        }""",
        pad._repr_html_(),
    )
    for button in page.get_by_role("button", name="Example").all():
        button.click()
    assert [text[:17] for text in page.get_by_role("status").all_inner_texts()] == ["It looks like a 2"] * 2
    page.close()


def test_a_frame_of_a_stranger_that_may_only_run_scripts_is_enough(browser, pad, mnist):
    # Colab shows an output in a frame of another origin; a sandbox's origin is nobody's. JupyterLab, which puts it into
    # its own page, was tried by hand: version 4.6 in Chromium, with mouse, pointer events and keyboard.
    page, complaints = browser.new_page(), []
    page.on("console", lambda said: complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    source = html.escape("<!doctype html><title>output</title>" + pad._repr_html_())
    page.set_content(f'<iframe sandbox="allow-scripts" width="700" height="900" srcdoc="{source}"></iframe>')
    frame = page.frame_locator("iframe")
    canvas = frame.locator("canvas.drawing")
    assert canvas.evaluate("() => window.origin") == "null"
    for digit in (4, 8):
        canvas.evaluate(DRAW, strokes(mnist.x_test[int(np.flatnonzero(mnist.y_test == digit)[3])]).tolist())
        assert re.fullmatch(rf"It looks like an? {digit} \(\d+ %\)\.", said(frame))
        frame.get_by_role("button", name="Clear").click()
    canvas.focus()
    for key in ("Space", *["ArrowDown"] * 16, "Space"):
        page.keyboard.press(key)
    assert said(frame).startswith("It looks like a 1")
    assert complaints == []
    page.close()
