import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from marrowmap.ingest import Radiograph
from marrowmap.report import radiograph_figures
from marrowmap.report.radiograph_figures import radiograph_rows
from tests.ingest.dx_files import PIXEL
from tests.ingest.dx_files import coded
from tests.ingest.dx_files import read


def marks(film: Radiograph) -> tuple[list[str], float | None]:
    """Texts drawn on a film, and the length of its scale bar in the film's own mm."""
    ax = Figure().subplots()
    radiograph_figures._mark(ax, film, 100.0, 100.0)
    bars = [np.ptp(line.get_xdata()) for line in ax.get_lines()]
    return [text.get_text() for text in ax.texts], float(bars[0]) if bars else None


def test_letters_and_scale_where_the_file_tells_them(tmp_path):
    texts, bar = marks(read(tmp_path, ImageLaterality="R"))
    assert texts == ["R", "L", "AP, right", "50 mm at the bone"]
    assert bar == pytest.approx(50 * 1.15)  # the detector shows it magnified
    texts, bar = marks(read(tmp_path, PatientOrientation=None, EstimatedRadiographicMagnificationFactor=None))
    assert texts == ["AP, left and right unknown", "no lengths in mm"]
    assert bar is None


def test_rows_name_what_said_so(tmp_path):
    rows = {name: (known, said) for name, known, said in radiograph_rows(read(tmp_path, PatientOrientation=["R", "F"]))}
    assert rows["View"] == ("AP", "(0018,5101) View Position AP")
    assert rows["Left and right"][0] == "columns run to the patient's left, shown as the mirror image of the file"
    assert rows["Pixel size"] == (f"{PIXEL:g} mm", "at the detector")
    assert rows["Magnification"][0] == "1.15"
    assert rows["Values"][0].startswith("attenuation")
    assert rows["Lengths in mm"] == ("yes", "")


def test_the_picture_shows_bone_bright_and_the_border_dim(tmp_path):
    values = coded("LOG-")
    values[:8] = 0
    values[-8:] = 65535
    edges = dict.fromkeys(("CollimatorUpperHorizontalEdge", "CollimatorLeftVerticalEdge"), 1)
    tags = {**edges, "CollimatorLeftVerticalEdge": 9, "CollimatorRightVerticalEdge": 32}
    film = read(tmp_path, values, CollimatorShape="RECTANGULAR", CollimatorLowerHorizontalEdge=56, **tags)
    picture = radiograph_figures._draw(film, 1)
    image = np.asarray(Image.open(io.BytesIO(picture.data)).convert("L"), float)
    columns = image[image.shape[0] // 3].reshape(-1)
    at = [columns[int((c + 0.5) / 40 * len(columns))] for c in (12, 28, 38)]
    assert at[0] > at[1] > 0
    assert at[2] < 90  # the brightest value there is, were it not outside the field
