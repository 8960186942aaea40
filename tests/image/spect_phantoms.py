"""Simple objects for SPECT tests, on the volume's grid of spect_projector.py."""

from __future__ import annotations

import numpy as np

from marrowmap.image.spect_projector import Orbit

WATER_PER_MM = 0.01538


def orbit(views, radius=200.0, pixel=6.0, start=0.0):
    return Orbit(start + np.arange(views) * 360 / views, np.full(views, radius), pixel)


def places(shape, pixel=6.0):
    """z, y, x in mm from the middle of a volume."""
    return np.meshgrid(*((np.arange(n) - (n - 1) / 2) * pixel for n in shape), indexing="ij")


def cylinder(shape, radius, pixel=6.0, half_length=1e9, parts=3):
    """Share of each voxel inside a cylinder about the axis."""
    step = (np.arange(parts) - (parts - 1) / 2) / parts * pixel
    z, y, x = places(shape, pixel)
    share = sum(((y + a) ** 2 + (x + b) ** 2 < radius**2) for a in step for b in step) / parts**2
    return (share * (np.abs(z) < half_length)).astype(np.float32)


def ball(shape, center, radius, pixel=6.0, parts=4):
    """Share of each voxel inside a ball; center is (z, y, x) in mm from the middle."""
    step = (np.arange(parts) - (parts - 1) / 2) / parts * pixel
    z, y, x = (a - c for a, c in zip(places(shape, pixel), center, strict=True))
    inside = [(z + a) ** 2 + (y + b) ** 2 + (x + c) ** 2 < radius**2 for a in step for b in step for c in step]
    return (sum(inside) / parts**3).astype(np.float32)
