"""The programs of the family: what `stratoscope NAME` runs. A name is also that of a section in the file."""

from typing import Final

EXPORTERS: Final = {
    "downtime": "stratoscope.downtime",
    "hypervisor": "stratoscope.hypervisor",
    "management": "stratoscope.management",
    "vmprobe": "stratoscope.vmprobe",
}
"""Sub-command -> the package whose PROGRAM it is; the EXPORTER is in its module `exporter`, with its SDK."""

TO_COME: Final = frozenset({"accounting", "slurper", "userview"})
"""Exporters that do not exist yet: their sections are left alone, and not offered."""

COMMANDS: Final = {
    "demo": "stratoscope.show",
    "demo-cloud": "stratoscope.demo",
    "check-vmprobe": "stratoscope.vmprobe",
    "check-alerts": "stratoscope.downtime",
    "rules": "stratoscope.rules",
    "availability": "stratoscope.availability",
    "files": "stratoscope.files",
}
"""Sub-command that is no exporter -> the module whose COMMAND it is."""
