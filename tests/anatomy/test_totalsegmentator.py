"""The adapter against a program that only plays TotalSegmentator: it writes labels and tells how it was started."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from marrowmap.anatomy import totalsegmentator
from marrowmap.anatomy.totalsegmentator import run_totalsegmentator
from marrowmap.errors import MarrowmapError
from marrowmap.errors import ModelError
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.ingest.exam import Sequence
from marrowmap.values import Side
from tests.anatomy.conftest import make_series

FAKE = '''#!{python}
"""Plays TotalSegmentator: {behavior}."""
import json, os, sys, gzip, struct
if sys.argv[1:] == ["--version"]:
    print("2.18.0")
    sys.exit(0)
home = os.environ["TOTALSEG_HOME_DIR"]
log = {{
    "arguments": sys.argv[1:],
    "config": json.load(open(os.path.join(home, "config.json"))),
    "home": home,
    "weights": os.environ["TOTALSEG_WEIGHTS_PATH"],
    "proxies": [os.environ.get(n) for n in ("http_proxy", "https_proxy", "HTTPS_PROXY", "NO_PROXY")],
}}
json.dump(log, open({log!r}, "w"))
source, target = sys.argv[sys.argv.index("-i") + 1], sys.argv[sys.argv.index("-o") + 1]
{behavior}
'''
COPY = "import shutil; shutil.copy({answer!r}, target)"
CRASH = "raise RuntimeError('CUDA out of memory')"
DOWNLOAD = "print('Downloading model for Task 852 ...'); raise ConnectionError('proxy')"


@pytest.fixture
def series():
    values = np.random.default_rng(0).uniform(0, 100, (40, 30, 12)).astype(np.float32)
    affine = [[-2.0, 0, 0, 40], [0, 0, 5, -30], [0, -2, 0, 30], [0, 0, 0, 1]]
    return make_series(Volume(Grid(values.shape, affine, "1.9"), values))


def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behavior: str) -> Path:
    """Put the fake on the PATH and give it weights; returns where it will tell how it was started."""
    folder, weights, log = tmp_path / "bin", tmp_path / "own" / "nnunet" / "results", tmp_path / "log.json"
    folder.mkdir()
    weights.mkdir(parents=True)
    program = folder / "TotalSegmentator"
    program.write_text(FAKE.format(python=sys.executable, behavior=behavior, log=str(log)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("TOTALSEG_HOME_DIR", str(tmp_path / "own"))
    monkeypatch.delenv("TOTALSEG_WEIGHTS_PATH", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    return log


def labels_for(series, path: Path, numbers: dict[int, slice], table: str = "") -> Path:
    array = np.zeros(series.volume.grid.shape, np.uint8)
    for number, rows in numbers.items():
        array[rows, 5:25, 2:10] = number
    image = nib.Nifti1Image(array, np.diag([-1.0, -1, 1, 1]) @ series.volume.grid.affine)
    if table:
        image.header.extensions.append(nib.nifti1.Nifti1Extension(0, table.encode()))
    nib.save(image, path)
    return path


def test_the_program_is_run_without_usage_statistics(tmp_path, monkeypatch, series):
    answer = labels_for(series, tmp_path / "answer.nii.gz", {36: slice(2, 15), 37: slice(25, 38)})
    log = play(tmp_path, monkeypatch, COPY.format(answer=str(answer)))
    (tmp_path / "own" / "config.json").write_text('{"send_usage_stats": true, "totalseg_id": "mine"}')
    found = run_totalsegmentator(series)
    assert found.name == "TotalSegmentator 2.18.0"
    assert [(s.part, s.side, s.number) for s in found.segments] == [("femur", Side.LEFT, 36), ("femur", Side.RIGHT, 37)]
    assert found.mask([36]).grid.written_alike(series.volume.grid)
    told = json.loads(log.read_text())
    assert told["config"]["send_usage_stats"] is False
    assert told["config"]["totalseg_id"] != "mine"
    assert told["proxies"] == [totalsegmentator.CLOSED_PORT] * 3 + [None]
    assert told["weights"] == str(tmp_path / "own" / "nnunet" / "results")
    assert told["arguments"][4:] == ["--ml", "-ta", "total_mr", "-rs", "femur_left", "femur_right"]
    assert not Path(told["home"]).exists()
    assert json.loads((tmp_path / "own" / "config.json").read_text())["send_usage_stats"] is True


def test_ct_has_its_own_task_and_names_in_the_header_count(tmp_path, monkeypatch, series):
    table = '<Label Key="88" Red="1"><![CDATA[femur_left]]></Label>'
    answer = labels_for(series, tmp_path / "answer.nii.gz", {88: slice(2, 15), 75: slice(25, 38)}, table)
    log = play(tmp_path, monkeypatch, COPY.format(answer=str(answer)))
    found = run_totalsegmentator(make_series(series.volume, sequence=Sequence.CT))
    assert [(s.number, s.side) for s in found.segments] == [(88, Side.LEFT)]
    assert "total" in json.loads(log.read_text())["arguments"]


def test_a_fragment_at_the_rim_and_nothing_at_all(tmp_path, monkeypatch, series):
    answer = labels_for(series, tmp_path / "answer.nii.gz", {36: slice(0, 1)})
    play(tmp_path, monkeypatch, COPY.format(answer=str(answer)))
    assert run_totalsegmentator(series).segments == ()
    labels_for(series, answer, {})
    assert run_totalsegmentator(series).segments == ()


def test_a_missing_program(tmp_path, monkeypatch, series):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ModelError, match=r"TotalSegmentator is not on the PATH \(--with totalsegmentator\)"):
        run_totalsegmentator(series)


def test_missing_weights(tmp_path, monkeypatch, series):
    play(tmp_path, monkeypatch, DOWNLOAD)
    with pytest.raises(ModelError, match=r"no weights for task total_mr .*totalseg_download_weights -t total_mr"):
        run_totalsegmentator(series)
    monkeypatch.setenv("TOTALSEG_WEIGHTS_PATH", str(tmp_path / "nowhere"))
    with pytest.raises(ModelError, match=r"no weights .*nowhere"):
        run_totalsegmentator(series)
    assert not (tmp_path / "nowhere").exists()


def test_a_crash_is_told_in_its_last_words(tmp_path, monkeypatch, series):
    play(tmp_path, monkeypatch, CRASH)
    with pytest.raises(MarrowmapError, match=r"2\.18\.0 failed \(RuntimeError: CUDA out of memory\)") as caught:
        run_totalsegmentator(series)
    assert caught.value.exit_code == 1


def test_a_program_that_does_not_start(tmp_path, monkeypatch, series):
    play(tmp_path, monkeypatch, CRASH)
    (tmp_path / "bin" / "TotalSegmentator").write_text(f"#!{sys.executable}\nimport no_such_module\n")
    with pytest.raises(ModelError, match=r"does not start .*No module named 'no_such_module'"):
        run_totalsegmentator(series)
