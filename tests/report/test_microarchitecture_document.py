"""Document, pictures and files of the report of trabecular structure, from one canned result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.image.mirror import mirror_grid
from marrowmap.ingest.microstructure_image import MicroImage
from marrowmap.measure.microarchitecture import Microarchitecture
from marrowmap.measure.microarchitecture import Regime
from marrowmap.measure.microarchitecture_match import match_by_masks
from marrowmap.measure.microarchitecture_precision import load_precision
from marrowmap.measure.microarchitecture_sides import compare_sides
from marrowmap.report.html import render_html
from marrowmap.report.microarchitecture_document import build_microarchitecture_document
from marrowmap.report.microarchitecture_result import MicroResult
from marrowmap.report.microarchitecture_result import MicroSide
from marrowmap.report.microarchitecture_write import write_microarchitecture
from marrowmap.values import Joint
from marrowmap.values import Quantity
from marrowmap.values import Side
from tests.ingest.micro_files import grid
from tests.measure.test_microarchitecture_match import wedge

SHAPE = (40, 36, 30)


def side(share: float, which: Side, regime: Regime = Regime.RESOLVED) -> MicroSide:
    place = grid(SHAPE, 0.1)
    place = mirror_grid(place) if which is Side.RIGHT else place
    region = Mask(place, wedge())
    values = (np.random.default_rng(1).random(SHAPE) < share).astype(np.float32)
    found = {"bone_volume_fraction": Quantity(share, "1", 0.9 * share, 1.1 * share)}
    maps = {}
    if regime is Regime.RESOLVED:
        found["trabecular_thickness"] = Quantity(0.15, "mm")
        maps = {"trabecular_thickness": values * np.float32(0.15)}
    refused = {"erosion_index": "the skeleton has no plates <b>"}
    methods = {name: f"method of {name}" for name in found}
    measured = Microarchitecture(
        regime, "why", found, methods, refused, (), Volume(place, values), region, values, maps
    )
    image = MicroImage(f"{which.value}.nii", Volume(place, values), "CT", which.value, (Path("a"),), ("said",))
    return MicroSide(image, region, measured, which, Path("m"))


@pytest.fixture(scope="module")
def result() -> MicroResult:
    this, other = side(0.2, Side.LEFT), side(0.3, Side.RIGHT)
    match = match_by_masks(this.region, other.region, 1)
    comparison = compare_sides(this.measured, other.measured, match, load_precision("HR-pQCT"), "lateral")
    return MicroResult(
        this, other, comparison, Joint.KNEE, (), (), ("a note",), ("a warning",), {}, (), {"measuring": 1.0}
    )


def test_every_part_of_the_report_is_there(result):
    document = build_microarchitecture_document(result)
    by_key = {section.key: section for section in document.sections}
    assert [plate.picture.key for plate in by_key["measures"].plates] == ["micro_thickness", "micro_thickness"]
    assert [plate.picture.key for plate in by_key["sides"].plates] == ["micro_difference", "micro_parts"]
    (refused,) = by_key["refused"].tables
    assert {row[0] for row in refused.rows} == {"left", "right"}
    (table,) = by_key["measures"].tables
    assert table.rows[0][:4] == ("bone volume fraction", "", "0.200", "0.180 to 0.220")
    (sides,) = by_key["sides"].tables
    assert sides.rows[0][4] == "−33.3"
    assert document.warnings == ("a warning",)


def test_the_page_asks_nothing_of_the_net_and_escapes_what_files_say(result):
    page = render_html(build_microarchitecture_document(result))
    assert "no plates &lt;b&gt;" in page
    assert "http://" not in page
    assert "https://" not in page


def test_the_apparent_regime_is_said_in_words():
    this = side(0.2, Side.LEFT, Regime.APPARENT)
    alone = MicroResult(this, None, None, None, (), (), (), (), {}, (), {})
    document = build_microarchitecture_document(alone)
    by_key = {section.key: section for section in document.sections}
    assert "thickness is refused" in by_key["regime"].paragraphs[0]
    assert by_key["measures"].plates[0].picture.key == "micro_fraction"
    assert by_key["sides"].paragraphs == ("Not given.",)


def test_nothing_is_left_where_writing_fails(result, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "marrowmap.report.microarchitecture_write.render_html", lambda _document: (_ for _ in ()).throw(OSError("full"))
    )
    with pytest.raises(Exception, match="cannot be written"):
        write_microarchitecture(result, tmp_path / "place" / "out")
    assert list(tmp_path.iterdir()) == []
