"""The built report as its reader meets it. Run by 'make check-report', after 'make report'."""

import functools
import html
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from importlib import resources
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import repository  # noqa: E402

HTML, PDF = ROOT / "_build" / "html", ROOT / "_build" / "latex" / "report.pdf"
NOTEBOOKS = ROOT / "_build" / "notebooks"
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
CONTENTS = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
PAGES = [CONTENTS["root"], *(chapter["file"] for part in CONTENTS["parts"] for chapter in part["chapters"])]
FEWEST_SHEETS = len(PAGES) + 2  # a title, the contents, and each page on paper of its own
MADE = [
    "search",
    "genindex",
    "_modules/mnistlab/layers",
]  # by Sphinx, which makes a page of the last kind for each module
PATIENCE_MS = 300_000
"""A machine that is busy with other things may take its time."""

HEAVIEST = 2_400_000
"""Bytes of a page with its pictures, beside the scripts and styles that all pages share."""

STILL = "*, ::before, ::after { transition: none !important; animation: none !important; }"
"""Colours that fade over are measured where they end: how long a fade takes depends on the machine."""

pytestmark = pytest.mark.report

# What one visit to a page gathers; formulas count as raw where their TeX still stands in the text.
LOOK = r"""() => {
    const article = document.querySelector(".bd-article") || document.body;
    const text = document.createTreeWalker(article, NodeFilter.SHOW_TEXT, node =>
        node.parentElement.closest("pre, code, script, style, mjx-container")
            ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
    let raw = 0;
    while (text.nextNode()) raw += /\\\(|\\\[|\$\$/.test(text.currentNode.data) ? 1 : 0;
    return {
        formulas: article.querySelectorAll(".math").length,
        typeset: article.querySelectorAll(".math mjx-container").length,
        formula_errors: article.querySelectorAll("mjx-merror").length,
        raw: raw,
        without_alt: [...article.querySelectorAll("img")].filter(i => !i.alt.trim()).map(i => i.src),
        broken_images: [...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src),
        sideways: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        links: [...document.querySelectorAll("a[href]")].map(a => a.href),
        ids: [...document.querySelectorAll("[id]")].map(e => e.id),
        stray_bar: [...document.querySelectorAll(".bd-header.navbar")].some(e => e.offsetHeight > 0),
    };
}"""


@pytest.fixture(scope="module")
def built():
    if not (HTML / "index.html").exists():
        pytest.fail("there is no report to check: type 'make report' first")
    return HTML


@pytest.fixture(scope="module")
def server(built):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=str(built))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()


@pytest.fixture(scope="module")
def browser():
    program = os.environ.get("MNISTLAB_BROWSER") or shutil.which("chromium")
    if not program:
        pytest.skip("there is no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program)
        yield running
        running.close()


@pytest.fixture(scope="module")
def visit(browser, server):
    """Return a function that opens a page at a width, once, and returns what was seen."""
    seen = {}

    def open_page(name, width=1280):
        if (name, width) not in seen:
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme="light")
            page.set_default_timeout(PATIENCE_MS)
            outside, complaints, sizes = [], [], {}
            page.route(lambda url: _is_outside(url, server), lambda route: route.abort())
            page.on("request", lambda asked: outside.append(asked.url) if _is_outside(asked.url, server) else None)
            page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("response", lambda answer: complaints.append(answer.url) if answer.status >= 400 else None)
            page.on("response", lambda answer: sizes.update({answer.url: int(answer.headers["content-length"])}))
            page.goto(f"{server}{name}.html", wait_until="networkidle")
            page.wait_for_function(
                "() => !document.querySelector('.bd-article .math')"
                " || (window.MathJax && MathJax.startup && MathJax.startup.promise)"
            )
            page.evaluate("() => window.MathJax && MathJax.startup ? MathJax.startup.promise.then(() => 0) : 0")
            # A solution that is folded away can be as wide as any other text.
            page.evaluate("() => document.querySelectorAll('details').forEach(d => { d.open = true; })")
            weight = sum(size for url, size in sizes.items() if "/_static/" not in url)
            heard = {"outside": [*outside], "complaints": [*complaints]}  # before axe-core asks for more
            seen[name, width] = {**page.evaluate(LOOK), **heard, "weight": weight}
            if width > 1000:
                seen[name, width]["barriers"] = barriers(page)
            page.close()
        return seen[name, width]

    return open_page


def barriers(page):
    """Return what axe-core finds that keeps people out, in the light and, where colours decide, in the dark."""
    page.add_style_tag(content=STILL)
    page.evaluate((resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'], preload: false })")["violations"]
    page.evaluate("() => { document.documentElement.dataset.theme = 'dark'; }")
    found += page.evaluate("() => axe.run(document, { runOnly: ['color-contrast'], preload: false })")["violations"]
    return [
        (rule["id"], element["html"][:200], element["failureSummary"])
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for element in rule["nodes"]
    ]


def _is_outside(url, server):
    return not url.startswith((server, "data:", "blob:"))


@pytest.mark.parametrize("name", [*PAGES, *MADE])
def test_a_page_loads_nothing_from_outside_and_complains_of_nothing(visit, name):
    seen = visit(name)
    assert seen["outside"] == []
    assert seen["complaints"] == []


@pytest.mark.parametrize("name", PAGES)
def test_formulas_are_typeset(visit, name):
    seen = visit(name)
    assert seen["typeset"] >= seen["formulas"]
    assert seen["raw"] == 0
    assert seen["formula_errors"] == 0


@pytest.mark.parametrize("name", PAGES)
def test_pictures_are_there_and_say_in_words_what_they_show(visit, name):
    seen = visit(name)
    assert seen["without_alt"] == []
    assert seen["broken_images"] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_telephone(visit, name):
    assert visit(name, width=390)["sideways"] <= 0


@pytest.mark.parametrize("name", [*PAGES, *MADE])
def test_nothing_on_a_page_keeps_people_out(visit, name):
    assert visit(name)["barriers"] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_light_enough_for_a_slow_network(visit, name):
    assert 0 < visit(name)["weight"] <= HEAVIEST


def test_the_pad_of_the_front_page_opens_with_a_digit_already_read(browser, server):
    page = browser.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{server}{PAGES[0]}.html")
    page.wait_for_selector(".mnistlab-pad tr.best")
    assert page.locator(".mnistlab-pad").get_by_role("status").inner_text().startswith("An example. It looks like")
    page.close()


@pytest.mark.parametrize(
    ("name", "preset"),
    [("notebooks/03_training", "try-large-rate"), ("notebooks/11_hyperparameters", "lab-dead-units")],
)
def test_an_exercise_leads_to_a_network_that_learns_in_the_page(browser, server, name, preset):
    page = browser.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{server}{name}.html")
    page.wait_for_selector(".mnistlab-laboratory .numbers[data-value]")
    page.locator(f"div.exercise a[href='#{preset}']").first.click()
    page.wait_for_function("document.querySelector('.mnistlab-laboratory .numbers').textContent.match(/^Step [1-9]/)")
    page.close()


@pytest.mark.parametrize("name", ["book/map", "book/api/library", "notebooks/05_softmax"])
def test_the_keyboard_leads_through_a_page_and_shows_where_it_is(browser, server, name):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{server}{name}.html", wait_until="networkidle")
    page.keyboard.press("Tab")
    assert "Skip to main content" in page.evaluate("() => document.activeElement.textContent")
    page.keyboard.press("Enter")
    seen = set()
    for _ in range(25):
        page.keyboard.press("Tab")
        element = page.evaluate(
            """() => {
                const it = document.activeElement, style = getComputedStyle(it);
                return {
                    what: it.outerHTML.slice(0, 200),
                    in_article: Boolean(it.closest("main")),
                    shows: style.outlineStyle !== "none" || style.boxShadow !== "none",
                };
            }"""
        )
        seen.add(element["what"])
        assert element["in_article"], f"the skip link leads past {element['what']}"
        assert element["shows"], f"nothing shows that {element['what']} has the focus"
    assert len(seen) > 10
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_the_stray_bar_of_the_theme_is_hidden(visit, name):
    assert not visit(name)["stray_bar"]


def test_some_page_has_formulas_and_some_page_has_pictures(visit):
    assert any(visit(name)["formulas"] for name in PAGES), "the test of formulas would test nothing"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_runs_can_be_opened_elsewhere_and_any_page_edited(built, name):
    """Colab and Binder open the resolved notebook, in this repository or the fork that built it."""
    text = html.unescape((built / f"{name}.html").read_text(encoding="utf-8"))
    links = set(re.findall(r'href="(https?://[^"]+)"', text))
    (file,) = [path.relative_to(ROOT).as_posix() for path in ROOT.glob(f"{name}.*") if path.suffix in (".md", ".ipynb")]
    address, branch = repository.address(), CONFIG["repository"]["branch"]
    owner_and_name = urlsplit(address).path.strip("/")
    colab = f"{CONFIG['launch_buttons']['colab_url']}/github/"
    binder = f"{CONFIG['launch_buttons']['binderhub_url']}/v2/gh/"
    runs, notebooks = file.endswith(".ipynb"), repository.NOTEBOOKS_BRANCH
    paths = {
        *re.findall(rf"{re.escape(colab + owner_and_name)}/blob/{notebooks}/(\S+)", " ".join(links)),
        *re.findall(rf"{re.escape(binder + owner_and_name)}/{notebooks}\?urlpath=lab/tree/(\S+)", " ".join(links)),
    }
    assert len({link for link in links if link.startswith((colab, binder))}) == (2 if runs else 0)
    assert paths == ({Path(file).name} if runs else set())
    assert all((NOTEBOOKS / path).is_file() for path in paths), "a button leads to no file"
    assert f"{address}/edit/{branch}/{file}" in links
    assert any(link.startswith(f"{address}/issues/new?") for link in links)


@pytest.mark.parametrize("name", [*PAGES, *MADE])
def test_links_inside_the_report_lead_somewhere(visit, server, name):
    broken = []
    for link in visit(name)["links"]:
        address = urlsplit(link)
        target = unquote(address.path).lstrip("/")
        found = (HTML / target).is_file() and (
            not target.endswith(".html") or unquote(address.fragment) in _ids(target)
        )
        if link.startswith(server) and not found:
            broken.append(link)
    assert broken == []


@functools.cache
def _ids(target):
    text = (HTML / target).read_text(encoding="utf-8")
    return {"", *re.findall(r'\bid="([^"]+)"', text)}


def test_the_front_door_leads_to_the_first_page(built):
    text = (built / "index.html").read_text(encoding="utf-8")
    (target,) = re.findall(r'http-equiv="Refresh" content="0; url=([^"]+)"', text)
    assert urljoin("x/", target) == f"x/{CONTENTS['root']}.html"


def test_every_page_of_the_contents_was_built(built):
    assert [name for name in PAGES if not (built / f"{name}.html").exists()] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_offers_the_pdf_of_the_report_and_its_own_source_or_notebook(visit, server, name):
    (source,) = [path.name for path in ROOT.glob(f"{name}.*") if path.suffix in (".md", ".ipynb")]
    links = visit(name)["links"]
    assert f"{server}report.pdf" in links
    own = f"{name}.ipynb" if source.endswith(".ipynb") else f"_sources/{Path(name).parent.as_posix()}/{source}"
    assert f"{server}{own}" in links
    if source.endswith(".ipynb"):
        assert (HTML / own).read_bytes() == (NOTEBOOKS / source).read_bytes()


def test_the_pdf_beside_the_pages_is_the_one_that_was_typeset(built):
    assert (built / "report.pdf").read_bytes() == PDF.read_bytes()


def test_the_index_leads_to_terms_where_they_are_introduced_and_to_names(built):
    entries = dict(re.findall(r'<a href="([^"]+)">(?:<strong>)?([^<]+)', (built / "genindex.html").read_text("utf-8")))
    assert entries["book/glossary.html#term-momentum"] == "momentum"
    assert "notebooks/02_network.html#term-here-softmax" in entries
    assert "book/api/library.html#mnistlab.Dense" in entries


def test_an_entry_of_the_reference_leads_to_its_equation_and_a_chapter_to_the_entry(built):
    reference = (built / "book/api/library.html").read_text(encoding="utf-8")
    assert 'href="../../notebooks/06_matrix_form.html#equation-eq-dense-backward"' in reference
    chapter = (built / "notebooks/02_network.html").read_text(encoding="utf-8")
    assert 'class="api-link" href="../book/api/library.html#mnistlab.Dense"' in chapter


def test_the_pdf_is_whole(built):
    data = PDF.read_bytes()
    assert data.startswith(b"%PDF")
    assert b"%%EOF" in data[-1024:]


def test_the_pdf_has_its_sheets_and_fonts(built):
    facts = _poppler("pdfinfo", PDF)
    assert int(re.search(r"^Pages: +(\d+)", facts, re.MULTILINE)[1]) >= FEWEST_SHEETS
    assert re.search(r"^Page size: .*A4", facts, re.MULTILINE)
    fonts = _poppler("pdffonts", PDF).splitlines()[2:]
    assert fonts
    # The columns after the encoding: embedded, subset, unicode, and two numbers.
    assert [font for font in fonts if font.split()[-5] != "yes"] == []


def test_the_pdf_holds_the_text_and_each_heading_of_the_bibliography_once(built):
    text = _poppler("pdftotext", "-layout", PDF, "-")
    assert "<IPython" not in text
    assert "<Figure" not in text
    body = text[text.index("Chapter 1") :]
    assert len(re.findall(r"^\s*Bibliography\s*$", body, re.MULTILINE)) == 1


def _poppler(program, *arguments):
    if not shutil.which(program):
        if os.environ.get("CI"):
            pytest.fail(f"{program} is missing: install poppler-utils")
        pytest.skip(f"{program} of poppler-utils is not on this machine")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=True).stdout
