"""``marrowmap density-calibration``: two densitometers made comparable."""

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
from marrowmap.workflow.density import run_cross_calibration


def command(
    scans: Annotated[Path, typer.Argument(help="CSV as for density: people scanned on both machines.")],
    from_machine: Annotated[str, typer.Option("--from", help="Earlier machine, as in the column machine.")],
    to_machine: Annotated[str, typer.Option("--to", help="Later machine, as in the column machine.")],
    out: Out,
    json: Json = False,
) -> None:
    """Calibrate one densitometer against another by people scanned on both: calibration.json."""
    require_writable(out)
    today = datetime.now().astimezone().date()
    document = run_cross_calibration(scans, out, from_machine=from_machine, to_machine=to_machine, today=today)
    for note in document["notes"]:
        say(f"note: {note}")
    for row in document["rows"]:
        bias, lower, upper = (row["agreement"][name] for name in ("bias", "lower", "upper"))
        say(
            f"{row['region']}: {row['to_machine']} = {row['intercept'][0]:.4f} + {row['slope'][0]:.4f} x "
            f"{row['from_machine']} (slope {row['slope'][1]:.3f} to {row['slope'][2]:.3f}); difference {bias[0]:+.4f} "
            f"({bias[1]:+.4f} to {bias[2]:+.4f}), limits of agreement {lower[0]:+.4f} to {upper[0]:+.4f} g/cm2, "
            f"{row['agreement']['n']} on both"
        )
        for note in row["notes"]:
            say(f"  note: {note}")
    say(f"for marrowmap density --calibration: {out / 'calibration.json'}")
    if json:
        answer(document)
