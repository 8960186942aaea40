"""What marrowmap measures: unit and code of each quantity."""

from __future__ import annotations

from dataclasses import dataclass

from marrowmap.terms.codes import Code
from marrowmap.terms.codes import private

VOLUME = Code("118565006", "SCT", "Volume")
RATIO = Code("118586006", "SCT", "Ratio")
SUV = Code("126401", "DCM", "SUVbw")
AREA = Code("42798000", "SCT", "Area")


@dataclass(frozen=True)
class QuantityDefinition:
    """Unit (UCUM), code and a sentence a radiologist understands."""

    unit: str
    code: Code
    meaning: str


QUANTITIES: dict[str, QuantityDefinition] = {
    "edema_volume": QuantityDefinition("mL", VOLUME, "Integral of edema membership (0 to 1) over marrow"),
    "edema_closed_volume": QuantityDefinition("mL", VOLUME, "Volume of the closed region a reader would draw"),
    "edema_fraction": QuantityDefinition(
        "%", private("edema_fraction", "Edema fraction"), "Edema volume over the marrow volume of the region"
    ),
    "edema_signal_ratio": QuantityDefinition(
        "1", RATIO, "Mean signal of edema over that of reference marrow, fluid-sensitive image"
    ),
    "edema_boundary_position": QuantityDefinition(
        "mm",
        private("edema_boundary_position", "Edema boundary position"),
        "Where edema ends along the neck-shaft midline, from the intertrochanteric plane, + is distal",
    ),
    "edema_boundary_width": QuantityDefinition(
        "mm", private("edema_boundary_width", "Edema boundary width"), "Length over which edema falls from 90 to 10 %"
    ),
    "marrow_t1_ratio": QuantityDefinition("1", RATIO, "Mean T1 signal of edema over that of reference marrow"),
    "replaced_marrow_volume": QuantityDefinition("mL", VOLUME, "Marrow as dark as or darker than muscle on T1"),
    "t1_to_muscle_ratio": QuantityDefinition("1", RATIO, "T1 signal of replaced marrow over that of muscle beside it"),
    "effusion_volume": QuantityDefinition("mL", VOLUME, "Joint fluid"),
    "bone_volume": QuantityDefinition("mL", VOLUME, "Bone with its cortex"),
    "lesion_volume": QuantityDefinition("mL", VOLUME, "Necrotic segment, its band included"),
    "lesion_fraction": QuantityDefinition(
        "%", private("lesion_fraction", "Lesion fraction"), "Necrotic segment over the volume of the femoral head"
    ),
    "kerboul_angle": QuantityDefinition(
        "deg",
        private("kerboul_angle", "Modified Kerboul angle"),
        "Sum of the necrotic arcs in the mid-coronal and mid-sagittal planes (Ha 2006)",
    ),
    "koo_index": QuantityDefinition(
        "1",
        private("koo_index", "Index of necrotic extent"),
        "Both necrotic arcs over 180 degrees, multiplied, times 100",
    ),
    "band_depth_ratio": QuantityDefinition(
        "1",
        private("band_depth_ratio", "Band depth ratio"),
        "Depth of the band below the joint surface over the head's diameter (Ikemura 2018)",
    ),
    "subchondral_line_length": QuantityDefinition(
        "mm", private("subchondral_line_length", "Subchondral line length"), "Length of a fracture line, along it"
    ),
    "subchondral_line_thickness": QuantityDefinition(
        "mm",
        private("subchondral_line_thickness", "Subchondral line thickness"),
        "Full thickness of a fracture line",
    ),
    "head_depression": QuantityDefinition(
        "mm",
        private("head_depression", "Depression of the femoral head"),
        "How far the joint surface lies within the head's own round shape",
    ),
    "joint_space_width": QuantityDefinition(
        "mm",
        private("joint_space_width", "Joint space width"),
        "From the femoral head's bone to the socket's, along lines from the head center",
    ),
    "osteopenia_index": QuantityDefinition(
        "1",
        private("osteopenia_index", "Osteopenia index"),
        "How much less bone mineral a radiograph shows than on the other side: 1 - this side over the other",
    ),
    "texture_ratio": QuantityDefinition(
        "1",
        private("texture_ratio", "Texture ratio"),
        "Fine structure of bone in a radiograph (0.5 to 2 mm, standard deviation), this side over the other",
    ),
    "flow_ratio": QuantityDefinition("1", RATIO, "Blood flow phase of a bone scan, this side over the other"),
    "pool_ratio": QuantityDefinition("1", RATIO, "Blood pool phase of a bone scan, this side over the other"),
    "delayed_ratio": QuantityDefinition("1", RATIO, "Delayed phase of a bone scan, this side over the other"),
    "suv_mean": QuantityDefinition("g/mL", SUV, "Mean standardized uptake value (body weight) over the region's bone"),
    "suv_max": QuantityDefinition("g/mL", SUV, "Greatest mean standardized uptake value over bone in a ball of 1 mL"),
    "suv_min": QuantityDefinition("g/mL", SUV, "Least mean standardized uptake value over bone in a ball of 1 mL"),
    "uptake_ratio": QuantityDefinition("1", RATIO, "Uptake of bone over that of a reference region; see the method"),
    "uptake_boundary_position": QuantityDefinition(
        "mm",
        private("uptake_boundary_position", "Uptake boundary position"),
        "Where raised uptake ends along the neck-shaft midline, from the intertrochanteric plane, + is distal",
    ),
    "uptake_boundary_width": QuantityDefinition(
        "mm",
        private("uptake_boundary_width", "Uptake boundary width"),
        "Length over which raised uptake falls from 90 to 10 %",
    ),
    "cold_area_volume": QuantityDefinition("mL", VOLUME, "Part of the femoral head that takes up less than the rest"),
    "cold_area_contrast": QuantityDefinition(
        "1",
        private("cold_area_contrast", "Cold area contrast"),
        "One less uptake of the cold area over that of the rest of the head",
    ),
    "bmd": QuantityDefinition(
        "g/cm2", private("bmd", "Areal bone mineral density"), "Bone mineral over projected area, by DXA"
    ),
    "bmc": QuantityDefinition("g", private("bmc", "Bone mineral content"), "Bone mineral in the region, by DXA"),
    "area": QuantityDefinition("cm2", AREA, "Projected area of bone in the region, by DXA"),
    "t_score": QuantityDefinition(
        "1", private("t_score", "T-score"), "Standard deviations from the mean of young adults; see the method"
    ),
    "z_score": QuantityDefinition(
        "1", private("z_score", "Z-score"), "Standard deviations from the mean of the same age; see the method"
    ),
    "bmd_change": QuantityDefinition(
        "%", private("bmd_change", "Change of bone density"), "Of the same region and side, against an earlier exam"
    ),
    "bmd_side_difference": QuantityDefinition(
        "%",
        private("bmd_side_difference", "Side difference of bone density"),
        "This side less the other, over the other",
    ),
    "least_significant_change": QuantityDefinition(
        "g/cm2",
        private("least_significant_change", "Least significant change"),
        "Least change between two exams that measurement error does not explain (95 %)",
    ),
    "bone_volume_fraction": QuantityDefinition(
        "1",
        private("bone_volume_fraction", "Bone volume fraction"),
        "Trabecular bone over the volume of the region; apparent where the method says so",
    ),
    "trabecular_thickness": QuantityDefinition(
        "mm",
        private("trabecular_thickness", "Trabecular thickness"),
        "Mean diameter of the largest balls within bone",
    ),
    "trabecular_separation": QuantityDefinition(
        "mm",
        private("trabecular_separation", "Trabecular separation"),
        "Mean diameter of the largest balls between trabeculae",
    ),
    "trabecular_number": QuantityDefinition(
        "1/mm", private("trabecular_number", "Trabecular number"), "One over the mean distance of trabeculae"
    ),
    "connectivity_density": QuantityDefinition(
        "1/mm3",
        private("connectivity_density", "Connectivity density"),
        "Connections that could be cut without parting bone, over volume",
    ),
    "degree_of_anisotropy": QuantityDefinition(
        "1", private("degree_of_anisotropy", "Degree of anisotropy"), "Longest over shortest axis of the fabric"
    ),
    "structure_model_index": QuantityDefinition(
        "1", private("structure_model_index", "Structure model index"), "0 for plates, 3 for rods, 4 for balls"
    ),
    "plate_rod_ratio": QuantityDefinition(
        "1", private("plate_rod_ratio", "Plate-to-rod ratio"), "Surface over curve voxels of the skeleton"
    ),
    "plate_tissue_fraction": QuantityDefinition(
        "1",
        private("plate_tissue_fraction", "Plate tissue fraction"),
        "Share of trabecular bone volume that is plates, the rest rods (pBV/BV)",
    ),
    "erosion_index": QuantityDefinition(
        "1",
        private("erosion_index", "Erosion index"),
        "Skeleton voxels that resorption makes more of over those it takes",
    ),
}


def require_quantity(name: str) -> QuantityDefinition:
    """Return the definition of quantity `name`.

    Raises
    ------
    ValueError
        If there is no such quantity.
    """
    if name not in QUANTITIES:
        raise ValueError(f"unknown quantity {name!r}: use one of {', '.join(QUANTITIES)}")
    return QUANTITIES[name]
