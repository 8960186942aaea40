"""Rules of the house that no other tool holds."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from marrowmap.signs import REGISTRY
from marrowmap.terms.quantities import QUANTITIES
from marrowmap.terms.regions import REGIONS
from marrowmap.terms.signs import SIGNS

ROOT = Path(__file__).resolve().parents[1]


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in done.stdout.split("\0") if name]


def test_the_lock_names_no_address_and_pins_hashes():
    lock = (ROOT / "requirements" / "lock.txt").read_text()
    assert "://" not in lock
    assert "--hash=sha256:" in lock


def test_no_file_is_too_large():
    large = [path.name for path in tracked() if path.exists() and path.stat().st_size > 5_000_000]
    assert large == []


def test_no_path_of_one_machine_in_the_tree():
    pattern = re.compile(r"(^|[^A-Za-z0-9_.])/(work|tmp|root|home)/[A-Za-z.]")
    found = []
    for path in tracked():
        if path.suffix in {".py", ".md", ".toml", ".yaml", ".yml", ".cff", ".json", ".txt", ".typ", ".jinja"}:
            found += [
                f"{path.name}:{number}"
                for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
                if pattern.search(line) and "re.compile" not in line
            ]
    assert found == []


def test_every_sign_has_its_meaning_and_every_rule_its_name():
    assert set(REGISTRY) <= set(SIGNS)
    for name, assess in REGISTRY.items():
        assert assess.__module__ == f"marrowmap.signs.{name}"


def test_every_quantity_and_region_has_a_code():
    for table in ({name: q.code for name, q in QUANTITIES.items()}, REGIONS):
        for name, code in table.items():
            assert code.value, name
            assert code.scheme in {"SCT", "DCM", "99MARROWMAP"}, name
            assert code.provisional == (code.scheme == "99MARROWMAP"), name


def test_tests_mirror_the_rooms():
    rooms = {path.name for path in (ROOT / "src" / "marrowmap").iterdir() if (path / "__init__.py").exists()}
    tested = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()}
    assert rooms <= tested | {"terms"}
