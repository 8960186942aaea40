"""A reader study from protocol to report with virtual readers: the design of Gemmel 2012, 12 episodes in 10 people."""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marrowmap.phantom import write_virtual_exam
from marrowmap.phantom.findings import true_findings
from marrowmap.readers.adjudication import open_adjudication
from marrowmap.readers.protocol import SCHEMA
from marrowmap.readers.virtual_reader import VirtualReader
from marrowmap.readers.virtual_reader import read_virtually
from marrowmap.values import Side
from marrowmap.workflow.steps import Progress
from marrowmap.workflow.steps import silent
from marrowmap.workflow.study import init_study
from marrowmap.workflow.study import new_folder
from marrowmap.workflow.study_report import write_study_report

KIND = "toh"
EPISODES = 12
MODALITIES = {"MR": "mr", "NM": "scan", "DX": "dx"}
READERS = {
    "r1": VirtualReader(sensitivity=0.97, specificity=0.98, undetermined=0.01, separation=2.5),
    "r2": VirtualReader(sensitivity=0.94, specificity=0.96, undetermined=0.02, separation=2.0),
    "r3": VirtualReader(sensitivity=0.90, specificity=0.94, undetermined=0.03, separation=1.6),
}
"""Stated error rates; choices, as the paper gives none."""
ADJUDICATOR = VirtualReader(sensitivity=0.98, specificity=0.98, undetermined=0.0, separation=2.5)


@dataclass(frozen=True)
class Episode:
    """One episode: a seed is a person, who may have it on either side, one after the other."""

    id: str
    person: str
    seed: int
    side: Side


def draw_episodes(first_seed: int) -> tuple[Episode, ...]:
    """Return 12 episodes of 10 people: two of them have one on each side."""
    people = [(0, Side.LEFT), (0, Side.RIGHT), (1, Side.LEFT), (1, Side.RIGHT)]
    people += [(number, (Side.LEFT, Side.RIGHT)[number % 2]) for number in range(2, 10)]
    return tuple(
        Episode(f"e{n:02d}", f"p{number + 1:02d}", first_seed + number, side)
        for n, (number, side) in enumerate(people, start=1)
    )


def _truth_of(rows: Sequence[Mapping[str, Any]], side: Side) -> dict[str, str]:
    """Return a case's truth from finding rows: by modality and sign, and what it is."""
    truth = {
        f"{MODALITIES[row['modality']]}.{row['sign']}": str(row["state"])
        for row in rows
        if row["side"] == side.value and row["modality"] in MODALITIES
    }
    return truth | {"transient_osteoporosis": "present"}


def _without_images(out: Path, episode: Episode, progress: Progress) -> tuple[str, dict[str, str]]:
    return "", _truth_of(true_findings(KIND, episode.seed, episode.side), episode.side)


def _with_images(out: Path, episode: Episode, progress: Progress) -> tuple[str, dict[str, str]]:
    folder = out / "exams" / episode.id
    modalities = tuple(MODALITIES.values())
    write_virtual_exam(KIND, folder, seed=episode.seed, modalities=modalities, side=episode.side, progress=progress)
    rows = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["findings"]
    return f"exams/{episode.id}/dicom", _truth_of(rows, episode.side)


def _protocol(seed: int, cases: Sequence[str]) -> str:
    number = len(cases)
    episodes = "episode" if number == 1 else "episodes"
    readers = "\n".join(f'[[readers]]\nid = "{name}"' for name in READERS)
    repeated = ", ".join(f'"e{n:02d}"' for n in range(1, min(number, 6) + 1))
    return f"""# The design of Gemmel 2012 with virtual people and virtual readers.
schema = "{SCHEMA}"
name = "gemmel-virtual"
title = "Transient osteoporosis of the hip: three virtual readers, {number} {episodes}, three modalities"
seed = {seed}

{readers}
[[readers]]
id = "judge"
role = "adjudicator"

[[sessions]]
id = "apart"
modalities = ["dx", "scan", "mr"]
view = "separate"
form = "hip_signs"

[[sessions]]
id = "together"
modalities = ["dx", "scan", "mr"]
view = "combined"
form = "hip_signs"

[[sessions]]
id = "again"
modalities = ["dx", "scan", "mr"]
view = "separate"
form = "hip_signs"
repeats = "apart"
cases = [{repeated}]

[[sessions]]
id = "settle"
kind = "adjudication"
of = "together"

{"".join(cases)}"""


def _case(episode: Episode, source: str, truth: Mapping[str, str]) -> str:
    images = ", ".join(f'{{modality = "{name}", source = "{source}"}}' for name in ("dx", "scan", "mr"))
    lines = "\n".join(f'"{name}" = "{state}"' for name, state in sorted(truth.items()))
    return (
        f'[[cases]]\nid = "{episode.id}"\nperson = "{episode.person}"\nside = "{episode.side.value}"\n'
        f"images = [{images}]\n[cases.truth]\n{lines}\n\n"
    )


def _combined(truth: dict[str, str]) -> dict[str, str]:
    """Add what is true of a joint whatever is shown: a combined read finds a sign where one modality shows it."""
    whole: dict[str, str] = {}
    for name, state in sorted(truth.items()):
        sign = name.partition(".")[2]
        if sign and whole.get(sign) != "present":
            whole[sign] = state if state != "not_assessable" else whole.get(sign, state)
    return whole | truth


TakeEpisode = Callable[[Path, Episode, Progress], tuple[str, dict[str, str]]]


def run_study_demo(
    out: Path,
    *,
    seed: int = 1,
    images: bool = False,
    episodes: int = EPISODES,
    progress: Progress = silent,
    take: TakeEpisode | None = None,
) -> Path:
    """Run a whole study into a new folder: protocol, study, virtual reads, adjudication, lock, report.

    Parameters
    ----------
    out : Path
        Gets ``study.toml``, ``study/`` and ``report/``, with `images` also ``exams/``.
    seed : int
        Of the first person, of the reading order and of the readers' errors.
    images : bool
        Whether the virtual exams are made as DICOM and stand in the study for people to read (a minute or more each);
        virtual readers need none.
    episodes : int
        How many of the twelve, from the first one on.
    progress : callable
    take : callable, optional
        Gives source and truth of an episode; for tests.

    Returns
    -------
    Path
        ``out/report/report.html``.

    Raises
    ------
    UsageError
        If `out` holds something already.
    """
    with new_folder(out) as folder:
        drawn = draw_episodes(seed)[:episodes]
        _run(folder, drawn, seed, take or (_with_images if images else _without_images), progress)
    progress("done", 1.0)
    return out / "report" / "report.html"


def _run(out: Path, episodes: Sequence[Episode], seed: int, take: TakeEpisode, progress: Progress) -> None:
    cases = []
    for number, episode in enumerate(episodes):
        title = f"episode {number + 1} of {len(episodes)}"
        progress(title, 0.85 * number / len(episodes))

        def within(step: str, share: float, title: str = title, number: int = number) -> None:
            progress(f"{title}: {step}", 0.85 * (number + share) / len(episodes))

        source, truth = take(out, episode, within)
        cases.append(_case(episode, source, _combined(truth)))
    path = out / "study.toml"
    path.write_text(_protocol(seed, cases), encoding="utf-8")
    progress("laying out the study", 0.86)
    study = init_study(path, out / "study")
    for number, (name, reader) in enumerate(READERS.items()):
        progress(f"{name} reads", 0.87 + 0.03 * number)
        read_virtually(study.store, name, reader, seed=seed)
    open_adjudication(study.store)
    read_virtually(study.store, "judge", ADJUDICATOR, seed=seed)
    study.store.lock("demo")
    progress("writing the report", 0.97)
    rates = "; ".join(f"{name}: {', '.join(f'{k} {v:g}' for k, v in asdict(r).items())}" for name, r in READERS.items())
    notes = (
        "The readers are virtual: they know the truth of virtual people and err at stated rates. The figures test the "
        "study's machinery and say nothing of radiologists.",
        f"Stated rates: {rates}.",
        "All episodes are transient osteoporosis, as in Gemmel 2012: its specificity cannot be estimated.",
    )
    write_study_report(study, out / "report", notes=notes)
    study.store.close()
