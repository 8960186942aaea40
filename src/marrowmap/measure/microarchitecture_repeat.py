"""Repeatability of one's own, from the same bone scanned again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import stats

from marrowmap.measure.microarchitecture import Microarchitecture
from marrowmap.measure.microarchitecture_precision import Precision
from marrowmap.measure.paired_difference import LIMIT


def with_repeats(precision: Precision, scans: Sequence[Microarchitecture]) -> Precision:
    """Take repeated scans of one bone into account.

    Two scans agree by chance now and then, and a standard deviation of one degree of freedom may be far too small: it
    never makes what is known better, only worse. Where nothing is known it is widened by Student's t.

    Parameters
    ----------
    precision : Precision
        As published or given.
    scans : sequence of Microarchitecture
        Two or more of the same bone, measured alike.

    Returns
    -------
    Precision
        With the larger of both for each measure, and a source that says what was found.
    """
    widened = float(stats.t.ppf(0.975, len(scans) - 1)) / LIMIT
    cvs, said = dict(precision.cv_percent), []
    for name in scans[0].values:
        values = np.array([scan.values[name].value for scan in scans if name in scan.values])
        if len(values) < len(scans) or values.mean() == 0:
            continue
        found = 100 * float(values.std(ddof=1) / abs(values.mean()))
        said.append(f"{name.replace('_', ' ')} {found:.1f} %")
        cvs[name] = max(cvs[name], found) if name in cvs else widened * found
    texture = precision.texture
    shares = np.array([scan.texture.value for scan in scans if scan.texture is not None])
    if texture is not None and len(shares) == len(scans):
        found = 100 * texture.gain * float(np.log(shares).std(ddof=1))
        said.append(f"bone volume by texture {found:.1f} %")
        texture = replace(texture, cv_percent=max(texture.cv_percent, found))
    source = (
        f"scanned again: coefficient of variation of {len(scans)} scans of this bone: {', '.join(said)}; used where it "
        f"is larger than what was known, times {widened:.1f} where nothing was"
    )
    return replace(precision, cv_percent=cvs, texture=texture, sources=(*precision.sources, source))
