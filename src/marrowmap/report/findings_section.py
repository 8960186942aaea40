"""What was found at each joint, and what a reader must know of how it was read."""

from __future__ import annotations

from collections.abc import Sequence

from marrowmap.report.page import Section
from marrowmap.report.page import Table
from marrowmap.report.result import AnalysisResult
from marrowmap.report.result import JointReading
from marrowmap.report.rows import order_findings
from marrowmap.report.wording import SIDE_ORDER
from marrowmap.report.wording import STATE_WORDS
from marrowmap.report.wording import plain_words
from marrowmap.report.wording import quantity_text
from marrowmap.terms.signs import SIGNS
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Side


def _places(result: AnalysisResult) -> list[tuple[Joint, Side]]:
    """Every joint and side that was looked at, right before left."""
    seen = {(f.joint, f.side) for f in result.findings}
    seen |= {(r.joint, r.side) for r in result.readings}
    seen |= {(m.joint, m.side) for m in result.measurements if m.joint and m.side}
    return [(joint, side) for joint in Joint for side in SIDE_ORDER if (joint, side) in seen]


def _summary(findings: Sequence[Finding]) -> str:
    parts = []
    for state, word in STATE_WORDS.items():
        signs = [plain_words(f.sign) for f in findings if f.state is state]
        if signs:
            parts.append(f"{word.capitalize()}: {', '.join(signs)}.")
    return " ".join(parts) or "No sign was judged."


def _notes(reading: JointReading) -> list[str]:
    """What a reader must know of how this joint was read."""
    notes = [reading.note] if reading.note else []
    if reading.edema is not None:
        edema = reading.edema
        notes += [
            f"Reference marrow: {edema.reference.chosen} ({edema.reference.voxels} voxels).",
            f"T1: {edema.t1_note}.",
            f"Smallest edema that would have been drawn: {quantity_text(edema.smallest_detectable)}, "
            f"{edema.smallest_detectable_reason}.",
        ]
    if reading.boundary is not None and reading.boundary.note:
        notes.append(f"Boundary: {reading.boundary.note}")
    return notes


def findings_sections(result: AnalysisResult) -> list[Section]:
    """Lay out the signs of each joint with what a reader must know of its images; right before left."""
    places = _places(result)
    sections = [Section("findings", "Findings", () if places else ("Nothing was measured and no sign was judged.",))]
    for joint, side in places:
        mine = [f for f in order_findings(result.findings) if (f.joint, f.side) == (joint, side)]
        table = Table(
            f"Signs, {side.value} {joint.value}",
            ("Sign", "State", "Certainty", "Smallest detectable", "Modality", "Why"),
            tuple(
                (
                    f"{plain_words(f.sign)}: {SIGNS[f.sign]}",
                    STATE_WORDS[f.state],
                    "" if f.certainty is None else f"{100 * f.certainty:.0f} %",
                    quantity_text(f.smallest_detectable),
                    f.modality,
                    f.note,
                )
                for f in mine
            ),
            numeric=(2, 3),
            state_column=1,
        )
        readings = [r for r in result.readings if (r.joint, r.side) == (joint, side)]
        notes = tuple(dict.fromkeys(note for reading in readings for note in _notes(reading)))
        title = f"{side.value.capitalize()} {joint.value}"
        tables = (table,) if mine else ()
        key = f"findings-{joint.value}-{side.value}"
        sections.append(Section(key, title, (_summary(mine),), notes, tables, level=3))
    return sections
