"""The page on which the HTTP interface can be tried: Swagger's, from files of a package, with no request to outside."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

__all__ = ["add_docs"]


def add_docs(app: FastAPI) -> None:
    """Put the page at ``/docs``, where FastAPI's own, which loads its script from elsewhere, is looked for."""
    files = Path(fastapi_offline.__file__).with_name("static")
    app.mount("/swagger", StaticFiles(directory=files))
    # All addresses are relative to the page, so that it works behind a proxy that says nothing of its prefix.
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=app.title,
        swagger_js_url="swagger/swagger-ui-bundle.js",
        swagger_css_url="swagger/swagger-ui.css",
        swagger_favicon_url="data:,",
        swagger_ui_parameters={"validatorUrl": None},
    )
    text = bytes(page.body).decode().strip().replace("<html>", '<html lang="en">')
    script = text.rpartition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'self' 'sha256-{digest}'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'"
    )

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(text, headers={"Content-Security-Policy": policy})
