"""Events of VMs, counted since the exporter opened its cloud. Source: virConnectDomainEventRegisterAny."""

from collections.abc import Iterable, Mapping

import msgspec

from stratoscope.clouds.libvirt.events import Event
from stratoscope.clouds.libvirt.host import LibvirtHost
from stratoscope.core.collector import Offer, OnScrape
from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.hypervisor.collectors import URI_LABELS, tagged
from stratoscope.hypervisor.collectors.of_host import OfHost
from stratoscope.hypervisor.collectors.vm_ownership import VMOwnership

VM_EVENTS = Family(
    "stratoscope_hypervisor_vm_events_total",
    "Events of the VM since the exporter opened its cloud, by event and detail as libvirt names them; "
    "absent before the first.",
    labels=("cloud", "vm_id", "event", "detail"),
)
HOST_EVENTS = Family(
    "stratoscope_hypervisor_host_events_total",
    "Events of all VMs of the URI since the exporter opened its cloud, by event and detail as libvirt names "
    "them; 0 before the first.",
    labels=(*URI_LABELS, "event", "detail"),
)
CONNECTED = Family(
    "stratoscope_hypervisor_libvirt_events_connected",
    "1 if the connection that delivers events is open, else 0; events are not counted while it is 0.",
    labels=URI_LABELS,
)


class Counts(msgspec.Struct, frozen=True):
    """A copy of the counts: per VM id, and for the host."""

    by_vm: Mapping[str, Mapping[Event, int]]
    by_event: Mapping[Event, int]
    is_connected: bool


class Events(OfHost[Counts]):
    """The counts of one URI's session."""

    offer = Offer("events", OnScrape(5), needs="domains")
    families = (VM_EVENTS, HOST_EVENTS, CONNECTED)

    def __init__(self, host: LibvirtHost, ownership: VMOwnership | None = None) -> None:
        """Args: ownership: Shared by the URIs of the cloud."""
        super().__init__(host)
        self._ownership = ownership or VMOwnership()
        self._beside = tagged(self.offer.needs, host.tag)

    async def fetch(self) -> Counts:
        events, vm_ids = self._host.events, self._host.vm_ids
        by_vm = {
            vm_id: dict(counts)
            for uuid, counts in events.by_domain.items()
            if (vm_id := vm_ids.get(uuid)) and not self._ownership.is_elsewhere(vm_id, self._beside)
        }
        return Counts(by_vm, dict(events.by_event), await self._host.hears_events())

    def samples(self, data: Counts, /) -> Iterable[Sample]:
        for vm_id, counts in data.by_vm.items():
            vm = Labels(cloud=self.cloud, vm_id=vm_id)
            for (event, detail), count in counts.items():
                yield VM_EVENTS(count, vm.plus(event=event, detail=detail))
        yield CONNECTED(data.is_connected, self._labels)
        for (event, detail), count in data.by_event.items():
            yield HOST_EVENTS(count, self._labels.plus(event=event, detail=detail))
