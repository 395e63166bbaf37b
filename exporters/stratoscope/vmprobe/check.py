"""`stratoscope check-vmprobe`: a Nagios plug-in on the last run of a probe. Source: the exporter's API."""

import argparse
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from stratoscope.core.client.request import fetched
from stratoscope.core.nagios.answer import Answer
from stratoscope.core.nagios.plugin import Plugin
from stratoscope.vmprobe.check_flags import parsed
from stratoscope.vmprobe.check_result import SERVICE, Slow, judged

_LARGEST: Final = 4 * 1024 * 1024
_RUNS: Final = 20
"""The last runs that are asked for: those that were interrupted say nothing."""


def main(arguments: Sequence[str]) -> int:
    """Check one probe; the exit status is Nagios's, see `Plugin.run`."""
    return Plugin(SERVICE, "vmprobe", parsed, _asked).run(arguments)


def _asked(flags: argparse.Namespace) -> Answer:
    """The probe as the API shows it, judged."""
    cloud = f"&cloud={quote(flags.cloud, safe='')}" if flags.cloud else ""
    path = f"/api/v1/probes/{quote(flags.name, safe='')}?runs={_RUNS}{cloud}"
    found = fetched(flags, path, largest=_LARGEST)
    if not isinstance(found, dict):
        raise TypeError("no object")
    return judged(found, flags.max_age, Slow(flags.warning, flags.critical)).answer
