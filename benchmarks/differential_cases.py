"""What the findings of the described cases in docs/examples support: ``python benchmarks/differential_cases.py``."""

from __future__ import annotations

from pathlib import Path

from marrowmap.reasoning.cases import Case
from marrowmap.reasoning.cases import read_case
from marrowmap.reasoning.differential import JointDifferential
from marrowmap.reasoning.items import item_words
from marrowmap.terms.entities import ENTITIES

CASES = sorted((Path(__file__).resolve().parents[1] / "docs" / "examples").glob("case_*.toml"))


def _shares(one: JointDifferential, count: int = 3) -> str:
    return "; ".join(
        f"{share.entity} {share.probability:.2f} ({share.low:.2f} to {share.high:.2f})"
        for share in one.weighed.ranked[:count]
    )


def _print(case: Case) -> None:
    first, last = case.weigh(with_course=False), case.weigh()
    print(f"{case.title} ({case.joint.value})")
    print(f"  findings:    {_shares(first)}")
    print(f"  answer:      {'none: ' + first.abstains if first.abstains else first.weighed.ranked[0].entity}")
    print(f"  with course: {_shares(last)}")
    print(f"  answer:      {'none: ' + last.abstains if last.abstains else last.weighed.ranked[0].entity}")
    for flag in first.flags:
        print(f"  red flag:    {flag.id}")
    wrong = first.if_wrong[0]
    print(
        f"  if wrong:    {item_words(wrong.observation.item)} {wrong.observation.word}: "
        f"{wrong.probability:.2f}, then {wrong.leader} leads"
    )
    for worth in first.examinations[:2]:
        low, high = worth.examination.millisieverts
        told = f"{worth.bits:.2f} of {worth.entropy:.2f} bits, {low:g} to {high:g} mSv"
        print(f"  next:        {worth.examination.name}: {told}")
    missing = ", ".join(f"{item_words(item)} {bits:.2f}" for item, bits in first.missing[:3])
    print(f"  missing:     {missing} (bits)")


def main() -> None:
    """Print every case."""
    print(f"{len(ENTITIES)} entities, {len(CASES)} cases")
    for path in CASES:
        _print(read_case(path))


if __name__ == "__main__":
    main()
