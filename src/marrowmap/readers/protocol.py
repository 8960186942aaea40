"""The protocol of a reader study: one TOML file that says who reads what, when and how; frozen once reading starts."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Annotated
from typing import Any
from typing import Literal
from typing import TypeVar

from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import Field
from pydantic import ValidationError

from marrowmap.errors import InputError

SCHEMA = "marrowmap-study/1"

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
"""An identifier: it stands in file names, links and CSV."""

Modality = Literal["mr", "ct", "scan", "spect", "dx"]

ModelT = TypeVar("ModelT", bound=BaseModel)


class Frozen(BaseModel):
    """A value read from TOML: unknown keys are refused, as a misspelled key would silently change the study."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StudyImage(Frozen):
    """Images of one modality at one time point.

    Parameters
    ----------
    modality : str
    time_point : str
    source : str
        Folder or file, DICOM or NIfTI, relative to the protocol; empty where the case is read elsewhere (a viewer of
        the clinic, films) and only its answers come in as CSV.
    """

    modality: Modality
    time_point: Name = "baseline"
    source: str = ""


class Case(Frozen):
    """One episode of one person.

    Parameters
    ----------
    id, person : str
        Two episodes of one person are two cases that share `person`: intervals are computed by person.
    joint, side : str
        Which joint is to be read.
    images : tuple of StudyImage
    block : str
        Of a split-plot design.
    training : bool
        Read in training sessions only.
    truth : dict
        Item to its reference value: shown after the answer in training, never in a reading session.
    measurements : str
        Folder of ``marrowmap analyze``, shown only where `Blinding.show_measurements` says so.
    """

    id: Name
    person: Name
    joint: Literal["hip", "knee", "ankle"] = "hip"
    side: Literal["left", "right"]
    images: tuple[StudyImage, ...]
    block: str = ""
    training: bool = False
    truth: dict[str, str | int | float] = {}
    measurements: str = ""

    def image(self, modality: str, time_point: str) -> StudyImage | None:
        """Return the images of a modality at a time point, None where there are none."""
        return next((one for one in self.images if (one.modality, one.time_point) == (modality, time_point)), None)


class Reader(Frozen):
    """Who reads; `id` is a pseudonym, never a name.

    Parameters
    ----------
    id : str
    role : str
        ``reader`` and ``adjudicator`` are people. ``software`` is a program, whose answers are taken in from its files:
        it has each case of each reading session once, no link to the page, and no voice in agreement, disputes and
        consensus of people.
    block : str
        Of a split-plot design.
    """

    id: Name
    role: Literal["reader", "adjudicator", "software"] = "reader"
    block: str = ""


class Session(Frozen):
    """One pass over cases.

    Parameters
    ----------
    id : str
    kind : str
        ``training`` gives feedback after each answer; ``reading``; ``adjudication`` settles disagreement of `of`.
    modalities, time_points : tuple of str
        What is shown.
    view : str
        ``separate``: each modality is a read of its own, in the order of `modalities`; ``combined``: one read with all.
    form : str
        A shipped form, or a TOML file relative to the protocol.
    cases : tuple of str
        Empty for all that suit its kind.
    washout_days : float
        Since the reader's last answer of the session before.
    repeats : str
        The earlier session this one repeats, for agreement of readers with themselves.
    of : str
        The session whose disagreement is adjudicated.
    """

    id: Name
    kind: Literal["training", "reading", "adjudication"] = "reading"
    modalities: tuple[Modality, ...] = ()
    time_points: tuple[Name, ...] = ("baseline",)
    view: Literal["separate", "combined"] = "separate"
    form: str = "hip_signs"
    cases: tuple[str, ...] = ()
    washout_days: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    repeats: str = ""
    of: str = ""


class Blinding(Frozen):
    """What readers may see beyond pixels; nothing unless it is said."""

    show_measurements: bool = False
    show_reads_to_adjudicator: bool = False


class Assignment(Frozen):
    """Which cases a reader has in a partial design."""

    reader: str
    cases: tuple[str, ...]


class Protocol(Frozen):
    """A reader study.

    Parameters
    ----------
    seed : int
        Of the order in which cases come; recorded, as the order is.
    design : str
        ``crossed``: every reader reads every case; ``split_plot``: those of the reader's block; ``partial``: those of
        the reader's `Assignment`.
    edits : bool
        Whether a reader may change an answer before the study is locked; every version is kept.
    """

    schema_: Literal["marrowmap-study/1"] = Field(alias="schema")
    name: Name
    title: str = ""
    seed: int = Field(ge=0)
    design: Literal["crossed", "split_plot", "partial"] = "crossed"
    edits: bool = True
    blinding: Blinding = Blinding()
    readers: tuple[Reader, ...]
    cases: tuple[Case, ...]
    sessions: tuple[Session, ...]
    assignments: tuple[Assignment, ...] = ()

    def case(self, name: str) -> Case:
        """Return a case by its identifier."""
        return next(case for case in self.cases if case.id == name)

    def session(self, name: str) -> Session:
        """Return a session by its identifier."""
        return next(session for session in self.sessions if session.id == name)

    def reader(self, name: str) -> Reader:
        """Return a reader by its identifier."""
        return next(reader for reader in self.readers if reader.id == name)

    def cases_of(self, session: Session) -> tuple[Case, ...]:
        """Return the cases a session shows, in the protocol's order."""
        training = session.kind == "training"
        suited = [case for case in self.cases if case.training == training]
        return tuple(case for case in suited if not session.cases or case.id in session.cases)

    def cases_for(self, reader: Reader, session: Session) -> tuple[Case, ...]:
        """Return the cases a reader has in a session; the training is the same for all, software has every case."""
        cases = self.cases_of(session)
        if session.kind != "reading" or self.design == "crossed" or reader.role == "software":
            return cases
        if self.design == "split_plot":
            return tuple(case for case in cases if case.block == reader.block)
        own = {name for row in self.assignments if row.reader == reader.id for name in row.cases}
        return tuple(case for case in cases if case.id in own)

    @property
    def software(self) -> frozenset[str]:
        """Identifiers of readers that are programs."""
        return frozenset(reader.id for reader in self.readers if reader.role == "software")

    def digest(self, forms: dict[str, str]) -> str:
        """Return the SHA-256 of the protocol and the text of its forms: layout and comments do not count."""
        document = [self.model_dump(mode="json", by_alias=True), sorted(forms.items())]
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    InputError
        If it cannot be read or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"{path.name}: cannot be read ({reason}): check the path") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name}: is not UTF-8 text: save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path.name}: is not valid TOML: {error}") from error


def parse_as(kind: type[ModelT], document: dict[str, Any], where: str) -> ModelT:
    """Turn a TOML document into a value.

    Raises
    ------
    InputError
        With the first thing that is wrong, and its place.
    """
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False)
        first = problems[0]
        place = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
        given = "" if first["type"] in ("missing", "extra_forbidden") else f", got {first['input']!r:.60}"
        known = "this key is not known" if first["type"] == "extra_forbidden" else first["msg"].lower()
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise InputError(f"{where}: {place}: {known}{given}{more}: correct it") from error


def read_protocol(path: Path) -> Protocol:
    """Read a protocol file, without judging whether it makes a sound study (see `protocol_checks`).

    Raises
    ------
    InputError
        If it cannot be read, or a key is unknown, missing or of the wrong kind.
    """
    return parse_as(Protocol, read_toml(path), path.name)
