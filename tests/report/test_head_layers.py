from __future__ import annotations

import dataclasses
import io

import numpy as np
from PIL import Image

from marrowmap.image import Volume
from marrowmap.ingest.exam import Sequence
from marrowmap.measure.crescent import Cleft
from marrowmap.measure.crescent import CleftSearch
from marrowmap.measure.ct_head import CtHead
from marrowmap.measure.head_map import unroll
from marrowmap.measure.joint_space import JointSpace
from marrowmap.report import AnalysisResult
from marrowmap.report.document import build_document
from marrowmap.report.head_layers import draw_head_layers
from marrowmap.values import Side


def with_further(heads: AnalysisResult):
    """The result with one more sequence and a CT that shows a crescent on the left."""
    reading = next(r for r in heads.readings if r.head is not None and r.side is Side.LEFT)
    t1 = reading.head.t1
    grid = t1.volume.grid
    t2 = dataclasses.replace(t1, uid=t1.uid + ".7", description="COR T2", sequence=Sequence.T2)
    density = Volume(grid, np.full(grid.shape, 250.0, np.float32))
    ct = dataclasses.replace(t1, uid=t1.uid + ".8", modality="CT", sequence=Sequence.CT, volume=density)
    edge = unroll(reading.head.femur)
    place = edge.directions @ edge.up > 0.95
    cleft = Cleft(place, 2.5, 1.5, 1.6, 18.0, 20.0, 220.0, 150.0, "fluid")
    width = np.where(edge.weight_bearing, 3.5, np.nan)
    ct_head = CtHead(
        Side.LEFT, "", edge.femur, ct, edge, CleftSearch((cleft,), 50.0, 250.0, 40.0, 0.3), JointSpace(width, 3.5, 3.5)
    )
    exam = dataclasses.replace(heads.exam, series=(*heads.exam.series, t2, ct))
    return dataclasses.replace(heads, exam=exam), dataclasses.replace(reading, ct_head=ct_head)


def test_every_further_sequence_and_ct_have_their_map(heads: AnalysisResult) -> None:
    result, reading = with_further(heads)
    picture = draw_head_layers(result, reading)
    assert picture is not None
    assert picture == draw_head_layers(result, reading)
    for words in ("COR T2", "CT darkest", "CT joint space"):
        assert words in picture.alt
    wide, high = Image.open(io.BytesIO(picture.data)).size
    assert wide > 1.8 * high


def test_nothing_is_drawn_where_the_large_map_holds_every_series(heads: AnalysisResult) -> None:
    reading = next(r for r in heads.readings if r.head is not None)
    known = tuple(s for s in heads.exam.series if s in (reading.head.t1, reading.head.fluid))
    less = dataclasses.replace(heads, exam=dataclasses.replace(heads.exam, series=known), readings=())
    assert draw_head_layers(less, reading) is None


def test_the_picture_has_its_place_in_the_report_with_ct_alone(heads: AnalysisResult) -> None:
    result, reading = with_further(heads)
    alone = dataclasses.replace(result, readings=(dataclasses.replace(reading, head=None),))
    picture = draw_head_layers(alone, alone.readings[0])
    assert picture is not None
    assert "COR T2" not in picture.alt
    document = build_document(alone, [("Left hip", (picture,))])
    (section,) = [section for section in document.sections if section.key == "joint-surface"]
    assert [plate.picture for plate in section.plates] == [picture]
