"""The tree of a page as plain Markdown and TeX."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from html import escape

from docutils import nodes
from sphinx_exercise.nodes import is_exercise_node, is_solution_node
from sphinx_proof.nodes import proof_node

SPECIAL = re.compile(r"([\\`*$]|(?<!\w)_|_(?!\w))")
"""What would begin or end something else than text."""

BEGINS_BLOCK = re.compile(r"^(\d+)([.)] )|^([#+-])(?=\s)")
"""What would make a list or a heading of a paragraph that begins with it."""

Numbers = Mapping[str, Mapping[str, tuple[int, ...]]]


class Markdown:
    """Write nodes as Markdown.

    Parameters
    ----------
    address
        Of the published page, to which references within it lead.
    numbers
        Numbers of what is numbered on the page, by kind and identifier, as Sphinx keeps them.
    sections
        Number of each section, as Sphinx keeps them: by ``#`` and the identifier, and that of the page by nothing.
    cited
        Text for a citation, by the identifier of its entry in the bibliography.
    """

    def __init__(
        self,
        address: str,
        numbers: Numbers,
        sections: Mapping[str, tuple[int, ...]],
        cited: Mapping[str, str],
    ):
        self.address, self.numbers, self.sections, self.cited = address, numbers, sections, cited

    # Blocks.

    def blocks(self, children: Iterable[nodes.Node], *, one_line: bool = False) -> list[str]:
        """Return the blocks of Markdown of nodes; ``one_line`` where a formula must stand on one line.

        Viewers cut formulas out before they read the Markdown around them, so that the signs that begin the lines of a
        quotation or of a list would become part of the TeX.
        """
        return [block for node in children for block in self.block(node, one_line)]

    def block(self, node: nodes.Node, one_line: bool) -> list[str]:
        """Return the blocks of one node."""
        if isinstance(node, NOTHING) or (isinstance(node, nodes.raw) and "<script" in node.astext()):
            return []  # scripts are of Thebe, which only pages could run
        if isinstance(node, TRANSPARENT):
            return self.blocks(node.children, one_line=one_line)
        if isinstance(node, nodes.paragraph):
            text = self.inlines(node).strip()
            return [BEGINS_BLOCK.sub(r"\1\\\2\3", text)] if text else []
        if isinstance(node, nodes.math_block):
            return [self.formula(node, one_line)]
        if isinstance(node, nodes.literal_block):
            return [fenced(node)]
        if isinstance(node, (nodes.bullet_list, nodes.enumerated_list)):
            return [self.list(node)]
        if isinstance(node, nodes.table):
            return self.table(node)
        if isinstance(node, nodes.block_quote):
            return [quoted(self.blocks(node.children, one_line=True))]
        if isinstance(node, proof_node):
            return [quoted(self.proof(node))]
        if isinstance(node, nodes.Admonition) and "realtype" in node:
            return [quoted(self.statement(node))]
        if is_exercise_node(node):
            title, *content = node.children
            head = f"**Exercise {self.number('exercise', node)}** {self.inlines(title).strip()}"
            return [quoted([head, *self.blocks(content, one_line=True)])]
        if is_solution_node(node):
            title, *content = node.children
            return folded(self.plain(title), self.blocks(content, one_line=True))
        if isinstance(node, nodes.hint):
            return folded("Hint", self.blocks(node.children, one_line=True))
        if isinstance(node, nodes.admonition):
            title, *content = node.children
            return [quoted([f"**{self.inlines(title).strip()}**", *self.blocks(content, one_line=True)])]
        raise NotImplementedError(f"no Markdown for {node.pformat()[:300]}: teach markdown.py")

    def heading(self, title: nodes.title, level: int) -> str:
        """Return a heading, with its number if it has one."""
        section = title.parent
        keys = [""] if level == 1 else [f"#{name}" for name in section["ids"]]
        number = next((self.sections[key] for key in keys if self.sections.get(key)), ())
        return f"{'#' * level} {'.'.join(map(str, number))}{'. ' if number else ''}{self.inlines(title)}"

    def caption(self, figure: nodes.figure, kind: str = "Figure") -> str:
        """Return the caption of a figure, with its number."""
        (caption,) = (child for child in figure.children if isinstance(child, nodes.caption))
        number = self.number("figure", figure)
        return f"**{kind} {number}.** {self.inlines(caption)}"

    def number(self, kind: str, node: nodes.Element) -> str:
        """Return the number of something that has one."""
        known = self.numbers.get(kind, {})
        return ".".join(map(str, next(known[name] for name in node["ids"] if name in known)))

    def formula(self, node: nodes.math_block, one_line: bool = False) -> str:
        """Return a displayed formula, with its number if it has one."""
        tex = "\n".join(line for line in node.astext().splitlines() if line.strip())
        if r"\\" in tex and not tex.startswith(r"\begin"):
            tex = rf"\begin{{aligned}}{tex}\end{{aligned}}"
        if node.get("label"):
            tex += rf" \tag{{{self.number('displaymath', node)}}}"
        return f"$$ {' '.join(tex.split())} $$" if one_line else f"$$\n{tex}\n$$"

    def list(self, node: nodes.bullet_list | nodes.enumerated_list) -> str:
        """Return a list."""
        items = []
        start = node.get("start", 1)
        for place, item in enumerate(node.children):
            mark = f"{start + place}. " if isinstance(node, nodes.enumerated_list) else "- "
            lines = "\n\n".join(self.blocks(item.children, one_line=True)).splitlines()
            items.append("\n".join([mark + lines[0], *(" " * len(mark) + line if line else "" for line in lines[1:])]))
        return "\n".join(items)

    def table(self, node: nodes.table) -> list[str]:
        """Return a table and its caption."""
        caption = []
        if title := next(node.findall(nodes.title), None):
            caption = [f"**Table {self.number('table', node)}.** {self.inlines(title)}"]
        rows = [[self.cell(entry) for entry in row.children] for row in node.findall(nodes.row)]
        rows.insert(1, ["---"] * len(rows[0]))
        return [*caption, "\n".join(f"| {' | '.join(row)} |" for row in rows)]

    def cell(self, entry: nodes.entry) -> str:
        """Return a cell of a table; a bar within it would end it."""
        return re.sub(r"(?<!\\)\|", r"\\|", " ".join(self.blocks(entry.children, one_line=True)))

    def statement(self, node: nodes.Admonition) -> list[str]:
        """Return a theorem, a definition or the like, under its number and title."""
        title, *content = node.children
        head = f"**{node['realtype'].capitalize()} {self.number(node['countertype'], node)}**"
        return [f"{head} {self.inlines(title).strip()}".strip(), *self.blocks(content, one_line=True)]

    def proof(self, node: proof_node) -> list[str]:
        """Return a proof; its first word stands in italics."""
        (box,) = node.children
        first, *rest = self.blocks(box.children, one_line=True)
        return [re.sub(r"^Proof\.", "*Proof.*", first), *rest]

    # Within a line.

    def inlines(self, node: nodes.Element) -> str:
        """Return what stands in a paragraph, a title or the like, on one line."""
        return re.sub(r"[ \n]+", " ", "".join(map(self.inline, node.children)))

    def inline(self, node: nodes.Node) -> str:
        """Return one piece of a line."""
        if isinstance(node, nodes.Text):
            return escaped(str(node))
        if isinstance(node, NOTHING):
            return ""
        if isinstance(node, nodes.math):
            return f"${' '.join(node.astext().split())}$"
        if isinstance(node, nodes.literal):
            return code(node.astext())
        if isinstance(node, nodes.reference):
            return self.reference(node)
        inside = self.inlines(node)
        for kind, write in WITHIN.items():
            if isinstance(node, kind):
                return write(inside)
        raise NotImplementedError(f"no Markdown for {type(node).__name__} within a line: teach markdown.py")

    def reference(self, node: nodes.reference) -> str:
        """Return a link; it leads to the published page where it leads to a place in this one."""
        address = node.get("refuri") or f"{self.address}#{node['refid']}"
        text = self.cited.get(address.partition("#")[2]) or self.inlines(node)
        return f"{' ' * text.startswith(' ')}[{text.strip()}]({address})"

    def plain(self, node: nodes.Element) -> str:
        """Return a title for a place where Markdown is not read, but formulas are."""
        texts = (f"${text}$" if isinstance(text.parent, nodes.math) else str(text) for text in node.findall(nodes.Text))
        return escape(" ".join("".join(texts).split()), quote=False)


NOTHING = (nodes.target, nodes.comment, nodes.substitution_definition, nodes.Invisible)
TRANSPARENT = (nodes.section, nodes.container)
WITHIN: dict[type, Callable[[str], str]] = {
    nodes.emphasis: "*{}*".format,
    nodes.strong: "**{}**".format,
    nodes.superscript: "<sup>{}</sup>".format,
    nodes.subscript: "<sub>{}</sub>".format,
    nodes.inline: str,
    nodes.subtitle: str,  # of an exercise
    nodes.title: str,
}


def escaped(text: str) -> str:
    """Return text in which nothing has a meaning for Markdown or HTML."""
    return SPECIAL.sub(r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;").replace("~~", r"\~\~"))


def code(text: str) -> str:
    """Return a piece of code; within it a mark of code needs a longer one around it."""
    mark = "``" if "`" in text else "`"
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{mark}{space}{text}{space}{mark}"


def fenced(node: nodes.literal_block) -> str:
    """Return a listing."""
    text = node.astext().strip("\n")
    fence = "```" if "```" not in text else "````"
    language = node.get("language", "")
    return f"{fence}{'python' if 'python' in language else ''}\n{text}\n{fence}"


def quoted(blocks: Iterable[str]) -> str:
    """Return blocks as one quotation."""
    return "\n".join(f"> {line}".rstrip() for line in "\n\n".join(blocks).splitlines())


def folded(title: str, blocks: Iterable[str]) -> list[str]:
    """Return blocks behind a title that opens them; the empty lines let viewers read them as Markdown."""
    return [f"<details>\n<summary>{title}</summary>", *blocks, "</details>"]
