"""The bundle of Prometheus rules: records and alerts on what the exporters show."""

from typing import Final

from stratoscope.core.program import Command

VERSION: Final = "0.2.0"
"""Of the bundle, by semantic versioning: renaming or removing a record or an alert is a breaking change. It
fits exporters of the same major version, before 1.0 of the same minor version."""

COMMAND: Final = Command(
    "stratoscope.rules.command",
    "Write the Prometheus rules, with your thresholds, labels and choice of alerts.",
)
"""`stratoscope rules`."""
