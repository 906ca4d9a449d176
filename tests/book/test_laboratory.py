"""The laboratory of a page: what it trains is what the library trains, and everybody can work in it."""

from __future__ import annotations

import base64
import html
import io
import json
import re
from importlib import resources
from importlib.resources import files

import matplotlib
import numpy as np
import pytest
from PIL import Image

import mnistlab as ml
from mnistbook.kit.laboratory import CONTROLS, PRESETS, TRAINING, Control, Laboratory, digits, picture, recipe

matplotlib.use("agg")

PATIENCE_MS = 60_000
"""A machine that is busy with other things may take its time."""

QUICK = {"hidden": "8", "images": "200", "epochs": "5"}


# ---- the object ------------------------------------------------------------------------------------------------------


def test_a_laboratory_has_html_for_the_page_a_picture_for_print_and_text():
    bundle = Laboratory()._repr_mimebundle_()
    assert list(bundle) == ["text/html", "application/pdf", "text/plain"]
    assert bundle["application/pdf"].startswith(b"%PDF")
    assert bundle["text/plain"] == "Laboratory: train a network yourself, with 12 settings to change"
    text = bundle["text/html"]
    assert len(text.encode()) < 1_000_000 and text.count("<script>") == 1
    addresses = set(re.findall(r"\w+://[\w./-]+", text))
    assert addresses == {
        "http://www.w3.org/2000/svg",
        "https://mnistlab.github.io/mnistlab/notebooks/11_hyperparameters.html",
    }


def test_where_no_script_runs_a_line_leads_to_the_page(browser):
    page = browser.new_page(java_script_enabled=False)
    page.set_content(Laboratory(name="try", page="notebooks/03_training.html", presets=())._repr_html_())
    link = page.get_by_role("link", name="the page of the report")
    assert link.get_attribute("href") == "https://mnistlab.github.io/mnistlab/notebooks/03_training.html"
    page.close()


def test_the_picture_holds_training_images_and_their_labels():
    image, (images, labels) = Image.open(io.BytesIO(picture())), digits()
    rows = np.asarray(image)
    assert np.array_equal(rows[:, :-1], images.reshape(-1, 784)) and np.array_equal(rows[:, -1] // 17, labels)
    mnist = ml.load_mnist()
    assert np.abs(images - mnist.x_train[: len(images)].astype(int)).max() <= 8
    assert np.array_equal(labels, mnist.y_train[: len(images)])


def test_the_drawing_shows_a_network_that_learns():
    losses, accuracies, weights = Laboratory().figure().axes
    training, validation = (line.get_ydata() for line in losses.lines)
    assert training[-1] < 0.2 < training[0] and len(training) == len(validation) == 10
    assert accuracies.lines[0].get_ydata()[-1] > 85
    assert weights.images[0].get_array().shape == (8 * 29 - 1, 8 * 29 - 1)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"controls": ["width"]}, "no control 'width'"),
        ({"presets": ["magic"]}, "no preset 'magic'"),
        ({"controls": ["hidden"], "presets": ["large-rate"]}, "changes 'learning_rate'"),
    ],
)
def test_what_a_laboratory_cannot_offer_is_refused(options, word):
    with pytest.raises(ValueError, match=word):
        Laboratory(**options)


def test_presets_and_first_settings_are_choices():
    for name, control in CONTROLS.items():
        assert control.start in control.choices, name
    for preset in PRESETS.values():
        assert all(value in CONTROLS[name].choices for name, value in preset.changes.items())


# ---- its network beside the library's, in a browser ------------------------------------------------------------------


class Replay:
    """A generator that gives the numbers that the page was given."""

    def __init__(self, numbers):
        self.numbers, self.at = numbers, 0

    def random(self, shape, dtype):
        self.at += np.prod(shape)
        return self.numbers[self.at - np.prod(shape) : self.at].reshape(shape).astype(dtype)


def packed(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


@pytest.fixture(scope="module")
def bare(browser):
    """A page with nothing but the script of the network."""
    page = browser.new_page()
    page.set_content("<!doctype html><title>network</title>")
    script = files("mnistbook.kit").joinpath("assets", "network.js").read_text(encoding="utf-8")
    page.evaluate(f"() => {{ {script}\n window.lab = laboratoryNetwork(); }}")
    page.evaluate("""() => { window.unpack = (text, Kind) =>
        new Kind(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer); }""")
    yield page
    page.close()


TRAIN = """({ settings, floats, start, images, labels, batches, numbers, steps, size }) => {
    const Floats = { float32: Float32Array, float64: Float64Array }[floats];
    const network = new lab.Network({ inputs: 784, outputs: 10, ...settings }, Floats);
    network.parameters.set(unpack(start, Floats));
    const optimizer = new lab.Optimizer(settings);
    const [levels, all] = [unpack(images, Uint8Array), unpack(labels, Uint8Array)];
    const [order, drawn] = [unpack(batches, Uint16Array), unpack(numbers, Float32Array)];
    let at = 0;
    const take = (rows) => {
        const [x, y] = [new Floats(784 * rows.length), new Uint8Array(rows.length)];
        rows.forEach((row, n) => {
            for (let i = 0; i < 784; i++) x[784 * n + i] = levels[784 * row + i] / 15;
            y[n] = all[row];
        });
        return [x, y];
    };
    const [held, answers] = take(Uint16Array.from({ length: 64 }, (_, i) => i));
    const losses = [], after = [];
    for (let step = 0; step < steps; step++) {
        const [x, y] = take(order.subarray(size * step, size * step + size));
        losses.push(lab.trainStep(network, optimizer, x, y, () => drawn[at++]));
        after.push(lab.crossEntropy(network.forward(held, 64), answers, 64).loss);
    }
    return { losses, after, parameters: [...network.parameters] };
}"""


@pytest.mark.parametrize(("floats", "tolerance"), [(np.float32, 1e-4), (np.float64, 1e-9)])
@pytest.mark.parametrize("activation", CONTROLS["activation"].choices)
@pytest.mark.parametrize("optimizer", CONTROLS["optimizer"].choices)
def test_the_first_200_losses_are_those_of_the_library(bare, optimizer, activation, floats, tolerance):
    steps, size, hidden = 200, 16, 16
    settings = Laboratory().settings(optimizer=optimizer, activation=activation, hidden=hidden, batch_size=size, seed=3)
    settings |= {"momentum": 0.9, "weight_decay": 0.01, "dropout": 0.2}
    settings["learning_rate"] = {"sgd": 0.03, "nesterov": 0.03}.get(optimizer, 0.003)
    network, rule = recipe(settings, floats)
    rng = np.random.default_rng(5)
    network.parameters += 0.01 * rng.standard_normal(network.parameters.size)  # no bias stays at 0
    images, labels = (array[:400] for array in digits())
    order = rng.integers(400, size=(steps, size)).astype(np.uint16)
    numbers = rng.random(steps * size * hidden, dtype=np.float32)
    theirs = bare.evaluate(
        TRAIN,
        {
            "settings": settings,
            "floats": floats.__name__,
            "start": packed(network.parameters),
            "images": packed(images // 17),
            "labels": packed(labels),
            "batches": packed(order),
            "numbers": packed(numbers),
            "steps": steps,
            "size": size,
        },
    )
    loss, replay = ml.SoftmaxCrossEntropy(), Replay(numbers)
    x, t = (images.reshape(-1, 784) / 255).astype(floats), ml.one_hot(labels, dtype=floats)
    losses, after = [], []
    for rows in order:
        losses.append(ml.train_step(network, loss, rule, x[rows], t[rows], 0.0, replay))
        after.append(float(loss.forward(network.forward(x[:64]), t[:64])))
    assert theirs["losses"] == pytest.approx(losses, rel=tolerance)
    assert theirs["after"] == pytest.approx(after, rel=tolerance)
    assert min(after) < 0.7 * after[0]
    assert np.abs(np.array(theirs["parameters"]) - network.parameters).max() < 20 * tolerance


def test_its_random_numbers_are_spread_as_they_should_be(bare):
    script = """() => {
        const random = lab.generator(7), network = new lab.Network(
            { inputs: 784, hidden: 64, outputs: 10, activation: "relu", dropout: 0 }, Float32Array);
        network.initialize(random, 1);
        return { uniform: Array.from({ length: 20000 }, random), order: [...lab.permutation(1000, random)],
                 W: [...network.first.W], again: [3, 3, 4].map((seed) => lab.generator(seed)()) };
    }"""
    drawn = bare.evaluate(script)
    uniform, W = np.array(drawn["uniform"]), np.array(drawn["W"])
    assert np.histogram(uniform, 10, (0, 1))[0] == pytest.approx(np.full(10, 2000), abs=200)
    assert abs(np.corrcoef(uniform[1:], uniform[:-1])[0, 1]) < 0.03
    assert sorted(drawn["order"]) == list(range(1000)) and drawn["order"] != list(range(1000))
    assert W.std() == pytest.approx((2 / 784) ** 0.5, rel=0.02) and abs(W.mean()) < 0.001
    assert np.mean(np.abs(W) > 2 * W.std()) == pytest.approx(0.0455, abs=0.005)
    assert drawn["again"][0] == drawn["again"][1] != drawn["again"][2]


# ---- the page --------------------------------------------------------------------------------------------------------

HEAD = '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'


@pytest.fixture
def opened(browser, tmp_path):
    """Return a function that opens laboratories in a page of a file, as wide as a phone, in the dark."""
    context = browser.new_context(viewport={"width": 390, "height": 900}, color_scheme="dark")
    asked, complaints = [], []

    def open_page(*laboratories, end="", title="laboratory"):
        file = tmp_path / "page.html"
        style = f'<title>{title}</title><body style="background: #111; color: #eee"><main><h1>Page</h1>'
        inside = "".join(each._repr_html_() for each in laboratories)
        file.write_text(f"{HEAD}{style}{inside}</main>", encoding="utf-8")
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text))
        page.goto(file.as_uri() + end)
        page.wait_for_selector(".numbers[data-value]")
        return page

    yield open_page
    context.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith(("file:", "blob:"))] == []


def said(page):
    return page.get_by_role("status").first.inner_text().replace("\xa0", " ")


def shown(page):
    return json.loads(page.locator(".numbers").first.get_attribute("data-value"))


def choose(page, **settings):
    for name, value in settings.items():
        page.locator(f'select[data-name="{name}"]').first.select_option(value)


def press(page, name):
    page.get_by_role("button", name=name, exact=True).first.click()


def wait_until(page, words):
    page.wait_for_function("words => document.querySelector('[role=status]').textContent.includes(words)", arg=words)


def test_what_the_page_shows_after_a_run_is_what_the_library_computes(opened, bare):
    page = opened(Laboratory())
    choose(page, **QUICK)
    press(page, "Train")
    wait_until(page, "Done")
    settings = Laboratory().settings(**{name: int(value) for name, value in QUICK.items()})
    drawn = bare.evaluate(
        """settings => {
            const random = [1, 2].map(stream => lab.generator(stream));
            const network = new lab.Network({ inputs: 784, outputs: 10, ...settings }, Float32Array);
            network.initialize(random[0], 1);
            return { start: [...network.parameters],
                     orders: Array.from({ length: settings.epochs }, () => [...lab.permutation(200, random[1])]) };
        }""",
        settings,
    )
    network, rule = recipe(settings)
    network.parameters[...] = drawn["start"]
    images, labels = digits()
    x, t, loss = ml.to_vectors(images), ml.one_hot(labels), ml.SoftmaxCrossEntropy()
    for order in drawn["orders"]:
        for start in range(0, 200, 32):
            before, rows = network.parameters.copy(), order[start : start + 32]
            ml.train_step(network, loss, rule, x[rows], t[rows], 0.0)
    found = shown(page)
    result = ml.evaluate(network, x[TRAINING:], labels[TRAINING:], loss)
    assert (found["validationLoss"], found["accuracy"]) == pytest.approx(result, rel=1e-4)
    assert found["wrong"] == 1000 - round(1000 * result.accuracy) and found["step"] == 35
    moved = np.linalg.norm(network.parameters - before) / np.linalg.norm(before)
    assert found["ratio"] == pytest.approx(moved, rel=1e-3)
    hidden = network.layers[1].forward(network.layers[0].forward(x[TRAINING:])) > 0
    assert found["flat"] == pytest.approx(1 - hidden.mean(), abs=1e-4)
    assert found["silent"] == (~hidden.any(axis=0)).sum()
    answers = network.predict(x[TRAINING:])
    missed = np.flatnonzero(answers != labels[TRAINING:])[:16]
    captions = [f"{labels[TRAINING + n]} as {answers[n]}" for n in missed]
    assert page.locator("li").all_inner_texts() == captions
    pixels = (
        page.locator("li canvas")
        .nth(2)
        .evaluate("c => [...c.getContext('2d').getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 0)")
    )
    assert np.abs(255 - np.array(pixels) - images[TRAINING + missed[2]].ravel()).max() <= 1


def test_a_run_depends_on_its_settings_and_not_on_pauses_and_steps(opened):
    page = opened(Laboratory())
    choose(page, **QUICK, dropout="0.2")
    press(page, "Train")
    wait_until(page, "Done")
    straight, curve = shown(page), page.locator("polyline.validation").first.get_attribute("points")
    press(page, "Reset")
    page.wait_for_function("document.querySelector('.numbers').textContent.startsWith('Step 0')")
    for step in range(1, 4):
        press(page, "Step")
        page.wait_for_function(f"document.querySelector('.numbers').textContent.startsWith('Step {step} ')")
    press(page, "Train")
    wait_until(page, "Done")
    assert shown(page) == straight
    assert page.locator("polyline.validation").first.get_attribute("points") == curve
    choose(page, seed="1")
    press(page, "Train")
    wait_until(page, "Done")
    assert shown(page)["validationLoss"] != straight["validationLoss"]


def test_training_pauses_and_goes_on(opened):
    page = opened(Laboratory())
    press(page, "Train")
    page.wait_for_function("JSON.parse(document.querySelector('.numbers').dataset.value).step > 0")
    press(page, "Pause")
    wait_until(page, "Paused at step")
    step = shown(page)["step"]
    page.wait_for_timeout(300)
    assert shown(page)["step"] == step
    press(page, "Train")
    page.wait_for_function(f"JSON.parse(document.querySelector('.numbers').dataset.value).step > {step}")


@pytest.mark.parametrize(
    ("preset", "sign"),
    [
        ("calm", "now.epoch >= 2 && now.accuracy > 0.8 && now.silent === 0"),
        ("small-rate", "now.epoch >= 2 && now.validationLoss > 2 && now.ratio < 1e-3"),
        ("large-rate", "now.epoch >= 2 && now.accuracy < 0.3 && now.flat > 0.9"),
        ("dead-units", "now.epoch >= 2 && now.silent > 20"),
        ("saturation", "now.epoch >= 1 && now.flat > 0.6"),
        ("zero-weights", "now.epoch >= 2 && now.accuracy < 0.6 && now.flat < 0.5"),
    ],
)
def test_an_address_leads_to_a_preset_that_does_what_it_says(opened, preset, sign):
    page = opened(Laboratory(), end=f"#lab-{preset}")
    assert PRESETS[preset].look in said(page)
    for name, value in Laboratory().settings(**PRESETS[preset].changes).items():
        assert page.locator(f'select[data-name="{name}"]').input_value() == str(value)
    page.wait_for_function(
        f"(() => {{ const now = JSON.parse(document.querySelector('.numbers').dataset.value); return {sign}; }})()"
    )


def heights(page, kind):
    """How far above the floor of the chart of losses a curve is, from point to point."""
    points = page.locator(f"polyline.{kind}").first.get_attribute("points").split()
    return 138 - np.array([float(point.split(",")[1]) for point in points])


def swing(curve):
    """How far a curve rises again, at most, from the lowest that it was."""
    return (curve - np.minimum.accumulate(curve)).max()


def test_momentum_that_overshoots_swings_up_again_before_it_settles(opened):
    swings = {}
    for preset in ("calm", "overshooting"):
        page = opened(Laboratory(), end=f"#lab-{preset}")
        wait_until(page, "Done")
        curve = heights(page, "validation")
        swings[preset] = swing(curve)
        assert shown(page)["accuracy"] > 0.9
    turn = np.argmax(curve - np.minimum.accumulate(curve))
    assert swings["overshooting"] > 9 > 5 > swings["calm"]
    assert turn < len(curve) / 2 and curve[-1] < curve[:turn].min() - 5  # it settles lower than where it turned


def test_overfitting_takes_one_loss_to_zero_and_makes_the_other_turn_and_rise(opened):
    page = opened(Laboratory(), end="#lab-overfitting")
    wait_until(page, "Done")
    validation = heights(page, "validation")
    now = shown(page)
    assert now["loss"] < 0.01 and now["validationLoss"] > 1
    assert np.argmin(validation) < len(validation) / 5 and validation[-1] > validation.min() + 4
    assert swing(heights(page, "training")) == 0  # that one falls all the way


def test_the_address_holds_settings_for_somebody_else(opened):
    page = opened(Laboratory())
    choose(page, **QUICK, learning_rate="0.3", activation="tanh")
    press(page, "Share")
    assert "holds these settings" in said(page)
    end = page.evaluate("location.hash")
    assert set(end.removeprefix("#lab?").split("&")) == {
        "hidden=8",
        "images=200",
        "epochs=5",
        "learning_rate=0.3",
        "activation=tanh",
    }
    other = opened(Laboratory(), end=f"{end}&momentum=7&magic=1")
    wait_until(other, "Done")
    assert shown(other)["step"] == 35
    for name, value in (("learning_rate", "0.3"), ("activation", "tanh"), ("momentum", "0")):
        assert other.locator(f'select[data-name="{name}"]').input_value() == value
    other.evaluate("location.hash = '#lab-calm'")
    wait_until(other, PRESETS["calm"].look)


def test_two_runs_stand_side_by_side(opened):
    page = opened(Laboratory())
    choose(page, **QUICK)
    press(page, "Train")
    wait_until(page, "Done")
    first = shown(page)
    press(page, "Keep")
    choose(page, activation="tanh")
    press(page, "Train")
    wait_until(page, "Done")
    second = shown(page)
    rows = {
        row.locator("th").inner_text(): row.locator("td").all_inner_texts() for row in page.locator("tbody tr").all()
    }
    assert rows["activation"] == ["tanh", "ReLU"] and "seed" not in rows
    assert [float(text) for text in rows["validation loss"]] == pytest.approx(
        [second["validationLoss"], first["validationLoss"]], rel=0.01
    )
    assert page.locator("polyline.kept").count() == 4 and page.locator("polyline").count() == 8
    assert page.locator(".charts canvas:visible").count() == 2
    assert "Kept run" in page.locator("svg").first.get_attribute("aria-label")


def test_a_loss_that_is_no_number_ends_the_run_and_is_said(opened, monkeypatch):
    monkeypatch.setitem(CONTROLS, "learning_rate", Control("learning rate", (1e30,), 1e30))
    page = opened(Laboratory(presets=()))
    press(page, "Train")
    wait_until(page, "It diverged")


def test_the_keyboard_is_enough_and_everything_has_a_name(opened):
    page = opened(Laboratory())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == PRESETS["calm"].title
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.name") == "hidden":
            break
    page.keyboard.press("ArrowUp")
    assert page.locator('select[data-name="hidden"]').input_value() == "32"
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Step":
            break
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.numbers').textContent.startsWith('Step 1 ')")
    for name, control in CONTROLS.items():
        assert page.get_by_role("combobox", name=control.label, exact=True).get_attribute("data-name") == name
    for drawing in page.get_by_role("img").all():
        assert len(drawing.get_attribute("aria-label")) > 20
    assert page.locator("svg").count() == 3 and "in validation" in page.locator("svg").first.get_attribute("aria-label")


def test_it_fits_a_phone_has_the_colours_of_its_page_and_keeps_nobody_out(opened):
    page = opened(Laboratory(), end="#lab?epochs=5&images=200&hidden=8")
    wait_until(page, "Done")
    press(page, "Keep")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    colours = page.eval_on_selector_all(
        ".mnistlab-laboratory :is(p, th, button, select, caption)",
        "all => [...new Set(all.map(e => getComputedStyle(e).color))]",
    )
    assert colours == ["rgb(238, 238, 238)"]
    page.evaluate((resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'], preload: false })")["violations"]
    assert [
        (rule["id"], rule["nodes"][0]["html"][:200]) for rule in found if rule["impact"] in ("serious", "critical")
    ] == []


def test_laboratories_on_one_page_do_not_disturb_each_other_and_leave_no_names_behind(opened):
    small = Laboratory(("hidden", "learning_rate"), ("calm",), name="small")
    page = opened(Laboratory(), small, end="#small-calm")
    page.wait_for_function("document.querySelectorAll('.numbers[data-value]').length === 2")
    wait_until_second = "document.querySelectorAll('.numbers')[1].textContent.match(/^Step [1-9]/)"
    page.wait_for_function(wait_until_second)
    assert page.locator("svg").count() == 3 + 2
    assert ["slope" in text for text in page.locator(".numbers").all_inner_texts()] == [True, False]
    assert shown(page)["step"] == 0 and page.locator("select").count() == len(CONTROLS) + 2
    assert page.evaluate("Object.keys(window).filter((name) => name.startsWith('laboratory'))") == []


def test_a_frame_of_a_stranger_that_may_only_run_scripts_is_enough(browser):
    # Colab shows an output in a frame of another origin; a sandbox's origin is nobody's.
    page = browser.new_page()
    page.set_default_timeout(PATIENCE_MS)
    source = html.escape("<!doctype html><title>output</title>" + Laboratory()._repr_html_())
    page.set_content(f'<iframe sandbox="allow-scripts" width="700" height="900" srcdoc="{source}"></iframe>')
    frame = page.frame_locator("iframe")
    frame.get_by_text("Press Train.").wait_for()
    frame.get_by_role("button", name="Step").click()
    frame.get_by_text("Step 1 of").wait_for()
    frame.locator('select[data-name="seed"]').select_option("4")
    frame.get_by_role("button", name="Share").click()
    address = "https://mnistlab.github.io/mnistlab/notebooks/11_hyperparameters.html#lab?seed=4"
    assert frame.get_by_role("link").get_attribute("href") == address
    page.close()


@pytest.mark.parametrize(
    ("before", "replaced", "by"),
    [
        ("<script>delete window.Worker</script>", "", ""),
        ("""<meta http-equiv="Content-Security-Policy" content="worker-src 'none'">""", "", ""),
        ("", "new DecompressionStream", "new NoSuchStream"),
    ],
)
def test_where_it_cannot_run_it_says_so_and_leads_to_the_page(browser, tmp_path, before, replaced, by):
    page, file = browser.new_page(), tmp_path / "page.html"
    page.set_default_timeout(PATIENCE_MS)
    file.write_text(HEAD + before + Laboratory()._repr_html_().replace(replaced, by), encoding="utf-8")
    page.goto(file.as_uri())
    link = page.get_by_role("link", name="the page of the report")
    link.wait_for()
    assert link.get_attribute("href").endswith("/notebooks/11_hyperparameters.html")
    assert "does not run here" in said(page)
    page.close()
