"""One joint's differential: probabilities, reasons, doubts, next step. It abstains where evidence is not enough."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass

from marrowmap.reasoning.clinical_items import clinical_observations
from marrowmap.reasoning.course_items import CourseSeen
from marrowmap.reasoning.course_items import course_observations
from marrowmap.reasoning.examinations import Worth
from marrowmap.reasoning.examinations import rank_examinations
from marrowmap.reasoning.explain import Enough
from marrowmap.reasoning.explain import IfWrong
from marrowmap.reasoning.explain import Part
from marrowmap.reasoning.explain import barred_entities
from marrowmap.reasoning.explain import enough
from marrowmap.reasoning.explain import if_wrong
from marrowmap.reasoning.explain import missing
from marrowmap.reasoning.explain import parts
from marrowmap.reasoning.explain import why_abstain
from marrowmap.reasoning.lint import require_sound
from marrowmap.reasoning.literature import Literature
from marrowmap.reasoning.literature import shipped
from marrowmap.reasoning.observations import Observation
from marrowmap.reasoning.observations import merge
from marrowmap.reasoning.observations import observation_of
from marrowmap.reasoning.observations import require_one_joint
from marrowmap.reasoning.priors import Prior
from marrowmap.reasoning.priors import prior_of
from marrowmap.reasoning.priors import stated_prior
from marrowmap.reasoning.red_flags import RedFlag
from marrowmap.reasoning.red_flags import red_flags
from marrowmap.reasoning.tables import build_tables
from marrowmap.reasoning.weigh import Weighed
from marrowmap.reasoning.weigh import weigh
from marrowmap.terms.signs import SIGNS
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Measurement
from marrowmap.values import Side
from marrowmap.values import Subject
from marrowmap.values.clinical import ClinicalForm


@dataclass(frozen=True)
class JointDifferential:
    """What the findings at one joint support.

    Parameters
    ----------
    date : str
    joint, side : Joint, Side
    flags : tuple of RedFlag
        To be told first.
    weighed : Weighed
        Probability of each entity, its interval, and how often the leading one leads.
    abstains : str
        Why no answer is given; empty if one is.
    enough : tuple of Enough
        Findings that would be enough; only where it abstains.
    observations : tuple of Observation
        What was weighed.
    parts : tuple of Part
    if_wrong : tuple of IfWrong
    missing : tuple of (str, float)
        What is not known, and the bits it is expected to tell.
    examinations : tuple of Worth
    unused : tuple of str
        Clear signs that do not enter the number.
    prior : Prior
    version : str
    """

    date: str
    joint: Joint
    side: Side
    flags: tuple[RedFlag, ...]
    weighed: Weighed
    abstains: str
    enough: tuple[Enough, ...]
    observations: tuple[Observation, ...]
    parts: tuple[Part, ...]
    if_wrong: tuple[IfWrong, ...]
    missing: tuple[tuple[str, float], ...]
    examinations: tuple[Worth, ...]
    unused: tuple[str, ...]
    prior: Prior
    version: str

    def supporting(self, entity: str, least: float) -> tuple[Part, ...]:
        """Return what supports an entity by a factor of at least `least`, the strongest first."""
        mine = [part for part in self.parts if part.entity == entity and part.factor >= least]
        return tuple(sorted(mine, key=lambda part: (-round(part.factor, 6), part.observation.item)))

    def opposing(self, entity: str, least: float) -> tuple[Part, ...]:
        """Return what speaks against an entity by a factor of at least `least`, the strongest first."""
        mine = [part for part in self.parts if part.entity == entity and part.factor <= 1 / least]
        return tuple(sorted(mine, key=lambda part: (round(part.factor, 6), part.observation.item)))


def choose_prior(form: ClinicalForm | None, where: str = "clinical form") -> Prior:
    """Return the prior a form asks for, else the default setting's."""
    if form is not None and form.prior:
        return stated_prior(form.prior, where)
    return prior_of(form.setting if form is not None else "")


def differential(
    findings: Sequence[Finding],
    joint: Joint,
    side: Side,
    *,
    subject: Subject | None = None,
    measurements: Sequence[Measurement] = (),
    form: ClinicalForm | None = None,
    course: CourseSeen | None = None,
    prior: Prior | None = None,
    literature: Literature | None = None,
    persons: Iterable[str] = (),
) -> JointDifferential:
    """Weigh the findings of one joint of one person at one exam.

    Parameters
    ----------
    findings : sequence of Finding
        All of this joint; NOT_ASSESSABLE and UNDETERMINED say nothing.
    joint, side : Joint, Side
    subject : Subject, optional
        Sex and age of the images' header.
    measurements : sequence of Measurement
        For the red flags, and for edema that no sign explains.
    form : ClinicalForm, optional
    course : CourseSeen, optional
    prior : Prior, optional
        Instead of the form's or the default setting's.
    literature : Literature, optional
        Instead of the shipped one.
    persons : iterable of str
        Identifiers of whom the findings are.

    Raises
    ------
    GeometryError
        If findings are of two joints, sides or persons.
    InputError
        If a sign is both present and absent, or the evidence cannot be checked.
    """
    require_one_joint(findings, joint, side, persons)
    literature = literature or shipped()
    require_sound(literature)
    nodes = build_tables(literature, joint)
    prior = prior or choose_prior(form)
    subject = subject or Subject()
    clear = [one for one in map(observation_of, findings) if one is not None]
    every = merge([*clear, *clinical_observations(form, subject), *course_observations(course)])
    weighed_items = {item for node in nodes for item in node.items}
    seen = tuple(one for one in every if one.item in weighed_items)
    answer = literature.model["answer"]
    result = weigh(nodes, prior, seen, draws=answer["draws"], seed=answer["seed"])
    is_imaged = any(one.item in SIGNS for one in seen)
    barred = barred_entities(literature, measurements, joint, side)
    reason = why_abstain(result, answer, barred) if is_imaged else "no imaging sign of this joint is clear"
    age = form.age_years if form is not None and form.age_years is not None else subject.age_years
    return JointDifferential(
        date=next((finding.date for finding in findings if finding.date), ""),
        joint=joint,
        side=side,
        # A sign that is called present is flagged however unsure it is, though it may be too unsure to weigh.
        flags=red_flags([*clear, *every], measurements, joint, side, age),
        weighed=result,
        abstains=reason,
        enough=enough(literature, nodes, prior, seen, joint, barred=barred) if reason else (),
        observations=seen,
        parts=parts(nodes, prior, seen),
        if_wrong=if_wrong(nodes, prior, seen),
        missing=missing(literature, nodes, prior, seen, joint),
        examinations=rank_examinations(literature, nodes, prior, seen, joint),
        unused=tuple(one.item for one in every if one.item not in weighed_items),
        prior=prior,
        version=literature.version,
    )


def differentials(
    findings: Sequence[Finding],
    *,
    subject: Subject,
    measurements: Sequence[Measurement] = (),
    form: ClinicalForm | None = None,
) -> tuple[JointDifferential, ...]:
    """Weigh every joint of one exam on its own, by joint, right before left."""
    places = [(joint, side) for joint in Joint for side in (Side.RIGHT, Side.LEFT)]
    return tuple(
        differential(mine, joint, side, subject=subject, measurements=measurements, form=form)
        for joint, side in places
        if (mine := [one for one in findings if (one.joint, one.side) == (joint, side)])
    )
