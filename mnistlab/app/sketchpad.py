"""The sketchpad: a Gradio page on which a digit is drawn, fenced in for a public machine.

Gradio's own ``Sketchpad`` sends every stroke to an address that writes what it gets into a temporary file. This pad
is a canvas of ours in a Gradio page: the drawing travels as text in the request that asks for its digit, and is read
in memory. Gradio also fetches addresses for its clients and has many more doors than this page needs; the fence lets
through what the page uses, in small requests.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from starlette.routing import Mount

from mnistlab.app.problems import Problem
from mnistlab.app.recognizer import Recognizer

if TYPE_CHECKING:
    from fastapi import FastAPI
    from gradio import Blocks
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Fence", "decode_drawing", "mount_sketchpad"]

REQUEST_BYTES = 512 * 1024
PREFIX = "data:image/png;base64,"

PAGE = r"/((assets|static)/[\w./-]+|theme\.css|favicon\.ico|manifest\.json|robots\.txt|config/?)?"
READ = r"/gradio_api/(info/?|app_id/?|startup-events|theme\.css|queue/data|heartbeat/\w{1,64})"
SENT = r"/gradio_api/queue/join/?"
OPEN = {"GET": re.compile(f"{PAGE}|{READ}"), "HEAD": re.compile(PAGE), "POST": re.compile(SENT)}


def decode_drawing(text: object) -> bytes:
    """Return the picture in a drawing's text; nothing if the text holds none."""
    if not isinstance(text, str) or not text.startswith(PREFIX):
        return b""
    try:
        return base64.b64decode(text[len(PREFIX) :], validate=True)
    except (binascii.Error, ValueError):
        return b""


class Fence:
    """Lets through to the sketchpad what its page needs, and keeps requests small.

    It stands around the mounted application itself: whatever prefix a request came under, there is no way past it.

    Parameters
    ----------
    app
        The mounted application. Its ``root_path`` is where it is mounted, and its doors are named from there.
    """

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        begun, failed, size = False, False, 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > REQUEST_BYTES:
                raise Problem(413, f"The drawing is too large: at most {REQUEST_BYTES // 1024} KiB are read.")
            return message

        async def noted(message: Message) -> None:
            # Requests in a form that its page does not send make Gradio's code raise all kinds of errors.
            nonlocal begun, failed
            if message["type"] == "http.response.start":
                begun, failed = True, message["status"] >= 500
            if not failed:
                await send(message)

        answer = None
        try:
            pattern = OPEN.get(scope["method"])
            if pattern is None or ".." in path or not pattern.fullmatch(path):
                raise Problem(404, "There is nothing at this address. /openapi.json lists what there is.")
            await self.app(scope, counted, noted)
        except Problem as problem:
            answer = problem
        except Exception as error:
            logging.getLogger("uvicorn.error").warning("the sketchpad could not use a request: %r", error)
            failed = failed or not begun
        if failed:
            answer = answer or Problem(400, "The sketchpad cannot use this request.")
        if answer and (failed or not begun):
            await answer.response()(scope, receive, send)


def mount_sketchpad(app: FastAPI, recognizer: Recognizer) -> None:
    """Put the sketchpad at ``/draw``.

    Parameters
    ----------
    app
        Where to put it.
    recognizer
        What reads the drawings.
    """
    # Before the import, which reads it: no word to anybody that the page was opened.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    import gradio as gr
    from fastapi.responses import RedirectResponse

    def read(drawing: str) -> tuple[dict[str, float] | None, str]:
        """Return the ten probabilities, and the image that the network saw."""
        try:
            reading = recognizer.read(decode_drawing(drawing))
        except Problem:  # nothing is drawn
            return None, ""
        names = {str(digit): value for digit, value in enumerate(reading.probabilities.tolist())}
        return names, (
            f'<img src="{reading.image_address()}" alt="The drawing as the network sees it: 28 by 28 pixels" '
            'style="margin-top: 1.5rem; width: 10rem; image-rendering: pixelated">'
        )

    asset = files("mnistlab.app").joinpath("assets")
    parts = {end: asset.joinpath(f"sketchpad.{end}").read_text(encoding="utf-8") for end in ("html", "css", "js")}
    with gr.Blocks(title="Draw a digit", analytics_enabled=False) as blocks:
        gr.Markdown("# Draw a digit\n[Send a picture instead](../)")
        with gr.Row():
            pad = gr.HTML(
                "", html_template=parts["html"], css_template=parts["css"], js_on_load=parts["js"], elem_id="pad"
            )
            with gr.Column():
                probabilities = gr.Label(label="Probabilities", num_top_classes=10, elem_id="probabilities")
                seen = gr.HTML(label="As the network sees it", container=True, show_label=True)
        shown = [probabilities, seen]
        pad.change(read, pad, shown, show_progress="hidden", trigger_mode="always_last", concurrency_limit=2)
    blocks.queue(max_size=32)

    @app.get("/draw", include_in_schema=False)
    async def with_slash() -> RedirectResponse:
        return RedirectResponse("draw/")

    gr.mount_gradio_app(
        app,
        blocks,
        "/draw",
        # Other themes fetch their fonts from elsewhere.
        theme=gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["monospace"]),
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        show_error=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        max_file_size=REQUEST_BYTES,
    )
    (mount,) = [route for route in app.routes if isinstance(route, Mount) and route.path == "/draw"]
    mount.app = Fence(_Running(mount.app, blocks, app))


class _Running:
    """Starts Gradio's queue with the first request, where no lifespan has: nobody runs that of a mounted application.

    Parameters
    ----------
    app
        Gradio's application.
    blocks
        What has the queue.
    outer
        The application whose lifespan starts the queue, when it is run.
    """

    def __init__(self, app: ASGIApp, blocks: Blocks, outer: FastAPI):
        self.app, self.blocks = app, blocks
        self.loop: asyncio.AbstractEventLoop | None = None  # where the queue runs; it ends with that
        lifespan = outer.router.lifespan_context

        @asynccontextmanager
        async def noted(outer: FastAPI) -> AsyncIterator[Any]:
            async with lifespan(outer) as state:
                self.loop = asyncio.get_running_loop()
                yield state

        outer.router.lifespan_context = noted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if self.loop is not asyncio.get_running_loop():
            self.loop = asyncio.get_running_loop()
            self.blocks.run_startup_events()
        await self.app(scope, receive, send)
