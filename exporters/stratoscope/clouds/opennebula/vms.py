"""VMs: `vmpool.info`, page by page; the template of each new one by `vmpool.infoset`.

The pool tells neither when a VM came into its state nor its template. The first is when it was first seen in
it, unless it is being created: then it is when it was created. The second never changes, and is read once.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.model import VM
from stratoscope.clouds.model import VMs as Answer
from stratoscope.clouds.opennebula import states
from stratoscope.clouds.opennebula.client.access import Access, kept
from stratoscope.clouds.opennebula.client.items import MIB, Element, Unchanged, amount, fields, identity
from stratoscope.clouds.opennebula.client.pools import Pools
from stratoscope.clouds.opennebula.owners import Owners
from stratoscope.clouds.opennebula.templates import Templates
from stratoscope.clouds.resources import by_number
from stratoscope.clouds.ttl_cache import TTLCache
from stratoscope.clouds.vm_index import VMIndex
from stratoscope.core.collector import Every
from stratoscope.core.errors import LeftOutError

_NOT_DONE: Final = -1
_AT_ONCE: Final = 500
"""VMs whose templates are read by one request: 3.7 MB."""
_MOST: Final = 20
"""Requests for templates in one refresh."""
_CREATED: Final = frozenset({states.PENDING, "PROLOG", "BOOT"})
_ADDRESSES: Final = ("IP", "IP6", "IP6_GLOBAL", "IP6_ULA")


class Row(msgspec.Struct, frozen=True, gc=False):
    """A VM of the pool.

    Attributes:
        is_new: It has had no host before the one it is on, or none yet.
        moves: Number of hosts that it had before, the same one several times.
    """

    vm_id: str
    name: str
    state: str
    project_id: str
    user_id: str
    project: str
    user: str
    image: str
    host: str
    cluster_id: str
    created: float
    vcpus: int | None
    memory: int | None
    disk: int | None
    addresses: int
    is_new: bool
    moves: int


class VMs(Reader):
    """The VMs of one zone. Attributes: rows: The pool as last read, with the number of malformed VMs."""

    def __init__(  # noqa: PLR0913 - what a VM is told by
        self,
        pools: Pools,
        access: TTLCache[Access],
        owners: Owners,
        templates: Templates,
        *,
        index: VMIndex,
        clock: Clock,
    ) -> None:
        self._pools, self._access, self._owners, self._templates = pools, access, owners, templates
        self._index, self._clock = index, clock
        self._row = Unchanged(row)
        self.rows = TTLCache(self._read_rows, clock)
        self._template_of: dict[str, str] = {}

    @question(
        "vms",
        Every(60, 50, 300),
        cost="1 for each 2,000 VMs, and 1 for each 500 new ones, at most 20; 1 for clusters and 1 for "
        "templates unless they have just been read",
        role="group oneadmin, or VM/* USE; any other sees what it may use",
        lists=by_number("vms"),
    )
    async def read(self) -> Answer:
        """All VMs but those that are done. Raises as Pools, and LeftOutError."""
        rows, malformed = await self.rows.anew()
        access = await kept(self._access)
        rows = [one for one in rows if one.state != "DONE"]
        if not malformed:
            access.check("VM", rows, "oned: vmpool.info")
        clusters = await self._owners.clusters()
        names = await self._names(rows)
        now = self._clock.now()
        for one in rows:
            self._index.put(self._vm(one, names.get(one.vm_id, ""), clusters, now))
        for vm_id in self._index.known().keys() - {one.vm_id for one in rows}:
            self._index.drop(vm_id)
        projects = {one.project_id: one.project for one in rows}
        users = {one.user_id: one.user for one in rows}
        return self._index.vms(
            projects,
            users,
            is_whole=access.sees_all("VM"),
            malformed=malformed,
            is_complete=not malformed,
        )

    async def _read_rows(self) -> tuple[list[Row], int]:
        """The pool, and the number of malformed VMs."""
        rows, malformed = await self._pools.paged("vmpool.info", "VM", self._row, _NOT_DONE)
        self._row.keep([one.vm_id for one in rows])
        return rows, malformed

    def _vm(self, one: Row, flavor: str, clusters: Mapping[str, str], now: float) -> VM:
        known = self._index.get(one.vm_id)
        changed = now if known is None or known.state != one.state else known.changed
        if one.state in _CREATED and one.is_new:
            changed = one.created
        return VM(
            vm_id=one.vm_id,
            name=one.name,
            state=one.state,
            transition=states.transition(one.state),
            project_id=one.project_id,
            user_id=one.user_id,
            flavor=flavor,
            image=one.image,
            host=one.host,
            zone=clusters.get(one.cluster_id, ""),
            created=one.created,
            changed=changed,
            vcpus=one.vcpus,
            memory=one.memory,
            disk=one.disk,
            addresses=one.addresses,
            fault=states.fault(one.state),
        )

    async def _names(self, rows: Iterable[Row]) -> Mapping[str, str]:
        """The name of the template of each VM; absent for one that has none, or whose is not known yet."""
        present = {one.vm_id for one in rows}
        self._template_of = {vm_id: one for vm_id, one in self._template_of.items() if vm_id in present}
        new = sorted(present - self._template_of.keys(), key=int)
        for start in range(0, min(len(new), _MOST * _AT_ONCE), _AT_ONCE):
            some = new[start : start + _AT_ONCE]
            try:
                found, _ = await self._pools.whole("vmpool.infoset", "VM", _template, ",".join(some), True)
            except LeftOutError:
                break  # a release without this call: no VM has a flavor
            self._template_of |= dict.fromkeys(some, "") | dict(found)
        names = await self._templates.names()
        return {vm_id: names.get(template, "") for vm_id, template in self._template_of.items()}


def row(element: Element) -> Row:
    """A VM of the pool. Raises ValueError, KeyError if it makes no sense."""
    children = {child.tag: child for child in element}
    found = {tag: child.text or "" for tag, child in children.items()}
    state = int(found["STATE"])
    of_template, disks, addresses = _template_parts(children.get("TEMPLATE"))
    history = fields(next(iter(children.get("HISTORY_RECORDS", ())), None))
    is_placed = state in states.ON_A_HOST
    vcpus, memory, disk = _sizes(of_template, disks)
    return Row(
        vm_id=str(int(found["ID"])),
        name=found["NAME"],
        state=states.vm(state, int(found["LCM_STATE"])),
        project_id=str(int(found["GID"])),
        user_id=str(int(found["UID"])),
        project=found["GNAME"],
        user=found["UNAME"],
        image=disks[0].get("IMAGE_ID", "") if disks else "",
        host=history.get("HOSTNAME", "") if is_placed else "",
        cluster_id=history.get("CID", "") if is_placed else "",
        created=float(amount(found, "STIME")),
        vcpus=vcpus,
        memory=memory,
        disk=disk,
        addresses=addresses,
        is_new=history.get("SEQ", "0") == "0",
        moves=int(history.get("SEQ") or 0),
    )


def _template_parts(template: Element | None) -> tuple[dict[str, str], list[dict[str, str]], int]:
    """The attributes, the disks, and the number of addresses."""
    plain, disks, addresses = dict[str, str](), list[dict[str, str]](), 0
    for child in () if template is None else template:
        if child.tag == "DISK":
            disks.append(fields(child))
        elif child.tag in ("NIC", "NIC_ALIAS"):
            nic = fields(child)
            addresses += sum(1 for name in _ADDRESSES if nic.get(name))
        else:
            plain[child.tag] = child.text or ""
    return plain, disks, addresses


def _sizes(
    of_template: dict[str, str], disks: list[dict[str, str]]
) -> tuple[int | None, int | None, int | None]:
    """vCPUs, memory and disk; all None if one of them is not told."""
    if not of_template.get("MEMORY") or not all(disk.get("SIZE") for disk in disks):
        return None, None, None
    vcpus = amount(of_template, "VCPU") if of_template.get("VCPU") else 1  # oned's own default
    return vcpus, amount(of_template, "MEMORY", MIB), sum(amount(disk, "SIZE", MIB) for disk in disks)


def _template(element: Element) -> tuple[str, str]:
    """A VM's id, and that of its template; "" for none."""
    return str(int(identity(element))), element.findtext("TEMPLATE/TEMPLATE_ID", "")
