"""Numbers as print sets them: a minus sign where the keyboard has a hyphen, powers of ten with raised exponents."""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["MINUS", "typeset"]

MINUS = "\N{MINUS SIGN}"
NUMBER = re.compile(r"(?<![\w.)-])(-?)(\d+(?:\.\d+)?)(?:e([+-])0*(\d+)(?!\w|\.\d))?")


def typeset(text: str, raised: Callable[[str], str]) -> str:
    """Return a text with its numbers as print has them.

    Parameters
    ----------
    text
        Such as ``"-4.5e-06"``, which becomes −4.5 · 10⁻⁶; a factor of 1 is left out. Names with hyphens, as
        ``784-300-10``, and dates stay as they are.
    raised
        Makes an exponent of a text, in the language of the result.
    """

    def write(match: re.Match) -> str:
        minus, factor, sign, exponent = match.groups()
        minus = MINUS if minus else ""
        if exponent is None or not float(factor):
            return minus + factor
        factor = "" if float(factor) == 1 else f"{factor}\N{NO-BREAK SPACE}·\N{NO-BREAK SPACE}"
        return minus + factor + "10" + raised((MINUS if sign == "-" else "") + exponent)

    return NUMBER.sub(write, text)
