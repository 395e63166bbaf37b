"""VMs: `vmpool.info`, page by page; the template of each new one by `vmpool.infoset`.

The pool tells neither when a VM came into its state nor its template. The first is when it was first seen in
it, unless it is being created: then it is when it was created. The second never changes, and is read once.

With events the pool is read every 10 minutes, and the answer comes from what is known.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.events import MOST as MOST_HEARD
from stratoscope.clouds.events import Events, Missed, Outcome
from stratoscope.clouds.model import VM
from stratoscope.clouds.model import VMs as Answer
from stratoscope.clouds.opennebula import states
from stratoscope.clouds.opennebula.client.access import Access, checked
from stratoscope.clouds.opennebula.client.items import (
    ADDRESSES,
    MIB,
    Element,
    Unchanged,
    amount,
    fields,
    identity,
    number,
    sensible,
)
from stratoscope.clouds.opennebula.client.pools import NOT_DONE, Pools
from stratoscope.clouds.opennebula.hosts import Hosts
from stratoscope.clouds.opennebula.owners import Owners
from stratoscope.clouds.opennebula.templates import Templates
from stratoscope.clouds.resources import by_number
from stratoscope.clouds.sums import whole_sum
from stratoscope.clouds.ttl_cache import TTLCache
from stratoscope.clouds.vm_index import VMIndex
from stratoscope.core.collector import Every
from stratoscope.core.errors import LeftOutError

_DONE: Final = "DONE"
_AT_ONCE: Final = 500
"""VMs whose templates are read by one request: 3.7 MB."""
_MOST: Final = 20
"""Requests for templates in one refresh."""
_IN_A_ROW: Final = 1_000
"""VMs that are taken before other tasks have their turn."""
_NEW_S: Final = 45.0
"""Names of templates may be as old for a VM whose template has none: each refresh looks for it again."""
_SURE_S: Final = 900.0
"""An older pool does not say which VMs there are; with events it is read every 10 minutes."""
_CREATED: Final = frozenset({states.PENDING, "PROLOG", "BOOT"})
_NICS: Final = ("NIC", "NIC_ALIAS", "PCI")
"""What may have addresses. The pool calls all of them NIC; events have PCI for one that is passed through."""


class Row(msgspec.Struct, frozen=True, gc=False):
    """A VM of the pool.

    Attributes:
        is_new: It has had no host before the one it is on, or none yet.
        host_id, cluster_id: Of the host that it is on, and of the cluster in which that was at the beginning.
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
    host_id: str
    cluster_id: str
    created: float
    vcpus: int | None
    memory: int | None
    disk: int | None
    addresses: int
    is_new: bool
    moves: int


class _Pool(NamedTuple):
    """The pool as it was read, without VMs that are done.

    Attributes:
        began: When the reading began, on the monotonic clock: events since then are newer.
        began_at: The same in Unix seconds.
        is_cut: As Pools.is_cut.
    """

    rows: Sequence[Row]
    malformed: int
    is_cut: bool
    began: float
    began_at: float


class VMs(Reader):
    """The VMs of one zone."""

    def __init__(  # noqa: PLR0913 - what a VM is told by
        self,
        pools: Pools,
        access: TTLCache[Access],
        owners: Owners,
        hosts: Hosts,
        templates: Templates,
        *,
        index: VMIndex,
        clock: Clock,
        events: Events | None = None,
    ) -> None:
        self._pools, self._access, self._owners = pools, access, owners
        self._hosts, self._templates = hosts, templates
        self._index, self._clock = index, clock
        self._row = Unchanged(row)
        self._pool = TTLCache(self._read_pool, clock)
        self._heard: dict[str, Row] = {}
        self._template_of: dict[str, str] = {}
        self._events = Events(clock) if events is None else events
        self._read_at: float | None = None
        self._read_from = 0.0
        self._sees_all, self._malformed, self._is_cut = False, 0, False
        self._clusters: Mapping[str, str] = {}
        self._zones: Mapping[str, str] = {}
        self._flavors: Mapping[str, str] = {}
        self._unnamed: set[str] = set()
        # Answers have these two, and are rendered in a thread: they are replaced, never changed.
        self._projects: Mapping[str, str] = {}
        self._users: Mapping[str, str] = {}

    @question(
        "vms",
        Every(60, 50, 300),
        cost="1 for each 2,000 VMs, and 1 for each 500 new ones, at most 20; 1 each for clusters, hosts and "
        "templates unless they have just been read; with `events` every 10 minutes",
        role="group oneadmin, or VM/* USE; any other sees what it may use",
        lists=by_number("vms"),
    )
    async def read(self) -> Answer:
        """All VMs but those that are done. Raises as Pools, and LeftOutError."""
        self._events.settle()
        if self._is_spared():
            await self._name_new_templates()
            await self._follow_hosts()
            return replace(self._answer(), malformed=0)  # those of the last list were counted then
        pool = await self._pool.anew()
        rows, malformed = pool.rows, pool.malformed
        access = await checked(self._access, "VM", rows, malformed, "vmpool.info")
        self._clusters, self._zones = await self._owners.clusters(), await self._hosts.zones()
        self._forget_others(rows)
        names = await self._names(rows)
        is_vouched = self._read_at is not None and self._events.vouches(self._read_at)
        await self._take(rows, names, pool.began, is_vouched=is_vouched)
        self._read_at, self._read_from = pool.began, pool.began_at
        self._sees_all, self._malformed = access.sees_all("VM"), malformed
        self._is_cut = pool.is_cut
        known = self._index.known().values()
        projects, users = {vm.project_id for vm in known}, {vm.user_id for vm in known}
        self._projects = _named(self._projects, {one.project_id: one.project for one in rows}, projects)
        self._users = _named(self._users, {one.user_id: one.user for one in rows}, users)
        return self._answer()

    @property
    def ids(self) -> Collection[str] | None:
        """The ids of all VMs; None while it is not sure that these are all."""
        is_known = self._read_at is not None and self._clock.monotonic() - self._read_at < _SURE_S
        return self._index.known().keys() if is_known and self._sees_all and not self._malformed else None

    async def rows(self, seconds: float) -> tuple[Sequence[Row], int]:
        """The pool, not older than that, and the number of malformed VMs. Raises as Pools.

        While events say what changes it is the last pool with what they have said since.
        """
        if not self._is_spared():
            pool = await self._pool.not_older_than(seconds)
            return pool.rows, pool.malformed
        last = self._pool.last
        listed = {} if last is None else {one.vm_id: one for one in last.rows}
        now = {**listed, **self._heard}
        return [one for one in now.values() if one.state != _DONE], self._malformed

    def hear(self, element: Element) -> Outcome:
        """Apply what an event says of a VM. Raises ValueError, KeyError if it makes no sense."""
        one = row(element)
        if not self._sees_all:
            return Outcome.IGNORED  # maybe of a VM that the credential may not see
        is_known = self._index.get(one.vm_id) is not None or one.vm_id in self._heard
        if not is_known and max(len(self._index) + len(self._index.ended), len(self._heard)) >= MOST_HEARD:
            return Outcome.IGNORED
        self._events.says(one.vm_id, is_gone=one.state == _DONE)
        self._heard[one.vm_id] = one
        if one.state == _DONE:
            self._index.end(one.vm_id)
            self._template_of.pop(one.vm_id, None)
            return Outcome.APPLIED
        self._forget_others([one])
        template = self._template_of.setdefault(one.vm_id, element.findtext("TEMPLATE/TEMPLATE_ID", ""))
        if template and template not in self._flavors:
            self._unnamed.add(one.vm_id)
        flavor = self._flavors.get(template, "")
        self._index.put(self._vm(one, flavor, self._clock.now()))
        self._projects = _with_name(self._projects, one.project_id, one.project)
        self._users = _with_name(self._users, one.user_id, one.user)
        return Outcome.APPLIED

    async def _name_new_templates(self) -> None:
        """Give their flavor to VMs whose template is younger than the last list. Raises as Pools."""
        if not self._unnamed:
            return
        self._flavors = await self._templates.names(_NEW_S)
        for vm_id in [*self._unnamed]:
            vm, flavor = self._index.get(vm_id), self._flavors.get(self._template_of.get(vm_id, ""), "")
            if vm is not None and flavor:
                self._index.put(replace(vm, flavor=flavor))
            if vm is None or flavor:
                self._unnamed.discard(vm_id)

    def _forget_others(self, rows: Iterable[Row]) -> None:
        """Forget VMs whose ids others have now: after oned's database was restored, ids are given again."""
        for one in rows:
            known = self._index.get(one.vm_id)
            if known is not None and known.created != one.created:
                self._index.drop(one.vm_id)
                self._template_of.pop(one.vm_id, None)

    async def _take(
        self, rows: Sequence[Row], names: Mapping[str, str], began: float, *, is_vouched: bool
    ) -> None:
        """Take the pool, unless an event said more of a VM while it was read."""
        now = self._clock.now()
        self._heard = {
            vm_id: one for vm_id, one in self._heard.items() if self._events.is_newer(vm_id, 0.0, began)
        }
        for place, one in enumerate(rows):
            if not place % _IN_A_ROW:
                await asyncio.sleep(0)  # others have their turn: 50,000 VMs take half a second
            if self._events.is_newer(one.vm_id, 0.0, began):
                continue
            known = self._index.get(one.vm_id)
            vm = self._vm(one, names.get(one.vm_id, ""), now)
            self._index.put(vm)
            if is_vouched and (known is None or known.state != vm.state or known.host != vm.host):
                self._events.found(one.vm_id, Missed.ADDED if known is None else Missed.CHANGED)
        gone = {*self._index.known(), *self._index.ended} - {one.vm_id for one in rows}
        for vm_id in gone:
            if self._events.is_newer(vm_id, 0.0, began):
                continue
            is_news = vm_id not in self._index.ended
            self._index.drop(vm_id)
            if is_vouched and is_news:
                self._events.found(vm_id, Missed.REMOVED)

    def _answer(self) -> Answer:
        answer = self._index.vms(
            self._projects,
            self._users,
            is_whole=self._sees_all and not self._is_cut,
            malformed=self._malformed,
            is_complete=not self._malformed,
        )
        return replace(answer, as_of=self._read_from)

    def _is_spared(self) -> bool:
        """Whether events have said all changes since the last pool, which is not too old."""
        return self._read_at is not None and self._sees_all and self._events.spares(self._read_at)

    async def _read_pool(self) -> _Pool:
        began, began_at = self._clock.monotonic(), self._clock.now()
        rows, malformed = await self._pools.paged("vmpool.info", "VM", self._row, NOT_DONE)
        self._row.keep([one.vm_id for one in rows])
        is_cut = self._pools.is_cut("vmpool.info")
        return _Pool([one for one in rows if one.state != _DONE], malformed, is_cut, began, began_at)

    async def _follow_hosts(self) -> None:
        """Take what others have read of hosts: one may be in another cluster now, which no event says."""
        zones = self._hosts.known_zones
        if zones == self._zones:
            return
        self._zones = zones
        for one in (await self.rows(0.0))[0]:
            vm = self._index.get(one.vm_id)
            if vm is not None:
                self._index.put(replace(vm, zone=self._zone(one)))

    def _zone(self, one: Row) -> str:
        """The cluster in which the VM's host is; of a host that is not known the one that the history has."""
        of_host = self._zones.get(one.host_id)
        return self._clusters.get(one.cluster_id, "") if of_host is None else of_host

    def _vm(self, one: Row, flavor: str, now: float) -> VM:
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
            zone=self._zone(one),
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
        new, search = sorted(present - self._template_of.keys(), key=int), self._pools.search()
        for start in range(0, min(len(new), _MOST * _AT_ONCE), _AT_ONCE):
            some = new[start : start + _AT_ONCE]
            try:
                found, _ = await self._pools.chosen("VM", _template, some, is_extended=True, search=search)
            except LeftOutError:
                break  # a release without this call: no VM has a flavor
            read = [one for one in some if one not in search.left_out]
            self._template_of |= dict.fromkeys(read, "") | dict(found)
        self._unnamed.clear()
        names = self._flavors = await self._templates.names()
        return {vm_id: names.get(template, "") for vm_id, template in self._template_of.items()}


def _with_name(names: Mapping[str, str], one: str, name: str) -> Mapping[str, str]:
    is_beyond = one not in names and len(names) >= MOST_HEARD
    return names if is_beyond or names.get(one) == name else {**names, one: name}


def _named(old: Mapping[str, str], new: Mapping[str, str], wanted: Collection[str]) -> Mapping[str, str]:
    """The names of those that are wanted: an event may have said one while the pool was read."""
    return {one: name for one, name in {**old, **new}.items() if one in wanted}


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
        host_id=history.get("HID", "") if is_placed else "",
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
            addresses += sum(1 for name in ADDRESSES if nic.get(name))
        else:
            plain[child.tag] = child.text or ""
    return plain, disks, addresses


def _sizes(
    of_template: dict[str, str], disks: list[dict[str, str]]
) -> tuple[int | None, int | None, int | None]:
    """vCPUs, memory and disk; each None if it is not told, or makes no sense: of disks if one is not."""
    memory = sensible(of_template, "MEMORY", MIB)
    if not of_template:
        return None, memory, None  # a VM without a template, of which nothing is known
    vcpus = sensible(of_template, "VCPU") if of_template.get("VCPU") else 1  # oned's own default
    return vcpus, memory, whole_sum(sensible(disk, "SIZE", MIB) for disk in disks)


def _template(element: Element) -> tuple[str, str]:
    """A VM's id, and that of its template; "" for none."""
    return number(identity(element)), element.findtext("TEMPLATE/TEMPLATE_ID", "")
