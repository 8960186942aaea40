"""``marrowmap cohort``: courses of several people, and published series, with exact intervals."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Annotated
from typing import Any

import typer

from marrowmap.cli.console import Json
from marrowmap.cli.console import answer
from marrowmap.cli.console import say
from marrowmap.course.proportions import Proportion
from marrowmap.course.proportions import Resolution
from marrowmap.workflow.cohort import gather_cohort


def _percent(proportion: Proportion) -> str:
    return (
        f"{proportion.count} of {proportion.total}, {100 * proportion.value:.0f} % "
        f"(exact 95 %: {100 * proportion.low:.1f} to {100 * proportion.high:.1f} %)"
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _curve(resolution: Resolution) -> dict[str, Any]:
    rows = asdict(resolution)
    return {name: _finite(value) if isinstance(value, float) else value for name, value in rows.items()}


def _tell(resolution: Resolution) -> None:
    say(f"episodes: {resolution.episodes}, of them over: {resolution.ended}")
    for point in zip(
        resolution.months, resolution.at_risk, resolution.remaining, resolution.low, resolution.high, strict=True
    ):
        months, at_risk, remaining, low, high = point
        share = f"{100 * remaining:3.0f} % not over ({100 * low:.0f} to {100 * high:.0f})"
        say(f"{months:6.1f} months  {at_risk:4d} at risk  {share}")
    ends = [f"{m:.1f}" if math.isfinite(m) else "none" for m in (resolution.median_low, resolution.median_high)]
    median = f"{resolution.median:.1f} months" if math.isfinite(resolution.median) else "not reached"
    say(f"median {median} (95 %: {ends[0]} to {ends[1]})")


def command(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...", help="Folders of marrowmap follow, a series as TOML, or gemmel2012, which is shipped."
        ),
    ],
    json: Json = False,
) -> None:
    """Count over people: proportions with exact intervals, times to resolution by Kaplan and Meier."""
    cohort = gather_cohort(sources)
    for series in cohort.series:
        about = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in series.about.items())
        say(f"{series.name}: {series.episodes} episodes, {series.people} people; {about}")
        for what, proportion in series.counts:
            say(f"  {what}: {_percent(proportion)}")
        for what, people in series.outcomes:
            say(f"  outcome {what}: {people} of {series.people} people")
        say(f"  {series.note} {series.citation}")
    if cohort.resolution is not None:
        _tell(cohort.resolution)
        unknown = sum(episode.onset == "unknown" for episode in cohort.episodes)
        if unknown:
            say(f"note: of {unknown} the onset is unknown: they count from the first exam, which is too short")
        revised = sum(episode.outcome == "revised" for episode in cohort.episodes)
        if revised:
            say(
                f"note: {revised} revised to something else: counted as not over up to the last exam (censored), which "
                "makes resolution look slower than among those that were what they were taken for"
            )
    if json:
        answer(
            {
                "schema": "marrowmap/1",
                "series": [
                    {
                        "name": series.name,
                        "people": series.people,
                        "episodes": series.episodes,
                        **series.about,
                        "counts": [{"what": what, **asdict(p), "value": p.value} for what, p in series.counts],
                        "outcomes": [{"what": what, "people": number} for what, number in series.outcomes],
                        "note": series.note,
                        "citation": series.citation,
                    }
                    for series in cohort.series
                ],
                "episodes": [asdict(episode) for episode in cohort.episodes],
                "resolution": _curve(cohort.resolution) if cohort.resolution else None,
            }
        )
