"""Recognize a sequence from its physics. What people wrote into a description only ever supports, never decides."""

from __future__ import annotations

import re
from dataclasses import dataclass
from dataclasses import field

from marrowmap.ingest.exam import Sequence

STIR_TI_MS = (80.0, 320.0)
"""Inversion times that null fat: about ln 2 times its T1, 110 ms at 0.2 T to 260 ms at 3 T, with reserve."""

T1_TR_MS = 1200.0
LONG_TR_MS = 1500.0
LONG_TRAIN_TR_MS = 900.0
T1_TE_MS = 35.0
T2_TE_MS = 60.0
FLUID_TE_MS = 8.0

_FAT_SUPPRESSION_OPTIONS = {"FS", "FATSAT", "FAT_SAT", "FAT SAT", "SPIR", "SPAIR", "ASPIR", "SPECIAL", "WE", "FSAT"}
_DIXON_WORDS = {
    Sequence.DIXON_WATER: {"W", "WATER"},
    Sequence.DIXON_FAT: {"F", "FAT"},
    Sequence.DIXON_IN_PHASE: {"IP", "IN_PHASE", "INPHASE"},
    Sequence.DIXON_OPPOSED_PHASE: {"OP", "OPP_PHASE", "OUT_PHASE", "OPPOSED_PHASE", "OUTPHASE"},
}
_MAP_WORDS = {
    *("P", "PHASE", "PHASE MAP", "REAL", "IMAGINARY", "I", "R", "ADC", "FA", "T1 MAP", "T2 MAP", "T2_STAR MAP"),
    *("FF", "FAT_FRACTION", "PDFF", "R2", "R2_STAR", "R2_STAR MAP", "PROJECTION IMAGE", "PROJECTION", "MIP", "SUB"),
    *("SUBTRACT", "T2_STAR", "B0", "FIELD_MAP"),
}
_TEXT_SAYS_STIR = re.compile(r"(?<![a-z])(stir|tirm?|ir[ _-]?tse)(?![a-z])", re.IGNORECASE)
_TEXT_SAYS_FAT_SUPPRESSED = re.compile(
    r"(?<![a-z])(fs|fat[ _-]?sat|fatsat|spair|spir|chess|stir|tirm?)(?![a-z])", re.IGNORECASE
)
_TEXT_SAYS_T1 = re.compile(r"(?<![a-z0-9])t1(?![0-9])", re.IGNORECASE)


@dataclass(frozen=True)
class Physics:
    """What a header says of how an image was acquired; times in ms, None or empty where it says nothing."""

    repetition_time: float | None = None
    echo_time: float | None = None
    inversion_time: float | None = None
    flip_angle: float | None = None
    echo_train_length: float | None = None
    echo_count: int = 1
    scanning_sequence: tuple[str, ...] = ()
    scan_options: tuple[str, ...] = ()
    image_type: tuple[str, ...] = ()
    pulse_sequence: str = ""
    inversion_recovery: str = ""
    fat_suppression: str = ""
    excitation: str = ""
    is_3d: str = ""
    text: str = field(default="", compare=False)

    def times(self) -> str:
        """Return the times as a reason shows them."""
        parts = {"TR": self.repetition_time, "TE": self.echo_time, "TI": self.inversion_time}
        return ", ".join(f"{name} {value:g} ms" for name, value in parts.items() if value) or "no times stated"


def _family(physics: Physics) -> tuple[str, str]:
    """Return ``spin``, ``gradient`` or ``unknown`` and what said so; the first rule that holds."""
    words, pulse = set(physics.scanning_sequence), physics.pulse_sequence
    flip, repetition_time = physics.flip_angle, physics.repetition_time
    rules = (
        ({"GR", "SE"} <= words, "unknown", "(0018,0020) Scanning Sequence names both spin and gradient echo"),
        ("GR" in words, "gradient", "(0018,0020) Scanning Sequence GR"),
        (pulse == "GRADIENT", "gradient", "(0018,9008) Echo Pulse Sequence GRADIENT"),
        ("EP" in words, "unknown", "(0018,0020) Scanning Sequence EP, echo planar"),
        ("SE" in words, "spin", "(0018,0020) Scanning Sequence SE"),
        (pulse == "SPIN", "spin", "(0018,9008) Echo Pulse Sequence SPIN"),
        (words == {"IR"}, "spin", "(0018,0020) Scanning Sequence IR"),
        (pulse == "BOTH", "unknown", "(0018,9008) Echo Pulse Sequence BOTH"),
        (flip is not None and flip < 60, "gradient", f"no Scanning Sequence, flip angle {flip} deg"),
        (repetition_time is not None and repetition_time < 250, "gradient", "no Scanning Sequence, very short TR"),
        (True, "spin", "no Scanning Sequence, taken for spin echo by its times"),
    )
    return next((family, reason) for holds, family, reason in rules if holds)


def _fat_suppression(physics: Physics) -> str:
    """Return the tag that says fat is suppressed, empty where none does."""
    options = _FAT_SUPPRESSION_OPTIONS.intersection(physics.scan_options)
    if options:
        return f"(0018,0022) Scan Options {min(options)}"
    if physics.fat_suppression in ("FAT", "FAT_AND_WATER"):
        return f"(0018,9025) {physics.fat_suppression}"
    if physics.excitation == "WATER":
        return "(0018,9026) WATER"
    return ""


def _inverted(physics: Physics) -> tuple[Sequence, str] | None:
    """Recognize an inversion recovery; None where there is no inversion."""
    says = "IR" in physics.scanning_sequence or physics.inversion_recovery == "YES"
    inversion_time = physics.inversion_time or 0.0
    if not says and inversion_time <= 0:
        return None
    repetition_time = physics.repetition_time
    if inversion_time <= 0:
        if _TEXT_SAYS_STIR.search(physics.text) and (repetition_time or 0) >= LONG_TR_MS:
            return Sequence.FLUID_FAT_SUPPRESSED, "inversion recovery, TI not stated but the description names STIR"
        return Sequence.UNKNOWN, "inversion recovery without (0018,0082) Inversion Time: fat may not be nulled"
    if not STIR_TI_MS[0] <= inversion_time <= STIR_TI_MS[1]:
        return Sequence.UNKNOWN, f"inversion at TI {inversion_time:g} ms does not null fat"
    if repetition_time is not None and repetition_time < T1_TR_MS:
        return Sequence.UNKNOWN, "inversion nulls fat, but TR is too short for fluid to be bright"
    return Sequence.FLUID_FAT_SUPPRESSED, f"STIR: inversion at TI {inversion_time:g} ms nulls fat"


def _weighting(physics: Physics) -> tuple[Sequence, str]:
    """Recognize a spin echo without inversion by TR, TE and fat suppression; the first rule that holds."""
    repetition_time, echo_time = physics.repetition_time or 0.0, physics.echo_time or 0.0
    fat = _fat_suppression(physics)
    is_long_train = physics.is_3d == "3D" and (physics.echo_train_length or 0) >= 16
    is_short = repetition_time <= T1_TR_MS and echo_time <= T1_TE_MS and not is_long_train
    is_long = repetition_time >= LONG_TR_MS or (is_long_train and repetition_time >= LONG_TRAIN_TR_MS)
    doubt = ""
    if _TEXT_SAYS_FAT_SUPPRESSED.search(physics.text):
        doubt = "; the description names fat suppression, but no tag does: (0018,0022) Scan Options lacks FS"
    unknown = Sequence.UNKNOWN
    rules = (
        (not repetition_time, unknown, "spin echo without (0018,0080) Repetition Time"),
        (not echo_time, unknown, "spin echo without (0018,0081) Echo Time"),
        (is_short and fat, unknown, f"T1-weighted with fat suppressed ({fat}): neither fluid- nor fat-bright"),
        (is_short, Sequence.T1, "spin echo, short TR and TE"),
        (not is_long, unknown, "spin echo, TR between T1 and T2 weighting"),
        (fat and echo_time < FLUID_TE_MS, unknown, "fat suppressed, but TE is too short for fluid contrast"),
        (fat, Sequence.FLUID_FAT_SUPPRESSED, f"spin echo, long TR, fat suppressed ({fat})"),
        (echo_time >= T2_TE_MS, Sequence.T2, f"spin echo, long TR and TE, fat not suppressed{doubt}"),
        (True, Sequence.PD, f"spin echo, long TR, short TE, fat not suppressed{doubt}"),
    )
    return next((sequence, reason) for holds, sequence, reason in rules if holds)


def recognize(physics: Physics) -> tuple[Sequence, str]:
    """Say what an MR series shows and why.

    Derived maps and phase images first, then the parts of a Dixon, gradient echo, multi-echo spin echo, inversion
    recovery, and last the weighting of a spin echo. TI decides what an inversion nulls: fat at about ln 2 of its T1
    (Bydder and Young 1985).

    Parameters
    ----------
    physics : Physics

    Returns
    -------
    sequence : Sequence
    reason : str
        The tags and times that said so, one line; also where the description says otherwise.
    """
    sequence, reason = _recognize(physics)
    if _TEXT_SAYS_T1.search(physics.text) and sequence in (Sequence.FLUID_FAT_SUPPRESSED, Sequence.T2, Sequence.PD):
        reason += "; the description says T1, the times do not"
    if _TEXT_SAYS_STIR.search(physics.text) and sequence in (Sequence.T1, Sequence.T2, Sequence.PD):
        reason += "; the description says STIR, the times do not"
    return sequence, f"{reason} ({physics.times()})"


def _by_image_type(physics: Physics) -> tuple[Sequence, str] | None:
    """Recognize derived maps, phase images and the parts of a Dixon; None for a plain magnitude image."""
    words = set(physics.image_type)
    maps = _MAP_WORDS.intersection(words)
    if maps:
        return Sequence.UNKNOWN, f"a derived or phase image, (0008,0008) Image Type {min(maps)}"
    dixon = [kind for kind, names in _DIXON_WORDS.items() if names & words]
    if len(dixon) > 1:
        return Sequence.UNKNOWN, "(0008,0008) Image Type names several parts of a Dixon"
    if dixon:
        return dixon[0], f"(0008,0008) Image Type {min(_DIXON_WORDS[dixon[0]] & words)}"
    return None


def _recognize(physics: Physics) -> tuple[Sequence, str]:
    by_type = _by_image_type(physics)
    if by_type is not None:
        return by_type
    family, says = _family(physics)
    if family != "spin":
        return Sequence.GRADIENT_ECHO if family == "gradient" else Sequence.UNKNOWN, says
    sequence, reason = _inverted(physics) or (
        (Sequence.MULTI_ECHO, f"{physics.echo_count} echo times in one series")
        if physics.echo_count >= 3
        else _weighting(physics)
    )
    return sequence, f"{reason}; {says}"
