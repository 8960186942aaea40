from __future__ import annotations

import dataclasses
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from marrowmap.report import AnalysisResult
from marrowmap.report.document import build_document
from marrowmap.report.document import draw_pictures
from marrowmap.report.html import render_html
from marrowmap.report.wording import load_reportlets
from marrowmap.values import Subject


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.tags if name == tag]


def render(result: AnalysisResult) -> str:
    return render_html(build_document(result, draw_pictures(result, lambda *_: None)))


@pytest.fixture(scope="module")
def text(result: AnalysisResult) -> str:
    return render(result)


def test_asks_for_nothing_outside(text: str) -> None:
    for _, attrs in Page(text).tags:
        for name in ("src", "href", "action", "srcset", "data", "poster"):
            assert attrs.get(name, "#").startswith(("#", "data:image/")), attrs
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_every_picture_is_described_and_can_be_rated(text: str) -> None:
    page = Page(text)
    pictures = page.all("img")
    assert len(pictures) == 9
    assert all(len(picture["alt"]) > 20 for picture in pictures)
    assert len(page.all("fieldset")) == len(pictures)
    assert text.count("<b>Good:</b>") == text.count("<b>Bad:</b>") == len(pictures)


def test_says_what_it_is_and_is_not(text: str) -> None:
    words = " ".join(Page(text).words)
    assert "Research use only. Not a medical device." in words
    assert "virtual patients and surrogates" in words
    for state in ("present", "absent", "undetermined", "not assessable"):
        assert f'class="state state-{state.replace(" ", "-")}">{state}<' in text


def test_no_name_and_no_birth_date(text: str) -> None:
    assert "Secret" not in text
    assert "1980-01-01" not in text


def test_identifiers_are_escaped(result: AnalysisResult) -> None:
    evil = "<script>alert('x')</script>"
    subject = Subject(evil, "M", "", 45.0)
    text = render(dataclasses.replace(result, exam=dataclasses.replace(result.exam, subject=subject)))
    assert evil not in text
    assert "&lt;script&gt;" in text
    assert len(Page(text).all("script")) == 1
    assert "<b>hips</b>" not in text  # from a series description


def test_only_what_was_used_is_cited(result: AnalysisResult, text: str) -> None:
    assert "Gemmel 2012" in text
    assert "Klontzas 2015" not in text
    bare = dataclasses.replace(result, readings=(), findings=(), measurements=())
    assert "Gemmel 2012" not in render(bare)


def test_stays_small(text: str) -> None:
    assert len(text.encode()) < 15_000_000


def test_every_text_of_the_reportlets_is_there() -> None:
    for entry in load_reportlets()["pictures"].values():
        assert set(entry) == {"title", "text", "good", "bad"}


def test_an_exam_without_bones_still_gives_a_report(result: AnalysisResult, tmp_path: Path) -> None:
    bare = dataclasses.replace(result, frames=(), readings=(), findings=(), measurements=(), steps={}, warnings=())
    page = Page(render(bare))
    assert page.all("img") == []
    assert json.dumps(page.words)
