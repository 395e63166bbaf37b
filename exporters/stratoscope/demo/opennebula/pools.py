"""Methods that read: pools and single objects."""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Final, TypeVar

from stratoscope.demo.opennebula import states
from stratoscope.demo.opennebula.access import Access, denied
from stratoscope.demo.opennebula.call import Answer, Call, Method
from stratoscope.demo.opennebula.directory import Directory
from stratoscope.demo.opennebula.elements import document, pool
from stratoscope.demo.opennebula.errors import INTERNAL, XML_RPC_API, OneError, no_exists
from stratoscope.demo.opennebula.views import monitoring
from stratoscope.demo.opennebula.views.hosts import HostViews
from stratoscope.demo.opennebula.views.objects import ObjectViews
from stratoscope.demo.opennebula.views.owners import NO_QUOTAS, OwnerViews
from stratoscope.demo.opennebula.views.vms import VMViews
from stratoscope.demo.world.models import VM, Flavor, Host, Image, Network, Volume
from stratoscope.demo.world.world import World

T = TypeVar("T", VM, Flavor, Network, Image | Volume)

VERSION: Final = "7.4.0"
_GROUP, _MINE, _ALL, _OURS = -4, -3, -2, -1
_FILTERS: Final = frozenset({_GROUP, _MINE, _ALL, _OURS})
_NOT_DONE, _ANY = -1, -2
_STATES: Final = 11
_CONFIG: Final = {
    "API_LIST_ORDER": "DESC", "DEFAULT_COST": {"CPU_COST": 0, "DISK_COST": 0, "MEMORY_COST": 0},
    "DEFAULT_UMASK": 177, "FEDERATION": {"MODE": "STANDALONE", "SERVER_ID": -1, "ZONE_ID": 0},
    "MANAGER_TIMER": 15, "PORT": 2633, "SCHED_MAX_WND_TIME": 10, "SHOWBACK_ONLY_RUNNING": "NO",
}  # fmt: skip
_RAFT: Final = {
    "SERVER_ID": -1, "STATE": 0, "TERM": 0, "VOTEDFOR": -1, "COMMIT": 0, "LOG_INDEX": -1, "LOG_TERM": -1,
    "FEDLOG_INDEX": -1,
}  # fmt: skip


class Reads:
    """Their handlers."""

    def __init__(self, world: World, directory: Directory, access: Access) -> None:
        self._world, self._directory, self._access = world, directory, access
        self._vms, self._hosts = VMViews(world, directory, access), HostViews(world, directory)
        self._objects, self._owners = ObjectViews(world, directory, access), OwnerViews(world, directory)

    def methods(self) -> Mapping[str, Method]:
        return {
            "system.version": Method(lambda _: VERSION),
            "system.config": Method(lambda _: document("OPENNEBULA_CONFIGURATION", _CONFIG)),
            "zonepool.info": Method(lambda call: pool("ZONE_POOL", [_zone(call)])),
            "zone.info": Method(_one_zone, "i?b"),
            "zone.raftstatus": Method(lambda _: document("RAFT", _RAFT)),
            "acl.info": Method(self._rules),
            "vmpool.info": Method(self._vm_pool, "iiii?s"),
            "vmpool.infoextended": Method(self._vm_pool, "iiii?s"),
            "vmpool.infoset": Method(self._vm_set, "sb"),
            "vmpool.monitoring": Method(self._monitored_vms, "i?i"),
            "vm.info": Method(self._vm, "i?b"),
            "vm.monitoring": Method(self._monitored_vm, "i"),
            "hostpool.info": Method(self._host_pool),
            "hostpool.monitoring": Method(self._monitored_hosts, "?i"),
            "host.info": Method(self._host, "i?b"),
            "host.monitoring": Method(self._monitored_host, "i"),
            "clusterpool.info": Method(self._cluster_pool),
            "cluster.info": Method(self._cluster, "i?b"),
            "datastorepool.info": Method(self._datastore_pool),
            "datastore.info": Method(self._datastore, "i?b"),
            "imagepool.info": Method(self._image_pool, "iii"),
            "image.info": Method(self._image, "i?b"),
            "vnpool.info": Method(self._network_pool, "iii"),
            "vn.info": Method(self._network, "i?b"),
            "templatepool.info": Method(self._template_pool, "iii"),
            "template.info": Method(self._template, "i?bb"),
            "userpool.info": Method(self._user_pool),
            "user.info": Method(self._user, "i?b"),
            "grouppool.info": Method(self._group_pool),
            "group.info": Method(self._group, "i?b"),
            "userquota.info": Method(lambda _: document("DEFAULT_USER_QUOTAS", NO_QUOTAS)),
            "groupquota.info": Method(lambda _: document("DEFAULT_GROUP_QUOTAS", NO_QUOTAS)),
        }

    # -- VMs ---------------------------------------------------------------------------------------

    def vm(self, call: Call, number: int) -> VM:
        """A VM that the caller may use. Raises OneError."""
        vm = self._world.vms.with_key(number)
        if vm is None:
            raise no_exists("virtual machine", number)
        self._access.check(call.caller, "VM", vm, number)
        return vm

    def _vm_pool(self, call: Call) -> Answer:
        flag, start, end, state = call.args[:4]
        if not _NOT_DONE - 1 <= state <= _STATES:
            raise OneError(XML_RPC_API, f"Incorrect state filter {state}")
        if call.arg(4, ""):
            raise OneError(INTERNAL, "The embedded cloud does not search VMs by their attributes")
        shown = self._shown(call, "VM", flag)
        now = self._world.now
        found = (vm for vm in self._world.vms if _has_state(vm, state, now) and shown(vm))
        page = _page(found, start, end, lambda vm: vm.serial)
        if call.method.endswith("extended"):
            return pool("VM_POOL", (self._vms.whole(vm, is_monitored=False) for vm in page))
        return pool("VM_POOL", map(self._vms.short, page))

    def _vm_set(self, call: Call) -> Answer:
        text, is_whole = call.args[:2]
        numbers = sorted({int(one) for one in text.split(",") if one.strip().isdecimal()}, reverse=True)
        found = [vm for vm in map(self._world.vms.with_key, numbers) if vm is not None]
        seen = [vm for vm in found if self._access.may_use(call.caller, "VM", vm)]
        if is_whole:
            return pool("VM_POOL", (self._vms.whole(vm, is_monitored=False) for vm in seen))
        return pool("VM_POOL", map(self._vms.short, seen))

    def _vm(self, call: Call) -> Answer:
        return self._vms.whole(self.vm(call, call.args[0]), is_monitored=True)

    def _monitored_vms(self, call: Call) -> Answer:
        shown = self._shown(call, "VM", call.args[0])
        return self._records([vm for vm in self._world.vms if shown(vm)][::-1], call.arg(1, -1))

    def _monitored_vm(self, call: Call) -> Answer:
        return self._records([self.vm(call, call.args[0])], -1)

    def _records(self, vms: Iterable[VM], seconds: int) -> str:
        found = [
            monitoring.of_vm(self._world, vm, ago_s) for vm in vms for ago_s in monitoring.records(seconds)
        ]
        return pool("MONITORING_DATA", (document("MONITORING", one) for one in found if one is not None))

    # -- Hosts, clusters, datastores ---------------------------------------------------------------

    def host(self, number: int) -> Host:
        """Raises OneError."""
        host = next((one for one in self._world.hosts.values() if one.number - 1 == number), None)
        if host is None:
            raise no_exists("host", number)
        return host

    def _seen_hosts(self, call: Call) -> list[Host]:
        return list(self._world.hosts.values()) if self._access.grants(call.caller, "HOST") else []

    def _host_pool(self, call: Call) -> Answer:
        hosts = self._seen_hosts(call)[::-1]
        return pool("HOST_POOL", (self._hosts.host(one, is_monitored=False) for one in hosts))

    def _host(self, call: Call) -> Answer:
        host = self.host(call.args[0])
        self._check(call, "HOST", call.args[0])
        return self._hosts.host(host, is_monitored=True)

    def _monitored_hosts(self, call: Call) -> Answer:
        return self._host_records(self._seen_hosts(call), call.arg(0, -1))

    def _monitored_host(self, call: Call) -> Answer:
        host = self.host(call.args[0])
        self._check(call, "HOST", call.args[0])
        return self._host_records([host], -1)

    def _host_records(self, hosts: Iterable[Host], seconds: int) -> str:
        found = (
            monitoring.of_host(self._world, host, ago_s)
            for host in hosts
            for ago_s in monitoring.records(seconds)
        )
        return pool("MONITORING_DATA", (document("MONITORING", one) for one in found))

    def _cluster_pool(self, call: Call) -> Answer:
        numbers = sorted(self._directory.clusters, reverse=True)
        seen = numbers if self._access.grants(call.caller, "CLUSTER") else []
        return pool("CLUSTER_POOL", map(self._hosts.cluster, seen))

    def _cluster(self, call: Call) -> Answer:
        number = call.args[0]
        if number not in self._directory.clusters:
            raise no_exists("cluster", number)
        self._check(call, "CLUSTER", number)
        return self._hosts.cluster(number)

    def _datastore_pool(self, call: Call) -> Answer:
        found = self._objects.datastores() if self._access.grants(call.caller, "DATASTORE") else {}
        return pool("DATASTORE_POOL", (found[number] for number in sorted(found, reverse=True)))

    def _datastore(self, call: Call) -> Answer:
        found, number = self._objects.datastores(), call.args[0]
        if number not in found:
            raise no_exists("datastore", number)
        self._check(call, "DATASTORE", number)
        return found[number]

    # -- Images, networks, templates ---------------------------------------------------------------

    def _image_pool(self, call: Call) -> Answer:
        found, users = self._page_of(call, "IMAGE", self._directory.images()), self._objects.users_of_images()
        return pool(
            "IMAGE_POOL",
            (self._objects.image(number, one, users.get(one.id, ())) for number, one in found.items()),
        )

    def _image(self, call: Call) -> Answer:
        number = call.args[0]
        one = self._one(call, "IMAGE", self._directory.images(), "image")
        return self._objects.image(number, one, self._objects.users_of_images().get(one.id, ()))

    def _network_pool(self, call: Call) -> Answer:
        found = self._page_of(call, "NET", self._directory.networks)
        return pool(
            "VNET_POOL",
            (self._objects.network(number, one, is_whole=False) for number, one in found.items()),
        )

    def _network(self, call: Call) -> Answer:
        one = self._one(call, "NET", self._directory.networks, "virtual network")
        return self._objects.network(call.args[0], one, is_whole=True)

    def _template_pool(self, call: Call) -> Answer:
        found = self._page_of(call, "TEMPLATE", self._directory.templates)
        return pool("VMTEMPLATE_POOL", (self._objects.template(*one) for one in found.items()))

    def _template(self, call: Call) -> Answer:
        one = self._one(call, "TEMPLATE", self._directory.templates, "virtual machine template")
        return self._objects.template(call.args[0], one)

    def _page_of(self, call: Call, kind: str, items: Mapping[int, T]) -> dict[int, T]:
        """The page of a pool that the caller has asked for, by number, the greatest first."""
        flag, start, end = call.args[:3]
        shown = self._shown(call, kind, flag)
        numbers = (number for number in sorted(items, reverse=True) if shown(items[number]))
        return {number: items[number] for number in _page(numbers, start, end, lambda number: number)}

    def _one(self, call: Call, kind: str, items: Mapping[int, T], what: str) -> T:
        number = call.args[0]
        if number not in items:
            raise no_exists(what, number)
        self._access.check(call.caller, kind, items[number], number)
        return items[number]

    def _shown(
        self, call: Call, kind: str, flag: int
    ) -> Callable[[VM | Image | Volume | Network | Flavor], bool]:
        """Which objects a filter shows to the caller. Raises OneError."""
        caller, access = call.caller, self._access
        if flag not in _FILTERS and flag < 0:
            raise OneError(XML_RPC_API, "Incorrect filter_flag")

        def shown(item: VM | Image | Volume | Network | Flavor) -> bool:
            owner = access.permissions(item).owner
            wanted = {
                _ALL: True,
                _MINE: owner.number == caller.number,
                _GROUP: owner.group.number == caller.group.number,
                _OURS: caller.number == owner.number or owner.group.number == caller.group.number,
            }.get(flag, owner.number == flag)
            return wanted and access.may_use(caller, kind, item)

        return (lambda _: True) if caller.is_admin and flag == _ALL else shown

    # -- Owners ------------------------------------------------------------------------------------

    def _user_pool(self, call: Call) -> Answer:
        sees_all = self._access.grants(call.caller, "USER")
        return self._owners.users(lambda one: sees_all or one.number == call.caller.number)

    def _user(self, call: Call) -> Answer:
        number = call.caller.number if call.args[0] == -1 else call.args[0]
        account = self._directory.accounts.get(number)
        if account is None:
            raise no_exists("user", number)
        if account.number != call.caller.number:
            self._check(call, "USER", number)
        return self._owners.one_user(account)

    def _group_pool(self, call: Call) -> Answer:
        sees_all = self._access.grants(call.caller, "GROUP")
        return self._owners.groups(lambda one: sees_all or one.number == call.caller.group.number)

    def _group(self, call: Call) -> Answer:
        number = call.caller.group.number if call.args[0] == -1 else call.args[0]
        group = self._directory.groups.get(number)
        if group is None:
            raise no_exists("group", number)
        if number != call.caller.group.number:
            self._check(call, "GROUP", number)
        return self._owners.one_group(group)

    def _rules(self, _: Call) -> Answer:
        rules = enumerate(self._access.rules)
        return pool("ACL_POOL", (document("ACL", rule.shown(number)) for number, rule in rules))

    def _check(self, call: Call, kind: str, number: int) -> None:
        """Raises OneError: The caller may not use objects of a kind."""
        if not self._access.grants(call.caller, kind):
            raise denied(call.caller, f"USE {kind} [{number}]")


U = TypeVar("U")


def _page(items: Iterable[U], start: int, end: int, number: Callable[[U], int]) -> Iterable[U]:
    """All with -1, -1; from an offset so many, with a negative end; else those with numbers in a range."""
    if start < 0:
        return items
    if end < -1:
        return islice(items, start, start - end)
    return (one for one in items if start <= number(one) and (end < 0 or number(one) <= end))


def _has_state(vm: VM, state: int, now: float) -> bool:
    if state == _ANY:
        return True
    return vm.terminated is None if state == _NOT_DONE else states.of_vm(vm, now)[0] == state


def _zone(call: Call) -> str:
    endpoint = {"ENDPOINT": f"{call.base}/RPC2"}
    return document(
        "ZONE", {"ID": 0, "NAME": "OpenNebula", "STATE": 0, "TEMPLATE": endpoint, "SERVER_POOL": None}
    )


def _one_zone(call: Call) -> Answer:
    if call.args[0] != 0:
        raise no_exists("zone", call.args[0])
    return _zone(call)
