"""The management exporter: reads a cloud's management layer."""

from typing import Final

from stratoscope.core.program import Program

PROGRAM: Final = Program(
    name="management",
    port=10972,
    summary="A cloud's management layer: services, hosts, capacity, projects, quotas and VMs.",
)
