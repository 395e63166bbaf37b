"""The whole family at work on one machine: what `stratoscope demo` starts, shows and ends."""

from typing import Final

from stratoscope.core.program import Command

COMMAND: Final = Command(
    "stratoscope.show.command",
    "All exporters on embedded clouds, with Prometheus, Alertmanager, rules and alerts; Ctrl-C ends it.",
)
"""`stratoscope demo`."""
