"""Edema by region of a bone, as measurement rows."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace

from marrowmap.image import LabelMap
from marrowmap.image import Mask
from marrowmap.measure.edema import EdemaResult
from marrowmap.values import Evidence
from marrowmap.values import Joint
from marrowmap.values import Measurement
from marrowmap.values import Quantity
from marrowmap.values import Side


def _share_of(whole: Quantity, part: float) -> Quantity:
    """Give a part of a quantity the whole's relative interval."""
    if whole.low is None or whole.high is None or whole.value == 0:
        high = whole.high if whole.value == 0 else None
        return Quantity(part, whole.unit, *((0.0, high) if high is not None and part == 0 else (None, None)))
    return Quantity(part, whole.unit, part * whole.low / whole.value, part * whole.high / whole.value)


def measure_region(
    result: EdemaResult,
    region: str,
    mask: Mask,
    *,
    joint: Joint | None,
    side: Side | None,
    date: str,
    evidence: Evidence,
    modality: str = "MR",
) -> tuple[Measurement, ...]:
    """Measure edema in one region.

    Parameters
    ----------
    result : EdemaResult
        Edema of the bone that holds the region.
    region : str
        A region of :mod:`marrowmap.terms.regions`.
    mask : Mask
        The region, bone with its cortex, on the result's grid.
    joint, side, date, modality
        As in :class:`~marrowmap.values.Measurement`.
    evidence : Evidence
        The source image; the digest of the edema drawn in the region is added.

    Returns
    -------
    tuple of Measurement
        ``bone_volume``, ``edema_volume``, ``edema_closed_volume``, ``edema_fraction`` and, where there is edema,
        ``edema_signal_ratio`` and ``marrow_t1_ratio``. The fraction is of the part that was searched. The interval of
        a region's volume has the relative width of the whole's.

    Raises
    ------
    GeometryError
        If the region lies on another grid.
    """
    grid = result.within.grid
    grid.require_same(mask.grid)
    searched = mask & result.within
    drawn = mask & result.closed
    evidence = replace(evidence, mask_sha256=drawn.sha256)
    edema_ml = float(result.membership.within(mask).sum(dtype="float64")) * grid.voxel_volume_ml
    edema = _share_of(result.edema_volume, edema_ml)
    rows: list[tuple[str, Quantity]] = [
        ("bone_volume", Quantity(mask.volume_ml, "mL")),
        ("edema_volume", edema),
        ("edema_closed_volume", Quantity(drawn.volume_ml, "mL")),
    ]
    if searched.array.any():
        percent = 100 / searched.volume_ml
        bounds = [None if b is None else min(100.0, b * percent) for b in (edema.low, edema.high)]
        rows.append(("edema_fraction", Quantity(min(100.0, edema_ml * percent), "%", *bounds)))
    if drawn.array.any():
        signal = result.corrected.within(drawn)
        rows.append(("edema_signal_ratio", Quantity(float(signal.mean()) / result.reference.median, "1")))
        if result.t1_relative is not None:
            rows.append(("marrow_t1_ratio", Quantity(float(result.t1_relative.array[drawn.array].mean()), "1")))
    return tuple(
        Measurement(name, joint, side, region, quantity, modality, result.method, date, evidence)
        for name, quantity in rows
    )


def measure_regions(
    result: EdemaResult,
    regions: LabelMap,
    *,
    joint: Joint | None,
    side: Side | None,
    date: str,
    evidence: Evidence,
    modality: str = "MR",
    unions: Mapping[str, Sequence[str]] | None = None,
) -> tuple[Measurement, ...]:
    """Measure edema in every region of a label map, and in unions of them.

    Parameters
    ----------
    result : EdemaResult
    regions : LabelMap
        On the result's grid; names of :mod:`marrowmap.terms.regions`.
    joint, side, date, evidence, modality
        As in :func:`measure_region`.
    unions : mapping of str to sequence of str, optional
        Further regions made of several, e.g. ``proximal_femur``.
    """
    result.within.grid.require_same(regions.grid)
    parts: dict[str, tuple[str, ...]] = {name: (name,) for name in regions.names.values()}
    parts |= {name: tuple(members) for name, members in (unions or {}).items()}
    rows: list[Measurement] = []
    for region, names in parts.items():
        mask = regions.mask(*names)
        if mask.array.any():
            rows.extend(
                measure_region(
                    result,
                    region,
                    mask,
                    joint=joint,
                    side=side,
                    date=date,
                    evidence=evidence,
                    modality=modality,
                )
            )
    return tuple(rows)
