"""Methods that read: pools, with their pages, and single objects."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any, Final, NamedTuple

from stratoscope.demo.opennebula import states
from stratoscope.demo.opennebula.access import Access
from stratoscope.demo.opennebula.directory import Account
from stratoscope.demo.opennebula.elements import document, pool
from stratoscope.demo.opennebula.errors import XML_RPC_API, OneError, no_exists
from stratoscope.demo.opennebula.method import Answer, Method
from stratoscope.demo.opennebula.views import monitoring
from stratoscope.demo.opennebula.views.objects import ObjectViews
from stratoscope.demo.opennebula.views.owners import NO_QUOTAS, OwnerViews
from stratoscope.demo.opennebula.views.vms import Form, View, VMViews
from stratoscope.demo.world.models import VM
from stratoscope.demo.world.sorted_index import SortedIndex

VERSION: Final = "7.4.0"
_MINE, _ALL = -3, -2
"""Filters of pools: one's own, and what one may use."""
_NOT_DONE, _ANY, _STATES = -1, -2, 11
_RAFT: Final = {"SERVER_ID": -1, "STATE": 0, "TERM": 0, "VOTEDFOR": -1, "COMMIT": 0, "LOG_INDEX": -1}

_WORDS: Final = {
    "vm": ("VM", "VM", "virtual machine"), "vn": ("NET", "VNET", "virtual network"),
    "template": ("TEMPLATE", "VMTEMPLATE", "virtual machine template"),
}  # fmt: skip


class Kind(NamedTuple):
    """One kind of objects, whose methods are `NAMEpool.info` and `NAME.info`.

    Attributes:
        items: All, by number: what has `get` and `items` as Mapping has them.
        view: Makes what shows an object.
        params: Of the pool.
    """

    name: str
    items: Callable[[], Any]
    view: Callable[[Form], View]
    params: str = ""

    @property
    def words(self) -> tuple[str, str, str]:
        """Its name in rules and denials, in documents, and in errors."""
        return _WORDS.get(self.name, (self.name.upper(), self.name.upper(), self.name))


class Reads:
    """Their handlers. Attributes: vm, host: Kinds."""

    def __init__(self, access: Access) -> None:
        self._access, one, world = access, access.directory, access.directory.world
        self._world, self._vms = world, VMViews(access).view
        objects, owners = ObjectViews(access), OwnerViews(one)
        self.vm = Kind("vm", lambda: _VMs(world.vms), self._vms, "iiii?s")
        self.host = Kind("host", lambda: one.hosts, lambda _: objects.host)
        self._kinds = (
            self.vm,
            self.host,
            Kind("cluster", lambda: one.clusters, lambda _: objects.cluster),
            Kind("datastore", objects.datastores, lambda _: objects.datastore),
            Kind("image", one.images, objects.image_view, "iii"),
            Kind("vn", lambda: one.networks, objects.network_view, "iii"),
            Kind("template", lambda: one.templates, lambda _: objects.template, "iii"),
            Kind("user", lambda: one.accounts, owners.view),
            Kind("group", lambda: one.groups, owners.view),
        )

    def methods(self) -> Mapping[str, Method]:
        found = {
            "system.version": Method(lambda _: VERSION),
            "zone.raftstatus": Method(lambda _: document("RAFT", _RAFT)),
            "acl.info": Method(self._rules),
            "vmpool.infoset": Method(self._vm_set, "sb"),
            "vmpool.monitoring": Method(self._monitored_vms, "i?i"),
            "hostpool.monitoring": Method(self._monitored_hosts, "?i"),
        }
        for kind in self._kinds:
            found[f"{kind.name}pool.info"] = Method(partial(self._pool, kind), kind.params)
            found[f"{kind.name}.info"] = Method(partial(self._one, kind), "i?bb")
        return found

    def find(self, kind: Kind, number: int) -> Any:
        """The object with a number. Raises OneError."""
        item = kind.items().get(number)
        if item is None:
            raise no_exists(kind.words[2], number)
        return item

    def _one(self, kind: Kind, caller: Account, number: int, *_: bool) -> Answer:
        if number == -1:
            number = {"user": caller.number, "group": caller.group.number}.get(kind.name, number)
        item = self.find(kind, number)
        self._access.check(caller, kind.words[0], item, number)
        return kind.view("whole")(number, item)

    def _pool(self, kind: Kind, caller: Account, flag: int = _ALL, *page: Any) -> Answer:
        start, end, state = (*page, _ANY)[:3] if page else (-1, -1, _ANY)
        if not _ANY <= state <= _STATES:
            raise OneError(XML_RPC_API, f"Incorrect state filter {state}")
        shown, view = self._shown(kind, caller, flag), kind.view("short")
        if state != _ANY:
            shown = (pair for pair in shown if self._has_state(pair[1], state))
        if start >= 0 and end < -1:
            shown = islice(shown, start, start - end)
        elif start >= 0:
            shown = (pair for pair in shown if start <= pair[0] and (end < 0 or pair[0] <= end))
        tag = kind.words[1]
        tail = document(f"DEFAULT_{tag}_QUOTAS", NO_QUOTAS) if tag in ("USER", "GROUP") else ""
        return pool(f"{tag}_POOL", (view(*pair) for pair in shown), tail)

    def _shown(self, kind: Kind, caller: Account, flag: int) -> Iterator[tuple[int, Any]]:
        """What a filter shows to the caller, with the numbers, the greatest first. Raises OneError."""
        if flag not in (_MINE, _ALL):
            raise OneError(XML_RPC_API, "Incorrect filter_flag")
        items, access = kind.items().items(), self._access
        ordered = items if kind is self.vm else sorted(items, reverse=True)
        if flag == _MINE:
            return (pair for pair in ordered if access.permissions(pair[1]).owner == caller)
        sees_all = access.grants(caller, kind.words[0])
        return (pair for pair in ordered if sees_all or access.may_use(caller, kind.words[0], pair[1]))

    def _has_state(self, vm: VM, state: int) -> bool:
        if state == _NOT_DONE:
            return vm.terminated is None
        return states.of_vm(vm, self._world.now)[0] == state

    def _vm_set(self, caller: Account, text: str, is_whole: bool) -> Answer:
        numbers = sorted({int(one) for one in text.split(",") if one.strip().isdecimal()}, reverse=True)
        found = [vm for vm in map(self._world.vms.with_key, numbers) if vm is not None]
        view = self._vms("whole" if is_whole else "short")
        return pool(
            "VM_POOL", (view(vm.serial, vm) for vm in found if self._access.may_use(caller, "VM", vm))
        )

    def _monitored_vms(self, caller: Account, flag: int, *_: int) -> Answer:
        """The last records, whatever the seconds: the embedded cloud has no others."""
        shown = self._shown(self.vm, caller, flag)
        return _records(monitoring.of_vm(self._world, vm) for _, vm in shown)

    def _monitored_hosts(self, caller: Account, *_: int) -> Answer:
        """As of VMs."""
        shown = self._shown(self.host, caller, _ALL)
        return _records(monitoring.of_host(self._world, host) for _, host in shown)

    def _rules(self, _: Account) -> Answer:
        rules = enumerate(self._access.rules)
        return pool("ACL_POOL", (document("ACL", rule.shown(number)) for number, rule in rules))


class _VMs:
    """The VMs by number: a page costs as much as what stands before it."""

    def __init__(self, vms: SortedIndex[VM]) -> None:
        self.get = vms.with_key
        self._vms = vms

    def items(self) -> Iterable[tuple[int, VM]]:
        return ((vm.serial, vm) for vm in self._vms)


def _records(found: Iterable[dict[str, object] | None]) -> str:
    return pool("MONITORING_DATA", (document("MONITORING", one) for one in found if one is not None))
