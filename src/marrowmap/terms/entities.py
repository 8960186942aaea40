"""What a joint with marrow edema can have. Names and meanings; synonyms and codes lie in ``crosswalk``."""

from __future__ import annotations

ENTITIES: dict[str, str] = {
    "transient_osteoporosis": "Transient osteoporosis (bone marrow edema syndrome)",
    "osteonecrosis": "Osteonecrosis",
    "subchondral_insufficiency_fracture": "Subchondral insufficiency fracture",
    "stress_fracture": "Stress fracture",
    "osteoarthritis": "Osteoarthritis",
    "infection": "Infection (septic arthritis, osteomyelitis)",
    "tumor": "Tumor",
    "crps": "Complex regional pain syndrome",
    "normal": "None of these",
}
"""Entity name to what it means, in the order reports list them."""


def require_entity(name: str) -> str:
    """Return the meaning of entity `name`.

    Raises
    ------
    ValueError
        If there is no such entity.
    """
    if name not in ENTITIES:
        raise ValueError(f"unknown entity {name!r}: use one of {', '.join(ENTITIES)}")
    return ENTITIES[name]
