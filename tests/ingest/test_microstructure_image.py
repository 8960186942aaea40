from __future__ import annotations

from pathlib import Path

import numpy as np

from marrowmap.image import Volume
from marrowmap.ingest.microstructure_image import MicroImage
from tests.ingest.micro_files import grid


def test_what_a_file_does_not_say_is_unknown():
    image = MicroImage("a", Volume(grid((3, 3, 3)), np.zeros((3, 3, 3), np.float32)), "OT", "a", (Path("a"),), ())
    assert image.side is None
    assert image.joint is None
    assert image.date == ""
    assert image.subject.person_id == ""
