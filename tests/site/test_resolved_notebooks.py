"""The chapters as notebooks that any viewer can show: nothing but plain Markdown and TeX is left in them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from nbconvert import HTMLExporter
from resolved import MATHJAX, formulas, markup, refused, shown_formulas, shown_texts

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import notebooks  # noqa: E402

CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
BUILT = ROOT / "_build" / "notebooks"
FORK = {"GITHUB_REPOSITORY": "somebody/their-fork"}
HOME = "https://somebody.github.io/their-fork"
PAGE = f"{HOME}/notebooks/01_one.html"
PHONE, DESKTOP = 390, 1280

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="700pt" height="9pt" viewBox="0 0 700 9"><path d="M0 0"/></svg>'

OPENING = r"""(ch-one)=
# One

Costs \$5, 3 < 4, snake_case, *not* a_list_ item. The answer is {glue:text}`answer:.1f`, see {eq}`eq-two`,
{prf:ref}`thm-sum`, {numref}`fig-line`, {numref}`tab-sizes`, {ref}`ex-show` and {cite}`kingma2015`; `x | y`.
"""

TEXT = r"""## What holds

````{prf:theorem} The sum, $a + b$
:label: thm-sum

It commutes:

```{math}
:label: eq-two
a + b
  = b + a
```

- first
- second, $|x|$
````

```{prf:proof}
Look.
```

```{admonition} What it says
**All** of it.
```

```{math}
a &= b \\
c &= d
```

1. one
2. two

```python
print("$5")
```

```{table} Sizes
:name: tab-sizes

| name | size |
|---|---|
| $\lvert x \rvert$ | 3 |
```

```{exercise} Show it, $n > 1$
:label: ex-show

Show {eq}`eq-two`.
```

```{hint}
:class: dropdown

Begin with $n$.
```

```{solution} ex-show
:class: dropdown

By $n = 1$:

$$
n = 1
$$
```
"""

BIBLIOGRAPHY = """@misc{kingma2015,
  author = {Kingma, Diederik P. and Ba, Jimmy}, title = {Adam}, year = {2015}
}
"""

RECORD = {"application/papermill.record/text/plain": "41.5"}


def a_book(root):
    """Write a report of two pages that is built as the whole one is: same configuration, same extensions."""
    for name in ("book", "notebooks"):
        (root / name).mkdir()
    for name in ("tools", "book/extensions", "pyproject.toml", "constraints.txt"):
        (root / name).symlink_to(ROOT / name)
    same = (
        "numfig",
        "math_eqref_format",
        "bibtex_default_style",
        "bibtex_reference_style",
        "nb_render_markdown_format",
    )
    config = {
        "title": "A report",
        "only_build_toc_files": True,
        "execute": {"execute_notebooks": "off"},
        "parse": CONFIG["parse"],
        "bibtex_bibfiles": ["references.bib"],
        "sphinx": {
            "extra_extensions": ["sphinx_exercise", "sphinx_proof", "sphinxcontrib.bibtex"],
            "local_extensions": {"sphinx_report": "tools", "resolved_notebooks": "book/extensions"},
            "config": {key: CONFIG["sphinx"]["config"][key] for key in same},
        },
    }
    (root / "references.bib").write_text(BIBLIOGRAPHY, encoding="utf-8")
    (root / "_config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    chapters = [{"file": "notebooks/01_one"}, {"file": "book/bibliography"}]
    contents = {"format": "jb-book", "root": "book/index", "parts": [{"numbered": True, "chapters": chapters}]}
    (root / "_toc.yml").write_text(yaml.safe_dump(contents), encoding="utf-8")
    (root / "book" / "index.md").write_text("# Front page\n", encoding="utf-8")
    (root / "book" / "bibliography.md").write_text("# Sources\n\n```{bibliography}\n```\n", encoding="utf-8")
    nbformat.write(source(), root / "notebooks" / "01_one.ipynb")


def source():
    """Return a chapter with one of each thing that chapters hold."""
    output = nbformat.v4.new_output
    picture = {"image/svg+xml": SVG, "application/pdf": "", "text/plain": "<Figure>"}
    figure = {"figure": {"name": "fig-line", "caption": "A line, $y = x$."}, "image": {"alt": 'A line, "straight"'}}
    record = output("display_data", data=RECORD, metadata={"scrapbook": {"name": "answer", "mime_prefix": ""}})
    record.metadata.scrapbook.mime_prefix = "application/papermill.record/"
    table = "```{list-table}\n:header-rows: 1\n\n* - Rule\n  - Equation\n* - sum\n  - {eq}`eq-two`\n```"
    cells = [
        nbformat.v4.new_markdown_cell(OPENING),
        nbformat.v4.new_code_cell(notebooks.install_cell(), metadata={"tags": ["hide-cell"]}),
        nbformat.v4.new_code_cell("glue()", metadata={"tags": ["remove-cell"]}, outputs=[record]),
        nbformat.v4.new_markdown_cell(TEXT),
        nbformat.v4.new_code_cell(
            "draw()",
            metadata={"tags": ["hide-input"], "mystnb": figure},
            outputs=[output("stream", name="stdout", text="drawn\n"), output("display_data", data=picture)],
        ),
        nbformat.v4.new_code_cell(
            "table()", outputs=[output("display_data", data={"text/markdown": table, "text/plain": "table"})]
        ),
        nbformat.v4.new_code_cell(
            "solve()",
            metadata={"tags": ["hide-cell"]},
            outputs=[output("stream", name="stdout", text="right\n")],
        ),
        nbformat.v4.new_markdown_cell("(only-a-label)="),
        nbformat.v4.new_markdown_cell("The end."),
    ]
    return nbformat.v4.new_notebook(cells=cells, metadata=notebooks.NOTEBOOK_METADATA)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the notebook that a fork makes of that chapter, and the folder it stands in."""
    root = tmp_path_factory.mktemp("book")
    a_book(root)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GITHUB_", "GIT_"))}
    program = Path(sys.executable).with_name("jupyter-book")
    command = [program, "build", ".", "-n", "-W", "--builder", "custom", "--custom-builder", "notebooks"]
    variables = kept | FORK | {"SOURCE_DATE_EPOCH": "1700000000"}
    done = subprocess.run(command, cwd=root, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = root / "_build" / "notebooks"
    return nbformat.read(folder / "01_one.ipynb", as_version=4), folder


@pytest.fixture(scope="module")
def text(made):
    return "\n\n".join(shown_texts(made[0]))


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_nothing_but_markdown_and_tex_is_left(made):
    nbformat.validate(made[0])
    assert [found for text in shown_texts(made[0]) for found in markup(text)] == []


def test_katex_and_mathjax_accept_every_formula(made, browser):
    found = shown_formulas(made[0])
    assert len(found) >= 9
    assert refused(browser, found) == []


def test_it_opens_with_its_page_and_the_version(made):
    project = notebooks.tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    opening = made[0].cells[0].source
    assert f"[One]({PAGE})" in opening and f"[A report]({HOME})" in opening
    assert f"version {project['version']} of 14 November 2023" in opening


@pytest.mark.parametrize(
    "written",
    [
        "# 1. One",
        r"Costs \$5, 3 &lt; 4, snake_case, *not* a_list\_ item",
        "The answer is 41.5,",
        f"[Eq. 1.1]({PAGE}#equation-eq-two)",
        f"[Theorem 1.1]({PAGE}#thm-sum)",
        f"[Fig. 1.1]({PAGE}#fig-line)",
        f"[Table 1.1]({PAGE}#tab-sizes)",
        f"[Exercise 1.1]({PAGE}#ex-show)",
        f"[[Kingma and Ba 2015]({HOME}/book/bibliography.html#",
        "`x | y`",
        "## 1.1. What holds",
        "> **What it says**\n>\n> **All** of it.\n",
        "> **Theorem 1.1** (The sum, $a + b$)\n>\n> It commutes:\n>\n> $$ a + b = b + a \\tag{1.1} $$\n",
        "\n> - first\n> - second, $|x|$\n\n",
        "> *Proof.* Look.",
        "$$\n\\begin{aligned}a &= b \\\\\nc &= d\\end{aligned}\n$$",
        "1. one\n2. two",
        '```python\nprint("$5")\n```',
        "**Table 1.1.** Sizes\n\n| name | size |\n| --- | --- |\n| $\\lvert x \\rvert$ | 3 |",
        f"> **Exercise 1.1** (Show it, $n > 1$)\n>\n> Show [Eq. 1.1]({PAGE}#equation-eq-two).",
        "<details>\n<summary>Hint</summary>\n\nBegin with $n$.\n\n</details>",
        "<details>\n<summary>Solution to Exercise 1.1 (Show it, $n &gt; 1$)</summary>\n\n",
        "\n\nBy $n = 1$:\n\n$$ n = 1 $$\n\n</details>",
        '**Figure 1.1.** A line, $y = x$.\n\n<details>\n<summary>The figure in words</summary>\n\nA line, "straight"',
        f"| Rule | Equation |\n| --- | --- |\n| sum | [Eq. 1.1]({PAGE}#equation-eq-two) |",
    ],
)
def test_what_is_written(text, written):
    assert written in text


def test_cells_outputs_and_tags_stand_as_they_stood(made):
    before, after = code_cells(source()), code_cells(made[0])
    assert [cell.source for cell in after[1:]] == [cell.source for cell in before[1:]]
    assert [cell.metadata.get("tags") for cell in after] == [cell.metadata.get("tags") for cell in before]
    kinds = [[output.output_type for output in cell.outputs] for cell in after]
    assert kinds == [[], [], ["stream", "display_data"], ["display_data"], ["stream"]]
    order = [cell.source[:10] for cell in made[0].cells]
    assert order.index("## 1.1. Wh") < order.index("draw()") < order.index("**Figure 1") < order.index("table()")
    assert made[0].cells[-1].source == "The end."


def test_a_picture_says_what_it_shows_and_fits_a_telephone(made):
    (output,) = [output for output in code_cells(made[0])[2].outputs if "data" in output]
    assert set(output.data) == {"image/svg+xml", "text/plain"}
    assert 'aria-label="A line, &quot;straight&quot;"' in output.data["image/svg+xml"]
    assert "max-width: 100%" in output.data["image/svg+xml"]
    assert output.metadata["image/svg+xml"]["alt"] == 'A line, "straight"'


def test_what_the_page_hides_is_folded_but_not_what_installs_the_package(made):
    install, glued, drawn, table, solution = (cell.metadata for cell in code_cells(made[0]))
    assert "jupyter" not in install and "jupyter" not in table
    assert glued.jupyter == drawn.jupyter == {"source_hidden": True}
    assert solution.jupyter == {"source_hidden": True, "outputs_hidden": True}
    assert solution.collapsed and solution.cellView == "form"


def test_a_fork_installs_itself(made):
    upstream = notebooks.install_cell()
    cell = code_cells(made[0])[0].source
    assert "git+https://github.com/somebody/their-fork" in cell
    assert re.sub(r"git\+\S+?(?=\")", "", cell) == re.sub(r"git\+\S+?(?=\")", "", upstream)


def test_binder_finds_what_to_install(made):
    requirements = (made[1] / "requirements.txt").read_text("utf-8")
    assert "git+https://github.com/somebody/their-fork" in requirements
    (constraints,) = re.findall(r"--constraint (\S+)", requirements)
    assert (made[1] / constraints).read_bytes() == (ROOT / "constraints.txt").read_bytes()


@pytest.mark.parametrize(
    "left",
    [
        "(ch-one)=\n# One",
        "{eq}`eq-two`",
        "```{math}\na\n```",
        ":::{note}\na\n:::",
        "$$ a $$ (eq-one)",
        "{{ name }}",
        "a {name} b",
        "% a comment",
        "[a](b){.class #name}",
    ],
)
def test_the_parser_finds_what_is_left(left):
    assert markup(left)


@pytest.mark.parametrize("plain", ["$\\frac{a}{b}$", "`{eq}`", "```python\n{1}\n```", "> $$ {a} \\tag{1} $$", "[a](b)"])
def test_the_parser_lets_plain_markdown_pass(plain):
    assert markup(plain) == []


def test_the_sources_hold_what_the_parser_looks_for():
    found = [markup("\n\n".join(shown_texts(nbformat.read(path, as_version=4)))) for path in CHAPTERS]
    assert all(found)


@pytest.mark.parametrize("tex", [r"\frac{1", r"\nosuchcommand", r"a & b"])
def test_both_refuse_tex_that_is_wrong(browser, tex):
    assert {program for program, *_ in refused(browser, [(tex, True)])} == {"KaTeX", "MathJax"}


# Of the built report.


@pytest.fixture(params=CHAPTERS, ids=lambda path: path.stem)
def resolved(request):
    path = BUILT / request.param.name
    if not path.exists():
        pytest.fail(f"there is no {path.relative_to(ROOT)}: type 'make report' first")
    return nbformat.read(path, as_version=4)


@pytest.mark.report
def test_nothing_but_markdown_and_tex_is_left_in_a_chapter(resolved):
    nbformat.validate(resolved)
    assert [found for text in shown_texts(resolved) for found in markup(text)] == []


@pytest.mark.report
def test_katex_and_mathjax_accept_every_formula_of_a_chapter(resolved, browser):
    assert refused(browser, shown_formulas(resolved)) == []


@pytest.mark.report
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_the_code_of_a_chapter_is_that_of_its_source(path):
    made, before = (nbformat.read(each, as_version=4) for each in (BUILT / path.name, path))
    assert [cell.source for cell in code_cells(made)[1:]] == [cell.source for cell in code_cells(before)[1:]]


@pytest.mark.report
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_says_what_its_page_says(path):
    """Word by word, formulas and listings aside; what the page adds of its own is not asked for."""
    page = (ROOT / "_build" / "html" / "notebooks" / f"{path.stem}.html").read_text("utf-8")
    made = "\n".join(shown_texts(nbformat.read(BUILT / path.name, as_version=4)))
    wanted = re.findall(r"<p>([^<>\\]{40,})</p>", page)
    squeezed = " ".join(re.sub(r"\\([\\`*$_])", r"\1", made).split())
    assert [text for text in wanted if " ".join(text.split()) not in squeezed] == []


LOOK = r"""() => {
    const text = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT, node =>
        node.parentElement.closest("pre, code, script, style, mjx-container, svg")
            ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
    const raw = [];
    while (text.nextNode()) if (/\$|\\[(\[a-zA-Z]/.test(text.currentNode.data)) raw.push(text.currentNode.data);
    return {
        raw: raw,
        typeset: document.querySelectorAll("mjx-container").length,
        refused: document.querySelectorAll("mjx-merror").length,
        wide: [...document.querySelectorAll("svg[width]")].filter(
            each => each.getBoundingClientRect().right > document.documentElement.clientWidth).length,
        sideways: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    };
}"""


@pytest.mark.report
@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_a_plain_viewer_shows_a_chapter(resolved, browser, tmp_path, width):
    """As nbconvert makes a page of it, with MathJax 3 from this machine."""
    body, _ = HTMLExporter(template_name="classic").from_notebook_node(resolved)
    settings = {"tex": {"inlineMath": [["$", "$"]], "processEscapes": True}}
    body = re.sub(r"<script\b(?!>var|[^>]*vnd).*?</script>", "", body, flags=re.DOTALL)
    script = f"<script>MathJax = {json.dumps(settings)}</script><script src='{MATHJAX.as_uri()}'></script>"
    path = tmp_path / "page.html"
    path.write_text(body.replace("</head>", f"{script}</head>", 1), encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(path.as_uri())
    page.evaluate("() => MathJax.startup.promise.then(() => 0)")
    page.evaluate("() => document.querySelectorAll('details').forEach(each => { each.open = true; })")
    seen = page.evaluate(LOOK)
    page.close()
    assert seen["raw"] == [] and seen["refused"] == 0
    assert seen["typeset"] >= len([1 for text in shown_texts(resolved) for _ in formulas(text)])
    assert seen["wide"] == 0 and seen["sideways"] <= 0
