"""The HTTP interface: what can be asked, and what is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, Field

import mnistlab
from mnistlab.app.docs import add_docs
from mnistlab.app.limits import Limits
from mnistlab.app.page import page
from mnistlab.app.problems import Problem, ProblemAnswer, handle_problems
from mnistlab.app.recognizer import Reading, Recognizer
from mnistlab.app.uploads import read_files
from mnistlab.network import Network

__all__ = ["create_interface"]


class Prediction(BaseModel):
    """What the network reads in a picture."""

    digit: int = Field(ge=0, le=9, description="The most probable digit.")
    probabilities: list[float] = Field(
        min_length=10, max_length=10, description="Of the digits 0 to 9, in this order; they add up to 1."
    )


class Batch(BaseModel):
    """One answer a picture, in the order in which they were sent."""

    results: list[Prediction | ProblemAnswer]


class Health(BaseModel):
    """That the server answers, and with which network."""

    status: str = Field(examples=["ok"])
    version: str
    network: str = Field(description="Its layers.")


PROBLEMS = {
    400: "The request is malformed.",
    408: "The request took too long to arrive.",
    413: "The request or a file has too many bytes.",
    415: "This is no form, or no picture.",
    422: "There is no picture, or it is damaged, too large, or empty.",
    429: "The server is busy.",
}


def create_interface(network: Network, limits: Limits) -> FastAPI:
    """Return the application without its sketchpad; what reads the pictures is its ``state.recognizer``.

    Parameters
    ----------
    network
        From 784 pixels to ten digits.
    limits
        What one client may ask.
    """
    recognizer, counter = Recognizer(network, limits.pixels), _Counter(limits.in_flight)
    threads = _Threads(limits.at_once)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        threads.end()

    app = FastAPI(
        title="mnistlab",
        version=mnistlab.__version__,
        summary="Reads handwritten digits in pictures.",
        lifespan=lifespan,
        servers=[{"url": "./"}],  # from the description's own address, whatever the prefix
        docs_url=None,  # these two pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.recognizer = recognizer
    handle_problems(app)
    add_docs(app)

    async def read(pictures: list[bytes]) -> list[Reading | Problem]:
        """Return a reading or a problem for each picture."""

        def attempt(data: bytes) -> Reading | Problem:
            try:
                return recognizer.read(data)
            except Problem as problem:
                return problem

        work = [asyncio.wrap_future(threads.submit(attempt, data)) for data in pictures]
        try:
            async with asyncio.timeout(limits.reading_seconds):
                return await asyncio.gather(*work)
        except TimeoutError:
            raise Problem(429, "The server is busy with other pictures: try again in a moment.") from None

    def responses(*statuses: int) -> dict[int | str, dict[str, object]]:
        return {status: {"model": ProblemAnswer, "description": PROBLEMS[status]} for status in statuses}

    def form(field: str, schema: Mapping[str, object]) -> dict[str, object]:
        content = {"schema": {"type": "object", "required": [field], "properties": {field: schema}}}
        return {"requestBody": {"required": True, "content": {"multipart/form-data": content}}}

    picture = {"type": "string", "format": "binary", "description": "A PNG, JPEG, WebP or BMP file."}

    @app.post(
        "/predict",
        responses=responses(*PROBLEMS),
        openapi_extra=form("file", picture),
        operation_id="predict",
        summary="Read one picture",
    )
    async def predict(request: Request) -> Prediction:
        """Say which digit a picture shows: dark on light or light on dark, of any size, anywhere in the picture."""
        with counter:
            (result,) = await read(await read_files(request, "file", 1, limits))
        if isinstance(result, Problem):
            raise result
        return _prediction(result)

    @app.post(
        "/predict/batch",
        responses=responses(*PROBLEMS),
        openapi_extra=form("files", {"type": "array", "items": picture, "minItems": 1, "maxItems": limits.files}),
        operation_id="predict_batch",
        summary="Read several pictures",
    )
    async def predict_batch(request: Request) -> Batch:
        """Answer for each picture by itself: one that cannot be read does not spoil the others."""
        with counter:
            results = await read(await read_files(request, "files", limits.files, limits))
        return Batch(results=[_answer(result) for result in results])

    @app.get("/health", operation_id="health", summary="Say that all is well")
    async def health() -> Health:
        return Health(status="ok", version=mnistlab.__version__, network=", ".join(map(repr, network.layers)))

    @app.get("/", include_in_schema=False)
    async def upload_page() -> HTMLResponse:
        return page(limits)

    @app.post("/", include_in_schema=False)
    async def result_page(request: Request) -> HTMLResponse:
        try:
            with counter:
                results = await read(await read_files(request, "file", limits.files, limits))
        except Problem as problem:
            results = [problem]
        alone = results[0] if len(results) == 1 else None
        if isinstance(alone, Problem) and "text/html" not in request.headers.get("accept", ""):
            raise alone
        return page(limits, results)

    @app.middleware("http")
    async def plain_headers(request: Request, call_next) -> JSONResponse:
        response = await call_next(request)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "no-referrer")
        return response

    return app


def _prediction(reading: Reading) -> Prediction:
    return Prediction(digit=reading.digit, probabilities=reading.probabilities.tolist())


def _answer(result: Reading | Problem) -> Prediction | ProblemAnswer:
    if isinstance(result, Problem):
        return ProblemAnswer(status=result.status, message=result.message)
    return _prediction(result)


class _Threads:
    """Threads that read pictures, made when the first one comes.

    An application can end and start again, and one that is mounted in another is used without ever being started.
    """

    def __init__(self, most: int):
        self.most = most
        self.pool: ThreadPoolExecutor | None = None

    def submit(self, work: Callable[[bytes], Reading | Problem], data: bytes) -> Future[Reading | Problem]:
        """Let a thread work on a picture as soon as one is free."""
        if self.pool is None:
            self.pool = ThreadPoolExecutor(self.most, "reader")
        return self.pool.submit(work, data)

    def end(self) -> None:
        """Let the pictures go that no thread has begun with."""
        if self.pool is not None:
            self.pool.shutdown(cancel_futures=True)
            self.pool = None


class _Counter:
    """Counts the requests that are in memory, and refuses one too many. Used by the event loop's thread only."""

    def __init__(self, most: int):
        self.most, self.now = most, 0

    def __enter__(self) -> None:
        if self.now >= self.most:
            raise Problem(429, "The server is busy with other pictures: try again in a moment.")
        self.now += 1

    def __exit__(self, *_: object) -> None:
        self.now -= 1
