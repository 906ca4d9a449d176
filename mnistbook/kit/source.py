"""The library's own code, shown in a chapter."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from textwrap import dedent

__all__ = ["Source"]


class Source:
    """Source of functions or methods, as a notebook shows it: under its full name, the body line by line as it stands.

    Docstrings and type hints are left out: the page has the words, and its column is narrow.

    Parameters
    ----------
    objects
        Functions or methods, shown one below the other.
    """

    def __init__(self, *objects: Callable):
        self.text = "\n\n".join(map(_shown, objects))

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.text}\n```"


def _shown(thing: Callable) -> str:
    text = dedent(inspect.getsource(thing))
    function = ast.parse(text).body[0]
    body = function.body[1:] if ast.get_docstring(function) else function.body
    for argument in [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]:
        argument.annotation = None
    head = f"def {function.name}({ast.unparse(function.args)}):"
    lines = text.splitlines()[body[0].lineno - 1 : function.end_lineno]
    return "\n".join([f"# {thing.__module__}: {thing.__qualname__}", head, *lines])
