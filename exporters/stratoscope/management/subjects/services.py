"""Services and agents of the management layer, host by host: up, enabled, last heartbeat."""

from collections.abc import Iterable, Sequence
from typing import ClassVar, Final

from stratoscope.clouds import model
from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.management.subject import Subject

_PREFIX: Final = "stratoscope_management_service"
_LABELS: Final = ("cloud", "service", "binary", "host", "zone")
UP = Family(f"{_PREFIX}_up", "1 if the management layer considers the service alive, else 0.", labels=_LABELS)
ENABLED = Family(
    f"{_PREFIX}_enabled",
    "1 if the service is enabled, 0 if an administrator disabled it; absent if the source does not report "
    "it.",
    labels=_LABELS,
)
HEARTBEAT = Family(
    f"{_PREFIX}_heartbeat_timestamp_seconds",
    "Unix time of the service's last heartbeat (Nova: updated_at); absent if the source does not report it.",
    labels=_LABELS,
)
FORCED_DOWN = Family(
    f"{_PREFIX}_forced_down",
    "1 if the service was forced down, whatever its heartbeat (Nova: forced_down), else 0; absent if the "
    "source does not report it.",
    labels=_LABELS,
)
DISABLED = Family(
    f"{_PREFIX}_disabled_info",
    "The administrator's reason for disabling the service, empty if none; absent while it is enabled; always "
    "1.",
    labels=(*_LABELS, "text"),
)
LEADS = Family(
    f"{_PREFIX}_leads",
    "1 if the server leads its group, so that changes go through it (OpenNebula: LEADER of Raft), else 0; "
    "absent for one that has no group.",
    labels=_LABELS,
)
HOST_UP = Family(
    "stratoscope_management_host_up",
    "1 if the service that runs VMs on the host is alive (Nova: nova-compute), else 0.",
    labels=_LABELS,
)
HOST_WANTED = Family(
    "stratoscope_management_host_wanted",
    "0 if an administrator disabled the service that runs VMs on the host; 1 if not, and if the source "
    "itself disabled it after failures.",
    labels=_LABELS,
)
HOSTS = Family(
    "stratoscope_management_hosts",
    "Hosts with a service that runs VMs, as the source lists them, whatever their state; 0 if it lists none.",
    labels=("cloud",),
)
HOSTS_WHOLE = Family(
    "stratoscope_management_hosts_whole",
    "1 if all hosts are visible, 0 if only those that the credential may use.",
    labels=("cloud",),
)


class Services(Subject[model.Services]):
    families: ClassVar[Sequence[Family]] = (UP, ENABLED, HEARTBEAT, FORCED_DOWN, DISABLED, LEADS)

    def samples(self, answer: model.Services, /) -> Iterable[Sample]:
        for one in answer.services:
            labels = _labels(self._cloud, one)
            yield UP(int(one.is_up), labels)
            if one.is_enabled is not None:
                yield ENABLED(int(one.is_enabled), labels)
            if one.heartbeat is not None:
                yield HEARTBEAT(one.heartbeat, labels)
            if one.is_forced_down is not None:
                yield FORCED_DOWN(int(one.is_forced_down), labels)
            if one.is_enabled is False:
                yield DISABLED(1, labels.plus(text=one.reason))
            if one.is_leader is not None:
                yield LEADS(int(one.is_leader), labels)


class HostServices(Services):
    """Besides, of the services that run VMs: which hosts are up, which should be, and how many there are."""

    families = (*Services.families, HOST_UP, HOST_WANTED, HOSTS, HOSTS_WHOLE)

    def samples(self, answer: model.Services, /) -> Iterable[Sample]:
        yield from super().samples(answer)
        runners = [one for one in answer.services if one.runs_vms]
        for one in runners:
            labels = _labels(self._cloud, one)
            yield HOST_UP(int(one.is_up), labels)
            yield HOST_WANTED(int(one.is_enabled is not False or one.is_disabled_by_source), labels)
        if runners or not answer.malformed:
            yield HOSTS(len({one.host for one in runners}), Labels(cloud=self._cloud))
        yield HOSTS_WHOLE(int(answer.is_whole), Labels(cloud=self._cloud))


def _labels(cloud: str, one: model.Service) -> Labels:
    return Labels(cloud=cloud, service=one.service, binary=one.binary, host=one.host, zone=one.zone)
