"""``marrowmap study serve``: the reading page, on this machine."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Annotated

import typer

from marrowmap.cli.console import BANNER
from marrowmap.cli.console import Json
from marrowmap.cli.console import answer
from marrowmap.cli.console import say
from marrowmap.cli.study_options import Database
from marrowmap.cli.study_options import StudyFolder
from marrowmap.errors import UsageError


def command(
    study: StudyFolder,
    host: Annotated[str, typer.Option(help="Address to serve at; others than loopback need --share.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8465,
    share: Annotated[
        bool, typer.Option("--share", help="Serve to other machines, without encryption: put a proxy with TLS before.")
    ] = False,
    name: Annotated[
        list[str] | None, typer.Option("--name", help="A further name the page may be called by; repeat.")
    ] = None,
    database: Database = None,
    json: Json = False,
) -> None:
    """Serve the reading page until Ctrl-C; prints one link for each reader."""
    from marrowmap.server.serve import bind
    from marrowmap.server.serve import is_loopback
    from marrowmap.server.serve import links
    from marrowmap.server.serve import serve
    from marrowmap.workflow.study import open_study

    if not is_loopback(host) and not share:
        raise UsageError(f"--host {host}: other machines could reach the page: add --share if they shall")
    opened = open_study(study, database=database)
    listener = bind(host, port)
    found = links(opened, host, listener.getsockname()[1])
    with suppress(KeyboardInterrupt):  # the usual end, from the first link on
        say(BANNER)
        for reader, link in found.items():
            say(f"{reader}: {link}")
        if json:
            answer({"schema": "marrowmap/1", "links": found})
            sys.stdout.flush()  # whoever waits for the links must get them now
        say("every link is its reader's alone; Ctrl-C stops, no answer is lost")
        serve(opened, listener, tuple(name or ()))
