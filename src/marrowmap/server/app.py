"""The reading page's server: loopback, a token for each reader, nothing from or to anywhere else."""

from __future__ import annotations

from collections.abc import Awaitable
from collections.abc import Callable
from importlib import resources
from typing import Annotated
from typing import Any

from fastapi import APIRouter
from fastapi import Depends
from fastapi import FastAPI
from fastapi import Header
from fastapi import HTTPException
from fastapi import Request
from fastapi import Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import Field
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from marrowmap.errors import InputError
from marrowmap.readers.storage_rows import AlreadyAnsweredError
from marrowmap.server.session import describe_task
from marrowmap.server.session import describe_turn
from marrowmap.server.session import image_file
from marrowmap.server.session import list_answered
from marrowmap.workflow.study import Study

LOOPBACK = ("127.0.0.1", "localhost")
MAX_BODY = 4_000_000
PAGE_FILES = {
    "": ("index.html", "text/html"),
    "main.js": ("main.js", "text/javascript"),
    "viewer.js": ("viewer.js", "text/javascript"),
    "form.js": ("form.js", "text/javascript"),
    "style.css": ("style.css", "text/css"),
}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Given(BaseModel):
    """An answer as the page sends it."""

    model_config = ConfigDict(extra="forbid")

    values: dict[str, Any]
    seconds: float = Field(0.0, ge=0, le=1e8, allow_inf_nan=False)
    edits_version: int | None = None


router = APIRouter()


def _study(request: Request) -> Study:
    study: Study = request.app.state.study
    return study


StudyHere = Annotated[Study, Depends(_study)]


def _known_reader(study: StudyHere, authorization: Annotated[str, Header()] = "") -> str:
    reader = study.store.reader_of(authorization.removeprefix("Bearer "))
    if reader is None:
        raise HTTPException(401, "this link is not known: ask for yours")
    return reader


Reader = Annotated[str, Depends(_known_reader)]


@router.get("/api/turn")
def turn(study: StudyHere, reader: Reader) -> dict[str, Any]:
    """What the reader is to do now."""
    return describe_turn(study, reader)


@router.get("/api/cases")
def answered(study: StudyHere, reader: Reader) -> list[dict[str, Any]]:
    """List the reader's own answered reads."""
    return list_answered(study, reader)


@router.get("/api/cases/{code}")
def case(study: StudyHere, reader: Reader, code: str) -> dict[str, Any]:
    """Describe one read that is open to the reader."""
    return describe_task(study, reader, code)


@router.get("/api/cases/{code}/images/{number}")
def image(study: StudyHere, reader: Reader, code: str, number: int) -> FileResponse:
    """Send gray values: 16-bit, little-endian, slice by slice, row by row."""
    return FileResponse(image_file(study, reader, code, number), media_type="application/octet-stream")


@router.post("/api/cases/{code}/answer")
def save(study: StudyHere, reader: Reader, code: str, given: Given) -> dict[str, Any]:
    """Keep an answer; the reply is its receipt."""
    version = study.store.save(reader, code, given.values, seconds=given.seconds, edits_version=given.edits_version)
    return {"version": version, "feedback": describe_task(study, reader, code).get("feedback")}


@router.get("/")
@router.get("/{name}")
def page(name: str = "") -> Response:
    """Send one of the page's own files."""
    if name == "favicon.ico":
        return Response(status_code=204)
    if name not in PAGE_FILES:
        raise HTTPException(404, "there is no such page")
    file, kind = PAGE_FILES[name]
    text = resources.files("marrowmap.server").joinpath("page", file).read_text(encoding="utf-8")
    return Response(text, media_type=kind)


async def _guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    length = request.headers.get("content-length", "")
    if request.method == "POST" and not (length.isdigit() and int(length) <= MAX_BODY):
        return JSONResponse({"detail": "the answer is too long"}, 413, headers=HEADERS)
    response = await call_next(request)
    response.headers.update(HEADERS)
    # They are of the file, so alike for two readers and two sessions: a case would be known again by them.
    for name in ("etag", "last-modified"):
        if name in response.headers:
            del response.headers[name]
    return response


async def _refuse(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 409 if isinstance(error, AlreadyAnsweredError) else 422)


async def _misfit(_request: Request, _error: Exception) -> JSONResponse:
    """Say that a request does not fit without sending it back: what is no number would not fit a reply either."""
    return JSONResponse({"detail": "the request is not of this page's form"}, 422)


def make_app(study: Study, hosts: tuple[str, ...] = LOOPBACK) -> FastAPI:
    """Return the application.

    Parameters
    ----------
    study : Study
    hosts : tuple of str
        Names under which it may be called: a page elsewhere that points its name here is refused.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.state.study = study
    app.include_router(router)
    app.add_exception_handler(InputError, _refuse)
    app.add_exception_handler(RequestValidationError, _misfit)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)
    app.add_middleware(BaseHTTPMiddleware, dispatch=_guard)
    return app
