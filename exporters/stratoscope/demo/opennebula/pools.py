"""Methods that read: pools, with their pages, and single objects."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any, Final, NamedTuple, Protocol

from stratoscope.demo.opennebula import states
from stratoscope.demo.opennebula.access import Access, Owned
from stratoscope.demo.opennebula.call import Answer, Call, Method
from stratoscope.demo.opennebula.directory import Account, Directory
from stratoscope.demo.opennebula.elements import document, pool
from stratoscope.demo.opennebula.errors import INTERNAL, XML_RPC_API, OneError, no_exists
from stratoscope.demo.opennebula.views import monitoring
from stratoscope.demo.opennebula.views.objects import Form, ObjectViews, View
from stratoscope.demo.opennebula.views.owners import NO_QUOTAS, OwnerViews
from stratoscope.demo.opennebula.views.vms import VMViews
from stratoscope.demo.world.models import VM
from stratoscope.demo.world.sorted_index import SortedIndex
from stratoscope.demo.world.world import World

VERSION: Final = "7.4.0"
_GROUP, _MINE, _ALL, _OURS = -4, -3, -2, -1
_NOT_DONE, _ANY = -1, -2
_STATES: Final = 11
_RAFT: Final = {"SERVER_ID": -1, "STATE": 0, "TERM": 0, "VOTEDFOR": -1, "COMMIT": 0, "LOG_INDEX": -1}


class Items(Protocol):
    """Objects of one kind by number: as Mapping has it."""

    def get(self, number: int, /) -> Any: ...

    def items(self) -> Iterable[tuple[int, Any]]: ...


class Kind(NamedTuple):
    """One kind of objects.

    Attributes:
        name: Its methods are `NAMEpool.info` and `NAME.info`.
        right: Its name in rules and denials; tag: in documents; what: in errors.
        view: Makes what shows an object, as a whole or in the pool.
    """

    name: str
    right: str
    tag: str
    what: str
    items: Callable[[], Items]
    view: Callable[[Form], View]


class Reads:
    """Their handlers."""

    def __init__(self, world: World, directory: Directory, access: Access) -> None:
        self._world, self._directory, self._access = world, directory, access
        one, objects, owners = directory, ObjectViews(world, directory, access), OwnerViews(world, directory)
        self._vms = VMViews(world, directory, access)
        self.vm = Kind("vm", "VM", "VM", "virtual machine", lambda: _VMs(world.vms), self._vm_view)
        self.host = Kind(
            "host", "HOST", "HOST", "host", lambda: {one.number - 1: one for one in world.hosts.values()},
            lambda _: objects.host,
        )  # fmt: skip
        self._kinds = (
            self.vm,
            self.host,
            Kind("cluster", "CLUSTER", "CLUSTER", "cluster", lambda: one.clusters, lambda _: objects.cluster),
            Kind(
                "datastore", "DATASTORE", "DATASTORE", "datastore", objects.datastores,
                lambda _: objects.datastore_view(),
            ),
            Kind("image", "IMAGE", "IMAGE", "image", one.images, lambda _: objects.image_view()),
            Kind("vn", "NET", "VNET", "virtual network", lambda: one.networks, objects.network_view),
            Kind(
                "template", "TEMPLATE", "VMTEMPLATE", "virtual machine template", lambda: one.templates,
                lambda _: objects.template,
            ),
            Kind("user", "USER", "USER", "user", lambda: one.accounts, owners.user_view),
            Kind("group", "GROUP", "GROUP", "group", lambda: one.groups, owners.group_view),
        )  # fmt: skip

    def methods(self) -> Mapping[str, Method]:
        found = {
            "system.version": Method(lambda _: VERSION),
            "zonepool.info": Method(_zones),
            "zone.raftstatus": Method(lambda _: document("RAFT", _RAFT)),
            "acl.info": Method(self._rules),
            "vmpool.infoset": Method(self._vm_set, "sb"),
            "vmpool.monitoring": Method(self._monitored_vms, "i?i"),
            "hostpool.monitoring": Method(self._monitored_hosts, "?i"),
        }
        for kind in self._kinds:
            params = {"vm": "iiii?s", "image": "iii", "vn": "iii", "template": "iii"}.get(kind.name, "")
            found[f"{kind.name}pool.info"] = Method(partial(self._pool, kind), params)
            found[f"{kind.name}.info"] = Method(partial(self._one, kind), "i?bb")
        return found

    def find(self, kind: Kind, number: int) -> Any:
        """The object with a number. Raises OneError."""
        item = kind.items().get(number)
        if item is None:
            raise no_exists(kind.what, number)
        return item

    def _one(self, kind: Kind, call: Call) -> Answer:
        number, own = call.args[0], {"user": call.caller.number, "group": call.caller.group.number}
        if number == -1 and kind.name in own:
            number = own[kind.name]
        item = self.find(kind, number)
        self._access.check(call.caller, kind.right, item, number)
        return kind.view("whole")(number, item)

    def _pool(self, kind: Kind, call: Call) -> Answer:
        flag, start, end = call.args[:3] or (_ALL, -1, -1)
        state = call.arg(3, _ANY)
        if not _NOT_DONE - 1 <= state <= _STATES:
            raise OneError(XML_RPC_API, f"Incorrect state filter {state}")
        if call.arg(4, ""):
            raise OneError(INTERNAL, "The embedded cloud does not search VMs by their attributes")
        now, view = self._world.now, kind.view("short")
        found = (
            pair
            for pair in self._shown(call, kind, flag)
            if kind is not self.vm or _has_state(pair[1], state, now)
        )
        tail = document(f"DEFAULT_{kind.tag}_QUOTAS", NO_QUOTAS) if kind.name in ("user", "group") else ""
        return pool(f"{kind.tag}_POOL", (view(*pair) for pair in _page(found, start, end)), tail)

    def _shown(self, call: Call, kind: Kind, flag: int) -> Iterator[tuple[int, Any]]:
        """What a filter shows to the caller, with the numbers, the greatest first. Raises OneError."""
        if flag < _GROUP:
            raise OneError(XML_RPC_API, "Incorrect filter_flag")
        items = kind.items().items()
        ordered = items if kind is self.vm else sorted(items, reverse=True)
        caller, access = call.caller, self._access
        is_for_all = flag == _ALL and access.grants(caller, kind.right)
        return (
            (number, item)
            for number, item in ordered
            if is_for_all
            or (access.may_use(caller, kind.right, item) and self._is_wanted(caller, flag, item))
        )

    def _is_wanted(self, caller: Account, flag: int, item: Owned) -> bool:
        if flag == _ALL:
            return True
        owner = self._access.permissions(item).owner
        is_mine, is_of_group = owner == caller, owner.group == caller.group
        chosen = {_MINE: is_mine, _GROUP: is_of_group, _OURS: is_mine or is_of_group}
        return chosen.get(flag, owner.number == flag)

    # -- VMs and hosts -----------------------------------------------------------------------------

    def _vm_view(self, form: Form) -> View:
        show = self._vms.whole if form == "whole" else self._vms.short
        return lambda _, vm: show(vm)

    def _vm_set(self, call: Call) -> Answer:
        text, is_whole = call.args[:2]
        numbers = sorted({int(one) for one in text.split(",") if one.strip().isdecimal()}, reverse=True)
        found = [vm for vm in map(self._world.vms.with_key, numbers) if vm is not None]
        view = self._vms.whole if is_whole else self._vms.short
        return pool("VM_POOL", (view(vm) for vm in found if self._access.may_use(call.caller, "VM", vm)))

    def _monitored_vms(self, call: Call) -> Answer:
        """The last records, whatever the seconds: the embedded cloud has no others."""
        shown = [vm for _, vm in self._shown(call, self.vm, call.args[0])]
        return _records(monitoring.of_vm(self._world, vm) for vm in reversed(shown))

    def _monitored_hosts(self, call: Call) -> Answer:
        """As of VMs."""
        return _records(monitoring.of_host(self._world, one) for _, one in self._shown(call, self.host, _ALL))

    def _rules(self, _: Call) -> Answer:
        rules = enumerate(self._access.rules)
        return pool("ACL_POOL", (document("ACL", rule.shown(number)) for number, rule in rules))


class _VMs:
    """The VMs by number: a page costs as much as what stands before it."""

    def __init__(self, vms: SortedIndex[VM]) -> None:
        self._vms = vms

    def get(self, number: int, /) -> VM | None:
        return self._vms.with_key(number)

    def items(self) -> Iterable[tuple[int, VM]]:
        return ((vm.serial, vm) for vm in self._vms)


def _page(items: Iterable[tuple[int, Any]], start: int, end: int) -> Iterable[tuple[int, Any]]:
    """All with -1, -1; from an offset so many, with a negative end; else those with numbers in a range."""
    if start < 0:
        return items
    if end < -1:
        return islice(items, start, start - end)
    return (pair for pair in items if start <= pair[0] and (end < 0 or pair[0] <= end))


def _has_state(vm: VM, state: int, now: float) -> bool:
    if state == _ANY:
        return True
    return vm.terminated is None if state == _NOT_DONE else states.of_vm(vm, now)[0] == state


def _records(found: Iterable[dict[str, object] | None]) -> str:
    return pool("MONITORING_DATA", (document("MONITORING", one) for one in found if one is not None))


def _zones(call: Call) -> str:
    template = {"ENDPOINT": f"{call.base}/RPC2"}
    return pool(
        "ZONE_POOL", [document("ZONE", {"ID": 0, "NAME": "OpenNebula", "STATE": 0, "TEMPLATE": template})]
    )
