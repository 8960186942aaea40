"""``marrowmap density-precision``: precision and least significant change of a site."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from marrowmap.cli.console import Json
from marrowmap.cli.console import Out
from marrowmap.cli.console import answer
from marrowmap.cli.console import say
from marrowmap.report.folder import require_writable
from marrowmap.workflow.density import run_precision_study


def command(
    scans: Annotated[Path, typer.Argument(help="CSV as for density, one line a scan, each person on several lines.")],
    out: Out,
    json: Json = False,
) -> None:
    """Compute a site's precision and least significant change from repeated scans: precision.json."""
    require_writable(out)
    document = run_precision_study(scans, out, today=datetime.now().astimezone().date())
    for note in document["notes"]:
        say(f"note: {note}")
    for row in document["rows"]:
        say(
            f"{row['machine']}, {row['region']}: RMS-SD {row['rms_sd']:.4f} g/cm2 ({row['rms_sd_low']:.4f} to "
            f"{row['rms_sd_high']:.4f}), RMS-CV {row['rms_cv']:.2f} %, LSC {row['least_significant_change']:.3f} g/cm2 "
            f"({row['least_significant_change_low']:.3f} to {row['least_significant_change_high']:.3f}), "
            f"{row['persons']} measured repeatedly, {row['df']} degrees of freedom"
        )
        for note in row["notes"]:
            say(f"  note: {note}")
    say(f"for marrowmap density --precision: {out / 'precision.json'}")
    if json:
        answer(document)
