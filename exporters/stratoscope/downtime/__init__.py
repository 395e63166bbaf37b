"""The downtime exporter: what is down on purpose, and Alertmanager silences in step with it."""

from typing import Final

from stratoscope.core.program import Command, Program

PORT: Final = 10974
_CLI: Final = "stratoscope.downtime.cli"

PROGRAM: Final = Program(
    name="downtime",
    port=PORT,
    summary="What is down on purpose: pages, feeds, an API, and Alertmanager silences in step with it.",
    commands={
        "add": Command(f"{_CLI}.add", "File a downtime."),
        "list": Command(f"{_CLI}.list", "List downtimes."),
        "show": Command(f"{_CLI}.show", "Show a downtime and its history."),
        "extend": Command(f"{_CLI}.extend", "Give a downtime another end."),
        "end": Command(f"{_CLI}.end", "End a downtime now."),
        "cancel": Command(f"{_CLI}.cancel", "Cancel a downtime."),
        "silence": Command(f"{_CLI}.silence", "Silence a downtime again whose silences a person expired."),
        "host-off": Command(f"{_CLI}.host_off", "A host is switched off on purpose."),
        "host-on": Command(f"{_CLI}.host_on", "A host is back."),
        "hosts-off": Command(f"{_CLI}.hosts_off", "The hosts that are off, also for Nagios and Ganglia."),
    },
    keeps_state=True,
    stop_timeout_s=10.0,
)

COMMAND: Final = Command(
    "stratoscope.downtime.check_alerts", "A Nagios plug-in: alerts that are neither silenced nor inhibited."
)
"""`stratoscope check-alerts`."""
