"""Ask dicom-validator whether a DICOM file holds what its object's tables in PS3.3 ask for, without any network.

dicom-validator makes its tables from the standard's own files, which it loads from the net. The same tables, of the
edition of spring 2020, are in the package dicom-standard as JSON; here they are brought into the form that
dicom-validator reads. It parses the conditions from the standard's words itself.
"""

from __future__ import annotations

import json
import re
import sysconfig
from collections import defaultdict
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from dicom_validator.spec_reader.condition_parser import ConditionParser
from dicom_validator.spec_reader.serializer import DefinitionEncoder
from dicom_validator.validator.dicom_info import DicomInfo
from dicom_validator.validator.iod_validator import IODValidator
from pydicom.dataset import Dataset

Attributes = dict[str, Any]

TABLES = Path(sysconfig.get_path("data")) / "standard"
CIODS = {
    "1.2.840.10008.5.1.4.1.1.30": "parametric-map",
    "1.2.840.10008.5.1.4.1.1.66.1": "spatial-registration",
    "1.2.840.10008.5.1.4.1.1.66.4": "segmentation",
    "1.2.840.10008.5.1.4.1.1.88.22": "enhanced-sr",
}
"""The objects that marrowmap writes, by SOP class."""

FRAMES, CONTENT = "moduleId:multi-frame-functional-groups", "moduleId:sr-document-content"
CONTENT_SEQUENCE, VALUE_TYPE = "(0040,A730)", "(0040,A040)"
ONLY_OF_VALUE_TYPE = {
    "(0040,A300)": ("NUM",),
    "(0040,A301)": ("NUM",),
    "(0040,A168)": ("CODE",),
    "(0008,1199)": ("COMPOSITE", "IMAGE", "WAVEFORM"),
    "(0070,0022)": ("SCOORD", "SCOORD3D"),
    "(0070,0023)": ("SCOORD", "SCOORD3D"),
    "(3006,0024)": ("SCOORD3D",),
    "(0040,A130)": ("TCOORD",),
    "(0040,A132)": ("TCOORD",),
    "(0040,A138)": ("TCOORD",),
    "(0040,A13A)": ("TCOORD",),
    "(0040,A050)": ("CONTAINER",),
}
"""PS3.3 C.17.3 includes these of a content item's macros for one value type each; the JSON no longer says so."""

LONG_CODE, URN_CODE = "(0008,0119)", "(0008,0120)"
NEITHER_CODE_NOR_LONG_CODE = {
    "type": "MU",
    "and": [{"tag": tag, "index": 0, "op": "-"} for tag in ("(0008,0100)", LONG_CODE)],
}
"""When a code must be a URN: of the sentence "... not present and the Code Value is a URN" the parser reads only the
first half, and would ask for one beside every long code."""


class _Text(HTMLParser):
    """The words of a description; notes left out, and the values that its plain "Enumerated Values" list."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.lists: list[list[str]] = []
        self._path: list[str] = []
        self._note = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._path.append(tag)
        if tag == "dl":
            self.lists.append([])

    def handle_endtag(self, tag: str) -> None:
        while self._path and self._path.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split())
        if not text:
            return
        if "dt" in self._path and self.lists:
            self.lists[-1].append(text)
        if "dl" not in self._path:
            self.words.append(text)

    @property
    def text(self) -> str:
        return re.sub(r"\s+([.,;])", r"\1", " ".join(self.words))

    @property
    def enumerated(self) -> list[str]:
        """The values allowed, where one list without any condition says so."""
        plain = self.words.count("Enumerated Values:") == 1 and len(self.lists) == 1
        return self.lists[0] if plain else []


def _read(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((TABLES / f"{name}.json").read_text(encoding="utf-8"))
    return rows


def _plain(value: object) -> Any:
    """Return conditions as the dictionaries that the validator reads back."""
    return json.loads(json.dumps(value, cls=DefinitionEncoder))


def _attribute(row: dict[str, Any], parser: ConditionParser, vr: str) -> Attributes:
    described = _Text(row["description"])
    attribute: Attributes = {"name": row["tag"], "type": row["type"]}
    if row["type"] in ("1C", "2C", "3"):
        condition = _plain(parser.parse(described.text))
        if condition["type"] != "U":
            attribute["cond"] = NEITHER_CODE_NOR_LONG_CODE if row["tag"] == URN_CODE else condition
    if described.enumerated and vr == "CS":
        attribute["enums"] = [{"val": described.enumerated}]
    return attribute


def _attributes(rows: list[dict[str, Any]], parser: ConditionParser, dictionary: dict[str, Any]) -> Attributes:
    """Nest the flat rows of one module; where a macro is included twice, the looser type of both stands."""
    top: Attributes = {}
    for row in rows:
        if row["type"] not in ("1", "1C", "2", "2C", "3"):
            continue
        level = top
        for step in row["path"].split(":")[1:-1]:
            parent = level.setdefault(f"({step[:4]},{step[4:]})".upper(), {"name": step, "type": "3"})
            level = parent.setdefault("items", {})
        tag = row["tag"].upper()
        found = _attribute(row, parser, dictionary.get(tag, {}).get("vr", ""))
        before = level.get(tag)
        if before is None:
            level[tag] = found
        elif "type" in before and before["type"] != found["type"]:
            level[tag] = {**before, "type": "3"}
            level[tag].pop("cond", None)
    return top


def _content(attributes: Attributes) -> dict[str, Attributes]:
    """Give a report's content items their conditions by value type, and let them hold each other to any depth."""
    nested = attributes[CONTENT_SEQUENCE]["items"]
    for level in (attributes, nested):
        for tag, types in ONLY_OF_VALUE_TYPE.items():
            only = {"type": "MN", "tag": VALUE_TYPE, "index": 0, "op": "=", "values": list(types)}
            if level[tag]["type"] in ("1", "2"):
                level[tag] = {**level[tag], "type": f"{level[tag]['type']}C", "cond": only}
            elif "cond" in level[tag]:
                level[tag]["cond"] = {"type": "MU", "and": [only, level[tag]["cond"]]}
    nested[CONTENT_SEQUENCE] = {**attributes[CONTENT_SEQUENCE], "items": {"include": [{"ref": "content-item"}]}}
    attributes[CONTENT_SEQUENCE] = nested[CONTENT_SEQUENCE]
    return {"content-item": nested}


@cache
def tables() -> DicomInfo:
    """Return what dicom-validator asks of the objects that marrowmap writes."""
    dictionary = {
        row["tag"].upper(): {
            "name": row["name"],
            "vr": row["valueRepresentation"],
            "vm": row["valueMultiplicity"],
            "prop": "",
        }
        for row in _read("attributes")
    }
    parser = ConditionParser(dictionary)
    uses: dict[str, dict[str, dict[str, Any]]] = {kind: defaultdict(dict) for kind in ("modules", "fg_macros")}
    for kind, key in (("modules", "moduleId"), ("fg_macros", "macroId")):
        for row in _read(f"ciod_to_{kind}"):
            use = row["usage"] + (f" - {row['conditionalStatement']}" if row["conditionalStatement"] else "")
            condition = {"cond": _plain(parser.parse(use))} if len(use) > 1 else {}
            # A module and a macro may have the same name.
            uses[kind][row["ciodId"]][row[key]] = {"ref": f"{key}:{row[key]}", "use": use, **condition}
    wanted = {one["ref"] for by_name in uses.values() for ciod in CIODS.values() for one in by_name[ciod].values()}
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for table, key in (("macro_to_attributes", "macroId"), ("module_to_attributes", "moduleId")):
        for row in _read(table):
            if f"{key}:{row[key]}" in wanted:
                rows[f"{key}:{row[key]}"].append(row)
    modules = {name: _attributes(mine, parser, dictionary) for name, mine in rows.items()}
    modules |= _content(modules[CONTENT])
    for tag in ("(5200,9229)", "(5200,9230)"):
        modules[FRAMES][tag]["items"] = {"include": [{"ref": "FuncGroup"}]}
    iods = {
        uid: {"title": ciod, "modules": uses["modules"][ciod], "group_macros": uses["fg_macros"][ciod]}
        for uid, ciod in CIODS.items()
    }
    return DicomInfo(dictionary, iods, modules)


def iod_errors(dataset: Dataset) -> list[str]:
    """Return what dicom-validator complains of, one line each: module, tag, kind of error."""
    result = IODValidator(dataset, tables(), log_level=100).validate()
    found = [
        f"{module}: {tag} {error.code.name} {error.context or ''}".strip()
        for module, errors in (result.module_errors or {}).items()
        for tag, error in errors.items()
    ]
    return found or ([result.status.name] if result.errors else [])
