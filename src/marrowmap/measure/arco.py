"""The ARCO 2019 stage of osteonecrosis of the femoral head, as far as MRI and CT allow."""

from __future__ import annotations

from dataclasses import dataclass

LEAST_DEPRESSION_MM = 1.1
"""A smaller depression is not told from a well head's own shape; printed by ``benchmarks/head_limits.py``."""
DEPRESSION_LIMIT_MM = 2.0
"""Up to here stage IIIA, beyond IIIB (Yoon 2020)."""


@dataclass(frozen=True)
class ArcoStage:
    """A stage and what the images leave open.

    Parameters
    ----------
    stage : str
        ``I or II``, ``III``, ``IIIA`` or ``IIIB``; empty where nothing can be staged.
    reason : str
        One line a radiologist understands.
    """

    stage: str
    reason: str


def arco_stage(*, segment_seen: bool, depression_mm: float | None, crescent_seen: bool = False) -> ArcoStage:
    """Stage a head by what MRI and CT show of it (ARCO 2019; Yoon et al. J Arthroplasty 2020;35:933).

    Stage I is a normal radiograph, II an abnormal one without fracture or flattening, III a fracture in the subchondral
    or necrotic zone on radiograph or CT, divided by depression at 2 mm, IV osteoarthritis. An MRI that shows a segment
    and no depression cannot tell I from II nor exclude a fracture; one that shows a depression shows at least III.

    Parameters
    ----------
    segment_seen : bool
        Whether a necrotic segment was seen.
    depression_mm : float or None
        Greatest depression of the joint surface; None where it was not measured for sure.
    crescent_seen : bool
        Whether a CT showed a fracture under the joint surface: at least III, flat or not.
    """
    if not segment_seen:
        return ArcoStage("", "no necrotic segment was seen: there is nothing to stage")
    if crescent_seen and (depression_mm is None or depression_mm < LEAST_DEPRESSION_MM):
        fracture = "CT shows a crescent, a fracture under the joint surface"
        if depression_mm is None:
            return ArcoStage("III", f"{fracture}; depression, which parts A from B, was not measured for sure")
        return ArcoStage("IIIA", f"{fracture}; no depression of {LEAST_DEPRESSION_MM:g} mm or more was seen")
    if depression_mm is None:
        return ArcoStage(
            "I or II",
            "at least; depression was not measured for sure; a radiograph or CT is needed for II and III",
        )
    if depression_mm < LEAST_DEPRESSION_MM:
        return ArcoStage(
            "I or II",
            f"at least; no depression of {LEAST_DEPRESSION_MM:g} mm or more was seen; a radiograph tells I from II, "
            "and a radiograph or CT is needed for III",
        )
    stage, side = ("IIIA", "not more than") if depression_mm <= DEPRESSION_LIMIT_MM else ("IIIB", "more than")
    return ArcoStage(
        stage,
        f"as far as MRI shows it: depression of {depression_mm:.1f} mm, {side} {DEPRESSION_LIMIT_MM:.0f} mm; a "
        "radiograph or CT is needed to see the fracture and the joint space (IV)",
    )
