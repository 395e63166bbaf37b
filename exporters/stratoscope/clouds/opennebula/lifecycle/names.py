"""How a VM carries the mark of the run that has created it: in its name.

A user who may only use a template must not add anything to it at `template.instantiate` (it would need the
right CREATE TEMPLATE), but may name the VM. oned takes 128 characters; the longest tag makes 105 of them.
"""

import re
from typing import Final

from stratoscope.clouds.lifecycle import NAME_PREFIX, Mark

_NAME: Final = re.compile(rf"{NAME_PREFIX}([0-9a-z]+)-([0-9]{{1,15}})-([A-Za-z0-9._-]+)")


def name_of(mark: Mark) -> str:
    """The name of the VM: `stratoscope-<run>-<deadline>-<tag>`. The probe's name has no room in it."""
    return f"{mark.name}-{mark.deadline:.0f}-{mark.tag}"


def mark_in(name: str) -> Mark | None:
    """The mark in a name, without the name of its probe; None for a name that no probe gives."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    run, deadline, tag = found.groups()
    return Mark(tag, "", run, float(deadline))
