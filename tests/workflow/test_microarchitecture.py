from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marrowmap.errors import GeometryError
from marrowmap.errors import UsageError
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


def test_a_second_scan_that_repeats_badly_makes_the_sign_less_sure(request_of_two, paths, tmp_path):
    share = np.random.default_rng(1).uniform(0.2, 0.4, SHAPE) * 0.7
    again = write_image(tmp_path / "again.nii.gz", share * 1.3, 0.0607, {"Modality": "CT"})
    graded = replace(request_of_two, motion_score=1)
    repeated = replace(graded, repeat=(again, paths["hr", "left", "roi"]))
    limits = [
        measure_microarchitecture(one, tmp_path / "a")["differences"][0]["error_percent"] for one in (graded, repeated)
    ]
    assert limits[1] == pytest.approx(1.96 * 100 * 0.3 / 1.15, rel=1e-3)
    assert limits[0] < 10
    sources = json.loads((tmp_path / "a" / "differences.json").read_text())["precision"]
    assert any(text.startswith("scanned again") for text in sources)
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_text())
    assert "again.nii.gz" in {row["path"] for row in manifest["inputs"]}


def test_a_second_scan_must_be_another_scan_of_the_same_bone(request_of_two, paths, tmp_path):
    mask = paths["hr", "left", "roi"]
    with pytest.raises(GeometryError, match="--repeat is the very image"):
        measure_microarchitecture(replace(request_of_two, repeat=(request_of_two.image, mask)), tmp_path / "a")
    said = {"Modality": "CT", "Laterality": "R"}
    other = write_image(tmp_path / "r.nii.gz", np.random.default_rng(2).uniform(0.2, 0.4, SHAPE), 0.0607, said)
    with pytest.raises(GeometryError, match="its header says right, not left"):
        measure_microarchitecture(replace(request_of_two, repeat=(other, mask)), tmp_path / "a")
    with pytest.raises(UsageError, match="--repeat is for two sides"):
        measure_microarchitecture(replace(request_of_two, contralateral=None, repeat=(other, mask)), tmp_path / "a")
    assert not (tmp_path / "a").exists()
