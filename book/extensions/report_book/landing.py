"""The pad on the front page: a reader draws a digit before having read a line."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

FIRST = 0
"""Which training image lies on the pad at first."""


def setup(app: Sphinx) -> None:
    """Register the directive."""
    app.add_directive("digit-pad", Pad)


class Pad(SphinxDirective):
    """Make a section with the pad and the network that ships with the library; none in print, which takes no ink."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the section."""
        if self.env.app.builder.format == "latex":
            return []
        from mnistlab import load_mnist
        from mnistlab.app.digit_pad import DigitPad
        from mnistlab.app.weights import load_digits

        title = self.arguments[0]
        section = nodes.section(ids=[nodes.make_id(title)])
        section += nodes.title(title, title)
        self.state.nested_parse(self.content, self.content_offset, section)
        pad = DigitPad(load_digits(), opening=load_mnist().x_train[FIRST])
        section += nodes.raw("", pad._repr_html_(), format="html")
        return [section]
