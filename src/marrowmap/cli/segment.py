"""``marrowmap segment``: bones and frames only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from marrowmap.anatomy import totalsegmentator
from marrowmap.cli.analyze import Bone
from marrowmap.cli.analyze import BoneLabel
from marrowmap.cli.analyze import Points
from marrowmap.cli.analyze import SideOption
from marrowmap.cli.analyze import With
from marrowmap.cli.console import Json
from marrowmap.cli.console import Out
from marrowmap.cli.console import answer
from marrowmap.cli.console import progress_bar
from marrowmap.cli.console import say
from marrowmap.cli.points import read_points
from marrowmap.cli.points import read_side
from marrowmap.report.folder import require_writable
from marrowmap.workflow.bones import BoneHint
from marrowmap.workflow.bones import Finder
from marrowmap.workflow.segment import segment


def command(
    image: Annotated[Path, typer.Argument(help="A DICOM series (file or folder) or a NIfTI image.")],
    out: Out,
    bone: Bone = None,
    bone_label: BoneLabel = None,
    points: Points = None,
    side: SideOption = None,
    finder: With = None,
    json: Json = False,
) -> None:
    """Find the bones of hips and knees: labels.nii.gz and frames.json."""
    hint = BoneHint(bone, read_points(points), read_side(side), bone_label, finder)
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
