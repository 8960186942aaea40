"""Where reconstructed slices lie, by the signed Spacing Between Slices (PS3.3 C.8.4.15)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marrowmap.image import Grid
from marrowmap.ingest.header import Header
from marrowmap.ingest.header import tag_label
from marrowmap.ingest.nm_geometry import Detector
from marrowmap.ingest.nm_geometry import ask_for_position
from marrowmap.ingest.nm_geometry import frame_of_reference
from marrowmap.ingest.nm_geometry import read_spacing


@dataclass(frozen=True, eq=False)
class PlacedSlices:
    """Where reconstructed slices lie.

    Parameters
    ----------
    grid : Grid
        Slices in the order of rising position along the normal.
    reverse : bool
        Whether that is the opposite of the Slice Vector's order.
    placed : bool
        False where no position is stated.
    """

    grid: Grid
    reverse: bool
    placed: bool


def place_slices(header: Header, detector: Detector, count: int, position: str) -> PlacedSlices:
    """Place the slices of a reconstruction.

    A positive spacing stacks slices along the normal (column direction x row direction of the first slice), a negative
    one against it.

    Raises
    ------
    InputError
        If the spacing is absent; if orientation and patient position are; if only the position is known and it is not
        HFS: cameras differ then.
    """
    spacing, _ = read_spacing(header)
    step = header.number("SpacingBetweenSlices")
    if step is None or step == 0:
        raise header.lack(
            "SpacingBetweenSlices",
            "is absent or 0, so the direction in which slices follow each other is unknown: export the original",
        )
    thickness = header.number("SliceThickness")
    if thickness and abs(step) < 0.5 * thickness:
        raise header.lack(
            "SpacingBetweenSlices",
            f"is {step:g} mm, {tag_label('SliceThickness')} {thickness:g} mm: they contradict each other, export again",
        )
    axes = detector.axes
    if axes is None:
        if not position:
            raise ask_for_position(header)
        if position != "HFS":
            raise header.lack(
                "ImageOrientationPatient",
                f"is absent, and with patient position {position} cameras store slices differently: export it with "
                "its orientation",
            )
        axes = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    shape = (int(header.number("Columns") or 0), int(header.number("Rows") or 0), count)
    normal = np.cross(axes[0], axes[1])
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = axes[0] * spacing[0], axes[1] * spacing[1], normal * abs(step)
    placed = detector.position_mm is not None and detector.axes is not None
    if placed:
        assert detector.position_mm is not None
        affine[:3, 3] = detector.position_mm + (normal * step * (count - 1) if step < 0 else 0.0)
    else:
        affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    frame = frame_of_reference(header) if placed else header.series_uid
    return PlacedSlices(Grid(shape, affine, frame), step < 0, placed)
