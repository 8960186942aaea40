"""Densitometry of a virtual person on disk: an image for each hip, the scanner's record, and the truth."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileDataset
from pydicom.uid import MultiFrameGrayscaleWordSecondaryCaptureImageStorage

from marrowmap.phantom.dicom import StudyTags
from marrowmap.phantom.dicom import add_person_and_study
from marrowmap.phantom.dicom import make_uid
from marrowmap.phantom.dicom import new_file
from marrowmap.phantom.dxa import DxaImage
from marrowmap.phantom.dxa import DxaScan
from marrowmap.phantom.dxa import scan_hip
from marrowmap.phantom.hip import bone_layers
from marrowmap.phantom.layers import make_grid
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.mineral import METHOD
from marrowmap.phantom.mineral import MINERAL_MG_PER_ML
from marrowmap.phantom.mineral import RegionMineral
from marrowmap.phantom.mineral import true_density
from marrowmap.phantom.nm_file import code
from marrowmap.phantom.nm_file import item
from marrowmap.phantom.person import Person
from marrowmap.phantom.rows import measurement_row
from marrowmap.phantom.scene import FINE_MM
from marrowmap.phantom.scene import HIP_REACH_MM
from marrowmap.phantom.scene import Part
from marrowmap.phantom.scene import Scene
from marrowmap.values import Side

MACHINE = "VIRTUAL"
SOFTWARE = "marrowmap phantom"
SERIES_NUMBER = {Side.LEFT: 61, Side.RIGHT: 62}
STEP = 0.0001
LEAST = -0.5
"""g/cm2 of one stored step, and of a stored 0: noise may lie below nothing."""
COLUMNS = (
    *("person", "birth_date", "sex", "date", "site", "region", "side", "bmd", "bmc", "area"),
    *("t_score", "z_score", "machine", "software", "reference"),
)
"""The contract's columns of a densitometry record."""


def femur_part(person: Person, lesions: dict[Side, Lesion], side: Side, seed: int) -> Part:
    """Paint the bones of one hip on a fine grid, for a hip that the slices of an exam do not show."""
    reach = HIP_REACH_MM if side is Side.LEFT else HIP_REACH_MM[::-1] * (-1, 1, 1)
    center = person.hips[side].center
    grid = make_grid(reach.min(axis=0) + center, reach.max(axis=0) + center, FINE_MM)
    bones = bone_layers(person, lesions, grid, np.random.default_rng([seed, 4]), sides=(side,))
    return Part(grid, bones.layers, bones.truths)


def _add_pixels(data: FileDataset, areal: NDArray[np.float64], pixel_mm: float) -> None:
    """Add the map as one frame of 16 bits, with what a stored value means in g/cm2."""
    stored = np.clip(np.rint((areal - LEAST) / STEP), 0, 65535).astype("<u2")
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.Columns, data.Rows = stored.shape
    data.NumberOfFrames = 1
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
    data.PresentationLUTShape = "IDENTITY"
    # The object's own rescale has to leave values as they are (PS3.3 C.8.6.3); the real world value does the work.
    data.RescaleIntercept, data.RescaleSlope, data.RescaleType = 0, 1, "US"
    data.PixelSpacing = [pixel_mm, pixel_mm]
    mapping = item(
        LUTExplanation="Areal bone mineral density",
        LUTLabel="BMD",
        RealWorldValueFirstValueMapped=0,
        RealWorldValueLastValueMapped=65535,
        RealWorldValueIntercept=LEAST,
        RealWorldValueSlope=STEP,
    )
    for keyword in ("RealWorldValueFirstValueMapped", "RealWorldValueLastValueMapped"):
        mapping[keyword].VR = "US"
    mapping.MeasurementUnitsCodeSequence = [code("g/cm2", "UCUM", "gram per square centimeter")]
    data.RealWorldValueMappingSequence = [mapping]
    data.WindowCenter, data.WindowWidth = round((0.7 - LEAST) / STEP), round(1.6 / STEP)
    data.PixelData = np.ascontiguousarray(stored.T).tobytes()
    data["PixelData"].VR = "OW"


def write_image(path: Path, image: DxaImage, study: StudyTags) -> tuple[str, str]:
    """Write the map of one hip as DICOM; there is no IOD for densitometry, so it is a secondary capture with values.

    Returns
    -------
    series_uid, instance_uid : str
    """
    number = SERIES_NUMBER[image.side]
    series_uid = make_uid(study.study_uid, "dxa", number)
    data = new_file(MultiFrameGrayscaleWordSecondaryCaptureImageStorage, make_uid(series_uid, 1))
    data.ImageType = ["DERIVED", "PRIMARY"]
    data.SeriesInstanceUID = series_uid
    data.SeriesNumber = number
    data.SeriesDescription = f"DXA {image.side.value.upper()} HIP"
    add_person_and_study(data, study, (image.side,), number, "BMD")
    del data.FrameOfReferenceUID, data.PositionReferenceIndicator
    data.ConversionType = "WSD"
    data.BurnedInAnnotation = "NO"
    data.PatientOrientation = ["L", "F"]
    data.InstanceNumber = 1
    data.DerivationDescription = "Areal bone mineral density from two X-ray energies"
    _add_pixels(data, image.areal, image.scan.pixel_mm)
    data.save_as(path, enforce_file_format=True)
    return series_uid, data.SOPInstanceUID


def record_rows(images: Mapping[Side, DxaImage], study: StudyTags, date: str) -> list[dict[str, str]]:
    """Return what the scanner prints, in the contract's columns; it has no reference, so it prints no score."""
    person = study.person
    return [
        {
            **dict.fromkeys(COLUMNS, ""),
            "person": study.person_id,
            "birth_date": f"{int(date[:4]) - person.age_years}-01-01",
            "sex": person.sex,
            "date": date,
            "site": "hip",
            "region": region,
            "side": side.value,
            "bmd": f"{round(found.bmc_g, 2) / round(found.area_cm2, 2):.3f}",
            "bmc": f"{found.bmc_g:.2f}",
            "area": f"{found.area_cm2:.2f}",
            "machine": MACHINE,
            "software": SOFTWARE,
        }
        for side, image in images.items()
        for region, found in image.regions.items()
    ]


def truth_rows(
    density: Mapping[Side, Mapping[str, RegionMineral]],
    lesions: Mapping[Side, Lesion],
    date: str,
    evidence: Mapping[Side, dict[str, Any]],
) -> list[dict[str, Any]]:
    """Return the truth of both hips; side differences of those that have lost bone."""
    rows: list[dict[str, Any]] = []

    def row(side: Side, region: str, quantity: str, value: float, unit: str, digits: int) -> None:
        of = (side, region, quantity, round(value, digits), unit)
        rows.append(measurement_row(*of, date=date, modality="DXA", method=METHOD, evidence=evidence[side]))

    for side, regions in density.items():
        for region, found in regions.items():
            row(side, region, "bmd", found.bmd, "g/cm2", 5)
            row(side, region, "bmc", found.bmc_g, "g", 4)
            row(side, region, "area", found.area_cm2, "cm2", 3)
            other = density.get(side.opposite)
            if other is not None and lesions[side] != lesions[side.opposite] and lesions[side].bone_loss > 0:
                row(side, region, "bmd_side_difference", 100 * (found.bmd / other[region].bmd - 1), "%", 3)
    return rows


def write_dxa(
    folder: Path, records: Path, scene: Scene, study: StudyTags, seed: int, date: str, metal_side: Side | None
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Scan both hips; one with a metal implant is left out, as in practice.

    Parameters
    ----------
    folder : Path
        To make; one DICOM file a hip.
    records : Path
        To make; gets ``records.csv``, as the scanner prints it.
    scene : Scene
    study : StudyTags
    seed : int
    date : str
        ISO 8601.
    metal_side : Side or None

    Returns
    -------
    settings : dict
    rows : list of dict
        The truth.
    """
    scan = DxaScan()
    study = replace(study, study_uid=make_uid(study.study_uid, "dxa"))
    folder.mkdir(parents=True)
    records.mkdir(parents=True)
    images: dict[Side, DxaImage] = {}
    density: dict[Side, dict[str, RegionMineral]] = {}
    evidence: dict[Side, dict[str, Any]] = {}
    for number, side in enumerate(Side):
        if side is metal_side:
            continue
        fine = scene.fine.get(side) or femur_part(scene.person, scene.lesions, side, seed)
        hip = scene.person.hips[side]
        images[side] = scan_hip(hip, scene.coarse, fine, scan, np.random.default_rng([seed, 600 + number]))
        density[side] = true_density(hip, fine)
        series_uid, uid = write_image(folder / f"{side.value}.dcm", images[side], study)
        evidence[side] = {"series_uid": series_uid, "image_uids": [uid]}
    with (records / "records.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(record_rows(images, study, date))
    settings = {**asdict(scan), "mineral_mg_per_ml": MINERAL_MG_PER_ML}
    return settings, truth_rows(density, scene.lesions, date, evidence)
