import numpy as np
import pytest

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.ingest import Projections
from marrowmap.phantom.nm_dicom import Turn
from tests.ingest.nm_files import COLUMNS
from tests.ingest.nm_files import ROWS
from tests.ingest.nm_files import counts
from tests.ingest.nm_files import only
from tests.ingest.nm_files import permute_frames
from tests.ingest.nm_files import projections
from tests.ingest.nm_files import read

SCATTER = [((108.0, 126.0), counts(12, ROWS, COLUMNS) + 500)]


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("turn", list(Turn))
@pytest.mark.parametrize("edit", [lambda _: None, permute_frames])
def test_every_view_has_its_angle(tmp_path, heads, turn, edit):
    scan = only(projections(tmp_path, edit, heads, turn, scatter=SCATTER))
    assert isinstance(scan, Projections)
    sign = 1 if turn is Turn.COUNTERCLOCKWISE else -1
    assert scan.angles_deg == pytest.approx((180 + sign * 30 * np.arange(12)) % 360)
    assert scan.detectors.tolist() == np.repeat(np.arange(heads) + 1, 12 // heads).tolist()
    assert scan.counterclockwise == (sign > 0)
    assert scan.array.shape == (COLUMNS, ROWS, 12, 2)
    assert (scan.array[..., 0] == counts(12, ROWS, COLUMNS).T).all()
    assert (scan.array[..., 1] == SCATTER[0][1].T).all()
    assert scan.photopeak == 0
    assert scan.windows[1].ranges_kev == ((108.0, 126.0),)
    assert scan.duration_s == 10.0
    assert scan.radius_mm == pytest.approx(250.0)
    assert scan.center_mm == pytest.approx([10, -20, 300])


def test_a_radius_for_each_view(tmp_path):
    radii = tuple(240.0 + n for n in range(12))
    scan = only(projections(tmp_path, heads=2, radius_mm=radii))
    assert scan.radius_mm == pytest.approx(radii)
    assert scan.center_mm == pytest.approx([10, -20, 300])


def rotation(keyword, value):
    return lambda data: setattr(data.RotationInformationSequence[0], keyword, value)


def detector(keyword, value):
    return lambda data: setattr(data.DetectorInformationSequence[0], keyword, value)


def drop_angles(data):
    for item in data.DetectorInformationSequence:
        del item.StartAngle


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (rotation("RotationDirection", "UP"), r"\(0018,1140\) Rotation Direction is UP"),
        (rotation("AngularStep", -30.0), "Angular Step is -30"),
        (rotation("NumberOfFramesInRotation", 7), "is 7, .* has 6 views"),
        (rotation("ActualFrameDuration", 0), "no frame duration"),
        (rotation("StartAngle", 90.0), "contradict each other"),
        (drop_angles, "where 2 detectors stand is unknown"),
        (lambda d: d.RotationInformationSequence.clear(), "describes 0 rotations"),
        (lambda d: setattr(d, "AngularViewVector", [n % 7 + 1 for n in range(12)]), "leaves out views|one place"),
    ],
)
def test_views_without_sound_angles_are_refused(tmp_path, edit, words):
    with pytest.raises(InputError, match=words):
        read(projections(tmp_path, edit, heads=2))


def test_a_lone_detector_takes_the_angle_of_the_rotation(tmp_path):
    assert only(projections(tmp_path, drop_angles)).angles_deg[0] == 180.0


@pytest.mark.parametrize(
    ("orientation", "words"),
    [([-1, 0, 0, 0, 0, -1], "mirrored"), ([0, 1, 0, 0, 0, -1], "none that a detector")],
)
def test_an_orientation_not_to_be_seen_from_the_angle_stops_the_run(tmp_path, orientation, words):
    with pytest.raises(GeometryError, match=words):
        read(projections(tmp_path, detector("ImageOrientationPatient", orientation)))


def test_views_stored_feet_up_are_turned(tmp_path):
    scan = only(projections(tmp_path, detector("ImageOrientationPatient", [-1, 0, 0, 0, 0, 1])))
    assert (scan.array[..., 0] == counts(12, ROWS, COLUMNS).T[::-1, ::-1]).all()


def test_without_orientation_the_patient_position_is_asked_for(tmp_path):
    def strip(data):
        del data.DetectorInformationSequence[0].ImageOrientationPatient
        del data.PatientGantryRelationshipCodeSequence

    path = projections(tmp_path, strip)
    with pytest.raises(InputError, match="--patient-position"):
        read(path)
    assert only(path, patient_position="HFS").center_mm is None
