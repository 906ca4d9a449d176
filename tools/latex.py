"""Make the LaTeX that Sphinx writes say what the pages say: parts, numbers, hidden code, proofs."""

import re
from collections.abc import Mapping

SCOPE = r"\sphinxstepscope"
CELL = re.compile(r"\\begin\{sphinxuseclass\}\{cell\}\n(?:\\begin\{sphinxuseclass\}\{tag_[^}]*\}\n)*")
CELL_INPUT = re.compile(r"\\begin\{sphinxuseclass\}\{cell_input\}.*?\\end\{sphinxuseclass\}\n", re.DOTALL)
PROOF = re.compile(
    r"\\begin\{sphinxadmonition\}\{note\}\n\\sphinxAtStartPar\nProof(.*?)\\end\{sphinxadmonition\}", re.DOTALL
)
TABLE = re.compile(
    r"\\begin\{equation\*\}\n\\begin\{split\}(\\begin\{tabular\}.*?\\end\{tabular\})\\end\{split\}\n\\end\{equation\*\}",
    re.DOTALL,
)
EXERCISE = re.compile(r"\\label\{exercise:([\w-]+)\}\s+\\begin\{sphinxadmonition\}\{note\}\{(Exercise [\d.]+)")
TO_EXERCISE = re.compile(
    r"\\hyperref\[\\detokenize\{[^{}]*:([\w-]+)\}\](\{Exercise \\ref\{\\detokenize\{[^{}]*\}\}\})?"
)
TO_ITS_PAGE = re.compile(r"\\pageref\{\\detokenize\{[^{}]*:([\w-]+)\}\}")
INDEXED = re.compile(r"\\index\{[^\n]*?\\spxentry\{")
FOOTNOTE = re.compile(r"%\n\\begin\{footnote\}.*?\\end\{footnote\}", re.DOTALL)


def for_print(text: str, contents: Mapping) -> str:
    """Return Sphinx's LaTeX as it should be typeset; ``contents`` is what _toc.yml holds."""
    text = number_chapters(text, contents)
    text = drop_hidden_code(text)
    text = link_exercises(text)
    # Inside the argument of another command TeX writes this sign in another way: one word would be two in the index.
    text = INDEXED.sub(lambda match: match[0].replace(r"\sphinxhyphen{}", "-"), text)
    text = TABLE.sub(r"\\begin{center}\n\\reporttable{\1}\n\\end{center}", text)
    text = PROOF.sub(r"\\begin{reportproof}\1\\end{reportproof}", text)
    body, begin, end = text.partition(r"\begin{sphinxthebibliography}")
    return body + begin + FOOTNOTE.sub("", end)  # entries show their addresses themselves


def number_chapters(text: str, contents: Mapping) -> str:
    """Number chapters as on the pages, and list the parts in the contents.

    Sphinx takes the first part's name for that of the contents, drops the other names, numbers every chapter, and makes
    chapters of the front page's sections.
    """
    text = re.sub(r"\\addto\\captionsenglish\{\\renewcommand\{\\contentsname\}\{.*\}\}\n", "", text)
    front, scope, rest = text.partition(SCOPE)
    front = front.replace(r"\section{", r"\subsection{").replace(r"\chapter{", r"\section{")
    front = front.replace(r"\begin{document}", "\\begin{document}\n\\setcounter{secnumdepth}{-1}")
    text = front + scope + rest
    for part in contents.get("parts", []):
        depth = 2 if part.get("numbered") else -1
        for place, chapter in enumerate(part["chapters"]):
            entry = rf"\addcontentsline{{toc}}{{part}}{{{part['caption']}}}" if place == 0 else ""
            start = re.compile(r"\\chapter\{.*\}\n\\label\{\\detokenize\{" + re.escape(chapter["file"]) + ":")
            if match := start.search(text):
                before = rf"\clearpage\setcounter{{secnumdepth}}{{{depth}}}{entry}" + "\n"
                text = text[: match.start()] + before + text[match.start() :]
    return text


def link_exercises(text: str) -> str:
    """Let references to exercises lead there and say their numbers and pages.

    The labels that sphinx-exercise writes are not those that its references ask for.
    """
    numbers = dict(EXERCISE.findall(text))

    def link(match: re.Match) -> str:
        if match[1] not in numbers:
            return match[0]
        return rf"\hyperref[exercise:{match[1]}]" + (f"{{{numbers[match[1]]}}}" if match[2] else "")

    def page(match: re.Match) -> str:
        return rf"\pageref{{exercise:{match[1]}}}" if match[1] in numbers else match[0]

    return TO_ITS_PAGE.sub(page, TO_EXERCISE.sub(link, text))


def drop_hidden_code(text: str) -> str:
    """Leave out the code that a page shows on a click only, of cells tagged hide-input, and cells tagged hide-cell."""
    parts, place = [], 0
    for match in CELL.finditer(text):
        if match.start() < place:
            continue
        if "{tag_hide-cell}" in match[0]:
            parts.append(text[place : match.start()])
            place = _end_of_class(text, match.start())
        elif "{tag_hide-input}" in match[0] and (code := CELL_INPUT.match(text, match.end())):
            parts.append(text[place : match.end()])
            place = code.end()
    return "".join([*parts, text[place:]])


def _end_of_class(text: str, start: int) -> int:
    """Return where the sphinxuseclass that begins at ``start`` ends."""
    depth = 0
    for match in re.finditer(r"\\(begin|end)\{sphinxuseclass\}(?:\{[^}]*\})?\n?", text[start:]):
        depth += 1 if match[1] == "begin" else -1
        if depth == 0:
            return start + match.end()
    return len(text)
