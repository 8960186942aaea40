"""Tables of what was measured under the joint surface, with the limits and outcomes that the literature gives."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marrowmap.measure.arco import ArcoStage
from marrowmap.measure.arco import arco_stage
from marrowmap.measure.head import HeadMeasurement
from marrowmap.measure.necrosis_extent import KERBOUL
from marrowmap.measure.necrosis_extent import STEINBERG
from marrowmap.measure.necrosis_extent import kerboul_grade
from marrowmap.measure.necrosis_extent import koo_index
from marrowmap.measure.necrosis_extent import steinberg_class
from marrowmap.report.head_chart import Seen
from marrowmap.report.head_chart import see_head
from marrowmap.report.result import AnalysisResult
from marrowmap.report.result import JointReading
from marrowmap.values import State

BAND_CUTOFFS = (0.22, 0.38)
"""Band-depth ratios, mid-coronal and maximal, that part insufficiency fracture from osteonecrosis (Ikemura 2018)."""
LINE_LIMITS_MM = (12.5, 4.0)
"""Length and thickness beyond which a low-signal area under the surface was irreversible (Vande Berg 1999, from
memory)."""
NOTHING = "none seen"


@dataclass(frozen=True)
class Outcome:
    """How many heads of one published group collapsed."""

    study: str
    group: str
    collapsed: int
    heads: int
    low_percent: float
    high_percent: float

    @property
    def text(self) -> str:
        """Counts and share with its exact 95 % interval."""
        share = 100 * self.collapsed / self.heads
        return f"{self.collapsed} of {self.heads} ({share:.0f} %; {self.low_percent:.0f} to {self.high_percent:.0f} %)"


HA = "Ha 2006, 37 hips, 3 to 5 years"
VOLUME = "Hip Int 2022;32:596, 48 hips, 1 year"
# Exact (Clopper-Pearson) 95 % intervals.
OUTCOMES = (
    Outcome(HA, "Kerboul grade 1: under 200°", 0, 5, 0.0, 52.2),
    Outcome(HA, "Kerboul grade 2: 200 to 249°", 6, 9, 29.9, 92.5),
    Outcome(HA, "Kerboul grade 3: 250 to 299°", 16, 16, 79.4, 100.0),
    Outcome(HA, "Kerboul grade 4: 300° and more", 7, 7, 59.0, 100.0),
    Outcome(VOLUME, "up to 25 % of the head", 5, 16, 11.0, 58.7),
    Outcome(VOLUME, "more than 25 % of the head", 29, 32, 75.0, 98.0),
)
VOLUME_LIMIT_PERCENT = 25.0


@dataclass(frozen=True, eq=False)
class ReadHead:
    """A measured head with what was seen of it and its stage."""

    head: HeadMeasurement
    seen: Seen
    stage: ArcoStage


def read_head(result: AnalysisResult, reading: JointReading) -> ReadHead | None:
    """Put measurement, what was seen and the ARCO stage of a reading's head together; None without a head."""
    head = reading.head
    if head is None:
        return None
    seen = see_head(result, reading)
    states = {f.sign: f.state for f in result.findings if (f.joint, f.side) == (reading.joint, reading.side)}
    sure = states.get("head_collapse", State.PRESENT) in (State.PRESENT, State.ABSENT)
    depression = head.surface.depression_mm if head.surface is not None and sure else None
    if states.get("subchondral_band") is State.UNDETERMINED:
        stage = ArcoStage("", "whether there is a necrotic segment is undetermined")
    else:
        stage = arco_stage(
            segment_seen=seen.segment is not None,
            depression_mm=depression,
            crescent_seen=states.get("crescent") is State.PRESENT,
        )
    return ReadHead(head, seen, stage)


def _percent(read: ReadHead) -> str:
    share = read.head.fraction_percent
    return f"{share:.0f} % (Steinberg {steinberg_class(share)})"


def _kerboul(read: ReadHead) -> str:
    coronal, sagittal = read.head.arcs_deg
    angle = read.head.kerboul_deg
    return f"{angle:.0f}° (grade {kerboul_grade(angle)}; {coronal:.0f}° + {sagittal:.0f}°)"


def _ratio(value: float | None, limit: float) -> str:
    if value is None:
        return "plane does not cut the band"
    return f"{value:.2f} ({'above' if value > limit else 'below'} {limit:g})"


def _line(value: float, limit: float) -> str:
    return f"{value:.1f} mm{f' (over {limit:g} mm)' if value > limit else ''}"


def _double(read: ReadHead) -> str:
    line = read.head.double_line
    return "too little of the band is seen" if line is None else f"along {100 * line.share:.0f} % of the band"


def _depression(read: ReadHead) -> str:
    surface = read.head.surface
    if surface is None or not np.isfinite(surface.noise_mm):
        return "not measured"
    return f"{max(0.0, surface.depression_mm):.1f} mm"


_SEGMENT_ROWS: tuple[tuple[str, Callable[[ReadHead], str], str], ...] = (
    ("Necrotic segment", lambda r: f"{r.head.lesion_ml:.1f} mL", "with its band; border drawn in the pictures"),
    (
        "Share of the head",
        _percent,
        f"Steinberg extent: A under {STEINBERG[0][1]:.0f} %, B up to {STEINBERG[1][1]:.0f} %, C more (as ARCO 1994)",
    ),
    (
        "Modified Kerboul angle",
        _kerboul,
        f"grades part at {KERBOUL[0]:.0f}°, {KERBOUL[1]:.0f}° and {KERBOUL[2]:.0f}° (Ha 2006); coronal + sagittal arc",
    ),
    (
        "Koo index",
        lambda r: f"{koo_index(*r.head.arcs_deg):.0f}",
        "small under 34, large over 66 (Koo 1995; from memory)",
    ),
    (
        "Band-depth ratio, mid-coronal",
        lambda r: _ratio(r.head.band_ratio, BAND_CUTOFFS[0]),
        "0.16 in insufficiency fracture, 0.42 in osteonecrosis; cut-off 0.22 (Ikemura 2018, 35 collapsed hips)",
    ),
    (
        "Band-depth ratio, maximal",
        lambda r: _ratio(r.head.deepest_ratio, BAND_CUTOFFS[1]),
        "0.23 in insufficiency fracture, 0.59 in osteonecrosis; cut-off 0.38 (Ikemura 2018)",
    ),
    ("Double line", _double, "seen in 45 of 56 hips with osteonecrosis (Mitchell 1987)"),
)
_LINE_ROWS: tuple[tuple[str, Callable[[ReadHead], str], str], ...] = (
    (
        "Fracture line, coronal length",
        lambda r: _line(r.seen.lines[0].length_mm, LINE_LIMITS_MM[0]),
        "low-signal areas on T2 or after contrast of 12.5 mm or more did not reverse (Vande Berg 1999; from memory)",
    ),
    (
        "Fracture line, thickness",
        lambda r: _line(r.seen.lines[0].thickness_mm, LINE_LIMITS_MM[1]),
        "nor those of 4 mm or more (Vande Berg 1999; from memory); a thin line alone is no sign of osteonecrosis",
    ),
)
_HEAD_ROWS: tuple[tuple[str, Callable[[ReadHead], str], str], ...] = (
    ("Greatest depression of the joint surface", _depression, "2 mm part ARCO 2019 stage IIIA from IIIB (Yoon 2020)"),
    (
        "ARCO 2019 stage",
        lambda r: f"{r.stage.stage}, {r.stage.reason}" if r.stage.stage else f"none: {r.stage.reason}",
        "I radiograph normal, II abnormal, III fracture, IV osteoarthritis (Yoon 2020)",
    ),
)


def head_rows_text(heads: Sequence[ReadHead]) -> tuple[tuple[str, ...], ...]:
    """Return rows of measure, one value for each head, and what the literature says."""
    rows: list[tuple[str, ...]] = []

    def cell(read: ReadHead, text: Callable[[ReadHead], str], has: Callable[[ReadHead], bool]) -> str:
        if read.head.obstacle:
            return "not assessable"
        return text(read) if has(read) else NOTHING

    def add(wanted: Sequence[tuple[str, Callable[[ReadHead], str], str]], has: Callable[[ReadHead], bool]) -> None:
        for name, text, literature in wanted:
            rows.append((name, *(cell(read, text, has) for read in heads), literature))

    def has_segment(read: ReadHead) -> bool:
        return read.seen.segment is not None

    def has_line(read: ReadHead) -> bool:
        return bool(read.seen.lines)

    add(_SEGMENT_ROWS if any(map(has_segment, heads)) else _SEGMENT_ROWS[:1], has_segment)
    add(_LINE_ROWS if any(map(has_line, heads)) else _LINE_ROWS[:1], has_line)
    add(_HEAD_ROWS, lambda read: True)
    return tuple(rows)


def outcome_rows(heads: Sequence[ReadHead]) -> tuple[tuple[str, ...], ...]:
    """Return rows of study, group, how many collapsed and which of these heads falls into the group.

    Empty where no head has a necrotic segment: the studies followed no others. A head that has sunken already
    falls into no group: they followed heads until they did.
    """
    dead = [read for read in heads if read.seen.segment is not None and not read.head.obstacle]
    if not dead:
        return ()

    round_still = [read.head for read in dead if read.seen.surface is None]

    def sides(place: int) -> str:
        return " and ".join(head.side.value for head in round_still if place in _groups(head))

    return tuple((o.study, o.group, o.text, sides(place)) for place, o in enumerate(OUTCOMES))


def _groups(head: HeadMeasurement) -> tuple[int, int]:
    """Return the places in :data:`OUTCOMES` a head belongs to by angle and by volume."""
    return kerboul_grade(head.kerboul_deg) - 1, len(KERBOUL) + 1 + int(head.fraction_percent > VOLUME_LIMIT_PERCENT)
