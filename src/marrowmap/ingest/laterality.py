"""Left or right: from tags, from text, from where the image lies. They agree, or the run stops."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from marrowmap.errors import GeometryError
from marrowmap.ingest.header import Header
from marrowmap.ingest.header import get_text
from marrowmap.ingest.header import get_value
from marrowmap.ingest.header import tag_label
from marrowmap.ingest.left_out import one_line
from marrowmap.values import Side

_CODES = {
    "7771000": Side.LEFT,
    "24028007": Side.RIGHT,
    "G-A101": Side.LEFT,
    "G-A100": Side.RIGHT,
}
_LETTERS = {"L": Side.LEFT, "LEFT": Side.LEFT, "R": Side.RIGHT, "RIGHT": Side.RIGHT}
_LEFT_TEXT = """
left lt lft links linke linker linkes linken linkerseits gauche gche izquierda izquierdo izq izqda izqdo sinistra
sinistro esquerda esquerdo esq venstre vänster vasen levý levá levé lewa lewy lewe левый левая левое левого
"""
_LEFT_WORDS = frozenset(_LEFT_TEXT.split())
_RIGHT_TEXT = """
right rt rght rechts rechte rechter rechtes rechten rechterseits droite droit drte derecha derecho dcha dcho destra
destro direita direito højre høyre höger oikea pravý pravá pravé prawa prawy prawe правый правая правое правого
"""
_RIGHT_WORDS = frozenset(_RIGHT_TEXT.split())
_BOTH_TEXT = """
both bilateral bilat beide beidseits bds bilatéral bilatérale bilaterale ambas ambos entrambe
"""
_BOTH_WORDS = frozenset(_BOTH_TEXT.split())
# Short words mean a side only where a joint is named: German ones anywhere in the text, single letters and the like
# beside the joint or another such letter, French ones behind it ("hanche D", but "d'anca"); so "dx", which before the
# joint is a diagnosis or the modality ("DX hip").
_SHORT_ANYWHERE = {"li": Side.LEFT, "re": Side.RIGHT}
_SHORT = {**dict.fromkeys(("l", "sx", "sn"), Side.LEFT), "r": Side.RIGHT}
_SHORT_BEHIND = {"d": Side.RIGHT, "dx": Side.RIGHT, "g": Side.LEFT}
_JOINTS_TEXT = """
hip hüfte hüft huefte hüftgelenk huft hanche cadera anca quadril heup hofte höft knee knie genou rodilla ginocchio
joelho kne knä ankle sprunggelenk osg cheville tobillo caviglia tornozelo femur fémur pelvis leg bein jambe pierna
"""
_JOINTS = _JOINTS_TEXT.split()
_JOINT_WORDS = frozenset(_JOINTS)
_GLUED = re.compile(rf"^(?:([lr])({'|'.join(_JOINTS)})|({'|'.join(_JOINTS)})([lr]))$")


@dataclass(frozen=True)
class SideClaim:
    """One source's word on the side.

    Parameters
    ----------
    source : str
        Who says so: a tag, a text, the image.
    side : Side or None
        None where the source says that both sides are shown.
    detail : str
        What it says, one line.
    """

    source: str
    side: Side | None
    detail: str


def _words(text: str) -> list[str]:
    """Split at everything that is no letter and where small letters meet a capital."""
    parted = re.sub(r"(?<=[^\W\d_])(?<![A-ZÄÖÜ])(?=[A-ZÄÖÜ])", " ", text)
    words = re.findall(r"\d*[^\W\d_]+", parted)
    # "3D" is no word: a letter glued to a number is a unit or a dimension.
    return [word.lstrip("0123456789").lower() for word in words if not re.fullmatch(r"\d+\w", word)]


def side_in_text(text: str) -> SideClaim | None:
    """Find a side named in a description; in English, German, French, Spanish, Italian, Portuguese and others.

    Whole words only. Single letters count only next to the name of a joint, "li" and "re" where a joint is named.

    Returns
    -------
    SideClaim or None
        None where the text names no side; with side None where it names both.
    """
    words = _words(text)
    seen: set[Side] = set()
    if any(word in _BOTH_WORDS for word in words):
        seen = {Side.LEFT, Side.RIGHT}
    names_joint = not _JOINT_WORDS.isdisjoint(words)
    letters = {*_SHORT, *_SHORT_BEHIND}
    beside = _JOINT_WORDS.union(_SHORT, ("dx",))
    for n, word in enumerate(words):
        before, behind = words[max(n - 1, 0) : n], words[n + 1 : n + 2]
        glued = _GLUED.match(word)
        if word in _LEFT_WORDS:
            seen.add(Side.LEFT)
        elif word in _RIGHT_WORDS:
            seen.add(Side.RIGHT)
        elif word in _SHORT_ANYWHERE and names_joint:
            seen.add(_SHORT_ANYWHERE[word])
        elif word in _SHORT and names_joint and beside.intersection((*before, *behind)):
            seen.add(_SHORT[word])
        elif word in _SHORT_BEHIND and (
            _JOINT_WORDS.union(letters).intersection(before) or (word == "dx" and letters.intersection(behind))
        ):
            seen.add(_SHORT_BEHIND[word])
        elif glued:
            seen.add(_SHORT[glued.group(1) or glued.group(4)])
    seen.update(side for sign, side in (("左", Side.LEFT), ("右", Side.RIGHT)) if sign in text)
    if not seen:
        return None
    side = next(iter(seen)) if len(seen) == 1 else None
    return SideClaim("text", side, f"{one_line(text)!r}")


def claims_in_header(header: Header, frames: Iterable[int] = (0,)) -> list[SideClaim]:
    """Collect what tags and descriptions of one file say of the side, for the frames (0-based) that matter."""
    claims: list[SideClaim] = []

    def add_letter(keyword: str, value: str) -> None:
        letter = value.strip().upper()
        if letter in _LETTERS:
            claims.append(SideClaim(tag_label(keyword), _LETTERS[letter], letter))
        elif letter in ("B", "BOTH", "BILATERAL"):
            claims.append(SideClaim(tag_label(keyword), None, letter))

    add_letter("Laterality", header.text("Laterality"))
    add_letter("ImageLaterality", header.text("ImageLaterality"))
    for index in frames:
        add_letter("FrameLaterality", one_line(str(header.frame_value(index, "FrameLaterality") or "")))
        for region in header.frame_value(index, "AnatomicRegionSequence") or ():
            for modifier in get_value(region, "AnatomicRegionModifierSequence") or ():
                side = _CODES.get(get_text(modifier, "CodeValue"))
                if side is not None:
                    claims.append(SideClaim(tag_label("AnatomicRegionModifierSequence"), side, side.value))
    for keyword in ("SeriesDescription", "ProtocolName", "BodyPartExamined", "StudyDescription"):
        said = side_in_text(header.text(keyword))
        if said is not None:
            claims.append(SideClaim(tag_label(keyword), said.side, said.detail))
    return list(dict.fromkeys(claims))


def side_at(x_mm: float, midline_x_mm: float) -> SideClaim:
    """Say on which side of the body's midline a point lies.

    Space: LPS mm, x grows to the patient's left.
    """
    side = Side.LEFT if x_mm > midline_x_mm else Side.RIGHT
    return SideClaim("image", side, f"x {x_mm - midline_x_mm:+.0f} mm from the midline")


def combine_sides(claims: Iterable[SideClaim], where: str) -> tuple[Side | None, str]:
    """Bring all sources together.

    A source that speaks of both sides does not contradict one that names a single side: an image of both hips may be
    tagged with the one of interest; the side is then left open.

    Parameters
    ----------
    claims : iterable of SideClaim
        From tags, text and image.
    where : str
        File or series, for the message.

    Returns
    -------
    side : Side or None
        None where nobody says, or where both sides are shown.
    reason : str

    Raises
    ------
    GeometryError
        If one source says left and another right.
    """
    said = list(claims)
    if not said:
        return None, "neither tags nor text name a side"
    words = "; ".join(f"{c.source} says {'both' if c.side is None else c.side.value} ({c.detail})" for c in said)
    sides = {claim.side for claim in said if claim.side is not None}
    if len(sides) > 1:
        raise GeometryError(f"{where}: sides contradict each other: {words}: find out which is right, correct it")
    if any(claim.side is None for claim in said):
        return None, words
    return next(iter(sides)), words
