"""The downtime exporter: what is down on purpose, and Alertmanager silences in step with it."""

from typing import Final

from stratoscope.core.program import Command

COMMAND: Final = Command(
    "stratoscope.downtime.check_alerts", "A Nagios plug-in: alerts that are neither silenced nor inhibited."
)
"""`stratoscope check-alerts`."""
