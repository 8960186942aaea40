"""What one hip of a virtual person has, whatever the disease."""

from __future__ import annotations

from dataclasses import dataclass

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Wave:
    """One ripple of a band: a sine through the bone.

    Parameters
    ----------
    per_mm : tuple of float
        Its wave vector in bone coordinates, radians a mm.
    phase : float
    height_mm : float
    """

    per_mm: Vector
    phase: float
    height_mm: float


@dataclass(frozen=True)
class Necrosis:
    """A necrotic segment of a femoral head and the band around it; see :mod:`marrowmap.phantom.onfh`.

    Parameters
    ----------
    toward : tuple of float
        Unit vector from the head center to the segment's middle, in bone coordinates.
    half_angle_deg : float
        Between `toward` and the place where the band's outer border reaches the joint surface, ripples aside.
    depth_radii : float
        Of the band's outer border below the joint surface along `toward`, in head radii.
    interior : str
        Mitchell's signal class of what lies within the band: ``fat``, ``blood``, ``fluid`` or ``fibrous``.
    granulation_mm, sclerosis_mm : float
        Thickness of the band's inner and outer part.
    double_line : bool
        Whether the inner part is bright where fluid is.
    edema_reach_mm : float
        How far edema spreads from the band; it is there if the lesion's ``amount`` is above 0.
    waves : tuple of Wave
        What makes the band serpentine.
    depression_mm : float
        How far the joint surface over the segment has sunk at `toward`; see :mod:`marrowmap.phantom.collapse`.
    """

    toward: Vector
    half_angle_deg: float
    depth_radii: float
    interior: str
    granulation_mm: float = 1.3
    sclerosis_mm: float = 1.2
    double_line: bool = True
    edema_reach_mm: float = 0.0
    waves: tuple[Wave, ...] = ()
    depression_mm: float = 0.0

    @property
    def band_mm(self) -> float:
        """Thickness of the whole band."""
        return self.granulation_mm + self.sclerosis_mm


@dataclass(frozen=True)
class FractureLine:
    """A fracture under the joint surface of the head; see :mod:`marrowmap.phantom.fracture`.

    Parameters
    ----------
    toward : tuple of float
        Unit vector from the head center to the line's middle, in bone coordinates.
    length_mm : float
        In the bone's coronal plane, measured along the line, to where it is half as dark.
    breadth_mm : float
        The same from front to back: its outline is an ellipse.
    depth_mm : float
        Of the middle of its thickness below the bone's surface, at `toward`, ripples aside.
    thickness_mm : float
        Full thickness.
    bow_mm : float
        How much deeper its ends lie than its middle: 0 runs parallel to the joint surface, more is convex toward it. It
        never turns up to the surface.
    filling : str
        ``bone`` (impacted trabeculae, dark in every MR sequence and dense in CT), ``fluid`` or ``gas`` (an open cleft,
        lucent in CT). Gas is never drawn by chance: clefts with fluid are the harder ones to see.
    waves : tuple of Wave
        What makes it irregular.
    depression_mm : float
        How far the joint surface over it has sunk.
    """

    toward: Vector
    length_mm: float
    breadth_mm: float
    depth_mm: float
    thickness_mm: float
    bow_mm: float = 0.0
    filling: str = "bone"
    waves: tuple[Wave, ...] = ()
    depression_mm: float = 0.0


@dataclass(frozen=True)
class CrossLine:
    """A fracture line across the neck: a flat sheet from the cortex into the marrow, perpendicular to the cortex.

    Parameters
    ----------
    start : tuple of float
        Where it leaves the cortex, mm in bone coordinates.
    way, normal : tuple of float
        Unit vectors in bone coordinates: into the bone, and perpendicular to the sheet.
    length_mm, breadth_mm, thickness_mm : float
        Along `way`, across it within the sheet, and through the sheet.
    waves : tuple of Wave
        What makes it irregular.
    """

    start: Vector
    way: Vector
    normal: Vector
    length_mm: float
    breadth_mm: float
    thickness_mm: float
    waves: tuple[Wave, ...] = ()


@dataclass(frozen=True)
class Blob:
    """A ball of edema.

    Parameters
    ----------
    center : tuple of float
        mm in bone coordinates.
    radius_mm : float
        To where membership is one half.
    edge_mm : float
        10-90 % width of its end.
    ripple_mm : float
        How far its end waves.
    bone : str
        ``femur`` or ``hip_bone``: whose marrow it lies in.
    """

    center: Vector
    radius_mm: float
    edge_mm: float
    ripple_mm: float = 1.5
    bone: str = "femur"


@dataclass(frozen=True)
class Mass:
    """Something that takes the place of marrow and trabeculae, with a sharp edge: balls that may overlap.

    Parameters
    ----------
    balls : tuple of (tuple of float, float)
        Centers, mm in bone coordinates, and radii in mm.
    tissue : str
        A key of the tissue table.
    rim_mm : float
        Thickness of the sclerosis around it, within the radii.
    breaks_cortex : bool
        Whether it goes on through the cortex into the soft tissue, as far as its balls reach.
    ripple_mm : float
        How far its edge waves.
    bone : str
        ``femur`` or ``hip_bone``.
    """

    balls: tuple[tuple[Vector, float], ...]
    tissue: str
    rim_mm: float = 0.0
    breaks_cortex: bool = False
    ripple_mm: float = 0.0
    bone: str = "femur"


@dataclass(frozen=True)
class Wear:
    """A worn joint; see :mod:`marrowmap.phantom.osteoarthritis`.

    Parameters
    ----------
    toward : tuple of float
        Unit vector in bone coordinates, where the joint space is narrowest.
    narrowing_mm : float
        Of the joint space there.
    osteophyte_mm : float
        Greatest height of the bone that has grown around the head's margin.
    """

    toward: Vector
    narrowing_mm: float
    osteophyte_mm: float


@dataclass(frozen=True)
class Lesion:
    """What one hip has.

    Parameters
    ----------
    boundary_mm : float
        Where the edema of transient osteoporosis ends, from the intertrochanteric plane along its normal, + is distal;
        on the medial side as far from the level of the lesser trochanter's upper edge.
    width_mm : float
        10-90 % width of its end along the plane's normal.
    amount : float
        Share of marrow fat that edema replaces where membership is 1; 0: no edema. It fades as the hip recovers, while
        membership stays what it is: how much of a place is edematous, not how wet it is there.
    medial_sparing : bool
    fracture_line : FractureLine or None
        With `necrosis`, the crescent: a fracture through the dead bone under the joint surface.
    effusion_mm : float
        How far the capsule stands off the neck in front; a well hip's is 0.
    acetabular_edema : bool
    necrosis : Necrosis or None
        With it, edema surrounds the segment and `boundary_mm` says nothing.
    blobs : tuple of Blob
        With any, they are the edema, and `boundary_mm` says nothing.
    masses : tuple of Mass
    cross_line : CrossLine or None
    wear : Wear or None
    bone_loss : float
        Share of bone mineral that head and neck have lost, 0 to 1; see :mod:`marrowmap.phantom.bone_loss`. X-ray
        pictures alone show it.
    weeks : float or None
        Since onset, where the disease has a course.
    """

    boundary_mm: float = 0.0
    width_mm: float = 8.0
    amount: float = 0.0
    medial_sparing: bool = False
    fracture_line: FractureLine | None = None
    effusion_mm: float = 0.0
    acetabular_edema: bool = False
    necrosis: Necrosis | None = None
    blobs: tuple[Blob, ...] = ()
    masses: tuple[Mass, ...] = ()
    cross_line: CrossLine | None = None
    wear: Wear | None = None
    bone_loss: float = 0.0
    weeks: float | None = None


WELL = Lesion()
