"""How well trabecular measures repeat and how much the sides of well people differ: data, with their sources."""

from __future__ import annotations

import tomllib
from dataclasses import astuple
from dataclasses import dataclass
from dataclasses import fields
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from marrowmap.errors import InputError
from marrowmap.image.nifti import file_label

DATA = "microarchitecture_precision.toml"


@dataclass(frozen=True)
class TexturePrecision:
    """What is known of comparing the sides' bone by its texture in MR (:mod:`marrowmap.measure.apparent_sides`).

    Parameters
    ----------
    gain, gain_sd : float
        Logarithm of the ratio of bone over that of texture, and how much it differs between people and kinds of loss.
    cv_percent : float
        Repeatability of bone by texture, from the same bone scanned twice.
    layout_percent : float
        Standard deviation of what texture says wrongly of two bones laid out each in its own way.
    """

    gain: float
    gain_sd: float
    cv_percent: float
    layout_percent: float

    @property
    def pair_percent(self) -> float:
        """Standard deviation of the difference of two sides from what it is in truth, in blocks as large as tried."""
        return float(np.hypot(2**0.5 * self.cv_percent, self.layout_percent))


@dataclass(frozen=True)
class Precision:
    """What a side difference is held against, in percent.

    Parameters
    ----------
    cv_percent : dict of str to float
        Repeatability of one measurement (root mean square coefficient of variation), by quantity.
    side_mean_percent, side_sd_percent : float
        Of the difference of the sides in well people.
    relevant_percent : float
        The loss that absence must exclude.
    sources : tuple of str
        Where each comes from, with its confidence.
    texture : TexturePrecision or None
        MR only.
    topology_voxel_mm : float
        Largest side of an MR voxel up to which plates and rods are told apart.
    """

    cv_percent: dict[str, float]
    side_mean_percent: float
    side_sd_percent: float
    relevant_percent: float
    sources: tuple[str, ...]
    texture: TexturePrecision | None = None
    topology_voxel_mm: float = np.inf

    def repeat_limit(self, quantity: str) -> float | None:
        """Return the least difference of two measurements that error does not explain (95 %), None if unknown."""
        cv = self.cv_percent.get(quantity)
        return None if cv is None else 1.96 * 2**0.5 * cv


def load_precision(kind: str, own: Path | None = None) -> Precision:
    """Return the data for one kind of image.

    Parameters
    ----------
    kind : str
        ``HR-pQCT`` or ``MR``; any other has no published repeatability here.
    own : Path, optional
        A file of the same form, used in place of the shipped one.

    Raises
    ------
    InputError
        If the user's file cannot be read or lacks a part.
    """
    text = resources.files("marrowmap.measure").joinpath("data", DATA).read_text(encoding="utf-8")
    shipped = tomllib.loads(text)
    if own is None:
        return _precision(shipped, kind)
    name = file_label(own)
    try:
        # A file made before there was this part keeps its shipped value.
        return _precision({"topology": shipped["topology"], **tomllib.loads(own.read_text(encoding="utf-8"))}, kind)
    except OSError as error:
        raise InputError(
            f"{name}: cannot be read ({(error.strerror or str(error)).lower()}): check the path"
        ) from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        reason = f"{type(error).__name__} {error}"
        raise InputError(
            f"{name}: not a precision file ({reason}): copy the form of docs/microarchitecture.md"
        ) from error


def _precision(data: dict[str, Any], kind: str) -> Precision:
    repeats = [entry for entry in data["repeat"] if entry["kind"] == kind]
    side, relevant = data["side"][0], data["relevant"]
    numbers = [float(entry["cv_percent"]) for entry in repeats] + [float(side["sd_percent"])]
    textures = [entry for entry in data.get("texture", []) if entry["kind"] == kind]
    texture = TexturePrecision(*(float(textures[0][f.name]) for f in fields(TexturePrecision))) if textures else None
    numbers += list(astuple(texture)) if texture else []
    limit = float(data["topology"]["largest_voxel_mm"])
    numbers.append(limit)
    if min(numbers) <= 0 or float(relevant["loss_percent"]) <= 0:
        raise ValueError("percentages and sizes must be above 0")
    entries = (
        [("repeatability", entry) for entry in repeats]
        + [("texture", entry) for entry in textures[:1]]
        + [
            ("sides of well people", side),
            ("relevant loss", relevant),
        ]
    )
    return Precision(
        {name: float(entry["cv_percent"]) for entry in repeats for name in entry["quantities"]},
        float(side["mean_percent"]),
        float(side["sd_percent"]),
        float(relevant["loss_percent"]),
        tuple(f"{what}: {_numbers(entry)}, {entry['source']} ({entry['confidence']})" for what, entry in entries),
        texture,
        limit,
    )


def _numbers(entry: dict[str, Any]) -> str:
    if "layout_percent" in entry:
        return (
            f"coefficient of variation {entry['cv_percent']:g} %, two layouts {entry['layout_percent']:g} %, gain "
            f"{entry['gain']:g} (SD {entry['gain_sd']:g})"
        )
    if "cv_percent" in entry:
        return f"coefficient of variation {entry['cv_percent']:g} %"
    if "sd_percent" in entry:
        return f"SD {entry['sd_percent']:g} % about {entry['mean_percent']:g} %"
    return f"{entry['loss_percent']:g} %"
