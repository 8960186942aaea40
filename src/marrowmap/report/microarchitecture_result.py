"""What the microarchitecture command hands to its report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from marrowmap.image import Mask
from marrowmap.ingest.microstructure_image import MicroImage
from marrowmap.measure.microarchitecture import Microarchitecture
from marrowmap.measure.microarchitecture_sides import SideComparison
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Measurement
from marrowmap.values import Side


@dataclass(frozen=True, eq=False)
class MicroSide:
    """One side: its image, region on that image's grid, and measures."""

    image: MicroImage
    region: Mask
    measured: Microarchitecture
    side: Side | None
    region_file: Path

    @property
    def words(self) -> str:
        """The side in a word."""
        return self.side.value if self.side else "side not said"


@dataclass(frozen=True, eq=False)
class MicroResult:
    """Everything that is known, nothing that is formatted.

    Parameters
    ----------
    this : MicroSide
    other : MicroSide or None
    comparison : SideComparison or None
    joint : Joint or None
    measurements : tuple of Measurement
    findings : tuple of Finding
    notes, warnings : tuple of str
    options : mapping of str to object
    more_files : tuple of Path
        What was read beside images and regions.
    seconds : mapping of str to float
    """

    this: MicroSide
    other: MicroSide | None
    comparison: SideComparison | None
    joint: Joint | None
    measurements: tuple[Measurement, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    options: Mapping[str, object]
    more_files: tuple[Path, ...]
    seconds: Mapping[str, float]

    @property
    def sides(self) -> tuple[MicroSide, ...]:
        """The image's own side, then the other where there is one."""
        return (self.this,) if self.other is None else (self.this, self.other)

    @property
    def refused(self) -> dict[str, str]:
        """Measures not given for this side, and why."""
        return dict(self.this.measured.refused)
