"""What Sphinx and XeLaTeX let pass, and a report must not hold."""

import re
from pathlib import Path

# How objects print that have nothing to show.
BARE_OBJECT = re.compile(r"(<|&lt;)(IPython\.|Figure size|Axes|pandas\.io|[\w.]+ at 0x|[\w. ]+ object at 0x)[^>&\n]*")
WIDEST_OVERFULL_PT = 10


def check_html(folder: Path) -> list[str]:
    """Return the problems of the pages in a folder: tracebacks where none was asked for, and bare objects."""
    return [
        f"{page.relative_to(folder)}: {problem}"
        for page in sorted(folder.rglob("*.html"))
        for problem in page_problems(page.read_text(encoding="utf-8"))
    ]


def page_problems(text: str) -> list[str]:
    """Return the problems in the outputs of a page's cells.

    An error inside the code that displays a result leaves the build green, with the traceback printed on the page.
    """
    problems = []
    for cell in text.split('<div class="cell ')[1:]:
        tags, output = cell.split(">", 1)[0], cell.partition('<div class="cell_output')[2]
        if "Traceback" in output and "tag_raises-exception" not in tags:
            problems.append("a traceback")
        problems += [f"a bare object: {match[0]}" for match in BARE_OBJECT.finditer(output)]
    return problems


def check_latex(source: Path, log: Path) -> list[str]:
    """Return the problems of a LaTeX file that was typeset, and of what the typesetting said."""
    text = source.read_text(encoding="utf-8")
    problems = [f"{source.name}: a bare object: {match[0]}" for match in BARE_OBJECT.finditer(text)]
    if re.search(r"^<(table|div|svg|img|iframe|script)\b", text, re.MULTILINE):
        problems.append(f"{source.name}: HTML where the PDF needs something else")
    return problems + log_problems(log.read_text(encoding="utf-8", errors="replace"))


def log_problems(log: str) -> list[str]:
    """Return what a log of XeLaTeX says about missing characters, unresolved references and lines that stick out."""
    log = re.sub(r"(?<=[^\n]{79})\n", "", log)  # TeX breaks its lines there
    problems = set(re.findall(r"Missing character: .*", log))
    problems |= set(re.findall(r"LaTeX Warning: (?:Reference|Citation|Hyper reference) .* undefined.*", log))
    for match in re.finditer(r"Overfull \\hbox \(([\d.]+)pt too wide\).*\n.*", log):
        if float(match[1]) > WIDEST_OVERFULL_PT:
            problems.add(match[0])
    return sorted(problems)
