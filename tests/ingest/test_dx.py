import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import SpacingSource
from marrowmap.image import View
from marrowmap.ingest import read_exam
from marrowmap.ingest.radiograph import Intensity
from marrowmap.ingest.radiograph import RadiographView
from marrowmap.ingest.radiograph import describe_radiograph
from marrowmap.values import Side
from tests.ingest.dicom_files import write_series
from tests.ingest.dx_files import CR
from tests.ingest.dx_files import FOR_PRESENTATION
from tests.ingest.dx_files import PIXEL
from tests.ingest.dx_files import attenuation
from tests.ingest.dx_files import coded
from tests.ingest.dx_files import item
from tests.ingest.dx_files import read
from tests.ingest.dx_files import write


def test_a_raw_film(tmp_path):
    film = read(tmp_path)
    grid = film.plane.grid
    assert film.plane.array == pytest.approx(coded("LOG-"))
    assert (film.intensity, film.plane.unit, film.modality, film.number) == (Intensity.ATTENUATION, "1", "DX", 1)
    assert (grid.view, film.view_name, grid.mirrored) == (View.ANTERIOR, RadiographView.AP, False)
    assert grid.axes == pytest.approx(np.array([[1, 0, 0], [0, 0, -1]]))
    assert (grid.spacing_mm, grid.spacing_source) == ((PIXEL, PIXEL), SpacingSource.DETECTOR)
    assert (film.magnification, film.length_doubt, film.side) == (1.15, "", None)
    assert film.knows_left
    assert film.lit.all()
    assert describe_radiograph(film) == "series 1 radiograph (DX, AP)"


def test_files_of_one_exposure_are_used_once_the_raw_one(tmp_path):
    event = "1.2.3.77"
    write(tmp_path, name="raw.dcm", IrradiationEventUID=event)
    shown = {"sop": FOR_PRESENTATION, "SeriesInstanceUID": "1.2.3.9", "PixelIntensityRelationship": "LOG"}
    write(tmp_path, name="shown.dcm", IrradiationEventUID=event, PixelIntensityRelationshipSign=-1, **shown)
    write(tmp_path, name="other.dcm", IrradiationEventUID="1.2.3.78", **shown)
    exam = read_exam([tmp_path])
    assert [film.file.name for film in exam.radiographs] == ["raw.dcm", "other.dcm"]
    assert [film.intensity for film in exam.radiographs] == [Intensity.ATTENUATION, Intensity.DISPLAY]
    assert exam.radiographs_left_out == ("shown.dcm: processed copy of the exposure in raw.dcm, which is used instead",)


@pytest.mark.parametrize(("other", "count"), [(False, 1), (True, 2)])
def test_one_moment_is_one_exposure_only_where_the_pictures_agree(tmp_path, other, count):
    values = coded("LOG-")
    write(tmp_path, name="a.dcm", AcquisitionTime="101112")
    write(tmp_path, np.roll(values, 20, axis=0) if other else values, name="b.dcm", AcquisitionTime="101112")
    assert len(read_exam([tmp_path]).radiographs) == count


def test_a_derived_copy_is_known_by_its_source(tmp_path):
    uid = generate_uid()
    write(tmp_path, name="a.dcm", sop=CR, SOPInstanceUID=uid)
    source = [item(ReferencedSOPInstanceUID=uid, ReferencedSOPClassUID=CR)]
    write(tmp_path, name="b.dcm", sop=CR, SourceImageSequence=source, LossyImageCompression="01")
    exam = read_exam([tmp_path])
    assert [film.file.name for film in exam.radiographs] == ["a.dcm"]
    assert any("b.dcm: lossy copy of the exposure in a.dcm" in note for note in exam.notes)
    assert any("b.dcm: (0028,2110) Lossy Image Compression" in note for note in exam.notes)


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"ImageLaterality": "L", "SeriesDescription": "right hip"}, "sides contradict each other"),
        ({"ImageLaterality": "L", "Laterality": "R"}, "sides contradict each other"),
        ({"PatientOrientation": ["A", "F"]}, "contradicts the AP view, which shows left and right"),
        ({"ViewPosition": "LL"}, "contradicts the LATERAL view, which shows front and back"),
        ({"ViewPosition": "PA", "ViewCodeSequence": [item(CodeValue="399348003", CodeMeaning="AP")]}, "views contra"),
    ],
)
def test_contradictions_stop_the_run(tmp_path, tags, words):
    with pytest.raises(GeometryError, match=words) as caught:
        read(tmp_path, **tags)
    assert caught.value.exit_code == 4
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("tags", "side"),
    [
        ({"ImageLaterality": "L"}, Side.LEFT),
        ({"ImageLaterality": "B"}, None),
        ({"SeriesDescription": "hip R"}, Side.RIGHT),
        ({"SeriesDescription": "DX hip"}, None),
        ({"ImageLaterality": "L", "SeriesDescription": "DX hip"}, Side.LEFT),
    ],
)
def test_side(tmp_path, tags, side):
    assert read(tmp_path, **tags).side is side


def test_what_is_no_film_is_left_out_with_a_reason(tmp_path):
    path = write(tmp_path)
    data = pydicom.dcmread(path)
    del data.PixelData
    data.save_as(path)
    with pytest.raises(InputError, match=r"film.dcm: \(7FE0,0010\) Pixel Data is absent, the file has a header only"):
        read_exam([tmp_path])
    data.Modality, data.SOPClassUID = "PR", "1.2.840.10008.5.1.4.1.1.11.1"
    data.save_as(path)
    with pytest.raises(InputError, match=r"film\.dcm: a presentation state"):
        read_exam([tmp_path])


def test_several_frames_and_empty_films_are_left_out(tmp_path):
    data = pydicom.dcmread(write(tmp_path))
    data.NumberOfFrames, data.PixelData = 2, data.PixelData * 2
    data.save_as(tmp_path / "film.dcm")
    with pytest.raises(InputError, match="tomosynthesis or a movie"):
        read_exam([tmp_path])
    with pytest.raises(InputError, match="the same everywhere"):
        read(tmp_path, np.full(attenuation().shape, 7.0))


def test_beside_mri_a_film_of_another_day_is_left_out_and_other_persons_stop_the_run(tmp_path):
    write_series(tmp_path)
    mri = read_exam([tmp_path])
    day, person = mri.date.replace("-", ""), mri.subject.person_id
    write(tmp_path, name="same.dcm", StudyDate=day, PatientID=person)
    write(tmp_path, name="later.dcm", StudyDate="20300101", PatientID=person, SeriesInstanceUID="1.2.3.5")
    exam = read_exam([tmp_path])
    assert [film.file.name for film in exam.radiographs] == ["same.dcm"]
    (note,) = exam.radiographs_left_out
    assert "a radiograph of 2030-01-01" in note
    assert len(exam.series) == len(mri.series)
    write(tmp_path, name="other.dcm", StudyDate=day, PatientID="someone else")
    with pytest.raises(GeometryError, match="files of two persons"):
        read_exam([tmp_path])


def test_real_tibia_in_two_encodings(shared_data):
    folder = shared_data / "cr-tibia"
    lossless, lossy = (read_exam([folder / f"RG3_J2K{kind}.dcm"]).radiographs[0] for kind in "RI")
    apart = lossless.plane.array - lossy.plane.array
    assert float(np.sqrt((apart**2).mean())) < 0.01 * np.ptp(lossless.plane.array)
    assert np.abs(apart).max() < 0.1 * np.ptp(lossless.plane.array)
    for film in (lossless, lossy):
        # The file lies mirrored, Patient Orientation R\F: turned, the fibula of the right leg lies toward the
        # patient's right of the tibia, and nothing as bright on its other side.
        assert (film.plane.grid.mirrored, film.side, film.view_name) == (True, Side.RIGHT, RadiographView.AP)
        row = film.plane.array[:, 400]
        tibia, fibula, opposite = row[840:960].max(), row[700:780].max(), row[1020:1100].max()
        assert tibia > fibula > opposite + 50 > row[1180:1250].max() + 100
        assert (film.magnification, film.intensity) == (None, Intensity.DISPLAY)
        assert film.length_doubt == "the file states no pixel size"
        assert 0.35 < film.lit.mean() < 0.5
    assert (lossless.lossy, lossy.lossy) == (False, True)
    both = read_exam([folder / "RG3_J2KR.dcm", folder / "RG3_J2KI.dcm"])
    assert [film.file.name for film in both.radiographs] == ["RG3_J2KR.dcm"]


def test_real_pictures_with_an_invented_spacing(shared_data):
    files = sorted((shared_data / "dx-pelvis-pediatric" / "dicom").glob("*.dcm"))
    assert files
    for path in files:
        (film,) = read_exam([path]).radiographs
        assert film.length_doubt.startswith("spacing of 1.0 mm was not measured")
        assert film.plane.grid.axes is None
        assert film.plane.grid.spacing_source is SpacingSource.NOMINAL


def test_real_header_without_image(shared_data):
    with pytest.raises(InputError, match=r"header only.*presentation state"):
        read_exam([shared_data / "cr-tibia" / "cr-pelvis-header-only"])
