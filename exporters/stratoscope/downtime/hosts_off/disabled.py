"""Which hosts an administrator has disabled, from a cloud's own services."""

from collections.abc import Iterable

import msgspec

from stratoscope.clouds.model import Service


class DisabledHost(msgspec.Struct, frozen=True):
    """A host on which no new VMs start, since somebody disabled it.

    Attributes:
        is_up: It still reports, so that VMs may run on it.
        reason: The administrator's words; "" for none.
        heartbeat: When it last reported, in Unix seconds of the cloud's clock; None if unknown.
    """

    host: str
    zone: str
    is_up: bool
    reason: str
    heartbeat: float | None = None


def disabled_hosts(services: Iterable[Service]) -> list[DisabledHost]:
    """The hosts of VMs that are disabled on purpose, by name.

    A host that the cloud itself disabled, or that somebody marked as down so that its VMs are rebuilt
    elsewhere, has failed: nobody switched it off on purpose. No matcher can name a host whose name cannot be
    printed.
    """
    found = [
        DisabledHost(one.host, one.zone, one.is_up, one.reason, one.heartbeat)
        for one in services
        if one.runs_vms
        and one.host.isprintable()
        and one.is_enabled is False
        and not one.is_disabled_by_source
        and not one.is_forced_down
    ]
    return sorted(found, key=lambda one: one.host)
