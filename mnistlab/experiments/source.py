"""The library's own code, shown in a chapter."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from textwrap import dedent

__all__ = ["Source"]


class Source:
    """Source of functions or methods, which shows itself in a notebook without docstrings: the page has the words.

    Parameters
    ----------
    objects
        Functions or methods, shown one below the other.
    """

    def __init__(self, *objects: Callable):
        texts = (dedent(inspect.getsource(thing)).rstrip() for thing in objects)
        self.text = "\n\n".join(re.sub(r'\n *r?"""(?:[^"]|"(?!""))*"""', "", text, count=1) for text in texts)

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.text}\n```"
