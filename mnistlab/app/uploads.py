"""Uploaded files, read into memory and nowhere else.

Starlette's form parser does the parsing. What it lacks is added here: a bound on a request's bytes that is kept while
they arrive, and on the time that they take; files that never reach a disk, which it would write from 1 MB on; and the
difference between a form that has ended and one that was cut off.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from mnistlab.app.limits import Limits
from mnistlab.app.problems import Problem

__all__ = ["read_files"]

TEXT_BYTES = 8192
OTHER_PARTS = 8
DISCARDED = 64 << 20
"""How much of a request that was refused is still taken, so that its sender gets to read the answer."""


async def read_files(request: Request, field: str, most: int, limits: Limits) -> list[bytes]:
    """Return the contents of the files of a multipart form.

    Parameters
    ----------
    request
        Whose body has not been read yet.
    field
        Name of the form's field that holds files; others are passed over.
    most
        How many files there may be.
    limits
        Bytes and seconds.

    Raises
    ------
    Problem
        400 if the form is malformed, 408 if it takes too long, 413 if it is too large, 415 if it is no multipart form,
        422 if it has no file in that field, or too many parts.
    """
    body = _Body(request, limits.request_bytes if most > 1 else limits.file_bytes + OTHER_PARTS * TEXT_BYTES)
    try:
        headers = _form_headers(request, field)
        declared = request.headers.get("content-length", "0")
        if not declared.isascii() or not declared.isdigit():
            raise Problem(400, "The header Content-Length must be a number.")
        if int(declared) > body.most:
            raise body.too_large()
        async with asyncio.timeout(limits.sending_seconds):
            files = await _parse(headers, body, field, most)
        if not files:
            raise Problem(422, f"The form has no file in its field '{field}'.")
        if len(files) > most:
            raise Problem(422, f"Send {'one file' if most == 1 else f'up to {most} files'} at a time.")
        if max(map(len, files)) > limits.file_bytes:
            raise Problem(413, f"A file is too large: at most {limits.file_bytes / 2**20:.3g} MiB are read.")
        return files
    except TimeoutError:
        raise Problem(408, f"The request took more than {limits.sending_seconds:g} seconds to arrive.") from None
    except Problem:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limits.sending_seconds):
                while not body.ended and body.size < DISCARDED:
                    await body.chunk()
        raise


class _Body:
    """The bytes of a request as they arrive, how many there may be, and whether they have all arrived."""

    def __init__(self, request: Request, most: int):
        self.receive, self.most, self.ended, self.size = request.receive, most, False, 0

    async def chunk(self) -> bytes:
        """Return the next bytes; nothing if the client has gone."""
        message = await self.receive()
        self.ended = message["type"] != "http.request" or not message.get("more_body", False)
        data = message.get("body", b"")
        self.size += len(data)
        return data

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield all bytes, if they are not too many."""
        while not self.ended:
            data = await self.chunk()
            if self.size > self.most:
                raise self.too_large()
            yield data

    def too_large(self) -> Problem:
        """Return the answer to a request with too many bytes."""
        return Problem(413, f"The request is too large: at most {self.most / 2**20:.3g} MiB are read.")


def _form_headers(request: Request, field: str) -> Headers:
    """Return the one header that a parser needs."""
    content_type = request.headers.get("content-type", "")
    kind, options = parse_options_header(content_type.encode("latin-1", "replace"))
    if kind != b"multipart/form-data":
        raise Problem(415, f"Send a form with a file in its field '{field}' (multipart/form-data).")
    if not 0 < len(options.get(b"boundary", b"")) <= 200:
        raise Problem(400, "The form has no usable boundary in its header Content-Type.")
    return Headers({"content-type": content_type})


async def _parse(headers: Headers, body: _Body, field: str, most: int) -> list[bytes]:
    """Return the files of a form's field; what the parser says is told in words of ours."""
    parser = _Parser(
        headers,
        body.chunks(),
        max_files=most + OTHER_PARTS,
        max_fields=OTHER_PARTS,
        max_part_size=TEXT_BYTES,
    )
    parser.spool_max_size = 2 * body.most  # no file ever becomes as large, so that none is moved to a disk
    try:
        form = await parser.parse()
    except MultiPartException as error:
        if isinstance(error.__cause__, ValueError):
            raise Problem(400, "The form is malformed: its parts and boundaries do not fit.") from None
        raise Problem(422, f"Send only files, up to {most}, in the form's field '{field}': {error.message}") from None
    except ValueError:  # bytes that are none of the text that they claim to be
        raise Problem(400, "The form is malformed: its parts and boundaries do not fit.") from None
    # The file's name is never used: only whether there is one, which tells a file from a text.
    files = [await part.read() for part in form.getlist(field) if isinstance(part, UploadFile)]
    await form.close()
    if body.size and not parser.has_ended:
        raise Problem(400, "The form is cut off: its last boundary is missing.")
    return files


class _Parser(MultiPartParser):
    """Starlette's parser, which knows at the end whether it has seen the last boundary."""

    has_ended = False

    def on_end(self) -> None:
        self.has_ended = True
