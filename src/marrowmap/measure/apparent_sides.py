"""How much less bone one side has than the other in MRI, by its texture.

An absolute share of bone rests on marrow's level, and where no marrow is free of bone that level is an assumption whose
error is larger than any loss. It is about the same error on both sides of one protocol, though: texture, the scatter of
the signal over its mean, needs no level at all (:func:`marrowmap.measure.marrow_level.block_texture`). It follows bone
less than one to one, as bone that is left stands apart: the logarithm of its ratio is `gain` times too small, which was
found on virtual bone and differs a little with how bone is lost.
"""

from __future__ import annotations

import numpy as np

from marrowmap.measure.apparent_fraction import TRIED_MM3
from marrowmap.measure.microarchitecture import Microarchitecture
from marrowmap.measure.microarchitecture_precision import Precision
from marrowmap.measure.paired_difference import LIMIT
from marrowmap.measure.paired_difference import PairedDifference
from marrowmap.measure.paired_difference import side_limit
from marrowmap.measure.paired_difference import spread_percent

QUANTITY = "bone_volume_fraction"


def difference_by_texture(
    this: Microarchitecture, other: Microarchitecture, precision: Precision, part: str
) -> PairedDifference | None:
    """Compare two sides' bone by texture; None where either has none, or it was never tried in such an image.

    The values that come back are those of texture itself: they compare with each other and with nothing else.

    Parameters
    ----------
    this, other : Microarchitecture
        Measured alike.
    precision : Precision
    part : str
        Name of the regions.
    """
    known = precision.texture
    voxel = float(np.prod(this.region.grid.spacing))
    if known is None or this.texture is None or other.texture is None or not TRIED_MM3[0] <= voxel <= TRIED_MM3[1]:
        return None
    # What the scatter of blocks gives covers small regions and coarse bone; large regions do not better than was tried.
    own = max(spread_percent(one) for one in (this.texture, other.texture))
    error = max(known.pair_percent, 2**0.5 * known.gain * own)
    return PairedDifference(
        QUANTITY,
        part,
        this.texture.value,
        other.texture.value,
        LIMIT * error,
        side_limit(error, precision),
        f"apparent; ratio of the sides' texture to the power {known.gain:g} (virtual bone): needs no level of marrow",
        known.gain,
        known.gain_sd,
    )
