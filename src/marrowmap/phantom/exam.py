"""A whole virtual exam on disk: DICOM, ``truth.json``, truth masks and a clinical form."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from marrowmap.errors import InputError
from marrowmap.errors import UsageError
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.image.nifti import write_nifti
from marrowmap.phantom.clinical import CLINICAL_FILE
from marrowmap.phantom.clinical import EXAM_DAY
from marrowmap.phantom.clinical import draw_form
from marrowmap.phantom.clinical import form_as_toml
from marrowmap.phantom.clinical import known_weeks
from marrowmap.phantom.ct import CtScan
from marrowmap.phantom.ct import sample_ct
from marrowmap.phantom.ct import write_ct
from marrowmap.phantom.dicom import StudyTags
from marrowmap.phantom.dicom import make_uid
from marrowmap.phantom.dicom import write_series
from marrowmap.phantom.dx_exam import write_drawn_radiograph
from marrowmap.phantom.dxa_exam import write_dxa
from marrowmap.phantom.hr_exam import require_hr_kind
from marrowmap.phantom.hr_exam import write_hr
from marrowmap.phantom.kinds import draw_exam
from marrowmap.phantom.layers import Array
from marrowmap.phantom.lesion import WELL
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.mr import Acquisition
from marrowmap.phantom.mr import degrade
from marrowmap.phantom.mr import slice_grid
from marrowmap.phantom.person import Person
from marrowmap.phantom.planar_exam import write_planar_scan
from marrowmap.phantom.scene import Scene
from marrowmap.phantom.scene import build_scene
from marrowmap.phantom.scene import render
from marrowmap.phantom.scene import truth_on_slices
from marrowmap.phantom.spect_exam import write_spect
from marrowmap.phantom.truth import finding_rows
from marrowmap.phantom.truth import frame_row
from marrowmap.phantom.truth import measurement_rows
from marrowmap.phantom.truth import sum_hip
from marrowmap.values import Side

MODALITIES = ("mr", "ct", "scan", "spect", "dx", "dxa", "hr")
"""What a virtual exam can be made of; ``hr`` is trabecular bone at high resolution, the only one of knees."""

Progress = Callable[[str, float], None]


def _write_share(path: Path, share: Array, grid: Grid) -> None:
    """Write shares 0 to 1, in steps of 1/256 so that the file stays small."""
    write_nifti(Volume(grid, np.asarray(np.rint(np.clip(share, 0, 1) * 256) / 256, np.float32), "1"), path)


def _plain(value: Any) -> Any:
    """Turn enums into their values for JSON."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.value if hasattr(value, "value") else value


def _person_id(kind: str, seed: int) -> str:
    return f"VIRTUAL-{kind.upper()}-{seed}"


def _study(kind: str, seed: int, person: Person, acquisition: Acquisition) -> StudyTags:
    person_id = _person_id(kind, seed)
    study_uid = make_uid("study", kind, seed, person_id, acquisition)
    return StudyTags(person_id, study_uid, make_uid(study_uid, "frame of reference"), f"{EXAM_DAY:%Y%m%d}", person)


def scan(
    folder: Path,
    scene: Scene,
    acquisition: Acquisition,
    study: StudyTags,
    seed: int,
    progress: Progress = lambda phrase, share: None,
) -> str:
    """Write the series of a scene, one folder each, without any truth.

    Returns
    -------
    str
        UID of the first fluid-sensitive series; empty if there is none.
    """
    grid = slice_grid(acquisition, scene.person)
    fluid_uid = ""
    for number, contrast in enumerate(acquisition.contrasts, start=1):
        progress(f"scanning {contrast.value}", (number - 1) / len(acquisition.contrasts))
        image = render(scene, grid, acquisition, contrast)
        pixels = degrade(image, grid, acquisition, contrast, np.random.default_rng([seed, 200 + number]))
        target = folder / f"{number:02d}_{contrast.value.replace(' ', '_')}"
        target.mkdir(parents=True)
        uid, _ = write_series(target, pixels, grid, contrast, acquisition, study, number)
        if contrast.fluid_sensitive and not fluid_uid:
            fluid_uid = uid
    return fluid_uid


def write_scan(
    kind: str, folder: Path, *, seed: int, side: Side | None, acquisition: Acquisition, lesions: Mapping[Side, Lesion]
) -> Path:
    """Write only the DICOM series of a virtual exam, without its truth and with lesions of one's own.

    Two scans with the same `seed`, `side` and `acquisition` differ by their lesions alone, down to the noise, where
    their kinds draw the same person (``red_marrow`` draws another).

    Parameters
    ----------
    kind, seed, side, acquisition
        As in :func:`write_virtual_exam`.
    folder : Path
        To make; a folder for each series goes into it.
    lesions : mapping of Side to Lesion
        What each hip has; one that is left out is well.
    """
    person, _, _ = draw_exam(kind, seed, side)
    present = {one: lesions.get(one, WELL) for one in Side}
    scene = build_scene(person, present, acquisition, seed)
    scan(folder, scene, acquisition, _study(kind, seed, person, acquisition), seed)
    return folder


def _write_projections(
    folder: Path,
    scene: Scene,
    acquisition: Acquisition,
    study: StudyTags,
    seed: int,
    date: str,
    modalities: Sequence[str],
    progress: Progress,
) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """Write what shows the body as projections; returns settings, measurement rows and finding rows of their truth."""
    settings: dict[str, Any] = {}
    measurements: list[dict[str, Any]] = []
    findings: list[dict[str, Any]] = []
    if "scan" in modalities:
        progress("scanning under the gamma camera", 0.85)
        rows, signs = write_planar_scan(folder / "NM", scene, study, seed, date)
        measurements += rows
        findings += signs
    if "dx" in modalities:
        progress("taking the radiograph", 0.9)
        path = folder / "DX" / "0001.dcm"
        settings["radiograph"], rows, signs = write_drawn_radiograph(path, scene, acquisition, study, seed, date)
        measurements += rows
        findings += signs
    if "dxa" in modalities:
        progress("scanning DXA", 0.95)
        records = folder.parent / "dxa"
        settings["dxa"], rows = write_dxa(folder / "DXA", records, scene, study, seed, date, acquisition.metal_side)
        measurements += rows
    return settings, measurements, findings


def _write_ct(folder: Path, scene: Scene, study: StudyTags, seed: int) -> tuple[CtScan, str]:
    """Write a CT as a study of its own; returns how it was scanned and its series' UID."""
    ct = sample_ct(np.random.default_rng([seed, 300]))
    ct_study = replace(study, study_uid=make_uid(study.study_uid, "ct"))
    return ct, write_ct(folder, scene, ct, ct_study, 1, np.random.default_rng([seed, 301]))[0]


def _write(
    folder: Path,
    kind: str,
    seed: int,
    person: Person,
    lesions: dict[Side, Lesion],
    acquisition: Acquisition,
    modalities: Sequence[str],
    joint: str,
    progress: Progress,
) -> None:
    study = _study(kind, seed, person, acquisition)
    date = EXAM_DAY.isoformat()
    subject = {"person_id": study.person_id, "sex": person.sex, "age_years": person.age_years}
    all_lesions = {side.value: asdict(lesion) for side, lesion in lesions.items()}
    head = {"schema": "marrowmap/1", "subject": subject, "kind": kind, "seed": seed}
    if set(modalities) == {"hr"}:
        (folder / "truth").mkdir()
        high, rows, signs = write_hr(folder, joint, person, lesions, study, seed, date, progress=progress)
        alone = {"lesions": all_lesions, "hr": high, "measurements": rows, "findings": signs, "frames": []}
        _write_truth(folder, head | alone, progress)
        return
    progress("laying out the body", 0.0)
    scene = build_scene(person, lesions, acquisition, seed)
    grid = slice_grid(acquisition, person)
    fluid_uid, ct = "", None
    if "mr" in modalities:
        fluid_uid = scan(
            folder / "dicom",
            scene,
            acquisition,
            study,
            seed,
            progress=lambda phrase, share: progress(phrase, 0.4 + 0.4 * share),
        )
    if "ct" in modalities:
        progress("scanning CT", 0.7)
        ct, ct_uid = _write_ct(folder / "dicom" / "CT", scene, study, seed)
        fluid_uid = fluid_uid or ct_uid
    spect: tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]] = ({}, [], [])
    if "spect" in modalities:
        progress("scanning SPECT/CT", 0.75)
        spect = write_spect(folder / "dicom", scene, study, seed, date)
    spect_settings, spect_measurements, spect_findings = spect
    frame_uid = study.frame_of_reference_uid
    if spect_settings and not {"mr", "ct"} & set(modalities):
        frame_uid = spect_settings["frame_of_reference_uid"]
        fluid_uid = spect_settings["ct_series_uid"]
    progress("computing the truth", 0.8)
    evidence = {"series_uid": fluid_uid, "image_uids": []}
    masks = folder / "truth"
    masks.mkdir()
    measurements, findings, frames = [], [], []
    for side in (Side.LEFT, Side.RIGHT):
        frames.append(frame_row(person.hips[side], fluid_uid, frame_uid, grid))
        if side not in acquisition.sides:
            continue
        sums = sum_hip(scene, side, grid, acquisition.field_t)
        measurements += measurement_rows(scene, side, sums, grid, date, evidence)
        findings += finding_rows(scene, side, sums, grid, date, evidence)
        for name, share in truth_on_slices(scene, grid, acquisition.thickness_mm, side).items():
            _write_share(masks / f"{name}_{side.value}.nii.gz", share, grid)
    for row in (*measurements, *findings):
        row["modality"] = truth_modality(row, modalities)
    settings, rows, signs = _write_projections(
        folder / "dicom", scene, acquisition, study, seed, date, modalities, progress
    )
    measurements += rows + spect_measurements
    findings += signs + spect_findings
    if "hr" in modalities:
        settings["hr"], rows, signs = write_hr(folder, joint, person, lesions, study, seed, date, progress=progress)
        measurements, findings = measurements + rows, findings + signs
    truth = {
        **head,
        "note": "Volumes are of the part of the bone inside the slices' box, gaps between slices included.",
        "lesions": all_lesions,
        "acquisition": _plain(asdict(acquisition)),
        **({"ct": asdict(ct)} if ct is not None else {}),
        **({"spect": spect_settings} if spect_settings else {}),
        **settings,
        "measurements": measurements,
        "findings": findings,
        "frames": frames,
    }
    _write_truth(folder, truth, progress)


def _write_truth(folder: Path, truth: Mapping[str, Any], progress: Progress) -> None:
    (folder / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    progress("done", 1.0)


def truth_modality(row: Mapping[str, Any], modalities: Sequence[str]) -> str:
    """Return the modality a truth row is to be compared with; ``model`` where no image of the exam could show it."""
    in_ct = row.get("sign") == "crescent" or row.get("quantity") == "joint_space_width"
    if "ct" in modalities and (in_ct or "mr" not in modalities):
        return "CT"
    if "mr" in modalities:
        return "MR"
    # SPECT comes with a low-dose CT.
    return "CT" if "spect" in modalities and (in_ct or row.get("quantity") == "bone_volume") else "model"


def write_virtual_exam(
    kind: str,
    out: Path,
    *,
    seed: int,
    modalities: Sequence[str] = ("mr",),
    side: Side | None = None,
    weeks: float | None = None,
    joint: str = "hip",
    acquisition: Acquisition | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write a virtual person's exam: ``dicom/``, ``truth.json``, ``truth/*.nii.gz`` and ``clinical.toml``.

    The same arguments give the same files, UIDs included. The clinical form changes none of the others.

    Parameters
    ----------
    kind : str
        One of :data:`~marrowmap.phantom.kinds.KINDS`.
    out : Path
        Folder to make; must not exist or be empty.
    seed : int
        0 or more.
    modalities : sequence of str
        Some of :data:`MODALITIES`. Truth masks lie on the planned MR slices, whether they are scanned or not.
    side : Side, optional
        The affected side, and the one that a small field of view shows; drawn if not given.
    weeks : float, optional
        Since onset; only transient osteoporosis changes with it: its edema, and the bone it loses. The clinical form
        says it of all.
    joint : str
        ``hip``, or ``knee`` for ``hr`` alone.
    acquisition : Acquisition, optional
        Fixes how it is scanned; drawn from the seed if not given.
    progress : callable, optional
        Called with a phrase and the share done.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    UsageError
        If kind, modality, joint or seed are unknown or impossible.
    InputError
        If `out` holds something already or cannot be written.
    """
    unknown = [name for name in modalities if name not in MODALITIES]
    if unknown or not modalities:
        raise UsageError(f"no virtual exam in {', '.join(unknown) or 'no modality'}: use {', '.join(MODALITIES)}")
    if seed < 0:
        raise UsageError(f"the seed must be 0 or more, got {seed}")
    if joint not in ("hip", "knee") or (joint == "knee" and set(modalities) != {"hr"}):
        raise UsageError(f"no virtual {joint} in {', '.join(modalities)}: hips are made in all, knees in hr alone")
    if "hr" in modalities:
        require_hr_kind(kind)
    person, lesions, drawn = draw_exam(kind, seed, side, weeks)
    if acquisition is None:
        acquisition = drawn
    elif len(acquisition.sides) == 1 and side is not None and acquisition.sides[0] is not side:
        acquisition = replace(acquisition, sides=(side,))
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} holds something already: give a folder that does not exist yet")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    except OSError as error:
        raise InputError(f"cannot write to {out.parent}: {error.strerror}; choose another folder") from error
    try:
        shown = progress or (lambda phrase, share: None)
        _write(work, kind, seed, person, lesions, acquisition, modalities, joint, shown)
        form = draw_form(
            kind,
            seed,
            sex=person.sex,
            age_years=person.age_years,
            weeks=known_weeks(lesions, weeks),
            person_id=_person_id(kind, seed),
        )
        (work / CLINICAL_FILE).write_text(form_as_toml(form), encoding="utf-8")
        if out.exists():
            out.rmdir()
        work.chmod(0o755)
        work.rename(out)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return out
