"""Grids of any place, size and orientation for property tests."""

import numpy as np
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from marrowmap.image import Grid


@st.composite
def grids(draw):
    shape = draw(st.tuples(*[st.integers(2, 6)] * 3))
    spacing = draw(st.tuples(*[st.floats(0.3, 6.0)] * 3))
    origin = draw(st.tuples(*[st.floats(-300, 300)] * 3))
    angles = draw(st.tuples(*[st.floats(-180, 180)] * 3))
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() * spacing
    affine[:3, 3] = origin
    return Grid(shape, affine, "1.2.3")
