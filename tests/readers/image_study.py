"""A study with images on disk that name the person everywhere a file can, for tests of blinding and of the page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.image.nifti import write_nifti
from marrowmap.workflow.study import Study
from marrowmap.workflow.study import init_study
from tests.readers.study_example import SHORT_FORM

SECRET_WORDS = ("Doe^Jane", "MRN4711", "1980-02-29", "St Elsewhere", "cor STIR of Jane", "2024-02-03", "person_one")
SIDECAR = {
    "Modality": "MR",
    "ScanningSequence": ["SE", "IR"],
    "RepetitionTime": 4.0,
    "EchoTime": 0.04,
    "InversionTime": 0.16,
    "MagneticFieldStrength": 1.5,
    "PatientName": "Doe^Jane",
    "PatientID": "MRN4711",
    "PatientBirthDate": "1980-02-29",
    "InstitutionName": "St Elsewhere",
    "SeriesDescription": "cor STIR of Jane",
    "AcquisitionDateTime": "2024-02-03T10:00:00",
}

PROTOCOL = """
schema = "marrowmap-study/1"
name = "images"
title = "A study with images"
seed = 3
{readers}
[[readers]]
id = "judge"
role = "adjudicator"
[[cases]]
id = "case_alpha"
person = "person_one"
side = "left"
images = [{{modality = "mr", source = "alpha"}}]
truth = {{edema = "present"}}
[[cases]]
id = "case_beta"
person = "person_two"
side = "right"
images = [{{modality = "mr", source = "beta"}}]
truth = {{edema = "absent"}}
[[sessions]]
id = "session_first"
modalities = ["mr"]
form = "short.toml"
[[sessions]]
id = "session_again"
modalities = ["mr"]
form = "short.toml"
repeats = "session_first"
[[sessions]]
id = "settle"
kind = "adjudication"
of = "session_first"
form = "short.toml"
"""


def write_sources(folder: Path, readers: int = 2) -> Path:
    """Write protocol, form and images; returns the protocol."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "short.toml").write_text(SHORT_FORM, encoding="utf-8")
    for number, name in enumerate(("alpha", "beta")):
        values = np.random.default_rng(number).uniform(0, 1000, (24, 20, 6))
        values[2:5, 3:5, 2] = 3000  # toward right and front in a grid whose axes run to left and back
        target = folder / name
        target.mkdir()
        write_nifti(Volume(Grid(values.shape, np.diag([2.0, 2, 4, 1])), values), target / "image.nii.gz")
        (target / "image.json").write_text(json.dumps(SIDECAR), encoding="utf-8")
    path = folder / "study.toml"
    ids = "\n".join(f'[[readers]]\nid = "reader_{n}"' for n in range(1, readers + 1))
    path.write_text(PROTOCOL.format(readers=ids), encoding="utf-8")
    return path


def make_study(folder: Path, readers: int = 2) -> Study:
    """Lay out the study with its images."""
    return init_study(write_sources(folder / "sources", readers), folder / "study")
