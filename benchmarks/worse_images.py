"""Exams of virtual persons scanned worse, one modality at a time, in the files that a scanner would have written.

MRI by how it is acquired; counts of a bone scan thinned at random, which is exactly a scan of a smaller dose or less
time; a radiograph blurred and with noise added to its stored values, which stand for the logarithm of the beam.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
from scipy import ndimage

from marrowmap.phantom.mr import Acquisition

NOISE, PIXELS, SLICES = 3.0, 1.5, 1.6
"""Factors of MRI's noise, its pixels and the distance of its slices."""
COUNTS = 0.1
"""Share of a scan's counts that is kept."""
BLUR_MM, GRAIN = 0.7, 0.03
"""Standard deviations of a radiograph's blur and of its noise, this as a share of the range of its values."""
WORSE = {
    "mr": f"MRI: {NOISE:g} times the noise, pixels {PIXELS:g} and slices {SLICES:g} times as far apart",
    "scan": f"bone scan: {COUNTS:.0%} of the counts",
    "dx": f"radiograph: blurred by {BLUR_MM:g} mm, noise of {GRAIN:.0%} of the range",
}


def worse_acquisition(drawn: Acquisition) -> Acquisition:
    """Return a faster and noisier acquisition of the same field."""
    return replace(
        drawn,
        noise=drawn.noise * NOISE,
        pixel_mm=round(drawn.pixel_mm * PIXELS, 3),
        thickness_mm=drawn.thickness_mm * SLICES,
        gap_mm=round(drawn.gap_mm * SLICES, 2),
        slice_count=int(np.ceil(drawn.slice_count / SLICES)),
    )


def worsen_files(folder: Path, modality: str, seed: int) -> None:
    """Overwrite an exam's bone scans or radiographs with worse ones.

    Raises
    ------
    ValueError
        If there is none of them: nothing would have been made worse.
    """
    kind = {"scan": "NM", "dx": "DX"}[modality]
    rng = np.random.default_rng([seed, 990])
    found = 0
    for path in sorted(folder.rglob("*.dcm")):
        data = pydicom.dcmread(path)
        if data.Modality != kind:
            continue
        values = data.pixel_array
        new = rng.binomial(values, COUNTS) if kind == "NM" else _blurred(values, float(data.ImagerPixelSpacing[0]), rng)
        data.PixelData = np.clip(np.rint(new), 0, 2**data.BitsStored - 1).astype(values.dtype).tobytes()
        data.save_as(path)
        found += 1
    if not found:
        raise ValueError(f"{folder}: no {kind} to make worse")


def _blurred(values: np.ndarray, pixel_mm: float, rng: np.random.Generator) -> np.ndarray:
    low, high = np.percentile(values, [1, 99])
    blurred = ndimage.gaussian_filter(values.astype(np.float32), BLUR_MM / pixel_mm)
    return np.asarray(blurred + rng.normal(0, GRAIN * (high - low), values.shape))
