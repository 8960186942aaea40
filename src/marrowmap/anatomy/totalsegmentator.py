"""TotalSegmentator as another finder of femora: a separate program of the user's, started only when asked for.

Nothing of it is imported or shipped. What is said here of its license, its usage statistics and its downloads was read
in the source of version 2.18.0 (``config.py``, ``libs.py``, ``python_api.py``).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from marrowmap.errors import MarrowmapError
from marrowmap.errors import ModelError
from marrowmap.image.nifti import read_nifti_labels
from marrowmap.image.nifti import write_nifti
from marrowmap.ingest.exam import Series
from marrowmap.ingest.segmentation import Segmentation
from marrowmap.ingest.segmentation import name_labels

PROGRAM = "TotalSegmentator"
LICENSE = "Apache-2.0; by its README tasks total and total_mr are open for any use, weights of some others are licensed"
TELEMETRY = (
    "after each run it sends usage statistics (an installation's random id and run count, task and options, system, "
    "Python and program version, license number; no image) unless send_usage_stats is false in its config.json; "
    "marrowmap runs it with send_usage_stats false, in a configuration folder of its own, and with its web requests "
    "led to a closed port, so that it neither reports nor downloads"
)
NOTICE = f"femora by {PROGRAM}, a separate program ({LICENSE}); its usage statistics and downloads were switched off"

TASKS = {"CT": "total", "MR": "total_mr"}
FEMORA = {"total": {75: "femur_left", 76: "femur_right"}, "total_mr": {36: "femur_left", 37: "femur_right"}}
"""Numbers of the femora in version 2, should the label map come without names."""
LEAST_FEMUR_ML = 20.0
"""Less of a femur, at the rim of the view, is not fitted."""
CLOSED_PORT = "http://127.0.0.1:9"
"""Where the program's web requests end: nothing listens on the discard port of this machine."""
VERSION_TIMEOUT_S = 180.0


def find_program() -> Path | None:
    """Return the program's place on the PATH, None where there is none."""
    place = shutil.which(PROGRAM)
    return None if place is None else Path(place)


def weights_folder() -> Path:
    """Return where the program keeps its weights: the environment may say so, else its home folder."""
    own = os.environ.get("TOTALSEG_WEIGHTS_PATH")
    if own:
        return Path(own)
    home = os.environ.get("TOTALSEG_HOME_DIR")
    return (Path(home) if home else Path.home() / ".totalsegmentator") / "nnunet" / "results"


def _environment(home: Path) -> dict[str, str]:
    """Return the environment of a run that reports nothing and downloads nothing."""
    home.mkdir()
    config = {
        "totalseg_id": "totalseg_MARROWMP",
        "send_usage_stats": False,
        "prediction_counter": 0,
        "statistics_disclaimer_shown": True,
    }
    (home / "config.json").write_text(json.dumps(config), encoding="utf-8")
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), CLOSED_PORT)
    return {
        **{name: value for name, value in os.environ.items() if name.lower() not in (*proxies, "no_proxy")},
        **proxies,
        **{name.upper(): value for name, value in proxies.items()},
        "TOTALSEG_HOME_DIR": str(home),
        "TOTALSEG_WEIGHTS_PATH": str(weights_folder()),
    }


def _version(program: Path, environment: dict[str, str]) -> str:
    """Ask the program for its version, which also tells whether it starts at all."""
    try:
        asked = subprocess.run(
            [program, "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            env=environment,
            timeout=VERSION_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ModelError(f"{PROGRAM} does not start ({type(error).__name__}): install it again") from error
    if asked.returncode:
        raise ModelError(f"{PROGRAM} does not start ({_last_line(asked)}): install it again")
    return _last_line(asked).removeprefix(PROGRAM).strip()[:20]


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in (done.stderr + "\n" + done.stdout).splitlines() if line.strip()]
    stdout = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    chosen = stdout if done.returncode == 0 and stdout else lines
    return "".join(c for c in chosen[-1] if c.isprintable())[:200] if chosen else f"exit code {done.returncode}"


def run_totalsegmentator(series: Series) -> Segmentation:
    """Let TotalSegmentator find the femora in one series.

    The image goes to it as NIfTI without any tag, in a temporary folder that is removed afterwards.

    Parameters
    ----------
    series : Series
        MR (task ``total_mr``) or CT (task ``total``).

    Returns
    -------
    Segmentation
        Femora of the sides in view; none where it found none.

    Raises
    ------
    ModelError
        If the program or its weights are missing.
    MarrowmapError
        If it fails for another reason.
    """
    program = find_program()
    if program is None:
        raise ModelError(
            f"{PROGRAM} is not on the PATH (--with totalsegmentator): install it in an environment of its own, or "
            "leave the option out"
        )
    task = TASKS["CT" if series.modality == "CT" else "MR"]
    missing = (
        f"{PROGRAM} has no weights for task {task} in {weights_folder()}: fetch them with "
        f"'totalseg_download_weights -t {task}' (marrowmap lets it download nothing)"
    )
    if not weights_folder().is_dir():
        raise ModelError(missing)
    with tempfile.TemporaryDirectory(prefix="marrowmap-") as place:
        environment = _environment(Path(place) / "home")
        version = _version(program, environment)
        image, labels = Path(place) / "image.nii.gz", Path(place) / "labels.nii.gz"
        write_nifti(series.volume, image)
        asked = ("--ml", "-ta", task, "-rs", "femur_left", "femur_right")
        command = [str(program), "-i", str(image), "-o", str(labels), *asked]
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", env=environment, cwd=place, check=False
        )
        if "Downloading model" in done.stdout or "Downloading model" in done.stderr:
            raise ModelError(missing)
        if done.returncode or not labels.is_file():
            raise MarrowmapError(
                f"{PROGRAM} {version} failed ({_last_line(done)}): run it on the image by hand, or leave --with out"
            )
        found = read_nifti_labels(labels)
    drawn = name_labels(found, f"{PROGRAM} {version}", None if _is_named(found.names) else FEMORA[task])
    femora = tuple(
        segment
        for segment in drawn.segments
        if segment.part == "femur" and drawn.mask([segment.number]).volume_ml >= LEAST_FEMUR_ML
    )
    return Segmentation(drawn.name, femora, drawn.labels)


def _is_named(names: dict[int, str]) -> bool:
    return any(name != str(number) for number, name in names.items())
