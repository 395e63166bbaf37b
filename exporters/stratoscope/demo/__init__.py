"""An embedded cloud that speaks real protocols on loopback: for `make demo`, tests and benchmarks."""

from typing import Final

from stratoscope.core.program import Command

COMMAND: Final = Command(
    "stratoscope.demo.command", "An embedded cloud with real protocols on loopback, whose VMs live and die."
)
