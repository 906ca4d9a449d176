"""Requests to a server, for the chapter that runs one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["get", "post"]


def get(address: str) -> tuple[int, str]:
    """Return the status and the text that a server answers with."""
    import httpx  # comes with the extra "app", which other chapters do without

    reply = httpx.get(address, timeout=60)
    return reply.status_code, reply.text


def post(address: str, files: Mapping[str, object] | Sequence[tuple[str, object]]) -> tuple[int, str]:
    """Send files in a form, and return the status and the text that a server answers with.

    Parameters
    ----------
    address
        Where to.
    files
        For each field of the form the bytes of a file, or a pair of its name and its bytes.
    """
    import httpx

    reply = httpx.post(address, files=files, timeout=60)
    return reply.status_code, reply.text
