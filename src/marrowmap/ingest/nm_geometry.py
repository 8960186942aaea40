"""How a nuclear medicine image lies in the patient: detectors, views, patient position.

By PS3.3 C.8.4.11 and C.8.4.12 a detector's angle counts from the patient's back, rising toward the left side: seen
upright from the detector at angle a, columns run along (-cos a, sin a, 0) LPS and rows to the feet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import PlaneGrid
from marrowmap.image import SpacingSource
from marrowmap.image import View
from marrowmap.ingest.header import Header
from marrowmap.ingest.header import as_number
from marrowmap.ingest.header import as_numbers
from marrowmap.ingest.header import get_text
from marrowmap.ingest.header import get_value
from marrowmap.ingest.header import safe_uid
from marrowmap.ingest.header import tag_label
from marrowmap.ingest.scan_hint import VIEW_OPTION

NM_IMAGE = "1.2.840.10008.5.1.4.1.1.20"

POSITIONS = ("HFS", "HFP", "FFS", "FFP")
"""What ``--patient-position`` takes: head or feet first, supine or prone."""

_GANTRY = {"F-10470": "HF", "102540008": "HF", "G-5190": "HF", "F-10480": "FF", "102541007": "FF", "G-5191": "FF"}
_LYING = {"F-10340": "S", "40199007": "S", "F-10310": "P", "1240000": "P"}
_VIEW_CODES = {
    "399321004": View.ANTERIOR,
    "G-5215": View.ANTERIOR,
    "399001007": View.POSTERIOR,
    "G-5216": View.POSTERIOR,
    "399118008": View.LEFT_LATERAL,
    "G-5223": View.LEFT_LATERAL,
    "399297009": View.RIGHT_LATERAL,
    "G-5222": View.RIGHT_LATERAL,
}
_VIEW_WORDS = {
    **dict.fromkeys(("ant", "anterior", "anteriores", "anterieur", "antérieur", "vorne", "ventral"), View.ANTERIOR),
    **dict.fromkeys(("post", "posterior", "posteriores", "posterieur", "postérieur", "dorsal"), View.POSTERIOR),
}
_ANGLES = {0.0: View.POSTERIOR, 90.0: View.LEFT_LATERAL, 180.0: View.ANTERIOR, 270.0: View.RIGHT_LATERAL}
_UPRIGHT_DEG = 10.0
"""A view this close to one of the four main directions is called by its name."""


@dataclass(frozen=True, eq=False)
class Detector:
    """One item of the Detector Information Sequence.

    Parameters
    ----------
    number : int
        1-based.
    angle_deg : float or None
        About the patient, see above.
    axes : ndarray, shape (2, 3), or None
        Directions of columns and rows, LPS, as stated.
    position_mm : ndarray, shape (3,), or None
        Center of the first pixel, LPS.
    radius_mm : tuple of float
        From the axis of rotation, one value or one a view; empty where not stated.
    view_code : View or None
    """

    number: int
    angle_deg: float | None = None
    axes: NDArray[np.float64] | None = None
    position_mm: NDArray[np.float64] | None = None
    radius_mm: tuple[float, ...] = ()
    view_code: View | None = None


def positive_numbers(value: object) -> tuple[float, ...]:
    """Return one or several numbers above 0; empty where they are absent, or 0 as scanners write for unknown."""
    parts = list(value) if isinstance(value, (list, tuple)) or hasattr(value, "__iter__") else [value]
    numbers = [as_number(part) for part in parts]
    return tuple(n for n in numbers if n is not None) if all(n is not None and n > 0 for n in numbers) else ()


def detector_axes(angle_deg: float) -> NDArray[np.float64]:
    """Return in which directions columns and rows run, seen upright from a detector; shape (2, 3), LPS."""
    angle = np.deg2rad(angle_deg)
    return np.array([[-np.cos(angle), np.sin(angle), 0.0], [0.0, 0.0, -1.0]])


def _axes_in(header: Header, item: Dataset) -> NDArray[np.float64] | None:
    value = get_value(item, "ImageOrientationPatient")
    if value is None:
        return None
    numbers = as_numbers(value, 6)
    axes = None if numbers is None else np.reshape(numbers, (2, 3))
    if axes is None or not np.allclose(axes @ axes.T, np.eye(2), atol=2e-3):
        raise header.lack(
            "ImageOrientationPatient",
            f"in {tag_label('DetectorInformationSequence')} is no pair of directions at right angles: export again",
        )
    columns = axes[0] / np.linalg.norm(axes[0])  # rounded in the file
    normal = np.cross(columns, axes[1])
    rows = np.cross(normal / np.linalg.norm(normal), columns)
    return np.array([columns, rows])


def _view_in(item: Dataset) -> View | None:
    codes = get_value(item, "ViewCodeSequence")
    if codes is None:
        return None
    return _VIEW_CODES.get(get_text(codes[0], "CodeValue"), View.OTHER)


def read_detectors(header: Header, count: int) -> tuple[Detector, ...]:
    """Read the detectors; what stands at the root, where some cameras put it, counts for a lone detector.

    Raises
    ------
    InputError
        If there are fewer than the frames speak of, an orientation is none, or root and sequence contradict each other.
    """
    items = get_value(header.dataset, "DetectorInformationSequence") or ()
    if items and len(items) < count:
        raise header.lack(
            "DetectorInformationSequence",
            f"describes {len(items)} detectors, frames speak of {count}: export the complete object again",
        )
    detectors = [
        Detector(
            number=number,
            angle_deg=as_number(get_value(item, "StartAngle")),
            axes=_axes_in(header, item),
            position_mm=_point(get_value(item, "ImagePositionPatient")),
            radius_mm=positive_numbers(get_value(item, "RadialPosition")),
            view_code=_view_in(item),
        )
        for number, item in enumerate(items, start=1)
    ]
    detectors += [Detector(number) for number in range(len(detectors) + 1, count + 1)]
    root = Detector(
        1,
        axes=_axes_in(header, header.dataset),
        position_mm=_point(get_value(header.dataset, "ImagePositionPatient")),
        view_code=_view_in(header.dataset),
    )
    if count == 1:
        detectors[0] = _with_root(header, detectors[0], root)
    return tuple(detectors)


def _point(value: object) -> NDArray[np.float64] | None:
    numbers = as_numbers(value, 3)
    return None if numbers is None else np.array(numbers)


def _with_root(header: Header, stated: Detector, root: Detector) -> Detector:
    for keyword, one, other in (
        ("ImageOrientationPatient", stated.axes, root.axes),
        ("ImagePositionPatient", stated.position_mm, root.position_mm),
    ):
        if one is not None and other is not None and not np.allclose(one, other, atol=0.01):
            raise header.lack(
                keyword,
                f"differs between the root and {tag_label('DetectorInformationSequence')}: export the original again",
            )
    return Detector(
        stated.number,
        stated.angle_deg,
        root.axes if stated.axes is None else stated.axes,
        root.position_mm if stated.position_mm is None else stated.position_mm,
        stated.radius_mm,
        root.view_code if stated.view_code is None else stated.view_code,
    )


def read_patient_position(header: Header, asked: str) -> str:
    """Return how the patient lay, e.g. ``HFS``; empty where neither the file nor the user says.

    Raises
    ------
    GeometryError
        If tag, codes and user contradict each other.
    """
    said: dict[str, str] = {}
    if header.text("PatientPosition"):
        said[tag_label("PatientPosition")] = header.text("PatientPosition").upper()
    gantry = get_value(header.dataset, "PatientGantryRelationshipCodeSequence")
    lying = get_value(header.dataset, "PatientOrientationCodeSequence")
    modifier = None if lying is None else get_value(lying[0], "PatientOrientationModifierCodeSequence")
    if gantry is not None and modifier is not None:
        first = _GANTRY.get(get_text(gantry[0], "CodeValue"))
        side = _LYING.get(get_text(modifier[0], "CodeValue"))
        if first and side:
            said[tag_label("PatientGantryRelationshipCodeSequence")] = first + side
    if asked:
        said["--patient-position"] = asked
    if len(set(said.values())) > 1:
        words = ", ".join(f"{source} says {position}" for source, position in said.items())
        raise GeometryError(f"{header.name}: patient positions contradict each other: {words}: find out which is right")
    return next(iter(said.values()), "")


def ask_for_position(header: Header) -> InputError:
    """Return the error for a file that leaves left and right open."""
    return header.lack(
        "PatientPosition",
        f"and {tag_label('ImageOrientationPatient')} are absent, so left and right are unknown: say how the patient "
        f"lay with --patient-position {'|'.join(POSITIONS)}",
    )


def read_spacing(header: Header) -> tuple[tuple[float, float], SpacingSource]:
    """Return the distance of columns and of rows in mm, and where it comes from.

    Raises
    ------
    InputError
        If it is absent or no length.
    """
    captured = header.sop_class != NM_IMAGE
    for keyword in ("PixelSpacing", "NominalScannedPixelSpacing"):
        value = get_value(header.dataset, keyword)
        if value is None:
            continue
        numbers = as_numbers(value, 2)
        if numbers is None or min(numbers) <= 0:
            raise header.lack(keyword, "is no pair of lengths in mm: export the original again")
        source = SpacingSource.DETECTOR
        if keyword == "NominalScannedPixelSpacing":
            source = SpacingSource.NOMINAL
        elif get_value(header.dataset, "PixelSpacingCalibrationType") is not None:
            source = SpacingSource.CALIBRATED
        elif captured and get_value(header.dataset, "DetectorVector") is None:
            source = SpacingSource.NOMINAL
        return (numbers[1], numbers[0]), source
    raise header.lack("PixelSpacing", "is absent, so nothing can be found in mm: export the original")


def view_in_text(text: str) -> View | None:
    """Return the view that a description names in whole words; None where it names none, or both."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    views = {_VIEW_WORDS[word] for word in words if word in _VIEW_WORDS}
    return views.pop() if len(views) == 1 else None


def view_at(angle_deg: float) -> View:
    """Return the name of the view from an angle about the patient."""
    for main, view in _ANGLES.items():
        if abs((angle_deg - main + 180) % 360 - 180) <= _UPRIGHT_DEG:
            return view
    return View.OTHER


def _view_by_axes(axes: NDArray[np.float64]) -> View:
    look = np.cross(axes[0], axes[1])  # from the detector into the patient
    if np.hypot(look[0], look[1]) < 0.5:
        return View.OTHER
    return view_at(float(np.rad2deg(np.arctan2(-look[0], -look[1]))))


@dataclass(frozen=True, eq=False)
class PlacedView:
    """How one detector's frames are to be shown.

    Parameters
    ----------
    grid : PlaneGrid
        After the flips.
    flips : tuple of int
        Axes of (columns, rows) to be reversed.
    reason : str
        What said so.
    by_user : bool
        Whether the view is the user's word alone.
    """

    grid: PlaneGrid
    flips: tuple[int, ...] = field(default=())
    reason: str = ""
    by_user: bool = False

    def show(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn frames, shape (columns, rows, ...), into the grid's order."""
        return np.ascontiguousarray(np.flip(array, self.flips))


def place_view(header: Header, detector: Detector, position: str, text: str, asked: View | None = None) -> PlacedView:
    """Find out from where a detector saw the patient, and turn its frames upright and, from behind, round.

    Where no Image Orientation is stated, a file with a known patient position is taken to show its views head up, as
    seen from the detector: so cameras store them.

    Parameters
    ----------
    header : Header
    detector : Detector
    position : str
        As `read_patient_position` returns it.
    text : str
        Description that may name the view; only asked where nothing else does, but it must not contradict.
    asked : View or None
        What the user says; taken only where the file names no view at all.

    Raises
    ------
    InputError
        If neither orientation nor patient position is known; if columns and rows lie askew.
    GeometryError
        If view code, angle, orientation and description contradict each other.
    """
    said: dict[str, View] = {}
    if detector.view_code is not None:
        said[tag_label("ViewCodeSequence")] = detector.view_code
    if detector.angle_deg is not None:
        said[tag_label("StartAngle")] = view_at(detector.angle_deg)
    if detector.axes is not None:
        said[tag_label("ImageOrientationPatient")] = _view_by_axes(detector.axes)
    described = view_in_text(text)
    if described is not None:
        said["its description"] = described
    # An unlisted code (an oblique view, a plane) leaves the name to the other sources; an oblique angle does not.
    unlisted = detector.view_code is View.OTHER and len(said) > 1
    views = set(said.values()) - ({View.OTHER} if unlisted else set())
    if len(views) > 1:
        words = ", ".join(f"{source} says {view.value}" for source, view in said.items())
        raise GeometryError(
            f"{header.name}: views of detector {detector.number} contradict each other: {words}: mirrored or "
            "mislabeled, find out which is right"
        )
    view = next(iter(views or (View.OTHER,))) if said else asked or View.UNKNOWN
    reason = ", ".join(said) or "no tag names the view"
    by_user = not said and asked is not None
    if by_user:
        reason = f"{VIEW_OPTION}, as {reason}"
    axes = detector.axes
    if axes is None:
        if not position:
            raise ask_for_position(header)
        main = next((angle for angle, name in _ANGLES.items() if name is view), None)
        axes = None if main is None else detector_axes(main)
        reason += f"; head up as seen from the detector, as the patient position {position} is known"
    spacing, source = read_spacing(header)
    columns, rows = header.number("Columns"), header.number("Rows")
    grid = PlaneGrid(
        shape=(int(columns or 0), int(rows or 0)),
        spacing_mm=spacing,
        spacing_source=source,
        view=view,
        axes=axes,
        origin_mm=None if detector.axes is None else detector.position_mm,
        frame_of_reference_uid=frame_of_reference(header),
    )
    return replace(_upright(header, grid, reason), by_user=by_user)


def _upright(header: Header, grid: PlaneGrid, reason: str) -> PlacedView:
    """Reverse columns and rows so that rows run to the feet and, from front or back, columns to the left."""
    if grid.axes is None:
        return PlacedView(grid, (), reason)
    flips: list[int] = []
    wanted = {1: np.array([0.0, 0.0, -1.0])}
    if grid.view in (View.ANTERIOR, View.POSTERIOR):
        wanted[0] = np.array([1.0, 0.0, 0.0])
    for axis, direction in wanted.items():
        along = float(grid.axes[axis] @ direction)
        if abs(along) < np.cos(np.deg2rad(45)):
            raise header.lack(
                "ImageOrientationPatient", "lays the patient across the picture: export it with the head up"
            )
        if along < 0:
            grid = grid.flipped(axis)
            flips.append(axis)
    return PlacedView(grid, tuple(sorted(flips)), reason)


def frame_of_reference(header: Header) -> str:
    """Return the Frame of Reference UID; where it is absent the series is its own frame, never another's."""
    return safe_uid(header.text("FrameOfReferenceUID")) or header.series_uid
