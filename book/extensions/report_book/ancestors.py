"""Where in a document a node stands."""

from __future__ import annotations

from docutils import nodes


def is_within(node: nodes.Node, kinds: type | tuple[type, ...]) -> bool:
    """Return whether a node is of one of the kinds, or stands somewhere inside of such a node."""
    while node is not None and not isinstance(node, kinds):
        node = node.parent
    return node is not None
