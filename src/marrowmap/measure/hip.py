"""All that is measured at one hip, and why the rest was not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.image import LabelMap
from marrowmap.ingest.exam import Series
from marrowmap.measure.acetabulum import AcetabularEdema
from marrowmap.measure.boundary import BoundaryProfile
from marrowmap.measure.ct_head import CtHead
from marrowmap.measure.edema import EdemaResult
from marrowmap.measure.effusion import Effusion
from marrowmap.measure.head import HeadMeasurement
from marrowmap.measure.marrow_replacement import MarrowReplacement
from marrowmap.measure.medial_head import MedialHead
from marrowmap.measure.neck import NeckMeasurement
from marrowmap.measure.planar import PlanarHip
from marrowmap.measure.planar_judgement import PlanarJudgement
from marrowmap.measure.radiograph import RadiographHip
from marrowmap.measure.spect import SpectHip
from marrowmap.values import Evidence
from marrowmap.values import Quantity
from marrowmap.values import Side


@dataclass(frozen=True, eq=False)
class HipMeasurement:
    """What the signs of one hip are judged from.

    Parameters
    ----------
    side : Side
    date : str
        ISO 8601 or empty.
    series : Series or None
        The fluid-sensitive series edema was measured in; None where there is none.
    femur : BoneFrame or None
    regions : LabelMap or None
        The femur's regions on the series' grid.
    seen : mapping of str to float
        Share (0 to 1) of each region that lies within the series.
    edema : EdemaResult or None
    edema_fraction : mapping of str to Quantity
        Edema over marrow by region, %, with its interval.
    boundary : BoundaryProfile or None
    effusion : Effusion or None
    obstacle : str
        Why nothing at all could be measured here; empty otherwise.
    effusion_obstacle : str
        Why joint fluid could not be measured; empty otherwise.
    medial_head : MedialHead or None
        Edema of the head's medial part beside the rest of it.
    medial_head_obstacle : str
        Why it could not be measured; empty otherwise.
    acetabulum : AcetabularEdema or None
    acetabulum_obstacle : str
        Why the acetabulum could not be measured; empty otherwise.
    head : HeadMeasurement or None
        What lies under the head's joint surface; None where there is no bone to look in.
    neck : NeckMeasurement or None
        What was looked for in the femoral neck; None where there is no bone to look in.
    replacement : MarrowReplacement or None
        Marrow as dark as muscle on T1; None where it could not be measured.
    replacement_obstacle : str
        Why not; empty otherwise.
    ct_head : CtHead or None
        What a CT shows of the head; None where there is none.
    planar : PlanarHip or None
        What the planar images of a bone scan show; None where there are none, or hips were not found in them.
    planar_obstacle : str
        Why planar images were not measured; empty if they were or there are none.
    planar_patterns : mapping of str to PlanarJudgement
        What planar images alone can say of a sign that prefers SPECT, by its name.
    spect : SpectHip or None
        What SPECT shows of its uptake; None where there is none.
    radiograph : RadiographHip or None
        What a radiograph shows of it; None where there is none, or hips were not found in it.
    radiograph_obstacle : str
        Why radiographs were not measured; empty if one was or there is none.
    weeks : float or None
        Since pain began, where the user said so.
    """

    side: Side
    date: str
    series: Series | None
    femur: BoneFrame | None
    regions: LabelMap | None = None
    seen: Mapping[str, float] = field(default_factory=dict)
    edema: EdemaResult | None = None
    edema_fraction: Mapping[str, Quantity] = field(default_factory=dict)
    boundary: BoundaryProfile | None = None
    effusion: Effusion | None = None
    obstacle: str = ""
    effusion_obstacle: str = ""
    medial_head: MedialHead | None = None
    medial_head_obstacle: str = ""
    acetabulum: AcetabularEdema | None = None
    acetabulum_obstacle: str = ""
    head: HeadMeasurement | None = None
    neck: NeckMeasurement | None = None
    replacement: MarrowReplacement | None = None
    replacement_obstacle: str = ""
    ct_head: CtHead | None = None
    planar: PlanarHip | None = None
    planar_obstacle: str = ""
    planar_patterns: Mapping[str, PlanarJudgement] = field(default_factory=dict)
    spect: SpectHip | None = None
    radiograph: RadiographHip | None = None
    radiograph_obstacle: str = ""
    weeks: float | None = None

    @property
    def modality(self) -> str:
        """Modality of the series, ``MR`` where there is none to ask."""
        return self.series.modality if self.series else "MR"

    @property
    def evidence(self) -> Evidence | None:
        """The edema mask on its source; None where nothing was looked at."""
        if self.series is None:
            return None
        digest = self.edema.closed.sha256 if self.edema else None
        return Evidence(self.series.uid, self.series.instance_uids, mask_sha256=digest)

    def unseen(self, *regions: str, least: float) -> str:
        """Say which of the regions lies within the view by less than the share `least`; empty if all are seen."""
        for region in regions:
            share = self.seen.get(region, 0.0)
            if share < least:
                return f"only {100 * share:.0f} % of the {region.replace('_', ' ')} lies within the images"
        return ""
