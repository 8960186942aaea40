"""``marrowmap study check``: whether a protocol makes a sound study, or a study is intact."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from marrowmap.cli.console import Json
from marrowmap.cli.console import answer
from marrowmap.cli.console import expand_home
from marrowmap.cli.console import say
from marrowmap.cli.study_options import Database
from marrowmap.readers.order import reads_of
from marrowmap.readers.protocol import Protocol
from marrowmap.readers.protocol_checks import notes_on


def _reads(protocol: Protocol) -> dict[str, int]:
    return {
        reader.id: sum(len(reads_of(protocol, reader, session)) for session in protocol.sessions)
        for reader in protocol.readers
    }


def command(
    source: Annotated[
        Path, typer.Argument(metavar="PROTOCOL|STUDY", help="A protocol, or a study's folder.", callback=expand_home)
    ],
    database: Database = None,
    json: Json = False,
) -> None:
    """Judge a protocol before it starts; or follow a study's chain of answers and compare its protocol."""
    from marrowmap.workflow.study import check_protocol
    from marrowmap.workflow.study import open_study

    document: dict[str, object] = {"schema": "marrowmap/1"}
    if source.is_dir():
        study = open_study(source, database=database)
        protocol = study.protocol
        document |= {"answers": study.store.require_intact(), "digest": study.store.digest}
        say(f"{document['answers']} answers, all as they were given; protocol {study.store.digest[:12]} unchanged")
    else:
        protocol, texts = check_protocol(source)
        document["digest"] = protocol.digest(texts)
        say(f"{source.name}: sound, digest {str(document['digest'])[:12]}")
    reads = _reads(protocol)
    notes = notes_on(protocol)
    for reader, number in reads.items():
        say(f"  reader {reader}: {number} reads")
    for note in notes:
        say(f"note: {note}")
    if json:
        answer(document | {"name": protocol.name, "reads": reads, "notes": list(notes)})
