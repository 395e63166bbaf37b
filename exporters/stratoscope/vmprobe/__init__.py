"""The probe exporter: creates a VM as a user would, times each phase, says what fails, and cleans up."""

from typing import Final

from stratoscope.core.program import Command, Program

PROGRAM: Final = Program(
    name="vmprobe",
    port=10973,
    summary="Creates VMs as a user would: does it work now, which phase fails, why, and whose fault is it.",
    keeps_state=True,
    checks_online=True,
    stop_timeout_s=30.0,
)

COMMAND: Final = Command("stratoscope.vmprobe.check", "A Nagios plug-in: what the last run of a probe says.")
"""`stratoscope check-vmprobe`."""
