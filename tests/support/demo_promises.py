"""What Prometheus has in a demo that is well."""

from collections.abc import Mapping
from typing import Final

from stratoscope.show import clouds
from stratoscope.show.exporters import PROBES

MOST_BYTES: Final = 1_500_000_000
"""The memory that all programs together may have."""
_OF_EACH: Final = f"count(count by (cloud) ({{}})) == {len(clouds.CLOUDS)}"
EXPECTED: Final[Mapping[str, str]] = {
    "clouds with VMs": _OF_EACH.format("stratoscope_management_vm_info"),
    "clouds with room": _OF_EACH.format("stratoscope_management_flavor_room_vms > 0"),
    "probes that have run": f"count(stratoscope_vmprobe_runs_total > 0) >= {len(PROBES)}",
    "probes whose VM was created and is gone": "count(stratoscope_vmprobe_success == 1) == 2",
    "probes that fail on their image, to blame: the cloud": (
        'count(stratoscope_vmprobe_last_failure{phase="built", reason="image", blame="cloud"} == 1) == 1'
    ),
    "hosts in downtime": f'count(stratoscope_downtime_active{{scope="host", host="{clouds.DOWN}"}} == 1)',
}
"""Queries, by what they show; each has a result."""


def exporters_up(count: int) -> str:
    """The query that has a result while so many exporters are scraped."""
    return f"count(up == 1) == {count}"
