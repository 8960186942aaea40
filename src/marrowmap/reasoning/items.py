"""What can be weighed: imaging signs, answers of the clinical form, and what a course adds."""

from __future__ import annotations

from marrowmap.terms.signs import SIGNS

CLINICAL_ITEMS: dict[str, str] = {
    "male": "Male",
    "age_60_or_more": "60 years or older",
    "late_pregnancy": "Third trimester, or within three months of birth (asked of women under 50)",
    "corticosteroids": "Corticosteroids, taken for weeks or in high doses",
    "alcohol": "Habitual alcohol",
    "fever": "Fever",
    "known_cancer": "A known cancer",
    "mass": "A mass that is felt or seen",
    "unusual_load": "Unusual or repeated load before the pain",
}
"""Answers of the clinical form and what they mean."""

COURSE_ITEMS: dict[str, str] = {
    "complete_resolution": "Well again within a year, with no lesion left",
    "resolved_episode_elsewhere": "An earlier episode at another joint that went away",
}
"""What exams over time say, and what it means."""

ITEMS: dict[str, str] = {**SIGNS, **CLINICAL_ITEMS, **COURSE_ITEMS}
"""Everything that can be weighed."""


_WORDS = {"male": "sex", "age_60_or_more": "age", "mass": "a mass", "alcohol": "habitual alcohol"}
_PHRASES = {
    ("male", True): "male",
    ("male", False): "female",
    ("age_60_or_more", True): "60 years or older",
    ("age_60_or_more", False): "under 60 years",
}


def item_words(name: str) -> str:
    """Return an item's name as words."""
    return _WORDS.get(name, name.replace("_", " "))


def phrase(name: str, *, is_present: bool) -> str:
    """Return what was found of an item, as words."""
    if (name, is_present) in _PHRASES:
        return _PHRASES[name, is_present]
    words = item_words(name)
    if name in SIGNS:
        return f"{words} {'present' if is_present else 'absent'}"
    return words if is_present else f"no {words.removeprefix('a ')}"
