"""VMs: `vmpool.info`, page by page; the template of each new one by `vmpool.infoset`.

The pool tells neither when a VM came into its state nor its template. The first is when it was first seen in
it, unless it is being created: then it is when it was created. The second never changes, and is read once.

With events the pool is read every 10 minutes, and the answer comes from what is known.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.events import MOST as MOST_HEARD
from stratoscope.clouds.events import Events, Missed, Outcome
from stratoscope.clouds.model import VM
from stratoscope.clouds.model import VMs as Answer
from stratoscope.clouds.opennebula import states
from stratoscope.clouds.opennebula.client.access import Access, kept
from stratoscope.clouds.opennebula.client.items import (
    MIB,
    Element,
    Unchanged,
    amount,
    fields,
    identity,
    number,
    sensible,
)
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
_NICS: Final = ("NIC", "NIC_ALIAS", "PCI")
"""What may have addresses. The pool calls all of them NIC; events have PCI for one that is passed through."""
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
        events: Events | None = None,
    ) -> None:
        self._pools, self._access, self._owners, self._templates = pools, access, owners, templates
        self._index, self._clock = index, clock
        self._row = Unchanged(row)
        self.rows = TTLCache(self._read_rows, clock)
        self._template_of: dict[str, str] = {}
        self._events = Events(clock) if events is None else events
        self._read_at: float | None = None
        self._read_from = 0.0
        self._sees_all, self._malformed = False, 0
        self._clusters: Mapping[str, str] = {}
        self._flavors: Mapping[str, str] = {}
        self._projects: dict[str, str] = {}
        self._users: dict[str, str] = {}

    @question(
        "vms",
        Every(60, 50, 300),
        cost="1 for each 2,000 VMs, and 1 for each 500 new ones, at most 20; 1 for clusters and 1 for "
        "templates unless they have just been read; with `events` every 10 minutes",
        role="group oneadmin, or VM/* USE; any other sees what it may use",
        lists=by_number("vms"),
    )
    async def read(self) -> Answer:
        """All VMs but those that are done. Raises as Pools, and LeftOutError."""
        began, began_at = self._clock.monotonic(), self._clock.now()
        self._events.settle()
        if self._read_at is not None and self._sees_all and self._events.spares(self._read_at):
            return replace(self._answer(), malformed=0)  # those of the last list were counted then
        rows, malformed = await self.rows.anew()
        access = await kept(self._access)
        rows = [one for one in rows if one.state != "DONE"]
        if not malformed:
            access.check("VM", rows, "oned: vmpool.info")
        self._clusters = await self._owners.clusters()
        self._forget_others(rows)
        names = await self._names(rows)
        is_vouched = self._read_at is not None and self._events.vouches(self._read_at)
        self._take(rows, names, began, is_vouched=is_vouched)
        self._read_at, self._read_from = began, began_at
        self._sees_all, self._malformed = access.sees_all("VM"), malformed
        self._projects = {one.project_id: one.project for one in rows}
        self._users = {one.user_id: one.user for one in rows}
        return self._answer()

    def hear(self, element: Element) -> Outcome:
        """Apply what an event says of a VM. Raises ValueError, KeyError if it makes no sense."""
        one = row(element)
        if not self._sees_all:
            return Outcome.IGNORED  # maybe of a VM that the credential may not see
        if self._index.get(one.vm_id) is None and len(self._index) >= MOST_HEARD:
            return Outcome.IGNORED
        self._events.says(one.vm_id, is_gone=one.state == "DONE")
        if one.state == "DONE":
            self._index.drop(one.vm_id)
            return Outcome.APPLIED
        template = self._template_of.setdefault(one.vm_id, element.findtext("TEMPLATE/TEMPLATE_ID", ""))
        flavor = self._flavors.get(template, "")
        self._index.put(self._vm(one, flavor, self._clusters, self._clock.now()))
        for names, owner, name in (
            (self._projects, one.project_id, one.project),
            (self._users, one.user_id, one.user),
        ):
            if owner in names or len(names) < MOST_HEARD:
                names[owner] = name
        return Outcome.APPLIED

    def _forget_others(self, rows: Iterable[Row]) -> None:
        """Forget VMs whose ids others have now: after oned's database was restored, ids are given again."""
        for one in rows:
            known = self._index.get(one.vm_id)
            if known is not None and known.created != one.created:
                self._index.drop(one.vm_id)
                self._template_of.pop(one.vm_id, None)

    def _take(self, rows: Sequence[Row], names: Mapping[str, str], began: float, *, is_vouched: bool) -> None:
        """Take the pool, unless an event said more of a VM while it was read."""
        now = self._clock.now()
        for one in rows:
            if self._events.is_newer(one.vm_id, 0.0, began):
                continue
            known = self._index.get(one.vm_id)
            vm = self._vm(one, names.get(one.vm_id, ""), self._clusters, now)
            self._index.put(vm)
            if is_vouched and (known is None or known.state != vm.state or known.host != vm.host):
                self._events.found(one.vm_id, Missed.ADDED if known is None else Missed.CHANGED)
        for vm_id in self._index.known().keys() - {one.vm_id for one in rows}:
            if self._events.is_newer(vm_id, 0.0, began):
                continue
            self._index.drop(vm_id)
            if is_vouched:
                self._events.found(vm_id, Missed.REMOVED)

    def _answer(self) -> Answer:
        answer = self._index.vms(
            self._projects,
            self._users,
            is_whole=self._sees_all,
            malformed=self._malformed,
            is_complete=not self._malformed,
        )
        return replace(answer, as_of=self._read_from)

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
                found, _ = await self._pools.chosen("VM", _template, some, is_extended=True)
            except LeftOutError:
                break  # a release without this call: no VM has a flavor
            self._template_of |= dict.fromkeys(some, "") | dict(found)
        names = self._flavors = await self._templates.names()
        return {vm_id: names.get(template, "") for vm_id, template in self._template_of.items()}


def row(element: Element) -> Row:
    """A VM of the pool. Raises ValueError, KeyError if it makes no sense."""
    children = {child.tag: child for child in element}
    found = {tag: child.text or "" for tag, child in children.items()}
    state = int(found["STATE"])
    of_template, disks, addresses = _template_parts(children.get("TEMPLATE"))
    histories = [*children.get("HISTORY_RECORDS", ())]  # the last one alone in a pool
    history = fields(histories[-1] if histories else None)
    is_placed = state in states.ON_A_HOST
    vcpus, memory, disk = _sizes(of_template, disks)
    return Row(
        vm_id=number(found["ID"]),
        name=found["NAME"],
        state=states.vm(state, int(found["LCM_STATE"])),
        project_id=number(found["GID"]),
        user_id=number(found["UID"]),
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
        elif child.tag in _NICS:
            nic = fields(child)
            addresses += sum(1 for name in _ADDRESSES if nic.get(name))
        else:
            plain[child.tag] = child.text or ""
    return plain, disks, addresses


def _sizes(
    of_template: dict[str, str], disks: list[dict[str, str]]
) -> tuple[int | None, int | None, int | None]:
    """vCPUs, memory and disk; all None if one of them is not told, or makes no sense."""
    vcpus = sensible(of_template, "VCPU") if of_template.get("VCPU") else 1  # oned's own default
    memory = sensible(of_template, "MEMORY", MIB)
    sizes = [size for disk in disks if (size := sensible(disk, "SIZE", MIB)) is not None]
    if vcpus is None or memory is None or len(sizes) < len(disks):
        return None, None, None
    return vcpus, memory, sum(sizes)


def _template(element: Element) -> tuple[str, str]:
    """A VM's id, and that of its template; "" for none."""
    return number(identity(element)), element.findtext("TEMPLATE/TEMPLATE_ID", "")
