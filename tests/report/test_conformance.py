"""Every kind of DICOM object that marrowmap writes against the tables of the standard's part 3, by dicom-validator."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from marrowmap.anatomy.registration import register_bone
from marrowmap.report.pm import write_pms
from marrowmap.report.reg import write_registrations
from marrowmap.report.rows import Rows
from marrowmap.report.rows import collect_rows
from marrowmap.report.seg import write_segs
from marrowmap.report.source_images import read_source_images
from marrowmap.report.sr import build_sr
from marrowmap.report.sr import write_sr
from marrowmap.values import Side
from tests.iod_validator import CIODS
from tests.iod_validator import iod_errors
from tests.measure.spect_hips import femur

from .conftest import make_result
from .conftest import write_classic
from .conftest import write_enhanced
from .structured import every_row
from .structured import with_differential


def registration(folder: Path, exam) -> Path:
    """Write a registration between two frames of reference of one exam."""
    here, there = exam.series
    mine = here.volume.grid.frame_of_reference_uid
    other = replace(
        there, volume=replace(there.volume, grid=replace(there.volume.grid, frame_of_reference_uid="1.2.7"))
    )
    bone = femur(Side.LEFT)
    found = register_bone(
        replace(bone, frame_of_reference_uid=mine),
        replace(bone, vertices=bone.vertices + np.array((3.0, -4.0, 5.0)), frame_of_reference_uid="1.2.7"),
    )
    moved = replace(exam, series=(here, other))
    (path,) = write_registrations(SimpleNamespace(exam=moved, spect=SimpleNamespace(registrations=(found,))), folder)
    return folder / path


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Dataset]]:
    """Each kind of object, of an exam of one file a slice and of a multi-frame one; by the name of its tables."""
    found: dict[str, list[Dataset]] = {}
    for writer in (write_classic, write_enhanced):
        folder = tmp_path_factory.mktemp("conformance")
        result = with_differential(make_result(folder / "exam", writer=writer))
        images = read_source_images(result.exam)
        paths = [folder / path for path in (*write_segs(result, folder), *write_pms(result, folder))]
        paths += [folder / path for path in write_sr(result, collect_rows(result, {}), images, folder)]
        datasets = [pydicom.dcmread(path) for path in paths]
        if writer is write_classic:
            series = result.exam.series[0]
            every = every_row(series.uid, series.instance_uids[:3])
            few = Rows(every.measurements[:3], every.findings[:2], every.differential[:1])
            datasets += [build_sr(rows, images, {}, ()) for rows in (every, few)]
            datasets.append(pydicom.dcmread(registration(folder, result.exam)))
        for dataset in datasets:
            found.setdefault(CIODS[dataset.SOPClassUID], []).append(dataset)
    return found


@pytest.mark.parametrize("ciod", CIODS.values())
def test_dicom_validator_finds_no_error(objects: dict[str, list[Dataset]], ciod: str) -> None:
    assert objects[ciod]
    for dataset in objects[ciod]:
        assert iod_errors(dataset) == []


def _without(*path: str) -> Callable[[Dataset], None]:
    def spoil(dataset: Dataset) -> None:
        for keyword in path[:-1]:
            dataset = dataset[keyword].value[0]
        del dataset[path[-1]]

    return spoil


def _with(keyword: str, value: object) -> Callable[[Dataset], None]:
    def spoil(dataset: Dataset) -> None:
        setattr(dataset, keyword, value)

    return spoil


def _items(dataset: Dataset) -> list[Dataset]:
    below = list(dataset.get("ContentSequence", []))
    return below + [item for one in below for item in _items(one)]


def _code_without_code(dataset: Dataset) -> None:
    deepest = [item for item in _items(dataset) if item.ValueType == "CODE"][-1]
    del deepest.ConceptCodeSequence


def _number_in_a_text(dataset: Dataset) -> None:
    item = next(item for item in _items(dataset) if item.ValueType == "TEXT")
    item.MeasuredValueSequence = []


@pytest.mark.parametrize(
    ("ciod", "spoil", "told"),
    [
        ("segmentation", _without("ContentCreatorName"), "(0070,0084) TagMissing"),
        ("segmentation", _without("SegmentSequence", "SegmentLabel"), "(0062,0005) TagMissing"),
        (
            "segmentation",
            _without("SegmentSequence", "SegmentedPropertyTypeCodeSequence", "CodeMeaning"),
            "(0008,0104) TagMissing",
        ),
        ("segmentation", _with("SegmentationType", "SOMETIMES"), "(0062,0001) EnumValueNotAllowed"),
        ("segmentation", _with("RepetitionTime", 4000), "(0018,0080) TagUnexpected"),
        ("parametric-map", _with("ContentLabel", ""), "(0070,0080) TagEmpty"),
        (
            "parametric-map",
            _without("SharedFunctionalGroupsSequence", "RealWorldValueMappingSequence"),
            "(0040,9096) TagMissing",
        ),
        ("spatial-registration", _without("RegistrationSequence"), "(0070,0308) TagMissing"),
        ("spatial-registration", _with("Modality", ""), "(0008,0060) TagEmpty"),
        ("enhanced-sr", _without("CompletionFlag"), "(0040,A491) TagMissing"),
        ("enhanced-sr", _without("ContentSequence", "RelationshipType"), "(0040,A010) TagMissing"),
        ("enhanced-sr", _code_without_code, "(0040,A168) TagMissing"),
        ("enhanced-sr", _number_in_a_text, "(0040,A300) TagNotAllowed"),
    ],
)
def test_what_does_not_conform_is_found(objects: dict[str, list[Dataset]], ciod: str, spoil, told: str) -> None:
    # That the smallest of its kind is without error stands above.
    smallest = min(objects[ciod], key=lambda dataset: len(_items(dataset)))
    dataset = copy.deepcopy(smallest)
    spoil(dataset)
    assert any(told in line for line in iod_errors(dataset)), iod_errors(dataset)
