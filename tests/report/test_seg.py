from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK

from marrowmap.errors import ConformanceError
from marrowmap.image import Mask
from marrowmap.report.result import AnalysisResult
from marrowmap.report.seg import segments_of
from marrowmap.report.seg import verify_seg
from marrowmap.report.seg import write_segs
from marrowmap.values import Side
from tests.dciodvfy import assert_conforms

from .conftest import make_result
from .conftest import write_classic
from .conftest import write_enhanced
from .heads import add_heads

TOOLS = Path(sys.executable).parent


@pytest.fixture(scope="module", params=[write_classic, write_enhanced], ids=["classic", "enhanced"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[AnalysisResult, Path]:
    folder = tmp_path_factory.mktemp("seg")
    result = make_result(folder / "exam", writer=request.param)
    paths = write_segs(result, folder)
    assert paths == ("dicom/02-fluid_seg.dcm",)
    return result, folder / paths[0]


def test_dciodvfy_finds_no_error(written: tuple[AnalysisResult, Path]) -> None:
    assert_conforms(written[1])


def test_another_library_reads_the_same_voxels(written: tuple[AnalysisResult, Path], tmp_path: Path) -> None:
    """dcmqi knows nothing of highdicom; voxels are compared by their place in the patient."""
    result, path = written
    command = [TOOLS / "segimage2itkimage", "--inputDICOM", path, "--outputDirectory", tmp_path, "-t", "nrrd"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    segments = [s for reading in result.readings for s in segments_of(reading)]
    assert len(segments) >= 12
    for number, segment in enumerate(segments, start=1):
        image = SimpleITK.ReadImage(str(tmp_path / f"{number}.nrrd"))
        found = np.argwhere(SimpleITK.GetArrayViewFromImage(image) > 0)[:, ::-1]
        points = np.array([image.TransformIndexToPhysicalPoint([int(x) for x in index]) for index in found])
        back = np.zeros(segment.mask.grid.shape, bool)
        index = np.rint(segment.mask.grid.to_index(points)).astype(int)
        assert np.abs(segment.mask.grid.to_world(index) - points).max() < 0.01
        back[tuple(index.T)] = True
        assert np.array_equal(back, segment.mask.array), segment.label


def test_frames_refer_to_their_own_source(written: tuple[AnalysisResult, Path]) -> None:
    result, path = written
    series = result.readings[0].series
    seg = pydicom.dcmread(path)
    for item in seg.PerFrameFunctionalGroupsSequence:
        source = item.DerivationImageSequence[0].SourceImageSequence
        assert len(source) == 1
        position = np.array(item.PlanePositionSequence[0].ImagePositionPatient, float)
        k = round(float(series.volume.grid.to_index(position)[2]))
        assert source[0].ReferencedSOPInstanceUID == series.instance_uids[k]
        if "ReferencedFrameNumber" in source[0]:
            assert source[0].ReferencedFrameNumber == series.frame_numbers[k]


def test_codes_and_sides(written: tuple[AnalysisResult, Path]) -> None:
    seg = pydicom.dcmread(written[1])
    items = {item.SegmentLabel: item for item in seg.SegmentSequence}
    edema = items["left edema, closed region"]
    assert edema.SegmentedPropertyCategoryCodeSequence[0].CodeValue == "49755003"
    assert edema.SegmentedPropertyTypeCodeSequence[0].CodeValue == "79654002"
    region = edema.AnatomicRegionSequence[0]
    assert region.CodeValue == "310651003"
    assert region.AnatomicRegionModifierSequence[0].CodeValue == "7771000"
    head = items["right femoral head"].SegmentedPropertyTypeCodeSequence[0]
    assert head.CodeValue == "2812003"
    assert head.SegmentedPropertyTypeModifierCodeSequence[0].CodeValue == "24028007"
    assert "right edema, closed region" not in items  # nothing there, nothing drawn
    assert seg.ContentDate == "20250301"
    assert seg.SegmentationType == "BINARY"


def test_same_bytes_twice(written: tuple[AnalysisResult, Path], tmp_path: Path) -> None:
    write_segs(written[0], tmp_path)
    assert (tmp_path / "dicom" / written[1].name).read_bytes() == written[1].read_bytes()


def test_a_shifted_mask_is_caught(written: tuple[AnalysisResult, Path]) -> None:
    result, path = written
    segments = [s for reading in result.readings for s in segments_of(reading)]
    shifted = Mask(segments[0].mask.grid, np.roll(segments[0].mask.array, 1, axis=2))
    with pytest.raises(ConformanceError, match="differs from its mask"):
        verify_seg(path, [dataclasses.replace(segments[0], mask=shifted), *segments[1:]])


def test_a_swapped_side_is_caught(written: tuple[AnalysisResult, Path]) -> None:
    result, path = written
    segments = [s for reading in result.readings for s in segments_of(reading)]
    swapped = dataclasses.replace(segments[0], side=segments[0].side.opposite)
    assert segments[0].side in Side
    with pytest.raises(ConformanceError, match="wrong side"):
        verify_seg(path, [swapped, *segments[1:]])


def test_nifti_gives_no_dicom(written: tuple[AnalysisResult, Path], tmp_path: Path) -> None:
    result = written[0]
    series = tuple(dataclasses.replace(s, instance_uids=(), frame_numbers=()) for s in result.exam.series)
    readings = tuple(dataclasses.replace(r, series=series[1]) for r in result.readings)
    nifti = dataclasses.replace(result, exam=dataclasses.replace(result.exam, series=series), readings=readings)
    assert write_segs(nifti, tmp_path) == ()
    assert not (tmp_path / "dicom").exists()


def test_a_necrotic_segment_is_written_with_its_side(tmp_path: Path) -> None:
    result = add_heads(make_result(tmp_path / "exam"))
    paths = write_segs(result, tmp_path)
    assert paths == ("dicom/01-t1_seg.dcm", "dicom/02-fluid_seg.dcm")
    (item,) = pydicom.dcmread(tmp_path / paths[0]).SegmentSequence
    assert item.SegmentLabel == "left necrotic segment"
    assert item.SegmentedPropertyTypeCodeSequence[0].CodeValue == "6574001"
    region = item.AnatomicRegionSequence[0]
    assert region.CodeValue == "2812003"
    assert region.AnatomicRegionModifierSequence[0].CodeValue == "7771000"
