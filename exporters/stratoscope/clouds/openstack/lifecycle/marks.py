"""How objects in OpenStack carry the mark of the run that has created them."""

import re
from collections.abc import Mapping
from math import inf
from typing import Final

from stratoscope.clouds.lifecycle import NAME_PREFIX, Mark

TAG: Final = "stratoscope_tag"
LONGEST_VALUE: Final = 255
"""Of a value of metadata in Nova, Cinder and Glance, and of a description in Neutron."""

_PROBE, _RUN, _DEADLINE = (f"stratoscope_{one}" for one in ("probe", "run", "deadline"))
_DESCRIPTION: Final = re.compile(rf"{NAME_PREFIX}(\S+) tag=(\S+) deadline=(\d*) probe=(.*)")


def metadata(mark: Mark) -> Mapping[str, str]:
    """The mark as metadata."""
    values = {TAG: mark.tag, _PROBE: mark.probe, _RUN: mark.run, _DEADLINE: f"{mark.deadline:.0f}"}
    return {key: value[:LONGEST_VALUE] for key, value in values.items()}


def mark_in(values: Mapping[str, str]) -> Mark | None:
    """The mark in metadata; None without one. A deadline that makes no sense never passes."""
    tag, run = values.get(TAG), values.get(_RUN)
    if tag is None or run is None:
        return None
    return Mark(tag, values.get(_PROBE, ""), run, _moment(values.get(_DEADLINE, "")))


def description(mark: Mark) -> str:
    """The mark as a description."""
    text = f"{mark.name} tag={mark.tag} deadline={mark.deadline:.0f} probe={mark.probe}"
    return text[:LONGEST_VALUE]


def mark_in_description(text: str) -> Mark | None:
    """The mark in a description; None without one. A deadline that makes no sense never passes."""
    found = _DESCRIPTION.fullmatch(text)
    if found is None:
        return None
    run, tag, deadline, probe = found.groups()
    return Mark(tag, probe, run, _moment(deadline))


def _moment(text: str) -> float:
    return float(text) if text.isdecimal() else inf
