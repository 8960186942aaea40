"""Which side of the body, and which joint."""

from __future__ import annotations

from enum import Enum


class Side(Enum):
    """Left or right of the patient. Never a string, never a guess."""

    LEFT = "left"
    RIGHT = "right"

    @property
    def opposite(self) -> Side:
        """The other side."""
        return Side.RIGHT if self is Side.LEFT else Side.LEFT

    @property
    def sign(self) -> int:
        """Direction of lateral along LPS x: +1 on the left (x grows to the patient's left), -1 on the right."""
        return 1 if self is Side.LEFT else -1


class Joint(Enum):
    """The joints marrowmap knows."""

    HIP = "hip"
    KNEE = "knee"
    ANKLE = "ankle"
