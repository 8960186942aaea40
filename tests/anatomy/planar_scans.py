"""Planar images of the shape model itself: known pose, known uptake, Poisson counts, in a second."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np

from marrowmap.anatomy.bone_cloud import model_cloud
from marrowmap.anatomy.planar_fit import Projector
from marrowmap.image import Dynamic
from marrowmap.image import Plane
from marrowmap.image import PlaneGrid
from marrowmap.image import View
from marrowmap.image.plane import SpacingSource
from marrowmap.ingest.scan import DynamicScan
from marrowmap.ingest.scan import Phase
from marrowmap.ingest.scan import Planar
from marrowmap.ingest.scan import Source
from marrowmap.ingest.scan import Tracer
from marrowmap.values import Side

PIXEL, COLUMNS, ROWS = 4.8, 96, 72
AXES = np.array([[1.0, 0, 0], [0, 0, -1.0]])


def grid(view: View) -> PlaneGrid:
    origin = np.array([-(COLUMNS - 1) / 2 * PIXEL, 0.0, (ROWS - 1) / 2 * PIXEL])
    return PlaneGrid((COLUMNS, ROWS), (PIXEL, PIXEL), SpacingSource.DETECTOR, view, axes=AXES, origin_mm=origin)


def posed(left_mm=6.0, feet_mm=20.0):
    cloud = model_cloud()
    pose = np.zeros(cloud.size)
    pose[:2] = left_mm, feet_mm
    return cloud, pose


def expected(raised=None, factor=3.0, moved_mm=(0.0, 0.0), bone=60.0, soft=25.0, bladder=900.0, dead=None):
    """Counts of the front and the back view; head and neck of the side `raised` take up `factor` times as much.

    `dead` is a side and a diameter in mm: a ball in the upper head that takes up 0.15 of the usual.
    """
    cloud, pose = posed()
    pose[:2] += moved_mm
    corner = np.array([-(COLUMNS - 1) / 2 * PIXEL, (ROWS - 1) / 2 * PIXEL])
    projector = Projector(cloud, corner, (COLUMNS, ROWS))
    level = dict.fromkeys(projector.names, bone)
    # More of the body lies before and behind the heads than at the trochanters.
    level.update({f"{side.value} head": 0.77 * bone for side in Side})
    if raised is not None:
        level.update({name: level[name] * factor for name in (f"{raised.value} head", f"{raised.value} neck")})
    image = np.tensordot([level[name] for name in projector.names], projector.thickness(pose), axes=1)
    if dead is not None:
        side, diameter = dead
        ball = np.linalg.norm(cloud.points(pose) - cloud.center(pose, side) - [0, 0, 8.0], axis=1) < diameter / 2
        head = f"{side.value} head"
        missing = projector.thickness(pose, ball.astype(float))[projector.names.tolist().index(head)]
        image = image - (level[head] - 0.15 * 0.77 * bone) * missing
    x = corner[0] + np.arange(COLUMNS)[:, None] * PIXEL - pose[0]
    z = corner[1] - np.arange(ROWS)[None, :] * PIXEL + pose[1]
    body = 1 / (1 + np.exp((np.abs(x) - 175) / 4)) + 0 * z
    thighs = 1 / (1 + np.exp(-(np.abs(x) - 8) / 3)) * (z < -70) + (z >= -70)
    urine = bladder * np.exp(-((x / 22) ** 2) - ((z - 15) / 17) ** 2)
    both = []
    for front in (True, False):
        behind = 0.7 if front else 1.3
        share = np.array([behind if name == "sacrum" else 1.0 for name in projector.names])
        sacrum = np.tensordot((share - 1) * bone, projector.thickness(pose), axes=1)
        both.append(image + sacrum + soft * body * thighs + urine * (1.6 if front else 0.6))
    return both


def planes(seed=1, swapped=False, **what):
    rng = np.random.default_rng(seed)
    images = expected(**what)
    if swapped:
        images = images[::-1]
    views = (View.ANTERIOR, View.POSTERIOR)
    return tuple(
        Plane(grid(view), rng.poisson(image).astype(np.float32)) for view, image in zip(views, images, strict=True)
    )


def source(phase, name):
    return Source(
        f"uid {name}", "study", 1, name, "2026-01-05", Path(f"{name}.dcm"), f"instance {name}", datetime(2026, 1, 5),
        "HFS", Tracer(), phase, "by its time",
    )  # fmt: skip


def static(phase, name, **what):
    return Planar(source(phase, name), False, planes(**what), (1, 2), ("", ""), 300.0, None)


def flow(seed=3, count=20, **what):
    rng = np.random.default_rng(seed)
    rise = np.clip((np.arange(count) - 4) / 4, 0.02, 1.0)
    frames = [rng.poisson(image[..., None] * rise / 4).astype(np.float32) for image in expected(**what)]
    times = np.arange(count) * 2.0
    views = tuple(
        Dynamic(grid(view), array, times, np.full(count, 2.0))
        for view, array in zip((View.ANTERIOR, View.POSTERIOR), frames, strict=True)
    )
    numbers = (tuple(range(1, count + 1)), tuple(range(count + 1, 2 * count + 1)))
    return DynamicScan(source(Phase.FLOW, "flow"), 1, views, numbers, ("", ""), None)


def three_phases(raised=Side.RIGHT, **more):
    return [
        flow(raised=raised, factor=2.0, bone=20.0, soft=60.0, bladder=40.0),
        static(Phase.BLOOD_POOL, "pool", raised=raised, factor=2.0, bone=20.0, soft=60.0, bladder=60.0, seed=5),
        static(Phase.DELAYED, "delayed", raised=raised, **more),
    ]
