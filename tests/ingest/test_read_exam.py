import contextlib
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.errors import MarrowmapError
from marrowmap.errors import UsageError
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.image.nifti import write_nifti
from marrowmap.ingest import Sequence
from marrowmap.ingest import describe_file
from marrowmap.ingest import read_exam
from marrowmap.values import Side
from tests.ingest.dicom_files import CORONAL
from tests.ingest.dicom_files import STIR
from tests.ingest.dicom_files import pixels
from tests.ingest.dicom_files import write_enhanced
from tests.ingest.dicom_files import write_series


def fingerprint(exam):
    """All of an exam but the names of its files."""
    return (
        exam.subject,
        exam.date,
        [
            (s.uid, s.number, s.description, s.sequence, s.sequence_reason, s.side, s.side_reason, s.instance_uids)
            for s in exam.series
        ],
        [(s.volume.grid.shape, s.volume.grid.affine.tolist(), s.volume.array.tobytes()) for s in exam.series],
    )


@pytest.fixture
def exam_folder(tmp_path):
    write_series(tmp_path / "a", series="cor T1 left hip", SeriesNumber=2, Laterality="L")
    write_series(tmp_path / "a", series="cor STIR", SeriesNumber=3, names=lambda n: f"S{n}", **STIR)
    return tmp_path


def test_an_exam_holds_its_series_person_and_date(exam_folder):
    exam = read_exam([exam_folder])
    assert [s.sequence for s in exam.series] == [Sequence.T1, Sequence.FLUID_FAT_SUPPRESSED]
    assert [s.side for s in exam.series] == [Side.LEFT, None]
    assert (exam.date, exam.subject.person_id, exam.subject.birth_date) == ("2024-03-15", "P1", "1980-01-01")
    assert exam.subject.age_years == pytest.approx(44.2, abs=0.05)
    series = exam.series[0]
    assert (series.slice_thickness_mm, series.repetition_time_ms, series.echo_time_ms) == (3.0, 600, 12)
    assert series.volume.grid.spacing == pytest.approx([0.6, 0.7, 3.5])
    assert exam.notes == ()


def test_voxels_lie_where_the_tags_put_them(tmp_path):
    stored = pixels(4)
    write_series(tmp_path, count=4, stored=stored)
    volume = read_exam([tmp_path]).series[0].volume
    # coronal: columns run to the patient's left, rows to the feet, the normal to the back
    assert volume.grid.to_world([2, 3, 1]) == pytest.approx([-20 + 2 * 0.6, 10 + 3.5, 30 - 3 * 0.7])
    assert volume.array[2, 3, 1] == stored[1, 3, 2]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
def test_order_names_nesting_and_instance_numbers_do_not_matter(exam_folder, seed):
    chance = random.Random(seed)
    files = [path for path in exam_folder.rglob("*") if path.is_file()]
    chance.shuffle(files)
    with tempfile.TemporaryDirectory() as folder:
        for n, path in enumerate(files):
            place = Path(folder, *[str(chance.randint(0, 2)) for _ in range(chance.randint(0, 3))])
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place / f"{chance.randrange(10**9)}_{n}{chance.choice(['', '.dcm', '.IMA', '.1'])}")
        assert fingerprint(read_exam([Path(folder)])) == fingerprint(read_exam([exam_folder]))


@pytest.mark.parametrize("numbers", [lambda n: 50 - n, lambda n: 1, lambda n: (n * 7) % 5])
def test_instance_numbers_do_not_order_slices(tmp_path, numbers):
    write_series(tmp_path / "a")
    write_series(tmp_path / "b", numbers=numbers)
    a, b = (read_exam([tmp_path / name]).series[0].volume for name in "ab")
    assert a.grid == b.grid
    assert (a.array == b.array).all()


def test_classic_and_enhanced_give_the_same_volume(tmp_path):
    write_enhanced(tmp_path / "e.dcm", SeriesNumber=1)
    stored = pixels(5)
    write_series(tmp_path / "c", stored=stored, RescaleSlope=2, RescaleIntercept=1, SeriesNumber=2)
    enhanced, classic = read_exam([tmp_path]).series
    assert enhanced.volume.grid == classic.volume.grid
    assert (enhanced.volume.array == classic.volume.array).all()
    assert (enhanced.sequence, enhanced.side) == (Sequence.T1, Side.LEFT)
    assert enhanced.frame_numbers == (1, 2, 3, 4, 5)


def test_every_echo_is_a_volume(tmp_path):
    write_enhanced(tmp_path / "e.dcm", echoes=(10.0, 20.0, 30.0))
    exam = read_exam([tmp_path])
    assert [s.echo_time_ms for s in exam.series] == [10, 20, 30]
    assert {s.sequence for s in exam.series} == {Sequence.MULTI_ECHO}
    assert not np.array_equal(exam.series[0].volume.array, exam.series[1].volume.array)


@pytest.mark.parametrize(
    ("tags", "wrong"),
    [
        ({"PatientID": "P2"}, "'P1' in .* and 'P2' in"),
        ({"PatientBirthDate": "19810101"}, "Patient's Birth Date"),
        ({"PatientSex": "M"}, "Patient's Sex"),
        ({"PatientID": None, "PatientName": "Other^Secret"}, "Patient's Name"),
    ],
)
def test_two_persons_in_one_folder_stop_the_run(tmp_path, tags, wrong):
    write_series(tmp_path / "a")
    write_series(tmp_path / "b", series="other", **tags)
    with pytest.raises(GeometryError, match=wrong) as caught:
        read_exam([tmp_path])
    assert "Secret" not in str(caught.value)
    assert caught.value.exit_code == 4


def test_two_dates_are_listed(tmp_path):
    write_series(tmp_path / "a")
    write_series(tmp_path / "b", series="later", StudyDate="20240601", StudyInstanceUID="1.2.3.4")
    with pytest.raises(UsageError, match=r"2024-03-15 \(5 files.*2024-06-01"):
        read_exam([tmp_path])


@pytest.mark.parametrize("second", [{"SeriesDescription": "cor T1 rechts"}, {"ImageLaterality": "R"}])
def test_contradicting_sides_stop_the_run(tmp_path, second):
    write_series(tmp_path, Laterality="L", **second)
    with pytest.raises(GeometryError, match="sides contradict"):
        read_exam([tmp_path])


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"skip": (2,)}, "1 slices are missing.*after slice 2"),
        ({"skip": (2, 3), "count": 9}, "2 slices are missing"),
        ({"positions": [0.0, 3.5, 8.2, 10.5, 14.0]}, "spacing is uneven"),
        ({"positions": [0.0, 3.5, 3.5, 7.0, 10.5]}, "at the same place"),
        ({"count": 1}, "only one slice"),
        ({"count": 2}, "only 2 slices"),
        ({"PixelSpacing": None}, r"\(0028,0030\) Pixel Spacing is absent"),
        ({"PixelSpacing": [0.0, 0.6]}, r"\(0028,0030\)"),
        ({"ImagePositionPatient": None}, r"\(0020,0032\) Image Position \(Patient\) is absent"),
        ({"ImageOrientationPatient": [1.0, 0, 0, 0.5, 0.5, 0]}, r"\(0020,0037\).*right angles"),
        ({"Rows": None}, r"\(0028,0010\) Rows is absent"),
        ({"BitsStored": 8, "HighBit": 7}, r"\(0028,0101\) Bits Stored 8"),
        ({"BitsStored": 20}, r"\(0028,0101\)"),
        ({"PixelRepresentation": None}, r"\(0028,0103\)"),
        ({"PhotometricInterpretation": "MONOCHROME1"}, r"\(0028,0004\)"),
        ({"ImageType": ["DERIVED", "SECONDARY", "PROJECTION IMAGE"]}, r"\(0008,0008\) Image Type PROJECTION"),
        ({"stored": np.full((5, 5, 6), 7)}, "every pixel is 7"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "Secondary Capture"),
        ({"Modality": "US", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.6.1"}, "US .0008,0060. is not read yet"),
        ({"Modality": "CT"}, "contradicts"),
    ],
)
def test_an_unusable_series_says_why_in_one_line(tmp_path, tags, reason):
    files = write_series(tmp_path, **tags)
    with pytest.raises(InputError, match=reason) as caught:
        read_exam([tmp_path])
    assert "\n" not in str(caught.value)
    assert any(path.name in str(caught.value) for path in files)
    assert caught.value.exit_code == 3


def test_an_unusable_series_beside_a_usable_one_is_noted(tmp_path):
    write_series(tmp_path / "a")
    write_series(tmp_path / "b", series="broken", skip=(1,))
    exam = read_exam([tmp_path])
    assert len(exam.series) == 1
    assert any("broken" in note and "missing" in note for note in exam.notes)


@pytest.mark.parametrize("keep", [0.9, 0.5, 0.02])
def test_a_truncated_file_is_named(tmp_path, keep):
    files = write_series(tmp_path)
    content = files[2].read_bytes()
    files[2].write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(InputError, match=r"IM0002.dcm|missing"):
        read_exam([tmp_path])


def test_color_no_pixels_zero_bytes_and_text_are_noted(tmp_path):
    write_series(tmp_path / "good")
    write_series(tmp_path / "head", series="header only", stored=[None] * 5)
    (tmp_path / "empty.dcm").touch()
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / ".DS_Store").write_text("x")
    notes = "\n".join(read_exam([tmp_path]).notes)
    for expected in ("(7FE0,0010) Pixel Data is absent", "empty.dcm: zero bytes", "notes.txt: neither", "DS_Store"):
        assert expected in notes


def test_a_localizer_in_three_directions_is_left_out(tmp_path):
    write_series(tmp_path / "good")
    directions = [(1.0, 0, 0, 0, 1, 0), (0.0, 1, 0, 0, 0, -1), CORONAL]
    for n, direction in enumerate(directions):
        write_series(
            tmp_path / str(n),
            count=3,
            series="localizer",
            ImageOrientationPatient=list(direction),
            instance=str(n),
        )
    exam = read_exam([tmp_path])
    assert [s.description for s in exam.series] == ["cor T1"]
    assert "3 orientations" in exam.notes[0]


def test_two_orientations_in_one_series_become_two_volumes(tmp_path):
    write_series(tmp_path / "a", names=lambda n: f"a{n}")
    write_series(tmp_path / "b", ImageOrientationPatient=[0.0, 1, 0, 0, 0, -1], instance="b")
    exam = read_exam([tmp_path])
    assert [s.volume.grid.shape[2] for s in exam.series] == [5, 5]


def test_repeated_acquisitions_are_told_apart(tmp_path):
    write_series(tmp_path / "a", AcquisitionNumber=1)
    write_series(tmp_path / "b", AcquisitionNumber=2, stored=pixels(5)[::-1], instance="b")
    first, second = read_exam([tmp_path]).series
    assert first.volume.grid == second.volume.grid
    assert (first.volume.array == second.volume.array[:, :, ::-1]).all()


def test_copies_of_a_file_are_used_once(tmp_path):
    write_series(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    exam = read_exam([tmp_path])
    assert exam.series[0].volume.grid.shape[2] == 5
    assert len(exam.notes) == 5


def test_different_images_with_one_uid_stop_the_run(tmp_path):
    write_series(tmp_path / "a")
    write_series(tmp_path / "b", stored=pixels(5) + 1)
    with pytest.raises(GeometryError, match="SOP Instance UID"):
        read_exam([tmp_path])


def test_a_series_at_a_tilt_is_refused(tmp_path):
    files = write_series(tmp_path)
    for n, path in enumerate(files):
        ds = pydicom.dcmread(path)
        ds.ImagePositionPatient[2] += n
        ds.save_as(path)
    with pytest.raises(InputError, match="gantry tilt"):
        read_exam([tmp_path])


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")  # that is the point
def test_harmful_text_in_tags_is_only_text(tmp_path):
    write_series(
        tmp_path,
        series="../../etc/passwd\\nT1",
        SeriesDescription="../..//evil\x07 T1",
        SeriesInstanceUID="../../1.2.3",
        FrameOfReferenceUID="../1",
    )
    series = read_exam([tmp_path]).series[0]
    assert series.description == "../..//evil T1"
    assert ".." not in series.uid
    assert "/" not in series.uid


def test_missing_frame_of_reference_is_nobody_elses(tmp_path):
    write_series(tmp_path / "a", series="a", FrameOfReferenceUID=None)
    write_series(tmp_path / "b", series="b", FrameOfReferenceUID=None)
    a, b = (s.volume.grid.frame_of_reference_uid for s in read_exam([tmp_path]).series)
    assert a
    assert a != b


def test_announced_images_that_are_not_there_are_noted(tmp_path):
    write_series(tmp_path, ImagesInAcquisition=8)
    assert "announces 8 images, 5 are here" in read_exam([tmp_path]).notes[0]


def test_every_other_slice_lost_is_noted(tmp_path):
    write_series(tmp_path, step=7.0, SpacingBetweenSlices=3.5)
    assert "(0018,0088) Spacing Between Slices says 3.5 mm" in read_exam([tmp_path]).notes[0]


def test_a_gap_stated_as_spacing_is_no_reason_to_doubt(tmp_path):
    write_series(tmp_path, step=3.5, SpacingBetweenSlices=0.5)
    assert read_exam([tmp_path]).notes == ()


def test_burned_in_text_is_noted(tmp_path):
    write_series(tmp_path, BurnedInAnnotation="YES")
    assert "(0028,0301)" in read_exam([tmp_path]).notes[0]


@pytest.mark.parametrize("seed", range(40))
def test_damaged_files_are_read_or_refused_never_more(tmp_path, seed):
    chance = random.Random(seed)
    if seed % 2:
        write_series(tmp_path, count=3)
    else:
        write_enhanced(tmp_path / "e.dcm", count=3)
    path = chance.choice(sorted(tmp_path.iterdir()))
    content = bytearray(path.read_bytes())
    for _ in range(8):
        place = chance.randrange(len(content))
        if chance.random() < 0.5:
            content[place] = chance.randrange(256)
        else:
            del content[place : place + chance.randrange(1, 9)]
    path.write_bytes(content)
    with contextlib.suppress(MarrowmapError):  # any other kind of error fails the test
        assert read_exam([tmp_path]).series


def test_nothing_there(tmp_path):
    with pytest.raises(InputError, match="no file found"):
        read_exam([tmp_path])
    with pytest.raises(InputError, match="no such file"):
        read_exam([tmp_path / "nowhere"])


def test_progress_is_reported(exam_folder):
    steps = []
    read_exam([exam_folder], lambda step, done, total: steps.append((step, done, total)))
    assert steps[0] == ("reading headers", 0, 10)
    assert steps[-1] == ("reading images", 2, 2)


def test_nifti_and_dicom_of_one_person(tmp_path):
    write_series(tmp_path / "d")
    grid = Grid((6, 5, 4), np.diag([1.0, 1, 3, 1]))
    write_nifti(Volume(grid, np.random.default_rng(0).random((6, 5, 4))), tmp_path / "stir.nii.gz")
    sidecar = {"Modality": "MR", "PatientID": "P1", "StudyDate": "2024-03-15"}
    (tmp_path / "stir.json").write_text(json.dumps(sidecar))
    exam = read_exam([tmp_path])
    assert [s.uid for s in exam.series][1] == "stir.nii.gz"
    assert exam.notes == ()
    (tmp_path / "stir.json").write_text(json.dumps(sidecar | {"PatientID": "P9"}))
    with pytest.raises(GeometryError, match="P9"):
        read_exam([tmp_path])


def test_sixty_slices_read_fast(tmp_path):
    rng = np.random.default_rng(0)
    for series in ("T1", "T2"):
        write_series(
            tmp_path / series,
            count=30,
            series=series,
            stored=rng.integers(0, 1000, (30, 320, 320)),
            Rows=320,
            Columns=320,
        )
    start = time.perf_counter()
    assert len(read_exam([tmp_path]).series) == 2
    assert time.perf_counter() - start < 6  # about half a second alone; the machine may be busy


# Real files ----------------------------------------------------------------------------------------------------------


def test_every_edge_file_opens_or_fails_in_one_line(shared_data):
    files = sorted(path for path in (shared_data / "dicom-edge-pydicom").rglob("*") if path.is_file())
    assert len(files) > 170
    opened = 0
    for path in files:
        told = describe_file(path)
        assert told.startswith(path.name)
        assert "\n" not in told
        opened += ": opens: " in told
        try:
            exam = read_exam([path])
        except MarrowmapError as error:
            message = str(error)
            assert path.name in message
            assert "\n" not in message
            # what to do stands behind the last colon, and the tag somewhere before it, where it is DICOM at all
            remedy = message.rpartition(": ")[2]
            assert remedy.partition(" ")[0] in {"pass", "export", "copy", "convert", "correct", "leave", "say"}
            assert re.search(r"\([0-9A-F]{4},[0-9A-F]{4}\)|neither DICOM", message), message
        else:
            assert exam.series or exam.scans or exam.radiographs
    assert opened > 90


def test_edge_files_leave_stderr_alone(shared_data):
    folder = shared_data / "dicom-edge-pydicom"
    code = (
        "import sys, pathlib\nfrom marrowmap.ingest import read_exam\nfrom marrowmap.errors import MarrowmapError\n"
        "for path in pathlib.Path(sys.argv[1]).rglob('*'):\n"
        "    try:\n        path.is_file() and read_exam([path])\n"
        "    except MarrowmapError:\n        pass\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, check=True)
    assert done.stderr == b""


def test_xa30_classic_and_enhanced_are_one_volume(shared_data):
    enhanced, classic = read_exam([shared_data / "dicom-enh-classic-dcmqa" / "sag_xa30"]).series
    assert classic.volume.grid == enhanced.volume.grid
    # whoever made the pair anonymous blanked 28 pixels at the edge of one slice, not the same ones in both
    differs = classic.volume.array != enhanced.volume.array
    blanked = (classic.volume.array == 4095) | (enhanced.volume.array == 4095)
    assert not (differs & ~blanked).any()
    assert blanked.sum() == 56
    assert classic.volume.grid.shape == (86, 86, 63)
    assert {classic.sequence, enhanced.sequence} == {Sequence.GRADIENT_ECHO}


def test_knee_multi_echo_is_24_slices_4_mm_apart_times_8(shared_data):
    exam = read_exam([shared_data / "knee-mese-t2"])
    assert [s.echo_time_ms for s in exam.series] == pytest.approx([6.312 * n for n in range(1, 9)])
    for series in exam.series:
        assert series.volume.grid.shape == (256, 256, 24)
        assert series.volume.grid.spacing == pytest.approx([0.625, 0.625, 4.0], abs=1e-3)
        assert series.slice_thickness_mm == 3.0
        assert series.sequence is Sequence.MULTI_ECHO


def test_one_slice_at_nineteen_times_opens_but_is_no_volume(shared_data):
    path = shared_data / "knee-enhanced-mr" / "MOVEKNEE.dcm"
    assert "opens: MR, 19 frames of 256 x 256" in describe_file(path)
    with pytest.raises(InputError, match=r"19 of its 19 parts.*only one slice"):
        read_exam([path])
