"""What was injected, when, how it decays, and how voxels become SUV."""

from __future__ import annotations

import dataclasses
import math
import re
from datetime import datetime
from datetime import timedelta

import numpy as np
from pydicom.dataset import Dataset

from marrowmap.errors import InputError
from marrowmap.image import Volume
from marrowmap.ingest.header import Header
from marrowmap.ingest.header import as_number
from marrowmap.ingest.header import as_words
from marrowmap.ingest.header import get_text
from marrowmap.ingest.header import get_value
from marrowmap.ingest.header import tag_label
from marrowmap.ingest.scan import EnergyWindow
from marrowmap.ingest.scan import Reconstruction
from marrowmap.ingest.scan import SuvScale
from marrowmap.ingest.scan import Tracer

TC99M = "Tc-99m"
TC99M_HALF_LIFE_S = 21624.12
"""6.0067 h, as cameras write it."""
TC99M_KEV = 140.5
_TC99M_CODES = {"72454006", "C-163A8"}
_BONE_AGENTS = {"96390006", "C-B1218", "53951001", "C-B1213", "764821009", "111162007"}
_BONE_WORDS = re.compile(r"mdp|hdp|hmdp|dpd|medron|oxidron|butedron|phosphon|pyp|pyrophos|etidron", re.IGNORECASE)
# What nuclear medicine departments write for studies of other organs.
_OTHER_WORDS = re.compile(
    r"pertech|mag ?3|mertiat|tiatid|dtpa|pentet|dmsa|succim|mibi|sestamibi|tetrofosmin|hida|mebrofen|colloid|hmpao|"
    r"exametaz|leuko|maa|macroaggreg|mibg|iobenguan|octreot|fdg",
    re.IGNORECASE,
)
# Studies of other organs by what they are called: asked only where no tracer of bone is named.
_OTHER_STUDIES = re.compile(
    r"thyroid|schilddr|tiroid|renal|renogra|kidney|niere|myocard|parathyr|hepatob|gastric", re.IGNORECASE
)
_BONE_STUDIES = re.compile(r"bone|skelet|ossea|osseu|osteo|knochen|hueso|hip\b", re.IGNORECASE)
_MEGA_BQ = (1.0, 5000.0)
_BQ = (1e6, 5e9)
_LATEST_INJECTION = timedelta(minutes=5)
"""An injection may follow the start of a dynamic acquisition, and clocks differ, by no more than this."""


def read_moment(date: str, time: str) -> datetime | None:
    """Return a DICOM date and time as one, None where either is absent or none."""
    day, clock = re.match(r"(\d{4})\.?(\d\d)\.?(\d\d)", date), re.match(r"(\d\d):?(\d\d)(?::?(\d\d)(\.\d+)?)?", time)
    if day is None or clock is None:
        return None
    hour, minute, second, fraction = clock.groups()
    try:
        moment = datetime.strptime("".join(day.groups()) + hour + minute + (second or "00"), "%Y%m%d%H%M%S")
    except ValueError:
        return None
    return moment + timedelta(seconds=float(fraction or 0))


def read_start(header: Header) -> datetime | None:
    """Return when the acquisition started, the camera's local time; None where no tag says."""
    start = read_moment(header.text("AcquisitionDate"), header.text("AcquisitionTime"))
    joined = header.text("AcquisitionDateTime")
    return start or read_moment(joined[:8], joined[8:])


def _injection(item: Dataset, start: datetime | None) -> tuple[datetime | None, str]:
    """Return when it was injected, and else what is wrong."""
    joined = get_text(item, "RadiopharmaceuticalStartDateTime")
    moment = read_moment(joined[:8], joined[8:])
    time = get_text(item, "RadiopharmaceuticalStartTime")
    source = tag_label("RadiopharmaceuticalStartDateTime" if moment else "RadiopharmaceuticalStartTime")
    if moment is None and time and start is not None:
        moment = read_moment(f"{start:%Y%m%d}", time)
        if moment is not None and moment - start > timedelta(hours=12):
            moment -= timedelta(days=1)  # injected before midnight
    if moment is None:
        return None, f"{source} is absent"
    if start is not None and moment - start > _LATEST_INJECTION:
        late = (moment - start).total_seconds() / 60
        return None, f"{source} lies {late:.0f} min after the acquisition began"
    return moment, ""


def _activity(item: Dataset) -> tuple[float | None, str]:
    """Return MBq; some cameras write Bq, which no injection confuses: the two ranges lie far apart."""
    value = as_number(get_value(item, "RadionuclideTotalDose"))
    label = tag_label("RadionuclideTotalDose")
    if value is None or value == 0:
        return None, f"{label} is absent"
    if _MEGA_BQ[0] <= value <= _MEGA_BQ[1]:
        return value, ""
    if _BQ[0] <= value <= _BQ[1]:
        return value / 1e6, ""
    return None, f"{label} is {value:g}, neither a patient's MBq nor Bq"


def _nuclide(item: Dataset, header: Header) -> tuple[str, float | None, str]:
    """Return nuclide, half-life and what is wrong; raise where it is not the one of bone scans."""
    codes = get_value(item, "RadionuclideCodeSequence")
    code, meaning = ("", "") if codes is None else (get_text(codes[0], k) for k in ("CodeValue", "CodeMeaning"))
    is_tc = code in _TC99M_CODES or re.search(r"99m", f"{meaning} {code}", re.IGNORECASE) is not None
    if (code or meaning) and not is_tc:
        raise header.lack(
            "RadionuclideCodeSequence", f"is {meaning or code}, not Tc-99m: this is no bone scan by gamma camera"
        )
    half_life = as_number(get_value(item, "RadionuclideHalfLife"))
    label = tag_label("RadionuclideHalfLife")
    if half_life is not None and half_life > 0:
        if abs(half_life / TC99M_HALF_LIFE_S - 1) > 0.02 and is_tc:
            return TC99M, None, f"{label} is {half_life:g} s, that of Tc-99m {TC99M_HALF_LIFE_S:g} s"
        return (TC99M if is_tc else ""), half_life, ""
    if is_tc:
        return TC99M, TC99M_HALF_LIFE_S, ""
    return "", None, f"{tag_label('RadionuclideCodeSequence')} and {label} are absent"


def _agent(item: Dataset, header: Header) -> str:
    codes = get_value(item, "RadiopharmaceuticalCodeSequence")
    code, meaning = ("", "") if codes is None else (get_text(codes[0], k) for k in ("CodeValue", "CodeMeaning"))
    name = meaning or get_text(item, "Radiopharmaceutical")
    is_bone = code in _BONE_AGENTS or _BONE_WORDS.search(name) is not None
    if not is_bone and _OTHER_WORDS.search(name):
        raise header.lack("RadiopharmaceuticalCodeSequence", f"is {name}, no tracer of bone: leave this study out")
    if not is_bone:
        for keyword in ("StudyDescription", "SeriesDescription", "ProtocolName"):
            text = header.text(keyword)
            if _OTHER_STUDIES.search(text) and not _BONE_STUDIES.search(text):
                raise header.lack(keyword, f"is {text}, and no tracer of bone is named: leave this study out")
    return name


def read_tracer(header: Header, start: datetime | None) -> Tracer:
    """Read what the file says of the injection; what is absent or unusable is listed with its tag.

    Raises
    ------
    InputError
        If nuclide or pharmaceutical are those of another study (thyroid, kidney, heart).
    """
    items = get_value(header.dataset, "RadiopharmaceuticalInformationSequence")
    item = Dataset() if items is None else items[0]
    nuclide, half_life, wrong_nuclide = _nuclide(item, header)
    agent = _agent(item, header)
    injected_at, wrong_time = _injection(item, start)
    activity, wrong_activity = _activity(item)
    weight = header.number("PatientWeight")
    wrong_weight = ""
    if weight is None or not 2 <= weight <= 400:
        wrong_weight = f"{tag_label('PatientWeight')} is {'absent' if not weight else f'{weight:g} kg'}"
        weight = None
    lacks = tuple(wrong for wrong in (wrong_nuclide, wrong_time, wrong_activity, wrong_weight) if wrong)
    return Tracer(nuclide, half_life, agent, activity, injected_at, weight, lacks)


def suv_scale(tracer: Tracer, unit: str, corrected_to: datetime | None, how: str) -> SuvScale:
    """Return how voxels become SUV: concentration x weight / activity, both at one time.

    Parameters
    ----------
    tracer : Tracer
    unit : str
        Of the voxels; only ``Bq/mL`` can become SUV, counts need a calibration first.
    corrected_to : datetime or None
        The time to which voxels are decay-corrected, else the middle of the acquisition.
    how : str
        Why that time.
    """
    missing = list(tracer.lacks)
    if unit != "Bq/mL":
        missing.append(f"voxels are {unit}, not Bq/mL")
    if corrected_to is None:
        missing.append(f"{tag_label('AcquisitionTime')} is absent")
    if missing or corrected_to is None or tracer.weight_kg is None:
        return SuvScale(None, f"no SUV: {'; '.join(missing)}")
    try:
        activity_bq = tracer.activity_at(corrected_to) * 1e6
    except InputError as error:
        return SuvScale(None, f"no SUV: {error}")
    factor = tracer.weight_kg * 1000.0 / activity_bq
    return SuvScale(
        factor,
        f"{tracer.weight_kg:g} kg / {activity_bq / 1e6:.1f} MBq left of {tracer.activity_mbq:g} MBq at "
        f"{corrected_to:%H:%M:%S} ({how})",
    )


def calibrate(scan: Reconstruction, bq_per_ml: float) -> Reconstruction:
    """Return a reconstruction in Bq/mL, with its SUV where the injection is known.

    Parameters
    ----------
    scan : Reconstruction
        In counts.
    bq_per_ml : float
        Concentration in a voxel of one count, from a phantom of known activity on the same camera with the same
        acquisition and reconstruction.

    Raises
    ------
    InputError
        If voxels are calibrated already, or the factor is not above 0.
    """
    if scan.volume.unit != "counts":
        raise InputError(f"{scan.source.file.name}: voxels are {scan.volume.unit} already: leave the calibration out")
    if not (math.isfinite(bq_per_ml) and bq_per_ml > 0):
        raise InputError(f"a calibration of {bq_per_ml:g} Bq/mL per count is none: give a number above 0")
    volume = Volume(scan.volume.grid, scan.volume.array * np.float32(bq_per_ml), "Bq/mL")
    suv = suv_scale(scan.source.tracer, "Bq/mL", scan.valid_at, scan.valid_reason)
    return dataclasses.replace(scan, volume=volume, suv=suv)


def read_windows(header: Header, count: int) -> tuple[EnergyWindow, ...]:
    """Return the energy windows, without limits where the file does not describe them.

    Raises
    ------
    InputError
        If fewer are described than frames speak of.
    """
    items = get_value(header.dataset, "EnergyWindowInformationSequence") or ()
    if items and len(items) < count:
        raise header.lack(
            "EnergyWindowInformationSequence",
            f"describes {len(items)} windows, frames speak of {count}: export the complete object again",
        )
    windows = []
    for item in items:
        ranges = []
        for part in get_value(item, "EnergyWindowRangeSequence") or ():
            low, high = (as_number(get_value(part, f"EnergyWindow{end}Limit")) for end in ("Lower", "Upper"))
            if low is not None and high is not None and low < high:
                ranges.append((low, high))
        windows.append(EnergyWindow(get_text(item, "EnergyWindowName"), tuple(ranges)))
    return tuple(windows) + (EnergyWindow("", ()),) * (count - len(windows))


def photopeak(header: Header, windows: tuple[EnergyWindow, ...], used: tuple[int, ...]) -> int:
    """Return which window (1-based, of those used) counts the tracer's main photons.

    Raises
    ------
    InputError
        If not just one of the windows used holds 140.5 keV; a lone one may leave its limits open.
    """
    if len(used) == 1 and not windows[used[0] - 1].ranges_kev:
        return used[0]
    peak = [number for number in used if windows[number - 1].holds(TC99M_KEV)]
    if len(peak) == 1:
        return peak[0]
    listed = "; ".join(str(windows[number - 1]) for number in used)
    raise header.lack(
        "EnergyWindowInformationSequence",
        f"has {len(used)} energy window{'' if len(used) == 1 else 's'} ({listed}), {len(peak)} of them with the "
        f"{TC99M_KEV:g} keV of Tc-99m: export the frames of the photopeak alone",
    )


def decay_reference(
    header: Header, start: datetime | None, duration_s: float, tracer: Tracer
) -> tuple[datetime | None, str]:
    """Return the time for which voxel values of a reconstruction hold, and why."""
    corrected = "DECY" in as_words(get_value(header.dataset, "CorrectedImage"))
    to = header.text("DecayCorrection").upper()
    if to == "ADMIN":
        return tracer.injected_at, f"{tag_label('DecayCorrection')} ADMIN"
    if to == "START" or (corrected and not to):
        source = tag_label("DecayCorrection" if to else "CorrectedImage")
        return start, f"decay-corrected to the start by {source}"
    if duration_s <= 0:
        return start, f"not decay-corrected, at the start as {tag_label('ActualFrameDuration')} is absent"
    middle = None if start is None else start + timedelta(seconds=duration_s / 2)
    return middle, "not decay-corrected, middle of the acquisition"
