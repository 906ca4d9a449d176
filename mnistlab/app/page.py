"""The upload page: one document that needs no script to work and asks for nothing from outside."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.resources import files
from string import Template

from fastapi.responses import HTMLResponse

from mnistlab.app.limits import Limits
from mnistlab.app.problems import Problem
from mnistlab.app.recognizer import Reading

__all__ = ["page"]


def page(limits: Limits, outcomes: Sequence[Reading | Problem] = ()) -> HTMLResponse:
    """Return the page with its form and, above it, what came of the last pictures."""
    status, title, body = 200, "Which digit is it?", ""
    if len(outcomes) == 1:
        (outcome,) = outcomes
        title, kind = _title(outcome), "problem" if isinstance(outcome, Problem) else ""
        status = outcome.status if isinstance(outcome, Problem) else 200
        body = _section(kind, title, _shown(outcome))
    elif outcomes:
        title = f"{len(outcomes)} pictures"
        parts = (
            f"<h3>Picture {place}: {_title(outcome).lower()}</h3>{_shown(outcome)}"
            for place, outcome in enumerate(outcomes, 1)
        )
        body = _section("", title, "".join(parts))
    text = Template(_asset("page.html")).substitute(
        title=title,
        outcome=body,
        megabytes=f"{limits.file_bytes / 2**20:.3g}",
        files=limits.files,
        together=f"{limits.request_bytes / 2**20:.3g}",
        style=_asset("page.css"),
        script=_asset("page.js"),
    )
    return HTMLResponse(text, status, {"Content-Security-Policy": _policy(), "Cache-Control": "no-store"})


def _title(outcome: Reading | Problem) -> str:
    return "That did not work" if isinstance(outcome, Problem) else f"It looks like {_named(outcome.digit)}"


def _shown(outcome: Reading | Problem) -> str:
    if isinstance(outcome, Problem):
        return f"<p>{escape(outcome.message)}</p>"
    return f'<div class="read">{_picture(outcome)}{_bars(outcome)}</div>'


def _named(digit: int) -> str:
    return f"an {digit}" if digit == 8 else f"a {digit}"


def _section(kind: str, title: str, body: str) -> str:
    # A screen reader begins here after an upload, since the script moves the focus to it.
    return (
        f'<section id="outcome" class="outcome {kind}" tabindex="-1" role="status" aria-labelledby="title">'
        f'<h2 id="title">{title}</h2>{body}</section>'
    )


def _picture(reading: Reading) -> str:
    return (
        f'<figure><img src="{reading.image_address()}" width="28" height="28" '
        f'alt="The picture as the network sees it: 28 by 28 pixels, {_named(reading.digit)} in light on black">'
        "<figcaption>As the network sees it</figcaption></figure>"
    )


def _bars(reading: Reading) -> str:
    rows = []
    for digit, value in enumerate(reading.probabilities.tolist()):
        bar = f'<rect width="{100 * value:.2f}" height="10"/>'
        bar = f'<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">{bar}</svg>'
        best = ' class="best"' if digit == reading.digit else ""
        rows.append(
            f'<tr{best}><th scope="row">{digit}</th><td class="bar">{bar}</td><td>{100 * value:.1f}&nbsp;%</td></tr>'
        )
    return f"<table><caption>Probability of each digit</caption><tbody>{''.join(rows)}</tbody></table>"


@cache
def _asset(name: str) -> str:
    return files("mnistlab.app").joinpath("assets", name).read_text(encoding="utf-8")


@cache
def _policy() -> str:
    """Return a policy under which this page can load and run nothing but what it holds."""

    def own(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    return (
        f"default-src 'none'; script-src {own(_asset('page.js'))}; style-src {own(_asset('page.css'))}; "
        "img-src data:; form-action 'self'; base-uri 'none'"
    )
