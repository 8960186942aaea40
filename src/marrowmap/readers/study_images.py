"""Blind images on disk: gray values as raw 16-bit files, with what is needed to show them and nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from marrowmap.readers.blinding import BlindImage

INDEX = "images.json"


def write_images(folder: Path, images: Sequence[BlindImage]) -> None:
    """Write images into a new folder: ``images.json`` and ``0.u16``, ``1.u16`` …, little-endian, slice by slice."""
    folder.mkdir(parents=True)
    rows = []
    for number, image in enumerate(images):
        (folder / f"{number}.u16").write_bytes(image.array.astype("<u2").tobytes())
        rows.append(
            {
                "label": image.label,
                "shape": list(image.array.shape),
                "spacing_mm": list(image.spacing_mm),
                "low": image.low,
                "high": image.high,
                "window": list(image.window),
                "inverted": image.inverted,
                "marks": list(image.marks),
            }
        )
    (folder / INDEX).write_text(json.dumps(rows), encoding="utf-8")


def read_index(folder: Path) -> list[dict[str, Any]]:
    """Return what `write_images` said of the images; none where the case is read elsewhere."""
    path = folder / INDEX
    if not path.is_file():
        return []
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return rows
