"""An output folder that appears whole or not at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path

from marrowmap.errors import UsageError

SCHEMA = "marrowmap/1"

OUTPUT_NAMES = frozenset(
    {
        "report.html",
        "report.pdf",
        "measurements.json",
        "measurements.csv",
        "findings.json",
        "differential.json",
        "course.json",
        "frames.json",
        "manifest.json",
        "differences.json",
        "masks",
        "maps",
        "dicom",
        "fhir",
        "edema.nii.gz",
        "edema_membership.nii.gz",
        "edema_voxels.nii.gz",
        "labels.nii.gz",
        "labels.json",
        "precision.json",
        "calibration.json",
    }
)
"""All a command leaves at the top of its folder; anything else there is the user's own."""

_MARKS = ("manifest.json", "measurements.json", "frames.json", "precision.json", "calibration.json")


def _is_ours(folder: Path) -> bool:
    for name in _MARKS:
        with suppress(OSError, ValueError):
            document = json.loads((folder / name).read_text(encoding="utf-8"))
            if isinstance(document, dict) and document.get("schema") == SCHEMA:
                return True
    return False


def _require_replaceable(out: Path) -> None:
    if not out.exists() and not out.is_symlink():
        return
    if not out.is_dir():
        raise UsageError(f"{out}: is a file, not a folder: choose another --out")
    entries = {entry.name for entry in out.iterdir()}
    if not entries:
        return
    if not _is_ours(out):
        raise UsageError(f"{out}: is not empty and holds no earlier marrowmap result: choose an empty or new --out")
    foreign = sorted(entries - OUTPUT_NAMES)
    if foreign:
        raise UsageError(f"{out}: would be replaced, but also holds {foreign[0]!r}: move that or choose another --out")


def require_apart(out: Path, sources: Sequence[Path]) -> None:
    """Raise if `out` is one of the folders that are read: replacing it would lose what it holds.

    Raises
    ------
    UsageError
        If it is one of them, or lies within one.
    """
    place = out.resolve()
    for source in sources:
        if place.is_relative_to(source.resolve()):
            raise UsageError(f"{out}: lies in {source}, which is read: it would be lost; choose another --out")


def require_writable(out: Path) -> None:
    """Raise now if `out` could not be written later: nobody waits for an analysis that has nowhere to go.

    Raises
    ------
    UsageError
        If the folder holds anything but an earlier marrowmap result, or its place cannot be written.
    """
    out = out.absolute()
    try:
        _require_replaceable(out)
        place = next(parent for parent in out.parents if parent.exists())
        Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=place)).rmdir()
    except OSError as error:
        raise _cannot_write(out, error) from error


def _cannot_write(out: Path, error: OSError) -> UsageError:
    reason = (error.strerror or str(error)).lower()
    return UsageError(f"{out}: cannot be written ({reason}): check space and rights or choose another --out")


def _make_parents(out: Path) -> list[Path]:
    """Make missing parents and return them, innermost first."""
    missing = [parent for parent in out.parents if not parent.exists()]
    for parent in reversed(missing):
        parent.mkdir()
    return missing


@contextmanager
def replacing_folder(out: Path) -> Iterator[Path]:
    """Yield a new folder beside `out` to write into; move it into place only if all went well.

    An earlier marrowmap result at `out` is replaced. On any failure `out` is as it was before.

    Parameters
    ----------
    out : Path
        Missing, empty, or holding an earlier marrowmap result and nothing else.

    Raises
    ------
    UsageError
        If `out` holds anything else, or cannot be written.
    """
    out = out.absolute()
    made: list[Path] = []
    work: Path | None = None
    done = False
    try:
        _require_replaceable(out)
        made = _make_parents(out)
        work = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent))
        new = work / "new"
        new.mkdir()
        yield new
        _move_into_place(new, out, work / "old")
        done = True
    except OSError as error:
        raise _cannot_write(out, error) from error
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)
        if not done:
            for parent in made:
                with suppress(OSError):
                    parent.rmdir()


def _move_into_place(new: Path, out: Path, old: Path) -> None:
    had_one = out.exists()
    if had_one:
        out.rename(old)
    try:
        new.rename(out)
    except OSError:
        if had_one:
            old.rename(out)
        raise
