import numpy as np
import pytest

from marrowmap.errors import InputError
from tests.ingest.nm_files import COLUMNS
from tests.ingest.nm_files import ROWS
from tests.ingest.nm_files import counts
from tests.ingest.nm_files import only
from tests.ingest.nm_files import read
from tests.ingest.nm_files import reconstruction


@pytest.mark.parametrize("step", [4.8, -4.8, 3.0])
def test_voxels_lie_where_the_signed_spacing_puts_them(tmp_path, step):
    scan = only(reconstruction(tmp_path, step=step))
    stored, grid = counts(5, ROWS, COLUMNS), scan.volume.grid
    assert np.linalg.det(grid.affine[:3, :3]) > 0
    for frame in range(5):
        k = scan.frame_numbers.index(frame + 1)
        assert grid.to_world([2, 3, k]) == pytest.approx([-26 + 2 * 4.8, -30 + 3 * 4.8, 100 + frame * step])
        assert (scan.volume.array[:, :, k] == stored[frame].T).all()


def drop(*keywords):
    def edit(data):
        for holder in (data, data.DetectorInformationSequence[0]):
            for keyword in keywords:
                if keyword in holder:
                    del holder[keyword]

    return edit


def test_without_orientation_only_head_first_supine_is_understood(tmp_path):
    said = ("PatientOrientationCodeSequence", "PatientGantryRelationshipCodeSequence")
    path = reconstruction(tmp_path, drop("ImageOrientationPatient", *said))
    with pytest.raises(InputError, match="--patient-position"):
        read(path)
    with pytest.raises(InputError, match="cameras store slices differently"):
        read(path, patient_position="FFS")
    scan = only(path, patient_position="HFS")
    assert scan.volume.grid.axes == pytest.approx(np.eye(3))
    assert not scan.placed


def test_without_a_position_the_volume_lies_beside_no_other(tmp_path):
    exam = read(reconstruction(tmp_path, drop("ImagePositionPatient")))
    (scan,) = exam.scans
    assert scan.volume.grid.center == pytest.approx([0, 0, 0])
    assert scan.volume.grid.frame_of_reference_uid == scan.source.uid
    assert any("lies beside no other image" in note for note in exam.notes)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (drop("SpacingBetweenSlices"), "is absent or 0, so the direction"),
        (lambda d: setattr(d, "SpacingBetweenSlices", "0"), "is absent or 0, so the direction"),
        (lambda d: setattr(d, "SliceThickness", "14.4"), "contradict each other"),
        (lambda d: setattr(d, "ImageOrientationPatient", [1, 0, 0, 0, -1, 0]), "differs between the root"),
    ],
)
def test_slices_of_unknown_or_contradictory_distance_are_refused(tmp_path, edit, words):
    with pytest.raises(InputError, match=words):
        read(reconstruction(tmp_path, edit))
