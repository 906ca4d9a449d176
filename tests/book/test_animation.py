"""The animation of an image in a network: its numbers are the library's; it needs no mouse and no network."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest

import mnistlab as ml
from mnistbook.ch03_training.animation import Animation

matplotlib.use("agg")

IMAGE = np.zeros(784)
IMAGE[300:340] = np.linspace(0.05, 1, 40)


def small(seed=3):
    return ml.Network([ml.Dense(784, 16), ml.ReLU(), ml.Dense(16, 10)], seed=seed, dtype=np.float64)


def animation(**options):
    return Animation(small(), IMAGE, 4, **options)


# ---- the numbers -----------------------------------------------------------------------------------------------------


def test_values_are_those_of_a_gradient_check():
    network, target = small(), ml.one_hot([4], dtype=np.float64)
    errors = ml.check_gradients(network, ml.SoftmaxCrossEntropy(), IMAGE[None].copy(), target)
    assert max(errors.values()) < 1e-6
    values = animation().values()
    assert np.allclose(values["dW2"], network.layers[2].dW) and np.allclose(values["dW1"], network.layers[0].dW)
    assert np.allclose(values["p"], network.predict_proba(IMAGE[None])[0])


def test_what_the_pictures_say_of_the_gradients_is_so():
    values = animation().values()
    target = ml.one_hot([4], dtype=np.float64)[0]
    assert np.allclose(values["d2"], values["p"] - target)
    assert np.allclose(values["dW2"], np.outer(values["h"], values["d2"]))
    assert np.allclose(values["d1"], (small().layers[2].W @ values["d2"]) * (values["h"] > 0))
    assert np.allclose(values["dW1"], np.outer(IMAGE, values["d1"]))


def test_the_step_is_one_of_gradient_descent():
    network, rate = small(), 0.05
    after = ml.SoftmaxCrossEntropy()
    target = ml.one_hot([4], dtype=np.float64)
    ml.train_step(network, ml.SoftmaxCrossEntropy(), ml.SGD(rate), IMAGE[None], target)
    values = animation(learning_rate=rate).values()
    assert values["loss_after"] == pytest.approx(after.forward(network.forward(IMAGE[None]), target))
    assert np.allclose(values["p_after"], network.predict_proba(IMAGE[None])[0])


def test_the_network_given_stays_as_it_is():
    network = small()
    before = network.parameters.copy()
    shown = Animation(network, IMAGE, 4)
    html = shown._repr_html_()
    assert np.array_equal(network.parameters, before)
    network.parameters += 1
    assert shown._repr_html_() == html


def test_texts_say_what_was_computed():
    shown = animation()
    values, stages = shown.values(), {stage.title: stage for stage in shown.stages()}
    assert f"{np.sum(IMAGE > 0)} are not 0" in stages["The image"].text
    assert f"−log {values['p'][4]:.3f} = {values['loss']:.2f}" in stages["Softmax and loss"].text
    assert f"the other {np.sum(values['z'] <= 0)} zero" in stages["ReLU"].text
    assert f"to {values['loss_after']:.2f}" in stages["One step"].text


def test_there_is_html_for_the_page_a_picture_for_print_and_text():
    bundle = animation()._repr_mimebundle_()
    assert list(bundle) == ["text/html", "application/pdf", "text/plain"]
    assert bundle["application/pdf"].startswith(b"%PDF")
    assert "://" not in bundle["text/html"].replace("http://www.w3.org/2000/svg", "")
    titles = [axes.get_title() for axes in animation().figure().axes]
    assert [title.partition(" ")[2] for title in titles] == [stage.title for stage in animation().stages()[1:]]


@pytest.mark.parametrize(
    ("layers", "image", "label"),
    [
        ([ml.Dense(784, 15), ml.ReLU(), ml.Dense(15, 10)], IMAGE, 4),
        ([ml.Dense(784, 16), ml.Tanh(), ml.Dense(16, 10)], IMAGE, 4),
        ([ml.Dense(784, 16), ml.ReLU(), ml.Dense(16, 10)], IMAGE[None], 4),
        ([ml.Dense(784, 16), ml.ReLU(), ml.Dense(16, 10)], 255 * IMAGE, 4),
        ([ml.Dense(784, 16), ml.ReLU(), ml.Dense(16, 10)], np.full(784, np.nan), 4),
        ([ml.Dense(784, 16), ml.ReLU(), ml.Dense(16, 10)], IMAGE, 10),
    ],
)
def test_what_cannot_be_shown_is_refused(layers, image, label):
    with pytest.raises(ValueError, match=r"animation|digit"):
        Animation(ml.Network(layers), image, label)


# ---- in a browser ----------------------------------------------------------------------------------------------------


@pytest.fixture
def opened(browser, tmp_path):
    """Return a function that opens the animation from a file, as a reader with no server would."""
    file = tmp_path / "page.html"
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    file.write_text(f"{head}<body>{animation()._repr_html_()}</body></html>", encoding="utf-8")
    contexts, complaints = [], []

    def open_page(**options):
        contexts.append(browser.new_context(viewport={"width": 390, "height": 844}, **options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url) if "file:" not in request.url else None)
        page.clock.install()
        page.goto(file.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def stage(page):
    return int(page.locator(".mnistlab-animation").get_attribute("data-stage"))


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def test_the_page_draws_the_numbers(opened):
    page, numbers = opened(), animation().stages()[5]
    page.get_by_role("slider").fill("5")
    script = "all => all.map(e => [Number(e.getAttribute('r')), e.style.fill])"
    drawn = page.eval_on_selector_all("svg circle.unit", script)
    both = (numbers.hidden, numbers.outputs)
    parts = np.concatenate([values / np.abs(values).max() for values in both])
    assert [r for r, _ in drawn] == pytest.approx(10 * np.sqrt(np.abs(parts)), abs=1e-2)
    assert [fill == "var(--now)" for _, fill in drawn] == (parts > 0).tolist()
    assert page.locator("svg .note").all_text_contents() == list(numbers.notes)
    assert numbers.text in page.get_by_role("status").inner_text()
    assert numbers.text in page.get_by_role("img").get_attribute("aria-label")


def test_it_waits_until_it_is_played_pauses_and_stops_at_the_end(opened):
    page = opened()
    page.clock.run_for(60_000)
    assert stage(page) == 0
    press(page, "play")
    page.clock.run_for(12_500)
    assert stage(page) == 3
    press(page, "pause")
    page.clock.run_for(60_000)
    assert stage(page) == 3
    press(page, "play")
    page.clock.run_for(600_000)
    assert stage(page) == 9
    press(page, "play")
    assert stage(page) == 0


def test_it_can_be_stepped_with_buttons_and_with_keys_alone(opened):
    page = opened()
    press(page, "next")
    press(page, "next")
    press(page, "back")
    assert stage(page) == 1
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert stage(page) == 2
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    assert stage(page) == 3


def test_dots_move_only_for_those_who_want_motion(opened):
    moving, still = opened(), opened(reduced_motion="reduce")
    for page in (moving, still):
        press(page, "next")
        assert page.locator("svg line").count() > 10
    assert moving.locator("svg .dot").count() > 10
    assert still.locator("svg .dot").count() == 0


def test_nothing_stands_over_the_edge_of_a_phone(opened):
    assert opened().evaluate("document.documentElement.scrollWidth") <= 390
