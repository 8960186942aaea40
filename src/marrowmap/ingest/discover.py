"""Find the files of an exam, in any nesting."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from marrowmap.errors import InputError
from marrowmap.image.nifti import file_label
from marrowmap.ingest.left_out import LeftOut
from marrowmap.ingest.left_out import Weight

_SYSTEM_FILES = {"thumbs.db", "desktop.ini", "__macosx"}


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _SYSTEM_FILES


def find_files(sources: Sequence[Path]) -> tuple[list[Path], list[LeftOut]]:
    """Walk the sources and list every file once, hidden ones apart.

    Parameters
    ----------
    sources : sequence of Path
        Files and folders; links to folders are not followed, so that no walk is endless.

    Returns
    -------
    files : list of Path
        Sorted by path; their order means nothing further on.
    left_out : list of LeftOut
        One line for hidden files and folders, one for each that cannot be entered.

    Raises
    ------
    InputError
        If a source does not exist, or none holds a file.
    """
    found: dict[Path, Path] = {}
    hidden: list[str] = []
    left_out: list[LeftOut] = []

    def add(path: Path) -> None:
        found.setdefault(path.resolve(), path)

    def refuse(error: OSError) -> None:
        name = file_label(Path(str(error.filename or "?")))
        left_out.append(LeftOut(Weight.FILE, f"{name}: folder cannot be entered: check its access rights"))

    for source in sources:
        if not source.exists():
            raise InputError(f"{file_label(source)}: no such file or folder: check the path")
        if source.is_file():
            add(source)
            continue
        for folder, subfolders, names in os.walk(source, onerror=refuse):
            hidden += [name for name in (*subfolders, *names) if _is_hidden(name)]
            subfolders[:] = [name for name in subfolders if not _is_hidden(name)]
            for name in names:
                path = Path(folder, name)
                if not _is_hidden(name) and path.is_file():  # is_file: no pipes, no sockets, no dangling links
                    add(path)
    if hidden:
        shown = ", ".join(sorted({file_label(Path(name)) for name in hidden})[:3])
        left_out.append(LeftOut(Weight.OTHER, f"{len(hidden)} hidden or system files left out ({shown})"))
    if not found:
        names_of_sources = ", ".join(file_label(source.absolute()) for source in sources)
        reasons = "".join(f"; {item.text}" for item in sorted(left_out))
        raise InputError(f"{names_of_sources}: no file found: pass a folder with DICOM or NIfTI files{reasons}")
    return sorted(found.values()), left_out
