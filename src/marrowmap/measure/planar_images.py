"""The phases of a planar bone scan brought together: which images serve, and how the patient moved between them."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.anatomy.planar_fit import PIXEL_MM
from marrowmap.anatomy.planar_fit import conjugate
from marrowmap.anatomy.planar_hips import PlanarHips
from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Plane
from marrowmap.image import View
from marrowmap.ingest.scan import BoneScan
from marrowmap.ingest.scan import DynamicScan
from marrowmap.ingest.scan import Phase
from marrowmap.ingest.scan import Planar
from marrowmap.ingest.scan import Source
from marrowmap.ingest.scan_hint import PHASE_OPTION
from marrowmap.ingest.scan_hint import VIEW_OPTION
from marrowmap.values import Evidence
from marrowmap.values import Side

VIEWS = (View.ANTERIOR, View.POSTERIOR)
FURTHEST_MM = 36.0
"""Motion between phases is looked for so far."""
LEAST_MOTION_SD_MM = 1.0
NEAR_MM = 9.6
BESIDE = 0.1
"""Of the fainter head's counts around its center; less beside a femur: it does not lie in the patient."""
BLOCKS = 3
"""Into so many parts of equal counts a dynamic phase is divided to see whether the patient kept still."""
BLADDER_AHEAD = -0.3
"""Log of front over back in the bladder, less that in the sacrum: below this the views carry each other's names."""


@dataclass(frozen=True, eq=False)
class PhaseImage:
    """One phase as it is measured.

    Parameters
    ----------
    phase : Phase
    source : Source
    views : tuple of Plane
        Anterior and posterior counts, frames added up, or the one of them that was taken.
    dynamic : DynamicScan or None
        Where there are frames.
    frame_numbers : tuple of int
        Of the file, 1-based.
    moved_mm : array, shape (2,)
        How much further to the left and to the feet the patient lies than in the delayed images.
    moved_sd_mm : float
    """

    phase: Phase
    source: Source
    views: tuple[Plane, ...]
    dynamic: DynamicScan | None = None
    frame_numbers: tuple[int, ...] = ()
    moved_mm: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))
    moved_sd_mm: float = 0.0

    @property
    def evidence(self) -> Evidence:
        """The file and its frames, counted from 0."""
        return Evidence(self.source.uid, (self.source.instance_uid,), tuple(n - 1 for n in self.frame_numbers))


def phase_images(scans: Sequence[BoneScan]) -> tuple[dict[Phase, PhaseImage], list[str]]:
    """Choose an image for each phase: two views before one, then the later acquisition.

    Returns
    -------
    dict of Phase to PhaseImage
    list of str
        What was left out, and why.
    """
    found: dict[Phase, PhaseImage] = {}
    notes = []
    for scan in scans:
        if not isinstance(scan, Planar | DynamicScan):
            continue
        kept = [(n, scan.view(view)) for n, view in enumerate(VIEWS)]
        views = [view for _, view in kept if view is not None]
        phase, name = scan.source.phase, scan.source.file.name
        open_points = _left_open(scan, not views)
        if open_points:
            notes.append(f"{name}: {'; '.join(open_points)}: it was not measured")
            continue
        planes = tuple(view if isinstance(view, Plane) else view.summed() for view in views)
        dynamic = scan if isinstance(scan, DynamicScan) else None
        numbers: list[int] = []
        for frames in scan.frame_numbers:
            numbers += frames if isinstance(frames, tuple) else (frames,)
        image = PhaseImage(phase, scan.source, planes, dynamic, tuple(numbers))
        before = found.get(phase)
        if before is not None:
            better = len(planes) > len(before.views)
            left = before if better else image
            notes.append(f"{left.source.file.name}: another {phase.value} image serves; it was not measured")
            if not better:
                continue
        found[phase] = image
    return found, notes


def _left_open(scan: Planar | DynamicScan, viewless: bool) -> list[str]:
    """Say what keeps an image from being measured, all of it at once, and what to do."""
    source = scan.source
    found = []
    if viewless:
        text = "no view is named anterior or posterior, so left is open"
        if all(view.grid.view is View.UNKNOWN for view in scan.views):
            text += f" (if you know it, {VIEW_OPTION} anterior|posterior)"
        found.append(text)
    if source.phase is Phase.UNKNOWN:
        found.append(
            f"its phase is unknown ({source.phase_reason}; {PHASE_OPTION} flow|pool|delayed says it where no time does)"
        )
    return found


def users_word(images: Iterable[PhaseImage]) -> list[str]:
    """Warn of each image whose view or phase is the user's word alone."""
    return [
        f"{image.source.file.name}: {' and '.join(image.source.said)} only, no tag says so"
        + ("; a wrong view swaps left and right" if any("view" in words for words in image.source.said) else "")
        for image in images
        if image.source.said
    ]


def _flattened(image: NDArray[np.float64]) -> NDArray[np.float64]:
    body = image[image > 0.05 * image.max()]
    return np.sqrt(np.minimum(image, np.percentile(body, 90) if body.size else 1.0))


def _edges(image: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.hypot(*np.gradient(ndimage.gaussian_filter(image, 1.0))), np.float64)


def _shared_information(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return normalized mutual information (Studholme 1999)."""
    joint = np.histogram2d(a.ravel(), b.ravel(), bins=24)[0] / a.size

    def entropy(p: NDArray[np.float64]) -> float:
        return float(-(p[p > 0] * np.log(p[p > 0])).sum())

    return (entropy(joint.sum(axis=1)) + entropy(joint.sum(axis=0))) / max(entropy(joint), 1e-9)


def _peak(scores: NDArray[np.floating], steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the place of the greatest score, between samples by a parabola."""
    place = np.unravel_index(scores.argmax(), scores.shape)
    found = []
    for axis, n in enumerate(place):
        line = scores[:, place[1]] if axis == 0 else scores[place[0]]
        offset = 0.0
        if 0 < n < len(line) - 1:
            a, b, c = line[n - 1 : n + 2]
            offset = float(0.5 * (a - c) / min(a - 2 * b + c, -1e-12))
        found.append(steps[n] + (steps[1] - steps[0]) * offset)
    return np.array(found)


def find_motion(
    fixed: tuple[Plane, ...], moving: tuple[Plane, ...], middle_mm: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Find how the patient moved between two phases, from outline, vessels and bones together.

    Shared information and the likeness of edges give a place each; their mean is taken, their
    difference tells its error.

    Parameters
    ----------
    fixed, moving : tuple of Plane
    middle_mm : array, shape (2,)
        LPS x and z of the middle between the hips in `fixed`.

    Returns
    -------
    array, shape (2,)
        How much further to the left and to the feet the patient lies in `moving`, mm.
    float
        Standard deviation, mm; infinite where the place lies at the end of the search.
    """
    side, above, below = 44, 30, 40
    shape = (2 * side + 1, above + below)
    corner = np.array([middle_mm[0] - side * PIXEL_MM, middle_mm[1] + above * PIXEL_MM])
    still = _flattened(conjugate(fixed, corner, shape))
    still_edges = _edges(still)
    reach = int(FURTHEST_MM / PIXEL_MM)
    steps = np.asarray(np.arange(-reach, reach + 1) * PIXEL_MM, np.float64)
    wide = _flattened(
        conjugate(moving, corner + np.array([-reach, reach]) * PIXEL_MM, (shape[0] + 2 * reach, shape[1] + 2 * reach))
    )
    wide_edges = _edges(wide)
    shared, alike = np.zeros((2, len(steps), len(steps)))
    for i in range(len(steps)):
        for j in range(len(steps)):
            cut = np.s_[i : i + shape[0], j : j + shape[1]]
            shared[i, j] = _shared_information(still, wide[cut])
            alike[i, j] = np.corrcoef(still_edges.ravel(), wide_edges[cut].ravel())[0, 1]
    places = np.stack([_peak(shared, steps), _peak(np.asarray(np.nan_to_num(alike), np.float64), steps)])
    if (np.abs(places) >= steps[-1]).any():
        return np.zeros(2), float("inf")
    moved = places.mean(axis=0)
    # The two err to opposite sides, so that their mean errs less.
    spread = float(np.abs(places[0] - places[1]).max()) / 4
    return np.asarray(moved, np.float64), float(np.hypot(spread, LEAST_MOTION_SD_MM))


def find_unrest(image: PhaseImage, middle_mm: NDArray[np.float64]) -> float:
    """Return how far the patient moved while the frames of a phase were taken, mm.

    Frames are added up in :data:`BLOCKS` blocks of about the same counts; each is compared with the last one, which
    shows most of the tissue. A bolus that runs down the vessels moves a block by 4.8 mm at most (eight tuning seeds).

    Parameters
    ----------
    image : PhaseImage
    middle_mm : array, shape (2,)
        LPS x and z of the middle between the hips.

    Returns
    -------
    float
        0 without frames to compare; infinite where a block lies further away than can be found.
    """
    if image.dynamic is None:
        return 0.0
    views = [view for view in (image.dynamic.view(plane.grid.view) for plane in image.views) if view is not None]
    counts = np.sum([view.array.sum(axis=(0, 1)) for view in views], axis=0)
    if len(counts) < BLOCKS or counts.sum() <= 0:
        return 0.0
    share = (np.cumsum(counts) - counts / 2) / counts.sum()
    block = np.minimum((share * BLOCKS).astype(int), BLOCKS - 1)
    if len(set(block.tolist())) < BLOCKS:
        return 0.0
    parts = [
        tuple(Plane(view.grid, view.array[:, :, block == number].sum(axis=2)) for view in views)
        for number in range(BLOCKS)
    ]
    found = [find_motion(parts[-1], part, middle_mm) for part in parts[:-1]]
    return max(float(np.hypot(*moved)) if np.isfinite(sd) else float("inf") for moved, sd in found)


def require_both_hips(hips: PlanarHips, image: PhaseImage) -> list[str]:
    """Check that both femora lie within the patient: else one hip alone is in view.

    Returns
    -------
    list of str
        A warning where next to nothing was counted at the outer border of one femur, as in a slim patient.

    Raises
    ------
    InputError
        If it is so on both sides.
    """
    size = 2 * int(NEAR_MM / PIXEL_MM) + 1

    def density(point: NDArray[np.float64]) -> float:
        corner = point[[0, 2]] + np.array([-NEAR_MM, NEAR_MM])
        return float(conjugate(image.views, corner, (size, size)).mean())

    least = BESIDE * min(density(hips.femur(side).head_center_mm) for side in Side)
    outside = []
    for side in Side:
        vertices = hips.femur(side).vertices
        if density(vertices[(vertices[:, 0] * side.sign).argmax()]) <= least:
            outside.append(side.value)
    name = image.source.file.name
    if len(outside) == len(Side):
        raise InputError(
            f"{name}: both femora would reach to where nothing was counted: one hip alone is in view: "
            "sides cannot be compared, pass an image that shows both hips"
        )
    return [
        f"{name}: the {side} femur's outer border lies where nothing was counted: look at the fit" for side in outside
    ]


def require_front_and_back(hips: PlanarHips, image: PhaseImage) -> str:
    """Check the names of the views by the bladder, which lies in front, and the sacrum, which lies behind.

    Returns
    -------
    str
        Why it could not be checked; empty if it could.

    Raises
    ------
    GeometryError
        If the bladder is nearer to the posterior view: then left and right are swapped as well.
    """
    if len(image.views) < 2:
        return f"{image.source.file.name}: one view only: that it is {image.views[0].grid.view.value} cannot be checked"
    window = hips.fit.explainer
    projector = window.projector
    front, back = (conjugate((view,), projector.corner_mm, projector.shape) for view in image.views)
    parts = dict(zip(projector.names.tolist(), projector.thickness(hips.fit.pose), strict=True))
    sacrum = parts.get("sacrum")
    behind = (
        sacrum
        if sacrum is not None and sacrum.max() > 0
        else sum(part for name, part in parts.items() if "ilium" in name)
    )
    hidden = window.weight == 0
    urine = hidden & (window.image > 0.6 * window.image[hidden].max(initial=0.0)) if hidden.any() else hidden
    sides = (behind > 0.5 * np.max(behind)) & ~ndimage.binary_dilation(urine, iterations=6)
    if urine.sum() < 4 or sides.sum() < 10 or window.image[urine].mean() < 1.5 * window.image[sides].mean():
        return f"{image.source.file.name}: no bladder is seen: that anterior is in front cannot be checked"
    ahead = np.log(front[urine].sum() / back[urine].sum()) - np.log(front[sides].sum() / back[sides].sum())
    if ahead < BLADDER_AHEAD:
        raise GeometryError(
            f"{image.source.file.name}: the bladder is nearer to the posterior view, the sacrum to the anterior one: "
            "anterior and posterior are swapped, and so left and right; correct (0054,0220) View Code Sequence"
        )
    return ""
