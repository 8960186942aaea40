"""What ingest hands on of a radiograph: one exposure as a flat image, with what may and may not be told from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from marrowmap.errors import GeometryError
from marrowmap.image import Plane
from marrowmap.image.grid import read_only
from marrowmap.values import Side


class Intensity(Enum):
    """What a pixel value of a radiograph means."""

    ATTENUATION = "attenuation"
    """Up to offset and gain minus the logarithm of dose: the line integral of attenuation along the ray."""
    DISPLAY = "display"
    """Made for the eye by a curve that the file does not tell: more is brighter, nothing else."""


class RadiographView(Enum):
    """The projection, as a radiographer names it."""

    AP = "AP"
    PA = "PA"
    LATERAL = "LATERAL"
    FROG_LEG = "FROG_LEG"
    OTHER = "OTHER"
    UNKNOWN = "UNKNOWN"


FRONTAL = frozenset({RadiographView.AP, RadiographView.PA, RadiographView.FROG_LEG})
"""Views whose columns run across the body."""


@dataclass(frozen=True, eq=False)
class Radiograph:
    """One exposure.

    Space: index (i, j) of `plane` is column and row. Where Patient Orientation is stated, rows run to the feet and, in
    a frontal view, columns to the patient's left, whatever the file's order; then ``plane.grid.axes`` says so. Where
    it is not stated the image lies as in the file, ``axes`` is None and left is unknown.

    Parameters
    ----------
    uid, study_uid, number, description, date
        Of the series, as in `Series`.
    instance_uid : str
    modality : str
        ``CR``, ``DX`` or ``RG`` (a scanned film).
    body_part : str
    file : Path
    plane : Plane
        Unit ``1``; larger is more attenuated, so bone is bright. ``grid.mirrored`` is True where the picture is shown
        as in a mirror against the file; ``grid.spacing_mm`` holds at the detector, or as calibrated; see
        ``grid.spacing_source``.
    lit : ndarray of bool, the shape of `plane`
        What the beam reached: within collimator and shutters, no padding.
    lit_reason : str
        Which tags said so, or that it was estimated.
    intensity, intensity_reason
        What the values mean, and which tags said so.
    magnification : float or None
        Size at the plane of the spacing over true size. 1 for a calibrated spacing (at the calibrated depth).
    magnification_source : str
    view_name, view_reason
    orientation_reason : str
        How the image was turned, or why left is unknown.
    side, side_reason
        The one side its tags and descriptions name, or None where they name both or none.
    length_doubt : str
        Why no length in mm may be told; empty where it may.
    lossy : bool
        Whether it was ever compressed with loss.
    exposure : str
        Irradiation Event UID; empty where absent.
    acquired_at : str
        Date and time of acquisition as the file writes them; empty where absent.
    source_uids : tuple of str
        SOP Instance UIDs of the images it was made from.
    """

    uid: str
    study_uid: str
    instance_uid: str
    number: int | None
    description: str
    modality: str
    date: str
    body_part: str
    file: Path
    plane: Plane
    lit: NDArray[np.bool_]
    lit_reason: str
    intensity: Intensity
    intensity_reason: str
    magnification: float | None
    magnification_source: str
    view_name: RadiographView
    view_reason: str
    orientation_reason: str
    side: Side | None
    side_reason: str
    length_doubt: str
    lossy: bool = False
    exposure: str = ""
    acquired_at: str = ""
    source_uids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.lit.shape != self.plane.array.shape:
            raise GeometryError(
                f"the lit field has shape {self.lit.shape}, the image {self.plane.array.shape}: they must be the same"
            )
        object.__setattr__(self, "lit", read_only(self.lit))

    @property
    def files(self) -> tuple[Path, ...]:
        """The one file, as a series would list it."""
        return (self.file,)

    @property
    def knows_left(self) -> bool:
        """Whether left and right in the image are known from the file."""
        return self.plane.grid.axes is not None and self.view_name in FRONTAL


def describe_radiograph(film: Radiograph) -> str:
    """Say in a few words what a radiograph is."""
    number = "" if film.number is None else f"series {film.number} "
    view = "view unknown" if film.view_name is RadiographView.UNKNOWN else film.view_name.value.replace("_", " ")
    side = "" if film.side is None else f", {film.side.value}"
    return f"{number}radiograph ({film.modality}, {view}{side})"
