"""Flow, blood pool or delayed: by when an acquisition ran after the injection and how long its frames are.

EANM 2016 (Van den Wyngaert, doi 10.1007/s00259-016-3415-4): flow is 30 to 60 frames of 1 to 2 s from the injection
on, the blood pool begins 1 to 10 min after it, delayed images 2 to 5 h after it. The bounds below leave some room; what
lies between them stays unknown.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from datetime import datetime

from marrowmap.ingest.header import tag_label
from marrowmap.ingest.scan import BoneScan
from marrowmap.ingest.scan import DynamicScan
from marrowmap.ingest.scan import Phase
from marrowmap.ingest.scan_hint import PHASE_OPTION

FLOW_FRAME_S = 5.0
FLOW_START_MIN = (-5.0, 1.5)
FLOW_FRAMES = 10
POOL_START_MIN = (0.5, 15.0)
DELAYED_START_MIN = (90.0, 30 * 60.0)

_WORDS = {
    Phase.FLOW: r"flow|perfusion|angio\w*|dynami\w*|flux|arterial",
    Phase.BLOOD_POOL: r"pool|bloodpool|tissue|weichteil\w*|blutpool|tissulaire",
    Phase.DELAYED: r"delayed?|late|spät\w*|mineral\w*|tardif|tardive|tardia|[234] ?h|bone ?phase",
}


def phase_in_text(text: str) -> Phase:
    """Return the phase that a description names in whole words; unknown where it names none, or several."""
    found = [phase for phase, words in _WORDS.items() if re.search(rf"\b(?:{words})\b", text.lower())]
    return found[0] if len(found) == 1 else Phase.UNKNOWN


def _has_short_frames(scan: BoneScan) -> bool:
    return isinstance(scan, DynamicScan) and float(scan.views[0].duration_s.max()) <= FLOW_FRAME_S


def _span(minutes: float) -> str:
    return f"{minutes:.1f} min" if abs(minutes) < 90 else f"{minutes / 60:.1f} h"


def _by_time(scan: BoneScan, minutes: float, since: str) -> tuple[Phase, str]:
    when = f"begins {_span(minutes)} after {since}"
    if isinstance(scan, DynamicScan):
        when = f"frames of {scan.views[0].duration_s[0]:g} s, {when}"
    if FLOW_START_MIN[0] <= minutes <= FLOW_START_MIN[1] and _has_short_frames(scan):
        return Phase.FLOW, when
    # Frames of minutes cannot follow the bolus; frames of seconds minutes later no longer show it.
    if POOL_START_MIN[0] <= minutes <= POOL_START_MIN[1]:
        return Phase.BLOOD_POOL, when
    if DELAYED_START_MIN[0] <= minutes <= DELAYED_START_MIN[1]:
        return Phase.DELAYED, when
    return Phase.UNKNOWN, f"{when}: neither flow (at once), blood pool (1 to 10 min) nor delayed (2 to 5 h)"


def _flow_start(scans: Sequence[BoneScan]) -> datetime | None:
    """Return when the flow of this exam began, by frames that nothing but a flow has."""
    starts = [
        scan.source.started_at
        for scan in scans
        if isinstance(scan, DynamicScan)
        and scan.part == 1
        and _has_short_frames(scan)
        and scan.views[0].array.shape[2] >= FLOW_FRAMES
        and scan.source.started_at is not None
    ]
    return min(starts, default=None)


def _recognize(scan: BoneScan, injected_at: datetime | None, flow_at: datetime | None) -> tuple[Phase, str, bool]:
    """Return the phase, why, and whether a time decided it."""
    source = scan.source
    described = phase_in_text(source.description)
    anchor, since = (injected_at, "the injection") if injected_at else (flow_at, "the flow began, injection not stated")
    is_anchor = injected_at is None and source.started_at == flow_at
    if anchor is not None and source.started_at is not None and not is_anchor:
        minutes = (source.started_at - anchor).total_seconds() / 60
        phase, reason = _by_time(scan, minutes, since)
        if described not in (Phase.UNKNOWN, phase):
            reason += f", although described as {described.value}"
        return phase, reason, True
    lacking = tag_label("AcquisitionTime" if source.started_at is None else "RadiopharmaceuticalStartTime")
    if _has_short_frames(scan):
        assert isinstance(scan, DynamicScan)
        frames = scan.views[0]
        if frames.array.shape[2] >= FLOW_FRAMES:
            return (
                Phase.FLOW,
                f"{frames.array.shape[2]} frames of {frames.duration_s[0]:g} s, {lacking} is absent",
                False,
            )
    if described is not Phase.UNKNOWN:
        return described, f"by its description alone, {lacking} is absent", False
    return Phase.UNKNOWN, f"{lacking} is absent and no description names the phase", False


def recognize_phases(scans: Sequence[BoneScan], asked: Phase = Phase.UNKNOWN) -> list[BoneScan]:
    """Give each part of one exam's bone scan its phase and the reason.

    Timing decides; a description supports it but never overrules it. Where one file states the injection it counts for
    all, as an exam is one person at one date; where several state different ones, each counts for itself. What the user
    says, `asked`, is taken where neither time nor description tells, and recorded as such.
    """
    stated = {scan.source.tracer.injected_at for scan in scans if scan.source.tracer.injected_at is not None}
    common = next(iter(stated)) if len(stated) == 1 else None
    flow_at = _flow_start(scans)
    done: list[BoneScan] = []
    for scan in scans:
        phase, reason, timed = _recognize(scan, scan.source.tracer.injected_at or common, flow_at)
        said = scan.source.said
        if phase is Phase.UNKNOWN and asked is not Phase.UNKNOWN:
            if timed:
                reason += f"; {PHASE_OPTION} does not overrule a time"
            else:
                phase, reason = asked, f"{PHASE_OPTION}, as {reason}"
                said = (*said, f"phase {asked.value} by {PHASE_OPTION}")
        source = dataclasses.replace(scan.source, phase=phase, phase_reason=reason, said=said)
        done.append(dataclasses.replace(scan, source=source))
    return done
