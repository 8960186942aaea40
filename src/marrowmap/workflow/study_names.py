"""What tables call ``dx+mr.head_collapse``, in words for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

IMAGES = {"mr": "MRI", "ct": "CT", "scan": "bone scan", "spect": "SPECT", "dx": "radiograph"}


def images(modalities: str) -> str:
    """Name what was shown for people, from its names in tables: ``dx+mr`` is ``radiograph + MRI``."""
    return " + ".join(IMAGES.get(name, name) for name in modalities.split("+"))


def named(label: str) -> str:
    """Name an item of a table for people, with what was shown."""
    shown, _, item = label.partition(".")
    return f"{item.replace('_', ' ')}, {images(shown)}"


def by_images(items: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, Any]]]]:
    """Group items by what was shown, as tables name them: what was shown, then item and row of each."""
    groups: dict[str, list[tuple[str, Any]]] = {}
    for label, row in items.items():
        shown, _, item = label.partition(".")
        groups.setdefault(images(shown), []).append((item.replace("_", " "), row))
    return list(groups.items())
