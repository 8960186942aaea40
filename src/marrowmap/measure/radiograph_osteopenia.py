"""Whether one hip of a radiograph lacks bone against the other: a judgement from the side-compared index.

A film within eight weeks of pain is never evidence against transient osteoporosis: osteopenia follows pain by weeks
(Hayes 1993, PMID 8210586; 3 to 6 weeks: Pol J Radiol 2014;79:36).
"""

from __future__ import annotations

from scipy.stats import norm

from marrowmap.values import Quantity
from marrowmap.values import State

SEEN_WEEKS = 8.0
"""Osteopenia shows on radiographs within so many weeks of pain (Hayes 1993)."""
NATURAL_SIDE_SD = 0.05
"""Of bone mineral of head and neck between the sides of well people; a choice. What is known: by densitometry 31 % of
women of 50 and over differ at the femoral neck by more than the least significant change (Osteoporos Int 2006;17:1772).
No study gives it for radiographs."""
ALPHA = 0.05
"""Of calling either side of a well person, one-sided and shared by both."""
POWER = 0.90
LARGEST_HELPFUL = 0.30
"""ABSENT needs that a loss of this size, Berman 2016's side difference, would have been found with `POWER`."""


def judge_osteopenia(
    index: Quantity, natural_sd: float = NATURAL_SIDE_SD, weeks: float | None = None
) -> tuple[State, float | None, Quantity | None, str]:
    """Judge one side of a radiograph.

    Parameters
    ----------
    index : Quantity
        1 - mineral of this side / mineral of the other, of head and neck, with its 95 % interval. The error is taken
        from the lower bound: the upper one also allows for what edema hides.
    natural_sd : float
        Standard deviation of the same between the sides of well people.
    weeks : float or None
        Since pain began; None where unknown.

    Returns
    -------
    state : State
        PRESENT beyond natural difference and error, whatever the weeks. Else NOT_ASSESSABLE within eight weeks of
        pain, UNDETERMINED where onset is unknown or the film could not have shown a loss, and ABSENT only where it
        could.
    certainty : float or None
        Probability that the index differs from what well sides show in the direction of the state; None where not
        assessable.
    smallest : Quantity or None
        Loss in percent that would have been found with 90 % power.
    note : str

    Raises
    ------
    ValueError
        If the index has no interval, or the natural difference or weeks are negative.
    """
    if index.low is None:
        raise ValueError(f"the osteopenia index {index} has no interval: nothing can be judged by it")
    if natural_sd < 0 or (weeks is not None and weeks < 0):
        raise ValueError(f"natural difference {natural_sd} and weeks since onset {weeks} must not be negative")
    error = (index.value - index.low) / norm.ppf(0.975)
    spread = max(float((error**2 + natural_sd**2) ** 0.5), 1e-6)
    limit = float(norm.ppf(1 - ALPHA / 2)) * spread
    least = limit + float(norm.ppf(POWER)) * spread
    smallest = Quantity(100 * least, "%") if least < 1 else None
    beyond = float(norm.cdf(index.value / spread))
    said = f"{100 * index.value:+.0f} % against the other side counts from {100 * limit:.0f} % on"
    if index.value > limit:
        return State.PRESENT, beyond, smallest, f"less bone than the other side: {said}"
    if weeks is not None and weeks < SEEN_WEEKS:
        note = f"{said}; {weeks:.0f} weeks after onset a normal film is no evidence against it (seen within 8 weeks)"
        return State.NOT_ASSESSABLE, None, smallest, note
    if weeks is None:
        return State.UNDETERMINED, 0.5, smallest, f"{said}; onset is unknown: bone may not have been lost yet"
    if least > LARGEST_HELPFUL:
        note = f"{said}; only a loss from {100 * least:.0f} % on would have been found with 90 % power"
        return State.UNDETERMINED, 0.5, smallest, note
    if index.value > limit - float(norm.ppf(POWER)) * spread:
        return State.UNDETERMINED, 0.5, smallest, f"{said}; it is neither within nor beyond what well sides show"
    return State.ABSENT, 1 - beyond, smallest, f"{said}; a loss of {100 * least:.0f} % would have been found"
