"""How a radiograph lies: view, orientation, pixel size and magnification, each with what said so.

Rules of DICOM PS3.3 C.8.11 (Digital X-Ray) and 10.7.1.3 (pixel spacing of projections).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from marrowmap.errors import GeometryError
from marrowmap.image import View
from marrowmap.ingest.header import Header
from marrowmap.ingest.header import as_words
from marrowmap.ingest.header import get_text
from marrowmap.ingest.header import get_value
from marrowmap.ingest.header import tag_label
from marrowmap.ingest.radiograph import FRONTAL
from marrowmap.ingest.radiograph import RadiographView

Pixel = TypeVar("Pixel", bound=np.generic)

_AP, _PA, _LATERAL = RadiographView.AP, RadiographView.PA, RadiographView.LATERAL
_FROG, _OTHER, _UNKNOWN = RadiographView.FROG_LEG, RadiographView.OTHER, RadiographView.UNKNOWN

_CODES = {
    **dict.fromkeys(("399348003", "R-10206"), _AP),
    **dict.fromkeys(("272479007", "R-40888"), _PA),
    **dict.fromkeys(("399067008", "R-102CD", "399173006", "399198007", "399260004", "399352003"), _LATERAL),
    "399033003": _UNKNOWN,  # frontal: from the front or from behind
}
_POSITIONS = {"AP": _AP, "PA": _PA, **dict.fromkeys(("LL", "RL", "LAT", "LATERAL", "ML", "LM"), _LATERAL)}
_WORDS = {
    "ap": _AP,
    "pa": _PA,
    **dict.fromkeys(("lat", "lateral", "lateralis", "seitlich", "seitl", "profil", "sida", "crosstable"), _LATERAL),
    **dict.fromkeys(("frog", "frogleg", "lauenstein", "lowenstein", "löwenstein"), _FROG),
    **dict.fromkeys(
        ("axial", "axiolateral", "oblique", "obl", "obli", "schräg", "judet", "dunn", "inlet", "outlet"), _OTHER
    ),
}
_DIRECTIONS = {
    "L": (1.0, 0.0, 0.0),
    "R": (-1.0, 0.0, 0.0),
    "P": (0.0, 1.0, 0.0),
    "A": (0.0, -1.0, 0.0),
    "H": (0.0, 0.0, 1.0),
    "F": (0.0, 0.0, -1.0),
}


def _view_in_text(text: str) -> RadiographView | None:
    """Return the view that a description names in whole words; None where it names none or several."""
    words = re.findall(r"[^\W\d_]+", re.sub(r"\b([ap])\.\s?([ap])\b\.?", r"\1\2", text.lower()))
    views = {_WORDS[word] for word in words if word in _WORDS}
    if _FROG in views:  # a frog-leg view is called lateral by some, and is taken from the front
        return _FROG
    return views.pop() if len(views) == 1 else None


def read_view(header: Header) -> tuple[RadiographView, str]:
    """Return the projection and what said so.

    Raises
    ------
    GeometryError
        If View Position and the view's code contradict each other.
    """
    said: dict[str, RadiographView] = {}
    position = header.text("ViewPosition").upper()
    if position:
        said[f"{tag_label('ViewPosition')} {position}"] = _POSITIONS.get(position, _OTHER)
    codes = get_value(header.dataset, "ViewCodeSequence")
    if codes is not None:
        meaning = get_text(codes[0], "CodeMeaning") or get_text(codes[0], "CodeValue")
        said[f"{tag_label('ViewCodeSequence')} {meaning}"] = _CODES.get(get_text(codes[0], "CodeValue"), _OTHER)
    named = {view for view in said.values() if view is not _UNKNOWN}
    if len(named) > 1 and not (_OTHER in named and len(named) == 2):
        raise GeometryError(f"{header.name}: views contradict each other: {' and '.join(said)}: correct the wrong one")
    named = named - {_OTHER} or named  # a code for an oblique or unlisted view leaves the name to the other tag
    view = next(iter(named), _UNKNOWN)
    keywords = ("SeriesDescription", "ProtocolName", "AcquisitionDeviceProcessingDescription")
    text = " ".join(header.text(keyword) for keyword in keywords)
    described = _view_in_text(text)
    if described is None:
        return view, ", ".join(said) or "neither tags nor text name the view"
    said[f"description {text.strip()!r}"] = described
    if view in (_UNKNOWN, described) or (described is _FROG and view in (_AP, _LATERAL, _OTHER)):
        return described, ", ".join(said)
    if view is _OTHER:
        return view, ", ".join(said)
    return _UNKNOWN, f"sources contradict each other: {' and '.join(said)}"


def plane_view(header: Header, view: RadiographView) -> View:
    """Return from where the rays came, as far as it is known."""
    if view in FRONTAL:
        return View.POSTERIOR if view is _PA else View.ANTERIOR
    lateral = {"LL": View.LEFT_LATERAL, "RL": View.RIGHT_LATERAL}.get(header.text("ViewPosition").upper())
    if view is _LATERAL:
        return lateral or View.OTHER
    return View.OTHER if view is _OTHER else View.UNKNOWN


@dataclass(frozen=True, eq=False)
class Turn:
    """How to turn an image upright.

    Parameters
    ----------
    transpose : bool
        Exchange columns and rows first.
    flips : tuple of int
        Then reverse these axes of (columns, rows).
    axes : ndarray, shape (2, 3), or None
        In which directions columns and rows then run, LPS; None where the file does not say.
    reason : str
    """

    transpose: bool
    flips: tuple[int, ...]
    axes: NDArray[np.float64] | None
    reason: str

    @property
    def mirrors(self) -> bool:
        """Whether the picture is then seen as in a mirror."""
        return bool((self.transpose + len(self.flips)) % 2)

    def apply(self, array: NDArray[Pixel]) -> NDArray[Pixel]:
        """Turn an array of shape (columns, rows)."""
        return np.ascontiguousarray(np.flip(array.T if self.transpose else array, self.flips))


def read_turn(header: Header, view: RadiographView) -> Turn:
    """Find out how to turn the image so that rows run to the feet and, in a frontal view, columns to the left.

    Raises
    ------
    GeometryError
        If Patient Orientation contradicts the view: a frontal view with front and back in its plane, a lateral one
        with left and right.
    """
    tag = tag_label("PatientOrientation")
    words = as_words(get_value(header.dataset, "PatientOrientation"))
    if not words:
        return Turn(False, (), None, f"{tag} is absent: left and right are unknown")
    said = "\\".join(words)
    letters = [word[0] for word in words]
    if len(words) != 2 or any(letter not in _DIRECTIONS for letter in letters):
        return Turn(False, (), None, f"{tag} {said} names no two directions: left and right are unknown")
    axes = np.array([_DIRECTIONS[letter] for letter in letters])
    if abs(float(axes[0] @ axes[1])) > 0:
        return Turn(False, (), None, f"{tag} {said} names one direction twice: left and right are unknown")
    across = {"frontal": "AP", "lateral": "LR"}
    kind = "frontal" if view in FRONTAL else "lateral" if view is _LATERAL else ""
    if kind and set(letters) & set(across[kind]):
        raise GeometryError(
            f"{header.name}: {tag} {said} contradicts the {view.value} view, which shows "
            f"{'left and right' if kind == 'frontal' else 'front and back'}: correct the wrong one"
        )
    transpose = abs(axes[0, 2]) > 0
    if transpose:
        axes = axes[::-1].copy()
    wanted = {0: np.array([1.0, 0.0, 0.0]), 1: np.array([0.0, 0.0, -1.0])}
    flips = tuple(axis for axis, way in wanted.items() if float(axes[axis] @ way) < 0)
    for axis in flips:
        axes[axis] *= -1
    turned = "turned" if transpose or flips else "shown as stored"
    return Turn(bool(transpose), flips, axes, f"{tag} {said}, {turned}")
