"""Segments by code, name and place, whatever file they come in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK
from highdicom.seg import Segmentation
from highdicom.seg import SegmentDescription
from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import LabelMap
from marrowmap.image import resample_mask
from marrowmap.image.nifti import write_nifti
from marrowmap.ingest import read_exam
from marrowmap.ingest.segmentation import part_in_label
from marrowmap.ingest.segmentation import read_segmentation
from marrowmap.report.seg import segments_of
from marrowmap.report.seg import write_segs
from marrowmap.values import Side
from tests.ingest.dicom_files import COLUMNS
from tests.ingest.dicom_files import ROWS
from tests.ingest.dicom_files import write_series
from tests.report.conftest import make_result
from tests.report.conftest import write_enhanced

FEMUR = CodedConcept("71341001", "SCT", "Femur")
OLD_FEMUR = CodedConcept("T-12710", "SRT", "Femur")
BONE = CodedConcept("272673000", "SCT", "Bone")
LEFT = CodedConcept("7771000", "SCT", "Left")
RIGHT = CodedConcept("G-A100", "SRT", "Right")
SLICES = 8


def describe(number: int, label: str, kind: CodedConcept, side: CodedConcept | None = None, **more: Any) -> Any:
    description = SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=CodedConcept("123037004", "SCT", "Anatomical Structure"),
        segmented_property_type=kind,
        algorithm_type="MANUAL",
        **more,
    )
    if side is not None:
        description.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [side]
    return description


def blob(number: int) -> np.ndarray:
    """Voxels (slice, row, column) of a segment: slices 0, 1, 4 and 7 are empty, so SEG leaves those frames out."""
    array = np.zeros((SLICES, ROWS, COLUMNS), bool)
    array[[2, 3, 5], 1:4, number : number + 2] = True
    array[6, 0, number] = True
    return array


def write_seg(folder: Path, descriptions: list[Any], kind: str = "BINARY") -> Path:
    """A SEG of a small series whose files and planes are given backward."""
    files = write_series(folder / "images", count=SLICES, numbers=lambda n: SLICES - n)
    sources = [pydicom.dcmread(file) for file in reversed(files)]
    for source in sources:
        for keyword in ("AccessionNumber", "StudyID", "StudyTime", "ReferringPhysicianName"):
            setattr(source, keyword, "")
    planes = np.stack([blob(n) for n in range(len(descriptions))], axis=-1)[::-1]
    if kind == "LABELMAP":
        pixels = (planes * np.arange(1, planes.shape[-1] + 1)).max(axis=-1).astype(np.uint8)
    else:
        pixels = planes.astype(np.float32 if kind == "FRACTIONAL" else np.uint8)
    if kind == "FRACTIONAL":
        pixels = np.where(planes, 0.8, 0.3 * (planes.sum(axis=-1, keepdims=True) > 0)).astype(np.float32)
    seg = Segmentation(
        source_images=sources,
        pixel_array=np.ascontiguousarray(pixels),
        segmentation_type=kind,
        segment_descriptions=descriptions,
        series_instance_uid="1.2.3.4",
        series_number=9,
        sop_instance_uid="1.2.3.4.5",
        instance_number=1,
        manufacturer="x",
        manufacturer_model_name="x",
        software_versions="1",
        device_serial_number="1",
        transfer_syntax_uid=ExplicitVRLittleEndian,
        **({"fractional_type": "PROBABILITY"} if kind == "FRACTIONAL" else {}),
    )
    seg.save_as(folder / "bone.dcm")
    return folder / "bone.dcm"


def edit(path: Path, change) -> Path:
    dataset = pydicom.dcmread(path)
    change(dataset)
    dataset.save_as(path)
    return path


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_voxels_lie_where_they_were_drawn(tmp_path, kind):
    descriptions = [describe(1, "a", FEMUR, LEFT), describe(2, "b", BONE), describe(3, "c", BONE)]
    if kind == "LABELMAP":  # segments of a label map exclude each other: the later one covers the earlier
        descriptions = descriptions[:1]
    drawn = read_segmentation(write_seg(tmp_path, descriptions, kind))
    series = read_exam([tmp_path / "images"]).series[0]
    assert drawn.is_dicom
    assert drawn.referenced_series == (series.uid,)
    for number in range(len(descriptions)):
        mask = drawn.mask([number + 1])
        assert mask.grid.frame_of_reference_uid == series.volume.grid.frame_of_reference_uid
        assert mask.array.sum() == blob(number).sum()
        laid = resample_mask(mask, series.volume.grid)
        assert np.array_equal(laid.array.transpose(2, 1, 0), blob(number))
    if kind != "LABELMAP":
        both = resample_mask(drawn.mask([1, 3]), series.volume.grid).array
        assert np.array_equal(both.transpose(2, 1, 0), blob(0) | blob(2))


def test_codes_come_before_names(tmp_path):
    femur_of = {"anatomic_regions": [OLD_FEMUR]}
    descriptions = [
        describe(1, "Segment_1", FEMUR, LEFT),
        describe(2, "femur right", OLD_FEMUR, RIGHT),
        describe(3, "Bone 3", BONE, None, **femur_of),
        describe(4, "nail in the femur", CodedConcept("40388003", "SCT", "Implant"), LEFT, **femur_of),
        describe(5, "rightFemur", CodedConcept("85756007", "SCT", "Tissue")),
    ]
    found = read_segmentation(write_seg(tmp_path, descriptions)).segments
    assert [(s.part, s.side) for s in found] == [
        ("femur", Side.LEFT),
        ("femur", Side.RIGHT),
        ("femur", None),
        (None, None),
        ("femur", Side.RIGHT),
    ]


def test_a_code_against_the_name(tmp_path):
    path = write_seg(tmp_path, [describe(1, "left femur", FEMUR, RIGHT)])
    with pytest.raises(GeometryError, match=r"bone\.dcm, segment 1: sides contradict each other: .*right.*left"):
        read_segmentation(path)


@pytest.mark.parametrize("writer", [None, write_enhanced], ids=["classic", "enhanced"])
def test_marrowmaps_own_seg(tmp_path, writer):
    result = make_result(tmp_path / "exam", **({"writer": writer} if writer else {}))
    drawn = read_segmentation(tmp_path / write_segs(result, tmp_path)[0])
    written = [segment for reading in result.readings for segment in segments_of(reading)]
    assert [s.label for s in drawn.segments] == [segment.label for segment in written]
    heads = [s for s in drawn.segments if s.part == "femoral_head"]
    assert [s.side for s in heads] == [Side.LEFT, Side.RIGHT]
    assert {s.part for s in drawn.segments} >= {"femoral_neck", "intertrochanteric", None}
    assert all(s.part is None for s in drawn.segments if "edema" in s.label or "acetabulum" in s.label)
    for found, segment in zip(drawn.segments, written, strict=True):
        laid = resample_mask(drawn.mask([found.number]), segment.mask.grid)
        assert np.array_equal(laid.array, segment.mask.array), segment.label


@pytest.mark.parametrize(
    ("seg", "truth", "value"),
    [("liver", "liver_seg", 1), ("sparse-labelmap-noppv", "sparse_labelmap_noppv_seg", 1)],
)
def test_segs_of_another_toolkit(shared_data, seg, truth, value):
    folder = shared_data / "dicom-seg-sr" / "dcmqi" / "segmentations"
    mask = read_segmentation(folder / f"{seg}.dcm").mask([1])
    image = SimpleITK.ReadImage(str(folder / f"{truth}.nrrd"))
    true = np.argwhere(SimpleITK.GetArrayViewFromImage(image) == value)[:, ::-1]
    points = np.array([image.TransformIndexToPhysicalPoint([int(x) for x in index]) for index in true])
    mine = mask.grid.to_world(np.argwhere(mask.array))
    assert len(mine) == len(points)
    assert np.abs(np.sort(mine, axis=0) - np.sort(points, axis=0)).max() < 0.01


def labels_on_disk(path: Path, numbers: dict[int, str], sidecar: object = None, table: str = "") -> Path:
    array = np.zeros((6, 6, 6), np.uint8)
    for place, number in enumerate(numbers):
        array[place] = number
    write_nifti(LabelMap(Grid(array.shape, np.eye(4)), array, numbers), path)
    if table:
        image = nib.load(path)
        image = nib.Nifti1Image(np.asarray(image.dataobj), image.affine, image.header)
        image.header.extensions.append(nib.nifti1.Nifti1Extension(0, table.encode()))
        nib.save(image, path)
    if sidecar is not None:
        path.with_name(path.name.replace(".nii.gz", ".json")).write_text(json.dumps(sidecar))
    return path


@pytest.mark.parametrize(
    "sidecar",
    [{"4": "femur_left", "5": "femur_right"}, {"femur_left": 4, "femur_right": 5}, {"labels": {"4": "femur_left"}}],
)
def test_names_in_a_sidecar(tmp_path, sidecar):
    first = read_segmentation(labels_on_disk(tmp_path / "l.nii.gz", {4: "a", 5: "b"}, sidecar)).segments[0]
    assert (first.number, first.label, first.part, first.side) == (4, "femur_left", "femur", Side.LEFT)


def test_names_in_the_header_and_totalsegmentators_numbers(tmp_path):
    table = '<Label Key="36" Red="1"><![CDATA[femur_left]]></Label>'
    named = read_segmentation(labels_on_disk(tmp_path / "a.nii.gz", {36: "a", 75: "b"}, table=table)).segments
    assert [(s.label, s.part) for s in named] == [("femur_left", "femur"), ("", None)]
    bare = read_segmentation(labels_on_disk(tmp_path / "b.nii.gz", {25: "25", 75: "75", 76: "76"})).segments
    assert [(s.part, s.side) for s in bare] == [(None, None), ("femur", Side.LEFT), ("femur", Side.RIGHT)]


@pytest.mark.parametrize(
    ("label", "part"),
    [
        ("femur_left", "femur"),
        ("Left Femur", "femur"),
        ("femurRight", "femur"),
        ("proximal femur", "femur"),
        ("head of the left femur", "femoral_head"),
        ("greater_trochanter_right", "greater_trochanter"),
        ("femoral artery", None),
        ("femur cartilage", None),
        ("distal femur", None),
        ("", None),
    ],
)
def test_only_what_names_a_femur_and_nothing_else(label, part):
    assert part_in_label(label) == part


def no_frame_of_reference(dataset: Dataset) -> None:
    del dataset.FrameOfReferenceUID


def lose_pixels(dataset: Dataset) -> None:
    dataset.PixelData = dataset.PixelData[:4]


@pytest.mark.parametrize("change", [no_frame_of_reference, lose_pixels])
def test_a_broken_seg_is_one_line(tmp_path, change):
    path = edit(write_seg(tmp_path, [describe(1, "femur", FEMUR)]), change)
    with pytest.raises(InputError, match=r"^bone\.dcm: [^\n]+export"):
        read_segmentation(path).mask([1])


def test_what_is_no_segmentation(tmp_path):
    image = write_series(tmp_path / "images")[0]
    with pytest.raises(InputError, match=r"IM0000\.dcm: DICOM, but MR \(0008,0060\) Modality, not a segmentation"):
        read_segmentation(image)
    (tmp_path / "notes.txt").write_text("bone")
    with pytest.raises(InputError, match="neither a DICOM SEG nor a NIfTI mask"):
        read_segmentation(tmp_path / "notes.txt")
    with pytest.raises(InputError, match="no such file"):
        read_segmentation(tmp_path / "nowhere.dcm")
    with pytest.raises(InputError, match="the mask is empty"):
        read_segmentation(labels_on_disk(tmp_path / "none.nii.gz", {}))
