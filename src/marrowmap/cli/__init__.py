"""The command line: one file a command.

Exit codes: 0 done, 2 usage, 3 input unreadable or unsuitable, 4 geometry or side conflict, 5 model or licence missing,
6 output not conformant, 1 anything else. People's text goes to stderr, ``--json`` puts one document on stdout.
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from marrowmap.cli import analyze
from marrowmap.cli import cohort
from marrowmap.cli import demo
from marrowmap.cli import density
from marrowmap.cli import density_calibration
from marrowmap.cli import density_form
from marrowmap.cli import density_precision
from marrowmap.cli import doctor
from marrowmap.cli import edema
from marrowmap.cli import follow
from marrowmap.cli import microarchitecture
from marrowmap.cli import phantom
from marrowmap.cli import segment
from marrowmap.cli import study
from marrowmap.cli import study_adjudicate
from marrowmap.cli import study_check
from marrowmap.cli import study_demo
from marrowmap.cli import study_export
from marrowmap.cli import study_import
from marrowmap.cli import study_init
from marrowmap.cli import study_lock
from marrowmap.cli import study_read
from marrowmap.cli import study_report
from marrowmap.cli import study_serve
from marrowmap.cli import study_status
from marrowmap.cli.console import fail
from marrowmap.errors import MarrowmapError

STOPPED = "stopped; no result was written"
STOPS = ("SIGTERM", "SIGHUP")
"""Besides Ctrl-C: a service that is stopped, a terminal that is closed."""
TYPER_INTERRUPTED = 130
"""What Typer makes of Ctrl-C."""

app = typer.Typer(
    name="marrowmap",
    help="Bone marrow edema, measured in the bone's own coordinates. Research use only, not a medical device.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)
for module in (
    demo,
    analyze,
    edema,
    segment,
    density,
    density_form,
    density_precision,
    density_calibration,
    microarchitecture,
    follow,
    cohort,
    phantom,
    doctor,
):
    app.command(module.__name__.rsplit(".", 1)[-1].replace("_", "-"))(module.command)
for module in (
    study_check,
    study_init,
    study_serve,
    study_read,
    study_import,
    study_status,
    study_adjudicate,
    study_lock,
    study_export,
    study_report,
    study_demo,
):
    study.app.command(module.__name__.rsplit("study_", 1)[-1])(module.command)
app.add_typer(study.app, name="study")


@contextmanager
def _stopping_as_by_hand() -> Iterator[None]:
    """Let whatever stops the program unwind it as Ctrl-C does, so that nothing half-written stays."""
    replaced = {}
    for name in STOPS:
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # nohup has it ignored
            replaced[number] = signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)


def main() -> None:
    """Run the command line; every failure is one line on stderr and the contract's exit code."""
    warnings.filterwarnings("ignore")
    try:
        with _stopping_as_by_hand():
            status = app(standalone_mode=False)
    except MarrowmapError as error:
        raise SystemExit(fail(str(error), error.exit_code)) from None
    except (typer.Abort, KeyboardInterrupt):
        raise SystemExit(fail(STOPPED, 1)) from None
    except Exception as error:
        if isinstance(getattr(error, "exit_code", None), int) and hasattr(error, "format_message"):
            # Typer's own complaints about the command line.
            raise SystemExit(
                fail(f"{error.format_message() or 'no command given'} (see marrowmap --help)", 2)
            ) from None
        if os.environ.get("MARROWMAP_DEBUG"):
            raise
        message = f"unexpected {type(error).__name__}: {error}; set MARROWMAP_DEBUG=1 for details and report it"
        raise SystemExit(fail(message, 1)) from None
    if status == TYPER_INTERRUPTED:
        status = fail(STOPPED, 1)
    sys.exit(status if isinstance(status, int) else 0)
