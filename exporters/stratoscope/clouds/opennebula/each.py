"""VMs and their disks one by one, which are off by default: `vmpool.info`, page by page; what VMs use."""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.objects import VM, Disk, Each
from stratoscope.clouds.opennebula import measured, states
from stratoscope.clouds.opennebula.client.access import Access, checked
from stratoscope.clouds.opennebula.client.items import MIB, Element, amount, decimal, fields, number, sensible
from stratoscope.clouds.opennebula.client.pools import NOT_DONE, Pools
from stratoscope.clouds.ttl_cache import TTLCache
from stratoscope.core.collector import Every

MOST: Final = 20_000
_COST: Final = "1 for each 2,000 VMs"
_ROLE: Final = "group oneadmin, or VM/* USE; any other sees what it may use"


class EachObject(Reader):
    """The VMs of one zone, one by one."""

    def __init__(self, pools: Pools, access: TTLCache[Access], clock: Clock) -> None:
        self._pools, self._access, self._clock = pools, access, clock

    @question("each_vm", Every(300, 120, 900), cost=f"{_COST}, and 1", role=_ROLE, is_on=False)
    async def vms(self) -> Each:
        """VMs, and what those that are active used when they were measured last. Raises as `disks`."""
        used, malformed = await measured.vms(self._pools, self._clock.now())
        each = await self._each(VM, "each_vm", lambda element: [vm(element, used)])
        return msgspec.structs.replace(each, malformed=each.malformed + malformed)

    @question("each_disk", Every(300, 120, 900), cost=_COST, role=_ROLE, is_on=False)
    async def disks(self) -> Each:
        """Raises as Pools, and LeftOutError."""
        return await self._each(Disk, "each_disk", disks)

    async def _each(
        self, kind: type[msgspec.Struct], collector: str, decode: Callable[[Element], list[msgspec.Struct]]
    ) -> Each:
        read, malformed = await self._pools.paged("vmpool.info", "VM", decode, NOT_DONE)
        is_cut = self._pools.is_cut("vmpool.info")
        access = await checked(self._access, "VM", read, malformed, "vmpool.info")
        found = [one for of_vm in read for one in of_vm]
        return Each(
            kind=kind,
            collector=collector,
            objects=tuple(found[:MOST]),
            beyond=max(0, len(found) - MOST),
            is_whole=access.sees_all("VM") and not is_cut,
            malformed=malformed,
        )


def vm(element: Element, used: Mapping[str, measured.OfVM]) -> msgspec.Struct:
    """A VM of the pool. Raises ValueError, KeyError if it makes no sense.

    Args: used: By id.
    """
    found, template = fields(element), element.find("TEMPLATE")
    of_template = fields(template)
    tags = [] if template is None else [child.tag for child in template]
    state = int(found["STATE"])
    is_placed = state in states.ON_A_HOST
    one = VM(
        vm_id=number(found["ID"]),
        vm_name=found["NAME"],
        project_id=found["GID"],
        user_id=found["UID"],
        host=element.findtext("HISTORY_RECORDS/HISTORY/HOSTNAME", "") if is_placed else "",
        vcpus=(sensible(of_template, "VCPU") or None) if of_template.get("VCPU") else 1,  # oned's own default
        cpus=decimal(of_template, "CPU"),
        memory=sensible(of_template, "MEMORY", MIB),
        disks=tags.count("DISK"),
        nics=tags.count("NIC"),
        created=float(amount(found, "STIME")),
    )
    last = used.get(one.vm_id) if state == states.ACTIVE else None
    return one if last is None else _with_use(one, last)


def _with_use(one: VM, last: measured.OfVM) -> VM:
    return msgspec.structs.replace(
        one,
        cpus_in_use=last.cpus,
        memory_in_use=last.memory,
        network_received=last.network_received,
        network_transmitted=last.network_transmitted,
        disk_read=last.disk_read,
        disk_written=last.disk_written,
        disk_reads=last.disk_reads,
        disk_writes=last.disk_writes,
        measured=last.measured,
    )


def disks(element: Element) -> list[msgspec.Struct]:
    """The disks of a VM of the pool. Raises as `vm`."""
    vm_id = number(element.findtext("ID", ""))
    found = [fields(one) for one in element.iterfind("TEMPLATE/DISK")]
    return [
        Disk(
            disk_id=f"{vm_id}/{one['DISK_ID']}",
            vm_id=vm_id,
            image_id=one.get("IMAGE_ID", ""),
            backend=one.get("DATASTORE", ""),
            size=sensible(one, "SIZE", MIB),
        )
        for one in found
    ]
