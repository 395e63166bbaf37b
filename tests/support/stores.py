"""Stores for tests, and what is filed in them."""

from typing import Any

from stratoscope.downtime.draft import Checked, Draft, checked

NOW = 1_800_000_000
HOUR = 3600


def wanted(**fields: Any) -> Checked:
    """What a person files: an hour on host n1, from now."""
    usual: dict[str, Any] = {
        "title": "new switch",
        "start": NOW,
        "end": NOW + HOUR,
        "matcher_sets": (("cloud=uni", "host=n1"),),
    }
    return checked(Draft(**(usual | fields)), NOW)
