"""``marrowmap study demo``: a whole study with virtual people and virtual readers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from marrowmap.cli.console import BANNER
from marrowmap.cli.console import Json
from marrowmap.cli.console import answer
from marrowmap.cli.console import errors
from marrowmap.cli.console import expand_home
from marrowmap.cli.console import progress_bar
from marrowmap.cli.console import say


def command(
    out: Annotated[Path, typer.Option("--out", help="A new folder.", callback=expand_home)] = Path("study-demo"),
    seed: Annotated[int, typer.Option(min=0, help="Of people, order and errors.")] = 1,
    images: Annotated[
        bool, typer.Option("--images", help="Make the images too, for people to read: minutes each.")
    ] = False,
    episodes: Annotated[int, typer.Option(min=1, max=12, help="How many of the 12 episodes.")] = 12,
    json: Json = False,
) -> None:
    """Run the design of Gemmel 2012 with virtual people and readers: 3 readers, 12 episodes, 3 modalities."""
    from marrowmap.workflow.study_demo import run_study_demo

    began = time.monotonic()
    last = ""

    with progress_bar("Study") as advance:

        def told(step: str, share: float) -> None:
            nonlocal last
            advance(step, share)
            if step != last and not errors.is_terminal:  # a log has no bar
                say(f"{time.monotonic() - began:5.0f} s  {step}")
            last = step

        report = run_study_demo(out, seed=seed, images=images, episodes=episodes, progress=told)
    say(BANNER)
    say(f"{time.monotonic() - began:.0f} s for {episodes} episode{'' if episodes == 1 else 's'}")
    say(f"open the report: {report.resolve()}")
    if images:
        say(f"to read the images yourself: marrowmap study init {out / 'study.toml'} --out MINE")
    if json:
        answer({"schema": "marrowmap/1", "report": str(report), "study": str(out / "study")})
