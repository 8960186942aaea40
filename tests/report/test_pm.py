"""The Parametric Map conforms, another toolkit reads the same values at the same places, and a shift is caught."""

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
from marrowmap.report.pm import read_pm
from marrowmap.report.pm import verify_pm
from marrowmap.report.pm import write_pms
from marrowmap.report.result import AnalysisResult
from marrowmap.values import Side
from tests.dciodvfy import assert_conforms

from .conftest import make_result
from .conftest import write_classic
from .conftest import write_enhanced

TOOLS = Path(sys.executable).parent


@pytest.fixture(scope="module", params=[write_classic, write_enhanced], ids=["classic", "enhanced"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[AnalysisResult, Path]:
    folder = tmp_path_factory.mktemp("pm")
    result = make_result(folder / "exam", writer=request.param)
    paths = write_pms(result, folder)
    assert paths == ("dicom/02-fluid_edema.dcm",)
    return result, folder / paths[0]


def membership(result: AnalysisResult) -> np.ndarray:
    left = next(reading for reading in result.readings if reading.side is Side.LEFT)
    return left.edema.membership.array  # the right hip's is zero everywhere


def test_dciodvfy_finds_no_error(written: tuple[AnalysisResult, Path]) -> None:
    assert_conforms(written[1])


def test_it_reads_back_exactly(written: tuple[AnalysisResult, Path]) -> None:
    result, path = written
    assert np.array_equal(read_pm(path, result.readings[0].series.volume.grid), membership(result))


def test_another_library_reads_the_same_values(written: tuple[AnalysisResult, Path], tmp_path: Path) -> None:
    """dcmqi knows nothing of highdicom; values are compared by their place in the patient."""
    result, path = written
    command = [TOOLS / "paramap2itkimage", "--inputDICOM", path, "--outputDirectory", tmp_path, "-t", "nrrd"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    (file,) = tmp_path.glob("*.nrrd")
    image = SimpleITK.ReadImage(str(file))
    grid, values = result.readings[0].series.volume.grid, membership(result)
    some = np.argwhere(values > 0.05)[::41]
    assert len(some) > 50
    for index in some:
        there = image.TransformPhysicalPointToIndex([float(x) for x in grid.to_world(index)])
        assert image[there] == pytest.approx(float(values[tuple(index)]), abs=1e-6)


def test_unit_range_and_side(written: tuple[AnalysisResult, Path]) -> None:
    data = pydicom.dcmread(written[1])
    shared = data.SharedFunctionalGroupsSequence[0]
    assert shared.FrameAnatomySequence[0].FrameLaterality == "B"
    assert shared.FrameAnatomySequence[0].AnatomicRegionSequence[0].CodeValue == "310651003"
    mapping = shared.RealWorldValueMappingSequence[0]
    assert mapping.MeasurementUnitsCodeSequence[0].CodeValue == "1"
    assert (mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept) == (1.0, 0.0)
    assert data.ContentQualification == "RESEARCH"
    assert "FloatPixelData" in data


def test_one_hip_alone_names_its_side(written: tuple[AnalysisResult, Path], tmp_path: Path) -> None:
    result = written[0]
    left = tuple(reading for reading in result.readings if reading.side is Side.LEFT)
    (path,) = write_pms(dataclasses.replace(result, readings=left), tmp_path)
    assert_conforms(tmp_path / path)
    data = pydicom.dcmread(tmp_path / path)
    assert data.SharedFunctionalGroupsSequence[0].FrameAnatomySequence[0].FrameLaterality == "L"


def test_same_bytes_twice(written: tuple[AnalysisResult, Path], tmp_path: Path) -> None:
    write_pms(written[0], tmp_path)
    assert (tmp_path / "dicom" / written[1].name).read_bytes() == written[1].read_bytes()


def test_a_shifted_map_is_caught(written: tuple[AnalysisResult, Path]) -> None:
    result, path = written
    grid = result.readings[0].series.volume.grid
    with pytest.raises(ConformanceError, match="differs"):
        verify_pm(path, grid, np.roll(membership(result), 1, axis=2))


def test_no_edema_gives_no_map(written: tuple[AnalysisResult, Path], tmp_path: Path) -> None:
    result = written[0]
    right = tuple(reading for reading in result.readings if reading.side is Side.RIGHT)
    assert write_pms(dataclasses.replace(result, readings=right), tmp_path) == ()
