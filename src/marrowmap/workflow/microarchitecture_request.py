"""What a user asks of ``microarchitecture``, and what cannot be asked together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from marrowmap.errors import InputError
from marrowmap.errors import UsageError
from marrowmap.ingest.microstructure_spacing import Spacing
from marrowmap.measure.microarchitecture import Regime
from marrowmap.values import Joint
from marrowmap.values import Side

NO_EDEMA = Path("none")
"""What the user gives in place of a mask to say that the marrow is free of edema."""
MOTION_LIMIT = 4
"""HR-pQCT of motion grade 4 or 5 is not measured (Whittier et al. Osteoporos Int 2020;31:1607)."""


@dataclass(frozen=True)
class Request:
    """What the user asks for.

    Parameters
    ----------
    image, within : Path
        Image and its region.
    contralateral : (Path, Path) or None
        The other side's image and region.
    edema : Path or None
        Mask of edema on `image`, or :data:`NO_EDEMA`.
    spared, other_spared : Path or None
        Masks of marrow to calibrate on, free of edema, on `image` and on the other side's.
    threshold : float or None
        Of bone in resolved images, in the image's unit.
    spacing : Spacing or None
    side, joint : Side or None, Joint or None
    modality : str
        ``MR``, ``CT`` or empty: for files that do not say.
    motion_score : int or None
        1 to 5, the worse of the two sides.
    frames, precision : Path or None
        ``frames.json`` of ``marrowmap segment``; precision of one's own.
    region : str
        Name of the region in the rows.
    repeat : (Path, Path) or None
        Image and region of a second scan of the same bone, for its repeatability.
    """

    image: Path
    within: Path
    contralateral: tuple[Path, Path] | None = None
    edema: Path | None = None
    spared: Path | None = None
    threshold: float | None = None
    spacing: Spacing | None = None
    side: Side | None = None
    joint: Joint | None = None
    modality: str = ""
    motion_score: int | None = None
    frames: Path | None = None
    precision: Path | None = None
    other_spared: Path | None = None
    region: str = "given_region"
    repeat: tuple[Path, Path] | None = None


def require_sense(request: Request) -> None:
    """Refuse options that cannot be meant.

    Raises
    ------
    UsageError
        If one is out of range, or needs another.
    InputError
        If the images moved too much.
    """
    if request.motion_score is not None:
        if not 1 <= request.motion_score <= 5:
            raise UsageError(f"--motion-score {request.motion_score}: grades go from 1 (none) to 5 (severe)")
        if request.motion_score >= MOTION_LIMIT:
            raise InputError(
                f"motion grade {request.motion_score} (--motion-score): images of grade {MOTION_LIMIT} or 5 show the "
                "movement, not the trabeculae (Whittier 2020): scan again"
            )
    if request.threshold is not None and not np.isfinite(request.threshold):
        raise UsageError(f"--threshold {request.threshold}: give a number in the image's unit")
    for option, given in (
        ("--frames", request.frames),
        ("--other-spared", request.other_spared),
        ("--repeat", request.repeat),
    ):
        if given is not None and request.contralateral is None:
            raise UsageError(f"{option} is for two sides: give --contralateral, too, or leave it out")


def require_regime(request: Request, regime: Regime) -> None:
    """Refuse options that belong to the other regime.

    Raises
    ------
    UsageError
    """
    if regime is Regime.APPARENT and request.threshold is not None:
        raise UsageError(
            "--threshold parts bone that voxels resolve; this image gives apparent measures only: leave it out"
        )
    mr_only = (request.spared, request.other_spared, None if request.edema == NO_EDEMA else request.edema)
    if regime is Regime.RESOLVED and any(mr_only):
        raise UsageError("--edema and --spared are for MR, whose gray levels edema changes: leave them out")


def describe_options(request: Request) -> dict[str, object]:
    """Return what was chosen, without the places of files on this machine."""
    return {
        "image": request.image.name,
        "within": request.within.name,
        "contralateral": [path.name for path in request.contralateral] if request.contralateral else None,
        "edema": request.edema.name if request.edema else None,
        "spared": request.spared.name if request.spared else None,
        "other_spared": request.other_spared.name if request.other_spared else None,
        "threshold": request.threshold,
        "spacing": request.spacing.source if request.spacing else None,
        "side": request.side.value if request.side else None,
        "joint": request.joint.value if request.joint else None,
        "modality": request.modality or None,
        "motion_score": request.motion_score,
        "frames": request.frames.name if request.frames else None,
        "precision": request.precision.name if request.precision else None,
        "region": request.region,
        "repeat": [path.name for path in request.repeat] if request.repeat else None,
    }
