"""How well a side-compared loss of bone is measured and judged on virtual radiographs of the pelvis.

    python benchmarks/radiograph_osteopenia.py --seeds 101 102 ... 124 [--film presentation] [--losses 0 0.2]

Persons with transient osteoporosis of one hip (marrow edema and effusion included) lose 0 to 30 % of the mineral of
that head and neck; each film has its own geometry, scatter and noise. Truth is the mineral per bone volume of head and
neck, one side over the other, from the noise-free model. The bones are laid once per person and kind of film, onto the
film without loss; what they attenuate is fitted anew on each film. `--keep FOLDER` stores the noise-free pictures for
another run.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np

from marrowmap.anatomy.head_circle import find_head_circle
from marrowmap.anatomy.radiograph_fit import HipPlaneImage
from marrowmap.anatomy.radiograph_fit import without_soft
from marrowmap.anatomy.radiograph_hips import USUAL_MAGNIFICATION
from marrowmap.anatomy.radiograph_hips import RadiographHips
from marrowmap.anatomy.radiograph_hips import find_radiograph_hips
from marrowmap.anatomy.radiograph_projector import Beam
from marrowmap.errors import MarrowmapError
from marrowmap.ingest.radiograph import Intensity
from marrowmap.measure.radiograph_bone import TOGETHER
from marrowmap.measure.radiograph_bone import compare_sides
from marrowmap.measure.radiograph_bone import flattened
from marrowmap.measure.radiograph_bone import mirror_hips
from marrowmap.measure.radiograph_osteopenia import judge_osteopenia
from marrowmap.measure.radiograph_texture import compare_texture
from marrowmap.phantom.bone_loss import RESORBED
from marrowmap.phantom.dx import expose
from marrowmap.phantom.dx import lie_down
from marrowmap.phantom.dx import place_beam
from marrowmap.phantom.dx import sample_dx
from marrowmap.phantom.dx_dicom import DxFile
from marrowmap.phantom.dx_dicom import Intent
from marrowmap.phantom.dx_dicom import sample_file
from marrowmap.phantom.dx_dicom import store
from marrowmap.phantom.dx_exam import pose
from marrowmap.phantom.kinds import draw_exam
from marrowmap.phantom.layers import points_of
from marrowmap.phantom.mr import feather
from marrowmap.phantom.truth import region_masks
from marrowmap.phantom.x_rays import attenuation
from marrowmap.phantom.x_rays import integrate
from marrowmap.phantom.x_rays import line_integrals
from marrowmap.values import Side

LOSSES = (0.0, 0.05, 0.10, 0.20, 0.30)
PAINTED = 0.3
"""The body is painted once, with this loss; mineral lost adds up along rays, so other losses follow."""
WEEKS = 12.0
"""Since onset, when a film is judged."""


def draw(seed: int, kept: Path | None) -> tuple[dict[str, np.ndarray], Side]:
    """Return pictures and truth of one person, and the affected side.

    `whole` is the noise-free picture without loss, `bone` what mineral that can be lost adds to it, and `sides`, for
    the affected side and the other, the volume of head and neck, its mineral and what of that can be lost.
    """
    person, lesions, acquisition = draw_exam("toh", seed)
    affected = next((side for side in Side if lesions[side].weeks is not None or lesions[side].amount > 0), Side.LEFT)
    file = None if kept is None else kept / f"radiograph_{seed}.npz"
    if file is not None and file.exists():
        return dict(np.load(file)), affected
    scan = sample_dx(np.random.default_rng([seed, 600]))
    lost = {s: dataclasses.replace(lesions[s], bone_loss=PAINTED if s is affected else 0.0) for s in Side}
    scene = pose(person, lost, dataclasses.replace(acquisition, metal_side=None), scan, seed)
    cone = place_beam(scene.person, scan)
    sides = {}
    for side, part in scene.fine.items():
        gone = np.zeros(part.grid.shape, np.float32)
        for layer in part.layers:
            if layer.tissue == RESORBED:
                gone[layer.box] += layer.share
        if side is affected:
            step = 0.5 * float(part.grid.spacing[0])
            missing = integrate(cone, part.grid, gone * feather(part.grid, part.grid), step)
        truth = part.truths[side]
        first = np.rint(part.grid.to_index(truth.grid.affine[:3, 3])).astype(int)
        gone = gone[tuple(slice(a, a + n) for a, n in zip(first, truth.mineral.shape, strict=True))]
        masks = region_masks(scene.person.hips[side], points_of(truth.grid))
        inside = masks["femoral_head"] | masks["femoral_neck"]
        amounts = (truth.bone, truth.mineral + gone, gone / PAINTED)
        sides[side] = [float((amount * inside).sum()) for amount in amounts]
    bone = missing * (attenuation("cortical_bone") - attenuation(RESORBED)) / PAINTED
    found = {
        "whole": (line_integrals(cone, scene) + PAINTED * bone).astype(np.float32),
        "bone": bone.astype(np.float32),
        "sides": np.array([sides[affected], sides[affected.opposite]]),
    }
    if file is not None:
        np.savez_compressed(file, **found)
    return found, affected


def true_index(sides: np.ndarray, loss: float) -> float:
    """Return 1 - mineral per bone volume of head and neck, the affected side over the other."""
    (volume, mineral, losable), (other_volume, other, _) = sides
    return float(1 - (mineral - loss * losable) / volume / (other / other_volume))


def expose_film(seed: int, drawn: dict[str, np.ndarray], loss: float, intent: Intent) -> HipPlaneImage:
    """Expose one film and return it as a reader of its file would have it."""
    scan = sample_dx(np.random.default_rng([seed, 600]))
    person, _, _ = draw_exam("toh", seed)
    cone = place_beam(lie_down(person, scan), scan)
    integrals = np.maximum(drawn["whole"] - loss * drawn["bone"], 0)
    counts = expose(integrals, cone, scan, np.random.default_rng([seed, 610, round(1000 * loss)]))
    pixels = store(counts, scan, DxFile(intent)).astype(np.float32)
    lit = np.ones(pixels.shape, bool)
    left, right, top, bottom = (round(inset / scan.pixel_mm) for inset in scan.inset_mm)
    lit[:left], lit[:, :top] = False, False
    lit[lit.shape[0] - right :], lit[:, lit.shape[1] - bottom :] = False, False
    grown = sample_file(scan, np.random.default_rng([seed, 605])).magnification or USUAL_MAGNIFICATION
    return HipPlaneImage(pixels, lit, (scan.pixel_mm / grown, scan.pixel_mm / grown), Beam())


def lay_again(bones: RadiographHips, image: HipPlaneImage) -> RadiographHips:
    """Fit what the bones attenuate on another film of the same person, where they lie as before."""
    fit, window = bones.fit, bones.fit.explainer.projector
    sampled, seen = image.sample(window.corner_mm, window.shape, window.pixel_mm)
    explainer = dataclasses.replace(fit.explainer, image=without_soft(sampled, seen, window.pixel_mm))
    levels, _ = explainer.explain(fit.pose)
    named = {str(name): float(level) for name, level in zip(window.names, levels, strict=True)}
    return dataclasses.replace(bones, image=image, fit=dataclasses.replace(fit, explainer=explainer, levels=named))


def measure(seed: int, losses: list[float], intent: Intent, kept: Path | None) -> list[dict[str, object]]:
    """Measure and judge one person's films."""
    drawn, affected = draw(seed, kept)
    intensity = Intensity.ATTENUATION if intent is Intent.PROCESSING else Intensity.DISPLAY
    first = expose_film(seed, drawn, 0.0, intent)
    bones = find_radiograph_hips(first, "")
    if bones is None or bones.doubt:
        print(f"{seed}: not measured, {'no hips seen' if bones is None else bones.doubt}", flush=True)
        return []
    femora = {}
    for side in Side:
        femur = bones.femur(side)
        center = first.beam.onto_plane(femur.head_center_mm)
        circle = find_head_circle(first, center, femur.head_radius_mm, femur.axes[[0, 2], 0])
        femora[side] = flattened(femur, first.beam, np.array(circle.center_mm) - center)
    rows: list[dict[str, object]] = []
    for loss in losses:
        image = expose_film(seed, drawn, loss, intent)
        try:
            found = compare_sides(mirror_hips(lay_again(bones, image), femora), intensity)
        except MarrowmapError as error:
            print(f"{seed}: not measured, {error}", flush=True)
            return []
        try:
            texture = compare_texture(image, femora, affected).value
        except MarrowmapError:
            texture = float("nan")
        index, other = found.index(affected)[TOGETHER], found.index(affected.opposite)[TOGETHER]
        true = true_index(drawn["sides"], loss)
        rows.append(
            {
                "loss": loss,
                "error": index.value - true,
                "covered": index.low is not None and index.high is not None and index.low <= true <= index.high,
                "sd": found.sd[TOGETHER],
                "state": judge_osteopenia(index, weeks=WEEKS)[0],
                "other": judge_osteopenia(other, weeks=WEEKS)[0],
                "texture": texture,
            }
        )
    worst = rows[0]
    print(f"{seed}: without loss {worst['error']:+.3f}, stated SD {worst['sd']:.3f}, {found.left_over:.2f} left over")
    return rows


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(101, 125)))
    parser.add_argument("--losses", type=float, nargs="+", default=list(LOSSES))
    parser.add_argument("--film", choices=["processing", "presentation"], default="processing")
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    intent = Intent.PROCESSING if options.film == "processing" else Intent.PRESENTATION
    rows = [row for seed in options.seeds for row in measure(seed, options.losses, intent, options.keep)]
    print("| loss | films | mean error | SD | in the 95 % interval | present | undetermined | absent | other side |")
    print("|---|---|---|---|---|---|---|---|---|")
    for loss in options.losses:
        here = [row for row in rows if row["loss"] == loss]
        errors = np.array([row["error"] for row in here])
        states = Counter(str(row["state"]).split(".")[-1].lower() for row in here)
        share = " | ".join(f"{states[name]}" for name in ("present", "undetermined", "absent"))
        wrong = sum(str(row["other"]).split(".")[-1].lower() == "present" for row in here)
        print(
            f"| {100 * loss:.0f} % | {len(here)} | {errors.mean():+.3f} | {errors.std(ddof=1):.3f} | "
            f"{sum(bool(row['covered']) for row in here)} | {share} | {wrong} |"
        )
    for loss in options.losses:
        texture = np.log([row["texture"] for row in rows if row["loss"] == loss])
        texture = texture[np.isfinite(texture)]
        print(
            f"texture, loss {100 * loss:.0f} %: {np.exp(texture.mean()):.2f}, SD of the logarithm {texture.std():.2f}"
        )


if __name__ == "__main__":
    main()
