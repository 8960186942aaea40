"""Virtual MRI of trabecular bone for tests, each drawn once."""

from __future__ import annotations

from functools import cache

from marrowmap.image import Mask
from marrowmap.phantom.trabecular import Recipe
from marrowmap.phantom.trabecular import grow
from marrowmap.phantom.trabecular_mr import BlockImage
from marrowmap.phantom.trabecular_mr import FlashScan
from marrowmap.phantom.trabecular_mr import MarrowEdema
from marrowmap.phantom.trabecular_mr import scan_block

SIZE = (11.0, 11.0, 11.0)
MARGIN = 1.4
RECIPE = Recipe(stretch=1.4)


@cache
def drawn(thickness_mm: float = 0.15, snr: float = 15.0, edema: float = 1.0, canal_mm: float = 8.0) -> BlockImage:
    recipe = Recipe(stretch=1.4, plate_mm=thickness_mm, rod_mm=thickness_mm)
    ball = None if edema == 1 else MarrowEdema((5.5, 5.5, 5.5), 3.8, edema)
    scan = FlashScan(signal_to_noise=snr, shading=0.15, marrow_spread=0.01)
    return scan_block(grow(SIZE, recipe, 5), scan, 6, ball, canal_mm)


def region(scan: BlockImage) -> Mask:
    return scan.inner(MARGIN)


def spared(scan: BlockImage) -> Mask:
    return region(scan) | scan.canal


def truth(scan: BlockImage) -> float:
    return float(scan.fraction[region(scan).array].mean())
