"""The whole application, and the process that serves it."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI

from mnistlab.app.connections import connections
from mnistlab.app.interface import create_interface
from mnistlab.app.limits import Limits
from mnistlab.app.sketchpad import mount_sketchpad
from mnistlab.app.weights import load_digits
from mnistlab.network import Network

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["create_app", "serve"]

GRACE_SECONDS = 5


def create_app(network: Network | None = None, limits: Limits | None = None) -> FastAPI:
    """Return the application: page, HTTP interface and sketchpad.

    Parameters
    ----------
    network
        From 784 pixels to ten digits; by default the one that ships with the package.
    limits
        What one client may ask.
    """
    network, limits = network or load_digits(), limits or Limits()
    app = create_interface(network, limits)
    mount_sketchpad(app, app.state.recognizer)
    app.add_middleware(_OnePrefix)
    return app


class _OnePrefix:
    """Takes the prefix away where it stands twice: a server adds its root path, which not every proxy has removed."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        prefix = scope.get("root_path", "")
        if scope["type"] == "http" and prefix and scope["path"].startswith(f"{prefix}{prefix}/"):
            scope = {**scope, "path": scope["path"].removeprefix(prefix)}
        await self.app(scope, receive, send)


def serve(model: str | Path | None = None, host: str = "127.0.0.1", port: int = 8000, *, root_path: str = "") -> None:
    """Serve until a signal says stop; requests that are under way then get some seconds to end.

    Parameters
    ----------
    model
        A network's file; by default the one that ships with the package.
    host, port
        Where to listen; port 0 takes any that is free.
    root_path
        Path under which a proxy shows the server, such as ``"/digits"``.

    Raises
    ------
    OSError
        If the model cannot be read, or the address is taken or not this machine's.
    ValueError
        If the model is no network for digits, or the root path is none.
    """
    if not re.fullmatch(r"(/[\w.~-]+)*/?", root_path, re.ASCII):
        raise ValueError(f"a root path is one like /digits, without a host, not {root_path!r}")
    limits = Limits()
    app = create_app(load_digits(model), limits)
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OverflowError:
        raise ValueError(f"a port is a number from 0 to 65535, not {port}") from None
    except OSError as error:
        raise OSError(
            f"cannot listen at {host}, port {port} ({error.strerror}): choose another with --port or --host"
        ) from error
    with listening:
        shown = f"[{host}]" if ":" in host else host
        print(f"serving at http://{shown}:{listening.getsockname()[1]}/ (stop with Ctrl+C)", flush=True)
        config = uvicorn.Config(
            app,
            http=connections(limits),
            ws="none",
            log_level="warning",
            timeout_graceful_shutdown=GRACE_SECONDS,
            server_header=False,
            root_path=root_path.rstrip("/"),
        )
        uvicorn.Server(config).run(sockets=[listening])
