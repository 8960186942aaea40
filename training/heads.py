"""Draw femoral heads of virtual patients to train the networks that read lines through them.

    python training/heads.py build/training/heads --count 130 --first 5000
    python training/heads.py build/training/heads --count 18 --first 6000 --sunken

One hip each: T1 and a fluid-sensitive image of 100 mm around the head, in random resolution, slice direction, noise and
field, and what the hip has. With ``--sunken`` its joint surface has sunk: few others have.
Seeds 5000 and up are for training and tuning alone: no figure is reported on them.
"""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marrowmap.image import Grid
from marrowmap.phantom.collapse import depression_of
from marrowmap.phantom.collapse import sample_necrotic_collapse
from marrowmap.phantom.fracture import sample_fracture_line
from marrowmap.phantom.hip import bone_layers
from marrowmap.phantom.kinds import draw_exam
from marrowmap.phantom.layers import make_grid
from marrowmap.phantom.lesion import WELL
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.mr import Acquisition
from marrowmap.phantom.mr import Contrast
from marrowmap.phantom.mr import Orientation
from marrowmap.phantom.mr import degrade
from marrowmap.phantom.mr import paint
from marrowmap.phantom.mr import slice_grid
from marrowmap.phantom.mr import through_slices
from marrowmap.phantom.onfh import INTERIORS
from marrowmap.phantom.onfh import sample_onfh
from marrowmap.phantom.person import Hip
from marrowmap.phantom.person import Person
from marrowmap.phantom.scene import FINE_MM
from marrowmap.phantom.sif import sample_sif
from marrowmap.phantom.soft_tissue import body_layers
from marrowmap.phantom.soft_tissue import lay_out
from marrowmap.phantom.soft_tissue import vessel_layers
from marrowmap.phantom.toh import sample_toh
from marrowmap.values import Side

REACH_MM = np.array([[-36.0, -34.0, -38.0], [44.0, 34.0, 34.0]])
"""Of the painted box around a left head."""
WAYS = ("onfh", "line", "line in edema", "edema", "well")
SHARES = (0.4, 0.15, 0.25, 0.1, 0.1)
SUNKEN_OVER_LINE = 0.25

Sampler = Callable[[Hip, np.random.Generator], Lesion]


def sample_lesion(hip: Hip, rng: np.random.Generator) -> Lesion:
    """Draw what a hip has; rare things are as frequent as common ones here."""
    way = str(rng.choice(WAYS, p=SHARES))
    if way == "onfh":
        lesion = sample_onfh(hip, rng)
        assert lesion.necrosis is not None
        amount = float(rng.uniform(0.3, 0.8)) if rng.random() < 0.5 else 0.0
        lesion = replace(
            lesion, amount=amount, necrosis=replace(lesion.necrosis, interior=str(rng.choice(list(INTERIORS))))
        )
        return sample_necrotic_collapse(lesion, hip, rng)
    if way == "line":
        return replace(WELL, fracture_line=sample_fracture_line(hip, rng))
    if way == "well":
        return WELL
    lesion = sample_toh(hip, rng, None)
    line = sample_fracture_line(hip, rng) if way == "line in edema" else None
    return replace(lesion, fracture_line=line)


def sample_sunken(hip: Hip, rng: np.random.Generator) -> Lesion:
    """Draw a hip whose joint surface has sunk, over a necrotic segment or at times over a fracture line."""
    while True:
        if rng.random() < SUNKEN_OVER_LINE:
            lesion = sample_sif(hip, rng)
        else:
            lesion = sample_necrotic_collapse(sample_onfh(hip, rng), hip, rng)
        if depression_of(lesion, hip.radius) is not None:
            return lesion


@dataclass(frozen=True, eq=False)
class PlannedHead:
    """One hip of a virtual person and how its head is scanned."""

    seed: int
    person: Person
    side: Side
    scan: Acquisition

    @property
    def hip(self) -> Hip:
        """The drawn hip."""
        return self.person.hips[self.side]


def plan_head(seed: int, rng: np.random.Generator) -> PlannedHead:
    """Draw a hip and random resolution, slice direction, noise and contrasts."""
    side = Side.LEFT if rng.random() < 0.5 else Side.RIGHT
    person, _, scan = draw_exam("red_marrow" if rng.random() < 0.15 else "normal", seed, side)
    return PlannedHead(seed, person, side, scan)


def random_scan(head: PlannedHead, rng: np.random.Generator) -> Acquisition:
    """Draw resolution, slice direction, noise and contrasts."""
    thickness, gap = float(rng.uniform(2.5, 4.2)), float(rng.choice([0.0, 0.3, 0.4]))
    fluid = Contrast.STIR if rng.random() < 0.6 else Contrast.PD_FAT_SATURATED
    shift = rng.normal(0, 2, 3) + np.array([-10.0 * head.side.sign, -8, 14])
    return replace(
        head.scan,
        contrasts=(Contrast.T1, fluid),
        orientation=Orientation.CORONAL if rng.random() < 0.7 else Orientation.AXIAL,
        sides=(head.side,),
        pixel_mm=float(rng.uniform(0.5, 0.75)),
        fov_mm=100.0,
        thickness_mm=thickness,
        gap_mm=gap,
        slice_count=int(np.ceil(76 / (thickness + gap))),
        metal_side=None,
        noise=float(rng.uniform(0.4, 1.8)),
        shift_mm=(float(shift[0]), float(shift[1]), float(shift[2])),
    )


def paint_head(head: PlannedHead, lesion: Lesion, scan: Acquisition) -> tuple[Grid, list[NDArray[np.float32]]]:
    """Return the slices' grid and noise-free images of one head, one for each contrast."""
    seed, person, side = head.seed, head.person, head.side
    streams = [np.random.default_rng([seed, n]) for n in range(3)]
    reach = REACH_MM if side is Side.LEFT else REACH_MM[::-1] * (-1, 1, 1)
    source = make_grid(reach.min(axis=0) + head.hip.center, reach.max(axis=0) + head.hip.center, FINE_MM)
    layers = body_layers(person, lay_out(person, streams[0]), source, streams[1]) + vessel_layers(person, source)
    layers += bone_layers(person, {side: lesion, side.opposite: WELL}, source, streams[2], sides=(side,)).layers
    target = slice_grid(scan, person)
    images = []
    for contrast in scan.contrasts:
        image = np.zeros(target.shape, np.float32)
        through_slices(paint(layers, source.shape, contrast, scan.field_t), source, target, scan.thickness_mm, image)
        images.append(image)
    return target, images


def add_noise(images: list[NDArray[np.float32]], grid: Grid, scan: Acquisition, seed: int) -> list[NDArray[np.float32]]:
    """Return noisy, shaded images."""
    return [
        degrade(image, grid, scan, contrast, np.random.default_rng([seed, 200 + number])).astype(np.float32)
        for number, (image, contrast) in enumerate(zip(images, scan.contrasts, strict=True))
    ]


def draw_head(seed: int, sample: Sampler = sample_lesion) -> dict[str, Any]:
    """Draw one head: images, the true bone and what it has."""
    rng = np.random.default_rng([seed, 900])
    head = plan_head(seed, rng)
    lesion = sample(head.hip, rng)
    scan = random_scan(head, rng)
    grid, images = paint_head(head, lesion, scan)
    t1, fluid = add_noise(images, grid, scan, seed)
    return {"seed": seed, "hip": head.hip, "lesion": lesion, "affine": grid.affine, "t1": t1, "fluid": fluid}


def main() -> None:
    """Draw heads into a folder, leaving out those that are there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=130)
    parser.add_argument("--first", type=int, default=5000)
    parser.add_argument("--sunken", action="store_true", help="only heads whose joint surface has sunk")
    given = parser.parse_args()
    sample = sample_sunken if given.sunken else sample_lesion
    given.folder.mkdir(parents=True, exist_ok=True)
    for seed in range(given.first, given.first + given.count):
        path = given.folder / f"{seed}.pickle"
        if not path.exists():
            part = path.with_suffix(".part")
            part.write_bytes(pickle.dumps(draw_head(seed, sample)))
            part.rename(path)
            print(seed, flush=True)


if __name__ == "__main__":
    main()
