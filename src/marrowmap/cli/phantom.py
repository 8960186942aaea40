"""``marrowmap phantom``: a virtual person's exam with its truth."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from marrowmap.cli.console import Json
from marrowmap.cli.console import answer
from marrowmap.cli.console import expand_home
from marrowmap.cli.console import progress_bar
from marrowmap.cli.console import say
from marrowmap.cli.points import read_side
from marrowmap.errors import UsageError
from marrowmap.phantom import KINDS
from marrowmap.phantom import MODALITIES
from marrowmap.phantom import write_virtual_exam
from marrowmap.phantom.hr_exam import HR_KINDS
from marrowmap.report.folder import require_writable


def command(
    kind: Annotated[str | None, typer.Argument(help="What the virtual person has; see --list.")] = None,
    modalities: Annotated[str, typer.Option(help="Comma-separated: mr, ct, scan, spect, dx, dxa, hr.")] = "mr",
    joint: Annotated[str, typer.Option(help="hip, or knee for --modalities hr.")] = "hip",
    side: Annotated[
        str | None, typer.Option(help="left or right: the affected side; else drawn from the seed.")
    ] = None,
    weeks: Annotated[
        float | None,
        typer.Option(help="Weeks since onset; else drawn. Pictures of transient osteoporosis alone show it."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for dicom/, truth.json and clinical.toml.", callback=expand_home),
    ] = None,
    list_kinds: Annotated[bool, typer.Option("--list", help="Name all kinds and stop.")] = False,
    json: Json = False,
) -> None:
    """Make a virtual person's exam as DICOM plus truth.json, computed from the noise-free model, and clinical.toml."""
    if list_kinds:
        for name, meaning in KINDS.items():
            say(f"{name:20s} {meaning}")
        say(f"--modalities: {', '.join(MODALITIES)}; hr (trabecular bone at 7 T and HR-pQCT): {', '.join(HR_KINDS)}")
        if json:
            answer(
                {"schema": "marrowmap/1", "kinds": KINDS, "modalities": list(MODALITIES), "hr_kinds": list(HR_KINDS)}
            )
        else:
            typer.echo("\n".join(KINDS))
        return
    if kind is None or out is None:
        raise UsageError("phantom needs a KIND and --out DIR; marrowmap phantom --list names the kinds")
    if kind not in KINDS:
        raise UsageError(f"there is no virtual {kind!r} yet: use one of {', '.join(KINDS)}")
    wanted = tuple(name.strip() for name in modalities.split(",") if name.strip())
    unknown = [name for name in wanted if name not in MODALITIES]
    if unknown or not wanted:
        raise UsageError(f"--modalities {modalities}: this version makes {', '.join(MODALITIES)}")
    if joint not in ("hip", "knee") or (joint == "knee" and set(wanted) != {"hr"}):
        raise UsageError(f"--joint {joint}: this version makes hips, and knees with --modalities hr alone")
    if weeks is not None and not (math.isfinite(weeks) and weeks >= 0):
        raise UsageError(f"--weeks {weeks:g}: give the weeks since onset, 0 or more")
    affected = read_side(side)
    if out.is_dir() and any(out.iterdir()):
        raise UsageError(f"{out}: holds something already: choose an empty or new --out")
    require_writable(out)
    with progress_bar("Virtual exam") as advance:
        folder = write_virtual_exam(
            kind,
            out,
            seed=seed,
            modalities=wanted,
            side=affected,
            weeks=weeks,
            joint=joint,
            progress=advance,
        )
    say(f"wrote {folder}")
    if json:
        answer({"schema": "marrowmap/1", "kind": kind, "seed": seed, "out": str(folder)})
