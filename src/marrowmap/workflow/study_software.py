"""marrowmap itself as one more reader: its findings of each case as answers, under the name of a program.

A read is answered from what the read shows and nothing else: signs from findings of the same modality, the probability
of a disease only where all modalities it was reasoned from are shown. What marrowmap did not look for stays open.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Mask
from marrowmap.image.nifti import read_nifti_labels
from marrowmap.image.nifti import read_nifti_mask
from marrowmap.ingest.analyzed import read_analyzed
from marrowmap.measure.edema_grid import JointGrid
from marrowmap.measure.edema_grid import capsule_grid
from marrowmap.measure.edema_grid import head_grid
from marrowmap.measure.edema_grid import ticked_cells
from marrowmap.readers.forms import GridItem
from marrowmap.readers.forms import Item
from marrowmap.readers.forms import NumberItem
from marrowmap.readers.forms import StateItem
from marrowmap.readers.protocol import Case
from marrowmap.readers.storage_rows import Given
from marrowmap.values import State
from marrowmap.values.analyzed import AnalyzedExam
from marrowmap.values.analyzed import FrameRow
from marrowmap.values.analyzed import SignRow
from marrowmap.workflow.study import Study

SHOWN_AS = {"MR": ("mr",), "CT": ("ct",), "NM": ("scan", "spect"), "DX": ("dx",), "CR": ("dx",), "RG": ("dx",)}
"""Modality of a finding to those of a protocol."""

SCANS = {"planar": ("scan",), "tomographic": ("spect",)}
"""The same of a gamma camera's series, by the kind its folder's manifest gives it."""

RANK = (State.PRESENT, State.UNDETERMINED, State.ABSENT, State.NOT_ASSESSABLE)
"""Where several findings speak of one sign, the first of these holds: a sign is there if one modality shows it."""


@dataclass(frozen=True)
class _Analyzed:
    """One case's folder: what it says of the case's own joint."""

    case: Case
    exam: AnalyzedExam
    signs: tuple[SignRow, ...]
    probabilities: Mapping[str, float]
    version: str
    scans: Mapping[str, str]

    def shown_as(self, sign: SignRow) -> tuple[str, ...]:
        """Return the protocol's modalities that show what a finding was seen in; both of scans if that is not told."""
        evidence = sign.document.get("evidence")
        series = evidence.get("series_uid") if isinstance(evidence, dict) else None
        return SCANS.get(self.scans.get(str(series), ""), SHOWN_AS.get(sign.modality, ()))

    def reasoned_from(self) -> set[tuple[str, ...]]:
        """Return for each image that says something what shows it."""
        return {self.shown_as(sign) for sign in self.signs if sign.state is not State.NOT_ASSESSABLE}


def _case_folders(study: Study, given: Sequence[str]) -> dict[str, Path]:
    """Return folders by case: ``CASE=DIR``, or a folder that is called as its case."""
    cases = {case.id for case in study.protocol.cases}
    folders: dict[str, Path] = {}
    for text in given:
        name, equals, path = text.partition("=")
        if not equals or name not in cases:
            name, path = Path(text).absolute().name, text
        if name not in cases:
            raise InputError(f"{text}: {name!r} is no case of the study: give it as CASE=DIR")
        if name in folders:
            raise InputError(f"case {name!r}: has two folders: give one")
        folders[name] = Path(path).expanduser()
    return folders


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path.parent.name}/{path.name}: cannot be read: analyze the exam again") from error
    return document if isinstance(document, dict) else {}


def _read(case: Case, folder: Path) -> _Analyzed:
    exams = read_analyzed(folder)
    if len(exams) > 1:
        raise InputError(f"case {case.id!r}: {folder.name} holds {len(exams)} days: give the folder of one exam")
    joints = {(sign.place.joint.value, sign.place.side.value) for sign in exams[0].signs}
    if not joints:
        raise InputError(f"case {case.id!r}: {folder.name} holds no finding: analyze the exam again")
    if (case.joint, case.side) not in joints:
        shown = ", ".join(f"{side} {joint}" for joint, side in sorted(joints))
        raise GeometryError(
            f"case {case.id!r} is a {case.side} {case.joint}, but {folder.name} speaks of {shown}: correct one"
        )
    signs = tuple(
        sign for sign in exams[0].signs if (sign.place.joint.value, sign.place.side.value) == (case.joint, case.side)
    )
    rows = _json(folder / "differential.json").get("rows", [])
    probabilities = {
        row["entity"]: float(row["probability"])
        for row in rows
        if (row.get("joint"), row.get("side")) == (case.joint, case.side) and row.get("probability") is not None
    }
    manifest = _json(folder / "manifest.json")
    versions = manifest.get("versions", {})
    version = str(versions.get("marrowmap", "")) if isinstance(versions, dict) else ""
    return _Analyzed(case, exams[0], signs, probabilities, version, _scans(manifest))


def _scans(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the kind of each gamma camera series; nothing of a folder that does not say, or says one series twice."""
    rows = manifest.get("scans")
    if not isinstance(rows, list):
        return {}
    kinds: dict[str, set[str]] = {}
    for row in rows:
        if isinstance(row, dict):
            kinds.setdefault(str(row.get("series")), set()).add(str(row.get("kind")))
    return {series: kind.pop() for series, kind in kinds.items() if len(kind) == 1}


def _state(item: StateItem, analyzed: _Analyzed, shown: Sequence[str]) -> dict[str, Any] | None:
    found = [
        sign
        for sign in analyzed.signs
        if sign.sign == item.name and set(analyzed.shown_as(sign)) & set(item.modalities or shown) & set(shown)
    ]
    if not found:
        return None
    state = next(state for state in RANK if any(sign.state is state for sign in found))
    if state is State.NOT_ASSESSABLE:
        return {"state": state.value, "confidence": None}
    sure = max(float(sign.document.get("certainty") or 0.0) for sign in found if sign.state is state)
    return {"state": state.value, "confidence": round(100 * sure, 6)}


def _suspicion(item: NumberItem, analyzed: _Analyzed, shown: Sequence[str]) -> float | None:
    probability = analyzed.probabilities.get(item.name)
    seen = all(set(image) & set(shown) for image in analyzed.reasoned_from())
    return None if probability is None or not seen else item.low + (item.high - item.low) * probability


def _frame(analyzed: _Analyzed) -> FrameRow | None:
    """Return the one trusted frame of the case's femur; None where there is none, or several that may differ."""
    case = analyzed.case
    frames = [
        frame
        for frame in analyzed.exam.frames
        if (frame.place.joint_name, frame.place.side_name) == (case.joint, case.side)
        and frame.trusted
        and frame.bone in ("", "femur")
    ]
    return frames[0] if len(frames) == 1 else None


def _mask_file(analyzed: _Analyzed, name: str) -> Path | None:
    case = analyzed.case
    found = sorted((analyzed.exam.folder / "masks").glob(f"*_{case.joint}_{case.side}_{name}.nii.gz"))
    return found[0] if len(found) == 1 else None


def _head_edema(analyzed: _Analyzed) -> Mask | None:
    edema, regions = _mask_file(analyzed, "edema-closed"), _mask_file(analyzed, "regions")
    number = _json(analyzed.exam.folder / "masks" / "regions.json")
    heads = [int(key) for key, region in number.items() if region == "femoral_head"]
    if edema is None or regions is None or not heads:
        return None
    labels = read_nifti_labels(regions)
    return read_nifti_mask(edema) & Mask(labels.grid, np.isin(labels.array, heads))


def _effusion(analyzed: _Analyzed) -> Mask | None:
    path = _mask_file(analyzed, "effusion")
    return None if path is None else read_nifti_mask(path)


GRIDS: dict[str, tuple[Callable[..., JointGrid], Callable[[_Analyzed], Mask | None]]] = {
    "himriss_femoral": (head_grid, _head_edema),
    "himriss_effusion": (capsule_grid, _effusion),
}
"""Items that masks can fill: how the grid is laid and what ticks it. Edema of the acetabulum has no mask yet."""


def _cells(item: GridItem, analyzed: _Analyzed, shown: Sequence[str]) -> list[list[int]] | None:
    if item.name not in GRIDS or item.rows != 1 or "mr" not in shown:
        return None
    lay, read = GRIDS[item.name]
    frame, signal = _frame(analyzed), read(analyzed)
    if frame is None or signal is None:
        return None
    neck, _, anterior = frame.axes
    grid = lay(frame.center_mm, frame.radius_mm, neck, anterior, slices=item.slices, columns=item.columns)
    return [[row, 0, column] for row, column in ticked_cells(signal, grid) if (0, column) not in item.left_out]


def _value(item: Item, analyzed: _Analyzed, shown: Sequence[str]) -> Any:
    match item:
        case StateItem():
            return _state(item, analyzed, shown)
        case NumberItem():
            return _suspicion(item, analyzed, shown)
        case GridItem():
            return _cells(item, analyzed, shown)
        case _:
            return None


def import_analyzed(study: Study, given: Sequence[str], *, reader: str = "", edit: bool = False) -> int:
    """Take in what marrowmap found of cases as the answers of the protocol's software; returns how many reads.

    Parameters
    ----------
    study : Study
    given : sequence of str
        Folders of ``marrowmap analyze``: ``CASE=DIR``, or ``DIR`` where the folder is called as its case.
    reader : str
        Which software, where the protocol has several.
    edit : bool
        Whether reads that have an answer are changed; else a different second answer is refused.

    Raises
    ------
    InputError
        If the protocol has no such reader, a case is not known, or a folder cannot be read. Nothing is kept then.
    GeometryError
        If a folder speaks only of the other side or another joint.
    """
    programs = sorted(study.protocol.software)
    chosen = reader or (programs[0] if len(programs) == 1 else "")
    if chosen not in programs:
        raise InputError(
            f"reader {chosen!r} is no software of the study ({', '.join(programs) or 'it has none'}): add one with "
            'role = "software" to a new protocol, or name one by --reader'
        )
    cases = {name: _read(study.protocol.case(name), path) for name, path in _case_folders(study, given).items()}
    answers = []
    for task in study.store.tasks(chosen):
        analyzed = cases.get(task.read.case)
        if analyzed is None:
            continue
        shown = task.read.modalities
        values = {item.name: _value(item, analyzed, shown) for item in study.store.items(task)}
        version = task.version if edit and task.version else None
        said = {name: value for name, value in values.items() if value is not None}
        answers.append(Given(chosen, task.code, said, 0.0, version, "software", in_turn=False))
    versions = ", ".join(sorted({one.version for one in cases.values()} - {""})) or "of unknown version"
    words = f"marrowmap {versions}, {len(answers)} reads of {', '.join(cases)}"
    study.store.save_all(answers, ("software_read", chosen, words))
    return len(answers)
