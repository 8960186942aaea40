"""The side an image shows, against the side its tags name."""

from __future__ import annotations

from collections.abc import Sequence

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.errors import GeometryError
from marrowmap.ingest.exam import Series
from marrowmap.values import Side


def image_side(series: Series, frames: Sequence[BoneFrame]) -> Side | None:
    """Read from the bones found which side a series shows, and compare it with what its tags say.

    The shape itself tells the sides apart: seen from the front, trochanter and shaft lie lateral of the head; at the
    knee the fibula is lateral and the condyles differ.

    Parameters
    ----------
    series : Series
    frames : sequence of BoneFrame
        Of this frame of reference. Only trusted ones name a side; a doubtful one of the side that is tagged keeps its
        tag from being a conflict.

    Returns
    -------
    Side or None
        None where both sides or none are in view.

    Raises
    ------
    GeometryError
        If the series shows only the side its tags do not name.
    """
    grid = series.volume.grid
    in_view = [
        frame for frame in frames if frame.bone == "femur" and bool(grid.contains(frame.head_center_mm, margin_mm=-5.0))
    ]
    femora = [frame for frame in in_view if frame.trusted]
    shown = {frame.side for frame in femora}
    if len(shown) != 1 or (series.side not in shown and series.side in {frame.side for frame in in_view}):
        return None
    side = next(iter(shown))
    if series.side is not None and series.side is not side:
        name = series.description or series.uid
        raise GeometryError(
            f"series {name!r}: its tags say {series.side.value} ({series.side_reason}) but the image shows a "
            f"{side.value} {femora[0].joint.value}: correct the laterality tag or the orientation, then run again"
        )
    return side
