"""Availability and reliability of a month, by ARGO's formulae. Source: the records of the bundle of rules."""

from typing import Final

from stratoscope.core.program import Command

COMMAND: Final = Command(
    "stratoscope.availability.command",
    "Availability and reliability of a month, per cloud, zone and image, as EGI counts them.",
)
"""`stratoscope availability`."""
