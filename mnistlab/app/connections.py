"""Connections whose number and patience have an end.

uvicorn takes any number of connections and waits for ever for the rest of a request; and to what is no HTTP it answers
in plain text. The limits of :mod:`mnistlab.app.uploads` begin after the last header, so that a client who sends its
headers byte by byte, or nothing, would never meet them.

uvicorn's own limits do not do this: ``timeout_keep_alive`` runs only between two requests, ``limit_concurrency``
answers in plain text and lets connections stay, and nothing bounds how long headers or a body may take. So the class
below is made from uvicorn's, of which it uses what is not documented. A test fails when one of those names moves.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from mnistlab.app.limits import Limits
from mnistlab.app.problems import Problem

__all__ = ["connections"]


def connections(limits: Limits) -> type[H11Protocol]:
    """Return the kind of connection that uvicorn is to make, for its setting ``http``.

    Parameters
    ----------
    limits
        How many there may be, and how long each may take to send a request.
    """
    return type("Connection", (_Connection,), {"limits": limits})


class _Connection(H11Protocol):
    limits: ClassVar[Limits]
    deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as H11Protocol has it
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            self._end(Problem(429, "The server has too many connections: try again in a moment."))
        else:
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        super().handle_events()
        self._watch()

    def on_response_complete(self) -> None:
        self._unwatch()
        super().on_response_complete()
        self._watch()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._end(Problem(400, "This is not a request in HTTP/1.1, or its headers are too long."))

    def _watch(self) -> None:
        """Let the clock run until a request has arrived as a whole."""
        if self.transport.is_closing() or self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._unwatch()
        elif self.deadline is None:
            self.deadline = self.loop.call_later(self.limits.arriving_seconds, self._too_late)

    def _unwatch(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None

    def _too_late(self) -> None:
        if self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]:
            self.transport.close()  # whoever has asked nothing expects no answer
        else:
            self._end(Problem(408, f"The request took more than {self.limits.arriving_seconds:g} seconds to arrive."))

    def _end(self, problem: Problem) -> None:
        """Close the connection, with an answer unless one has begun."""
        self._unwatch()
        if self.transport.is_closing():
            return
        if self.cycle is not None:  # whoever works on the request may still answer it: to nobody
            self.cycle.disconnected = True
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            answer = problem.response()
            headers = [*answer.raw_headers, (b"connection", b"close")]
            reason = HTTPStatus(answer.status_code).phrase.encode()
            start = h11.Response(status_code=answer.status_code, headers=headers, reason=reason)
            for part in (start, h11.Data(data=bytes(answer.body)), h11.EndOfMessage()):
                self.transport.write(self.conn.send(part))
        self.transport.close()
