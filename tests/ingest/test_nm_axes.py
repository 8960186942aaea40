import pytest

from marrowmap.errors import InputError
from tests.ingest.nm_files import dynamic
from tests.ingest.nm_files import only
from tests.ingest.nm_files import planar
from tests.ingest.nm_files import read
from tests.ingest.nm_files import reconstruction


def set_tag(keyword, value):
    return lambda data: setattr(data, keyword, value)


def drop(*keywords):
    def edit(data):
        for keyword in keywords:
            del data[keyword]

    return edit


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (set_tag("DetectorVector", [1]), r"\(0054,0020\) Detector Vector has 1 entries, .* says 2"),
        (set_tag("DetectorVector", [1, 1]), "several of its 2 frames lie at one place"),
        (set_tag("DetectorVector", [1, 3]), r"goes up to 3, \(0054,0021\) Number of Detectors says 2"),
        (set_tag("DetectorVector", [0, 1]), "no indices from 1 on"),
        (drop("DetectorVector"), "is absent, but .* names it"),
        (drop("FrameIncrementPointer", "DetectorVector", "EnergyWindowVector"), "cannot be told apart"),
        (set_tag("FrameIncrementPointer", [0x00181063]), "names FrameTime, no axis"),
        (set_tag("FrameIncrementPointer", [0x00540020, 0x00540020]), "names an axis twice"),
    ],
)
def test_vectors_that_do_not_fit_are_refused_in_one_line(tmp_path, edit, words):
    with pytest.raises(InputError, match=words) as error:
        read(planar(tmp_path, edit))
    assert "\n" not in str(error.value)
    assert "planar.dcm" in str(error.value)


def test_vectors_serve_where_the_pointer_is_absent(tmp_path):
    assert len(only(planar(tmp_path, drop("FrameIncrementPointer"))).views) == 2


def test_a_gated_study_is_refused(tmp_path):
    def gate(data):
        data.TimeSlotVector = [1, 2]
        data.FrameIncrementPointer = [0x00540020, 0x00540070]

    with pytest.raises(InputError, match="gated"):
        read(planar(tmp_path, gate))


def test_a_lost_slice_is_noticed(tmp_path):
    def skip(data):
        data.NumberOfSlices = 6
        data.SliceVector = [1, 2, 4, 5, 6]

    with pytest.raises(InputError, match="has gaps"):
        read(reconstruction(tmp_path, skip))


def test_a_lost_frame_is_noticed(tmp_path):
    def skip(data):
        times = list(data.TimeSliceVector)
        data.TimeSliceVector = [13 if n == 4 else t for n, t in enumerate(times)]

    with pytest.raises(InputError, match="Phase"):
        read(dynamic(tmp_path, skip))
