"""Trabecular bone of one side sparser than that of the other, beyond what well people show."""

from __future__ import annotations

from scipy.special import ndtr

from marrowmap.measure.microarchitecture_sides import SideComparison
from marrowmap.measure.paired_difference import PairedDifference
from marrowmap.values import Evidence
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Quantity
from marrowmap.values import Side
from marrowmap.values import State

NAME = "microarchitecture_deterioration"
WORSE = {
    "bone_volume_fraction": -1,
    "trabecular_number": -1,
    "trabecular_separation": 1,
    "plate_rod_ratio": -1,
    "erosion_index": 1,
}
"""Which way each measure goes where bone is lost. Bone volume decides: the others follow it, not counted anew."""
DECIDES = "bone_volume_fraction"
NO_OTHER_SIDE = "the other side was not given: without it nobody knows what this bone was before"
NO_REPEATABILITY = "no repeatability is known for bone volume in this kind of image: give --precision"


def assess(
    comparison: SideComparison | None,
    obstacles: tuple[str, ...],
    joint: Joint,
    side: Side,
    modality: str,
    date: str,
    evidence: Evidence,
) -> Finding:
    """Judge one joint and side against the other side.

    PRESENT if bone volume lies below the other side's by more than 95 % of well people show, error included;
    UNDETERMINED if by more than error explains, or if only another measure does; ABSENT if not, where a loss that
    matters would have been seen.

    Parameters
    ----------
    comparison : SideComparison or None
        None without the other side.
    obstacles : tuple of str
        What makes the sides incomparable, such as edema or motion that was not dealt with.
    joint, side, modality, date, evidence
        Of this side.
    """

    def found(state: State, certainty: float | None, smallest: Quantity | None, note: str) -> Finding:
        return Finding(NAME, joint, side, state, certainty, smallest, modality, date, evidence, note)

    main = None if comparison is None else comparison.of(DECIDES)
    if comparison is None or obstacles or main is None or main.side_limit is None or main.repeat_limit is None:
        reason = NO_OTHER_SIDE if comparison is None else "; ".join(obstacles) or NO_REPEATABILITY
        return found(State.NOT_ASSESSABLE, None, None, reason)
    seen = [d for d in (comparison.of(name) for name in WORSE) if d is not None and d.side_limit is not None]
    note = "; ".join(_words(d) for d in seen)
    loss = comparison.precision.side_mean_percent - main.percent
    if loss >= main.side_limit:
        # Two-sided, as the limit: the part of well people whose sides differ by less.
        return found(State.PRESENT, 2 * float(ndtr(1.96 * loss / main.side_limit)) - 1, None, note)
    others = [d for d in seen if d.quantity != DECIDES and WORSE[d.quantity] * d.percent >= (d.side_limit or 0.0)]
    if loss >= main.repeat_limit or others:
        names = ", ".join(d.quantity.replace("_", " ") for d in others)
        why = (
            "more than error, less than sides of well people may differ"
            if loss >= main.repeat_limit
            else f"{names} alone beyond what sides of well people show"
        )
        return found(State.UNDETERMINED, 0.5, None, f"{note}: {why}")
    relevant = comparison.precision.relevant_percent
    if main.side_limit > relevant:
        missed = f"a loss of {relevant:g} % could have been missed, as sides of well people differ by up to"
        return found(State.NOT_ASSESSABLE, None, None, f"{note}: {missed} {main.side_limit:.0f} %")
    # How surely a loss of the relevant size would have shown more than this one.
    certainty = float(ndtr(1.96 * (relevant - loss) / main.side_limit))
    return found(State.ABSENT, certainty, Quantity(main.side_limit, "%"), note)


def _words(one: PairedDifference) -> str:
    return (
        f"{one.quantity.replace('_', ' ')} {one.percent:+.1f} % against the other side (error "
        f"±{one.repeat_limit:.1f} %, sides of well people ±{one.side_limit:.1f} %)"
    )
