import numpy as np
import pytest
from pydicom.dataset import Dataset

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import SpacingSource
from marrowmap.image import View
from marrowmap.ingest.nm_geometry import detector_axes
from marrowmap.ingest.nm_geometry import view_at
from marrowmap.ingest.nm_geometry import view_in_text
from tests.ingest.nm_files import BOTH
from tests.ingest.nm_files import camera
from tests.ingest.nm_files import only
from tests.ingest.nm_files import planar
from tests.ingest.nm_files import read

GEOMETRY = ("ImageOrientationPatient", "ImagePositionPatient", "StartAngle", "ViewCodeSequence")
SAID = ("PatientOrientationCodeSequence", "PatientGantryRelationshipCodeSequence")


def without(*keywords):
    """Drop tags at the root and from every detector."""

    def edit(data):
        for holder in (data, *data.DetectorInformationSequence):
            for keyword in keywords:
                if keyword in holder:
                    del holder[keyword]

    return edit


def in_detectors(keyword, *values):
    def edit(data):
        for item, value in zip(data.DetectorInformationSequence, values, strict=False):
            setattr(item, keyword, value)

    return edit


def test_detectors_stand_about_the_patient_as_the_standard_says():
    assert [view_at(angle) for angle in (0, 360, 92, 180, 270, -90, 45)] == [
        View.POSTERIOR,
        View.POSTERIOR,
        View.LEFT_LATERAL,
        View.ANTERIOR,
        View.RIGHT_LATERAL,
        View.RIGHT_LATERAL,
        View.OTHER,
    ]
    # from the right side, head up, columns run to the front: as a real camera states at 270 degrees
    assert detector_axes(270.0) == pytest.approx(np.array([[0, -1, 0], [0, 0, -1]]), abs=1e-9)


@pytest.mark.parametrize("kept", ["ImageOrientationPatient", "StartAngle", "ViewCodeSequence"])
def test_each_source_alone_tells_front_from_back(tmp_path, kept):
    scan = only(planar(tmp_path, without(*(keyword for keyword in GEOMETRY if keyword != kept))))
    assert [plane.grid.view for plane in scan.views] == list(BOTH)
    assert [plane.grid.mirrored for plane in scan.views] == [False, True]
    assert all(plane.grid.axes[0] == pytest.approx([1, 0, 0]) for plane in scan.views)


def test_a_missing_patient_position_is_asked_for(tmp_path):
    path = planar(tmp_path, without("ImageOrientationPatient", "ImagePositionPatient", *SAID))
    with pytest.raises(InputError, match=r"\(0018,5100\) Patient Position .* --patient-position HFS|HFP"):
        read(path)
    scan = only(path, patient_position="HFS")
    assert scan.source.patient_position == "HFS"
    assert "HFS" in scan.view_reasons[0]


def test_a_stated_orientation_needs_no_patient_position(tmp_path):
    assert only(planar(tmp_path, without(*SAID))).source.patient_position == ""


def test_patient_positions_must_agree(tmp_path):
    path = planar(tmp_path)
    with pytest.raises(GeometryError, match=r"\(0054,0414\) .* says HFS, --patient-position says FFS"):
        read(path, patient_position="FFS")
    planar(tmp_path, lambda d: setattr(d, "PatientPosition", "FFP"))
    with pytest.raises(GeometryError, match=r"\(0018,5100\) Patient Position says FFP"):
        read(path)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (in_detectors("StartAngle", 0.0), r"Start Angle says posterior"),
        (in_detectors("ImageOrientationPatient", [-1, 0, 0, 0, 0, -1]), r"Orientation \(Patient\) says posterior"),
    ],
)
def test_a_mirrored_or_mislabeled_view_stops_the_run(tmp_path, edit, words):
    with pytest.raises(GeometryError, match=words):
        read(planar(tmp_path, edit))


def test_swapped_labels_stop_the_run(tmp_path):
    def swap(data):
        one, other = data.DetectorInformationSequence
        one.ViewCodeSequence, other.ViewCodeSequence = other.ViewCodeSequence, one.ViewCodeSequence

    with pytest.raises(GeometryError, match="mirrored or mislabeled"):
        read(planar(tmp_path, swap))


def test_a_description_names_the_view_of_a_lone_detector(tmp_path):
    path = planar(tmp_path, without(*GEOMETRY), views=(View.POSTERIOR,), camera=camera(description="pelvis POST"))
    assert only(path).views[0].grid.view is View.POSTERIOR
    path = planar(tmp_path, views=(View.POSTERIOR,), camera=camera(description="pelvis ant"))
    with pytest.raises(GeometryError, match="its description says anterior"):
        read(path)


def test_a_view_that_nothing_names_can_be_said(tmp_path):
    path = planar(tmp_path, without(*GEOMETRY), views=(View.POSTERIOR,))
    unknown = only(path)
    assert (unknown.views[0].grid.view, unknown.source.said) == (View.UNKNOWN, ())
    scan = only(path, view=View.POSTERIOR)
    assert scan.views[0].grid.view is View.POSTERIOR
    assert (scan.views[0].array == unknown.views[0].array[::-1]).all()  # from behind: turned round
    assert scan.view_reasons[0].startswith("--view, as no tag names the view")
    assert scan.source.said == ("view posterior by --view",)


def test_a_view_that_is_named_is_never_overruled(tmp_path):
    path = planar(tmp_path, views=(View.POSTERIOR,))
    with pytest.raises(GeometryError, match=r"its view is posterior \(.*View Code.*--view says anterior"):
        read(path, view=View.ANTERIOR)
    scan = only(path, view=View.POSTERIOR)
    assert scan.source.said == ()


def test_the_said_view_fills_only_the_silent_one_of_two(tmp_path):
    def silence(data):
        for keyword in GEOMETRY:
            data.DetectorInformationSequence[1].pop(keyword, None)

    scan = only(planar(tmp_path, silence), view=View.POSTERIOR)
    assert [plane.grid.view for plane in scan.views] == list(BOTH)
    with pytest.raises(GeometryError, match=r"two detectors .* claim the anterior view"):
        read(planar(tmp_path, silence), view=View.ANTERIOR)


def test_words_name_a_view_only_whole_and_alone():
    assert view_in_text("WB_POST 3h") is View.POSTERIOR
    assert view_in_text("Anterior") is View.ANTERIOR
    assert view_in_text("ANT / POST") is None
    assert view_in_text("important posture") is None


def test_an_image_stored_feet_up_is_turned(tmp_path):
    def stand_on_head(data):
        for item in data.DetectorInformationSequence:
            item.ImageOrientationPatient = [-v for v in item.ImageOrientationPatient]

    upright = only(planar(tmp_path))
    turned = only(planar(tmp_path, stand_on_head))
    for one, other in zip(upright.views, turned.views, strict=True):
        assert (other.array == one.array[::-1, ::-1]).all()
        assert other.grid.mirrored == one.grid.mirrored


def test_an_image_across_is_refused(tmp_path):
    with pytest.raises(InputError, match="across"):
        read(planar(tmp_path, in_detectors("ImageOrientationPatient", [0, 0, -1, -1, 0, 0]), views=(View.ANTERIOR,)))


def test_an_askew_orientation_is_refused(tmp_path):
    with pytest.raises(InputError, match="right angles"):
        read(planar(tmp_path, in_detectors("ImageOrientationPatient", [1, 0, 0, 0.5, 0, -1])))


@pytest.mark.parametrize("spacing", [None, [0, 0], [4.8]])
def test_pixels_without_a_size_are_refused(tmp_path, spacing):
    def edit(data):
        if spacing is None:
            del data.PixelSpacing
        else:
            data.PixelSpacing = spacing

    with pytest.raises(InputError, match=r"\(0028,0030\) Pixel Spacing"):
        read(planar(tmp_path, edit))


def test_pixel_sizes_say_where_they_come_from(tmp_path):
    assert only(planar(tmp_path)).views[0].grid.spacing_source is SpacingSource.DETECTOR

    def scan_in(data):
        data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
        del data.PixelSpacing
        data.NominalScannedPixelSpacing = [4.8, 4.7]

    grid = only(planar(tmp_path, scan_in)).views[0].grid
    assert (grid.spacing_source, grid.spacing_mm) == (SpacingSource.NOMINAL, (4.7, 4.8))


def test_root_and_sequence_must_not_contradict(tmp_path):
    def contradict(data: Dataset):
        data.ImagePositionPatient = [0, 0, 0]

    with pytest.raises(InputError, match=r"\(0020,0032\) .* differs between the root and"):
        read(planar(tmp_path, contradict, views=(View.ANTERIOR,)))


def test_a_detector_that_is_not_described(tmp_path):
    with pytest.raises(InputError, match="describes 1 detectors, frames speak of 2"):
        read(planar(tmp_path, lambda d: d.DetectorInformationSequence.pop()))
