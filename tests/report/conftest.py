"""A small exam with known voxels: analytic femora, their edema and DICOM files, none of it measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.dataset import FileDataset
from pydicom.dataset import FileMetaDataset
from skimage.measure import marching_cubes

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.image import Grid
from marrowmap.image import LabelMap
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.ingest.exam import Exam
from marrowmap.ingest.exam import Sequence
from marrowmap.ingest.exam import Series
from marrowmap.measure.boundary import BoundaryProfile
from marrowmap.measure.edema import EdemaResult
from marrowmap.measure.reference import ReferenceLevel
from marrowmap.report import AnalysisResult
from marrowmap.report import BoneReading
from marrowmap.report import JointReading
from marrowmap.values import Evidence
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Measurement
from marrowmap.values import Quantity
from marrowmap.values import Side
from marrowmap.values import State
from marrowmap.values import Subject

from .heads import add_heads

FRAME_OF_REFERENCE = "1.2.826.0.1.3680043.8.498.1"
STUDY = "1.2.826.0.1.3680043.8.498.2"
MR_CLASSIC = "1.2.840.10008.5.1.4.1.1.4"
MR_ENHANCED = "1.2.840.10008.5.1.4.1.1.4.1"
HEAD_RADIUS = 24.0


def make_edema(grid: Grid, values: np.ndarray, within: Mask) -> EdemaResult:
    """An EdemaResult put together by hand: nothing is measured here."""
    k = np.linspace(1, 8, 15)
    volume = float(values.sum()) * grid.voxel_volume_ml
    return EdemaResult(
        membership=Volume(grid, values.astype(np.float32), "1"),
        voxels=Mask(grid, values > 0.6),
        closed=Mask(grid, values > 0.5),
        within=within,
        bias_field=Volume(grid, np.ones(grid.shape, np.float32), "1"),
        corrected=Volume(grid, np.zeros(grid.shape, np.float32)),
        t1_relative=None,
        reference=ReferenceLevel(60.0, 8.0, 4321, "the other hip's marrow"),
        k=4.0,
        threshold=92.0,
        plateau=520.0,
        curve_k=k,
        curve_voxel_ml=90 * np.exp(-k / 2),
        curve_closed_ml=60 * np.exp(-k / 4),
        t1_note="used",
        noise_sd=8.0,
        smallest_detectable=Quantity(0.4, "mL"),
        smallest_detectable_reason="three voxels in two slices",
        edema_volume=Quantity(volume, "mL"),
        signal_ratio=8.7,
        t1_ratio=0.4,
        method="edema/1 k=4",
    )


def coronal_grid(spacing: float = 2.0, slices: int = 12) -> Grid:
    """Columns to the left, rows downward, slices backward: rising position along the normal."""
    columns, rows = round(300 / spacing), round(200 / spacing)
    affine = np.eye(4)
    affine[:3, 0] = (spacing, 0, 0)
    affine[:3, 1] = (0, 0, -spacing)
    affine[:3, 2] = (0, 5.0, 0)
    affine[:3, 3] = (-150 + spacing / 2, -5.0 * (slices - 1) / 2, 80)
    return Grid((columns, rows, slices), affine, FRAME_OF_REFERENCE)


def _capsule(points: np.ndarray, a: np.ndarray, b: np.ndarray, radius: float) -> np.ndarray:
    along = np.clip(((points - a) @ (b - a)) / ((b - a) @ (b - a)), 0, 1)
    return np.linalg.norm(points - (a + along[..., None] * (b - a)), axis=-1) - radius


def _place(side: Side) -> dict[str, np.ndarray]:
    s = side.sign
    center = np.array([s * 88.0, 0, 20])
    corner = center + 50 * np.array([s * 0.77, 0, -0.638])
    return {
        "center": center,
        "corner": corner,
        "shaft": corner + np.array([0, 0, -95.0]),
        "greater": corner + np.array([s * 14.0, 6, 22]),
        "saddle": center + np.array([s * 33.0, 0, -2]),
        "lesser": corner + np.array([s * -12.0, 8, -28]),
    }


def femur_distance(points: np.ndarray, side: Side) -> np.ndarray:
    p = _place(side)
    return np.minimum.reduce(
        [
            np.linalg.norm(points - p["center"], axis=-1) - HEAD_RADIUS,
            _capsule(points, p["center"], p["corner"], 15),
            _capsule(points, p["corner"], p["shaft"], 15),
            _capsule(points, p["corner"], p["greater"], 14),
        ]
    )


def hip_bone_distance(points: np.ndarray, side: Side) -> np.ndarray:
    p = _place(side)
    radius = np.linalg.norm(points - p["center"], axis=-1)
    shell = np.maximum(np.abs(radius - 33) - 6, (points - p["center"]) @ np.array([side.sign * 0.77, 0, -0.638]) - 4)
    ilium = _capsule(points, p["center"] + np.array([-side.sign * 10, 0, 36]), np.array([side.sign * 95.0, 0, 110]), 12)
    return np.minimum(shell, ilium)


def _surface(distance, side: Side) -> tuple[np.ndarray, np.ndarray]:
    low, step = np.array([-160.0, -60, -160]), 3.0
    axes = [np.arange(n) * step + o for n, o in zip((108, 40, 90), low, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    vertices, faces, _, _ = marching_cubes(distance(points, side), 0.0)
    return vertices * step + low, faces


def make_frame(side: Side, bone: str, series_uid: str) -> BoneFrame:
    p = _place(side)
    neck = np.array([side.sign * 0.77, 0, -0.638])
    neck /= np.linalg.norm(neck)
    anterior = np.array([0.0, -1, 0])
    superior = np.array([side.sign * -neck[2], 0, abs(neck[0])])
    vertices, faces = _surface(femur_distance if bone == "femur" else hip_bone_distance, side)
    return BoneFrame(
        bone,
        Joint.HIP,
        side,
        series_uid,
        FRAME_OF_REFERENCE,
        p["center"],
        HEAD_RADIUS,
        np.stack([neck, superior, anterior], axis=1),
        {
            "saddle": p["saddle"],
            "lesser_trochanter_upper": p["lesser"],
            "lesser_trochanter_tip": p["lesser"] + np.array([side.sign * -4.0, 4, -6]),
            "greater_trochanter_tip": p["greater"] + np.array([0, 0, 14.0]),
            "neck_shaft_corner": p["corner"],
            "shaft_distal": p["shaft"],
        },
        vertices,
        faces,
        0.9,
        True,
        "found by its spherical head",
        {"femoral_head": 0.6, "femoral_neck": 1.1} if bone == "femur" else {},
    )


def _bone_reading(frame: BoneFrame, grid: Grid) -> BoneReading:
    points = grid.points()
    if frame.bone == "hip_bone":
        mask = hip_bone_distance(points, frame.side) < 0
        return BoneReading(frame, Mask(grid, mask), LabelMap(grid, mask.astype(np.uint16), {1: "acetabulum"}))
    mask = femur_distance(points, frame.side) < 0
    plane, normal = frame.intertrochanteric_plane
    head = np.linalg.norm(points - frame.head_center_mm, axis=-1) < HEAD_RADIUS
    depth = (points - plane) @ normal
    greater = frame.to_bone(points)[..., 1] > 26
    labels = np.select([head, depth < 0, greater, depth < 45], [1, 2, 4, 3], 5) * mask
    names = {
        1: "femoral_head",
        2: "femoral_neck",
        3: "intertrochanteric",
        4: "greater_trochanter",
        5: "femoral_shaft",
    }
    return BoneReading(frame, Mask(grid, mask), LabelMap(grid, labels.astype(np.uint16), names))


def paint(grid: Grid, sequence: Sequence) -> np.ndarray:
    """Signal of muscle, marrow and edema of the left hip, shape of the grid."""
    points = grid.points()
    fluid = sequence is Sequence.FLUID_FAT_SUPPRESSED
    signal = np.full(grid.shape, 180.0 if fluid else 220.0)
    signal[np.abs(points[..., 0]) > 140] = 10
    for side in Side:
        for distance in (femur_distance, hip_bone_distance):
            signal[distance(points, side) < 0] = 60 if fluid else 600
            signal[np.abs(distance(points, side)) < 1.5] = 20
    edema = membership(grid, Side.LEFT)
    signal = signal * (1 - edema) + (520 if fluid else 260) * edema
    return np.rint(signal + np.random.default_rng(7).normal(0, 8, grid.shape)).clip(0, 4000)


def membership(grid: Grid, side: Side) -> np.ndarray:
    frame_points = grid.points()
    p = _place(side)
    bone = femur_distance(frame_points, side) < -2
    along = (frame_points - p["center"]) @ ((p["corner"] - p["center"]) / np.linalg.norm(p["corner"] - p["center"]))
    return bone / (1 + np.exp((along - 42) / 3.0))


def _common(dataset: Dataset, number: int, description: str) -> None:
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = "Secret^Name"
    dataset.PatientID = "P-1"
    dataset.PatientBirthDate = "19800101"
    dataset.PatientSex = "M"
    dataset.PatientAge = "045Y"
    dataset.StudyInstanceUID = STUDY
    dataset.StudyDate, dataset.StudyTime = "20250301", "101500"
    dataset.AccessionNumber, dataset.StudyID, dataset.ReferringPhysicianName = "A1", "1", ""
    dataset.SeriesInstanceUID = f"{STUDY}.{number}"
    dataset.SeriesNumber = number
    dataset.SeriesDescription = description
    dataset.FrameOfReferenceUID = FRAME_OF_REFERENCE
    dataset.PositionReferenceIndicator = ""
    dataset.Modality = "MR"
    dataset.Manufacturer = "test"
    dataset.ContentDate, dataset.ContentTime = "20250301", "101600"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0


def _new_file(sop_class: str, sop_instance: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sop_class, sop_instance
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, sop_instance
    return dataset


def write_classic(grid: Grid, array: np.ndarray, number: int, description: str, folder: Path) -> Series:
    """Write one file a slice; names and instance numbers run against the positions, as scanners like to."""
    folder.mkdir(parents=True, exist_ok=True)
    files, uids = [], []
    count = grid.shape[2]
    for k in range(count):
        uid = f"{STUDY}.{number}.{count - k}"
        dataset = _new_file(MR_CLASSIC, uid)
        _common(dataset, number, description)
        dataset.InstanceNumber = count - k
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "SE"]
        dataset.ScanningSequence, dataset.SequenceVariant, dataset.ScanOptions = "SE", "NONE", ""
        dataset.MRAcquisitionType, dataset.RepetitionTime, dataset.EchoTime, dataset.EchoTrainLength = "2D", 4000, 40, 8
        dataset.Laterality = ""
        dataset.SliceThickness, dataset.SpacingBetweenSlices = 4.0, 5.0
        dataset.Rows, dataset.Columns = grid.shape[1], grid.shape[0]
        dataset.PixelSpacing = [float(grid.spacing[1]), float(grid.spacing[0])]
        dataset.ImagePositionPatient = [float(x) for x in grid.to_world((0, 0, k))]
        dataset.ImageOrientationPatient = [float(x) for x in (*grid.axes[:, 0], *grid.axes[:, 1])]
        dataset.PixelData = array[:, :, k].T.astype("<u2").tobytes()
        path = folder / f"IM{count - k:04d}"
        dataset.save_as(path, enforce_file_format=True)
        files.append(path)
        uids.append(uid)
    return make_series(grid, array, number, description, tuple(files), tuple(uids), tuple([1] * count))


def write_enhanced(grid: Grid, array: np.ndarray, number: int, description: str, folder: Path) -> Series:
    """Write one multi-frame file, two echoes at every place, last slice first; the series is the second echo."""
    folder.mkdir(parents=True, exist_ok=True)
    count = grid.shape[2]
    uid = f"{STUDY}.{number}.1"
    dataset = _new_file(MR_ENHANCED, uid)
    _common(dataset, number, description)
    dataset.InstanceNumber, dataset.NumberOfFrames = 1, 2 * count
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "NONE"]
    dataset.Rows, dataset.Columns = grid.shape[1], grid.shape[0]
    shared = Dataset()
    measures = Dataset()
    measures.PixelSpacing = [float(grid.spacing[1]), float(grid.spacing[0])]
    measures.SliceThickness, measures.SpacingBetweenSlices = 4.0, 5.0
    shared.PixelMeasuresSequence = [measures]
    orientation = Dataset()
    orientation.ImageOrientationPatient = [float(x) for x in (*grid.axes[:, 0], *grid.axes[:, 1])]
    shared.PlaneOrientationSequence = [orientation]
    dataset.SharedFunctionalGroupsSequence = [shared]
    frames, pixels, numbers = [], [], {}
    for k in reversed(range(count)):
        for echo in (1, 2):
            item = Dataset()
            place = Dataset()
            place.ImagePositionPatient = [float(x) for x in grid.to_world((0, 0, k))]
            item.PlanePositionSequence = [place]
            frames.append(item)
            pixels.append((array[:, :, k] * (1.0 if echo == 2 else 0.5)).T.astype("<u2"))
            if echo == 2:
                numbers[k] = len(frames)
    dataset.PerFrameFunctionalGroupsSequence = frames
    dataset.PixelData = np.stack(pixels).tobytes()
    path = folder / "IM0001"
    dataset.save_as(path, enforce_file_format=True)
    numbers = tuple(numbers[k] for k in range(count))
    return make_series(grid, array, number, description, (path,), (uid,) * count, numbers)


def make_series(grid, array, number, description, files, uids, frame_numbers) -> Series:
    sequence = Sequence.T1 if "T1" in description else Sequence.FLUID_FAT_SUPPRESSED
    return Series(
        f"{STUDY}.{number}",
        STUDY,
        number,
        description,
        "MR",
        "2025-03-01",
        Volume(grid, array.astype(np.float32)),
        sequence,
        "inversion time 160 ms at 1.5 T (0018,0082)" if sequence is not Sequence.T1 else "TR 550 ms, TE 12 ms",
        None,
        "both hips in view",
        files,
        uids,
        frame_numbers,
        4.0,
        4000.0,
        40.0,
        160.0 if sequence is not Sequence.T1 else None,
        1.5,
        "HIP",
    )


def make_result(folder: Path, *, writer=write_classic, person: str = "P-1", spacing: float = 2.0) -> AnalysisResult:
    """Left hip with edema, right hip well; T1 and STIR."""
    grid = coronal_grid(spacing)
    t1 = write_classic(grid, paint(grid, Sequence.T1), 2, "T1 ../../etc/passwd", folder / "t1")
    stir = writer(grid, paint(grid, Sequence.FLUID_FAT_SUPPRESSED), 3, "COR STIR <b>hips</b>", folder / "stir")
    exam = Exam(
        Subject(person, "M", "1980-01-01", 45.2),
        "2025-03-01",
        (t1, stir),
        ("notes.txt: not an image, left out",),
    )
    frames = tuple(make_frame(side, bone, stir.uid) for side in Side for bone in ("femur", "hip_bone"))
    readings = tuple(_joint_reading(stir, side, frames) for side in Side)
    return AnalysisResult(
        exam,
        (folder,),
        frames,
        readings,
        _measurements(readings),
        _findings(readings),
        {"ingest": 1.25, "anatomy": 14.5, "edema": 6.1},
        {"k": 4.0, "bone": None},
        ("right hip: mild motion in two slices",),
    )


def _joint_reading(series: Series, side: Side, frames: tuple[BoneFrame, ...]) -> JointReading:
    grid = series.volume.grid
    bones = tuple(_bone_reading(frame, grid) for frame in frames if frame.side is side)
    values = membership(grid, side) if side is Side.LEFT else np.zeros(grid.shape)
    edema = make_edema(grid, values, bones[0].mask)
    boundary = None
    if side is Side.LEFT:
        x = np.arange(-40.0, 40, 2)
        fit = 0.92 / (1 + np.exp((x - 3) / 2.5))
        seen = fit + np.random.default_rng(1).normal(0, 0.03, x.size)
        seen[-3:] = np.nan
        boundary = BoundaryProfile(
            x, seen, fit, 0.92, Quantity(3.0, "mm", 1.6, 4.4), Quantity(11.0, "mm", 8.0, 14.0), 1.7, ""
        )
    effusion = Mask(grid, np.abs(np.linalg.norm(grid.points() - bones[0].frame.head_center_mm, axis=-1) - 26.5) < 1.5)
    return JointReading(series, Joint.HIP, side, bones, edema, boundary, effusion if side is Side.LEFT else None, "")


def _measurements(readings: tuple[JointReading, ...]) -> tuple[Measurement, ...]:
    rows = []
    for reading in readings:
        edema = reading.edema
        evidence = Evidence(
            reading.series.uid, reading.series.instance_uids, (4, 5, 6), edema.closed.sha256 if edema else None
        )
        regions = reading.bones[0].regions
        for region in regions.names.values():
            inside = edema.membership.within(regions.mask(region)).sum() * edema.membership.grid.voxel_volume_ml
            value = float(inside)
            rows.append(("edema_volume", region, Quantity(value, "mL", 0.9 * value, 1.1 * value), reading, evidence))
        total = float(edema.membership.array.sum() * edema.membership.grid.voxel_volume_ml)
        rows.append(("edema_volume", "proximal_femur", Quantity(total, "mL"), reading, evidence))
        rows.append(
            ("edema_closed_volume", "proximal_femur", Quantity(edema.closed.volume_ml, "mL"), reading, evidence)
        )
        if reading.boundary:
            rows.append(("edema_boundary_position", "proximal_femur", reading.boundary.position_mm, reading, evidence))
            rows.append(("edema_boundary_width", "proximal_femur", reading.boundary.width_mm, reading, evidence))
    return tuple(
        Measurement(name, r.joint, r.side, region, quantity, "MR", "edema/1 k=4", "2025-03-01", evidence)
        for name, region, quantity, r, evidence in rows
    )


def _findings(readings: tuple[JointReading, ...]) -> tuple[Finding, ...]:
    rows = []
    for reading in readings:
        evidence = Evidence(reading.series.uid, reading.series.instance_uids)
        left = reading.side is Side.LEFT
        smallest = Quantity(0.4, "mL")
        state = State.PRESENT if left else State.ABSENT
        note = "head and neck hold edema without a focal center" if left else "no coherent edema in head or neck"
        rows.append(("diffuse_edema", state, 0.97, smallest, reading, evidence, note))
        rows.append(
            (
                "intertrochanteric_demarcation",
                State.PRESENT if left else State.NOT_ASSESSABLE,
                0.8 if left else None,
                None,
                reading,
                evidence,
                "ends 3 mm beyond the plane, within the slice blur" if left else "no edema whose end could be seen",
            )
        )
        rows.append(
            ("effusion", State.UNDETERMINED, 0.5, smallest, reading, evidence, "near the upper limit of a well hip")
        )
    return tuple(
        Finding(sign, r.joint, r.side, state, certainty, smallest, "MR", "2025-03-01", evidence, note)
        for sign, state, certainty, smallest, r, evidence, note in rows
    )


@pytest.fixture(scope="session")
def result(tmp_path_factory: pytest.TempPathFactory) -> AnalysisResult:
    return make_result(tmp_path_factory.mktemp("exam"))


@pytest.fixture(scope="session")
def heads(result: AnalysisResult) -> AnalysisResult:
    return add_heads(result)
