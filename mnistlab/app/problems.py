"""Answers that say what went wrong: always JSON, always with a sentence that a person understands."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

__all__ = ["Problem", "ProblemAnswer", "handle_problems"]

SENTENCES = {
    404: "There is nothing at this address. /openapi.json lists what there is.",
    405: "This address does not know that method. /openapi.json lists what there is.",
}


class ProblemAnswer(BaseModel):
    """What went wrong."""

    status: int = Field(description="The HTTP status.", examples=[415])
    message: str = Field(description="A sentence for a person.", examples=["Send a PNG, JPEG, WebP or BMP file."])


class Problem(Exception):
    """A request that cannot be answered: HTTP status, and a sentence for whoever sent it."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status, self.message = status, message

    def response(self) -> JSONResponse:
        """Return the answer."""
        headers = {"Retry-After": "1"} if self.status == 429 else None
        content = ProblemAnswer(status=self.status, message=self.message).model_dump()
        return JSONResponse(content, self.status, headers)


def handle_problems(app: FastAPI) -> None:
    """Let the application answer every error in the one form."""

    @app.exception_handler(Problem)
    async def problem(request: Request, error: Problem) -> JSONResponse:
        return error.response()

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> JSONResponse:
        answer = Problem(error.status_code, SENTENCES.get(error.status_code, str(error.detail))).response()
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return Problem(422, "The request does not have the form that /openapi.json describes.").response()

    @app.exception_handler(Exception)
    async def bug(request: Request, error: Exception) -> JSONResponse:
        logging.getLogger("uvicorn.error").error("an error of the server's own", exc_info=error)
        return Problem(500, "The server made a mistake, which is not yours; it has been logged.").response()
