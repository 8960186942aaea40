"""Whether MRI exams that are compared were made alike: scanner, field strength, sequence, times, voxels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from marrowmap.course.activity import whole_bone_edema
from marrowmap.values.analyzed import AnalyzedExam
from marrowmap.values.analyzed import Place
from marrowmap.values.analyzed import Protocol

ALIKE = 0.1
"""Numbers of a protocol that differ by less than this part are alike. A choice."""
_WORDS = {
    "field_strength_t": "field strength {:g} and {:g} T",
    "repetition_time_ms": "repetition time {:g} and {:g} ms",
    "echo_time_ms": "echo time {:g} and {:g} ms",
    "inversion_time_ms": "inversion time {:g} and {:g} ms",
    "slice_thickness_mm": "slice thickness {:g} and {:g} mm",
    "voxel_mm": "longest voxel side {:g} and {:g} mm",
}


def protocol_behind(exam: AnalyzedExam, place: Place) -> Protocol | None:
    """Return the protocol of the series that a joint's edema volume was measured in."""
    row = whole_bone_edema(exam.rows, place)
    evidence = row.document.get("evidence") if row is not None else None
    series = evidence.get("series_uid") if isinstance(evidence, dict) else None
    return exam.protocols.get(str(series)) if series else None


def differences(one: Protocol, other: Protocol) -> list[str]:
    """Say in what two protocols differ; what one of them does not state is not known to differ."""
    found = []
    for word, a, b in (("scanner", one.scanner, other.scanner), ("sequence", one.sequence, other.sequence)):
        if a and b and a.casefold() != b.casefold():
            found.append(f"{word} {a} and {b}")
    for name, words in _WORDS.items():
        x, y = one.numbers.get(name), other.numbers.get(name)
        if x is not None and y is not None and abs(x - y) > ALIKE * max(abs(x), abs(y)):
            found.append(words.format(x, y))
    return found


def compare_protocols(exams: Sequence[AnalyzedExam]) -> tuple[str, ...]:
    """Return a note for each joint and pair of successive MRI exams of edema that were not made alike, or may not be.

    Exams are in order of time. Where no exam at all names its protocol, nothing is said here: the report's limits do.
    """
    notes = []
    for place in sorted({place for exam in exams for place in exam.places}):
        seen = [
            (exam, protocol_behind(exam, place)) for exam in exams if whole_bone_edema(exam.rows, place) is not None
        ]
        if not any(protocol for _, protocol in seen):
            continue
        for (first, one), (later, other) in pairwise(seen):
            days = f"{place}, {first.day} and {later.day}"
            if one is None or other is None:
                unknown = first if one is None else later
                notes.append(f"{days}: how the exam of {unknown.day} was made is not known, nor whether both are alike")
            elif differ := differences(one, other):
                notes.append(f"{days}: the exams were not made alike ({'; '.join(differ)}): changes may come from that")
    return tuple(notes)
