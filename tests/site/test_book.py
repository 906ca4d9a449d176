"""The pages that the build makes from what is there: exercises, symbols, terms, roads, names, and how to cite."""

import re
import sys
from pathlib import Path

import docutils.utils
import pytest
import yaml
from docutils import nodes

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "book" / "extensions"), str(ROOT / "tools")]

import latex  # noqa: E402
import report_book  # noqa: E402
from report_book import (  # noqa: E402
    api_links,
    chapters,
    citation,
    exercises,
    notation,
    numerals,
    page_numbers,
    printed,
    public,
    roads,
    terms,
    unbroken,
)

import mnistlab as ml  # noqa: E402

NAMES = [each.name for each in chapters.all_chapters()]


@pytest.fixture(params=NAMES)
def chapter(request):
    return chapters.chapter(request.param)


# Chapters.


def test_a_chapter_opens_with_a_label_and_a_question(chapter):
    assert re.fullmatch(r"[a-z][a-z-]+", chapter.label)
    assert chapter.question.endswith("?")


def test_every_exercise_and_labelled_equation_of_a_chapter_is_seen(chapter):
    """What the pages list is found by searching the text; no exercise may be written in a way that escapes."""
    assert len(chapter.exercises) == len(re.findall(r"\{exercise(?:-start)?\}", chapter.prose))
    assert len(chapter.equations) == chapter.prose.count(":label: eq-")


# Exercises.


def test_every_exercise_has_a_difficulty_and_every_difficulty_an_exercise():
    there = {each.name: list(each.exercises) for each in chapters.all_chapters() if each.exercises}
    graded = {name: list(labels) for name, labels in exercises.grades().items()}
    assert graded == there, "bring book/exercises.yml up to date"


def test_every_exercise_stands_on_the_page_once():
    listed = [label for level in exercises.LEVELS.values() for _, label in exercises.at_level(level)]
    assert sorted(listed) == sorted(label for each in chapters.listed_chapters() for label in each.exercises)


def test_a_grade_that_is_no_level_is_refused(tmp_path):
    file = tmp_path / "grades.yml"
    file.write_text("notebooks/one:\n  ex-one: 4\n", encoding="utf-8")
    with pytest.raises(ValueError, match="ex-one"):
        exercises.grades(file)


HINTED = [name for name in NAMES if chapters.chapter(name).number in range(1, 10)]


@pytest.mark.parametrize("name", HINTED)
def test_a_hint_follows_each_exercise_in_its_cell_and_comes_before_the_solution(name):
    kind = re.compile(r"^`{3,}\{(exercise|hint(?=\}\n:class: dropdown\n)|solution)\}", re.MULTILINE)
    found = [" ".join(kind.findall(text)) for _, text in chapters.chapter(name).cells]
    asked = [kinds for kinds in found if "exercise" in kinds]
    assert [kinds for kinds in asked if kinds not in ("exercise hint", "exercise hint solution")] == []
    assert len(asked) == len(chapters.chapter(name).exercises) > 0


@pytest.mark.parametrize("level", exercises.LEVELS.values())
def test_the_page_of_exercises_has_a_section_for_each_level(level):
    page = (ROOT / "book" / "exercises.md").read_text(encoding="utf-8")
    assert f"```{{exercises-by-difficulty}} {level}\n" in page


# Symbols.


def rows():
    return [row for group in notation.groups().values() for row in group]


def home(row):
    """Return the chapter that a row's label stands in."""
    where = row["where"]
    found = [each for each in chapters.all_chapters() if where == each.label or where in each.equations]
    assert len(found) == 1, f"{where} stands in {len(found)} chapters"
    return found[0]


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row['symbol']} {row['where']}")
def test_a_symbol_stands_where_the_table_says(row):
    where = home(row)
    tex = where.equations.get(row["where"]) or " ".join(re.findall(r"\$\$?([^$]+)\$\$?", where.prose))
    stems = notation.letters(row["symbol"]) or {row["symbol"].partition(",")[0].replace("{}", "")}
    if row["symbol"] == r"\mathrm E":
        stems = {r"\operatorname{E}"}
    assert [stem for stem in stems if stem not in tex] == []
    assert set(row) <= {"symbol", "meaning", "shape", "where", "only"}


def test_every_symbol_of_every_labelled_equation_is_in_the_table(chapter):
    known = {
        letter
        for row in rows()
        if not row.get("only") or home(row) is chapter
        for letter in notation.letters(row["symbol"])
    }
    missing = {
        label: sorted(unknown)
        for label, tex in chapter.equations.items()
        if (unknown := notation.letters(tex) - known - {"d"})
    }
    assert missing == {}, "add these to book/notation.yml"


def test_the_page_of_the_notation_shows_every_group():
    page = (ROOT / "book" / "notation.md").read_text(encoding="utf-8")
    assert re.findall(r"^```\{notation\} (.+)$", page, re.MULTILINE) == list(notation.groups())


@pytest.mark.parametrize(
    ("tex", "expected"),
    [
        (r"\hat y_k = \operatorname{softmax}(\theta)", {"y", "k", r"\theta"}),
        (r"\text{accuracy} \le \eta\, \varepsilon", {r"\eta", r"\varepsilon"}),
        (r"\begin{aligned} x &= \frac1N \end{aligned}", {"x", "N"}),
    ],
)
def test_what_counts_as_a_symbol(tex, expected):
    assert notation.letters(tex) == expected


# Terms.


def test_the_glossary_is_in_order_and_says_each_term_once():
    page = (ROOT / "book" / "glossary.md").read_text(encoding="utf-8")
    listed = [line for line in page.partition("```{glossary}\n")[2].splitlines() if re.match(r"\w", line)]
    assert listed == list(terms.terms().values())
    assert list(terms.terms()) == sorted(terms.terms())


@pytest.mark.parametrize(
    ("written", "term"),
    [
        ("hidden units", "hidden unit"),
        ("Softmax", "softmax"),
        ("relu", "ReLU"),
        ("Integrated gradients", "integrated gradients"),
        ("Label\nsmoothing", "label smoothing"),
        ("very", None),
    ],
)
def test_a_word_in_italics_leads_to_its_term(written, term):
    assert terms.known_term(written) == term


def test_most_terms_are_introduced_by_a_chapter():
    set_in_italics = {
        terms.known_term(text)
        for each in chapters.all_chapters()
        for text in re.findall(r"(?<!\*)\*([^*\s][^*]*?)\*(?!\*)", each.prose)
    }
    assert len({*terms.terms().values()} & set_in_italics) > len(terms.terms()) / 2


# Roads.


def test_the_roads_pass_chapters_that_there_are():
    stations = [station["chapter"] for road in roads.roads().values() for station in road["stations"]]
    assert set(stations) <= set(NAMES)
    assert all(station["why"] for road in roads.roads().values() for station in road["stations"])


def test_each_road_has_a_mark_and_says_for_whom_it_is():
    assert [set(road) for road in roads.roads().values()] == [{"mark", "for", "stations"}] * 2
    assert roads.roads_through("notebooks/06_matrix_form") == ["newcomer", "engineer"]


# The reference.


def test_every_public_name_is_documented_once_on_one_page():
    objects = public.public_names()
    assert {f"mnistlab.{short}" for short in ml.__all__} <= set(objects)
    documented = [each.name for page in public.PAGES for names in public.by_module(page).values() for each in names]
    assert sorted(documented) == sorted(objects)


@pytest.mark.parametrize("page", public.PAGES)
def test_a_page_of_the_reference_lists_its_names_and_the_first_page_sums_it_up(page):
    folder = ROOT / "book" / "api"
    assert f"```{{api}} {page}\n" in (folder / f"{page}.md").read_text(encoding="utf-8")
    assert f"```{{api-summary}} {page}\n" in (folder / "index.md").read_text(encoding="utf-8")
    assert public.by_module(page)


def test_every_public_class_and_function_says_what_it_is():
    silent = [each.name for each in public.public_names().values() if each.kind != "data" and not each.summary]
    assert silent == []


@pytest.mark.parametrize(
    ("written", "public_name"),
    [
        ("mnistlab.layers.Dense", "mnistlab.Dense"),
        ("mnistlab.interop.files.save_network", "mnistlab.save_network"),
        ("mnistlab.symbolic.prove.prove_gradients", "mnistlab.symbolic.prove.prove_gradients"),
        ("mnistlab.nothing", None),
    ],
)
def test_a_name_is_found_under_the_shortest_name_that_exports_it(written, public_name):
    found = public.resolve(written)
    assert (found and found.name) == public_name


def test_the_names_that_a_chapter_uses_are_found_in_its_code():
    used = {known.name: written for written, known in public.uses(chapters.chapter("notebooks/05_softmax"))}
    assert used["mnistlab.Softmax"] == "ml.Softmax"
    assert "mnistlab.Adam" not in used


DENSE = '<span class="n">ml</span><span class="o">.</span><span class="n">Dense</span>'


def test_the_first_use_in_the_code_is_made_a_link_and_no_other():
    body = api_links.link_first(f"<pre>{DENSE} {DENSE}</pre>", "ml.Dense", "api.html#x", "mnistlab.Dense")
    assert body.count('<a class="api-link" href="api.html#x"') == 1
    assert body.index("<a ") < body.rindex('<span class="n">Dense')


def test_a_method_of_the_same_name_is_no_use_of_a_function():
    body = '<span class="n">x</span><span class="o">.</span><span class="n">split</span>'
    assert api_links.link_first(body, "split", "api.html#x", "mnistlab.split") == body


# How to cite.


def test_the_bibtex_entry_says_what_the_citation_file_says():
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    text = citation.bibtex(cff)
    fields = dict(re.findall(r"^  (\w+) += \{(.*)\},$", text, re.MULTILINE))
    assert re.match(r"@software\{\w+,\n", text) and text.endswith("\n}")
    assert fields.pop("note") == f"License: {cff['license']}"
    assert fields == {
        "author": " and ".join(f"{{{author['name']}}}" for author in cff["authors"]),
        "title": f"{{{cff['title']}}}",
        "year": str(cff["date-released"].year),
        "month": str(cff["date-released"].month),
        "version": cff["version"],
        "url": cff["repository-code"],
    }
    assert cff["version"] == ml.__version__


def test_people_are_cited_by_family_name():
    person = {"family-names": "Noether", "given-names": "Emmy"}
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8")) | {"authors": [person, person]}
    assert "= {Noether, Emmy and Noether, Emmy}," in citation.bibtex(cff)


# Pages and print.


class Application:
    """What a handler asks of Sphinx."""

    def __init__(self, folder, kind):
        self.outdir = folder
        self.builder = type("Builder", (), {"format": kind})()


def download_buttons():
    return [
        {"label": "download-source-button", "url": "../_sources/x.ipynb", "text": ".ipynb"},
        {"label": "download-pdf-button", "text": ".pdf"},
    ]


@pytest.mark.parametrize("made", [True, False])
def test_the_pages_offer_the_pdf_if_there_is_one(tmp_path, monkeypatch, made):
    pdf, pages = tmp_path / "made.pdf", tmp_path / "pages"
    pages.mkdir()
    pdf.write_bytes(b"%PDF")
    if made:
        monkeypatch.setenv(printed.OFFERED, str(pdf))
    else:
        monkeypatch.delenv(printed.OFFERED, raising=False)
    group = {"label": "download-buttons", "buttons": download_buttons()}
    context = {"header_buttons": [group], "pathto": lambda name, kind: f"../{name}"}
    application = Application(pages, "html")
    printed.offer_pdf(application, "book/x", "page.html", context, None)
    printed.copy_pdf(application, None)
    assert [button["url"] for button in group["buttons"] if button["label"] == "download-report-button"] == (
        ["../report.pdf"] if made else []
    )
    assert (pages / "report.pdf").exists() == made
    assert {button["text"] for button in group["buttons"]} >= {"This page as a notebook", "Print this page"}


EXERCISE = r"""\phantomsection \label{exercise:ex-one}

\begin{sphinxadmonition}{note}{Exercise 2.1 (One)}
"""


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        (
            r"\hyperref[\detokenize{notebooks/a:ex-one}]{Exercise \ref{\detokenize{notebooks/a:ex-one}}}, easy",
            r"\hyperref[exercise:ex-one]{Exercise 2.1}, easy",
        ),
        (r"\hyperref[\detokenize{notebooks/a:ex-one}]{this one}", r"\hyperref[exercise:ex-one]{this one}"),
        (r"p.\,\pageref{\detokenize{notebooks/a:ex-one}}", r"p.\,\pageref{exercise:ex-one}"),
        (r"p.\,\pageref{\detokenize{notebooks/a:ex-two}}", r"p.\,\pageref{\detokenize{notebooks/a:ex-two}}"),
        (
            r"\hyperref[\detokenize{notebooks/a:ex-two}]{that one}",
            r"\hyperref[\detokenize{notebooks/a:ex-two}]{that one}",
        ),
    ],
)
def test_in_print_a_reference_leads_to_its_exercise_and_says_its_number(written, printed):
    assert latex.link_exercises(EXERCISE + written) == EXERCISE + printed


def test_a_word_with_a_hyphen_stands_in_the_index_once():
    written = r"\index{one\sphinxhyphen{}hot@\spxentry{one\sphinxhyphen{}hot}|spxpagem}"
    assert latex.for_print(written, {}) == r"\index{one-hot@\spxentry{one\sphinxhyphen{}hot}|spxpagem}"


def test_glued_numbers_are_set_as_print_does():
    assert [type(node).__name__ for node in numerals.numerals("-2e-7")] == ["Text", "superscript"]
    assert [node.astext() for node in numerals.numerals("-2e-7")] == ["−2\N{NO-BREAK SPACE}·\N{NO-BREAK SPACE}10", "−7"]
    assert [node.astext() for node in numerals.numerals("12.5")] == ["12.5"]


def test_no_line_ends_between_a_number_and_its_sign():
    document = docutils.utils.new_document("")
    glued = nodes.inline("-1.5", "-1.5", classes=["pasted-text"])
    prose = nodes.paragraph("", "", nodes.Text("5 % and "), glued, nodes.Text(" ± "), nodes.literal("", "7 % 2"))
    document += prose
    numerals.SetNumerals(document).run()
    assert prose.astext() == "5\N{NO-BREAK SPACE}% and −1.5\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}7 % 2"


def test_a_formula_keeps_its_punctuation():
    formulas = [nodes.math(name, name) for name in "xyz"]
    parts = [nodes.Text("of ("), formulas[0], nodes.Text("), "), formulas[1], nodes.Text(" and "), formulas[2]]
    prose = nodes.paragraph("", "", *parts, nodes.Text("-fold."))
    document = docutils.utils.new_document("")
    document += prose
    unbroken.KeepFormulas(document).run()
    assert [node.astext() for node in prose] == ["of ", "(x),", " ", "y", " and ", "z-", "fold."]
    assert [type(node).__name__ for node in prose] == ["Text", "inline", "Text", "math", "Text", "inline", "Text"]


def test_the_name_of_a_network_is_not_divided():
    document = docutils.utils.new_document("")
    prose = nodes.paragraph("", "", nodes.Text("Is 784-300-10, of 1-2 layers, x-1-2-3?"), nodes.literal("", "7-8-9"))
    document += prose
    unbroken.KeepNetworks(document).run()
    assert [node.astext() for node in prose.findall(nodes.inline)] == ["784-300-10"]
    assert prose.astext() == "Is 784-300-10, of 1-2 layers, x-1-2-3?7-8-9"


@pytest.mark.parametrize(
    ("before", "target", "expected"),
    [
        (
            "see ",
            "%notebooks/06_matrix_form#ch-matrix",
            r"~(p.\,\pageref{\detokenize{notebooks/06_matrix_form:ch-matrix}})",
        ),
        ("in (b) of ", "%book/map", r"~(p.\,\pageref{\detokenize{book/map::doc}})"),
        ("a step (", "%book/map", r", p.\,\pageref{\detokenize{book/map::doc}}"),
        ("see ", "#here", ""),
        ("see ", "elsewhere.html", ""),
    ],
)
def test_in_print_a_reference_to_another_chapter_says_its_page(before, target, expected):
    document = docutils.utils.new_document("")
    reference = nodes.reference("", "", nodes.inline("", "that", classes=["std", "std-ref"]), refuri=target)
    prose = nodes.paragraph("", "", nodes.Text(before), reference, nodes.Text("."))
    document += prose
    page_numbers.GivePages(document).run()
    assert prose.astext() == f"{before}that{expected}."
    assert [node["format"] for node in prose.findall(nodes.raw)] == ["latex"] * bool(expected)


def test_terms_and_tables_have_no_pages():
    document = docutils.utils.new_document("")
    term = nodes.reference("", "", nodes.inline("", "epoch", classes=["std", "std-term"]), refuri="%book/glossary#term")
    chapter = nodes.reference("", "", nodes.inline("", "that", classes=["std", "std-ref"]), refuri="%book/map")
    document += [nodes.paragraph("", "", term), nodes.table("", nodes.paragraph("", "", chapter))]
    page_numbers.GivePages(document).run()
    assert not list(document.findall(nodes.raw))


def test_a_link_to_a_chapter_says_its_number():
    assert chapters.chapter("notebooks/04_chain_rule").link == "**4** {ref}`ch-chain-rule`"
    assert chapters.chapter("notebooks/90_traceability").link == "{ref}`traceability`"


def test_every_module_of_the_extension_is_registered():
    folder = Path(report_book.__file__).parent
    with_setup = {path.stem for path in folder.glob("*.py") if re.search(r"^def setup", path.read_text("utf-8"), re.M)}
    assert with_setup - {"__init__"} == set(report_book.MODULES)
