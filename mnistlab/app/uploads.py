"""Uploaded files, read into memory and nowhere else.

Starlette's own form parser moves what is larger than 1 MB into a temporary file, and reads a whole request before a
size can be checked. Here the stream goes through a parser that counts as it reads.
"""

from __future__ import annotations

import asyncio
import contextlib

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from mnistlab.app.limits import Limits
from mnistlab.app.problems import Problem

__all__ = ["read_files"]

HEADER_BYTES = 8192
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
        422 if it has no file in that field, or too many.
    """
    body = _Body(request)
    try:
        form = _Form(request.headers.get("content-type", ""), field, most, limits)
        declared = request.headers.get("content-length", "0")
        if not declared.isascii() or not declared.isdigit():
            raise Problem(400, "The header Content-Length must be a number.")
        if int(declared) > form.most_bytes:
            raise form.too_large()
        async with asyncio.timeout(limits.sending_seconds):
            while not body.ended:
                form.write(await body.chunk())
        return form.files()
    except TimeoutError:
        raise Problem(408, f"The request took more than {limits.sending_seconds:g} seconds to arrive.") from None
    except Problem:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limits.sending_seconds):
                while not body.ended and body.size < DISCARDED:
                    await body.chunk()
        raise


class _Body:
    """The bytes of a request as they arrive, and whether they have all arrived."""

    def __init__(self, request: Request):
        self.receive, self.ended, self.size = request.receive, False, 0

    async def chunk(self) -> bytes:
        """Return the next bytes; nothing if the client has gone."""
        message = await self.receive()
        self.ended = message["type"] != "http.request" or not message.get("more_body", False)
        data = message.get("body", b"")
        self.size += len(data)
        return data


class _Form:
    """A parser of one multipart form that keeps the files of one field."""

    def __init__(self, content_type: str, field: str, most: int, limits: Limits):
        kind, options = parse_options_header(content_type.encode("latin-1", "replace"))
        if kind != b"multipart/form-data":
            raise Problem(415, f"Send a form with a file in its field '{field}' (multipart/form-data).")
        boundary = options.get(b"boundary", b"")
        if not 0 < len(boundary) <= 200:
            raise Problem(400, "The form has no usable boundary in its header Content-Type.")
        self.field, self.most, self.limits = field, most, limits
        self.most_bytes = limits.request_bytes if most > 1 else limits.file_bytes + OTHER_PARTS * HEADER_BYTES
        self.parts = self.size = 0
        self.kept: list[bytearray] = []
        self.ended = False
        self.parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begins,
                "on_header_field": lambda data, start, end: self._add(self.name, data[start:end]),
                "on_header_value": lambda data, start, end: self._add(self.value, data[start:end]),
                "on_header_end": self._header_ends,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._part_data,
                "on_end": self._end,
            },
        )

    def too_large(self) -> Problem:
        """Return the answer to a request with too many bytes."""
        return Problem(413, f"The request is too large: at most {self.most_bytes / 2**20:.3g} MiB are read.")

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self.size += len(chunk)
        if self.size > self.most_bytes:
            raise self.too_large()
        try:
            self.parser.write(chunk)
        except FormParserError:
            raise Problem(400, "The form is malformed: its parts and boundaries do not fit.") from None

    def files(self) -> list[bytes]:
        """Return the files, after the last byte."""
        if not self.kept:
            raise Problem(422, f"The form has no file in its field '{self.field}'.")
        if not self.ended:
            raise Problem(400, "The form is cut off: its last boundary is missing.")
        return [bytes(data) for data in self.kept]

    def _part_begins(self) -> None:
        self.parts += 1
        if self.parts > self.most + OTHER_PARTS:
            raise Problem(422, f"The form has too many parts: send up to {self.most} and nothing else.")
        self.name, self.value, self.disposition = bytearray(), bytearray(), b""
        self.part: bytearray | None = None

    def _add(self, text: bytearray, data: bytes) -> None:
        text += data
        if len(text) > HEADER_BYTES:
            raise Problem(400, "A part of the form has a header that is too long.")

    def _header_ends(self) -> None:
        if bytes(self.name).lower() == b"content-disposition":
            self.disposition = bytes(self.value)
        self.name, self.value = bytearray(), bytearray()

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self.disposition)
        # The file's name is never used: only whether there is one, which tells a file from a text.
        if options.get(b"name") == self.field.encode() and b"filename" in options:
            if len(self.kept) == self.most:
                raise Problem(422, f"Send {'one file' if self.most == 1 else f'up to {self.most} files'} at a time.")
            self.part = bytearray()
            self.kept.append(self.part)

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self.part is not None:
            self.part += data[start:end]
            if len(self.part) > self.limits.file_bytes:
                raise Problem(413, f"A file is too large: at most {self.limits.file_bytes / 2**20:.3g} MiB are read.")

    def _end(self) -> None:
        self.ended = True
