"""An embedded cloud that speaks real protocols on loopback: for `make demo`, tests and benchmarks."""

from typing import Final

SUMMARY: Final = "An embedded cloud with real protocols on loopback, whose VMs live and die."
