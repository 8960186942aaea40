"""``marrowmap doctor``: what is installed and what its absence disables."""

from __future__ import annotations

import platform
from importlib import metadata
from importlib.util import find_spec

from marrowmap import __version__
from marrowmap.anatomy import totalsegmentator
from marrowmap.anatomy.networks import NETWORKS
from marrowmap.anatomy.networks import shipped
from marrowmap.cli.console import BANNER
from marrowmap.cli.console import Json
from marrowmap.cli.console import answer
from marrowmap.cli.console import say
from marrowmap.measure import line_network
from marrowmap.reasoning.lint import complaints
from marrowmap.reasoning.literature import shipped as shipped_evidence

PARTS: tuple[tuple[str, str, str], ...] = (
    ("numpy", "numpy", "everything"),
    ("scipy", "scipy", "everything"),
    ("SimpleITK", "SimpleITK", "coil bias correction"),
    ("scikit-image", "skimage", "contours and surfaces"),
    ("nibabel", "nibabel", "NIfTI in and out"),
    ("pydicom", "pydicom", "DICOM in and out"),
    ("highdicom", "highdicom", "DICOM SEG"),
    ("pylibjpeg-openjpeg", "openjpeg", "JPEG 2000 and HTJ2K pixels"),
    ("pylibjpeg-rle", "rle", "fast RLE pixels"),
    ("python-gdcm", "gdcm", "JPEG lossless and JPEG-LS pixels"),
    ("onnxruntime", "onnxruntime", "finding bones"),
    ("typst", "typst", "report.pdf"),
    ("matplotlib", "matplotlib", "pictures in the report"),
)
"""Distribution, module, what hangs on it."""


def command(json: Json = False) -> None:
    """Say what is installed, which models and licences, what is missing and what that disables."""
    rows = []
    for distribution, module, enables in PARTS:
        present = find_spec(module) is not None
        version = metadata.version(distribution) if present else None
        licence = _licence(distribution) if present else None
        rows.append(
            {"name": distribution, "version": version, "license": licence, "installed": present, "enables": enables}
        )
    models = [
        {
            "name": "LLP26 hip and knee shape model",
            "license": "MPL-2.0",
            "installed": True,
            "enables": "finding bones, virtual patients",
        },
        *(
            {"name": f"{name}.onnx", "license": "Apache-2.0", "installed": shipped(name), "enables": "finding bones"}
            for name in NETWORKS
        ),
        {
            "name": line_network.NETWORK,
            "license": "Apache-2.0",
            "installed": line_network.shipped(),
            "enables": "fracture lines under the joint surface",
        },
    ]
    program = totalsegmentator.find_program()
    programs = [
        {
            "name": totalsegmentator.PROGRAM,
            "license": totalsegmentator.LICENSE,
            "installed": program is not None,
            "weights": totalsegmentator.weights_folder().is_dir(),
            "enables": "segment and analyze --with totalsegmentator; off unless asked for",
            "telemetry": totalsegmentator.TELEMETRY,
        }
    ]
    evidence = complaints(shipped_evidence())
    say(f"{BANNER}; version {__version__}, Python {platform.python_version()}")
    for row in rows:
        state = f"{row['version']:12s} {row['license']}" if row["installed"] else f"MISSING: no {row['enables']}"
        say(f"  {row['name']:20s} {state}")
    for model in models:
        state = f"shipped      {model['license']}" if model["installed"] else f"MISSING: no {model['enables']}"
        say(f"  {model['name']:20s} {state}")
    for other in programs:
        state = (
            f"found, weights {'there' if other['weights'] else 'missing'}" if other["installed"] else "not installed"
        )
        say(f"  {other['name']:20s} {state}: a separate program for {other['enables']}")
        say(f"  {'':20s} {other['license']}")
        say(f"  {'':20s} {other['telemetry']}")
    say(f"  {'evidence':20s} {'; '.join(evidence) or 'every row has its source'}")
    if json:
        answer(
            {
                "schema": "marrowmap/1",
                "version": __version__,
                "python": platform.python_version(),
                "packages": rows,
                "models": models,
                "programs": programs,
                "evidence": evidence,
            }
        )


def _licence(distribution: str) -> str:
    """Return the license a distribution declares: SPDX expression, classifier or the first words of its text."""
    meta = metadata.metadata(distribution)
    classifiers = [c.rsplit("::", 1)[-1].strip() for c in meta.get_all("Classifier") or [] if "License ::" in c]
    texts = [*(meta.get_all("License-Expression") or []), *classifiers, *(meta.get_all("License") or [])]
    return texts[0].splitlines()[0][:40] if texts and texts[0] else "not declared"
