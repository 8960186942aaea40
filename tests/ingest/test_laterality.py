from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from marrowmap.errors import GeometryError
from marrowmap.ingest.header import Header
from marrowmap.ingest.laterality import SideClaim
from marrowmap.ingest.laterality import claims_in_header
from marrowmap.ingest.laterality import combine_sides
from marrowmap.ingest.laterality import side_at
from marrowmap.ingest.laterality import side_in_text
from marrowmap.values import Side
from tests.ingest.dicom_files import item

LEFT_TEXTS = [
    "MRI left hip", "HIP_LEFT", "LT HIP", "Hip LT", "Hüfte links", "linke Hüfte", "li. Hüfte", "hanche gauche",
    "Hanche G", "cadera izquierda", "anca sinistra", "quadril esquerdo", "L hip", "HIP L", "LHIP", "HipLeft cor T1",
    "vänster höft", "左股関節", "T1 li Knie",
]  # fmt: skip
RIGHT_TEXTS = [
    "MRI right hip", "rt hip", "HIP RT", "Hüfte rechts", "rechte Hüfte", "Hüfte re", "hanche droite", "hanche D",
    "cadera derecha", "anca destra", "quadril direito", "R_KNEE", "RHIP", "RightHip", "右股関節",
]  # fmt: skip
NO_SIDE = [
    "", "cor T1", "3D HIP", "hip 2D", "upright", "bright fluid", "leftover", "copyright", "Re: protocol", "d'anca",
    "SCOUT R>>L", "T1 TSE COR", "LAVA", "cadera sin contraste", "start", "dx protocol", "RL phase", "risonanza d'anca",
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "side"), [(t, Side.LEFT) for t in LEFT_TEXTS] + [(t, Side.RIGHT) for t in RIGHT_TEXTS]
)
def test_text_names_a_side(text, side):
    assert side_in_text(text).side is side


@pytest.mark.parametrize("text", NO_SIDE)
def test_text_without_a_side_names_none(text):
    assert side_in_text(text) is None


@pytest.mark.parametrize(
    "text", ["both hips", "Hüften beidseits", "hip left and right", "rechts links", "Hüfte re.+li.", "hip R+L"]
)
def test_text_names_both(text):
    claim = side_in_text(text)
    assert claim is not None
    assert claim.side is None


@given(st.text(max_size=60))
def test_any_text_is_read(text):
    claim = side_in_text(text)
    assert claim is None or "\n" not in claim.detail


def header(**tags):
    ds = Dataset()
    for keyword, value in tags.items():
        setattr(ds, keyword, value)
    return Header(Path("x.dcm"), ds)


def modifier(code):
    return [item(CodeValue="29836001", AnatomicRegionModifierSequence=[item(CodeValue=code)])]


@pytest.mark.parametrize(
    "tags",
    [
        {"Laterality": "L"},
        {"ImageLaterality": "L"},
        {"SeriesDescription": "hip left"},
        {"ProtocolName": "hip left"},
        {"StudyDescription": "MRT Hüfte li"},
        {"AnatomicRegionSequence": modifier("7771000")},
        {"AnatomicRegionSequence": modifier("G-A101")},
        {"SharedFunctionalGroupsSequence": [item(FrameAnatomySequence=[item(FrameLaterality="L")])]},
        {
            "SharedFunctionalGroupsSequence": [
                item(FrameAnatomySequence=[item(AnatomicRegionSequence=modifier("7771000"))])
            ]
        },
    ],
)
def test_every_source_in_a_header_counts(tags):
    side, reason = combine_sides(claims_in_header(header(**tags)), "x.dcm")
    assert side is Side.LEFT
    assert "left" in reason


@given(st.lists(st.sampled_from([Side.LEFT, Side.RIGHT, None]), max_size=5))
def test_sources_agree_or_the_run_stops(sides):
    claims = [SideClaim(f"source {n}", side, "said") for n, side in enumerate(sides)]
    if {Side.LEFT, Side.RIGHT} <= set(sides):
        with pytest.raises(GeometryError, match="series 1: sides contradict"):
            combine_sides(claims, "series 1")
    else:
        side, reason = combine_sides(claims, "series 1")
        assert side is (sides[0] if sides and len(set(sides)) == 1 else None)
        assert reason


def test_the_image_is_a_source_like_any_other():
    assert side_at(80.0, 2.0).side is Side.LEFT
    assert side_at(-80.0, 2.0).side is Side.RIGHT
    with pytest.raises(GeometryError, match="image says right"):
        combine_sides([*claims_in_header(header(Laterality="L")), side_at(-80.0, 0.0)], "series 1")
