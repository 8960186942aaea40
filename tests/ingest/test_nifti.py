import json

import numpy as np
import pytest

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.image.nifti import write_nifti
from marrowmap.ingest import Sequence
from marrowmap.ingest import read_exam
from marrowmap.values import Side

STIR = {
    "Modality": "MR",
    "ScanningSequence": ["SE", "IR"],
    "RepetitionTime": 4.0,
    "EchoTime": 0.04,
    "InversionTime": 0.16,
    "MagneticFieldStrength": 1.5,
}


def write(folder, sidecar=None, values=None, name="image.nii.gz"):
    values = np.random.default_rng(0).uniform(0, 1000, (6, 5, 4)) if values is None else values
    write_nifti(Volume(Grid(values.shape, np.diag([1.0, 1, 3, 1])), values), folder / name)
    if sidecar is not None:
        (folder / name.replace(".nii.gz", ".json")).write_text(json.dumps(sidecar))
    return folder


def hounsfield():
    rng = np.random.default_rng(0)
    values = rng.normal(40, 20, (20, 20, 20))
    values[:8] = -1000
    values[15:18, 5:9] = 900
    return values


def test_a_sidecar_makes_a_series(tmp_path):
    person = {"PatientID": "P7", "PatientSex": "female", "PatientAge": 51, "AcquisitionDateTime": "2024-02-03T10:00:00"}
    more = {"SeriesDescription": "cor STIR", "SeriesNumber": 4, "Laterality": "R", "SliceThickness": 3.0}
    exam = read_exam([write(tmp_path, STIR | person | more)])
    (series,) = exam.series
    assert series.sequence is Sequence.FLUID_FAT_SUPPRESSED
    assert (series.repetition_time_ms, series.echo_time_ms, series.inversion_time_ms) == (4000, 40, 160)
    assert (series.side, series.number, series.uid, series.field_strength_t) == (Side.RIGHT, 4, "image.nii.gz", 1.5)
    assert (exam.subject.person_id, exam.subject.sex, exam.subject.age_years) == ("P7", "F", 51)
    assert exam.date == "2024-02-03"


@pytest.mark.parametrize("side", ["L", "left", "Left"])
def test_laterality_in_a_sidecar(tmp_path, side):
    assert read_exam([write(tmp_path, STIR | {"Laterality": side})]).series[0].side is Side.LEFT


def test_the_side_in_a_bids_name(tmp_path):
    write(tmp_path, STIR, name="sub-1_hemi-R_STIR.nii.gz")
    assert read_exam([tmp_path]).series[0].side is Side.RIGHT


def test_contradicting_sides_in_a_sidecar(tmp_path):
    with pytest.raises(GeometryError, match="sides contradict"):
        read_exam([write(tmp_path, STIR | {"Laterality": "L", "SeriesDescription": "right hip"})])


def test_milliseconds_in_a_sidecar_are_seen(tmp_path):
    sidecar = STIR | {"RepetitionTime": 4000, "EchoTime": 40, "InversionTime": 160}
    series = read_exam([write(tmp_path, sidecar)]).series[0]
    assert (series.repetition_time_ms, series.echo_time_ms, series.inversion_time_ms) == (4000, 40, 160)
    assert "milliseconds" in series.sequence_reason


def test_a_short_tr_in_milliseconds_follows_its_echo_time(tmp_path):
    sidecar = {"Modality": "MR", "ScanningSequence": "GR", "RepetitionTime": 15, "EchoTime": 4.5}
    series = read_exam([write(tmp_path, sidecar)]).series[0]
    assert series.repetition_time_ms == 15
    assert series.sequence is Sequence.GRADIENT_ECHO


def test_an_image_without_sidecar_is_told_which_to_write(tmp_path):
    with pytest.raises(InputError, match=r'image\.nii\.gz: .*write a sidecar image\.json .*"RepetitionTime"'):
        read_exam([write(tmp_path)])


def test_a_mask_is_called_one(tmp_path):
    with pytest.raises(InputError, match=r"image\.nii\.gz: .*it is a mask"):
        read_exam([write(tmp_path, values=np.arange(120).reshape(6, 5, 4) % 2 * 1.0)])


def test_hounsfield_units_are_recognized_with_the_reason(tmp_path):
    series = read_exam([write(tmp_path, values=hounsfield())]).series[0]
    assert (series.modality, series.volume.unit, series.sequence) == ("CT", "HU", Sequence.CT)
    assert "taken for CT by its values" in series.sequence_reason


def test_signal_with_negative_values_is_no_ct(tmp_path):
    values = np.random.default_rng(0).normal(0, 400, (20, 20, 20))
    with pytest.raises(InputError, match="write a sidecar"):
        read_exam([write(tmp_path, values=values)])


@pytest.mark.parametrize(
    ("text", "reason"),
    [("{", "not readable as JSON"), ("[1]", "one JSON object"), ('{"Modality": "PT"}', "modality PT")],
)
def test_a_useless_sidecar_is_named(tmp_path, text, reason):
    write(tmp_path)
    (tmp_path / "image.json").write_text(text)
    with pytest.raises(InputError, match=reason) as caught:
        read_exam([tmp_path])
    assert "image.json" in str(caught.value)


def test_overflowed_magnitudes_are_refused(tmp_path):
    values = np.random.default_rng(0).integers(0, 60000, (6, 5, 4)).astype(np.int16).astype(float)
    with pytest.raises(InputError, match=r"image\.nii\.gz: a magnitude image with values down to"):
        read_exam([write(tmp_path, STIR, values)])


@pytest.mark.parametrize("values", [np.zeros((6, 5, 4)), np.ones((6, 5, 1))])
def test_nothing_to_measure(tmp_path, values):
    with pytest.raises(InputError, match=r"is empty|needs 3 slices"):
        read_exam([write(tmp_path, STIR, values)])


def test_images_of_one_name_keep_apart(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder, STIR)
    assert [s.uid for s in read_exam([tmp_path]).series] == ["a_image.nii.gz", "b_image.nii.gz"]


def test_real_ct_without_sidecar(shared_data):
    (series,) = read_exam([shared_data / "hip-ct-totalseg" / "example_ct.nii.gz"]).series
    assert series.modality == "CT"
    with pytest.raises(InputError, match=r"example_mr_sm\.json"):
        read_exam([shared_data / "hip-ct-totalseg" / "example_mr_sm.nii.gz"])
