"""``marrowmap follow``: several analyzed exams of one person become a course."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from typing import Annotated

import typer

from marrowmap.cli.console import Json
from marrowmap.cli.console import Out
from marrowmap.cli.console import answer
from marrowmap.cli.console import expand_home
from marrowmap.cli.console import progress_bar
from marrowmap.cli.console import say
from marrowmap.report.course_document import bounded_text
from marrowmap.report.course_document import onset_text
from marrowmap.report.course_rows import course_json
from marrowmap.report.course_write import write_course
from marrowmap.report.differential_section import flag_lines
from marrowmap.report.differential_section import verdict_lines
from marrowmap.report.folder import require_apart
from marrowmap.report.folder import require_writable
from marrowmap.workflow.differential import read_form
from marrowmap.workflow.follow import follow


def _expand_homes(paths: list[Path] | None) -> list[Path]:
    return [path for path in map(expand_home, paths or []) if path is not None]


def command(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="DIR...", help="Folders that marrowmap analyze or density left, in any order."),
    ],
    out: Out,
    events: Annotated[
        Path | None,
        typer.Option(
            "--events",
            help="Onset, events and outcome as TOML or CSV: what no image says. See docs/course.md.",
            callback=expand_home,
        ),
    ] = None,
    clinical: Annotated[
        list[Path] | None,
        typer.Option(
            "--clinical",
            help="Clinical form as analyze reads it, of one of the exams (date = ...); may be given again for another. "
            "See docs/differential.md.",
            callback=_expand_homes,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Follow one person: episodes by joint, change beyond repeatability, recovery, migration, report."""
    forms = [form for form in (read_form(file, None) for file in clinical or []) if form is not None]
    require_apart(out, folders)
    require_writable(out)
    with progress_bar("Following") as advance:
        followed = follow(folders, events=events, clinical=forms, progress=advance)
        advance("writing report", 0.7)
        folder = write_course(
            followed.review,
            out,
            differentials=followed.differentials,
            events=events,
            clinical=[form.file for form in forms],
            masks=followed.masks,
            seconds=followed.seconds,
        )
    review = followed.review
    for warning in (*review.course.warnings, *review.notes):
        say(f"note: {warning}")
    for episode in review.course.episodes:
        found = review.recovery_of(episode)
        time = f"; months to normal {bounded_text(found.from_onset)}" if found and found.from_onset else ""
        say(f"episode {episode.number}: {episode.place}, onset {onset_text(episode)}, {episode.outcome.value}{time}")
    for flag in review.flags:
        say(f"reconsider: {flag.text}")
    for line in (*flag_lines(followed.differentials), *verdict_lines(followed.differentials)):
        say(line)
    say(f"report: {folder / 'report.html'}")
    if json:
        answer({**json_text.loads(course_json(review)), "report": str(folder / "report.html")})
