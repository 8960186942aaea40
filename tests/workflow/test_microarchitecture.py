from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.measure.microarchitecture import Microarchitecture
from marrowmap.measure.microarchitecture import Regime
from marrowmap.values import Joint
from marrowmap.values import Quantity
from marrowmap.values import Side
from marrowmap.workflow import microarchitecture
from marrowmap.workflow.microarchitecture import measure_microarchitecture
from marrowmap.workflow.microarchitecture_request import NO_EDEMA
from marrowmap.workflow.microarchitecture_request import Request
from tests.ingest.micro_files import write_image
from tests.ingest.micro_files import write_mask
from tests.measure.test_microarchitecture_match import wedge

SHAPE = (40, 36, 30)


def canned(volume: Volume, region: Mask, reason: str, *_: Any, **__: Any) -> Microarchitecture:
    """A side whose share of bone is the image's own values, without the time that measuring takes."""
    values = {"bone_volume_fraction": Quantity(float(volume.within(region).mean()), "1")}
    methods = {"bone_volume_fraction": "canned"}
    array = np.asarray(volume.array, np.float32)
    regime = Regime.RESOLVED if volume.grid.spacing.max() < 0.1 else Regime.APPARENT
    return Microarchitecture(regime, reason, values, methods, {}, (), volume, region, array, {})


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[Any, Path]:
    monkeypatch.setattr(microarchitecture, "measure_resolved", canned)
    monkeypatch.setattr(microarchitecture, "measure_apparent", canned)
    share = np.random.default_rng(1).uniform(0.2, 0.4, SHAPE)
    paths: dict[Any, Path] = {}
    for name, spacing, factor in (("hr", 0.0607, 0.7), ("mr", 0.234, 0.7)):
        sidecar = {"Modality": "CT"} if name == "hr" else {"Modality": "MR", "MagneticFieldStrength": 7.0}
        for side, values in (("left", share * factor), ("right", share[::-1])):
            paths[name, side] = write_image(tmp_path / f"{name}_{side}.nii.gz", values, spacing, sidecar)
            region = wedge() if side == "left" else wedge()[::-1]
            paths[name, side, "roi"] = write_mask(tmp_path / f"{name}_{side}_roi.nii.gz", region, spacing)
    return paths


@pytest.fixture
def request_of_two(paths: dict[Any, Path]) -> Request:
    return of(paths, "hr")


def of(paths: dict[Any, Path], name: str) -> Request:
    return Request(
        paths[name, "left"],
        paths[name, "left", "roi"],
        (paths[name, "right"], paths[name, "right", "roi"]),
        side=Side.LEFT,
        joint=Joint.KNEE,
    )


def state(request: Request, out: Path) -> tuple[str, str]:
    (finding,) = measure_microarchitecture(request, out)["findings"]
    return finding["state"], finding["note"]


def test_motion_that_nobody_graded_leaves_the_sign_open(request_of_two, tmp_path):
    verdict, note = state(request_of_two, tmp_path / "a")
    assert verdict == "not_assessable"
    assert "motion was not graded" in note
    assert state(replace(request_of_two, motion_score=1), tmp_path / "a")[0] == "present"


def test_edema_that_nobody_spoke_of_leaves_the_sign_open(paths, tmp_path):
    mr = of(paths, "mr")
    verdict, note = state(mr, tmp_path / "a")
    assert verdict == "not_assessable"
    assert "--edema none" in note
    assert state(replace(mr, edema=NO_EDEMA), tmp_path / "a")[0] == "present"


def test_the_well_side_is_told_that_the_other_has_less(request_of_two, tmp_path):
    image, within = request_of_two.contralateral or (Path(), Path())
    swapped = replace(
        request_of_two,
        image=image,
        within=within,
        contralateral=(request_of_two.image, request_of_two.within),
        side=Side.RIGHT,
        motion_score=1,
    )
    document = measure_microarchitecture(swapped, tmp_path / "a")
    assert document["findings"][0]["state"] == "absent"
    assert "hr_left.nii.gz has less bone" in document["warnings"][0]


def test_without_side_or_joint_no_sign_is_judged(request_of_two, tmp_path):
    document = measure_microarchitecture(replace(request_of_two, side=None), tmp_path / "a")
    assert document["findings"] == []
    assert any("give --joint and --side" in note for note in document["notes"])
    assert {row["side"] for row in document["rows"]} == {None}
    assert any("left" in row["part"] for row in document["differences"])
