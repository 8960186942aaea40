"""Reconstruct projections with PyTomography: run by ``spect_speed.py`` with the interpreter that has it.

    PYTHON benchmarks/spect_peer.py PROBLEM.npz RESULT.npz THREADS

The problem holds what :func:`marrowmap.image.spect_reconstruction.reconstruct` takes, in its conventions; the result
holds the volume in the same. Nothing of marrowmap is imported here and nothing of this is needed by marrowmap.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version

import numpy as np
import pytomography
import torch
from pytomography.algorithms import OSEM
from pytomography.likelihoods import PoissonLogLikelihood
from pytomography.metadata.SPECT import SPECTObjectMeta
from pytomography.metadata.SPECT import SPECTProjMeta
from pytomography.metadata.SPECT import SPECTPSFMeta
from pytomography.projectors.SPECT import SPECTSystemMatrix
from pytomography.transforms.SPECT import SPECTAttenuationTransform
from pytomography.transforms.SPECT import SPECTPSFTransform

MM_PER_CM = 10.0
FWHM_PER_SD = 2.3548


def to_peer(volume: np.ndarray) -> torch.Tensor:
    """Turn (slices, rows to the back, columns to the left) into the peer's (x, y, slices)."""
    return torch.from_numpy(np.ascontiguousarray(volume.transpose(2, 1, 0)))


def from_peer(volume: torch.Tensor) -> np.ndarray:
    """Turn the peer's (x, y, slices) back."""
    return np.ascontiguousarray(volume.cpu().numpy().transpose(2, 1, 0))


def system(problem: dict[str, np.ndarray]) -> SPECTSystemMatrix:
    """Return the peer's model of the same camera: the same attenuation map and the same width at each distance."""
    _, rows, columns = problem["counts"].shape
    pixel = float(problem["pixel_mm"]) / MM_PER_CM
    hole, length, intrinsic = (float(value) / MM_PER_CM for value in problem["response_mm"])

    def spread(distance: np.ndarray) -> np.ndarray:
        return np.sqrt((hole * (length + distance) / length) ** 2 + intrinsic**2) / FWHM_PER_SD

    transforms = [
        SPECTAttenuationTransform(to_peer(problem["attenuation"]) * MM_PER_CM),
        SPECTPSFTransform(SPECTPSFMeta((), spread)),
    ]
    place = SPECTObjectMeta([pixel] * 3, [columns, columns, rows])
    # Its angles are half a turn ahead of ours.
    seen = SPECTProjMeta((columns, rows), [pixel] * 2, problem["angles_deg"] + 180.0, problem["radius_mm"] / MM_PER_CM)
    return SPECTSystemMatrix(transforms, [], place, seen)


def main() -> None:
    """Read the problem, reconstruct it, write the volume and one JSON line of times."""
    source, target, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    pytomography.set_device("cpu")
    with np.load(source) as file:
        problem = dict(file)
    began, worked = time.perf_counter(), time.process_time()
    counts = torch.from_numpy(np.ascontiguousarray(problem["counts"].transpose(0, 2, 1)))
    extra = torch.from_numpy(np.ascontiguousarray(problem["scatter"].transpose(0, 2, 1)))
    likelihood = PoissonLogLikelihood(system(problem), counts, extra)
    iterations, subsets = (int(number) for number in problem["osem"])
    volume = from_peer(OSEM(likelihood, to_peer(problem["start"]))(iterations, subsets))
    seconds, processor = time.perf_counter() - began, time.process_time() - worked
    np.savez(target, volume=volume)
    name = f"PyTomography {version('pytomography')}, torch {torch.__version__}"
    print(json.dumps({"seconds": seconds, "processor": processor, "version": name}))


if __name__ == "__main__":
    main()
