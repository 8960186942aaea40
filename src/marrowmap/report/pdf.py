"""``report.pdf``: the same report on a few pages, set by typst. The same result gives the same bytes."""

from __future__ import annotations

import json
import tempfile
from importlib import resources
from pathlib import Path

import typst

from marrowmap.errors import ConformanceError
from marrowmap.report.page import Document
from marrowmap.report.page import Section

# The page takes what a reader signs off; the curves of threshold stay in the HTML.
_PICTURES = frozenset(
    {
        "head_map",
        "head_layers",
        "head_slices",
        "neck_line",
        "comparison",
        "bone_fit",
        "edema",
        "boundary",
        "regions",
        "planar_phases",
        "planar_curves",
        "planar_profile",
        "density_course",
        "density_sides",
        "course_timeline",
        "course_trajectories",
    }
)
_LEFT_OUT = frozenset({"question", "comparison", "time", "methods", "literature"})


def _section(section: Section) -> dict[str, object]:
    return {
        "key": section.key,
        "title": section.title,
        "level": section.level,
        "paragraphs": section.paragraphs,
        "items": section.items,
        "tables": [
            {
                "caption": table.caption,
                "columns": table.columns,
                "rows": table.rows,
                "numeric": table.numeric,
                "state": table.state_column,
                "text_last": table.text_last,
            }
            for table in section.tables
        ],
        "plates": [
            {
                "file": f"picture-{plate.number}.{plate.picture.suffix}",
                "kind": plate.picture.key,
                "dark": plate.picture.suffix == "webp",
                "title": plate.title,
                "text": plate.text,
                "alt": plate.picture.alt,
                "number": plate.number,
            }
            for plate in section.plates
            if plate.picture.key in _PICTURES
        ],
    }


def _chosen(document: Document) -> list[Section]:
    """Leave out boilerplate, and series with bones only where edema is shown in another; words before pictures."""
    kinds = {section.key: {plate.picture.key for plate in section.plates} for section in document.sections}
    edema_shown = any("edema" in kind for kind in kinds.values())
    chosen = [
        section
        for section in document.sections
        if section.key not in _LEFT_OUT and not (edema_shown and kinds[section.key] == {"bone_fit"})
    ]
    return sorted(chosen, key=lambda section: section.key.startswith("pictures"))


def render_pdf(document: Document) -> bytes:
    """Return the report as PDF.

    Raises
    ------
    ConformanceError
        If typst cannot set it.
    """
    content = {
        "title": document.title,
        "notice": document.notice,
        "facts": document.facts,
        "warnings": document.warnings,
        "version": document.version,
        "sections": [_section(section) for section in _chosen(document)],
    }
    template = resources.files("marrowmap.report").joinpath("templates").joinpath("report.typ")
    with tempfile.TemporaryDirectory(prefix="marrowmap-") as name:
        folder = Path(name)
        (folder / "report.typ").write_text(template.read_text(encoding="utf-8"), encoding="utf-8")
        # Texts travel as data, never as markup: nothing in a file's headers can be set as typst code.
        (folder / "report.json").write_text(json.dumps(content, allow_nan=False), encoding="utf-8")
        for section in document.sections:
            for plate in section.plates:
                (folder / f"picture-{plate.number}.{plate.picture.suffix}").write_bytes(plate.picture.data)
        try:
            pdf = typst.compile(str(folder / "report.typ"), root=str(folder), ignore_system_fonts=True)
        except RuntimeError as error:
            raise ConformanceError(f"report.pdf could not be set: {' '.join(str(error).split())}") from error
    if not isinstance(pdf, bytes):
        raise ConformanceError("report.pdf could not be set: typst gave several files")
    return pdf
