"""A virtual person's radiograph: taken, written as DICOM, with its truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from marrowmap.phantom.dicom import StudyTags
from marrowmap.phantom.dicom import make_uid
from marrowmap.phantom.dx import DxScan
from marrowmap.phantom.dx import expose
from marrowmap.phantom.dx import lie_down
from marrowmap.phantom.dx import place_beam
from marrowmap.phantom.dx import sample_dx
from marrowmap.phantom.dx_dicom import DxFile
from marrowmap.phantom.dx_dicom import sample_file
from marrowmap.phantom.dx_dicom import write_dx
from marrowmap.phantom.dx_truth import describe_cone
from marrowmap.phantom.dx_truth import finding_rows
from marrowmap.phantom.dx_truth import measurement_rows
from marrowmap.phantom.dx_truth import mirrored
from marrowmap.phantom.dx_truth import positions
from marrowmap.phantom.dx_truth import radiograph_frames
from marrowmap.phantom.dx_truth import region_bone
from marrowmap.phantom.layers import Array
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.mr import Acquisition
from marrowmap.phantom.person import Person
from marrowmap.phantom.scene import Scene
from marrowmap.phantom.scene import build_scene
from marrowmap.phantom.x_rays import Cone
from marrowmap.phantom.x_rays import line_integrals
from marrowmap.values import Side

BOTH = (Side.LEFT, Side.RIGHT)
SERIES = 61


@dataclass(frozen=True, eq=False)
class Radiograph:
    """A radiograph and what it was taken of.

    Parameters
    ----------
    scene : Scene
        The body as it lay under the tube.
    cone : Cone
    scan : DxScan
    counts : array of float32, shape (columns, rows)
        Detected quanta a pixel, columns to the patient's left, rows to the feet.
    sides : tuple of Side
        What it is centered on.
    """

    scene: Scene
    cone: Cone
    scan: DxScan
    counts: Array
    sides: tuple[Side, ...] = BOTH


def pose(person: Person, lesions: Mapping[Side, Lesion], acquisition: Acquisition, scan: DxScan, seed: int) -> Scene:
    """Build the body as it lies for a radiograph, both hips fine."""
    both = replace(acquisition, sides=BOTH)
    return build_scene(lie_down(person, scan), dict(lesions), both, seed)


def take_radiograph(scene: Scene, scan: DxScan, seed: int, sides: tuple[Side, ...] = BOTH) -> Radiograph:
    """Take a radiograph of a body that lies as :func:`pose` laid it."""
    cone = place_beam(scene.person, scan, sides)
    counts = expose(line_integrals(cone, scene), cone, scan, np.random.default_rng([seed, 610]))
    return Radiograph(scene, cone, scan, counts, sides)


def write_radiograph(
    path: Path, film: Radiograph, how: DxFile, study: StudyTags, date: str
) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """Write a radiograph and compute its truth.

    Parameters
    ----------
    path : Path
        File to write; its folder is made.
    film : Radiograph
    how : DxFile
    study : StudyTags
        Of the exam; the radiograph becomes a study of its own.
    date : str
        ISO 8601.

    Returns
    -------
    block, measurements, findings
        For ``truth.json``. In `block` the geometry is that of the stored pixels: a mirrored file has a mirrored one.
        Its space is that of the person as they lay for the radiograph, which no tag of the file names.
    """
    path.parent.mkdir(parents=True)
    own = replace(study, study_uid=make_uid(study.study_uid, "radiograph"))
    uid = write_dx(path, film.counts, film.cone, film.scan, how, own, SERIES, film.sides)
    scene, cone, scan = film.scene, film.cone, film.scan
    evidence = {"series_uid": uid, "image_uids": []}
    bone = region_bone(scene, cone)
    stored = cone if how.columns_toward == "L" else mirrored(cone)
    frame_uid = make_uid(own.study_uid, "frame of reference")
    turns = scan.neck_turn_deg
    block = {
        "series_uid": uid,
        "geometry": describe_cone(stored),
        "hips": positions(scene, cone),
        "scan": asdict(replace(scan, neck_turn_deg=None)) | {"feet_turned_in": turns is not None},
        "file": {
            "intent": how.intent.value,
            "relationship": how.relationship.value,
            "sign": how.sign,
            "columns_toward": how.columns_toward,
            "magnification": how.magnification,
        },
        "frames": radiograph_frames(scene, cone, scan, uid, frame_uid),
        "bone": {
            side.value: {region: asdict(found) for region, found in regions.items()} for side, regions in bone.items()
        },
    }
    return (
        block,
        measurement_rows(scene, cone, scan, bone, date, evidence),
        finding_rows(scene, cone, scan, date, evidence),
    )


def write_drawn_radiograph(
    path: Path, scene: Scene, acquisition: Acquisition, study: StudyTags, seed: int, date: str
) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """Draw from the seed how a person's radiograph is taken and stored, and write it.

    Parameters
    ----------
    path, study, date
        See :func:`write_radiograph`.
    scene : Scene
        The body in the MR scanner; used as it is where nothing moves for the radiograph.
    acquisition : Acquisition
    seed : int
    """
    scan = sample_dx(np.random.default_rng([seed, 600]))
    if scan.neck_turn_deg is not None or set(scene.fine) != set(BOTH):
        scene = pose(scene.person, scene.lesions, acquisition, scan, seed)
    film = take_radiograph(scene, scan, seed)
    return write_radiograph(path, film, sample_file(scan, np.random.default_rng([seed, 605])), study, date)
