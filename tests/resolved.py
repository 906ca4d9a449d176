"""What is left in a notebook that a viewer of plain Markdown and TeX cannot show, as parsers see it."""

import re
from importlib import resources

from markdown_it.renderer import RendererHTML
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser

EXTENSIONS = {
    "amsmath",
    "attrs_block",
    "attrs_inline",
    "colon_fence",
    "deflist",
    "dollarmath",
    "fieldlist",
    "substitution",
}
PARSER = create_md_parser(MdParserConfig(enable_extensions=EXTENSIONS), RendererHTML)
"""Reads all that MyST adds to Markdown."""

MARKUP = re.compile(r"myst_.*|substitution_.*|colon_fence|math_block_label|field.*|dl_open|footnote_.*|amsmath")
PLAIN_ATTRIBUTES = {"alt", "href", "src", "start", "style", "class"}
MATHJAX = resources.files("sphinx-mathjax-offline") / "static" / "mathjax" / "tex-chtml.js"
KATEX = resources.files("sphinxcontrib") / "katex.min.js"


def tokens(text):
    """Return all tokens of a text, those within lines too."""
    for token in PARSER.parse(text):
        yield token
        yield from token.children or ()


def markup(text):
    """Return what is left in a text that is neither Markdown nor TeX."""
    found = []
    for token in tokens(text):
        directive = token.type == "fence" and token.info.startswith("{")
        braces = token.type == "text" and re.search(r"[{}]|^:::|\)=$", token.content)
        if MARKUP.fullmatch(token.type) or directive or braces or set(token.attrs) - PLAIN_ATTRIBUTES:
            found.append((token.type, token.info or token.content or dict(token.attrs)))
    return found


def formulas(text):
    """Return the TeX in a text, each with whether it stands on a line of its own."""
    shown = {"math_inline": False, "math_inline_double": True, "math_block": True}
    return [(token.content, shown[token.type]) for token in tokens(text) if token.type in shown]


def shown_texts(notebook):
    """Return the Markdown of a notebook: that of its cells and that of its outputs."""
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return cells + [output.data["text/markdown"] for output in outputs if "text/markdown" in output.get("data", {})]


def shown_formulas(notebook):
    """Return the TeX of a notebook's Markdown, and of those outputs that are shown as TeX."""
    found = [formula for text in shown_texts(notebook) for formula in formulas(text)]
    for output in (output for cell in notebook.cells for output in cell.get("outputs", ())):
        data = output.get("data", {})
        if "text/latex" in data and not {"text/html", "text/markdown", "image/svg+xml"} & set(data):
            tex = re.fullmatch(r"\s*(\$+)(.*?)\1\s*", data["text/latex"], re.DOTALL)
            assert tex, f"not shown as a formula: {data['text/latex'][:80]}"
            found.append((tex[2], True))
    return found


def refused(browser, found):
    """Return which formulas KaTeX or MathJax 3 refuses, and why."""
    page = browser.new_page()
    page.add_script_tag(path=str(KATEX))
    wrong = page.evaluate(
        """all => all.flatMap(([tex, displayMode]) => {
            try { katex.renderToString(tex, { displayMode, throwOnError: true, strict: "ignore" }); return []; }
            catch (error) { return [["KaTeX", tex, String(error)]]; }
        })""",
        found,
    )
    # As it comes, it writes an unknown command in red instead of refusing it.
    page.evaluate(
        """() => { window.MathJax = {
            startup: { typeset: false },
            tex: { packages: { "[-]": ["noundefined", "noerrors"] } },
        }; }"""
    )
    page.add_script_tag(path=str(MATHJAX))
    page.evaluate("() => MathJax.startup.promise.then(() => 0)")
    wrong += page.evaluate(
        """async all => {
            const wrong = [];
            for (const [tex, display] of all) {
                const error = (await MathJax.tex2chtmlPromise(tex, { display })).querySelector("mjx-merror");
                if (error) wrong.push(["MathJax", tex, error.getAttribute("title") || error.textContent]);
            }
            return wrong;
        }""",
        found,
    )
    page.close()
    return wrong
