"""The life of a reader study: laid out in a folder, opened again, answers from elsewhere taken in, locked."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marrowmap.errors import InputError
from marrowmap.errors import UsageError
from marrowmap.readers.blinding import read_blind
from marrowmap.readers.forms import KEPT
from marrowmap.readers.forms import forms_of
from marrowmap.readers.forms import parse_form
from marrowmap.readers.forms import shipped_forms
from marrowmap.readers.protocol import Protocol
from marrowmap.readers.protocol import read_protocol
from marrowmap.readers.protocol_checks import require_sound
from marrowmap.readers.storage import Store
from marrowmap.readers.storage_create import create_study
from marrowmap.readers.storage_engine import open_engine
from marrowmap.readers.storage_place import SQLITE_FILE
from marrowmap.readers.storage_rows import Task
from marrowmap.readers.study_images import read_index
from marrowmap.readers.study_images import write_images
from marrowmap.values import Side
from marrowmap.workflow.steps import Progress
from marrowmap.workflow.steps import silent

PROTOCOL_FILE = "study.toml"
IMAGES = "images"
MEASUREMENTS = "measurements.json"


@dataclass(frozen=True)
class Study:
    """A study under way.

    Parameters
    ----------
    folder : Path
        Holds ``study.toml``, its own forms, blind images and, unless kept in PostgreSQL, ``study.db``.
    store : Store
    """

    folder: Path
    store: Store

    @property
    def protocol(self) -> Protocol:
        """The protocol the study was laid out from."""
        return self.store.protocol

    def image_folders(self, task: Task) -> list[tuple[str, Path]]:
        """Return time point and folder of what a task shows, in order."""
        session = self.protocol.session(task.read.session)
        shown = self.protocol.session(session.of) if session.of else session
        return [
            (time_point, self.folder / IMAGES / self.store.image_key(task.read.case, modality, time_point))
            for modality in task.read.modalities
            for time_point in shown.time_points
        ]

    def images(self, task: Task) -> list[tuple[dict[str, Any], Path]]:
        """Return what each image of a task is, and its file of gray values."""
        found = []
        several = len(self.image_folders(task)) > len(task.read.modalities)
        for time_point, folder in self.image_folders(task):
            for number, row in enumerate(read_index(folder)):
                label = f"{row['label']}, {time_point}" if several else row["label"]
                found.append((row | {"label": label}, folder / f"{number}.u16"))
        return found

    def measurements(self, task: Task) -> list[dict[str, Any]]:
        """Return our measurements of a task's case, where the protocol shows them to readers."""
        path = self.folder / IMAGES / self.store.image_key(task.read.case, MEASUREMENTS, "") / MEASUREMENTS
        if not self.protocol.blinding.show_measurements or not path.is_file():
            return []
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        return rows


def check_protocol(path: Path) -> tuple[Protocol, dict[str, str]]:
    """Read a protocol with its forms and judge it.

    Raises
    ------
    InputError
        If it makes no sound study; says what, where and what to do.
    """
    protocol = read_protocol(path)
    texts = forms_of(protocol, path.parent)
    require_sound(protocol, {name: parse_form(text, name) for name, text in texts.items()})
    return protocol, texts


def _shown_measurements(case_id: str, folder: Path, joint: str, side: str) -> list[dict[str, Any]]:
    path = folder / MEASUREMENTS
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
        return [
            {name: row[name] for name in ("quantity", "region", "value", "unit", "low", "high", "modality")}
            for row in rows
            if (row["joint"], row["side"]) == (joint, side)
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"case {case_id!r}: {folder.name} holds no {MEASUREMENTS} of marrowmap analyze: correct measurements"
        ) from error


def _write_blind(protocol: Protocol, beside: Path, work: Path, progress: Progress) -> dict[tuple[str, str, str], Path]:
    """Read every image once and write it without its header; returns the folders by what they are of."""
    wanted = [(case, image) for case in protocol.cases for image in case.images if image.source]
    written: dict[tuple[str, str, str], Path] = {}
    for number, (case, image) in enumerate(wanted):
        progress(f"reading {case.id}", number / max(len(wanted), 1))
        where = f"case {case.id!r}, {image.modality} at {image.time_point!r}"
        folder = work / f"{number:05d}"
        write_images(folder, read_blind(beside / image.source, image.modality, Side(case.side), where))
        written[(case.id, image.modality, image.time_point)] = folder
    if protocol.blinding.show_measurements:
        for number, case in enumerate(protocol.cases):
            if case.measurements:
                folder = work / f"m{number:05d}"
                folder.mkdir()
                rows = _shown_measurements(case.id, beside / case.measurements, case.joint, case.side)
                (folder / MEASUREMENTS).write_text(json.dumps(rows), encoding="utf-8")
                written[(case.id, MEASUREMENTS, "")] = folder
    return written


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Yield a folder that becomes `out` if all goes well; on any failure nothing is left.

    Raises
    ------
    UsageError
        If `out` holds something already or cannot be written.
    """
    out = out.absolute()
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UsageError(f"{out.name}: holds something already: choose a new --out")
        out.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"{out.name}: cannot be written ({reason}): choose another place") from error
    try:
        yield work
        if out.exists():
            out.rmdir()
        work.rename(out)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"{out.name}: cannot be written ({reason}): check space and rights") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def init_study(path: Path, out: Path, *, database: str | None = None, progress: Progress = silent) -> Study:
    """Lay out a study: images without their headers, every reader's order, an empty table of answers.

    Parameters
    ----------
    path : Path
        The protocol.
    out : Path
        A new or empty folder.
    database : str, optional
        See `storage_engine.open_engine`.
    progress : callable

    Raises
    ------
    InputError, GeometryError
        If the protocol is not sound or its images cannot be read; nothing is left behind.
    UsageError
        If `out` or the database hold something already.
    """
    protocol, texts = check_protocol(path)
    with new_folder(out) as work:
        shutil.copyfile(path, work / PROTOCOL_FILE)
        for name in texts:
            target = work / KEPT / f"{name}.toml" if name in shipped_forms() else work / name
            if not target.resolve().is_relative_to(work.resolve()):
                raise InputError(f"form {name!r}: lies outside the protocol's folder: copy it beside the protocol")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(texts[name], encoding="utf-8")
        images = work / IMAGES
        images.mkdir()
        written = _write_blind(protocol, path.parent, images, progress)
        store = create_study(open_engine(work, database), protocol, texts)
        for of, folder in written.items():
            folder.rename(images / store.image_key(*of))
        store.close()
    progress("done", 1.0)
    return open_study(out, database=database)


def open_study(folder: Path, *, database: str | None = None) -> Study:
    """Open a study.

    Raises
    ------
    InputError
        If the folder holds none, or its protocol or forms were changed after it began.
    """
    path = folder / PROTOCOL_FILE
    if not path.is_file():
        raise InputError(f"{folder.name}: holds no {PROTOCOL_FILE}: make a study with marrowmap study init")
    protocol = read_protocol(path)
    texts = forms_of(protocol, folder)
    engine = open_engine(folder, database)
    if engine.dialect.name == "sqlite" and not (folder / SQLITE_FILE).is_file():
        raise InputError(f"{folder.name}: holds no {SQLITE_FILE}: make a study with marrowmap study init")
    store = Store(engine)
    store.require_same_protocol(protocol, texts)
    return Study(folder, store)
