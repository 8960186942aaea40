"""``report.html``: one file that opens offline."""

from __future__ import annotations

import base64
from importlib import resources

import jinja2

from marrowmap.report.canvas import Picture
from marrowmap.report.page import Document

_MEDIA_TYPES = {"webp": "image/webp", "svg": "image/svg+xml"}


def data_uri(picture: Picture) -> str:
    """Return a picture as an address that holds it."""
    content = base64.b64encode(picture.data).decode("ascii")
    return f"data:{_MEDIA_TYPES[picture.suffix]};base64,{content}"


def render_html(document: Document) -> str:
    """Return the report as one HTML page: no request to anywhere, everything from the files escaped."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["data_uri"] = data_uri
    folder = resources.files("marrowmap.report").joinpath("templates")
    template = environment.from_string(folder.joinpath("report.html.jinja").read_text(encoding="utf-8"))
    return template.render(document=document)
