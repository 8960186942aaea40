import re
from datetime import datetime
from datetime import timedelta

import numpy as np
import pytest
from pydicom.dataset import Dataset

from marrowmap.errors import InputError
from marrowmap.ingest.nm_tracer import TC99M_HALF_LIFE_S
from marrowmap.ingest.nm_tracer import calibrate
from marrowmap.ingest.nm_tracer import read_moment
from marrowmap.phantom.nm_file import Injection
from tests.ingest.nm_files import INJECTED
from tests.ingest.nm_files import camera
from tests.ingest.nm_files import only
from tests.ingest.nm_files import planar
from tests.ingest.nm_files import projections
from tests.ingest.nm_files import read
from tests.ingest.nm_files import reconstruction


def tracer_tag(keyword, value):
    def edit(data):
        item = data.RadiopharmaceuticalInformationSequence[0]
        if value is None:
            del item[keyword]
        else:
            setattr(item, keyword, value)

    return edit


def code(value, meaning):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", meaning
    return [item]


def test_activity_decays_from_the_injection(tmp_path):
    tracer = only(planar(tmp_path)).source.tracer
    assert (tracer.nuclide, tracer.injected_at, tracer.activity_mbq, tracer.weight_kg) == ("Tc-99m", INJECTED, 600, 75)
    assert "oxidronate" in tracer.agent
    assert tracer.activity_at(INJECTED) == 600
    assert tracer.activity_at(INJECTED + timedelta(seconds=TC99M_HALF_LIFE_S)) == pytest.approx(300)
    assert tracer.lacks == ()


def test_suv_is_concentration_over_what_is_left_of_the_dose(tmp_path):
    scan = only(reconstruction(tmp_path, bq_per_ml=1.0))
    left_bq = 600e6 * 0.5 ** (3 * 3600 / TC99M_HALF_LIFE_S)
    assert scan.suv.factor == pytest.approx(75_000 / left_bq)
    assert scan.valid_at == datetime(2026, 1, 5, 12, 0, 0)
    assert "decay-corrected to the start by (0028,0051)" in scan.suv.reason


def test_decay_corrected_to_the_injection(tmp_path):
    scan = only(reconstruction(tmp_path, lambda d: setattr(d, "DecayCorrection", "ADMIN"), bq_per_ml=1.0))
    assert scan.suv.factor == pytest.approx(75_000 / 600e6)


def test_not_decay_corrected_holds_in_the_middle(tmp_path):
    def uncorrect(data):
        data.CorrectedImage = ["ATTN"]
        item = Dataset()
        item.ActualFrameDuration, item.NumberOfFramesInRotation = 20_000, 60
        data.RotationInformationSequence = [item]

    scan = only(reconstruction(tmp_path, uncorrect, bq_per_ml=1.0))
    assert scan.valid_at == datetime(2026, 1, 5, 12, 10, 0)
    scan = only(reconstruction(tmp_path, lambda d: setattr(d, "CorrectedImage", ["ATTN"]), bq_per_ml=1.0))
    assert scan.valid_at == datetime(2026, 1, 5, 12, 0, 0)
    assert "(0018,1242) Actual Frame Duration is absent" in scan.suv.reason


def test_counts_become_suv_by_a_calibration(tmp_path):
    scan = only(reconstruction(tmp_path))
    assert scan.suv.factor is None
    assert "voxels are counts" in scan.suv.reason
    known = calibrate(scan, 12.5)
    assert known.volume.unit == "Bq/mL"
    assert known.volume.array == pytest.approx(scan.volume.array * 12.5)
    injected = Injection(INJECTED)
    left_bq = injected.activity_mbq * 1e6 * 0.5 ** ((known.valid_at - INJECTED).total_seconds() / 21624.12)
    assert known.suv.factor == pytest.approx(injected.weight_kg * 1000 / left_bq)
    with pytest.raises(InputError, match="already"):
        calibrate(known, 12.5)
    with pytest.raises(InputError, match="above 0"):
        calibrate(scan, 0.0)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (tracer_tag("RadiopharmaceuticalStartTime", None), r"\(0018,1072\) .* is absent"),
        (tracer_tag("RadiopharmaceuticalStartTime", "130000"), "lies 60 min after the acquisition began"),
        (tracer_tag("RadionuclideTotalDose", "0"), r"\(0018,1074\) Radionuclide Total Dose is absent"),
        (tracer_tag("RadionuclideTotalDose", "20000"), "neither a patient's MBq nor Bq"),
        (tracer_tag("RadionuclideHalfLife", "6588"), "that of Tc-99m 21624"),
        (lambda d: delattr(d, "PatientWeight"), r"\(0010,1030\) .* is absent"),
        (lambda d: delattr(d, "AcquisitionTime"), r"\(0008,0032\) Acquisition Time is absent"),
    ],
)
def test_what_is_missing_for_suv_is_named(tmp_path, edit, words):
    scan = only(reconstruction(tmp_path, edit, bq_per_ml=1.0))
    assert scan.suv.factor is None
    assert re.search(words, scan.suv.reason)


def test_decay_without_times_says_what_is_missing(tmp_path):
    tracer = only(planar(tmp_path, injection=None)).source.tracer
    with pytest.raises(InputError, match="Start Time is absent"):
        tracer.decay_to(INJECTED)


def test_becquerels_and_megabecquerels_are_told_apart(tmp_path):
    assert only(planar(tmp_path, tracer_tag("RadionuclideTotalDose", "6.1e8"))).source.tracer.activity_mbq == 610


def test_an_injection_before_midnight(tmp_path):
    late = camera(at=datetime(2026, 1, 5, 1, 0, 0))
    scan = only(planar(tmp_path, camera=late, injection=Injection(datetime(2026, 1, 4, 22, 0, 0))))
    assert scan.source.tracer.injected_at == datetime(2026, 1, 4, 22, 0, 0)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (tracer_tag("RadionuclideCodeSequence", code("1368003", "^131^Iodine")), "not Tc-99m"),
        (tracer_tag("RadiopharmaceuticalCodeSequence", code("446536001", "Technetium MAG3")), "no tracer of bone"),
        (tracer_tag("RadiopharmaceuticalCodeSequence", code("19495007", "pertechnetate")), "no tracer of bone"),
    ],
)
def test_studies_of_other_organs_are_left_out(tmp_path, edit, words):
    with pytest.raises(InputError, match=words):
        read(planar(tmp_path, edit))


def untold(data, **texts):
    """A file that does not name its tracer, with descriptions."""
    data.RadiopharmaceuticalInformationSequence[0].pop("RadiopharmaceuticalCodeSequence", None)
    data.RadiopharmaceuticalInformationSequence[0].pop("Radiopharmaceutical", None)
    for keyword, text in texts.items():
        setattr(data, keyword, text)


@pytest.mark.parametrize(
    ("keyword", "text"),
    [("StudyDescription", "THYROID UPTAKE"), ("ProtocolName", "Renogram"), ("SeriesDescription", "renal dynamic")],
)
def test_a_study_of_another_organ_is_known_by_its_name_where_no_tracer_is(tmp_path, keyword, text):
    with pytest.raises(InputError, match=f"is {text}, and no tracer of bone is named"):
        read(planar(tmp_path, lambda data: untold(data, **{keyword: text})))


def test_a_bone_scan_may_speak_of_other_organs(tmp_path):
    assert only(planar(tmp_path, lambda data: setattr(data, "StudyDescription", "thyroid cancer"))).views
    assert only(planar(tmp_path, lambda data: untold(data, StudyDescription="bone scan, renal cancer"))).views


def test_of_several_energy_windows_the_photopeak_is_used(tmp_path):
    scatter = [((108.0, 126.0), np.full((12, 6, 4), 7))]
    assert only(projections(tmp_path, scatter=scatter)).photopeak == 0

    def widen(data):
        window = data.EnergyWindowInformationSequence[1].EnergyWindowRangeSequence[0]
        window.EnergyWindowUpperLimit = 160

    with pytest.raises(InputError, match=r"2 energy windows .* 2 of them with the 140.5 keV"):
        read(projections(tmp_path, widen, scatter=scatter))


def test_two_windows_of_unknown_limits_are_refused(tmp_path):
    def forget(data):
        data.EnergyWindowInformationSequence = []

    scatter = [((108.0, 126.0), np.full((12, 6, 4), 7))]
    with pytest.raises(InputError, match="2 energy windows"):
        read(projections(tmp_path, forget, scatter=scatter))


def test_frames_of_scatter_alone_are_refused(tmp_path):
    def lower(data):
        window = data.EnergyWindowInformationSequence[0].EnergyWindowRangeSequence[0]
        window.EnergyWindowLowerLimit, window.EnergyWindowUpperLimit = 108, 126

    with pytest.raises(InputError, match=r"1 energy window \(108 to 126 keV\), 0 of them"):
        read(planar(tmp_path, lower))


def test_dates_and_times_of_all_ages():
    assert read_moment("20260105", "120102.5") == datetime(2026, 1, 5, 12, 1, 2, 500_000)
    assert read_moment("2026.01.05", "12:01") == datetime(2026, 1, 5, 12, 1)
    assert read_moment("20260105", "") is read_moment("20261305", "120000") is None
