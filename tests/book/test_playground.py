"""The live figure of the chapter on the chain rule: its numbers are the library's; it needs no mouse and no network."""

from __future__ import annotations

import copy
import re

import matplotlib
import numpy as np
import pytest

import mnistlab as ml
from mnistbook.ch04_chain_rule.playground import Playground, Working, tiny_network

matplotlib.use("agg")

X, T = np.array([[1.0, 0.5]]), np.array([[1.0, 0.0]])
WEIGHTS = [f"W{layer}{i}{k}" for layer in (1, 2) for i in (0, 1) for k in (0, 1)]
BIASES = [f"b{layer}{k}" for layer in (1, 2) for k in (0, 1)]


def library(network, x=X, t=T):
    """All that the figure shows, computed by the library, under the names of the figure."""
    loss = ml.SquaredError()
    first, hidden, second, output = network.layers
    numbers = {"loss": float(loss.forward(network.forward(x), t))}
    network.backward(loss.backward())
    arrays = {"x": x[0], "t": t[0], "h": hidden.y[0], "y": output.y[0], "d1": first.db, "d2": second.db}
    for number, layer in (("1", first), ("2", second)):
        arrays |= {f"W{number}": layer.W, f"b{number}": layer.b, f"dW{number}": layer.dW}
    for name, array in arrays.items():
        for index, value in np.ndenumerate(array):
            numbers[name + "".join(map(str, index))] = float(value)
    return numbers


def set_value(network, name, value):
    layer = network.layers[0 if name[1] == "1" else 2]
    getattr(layer, name[0])[tuple(map(int, name[2:]))] = value


def descend(network, rate):
    library(network)
    network.parameters -= rate * network.gradients


# ---- the object ------------------------------------------------------------------------------------------------------


def test_values_are_those_of_a_gradient_check():
    network = tiny_network()
    errors = ml.check_gradients(network, ml.SquaredError(), X.copy(), T)
    assert max(errors.values()) < 1e-7
    values = Playground(network, X, T).values()
    flat = np.concatenate([values[name].ravel() for name in ("dW1", "db1", "dW2", "db2")])
    library(network)
    assert flat == pytest.approx(network.gradients, rel=1e-12)


def test_the_network_given_stays_as_it_is_and_later_changes_of_it_do_not_show():
    network = tiny_network()
    playground = Playground(network, X, T)
    before = playground._repr_html_()
    kept = network.parameters.copy()
    playground.values()
    assert np.array_equal(network.parameters, kept)
    network.parameters += 1
    assert playground._repr_html_() == before


def test_a_playground_has_html_for_the_page_a_picture_for_print_and_text():
    bundle = Playground(tiny_network(), X, T)._repr_mimebundle_()
    assert list(bundle) == ["text/html", "application/pdf", "text/plain"]
    assert bundle["application/pdf"].startswith(b"%PDF")
    assert "loss = 0.248850" in bundle["text/plain"]
    assert "://" not in bundle["text/html"].replace("http://www.w3.org/2000/svg", "")


def test_html_is_the_same_each_time_and_names_differ_where_content_does():
    def root(**options):
        return re.search(r'id="([\w-]+)"', Playground(tiny_network(), X, T, **options)._repr_html_())[1]

    assert Playground(tiny_network(), X, T)._repr_html_() == Playground(tiny_network(), X, T)._repr_html_()
    assert len({root(), root(name="second"), root(learning_rate=2)}) == 3


def test_a_name_cannot_end_the_markup():
    text = Playground(tiny_network(), X, T, name='"></div><script>')._repr_html_()
    assert text.count("<script>") == 1


@pytest.mark.parametrize(
    ("layers", "x", "rate"),
    [
        ([ml.Dense(2, 2), ml.Tanh(), ml.Dense(2, 2), ml.Sigmoid()], X, 1),
        ([ml.Dense(2, 3), ml.Sigmoid(), ml.Dense(3, 2), ml.Sigmoid()], X, 1),
        ([ml.Dense(2, 2, bias=False), ml.Sigmoid(), ml.Dense(2, 2), ml.Sigmoid()], X, 1),
        (copy.deepcopy(tiny_network().layers), X[0], 1),
        (copy.deepcopy(tiny_network().layers), X * np.nan, 1),
        (copy.deepcopy(tiny_network().layers), X, 11),
    ],
)
def test_what_cannot_be_shown_is_refused(layers, x, rate):
    with pytest.raises(ValueError, match="playground"):
        Playground(ml.Network(layers), x, T, learning_rate=rate)


def test_the_drawing_has_the_weights_and_the_gradients_or_the_path():
    playground = Playground(tiny_network(), X, T)
    texts = [text.get_text() for text in playground.figure().axes[0].texts]
    assert {"−0.60", "−0.0313", "0.731", "δ 0.1439", "L\n0.2489"} <= set(texts)
    axes = playground.figure(follow=(0, 0)).axes[0]
    assert "−0.0313" not in [text.get_text() for text in axes.texts]
    bold = [line.get_ydata().tolist() for line in axes.lines if line.get_linewidth() > 2]
    assert bold == [[3, 3], [3, 3], [3, 0], [3, 1.5], [0, 1.5]]


def test_a_working_shows_its_lines_in_both_forms():
    working = Working(("a", "b + c", "3"), ("d", "4"))
    assert repr(working) == "a = b + c = 3\nd = 4"
    assert working._repr_latex_() == (
        "$\\displaystyle \\begin{aligned}\na &= b + c = 3 \\\\[1ex]\nd &= 4\n\\end{aligned}$"
    )


# ---- in a browser ----------------------------------------------------------------------------------------------------


@pytest.fixture
def page(browser, tmp_path):
    """The figure in a page of its own, opened from a file as a reader with no server would."""
    file = tmp_path / "page.html"
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    file.write_text(f"{head}<body>{Playground(tiny_network(), X, T)._repr_html_()}</body></html>", encoding="utf-8")
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.asked, page.complaints = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(file.as_uri())
    yield page
    assert page.complaints == []
    page.close()


def shown(page):
    """What the page shows, to the last digit, by name."""
    script = "all => Object.fromEntries(all.map(e => [e.dataset.key, Number(e.dataset.value)]))"
    return page.eval_on_selector_all("[data-value]", script)


def slide(page, name, value):
    page.locator(f'input[data-name="{name}"]').fill(str(value))


def press(page, name):
    page.get_by_role("button", name=name).click()


def assert_same(page, network, x=X):
    numbers = library(network, x)
    assert {*WEIGHTS, *BIASES, *("d" + name for name in WEIGHTS), "loss", "h0", "y1", "d10"} <= set(numbers)
    assert shown(page) == pytest.approx(numbers, rel=0, abs=1e-9)


def test_the_figure_starts_with_the_numbers_of_the_library(page):
    assert_same(page, tiny_network())


@pytest.mark.parametrize("name", WEIGHTS)
def test_every_weight_can_be_moved_and_all_numbers_follow(page, name):
    network = tiny_network()
    slide(page, name, -1.7)
    set_value(network, name, -1.7)
    assert_same(page, network)
    press(page, "step")
    descend(network, 1.0)
    assert_same(page, network)


def test_inputs_and_the_learning_rate_can_be_moved(page):
    network, x = tiny_network(), np.array([[-0.8, 1.3]])
    slide(page, "x0", -0.8)
    slide(page, "x1", 1.3)
    slide(page, "rate", 2.5)
    assert_same(page, network, x)
    press(page, "step")
    library(network, x)
    network.parameters -= 2.5 * network.gradients
    assert_same(page, network, x)


def test_three_steps_lower_the_loss_and_reset_returns(page):
    network = tiny_network()
    losses = [shown(page)["loss"]]
    for _ in range(3):
        press(page, "step")
        descend(network, 1.0)
        losses.append(shown(page)["loss"])
    assert losses == sorted(losses, reverse=True) and losses[3] < 0.6 * losses[0]
    assert_same(page, network)
    curve = page.locator("polyline").get_attribute("points").split()
    heights = [float(point.split(",")[1]) for point in curve]
    assert len(curve) == 4 and heights == sorted(heights)
    press(page, "reset")
    assert_same(page, tiny_network())
    assert "steps 0" in page.get_by_role("status").inner_text()


def test_the_keyboard_is_enough(page):
    network = tiny_network()
    wanted = page.locator('input[data-name="W100"]')
    for _ in range(20):
        page.keyboard.press("Tab")
        if wanted.evaluate("e => e === document.activeElement"):
            break
    page.keyboard.press("ArrowRight")
    set_value(network, "W100", 0.5)
    assert_same(page, network)
    for _ in range(20):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.textContent") == "step":
            break
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    descend(network, 1.0)
    descend(network, 1.0)
    assert_same(page, network)


def test_everything_has_a_name_for_those_who_cannot_see_it(page):
    names = page.eval_on_selector_all("input", "all => all.map(e => e.getAttribute('aria-label'))")
    assert len(names) == 11 and len(set(names)) == 11 and "weight from x0 to h1" in names
    for picture in page.get_by_role("img").all():
        assert len(picture.get_attribute("aria-label")) > 20
    assert page.locator('input[data-name="W101"]').get_attribute("aria-valuetext") == "−0.60"


def test_nothing_is_asked_for_and_nothing_sticks_out_at_a_phone_s_width(page):
    press(page, "step")
    assert [url for url in page.asked if not url.startswith("file:")] == [] and len(page.asked) == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize(("motion", "moves"), [("reduce", False), ("no-preference", True)])
def test_nothing_moves_for_those_who_ask_for_less_motion(page, motion, moves):
    page.emulate_media(reduced_motion=motion)
    press(page, "step")
    phase = page.locator("svg").first.evaluate("e => e.hasAttribute('class')")
    assert phase is moves


def test_two_figures_on_one_page_do_not_disturb_each_other(browser):
    page = browser.new_page()
    one, two = (Playground(tiny_network(), X, T, name=name)._repr_html_() for name in ("one", "two"))
    page.set_content(one + two)
    page.get_by_role("button", name="step").first.click()
    losses = page.eval_on_selector_all('[data-key="loss"]', "all => all.map(e => Number(e.dataset.value))")
    assert losses[0] < losses[1] == pytest.approx(library(tiny_network())["loss"], abs=1e-12)
    page.close()
