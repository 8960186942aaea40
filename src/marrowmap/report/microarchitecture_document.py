"""The report of trabecular structure as data; HTML only lays it out."""

from __future__ import annotations

from importlib import metadata

from marrowmap.measure.microarchitecture import Regime
from marrowmap.measure.microarchitecture_sides import SideComparison
from marrowmap.measure.paired_difference import PairedDifference
from marrowmap.report.microarchitecture_figures import draw_difference
from marrowmap.report.microarchitecture_figures import draw_maps
from marrowmap.report.microarchitecture_figures import draw_parts
from marrowmap.report.microarchitecture_result import MicroResult
from marrowmap.report.page import Document
from marrowmap.report.page import Plate
from marrowmap.report.page import Section
from marrowmap.report.page import Table
from marrowmap.report.wording import STATE_WORDS
from marrowmap.report.wording import load_reportlets
from marrowmap.report.wording import number_text
from marrowmap.terms.quantities import QUANTITIES

REGIME_WORDS = {
    Regime.RESOLVED: "Resolved: the voxels show single trabeculae, which are measured one by one.",
    Regime.APPARENT: (
        "Apparent: voxels are as large as trabeculae, so that each holds bone and marrow. Numbers compare within one "
        "protocol, not with HR-pQCT or histology; thickness is refused."
    ),
}
LIMITS = (
    "Everything depends on the region given: another region is another answer.",
    "No reference values are given; sides are compared with each other, not with other people.",
    "How much trabecular structure differs between the sides of well people is not published; the range used is a "
    "choice, named in the table of sources.",
    "Accuracy is measured on virtual bone and on single real blocks, not on patients.",
    "This report names measurements and signs. It makes no diagnosis.",
)
LITERATURE = (
    "Bouxsein et al. J Bone Miner Res 2010;25:1468-1486 (micro-CT, definitions).",
    "Whittier et al. Osteoporos Int 2020;31:1607-1627 (HR-pQCT: voxels, motion).",
    "Hildebrand and Ruegsegger. J Microsc 1997;185:67-75 (thickness).",
    "Hildebrand et al. J Bone Miner Res 1999;14:1167-1174 (trabecular number).",
    "Odgaard and Gundersen. Bone 1993;14:173-182 (connectivity).",
    "Harrigan and Mann. J Mater Sci 1984;19:761-767 (fabric).",
    "Gomberg et al. IEEE Trans Med Imaging 2000;19:166-174 (plates and rods).",
    "Berman et al. 2016 (deterioration at the distal femur, 7 T).",
)


def build_microarchitecture_document(result: MicroResult) -> Document:
    """Put the report together."""
    fixed = load_reportlets()
    plates: list[Plate] = []
    drawn = (*draw_maps(result), draw_difference(result), draw_parts(result))
    for picture in drawn:
        if picture is not None:
            text = fixed["pictures"][picture.key]
            plates.append(Plate(len(plates) + 1, text["title"], text["text"], text["good"], text["bad"], picture))
    maps = [plate for plate in plates if plate.picture.key in ("micro_thickness", "micro_fraction")]
    sides = [plate for plate in plates if plate not in maps]
    sections = [
        Section("regime", "What the voxels allow", (REGIME_WORDS[result.this.measured.regime],), result.notes),
        *_findings(result),
        _measures(result, tuple(maps)),
        *_refused(result),
        *_sides(result, tuple(sides)),
        Section("limits", "Limits", items=LIMITS),
        Section("literature", "Literature", items=LITERATURE),
    ]
    image = result.this.image
    facts = (
        ("Subject", image.subject.person_id or "not given"),
        ("Examination", image.date or "date not given"),
        ("Image", image.name),
        ("Side", result.this.words),
        ("Joint", result.joint.value if result.joint else "not said"),
        ("Regime", result.this.measured.regime.value),
    )
    return Document(
        "Trabecular structure", fixed["notice"], facts, result.warnings, tuple(sections), metadata.version("marrowmap")
    )


def _findings(result: MicroResult) -> list[Section]:
    rows = tuple(
        (
            f"{f.side.value} {f.joint.value}",
            f.sign.replace("_", " "),
            STATE_WORDS[f.state],
            "" if f.certainty is None else f"{100 * f.certainty:.0f} %",
            "" if f.smallest_detectable is None else f"{f.smallest_detectable.value:.0f} {f.smallest_detectable.unit}",
            f.note,
        )
        for f in result.findings
    )
    if not rows:
        return []
    columns = ("Joint", "Sign", "State", "Certainty", "Smallest detectable", "Why")
    return [
        Section(
            "findings",
            "Sign",
            tables=(Table("Sign", columns, rows, numeric=(3, 4), state_column=2, text_last=True),),
        )
    ]


def _measures(result: MicroResult, maps: tuple[Plate, ...]) -> Section:
    names = [name for name in QUANTITIES if any(name in side.measured.values for side in result.sides)]
    methods = list(dict.fromkeys(m for side in result.sides for m in side.measured.methods.values()))
    rows = []
    for name in names:
        cells: list[str] = []
        used: list[str] = []
        for side in result.sides:
            quantity = side.measured.values.get(name)
            cells.append(number_text(quantity.value) if quantity else "refused")
            low = quantity.low if quantity else None
            high = quantity.high if quantity else None
            cells.append("" if low is None else f"{number_text(low)} to {number_text(high)}")
            if quantity:
                used.append(str(methods.index(side.measured.methods[name]) + 1))
        unit = QUANTITIES[name].unit
        rows.append(
            (
                name.replace("_", " "),
                "" if unit == "1" else unit,
                *cells,
                ", ".join(dict.fromkeys(used)),
                QUANTITIES[name].meaning,
            )
        )
    heads = [text for side in result.sides for text in (side.words.capitalize(), "95 % interval")]
    table = Table(
        "Measures of the region",
        ("Measure", "Unit", *heads, "Method", "Meaning"),
        tuple(rows),
        numeric=tuple(range(2, 2 + len(heads))),
        text_last=True,
    )
    items = tuple(f"Method {n}: {text}" for n, text in enumerate(methods, start=1))
    return Section("measures", "Measures", items=items, tables=(table,), plates=maps)


def _refused(result: MicroResult) -> list[Section]:
    rows = tuple(
        (side.words, name.replace("_", " "), reason)
        for side in result.sides
        for name, reason in side.measured.refused.items()
    )
    if not rows:
        return []
    table = Table("Not given", ("Side", "Measure", "Why"), rows, text_last=True)
    return [Section("refused", "What was refused, and why", tables=(table,))]


def _sides(result: MicroResult, plates: tuple[Plate, ...]) -> list[Section]:
    comparison = result.comparison
    if comparison is None:
        return [Section("sides", "The other side", ("Not given.",))]
    rows = tuple(
        (
            one.quantity.replace("_", " "),
            one.part,
            number_text(one.this),
            number_text(one.other),
            f"{one.percent + 0.0:+.1f}".replace("-", "−"),
            _interval_text(one),
            "" if one.repeat_limit is None else f"±{one.repeat_limit:.1f}",
            "" if one.side_limit is None else f"±{one.side_limit:.1f}",
        )
        for one in comparison.differences
    )
    table = Table(
        "This side against the other, in mirrored bone coordinates",
        ("Measure", "Part", "This side", "Other side", "Difference, %", "95 % interval", "Error, %", "Well sides, %"),
        rows,
        numeric=(2, 3, 4, 5, 6, 7),
    )
    paragraphs = (
        "Parts are thirds along the bone and quadrants across it, set on this side and carried to the other. No "
        "repeatability is published for parts: they are shown, not judged.",
    )
    return [Section("sides", "Against the other side", paragraphs, _side_notes(comparison), (table,), plates)]


def _interval_text(one: PairedDifference) -> str:
    if one.interval is None:
        return ""
    low, high = one.interval
    return f"{low:+.1f} to {high:+.1f}".replace("-", "−")


def _side_notes(comparison: SideComparison) -> tuple[str, ...]:
    return (
        f"Sides matched by {comparison.match.how}.",
        *(f"Bone volume of the whole region: {one.method}." for one in comparison.differences if one.gain != 1),
        *(f"{text}." for text in comparison.precision.sources),
        *(f"Not compared: {text}." for text in comparison.left_out),
        f"The map averages bone over boxes of {comparison.smoothing_mm:.2g} mm, thrice.",
    )
