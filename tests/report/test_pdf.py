from __future__ import annotations

import dataclasses

import numpy as np
import pypdfium2
import pytest

from marrowmap.report import AnalysisResult
from marrowmap.report.document import build_document
from marrowmap.report.document import draw_pictures
from marrowmap.report.page import Document
from marrowmap.report.pdf import render_pdf
from marrowmap.values import Subject


@pytest.fixture(scope="module")
def document(result: AnalysisResult) -> Document:
    return build_document(result, draw_pictures(result, lambda *_: None))


@pytest.fixture(scope="module")
def pdf(document: Document) -> bytes:
    return render_pdf(document)


def test_two_to_four_pages_with_something_on_each(pdf: bytes) -> None:
    pages = list(pypdfium2.PdfDocument(pdf))
    assert 2 <= len(pages) <= 4
    for page in pages:
        grey = page.render(scale=0.5).to_numpy().mean(axis=2)
        assert np.mean(grey < 200) > 0.01


def test_text_can_be_read(pdf: bytes) -> None:
    text = "".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf))
    assert "Research use only. Not a medical device." in text
    assert "intertrochanteric" in text
    assert "not assessable" in text
    assert "Secret" not in text


def test_same_bytes_twice(document: Document, pdf: bytes) -> None:
    assert render_pdf(document) == pdf


def test_identifiers_are_not_typst(result: AnalysisResult) -> None:
    evil = '#panic("x") $ *bold* `raw` <label> @cite \\ "'
    exam = dataclasses.replace(result.exam, subject=Subject(evil), notes=(evil,))
    document = build_document(dataclasses.replace(result, exam=exam, readings=()), ())
    text = pypdfium2.PdfDocument(render_pdf(document))[0].get_textpage().get_text_range()
    assert '#panic("x")' in text
