import numpy as np
import pydicom
import pytest
from scipy import ndimage

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.errors import UsageError
from marrowmap.image import View
from marrowmap.ingest import DynamicScan
from marrowmap.ingest import Phase
from marrowmap.ingest import Planar
from marrowmap.ingest import Reconstruction
from marrowmap.ingest import read_exam
from marrowmap.phantom.nm_dicom import PlanarKind
from tests.ingest.dicom_files import AXIAL
from tests.ingest.dicom_files import write_series
from tests.ingest.nm_files import COLUMNS
from tests.ingest.nm_files import PIXEL
from tests.ingest.nm_files import ROWS
from tests.ingest.nm_files import STUDY
from tests.ingest.nm_files import counts
from tests.ingest.nm_files import dynamic
from tests.ingest.nm_files import only
from tests.ingest.nm_files import permute_frames
from tests.ingest.nm_files import planar
from tests.ingest.nm_files import read
from tests.ingest.nm_files import reconstruction


def test_the_posterior_view_is_turned_round_and_the_anterior_is_not(tmp_path):
    scan = only(planar(tmp_path))
    assert isinstance(scan, Planar)
    front, back = scan.view(View.ANTERIOR), scan.view(View.POSTERIOR)
    stored = counts(2, ROWS, COLUMNS)
    assert (front.array == stored[0].T).all()
    assert (back.array == stored[1].T[::-1]).all()
    assert (front.grid.mirrored, back.grid.mirrored) == (False, True)
    for plane in (front, back):
        assert plane.grid.axes == pytest.approx(np.array([[1, 0, 0], [0, 0, -1]]))
        assert plane.grid.spacing_mm == (PIXEL, PIXEL)
        # one point of the patient falls on the same pixel, from the front and from behind
        assert plane.grid.project([10.0 + PIXEL / 2, 55.0, 300.0 - PIXEL / 2]) == pytest.approx([2.0, 3.0])
    assert scan.frame_numbers == (1, 2)
    assert scan.view(View.CONJUGATE).array == pytest.approx(np.sqrt(front.array * back.array))
    assert scan.rate(View.ANTERIOR).array == pytest.approx(front.array / 300.0)
    assert scan.rate(View.LEFT_LATERAL) is None
    assert (scan.source.phase, scan.source.phase_reason) == (Phase.DELAYED, "begins 3.0 h after the injection")


def test_frame_order_does_not_matter(tmp_path):
    for write in (planar, dynamic, reconstruction):
        (tmp_path / "a").mkdir(exist_ok=True)
        (tmp_path / "b").mkdir(exist_ok=True)
        scans = [
            read(write(tmp_path / name, edit)).scans for name, edit in (("a", lambda d: None), ("b", permute_frames))
        ]
        for one, other in zip(*scans, strict=True):
            if isinstance(one, Reconstruction):
                assert (one.volume.array == other.volume.array).all()
                continue
            assert one.frame_numbers != other.frame_numbers or len(one.views[0].array.shape) == 2
            for a, b in zip(one.views, other.views, strict=True):
                assert (a.array == b.array).all()


def test_a_whole_body_pass_has_counts_but_no_rates(tmp_path):
    scan = only(planar(tmp_path, kind=PlanarKind.WHOLE_BODY))
    assert scan.whole_body
    with pytest.raises(InputError, match="part of its time"):
        scan.rate(View.ANTERIOR)


def test_two_detectors_cannot_see_the_same_view(tmp_path):
    def relabel(data):
        data.DetectorInformationSequence[1] = data.DetectorInformationSequence[0]

    with pytest.raises(GeometryError, match=r"two detectors .* claim the anterior view"):
        read(planar(tmp_path, relabel))


def test_phases_of_one_file_have_their_own_times(tmp_path):
    flow, pool = read(dynamic(tmp_path)).scans
    assert isinstance(flow, DynamicScan)
    assert (flow.source.phase, pool.source.phase) == (Phase.FLOW, Phase.BLOOD_POOL)
    frames = flow.view(View.POSTERIOR)
    assert frames.start_s == pytest.approx(np.arange(12) * 2.5)
    assert frames.duration_s == pytest.approx(2.0)
    assert (pool.source.started_at - flow.source.started_at).total_seconds() == pytest.approx(12 * 2 + 11 * 0.5 + 180)
    stored = counts(12, 2, ROWS, COLUMNS)
    assert (frames.array[:, :, 7] == stored[7, 1].T[::-1]).all()
    assert flow.frame_numbers[1] == tuple(range(14, 26))


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (
            lambda d: setattr(d.PhaseInformationSequence[0], "NumberOfFramesInPhase", 11),
            "Number of Frames in Phase of phase 1 is 11",
        ),
        (lambda d: setattr(d.PhaseInformationSequence[0], "ActualFrameDuration", 0), "of phase 1 is absent or 0"),
        (lambda d: setattr(d.PhaseInformationSequence[1], "PhaseDelay", -5), "delay of phase 2 is negative"),
        (lambda d: delattr(d, "PhaseInformationSequence"), "describes 0 phases"),
    ],
)
def test_frames_without_times_are_refused(tmp_path, edit, words):
    with pytest.raises(InputError, match=words):
        read(dynamic(tmp_path, edit))


def test_a_picture_of_a_screen_is_no_bone_scan(tmp_path):
    def capture(data):
        data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
        data.ImageType = ["DERIVED", "SECONDARY"]

    with pytest.raises(InputError, match="may be no counts"):
        read(planar(tmp_path, capture))


def test_a_scan_stored_as_secondary_capture_is_one(tmp_path):
    def capture(data):
        data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
        data.ImageType = ["DERIVED", "SECONDARY", "STATIC", "EMISSION"]

    plain = only(planar(tmp_path)).view(View.POSTERIOR)
    stored = only(planar(tmp_path, capture)).view(View.POSTERIOR)
    assert (stored.array == plain.array).all()
    assert stored.grid.matches(plain.grid)


def test_transmission_images_are_left_out(tmp_path):
    with pytest.raises(InputError, match="TRANSMISSION"):
        read(planar(tmp_path, lambda d: setattr(d, "ImageType", ["ORIGINAL", "PRIMARY", "STATIC", "TRANSMISSION"])))


def write_ct(folder, frame):
    tags = {"ImageOrientationPatient": list(AXIAL), "FrameOfReferenceUID": frame, "StudyDate": "20260105"}
    person = {"PatientID": "P1", "PatientName": None, "PatientSex": None, "PatientBirthDate": None}
    write_series(folder, modality="CT", series="ct", StudyInstanceUID=STUDY.study_uid, **tags, **person)


def test_spect_and_ct_of_one_frame_of_reference_belong_together(tmp_path):
    write_ct(tmp_path, STUDY.frame_of_reference_uid)
    reconstruction(tmp_path)
    exam = read_exam([tmp_path])
    assert exam.scans[0].ct_uids == (exam.series[0].uid,)
    assert not any("not joined" in note for note in exam.notes)


def test_a_ct_of_another_frame_of_reference_is_not_joined(tmp_path):
    write_ct(tmp_path, "1.2.3")
    reconstruction(tmp_path)
    exam = read_exam([tmp_path])
    assert exam.scans[0].ct_uids == ()
    assert any("SPECT and CT of this study are not joined" in note for note in exam.notes)


def test_a_ct_of_another_person_stops_the_run(tmp_path):
    write_ct(tmp_path, STUDY.frame_of_reference_uid)
    reconstruction(tmp_path, lambda data: setattr(data, "PatientID", "P2"))
    with pytest.raises(GeometryError, match=r"two persons: \(0010,0020\) Patient ID"):
        read_exam([tmp_path])


@pytest.mark.parametrize(
    ("sop_class", "words"),
    [("1.2.840.10008.5.1.4.1.1.128", "modality PT .* is not read yet"), ("1.2.840.10008.5.1.4.1.1.20", "contradicts")],
)
def test_a_pet_is_no_bone_scan(tmp_path, sop_class, words):
    def relabel(data):
        data.Modality = "PT"
        data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = sop_class

    with pytest.raises(InputError, match=words):
        read(reconstruction(tmp_path, relabel))


def test_parts_come_in_the_order_of_series_whatever_their_names(tmp_path):
    reconstruction(tmp_path).rename(tmp_path / "a")
    dynamic(tmp_path).rename(tmp_path / "z")
    planar(tmp_path).rename(tmp_path / "m")
    assert [scan.source.number for scan in read_exam([tmp_path]).scans] == [2, 2, 3, 5]


def test_a_copy_is_used_once_even_in_another_encoding(tmp_path):
    planar(tmp_path)
    data = pydicom.dcmread(tmp_path / "planar.dcm")
    data.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
    data.save_as(tmp_path / "copy.dcm")
    exam = read_exam([tmp_path])
    assert len(exam.scans) == 1
    assert any("used once" in note for note in exam.notes)


def test_bone_scans_of_two_days_are_two_exams(tmp_path):
    planar(tmp_path)
    reconstruction(tmp_path, lambda data: setattr(data, "StudyDate", "20260106"))
    with pytest.raises(UsageError, match="exams of 2 dates"):
        read_exam([tmp_path])


# Real files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["NM1_RLE", "NM1_J2K_reversible", "NM1_JPEG-LS_lossless", "NM1_JPEG-Lossless_SV1"])
def test_a_real_whole_body_scan_in_every_lossless_encoding(shared_data, name):
    scan = only(shared_data / "nm-wholebody-bone" / f"{name}.dcm")
    (plane,) = scan.views
    assert scan.whole_body
    assert (plane.array.sum(dtype=np.float64), plane.array.max()) == (3_596_452, 278)
    assert (plane.grid.shape, plane.grid.spacing_mm) == ((256, 1024), (2.26, 2.26))
    assert plane.grid.view is View.UNKNOWN  # no tag says from where: left stays unknown
    assert plane.grid.axes is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("JPEG-lossy", "cannot be decoded"),
        ("JPEG2000", "Lossy Image Compression 01 has turned counts"),
        ("JPEG2000-embedded-sequence-delimiter", "cannot be decoded"),
    ],
)
def test_real_files_without_counts_say_so(shared_data, name, words):
    with pytest.raises(InputError, match=words):
        read(shared_data / "nm-wholebody-bone" / f"{name}.dcm")


def test_a_real_spect_with_negative_spacing_runs_downwards(shared_data):
    path = shared_data / "nm-qc-spect" / "LinaQA" / "Jaszack.dcm"
    scan = only(path)
    stored = pydicom.dcmread(path).pixel_array
    grid = scan.volume.grid
    assert (grid.shape, scan.volume.unit) == ((128, 128, 45), "counts")
    assert np.linalg.det(grid.affine[:3, :3]) > 0
    # the first stored slice lies at the position stated, the last 44 steps below it
    assert grid.to_world([0, 0, 44]) == pytest.approx([0, -264.32, -165.2], abs=1e-3)
    assert grid.to_world([0, 0, 0])[2] == pytest.approx(-165.2 - 44 * 4.13, abs=1e-2)
    assert (scan.volume.array[:, :, 44] == stored[0].T).all()
    assert scan.frame_numbers[0] == 45
    # The phantom's features: a large cold sphere in the patient's left half of the upper part, rods in the lower part.
    smooth = ndimage.gaussian_filter(scan.volume.array, 1.5)
    body = smooth.mean(axis=2)
    inside = ndimage.binary_erosion(body > 0.5 * body.max(), iterations=4)
    upper = np.where(inside[..., np.newaxis], smooth, np.inf)[:, :, 25:43]
    column, row, slice_ = np.unravel_index(upper.argmin(), upper.shape)
    sphere = grid.to_world([column, row, slice_ + 25])
    assert sphere[2] == pytest.approx(-165.2 - 12.5 * 4.13, abs=8)
    assert sphere[0] > 64 * 4.13
    roughness = smooth[48:80, 48:80].std(axis=(0, 1)) / smooth[48:80, 48:80].mean(axis=(0, 1))
    assert roughness[2:19].min() > roughness[[22, 23, 24, 38, 40]].max()
    assert scan.suv.factor is None
    assert scan.source.patient_position == "HFS"


def test_a_real_dynamic_acquisition_from_the_right_side(shared_data):
    scan = only(shared_data / "nm-qc-spect" / "LinaQA" / "MCR.dcm")
    (frames,) = scan.views
    # Angle 270 and the orientation stated agree: the camera's own proof that angles count from the back to the left.
    assert frames.grid.view is View.RIGHT_LATERAL
    assert frames.array.shape == (128, 128, 30)
    assert frames.start_s == pytest.approx(np.arange(30))
    assert frames.array[:, :, 20].sum() == 724_525
    assert scan.source.phase is Phase.FLOW


def test_a_real_flood_without_patient_is_asked_about(shared_data):
    path = shared_data / "nm-qc-spect" / "LinaQA" / "Uniformity" / "UNIFORMIDAD_1_Ok.dcm"
    with pytest.raises(InputError, match="--patient-position"):
        read(path)
    assert only(path, patient_position="FFS").views[0].array.sum(dtype=np.float64) == pytest.approx(
        16_000_045, rel=0.01
    )
