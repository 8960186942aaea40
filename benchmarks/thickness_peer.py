"""Local thickness by other packages, for thickness_speed.py; run by an interpreter that has them.

python benchmarks/thickness_peer.py porespy|porespy_25|porespy_every|itk|bone_microarchitecture BODY.npy OUT.json

`porespy` is the default of version 3, radii rounded down to whole voxels; `porespy_25` the default of earlier versions,
25 radii whatever the body (method "legacy"); `porespy_every` the same method with every radius there is, as marrowmap
has. These are listed to it: left to find them itself (sizes None) version 3.2 takes the smallest first and calls all
voxels as thin as that.

Both are given a first, small body so that compiling and loading are not in their times.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt


def by_porespy(body):
    import porespy  # noqa: PLC0415

    painted = porespy.filters.local_thickness(body)
    return 2 * float(painted[body].mean()), version("porespy")


def by_porespy_every(body):
    import porespy  # noqa: PLC0415

    inside = distance_transform_edt(body)
    painted = porespy.filters.local_thickness(body, inside, method="legacy", sizes=np.unique(inside[body]))
    return 2 * float(painted[body].mean()), version("porespy")


def by_porespy_25(body):
    import porespy  # noqa: PLC0415

    painted = porespy.filters.local_thickness(body, method="legacy")
    return 2 * float(painted[body].mean()), version("porespy")


def by_itk(body):
    import itk  # noqa: PLC0415

    image = itk.image_from_array(np.where(body, 255.0, 0.0).astype(np.float32))
    mask = itk.image_from_array(np.ones(body.shape, np.uint8))
    features = itk.BoneMorphometryFeaturesFilter.New(image)
    features.SetMaskImage(mask)
    features.SetThreshold(128)
    features.Update()
    return float(features.GetTbTh()), version("itk-bonemorphometry")


def by_bone_microarchitecture(body):
    from bone_microarchitecture.thickness import hildebrand_thickness_map  # noqa: PLC0415

    painted = hildebrand_thickness_map(body, (1.0, 1.0, 1.0), backend="cpu")
    return float(painted[body].mean()), version("bone-microarchitecture")


def main() -> None:
    measure = {
        "porespy": by_porespy,
        "porespy_25": by_porespy_25,
        "porespy_every": by_porespy_every,
        "itk": by_itk,
        "bone_microarchitecture": by_bone_microarchitecture,
    }[sys.argv[1]]
    body = np.load(sys.argv[2])
    measure(np.ascontiguousarray(body[:32, :32, :32]))
    began, worked = time.perf_counter(), time.process_time()
    mean, made = measure(body)
    told = {
        "mean": mean,
        "version": made,
        "seconds": time.perf_counter() - began,
        "processor": time.process_time() - worked,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    Path(sys.argv[3]).write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main()
