"""The differential as sections of the report: red flags, then entities, then why, then what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence

from marrowmap.reasoning.differential import JointDifferential
from marrowmap.reasoning.explain import Part
from marrowmap.reasoning.explain import papers
from marrowmap.reasoning.items import item_words
from marrowmap.reasoning.items import phrase
from marrowmap.reasoning.literature import Literature
from marrowmap.reasoning.literature import shipped
from marrowmap.reasoning.observations import Observation
from marrowmap.report.page import Section
from marrowmap.report.page import Table
from marrowmap.terms.entities import ENTITIES
from marrowmap.terms.signs import SIGNS
from marrowmap.values import Joint

Pictures = Mapping[tuple[str, str], Sequence[int]]
"""Kind of picture and side (empty for both) to the numbers of such pictures."""

SHOWN_IN: dict[str, tuple[str, ...]] = {
    "marrow_edema": ("edema",),
    "diffuse_edema": ("edema",),
    "intertrochanteric_demarcation": ("boundary",),
    "trochanter_sparing": ("edema",),
    "medial_head_sparing": ("edema",),
    "acetabular_edema": ("edema",),
    "effusion": ("edema",),
    "subchondral_fracture_line": ("head_map", "head_slices"),
    "neck_fracture_line": ("neck_line",),
    "subchondral_band": ("head_map", "head_slices"),
    "double_line": ("head_slices",),
    "head_collapse": ("head_map", "radiograph_hips"),
    "crescent": ("head_layers",),
    "marrow_replacement": ("bone_fit",),
    "diffuse_hyperemia": ("planar_phases", "planar_curves"),
    "homogeneous_uptake": ("spect_fused",),
    "uptake_demarcation": ("spect_profile", "planar_profile"),
    "cold_area": ("spect_fused", "planar_phases"),
    "focal_osteopenia": ("radiograph_hips", "areal_map"),
}
"""In which pictures a sign can be checked."""

LEAST_SHOWN = 0.01
MOST_LISTED = 4
INTRODUCTION = (
    "What the findings of each joint support, weighed by Bayes' rule with published counts. A probability says how "
    "many of 100 people with these findings would have it, as far as the counts go. Its interval is what the studies, "
    "few and small, leave open. It rests on published patients, has not been validated on any, and settles nothing."
)


def percent(value: float) -> str:
    """Write a probability with no more digits than it deserves."""
    if value < 0.01:
        return "under 1 %"
    return "over 99 %" if value > 0.99 else f"{100 * value:.0f} %"


def _interval(low: float, high: float) -> str:
    return f"{100 * low:.0f} to {100 * high:.0f} %"


def _factor(factor: float) -> str:
    """Write by how much a finding multiplies or divides the odds."""
    sign, size = ("×", factor) if factor >= 1 else ("÷", 1 / factor)
    if size >= 100:
        return f"{sign}\u00a0over\u00a0100"
    return f"{sign}\u00a0{size:.2g}" if size < 10 else f"{sign}\u00a0{size:.0f}"


def _finding(one: Observation) -> str:
    return phrase(one.item, is_present=one.is_present)


def _listed(found: Sequence[Part]) -> str:
    return "; ".join(f"{_finding(part.observation)} ({_factor(part.factor)})" for part in found[:MOST_LISTED])


def _verdict(one: JointDifferential) -> str:
    first, second = one.weighed.ranked[:2]
    place = f"{one.side.value.capitalize()} {one.joint.value}"
    if not any(seen.item in SIGNS for seen in one.observations):
        # What is left is the prior: no image speaks for it.
        return f"{place}: no answer, as {one.abstains}."
    words = [
        f"{_short(share.entity)}, {percent(share.probability)} ({_interval(share.low, share.high)})"
        for share in (first, second)
    ]
    if one.abstains:
        return f"{place}: no answer, as {one.abstains}. Most probable: {words[0]}; then {words[1]}."
    return f"{place}: the findings support most: {words[0]}; then {words[1]}."


def _enough(one: JointDifferential) -> str:
    if not one.abstains:
        return ""
    found = "; ".join(
        f"{' and '.join(_finding(seen) for seen in each.findings)} ({_short(each.entity)}, {percent(each.probability)})"
        for each in one.enough
    )
    return f"What would be enough: {found}." if found else "No one or two further signs would be enough."


def _entities(one: JointDifferential, least: float) -> Table:
    shown = [share for share in one.weighed.ranked if share.probability >= LEAST_SHOWN]
    rows = [
        (
            ENTITIES[share.entity],
            percent(share.probability),
            _interval(share.low, share.high),
            _listed(one.supporting(share.entity, least)),
            _listed(one.opposing(share.entity, least)),
        )
        for share in shown
    ]
    rest = [share for share in one.weighed.ranked if share.probability < LEAST_SHOWN]
    if rest:
        names = ", ".join(ENTITIES[share.entity].split(" (")[0].lower() for share in rest)
        rows.append((f"Each of: {names}", "under 1 %", f"to {100 * max(share.high for share in rest):.0f} %", "", ""))
    columns = ("Entity", "Probability", "95 % interval", "Supported by (odds)", "Against it (odds)")
    return Table(f"Entities, {one.side.value} {one.joint.value}", columns, tuple(rows), numeric=(1, 2))


def _evidence(one: JointDifferential, literature: Literature, pictures: Pictures) -> Table:
    """Lay out each finding with what is published of it in the two entities that lead."""
    leaders = [share.entity for share in one.weighed.ranked[:2]]
    rows = []
    for seen in one.observations:
        numbers = [
            str(number)
            for kind in SHOWN_IN.get(seen.item, ())
            for side in (one.side.value, "")
            for number in pictures.get((kind, side), ())
        ]
        rows.append(
            (
                _finding(seen),
                f"{100 * seen.certainty:.0f} %",
                seen.origin,
                ", ".join(dict.fromkeys(numbers)),
                *(_published(literature, seen, entity, one.joint) for entity in leaders),
            )
        )
    columns = ("Finding", "Certainty", "From", "Picture", *(f"In {_short(entity)}" for entity in leaders))
    if not any(row[3] for row in rows):
        # A course's pictures are in the reports of its exams.
        columns, rows = (*columns[:3], *columns[4:]), [(*row[:3], *row[4:]) for row in rows]
    return Table(f"Evidence, {one.side.value} {one.joint.value}", columns, tuple(rows), numeric=(1,))


def _published(literature: Literature, seen: Observation, entity: str, joint: Joint) -> str:
    """Write what is published; counts and beliefs are of the sign being there, which is said where it is not."""
    text = "; ".join(papers(literature, seen.item, entity, joint))
    return text if seen.is_present else f"{phrase(seen.item, is_present=True)}: {text}"


def _short(entity: str) -> str:
    return "none of these" if entity == "normal" else ENTITIES[entity].split(" (")[0].lower()


def _dose(dose: tuple[float, float]) -> str:
    return "none" if dose[1] == 0 else f"{dose[0]:g} to {dose[1]:g}"


def _next(one: JointDifferential) -> Table | None:
    rows = tuple(
        (
            worth.examination.name,
            f"{worth.bits:.2f} of {worth.entropy:.2f}",
            ", ".join(item_words(item) for item in worth.shows),
            _dose(worth.examination.millisieverts),
            worth.examination.delay,
        )
        for worth in one.examinations[:MOST_LISTED]
    )
    columns = ("Examination", "Expected to tell, bits", "It would show", "Dose, mSv", "When")
    return Table(f"Next examination, {one.side.value} {one.joint.value}", columns, rows) if rows else None


def _nothing_left(one: JointDifferential, literature: Literature) -> tuple[str, ...]:
    """Say so where no examination is worth listing, rather than list none."""
    if one.examinations:
        return ()
    bits = literature.model["answer"]["least_bits"]
    return (f"Next examination: none of those known here is expected to tell {bits:g} bits or more.",)


def _items(one: JointDifferential, literature: Literature) -> tuple[str, ...]:
    """Return doubts: what one error would do, what is missing, what does not count, the prior."""
    leader = one.weighed.ranked[0].entity
    wrong = [each for each in one.if_wrong if each.probability < one.weighed.of(leader).probability][:2]
    lines = [
        f"Were it otherwise than \u201c{_finding(each.observation)}\u201d, {_short(leader)} would stand at "
        f"{percent(each.probability)}" + ("." if each.leader == leader else f", and {_short(each.leader)} would lead.")
        for each in wrong
    ]
    if one.missing:
        lines.append(
            "Not known, the most telling first: " + ", ".join(item_words(item) for item, _ in one.missing) + "."
        )
    lines += [
        f"{item_words(item).capitalize()} is not weighed: {literature.unused[item]}."
        for item in one.unused
        if item in literature.unused
    ]
    shares = ", ".join(
        f"{_short(entity)} {percent(share)}" for entity, share in zip(ENTITIES, one.prior.shares, strict=True)
    )
    lines.append("Odds of single findings must not be multiplied: readings of the same thing count once together.")
    source = f" [{literature.source_name(one.prior.source)}]" if one.prior.source else ""
    lines.append(f"Before any finding ({one.prior.text}{source}): {shares}.")
    return tuple(lines)


def flag_lines(differentials: Sequence[JointDifferential]) -> tuple[str, ...]:
    """Return every red flag as one line, for the head of the report."""
    return tuple(
        f"Red flag, {one.side.value} {one.joint.value}: {flag.text}." for one in differentials for flag in one.flags
    )


def verdict_lines(differentials: Sequence[JointDifferential]) -> tuple[str, ...]:
    """Return one line a joint: what is most probable, or why there is no answer."""
    return tuple(_verdict(one) for one in differentials)


def differential_sections(differentials: Sequence[JointDifferential], pictures: Pictures) -> list[Section]:
    """Return the sections; none where no joint was looked at.

    Parameters
    ----------
    differentials : sequence of JointDifferential
    pictures : mapping
        Numbers of the report's pictures.
    """
    if not differentials:
        return []
    literature = shipped()
    least = float(literature.model["answer"]["least_factor"])
    sections = [Section("differential", "What the findings support", (INTRODUCTION,))]
    for one in differentials:
        place = f"{one.side.value} {one.joint.value}"
        flags = tuple(f"Red flag: {flag.text} [{literature.source_name(flag.source)}]." for flag in one.flags)
        told, tables = [*flags, _verdict(one)], [table for table in (_next(one),) if table is not None]
        doubts = (*_nothing_left(one, literature), *_items(one, literature))
        if one.observations:
            told.append(_enough(one))
            tables = [_entities(one, least), _evidence(one, literature, pictures), *tables]
        else:
            doubts = (_enough(one), *_nothing_left(one, literature))
        key = f"differential-{one.joint.value}-{one.side.value}"
        lines = tuple(line for line in told if line)
        sections.append(Section(key, place.capitalize(), lines, doubts, tuple(tables), level=3))
    return sections


def cited_sources(differentials: Sequence[JointDifferential]) -> list[str]:
    """Return the citation of every paper that the sections name, by name."""
    literature = shipped()
    keys = {flag.source for one in differentials for flag in one.flags} | {one.prior.source for one in differentials}
    for one in differentials:
        leaders = {share.entity for share in one.weighed.ranked[:2]}
        for seen in one.observations:
            item = literature.items[seen.item]
            keys |= {row.source for row in item.counts if row.entity in leaders}
            keys |= {row.source for row in item.stated if row.entity in leaders}
    papers_only = [literature.sources[key] for key in keys if key in literature.sources]
    return sorted(f"{one.name}: {one.citation}" for one in papers_only if one.name != one.citation)
