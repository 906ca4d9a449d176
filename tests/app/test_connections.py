"""Connections that say nothing, too little, nonsense, or are too many: each comes to its end, with a sentence."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import inspect
import json
import logging
import socket
import threading
from dataclasses import replace

import h11
import pytest
import uvicorn
from fastapi import FastAPI, Request
from starlette.requests import ClientDisconnect
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from mnistlab.app.connections import connections
from mnistlab.app.limits import Limits
from mnistlab.app.problems import handle_problems

SHORT = replace(Limits(), arriving_seconds=0.5, connections=3)
LONG = replace(Limits(), arriving_seconds=600, connections=3)


def application():
    app = FastAPI()
    handle_problems(app)

    @app.get("/")
    async def nothing() -> str:
        return "well"

    @app.post("/")
    async def size(request: Request) -> int:
        try:
            return len(await request.body())
        except ClientDisconnect:
            return -1

    return app


@contextlib.contextmanager
def serving(limits):
    """Serve in a thread; yield a function that connects."""
    with socket.create_server(("127.0.0.1", 0)) as listening, contextlib.ExitStack() as opened:
        server = uvicorn.Server(uvicorn.Config(application(), http=connections(limits), ws="none", log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield lambda: opened.enter_context(socket.create_connection(listening.getsockname(), timeout=30))
        finally:
            opened.close()
            server.should_exit = True
            thread.join(timeout=30)


@pytest.fixture(scope="module")
def short():
    with serving(SHORT) as connect:
        yield connect


def everything(connection):
    """Return what comes until the other side closes."""
    return b"".join(iter(lambda: connection.recv(4096), b""))


def body(connection):
    """Return the body of one answer on a connection that stays open."""
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return answer.read()


def problem(answer):
    head, _, text = answer.partition(b"\r\n\r\n")
    content = json.loads(text)
    assert head.startswith(b"HTTP/1.1 %d " % content["status"]) and b"application/json" in head, answer
    assert set(content) == {"status", "message"} and content["message"].endswith(".")
    return content["status"]


GET = b"GET / HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize("data", [b"G", GET, GET + b"X: y\r\n"])
def test_a_request_that_never_arrives_is_given_up(short, data):
    connection = short()
    connection.sendall(data)
    assert problem(everything(connection)) == 408


def test_who_asks_nothing_gets_no_answer(short):
    assert everything(short()) == b""
    connection = short()
    connection.sendall(GET + b"\r\n")
    assert body(connection) == b'"well"' and everything(connection) == b""


def test_a_drop_now_and_then_gains_no_time(short):
    connection = short()
    connection.sendall(GET + b"X: ")
    connection.settimeout(0.1)
    answer = b""
    for _ in range(300):
        with contextlib.suppress(TimeoutError):
            answer = connection.recv(4096)
            break
        connection.sendall(b"y")
    connection.settimeout(10)
    assert problem(answer + everything(connection)) == 408  # which may come in two pieces


@pytest.mark.parametrize("method", [b"POST", b"GET", b"PUT"])  # the body is read, not read, or nobody is there to
def test_a_body_that_never_arrives_is_given_up(short, method):
    connection = short()
    connection.sendall(method + b" / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
    status = int(everything(connection).split()[1])
    assert status == {b"POST": 408, b"GET": 200, b"PUT": 405}[method]


def test_the_clock_stops_when_the_request_is_there_and_starts_with_the_next_one():
    with serving(LONG) as connect:
        connection = connect()
        for length in (3, 0, 70_000):
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % length + bytes(length))
            assert body(connection) == b"%d" % length
        connection.sendall(GET + b"\r\n" + GET + b"Connection: close\r\n\r\n")  # two at once
        assert everything(connection).count(b'"well"') == 2


def test_one_connection_too_many_is_told_and_the_others_go_on():
    with serving(LONG) as connect:
        first, second, third = (connect() for _ in range(3))
        for connection in (first, second, third):
            connection.sendall(GET + b"\r\n")
            assert body(connection) == b'"well"'
        answer = everything(connect())
        assert problem(answer) == 429 and b"retry-after: 1" in answer
        first.close()
        second.sendall(GET + b"\r\n")
        assert body(second) == b'"well"'
        fourth = connect()
        fourth.sendall(GET + b"\r\n")
        assert body(fourth) == b'"well"'


@pytest.mark.parametrize(
    "data",
    [
        b"\0" * 100,
        GET + b"no colon\r\n\r\n",
        GET + b"X: " + bytes(100_000),
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnot a number\r\n",
    ],
)
def test_what_is_no_http_is_told_so(short, data, caplog):
    connection = short()
    connection.sendall(data)
    with caplog.at_level(logging.ERROR):
        assert problem(everything(connection)) == 400
    assert not caplog.records


def test_what_is_used_of_uvicorn_and_h11_though_it_is_not_documented_is_still_there():
    """If this fails, mnistlab/app/connections.py must be made anew for the version that has come."""
    config = uvicorn.Config(application(), log_level="error")
    config.load()
    state = uvicorn.server.ServerState()
    loop = asyncio.new_event_loop()
    try:
        protocol = H11Protocol(config, state, {}, loop)
    finally:
        loop.close()
    assert protocol.connections is state.connections and protocol.cycle is None
    assert protocol.transport is None and protocol.loop is loop
    connection = protocol.conn
    assert (connection.our_state, connection.their_state) == (h11.IDLE, h11.IDLE)
    connection.receive_data(b"GET")
    assert connection.next_event() is h11.NEED_DATA and connection.trailing_data == (b"GET", False)
    used = ("connection_made", "connection_lost", "handle_events", "on_response_complete", "send_400_response")
    assert [name for name in used if not callable(getattr(H11Protocol, name, None))] == []
    assert "self.send_400_response(" in inspect.getsource(H11Protocol.handle_events)
    assert "disconnected" in inspect.getsource(RequestResponseCycle.__init__)
