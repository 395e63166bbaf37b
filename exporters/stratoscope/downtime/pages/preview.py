"""The preview: which current alerts a downtime would silence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Preview:
    """What Alertmanager says of a draft.

    Attributes:
        alerts: The labels of some that match.
        count: How many match.
        all: How many alerts there are.
        silences: Whether they would be silenced; or else only explained.
        is_everything: Whether a set matches every alert.
        failed: The Alertmanagers that could not be asked: name -> why.
    """

    alerts: Sequence[Mapping[str, str]]
    count: int
    all: int
    silences: bool = True
    is_everything: bool = False
    failed: Mapping[str, str] = field(default_factory=dict)
