"""What Prometheus, Alertmanager and Grafana need: rules, examples and dashboards, as files to copy.

They stand in folders of this package, which in a clone are links to the folders at its top.
"""

from typing import Final

from stratoscope.core.program import Command

COMMAND: Final = Command(
    "stratoscope.files.command",
    "Write the files for Prometheus, Alertmanager and Grafana: rules, examples, dashboards.",
)
"""`stratoscope files`."""
