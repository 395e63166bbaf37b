"""Which hosts an administrator has disabled, from a cloud's own services."""

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from stratoscope.clouds.model import Service


class DisabledHost(msgspec.Struct, frozen=True):
    """A host on which no new VMs start, since somebody disabled it.

    Attributes:
        is_in_use: VMs may run on it: it still reports, or some are left there.
        reason: The administrator's words; "" for none.
        heartbeat: When it last reported, in Unix seconds of the cloud's clock; None if unknown.
    """

    host: str
    zone: str
    is_in_use: bool
    reason: str
    heartbeat: float | None = None


def disabled_hosts(services: Iterable[Service]) -> list[DisabledHost]:
    """The hosts of VMs that are disabled on purpose, by name.

    A host that the cloud itself disabled, or that somebody marked as down so that its VMs are rebuilt
    elsewhere, has failed: nobody switched it off on purpose. A host that stands there more than once, as it
    does when its service was registered anew, is disabled if all of it is, and in use if one of it is.
    No matcher can name a host whose name cannot be printed.
    """
    by_host = defaultdict[str, list[Service]](list)
    for one in services:
        if one.runs_vms and one.host.isprintable():
            by_host[one.host].append(one)
    return [_disabled(by_host[host]) for host in sorted(by_host) if all(map(_is_off, by_host[host]))]


def _is_off(one: Service) -> bool:
    return one.is_enabled is False and not one.is_disabled_by_source and not one.is_forced_down


def _disabled(ones: Iterable[Service]) -> DisabledHost:
    """The host of these services: as the one that is in use says, or reported last."""
    last = max(ones, key=lambda one: (_is_in_use(one), one.heartbeat or 0))
    return DisabledHost(last.host, last.zone, _is_in_use(last), last.reason, last.heartbeat)


def _is_in_use(one: Service) -> bool:
    return one.is_up or bool(one.vms_left)
