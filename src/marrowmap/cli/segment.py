"""``marrowmap segment``: bones and frames only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from marrowmap.anatomy import totalsegmentator
from marrowmap.cli.analyze import Bone
from marrowmap.cli.analyze import BoneLabel
from marrowmap.cli.analyze import SideOption
from marrowmap.cli.analyze import With
from marrowmap.cli.console import Json
from marrowmap.cli.console import Out
from marrowmap.cli.console import answer
from marrowmap.cli.console import progress_bar
from marrowmap.cli.console import say
from marrowmap.cli.points import read_points
from marrowmap.cli.points import read_side
from marrowmap.errors import UsageError
from marrowmap.report.folder import require_writable
from marrowmap.values import Joint
from marrowmap.workflow.bones import JOINT_STARTS
from marrowmap.workflow.bones import BoneHint
from marrowmap.workflow.bones import Finder
from marrowmap.workflow.segment import segment

Points = Annotated[
    str | None,
    typer.Option(
        "--points",
        help="Three clicked points 'x,y,z x,y,z x,y,z' in LPS mm. Hip: femoral head center, tip of the greater "
        "trochanter, tip of the lesser trochanter. Knee: medial epicondyle, lateral epicondyle, middle of the tibial "
        "plateau.",
    ),
]
JointOption = Annotated[
    str | None,
    typer.Option(
        "--joint",
        help="hip (if not given) or knee: what --bone or --points show. Of a knee --bone is the distal femur.",
    ),
]


def _read_joint(text: str | None) -> Joint | None:
    if text is None:
        return None
    if text.lower() not in (joint.value for joint in JOINT_STARTS):
        raise UsageError(f"--joint {text!r}: use hip or knee")
    return Joint(text.lower())


def command(
    image: Annotated[Path, typer.Argument(help="A DICOM series (file or folder) or a NIfTI image.")],
    out: Out,
    bone: Bone = None,
    bone_label: BoneLabel = None,
    points: Points = None,
    side: SideOption = None,
    joint: JointOption = None,
    finder: With = None,
    json: Json = False,
) -> None:
    """Find the bones of hips and knees: labels.nii.gz and frames.json."""
    hint = BoneHint(bone, read_points(points), read_side(side), bone_label, finder, _read_joint(joint))
    require_writable(out)
    with progress_bar("Finding bones") as advance:
        document = segment(image, out, hint=hint, progress=advance)
    if finder is Finder.TOTALSEGMENTATOR:
        say(f"note: {totalsegmentator.NOTICE}")
    for row in document["rows"]:
        trust = "" if row["trusted"] else f" (not trusted: {row['reason']})"
        fit = "unknown" if row["fit_rms_mm"] is None else f"{row['fit_rms_mm']:.1f} mm"
        say(f"{row['side']:5s} {row['bone']:8s} fit {fit}{trust}")
    say(f"labels: {out / 'labels.nii.gz'}")
    if json:
        answer(document)
