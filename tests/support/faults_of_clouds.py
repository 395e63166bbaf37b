"""Faults of the embedded clouds that the management exporter watches."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from uuid import uuid4

from stratoscope.demo.openstack.http_errors import BOOT_ERRORS
from stratoscope.demo.world.models import RESERVED_MIB, Host, Project, Resources
from stratoscope.demo.world.operations import Operations
from stratoscope.demo.world.seed.hosts import CONTROLLER
from stratoscope.demo.world.seed.vms import draw
from stratoscope.demo.world.storage import data_volume
from stratoscope.demo.world.world import World
from support.faulty_stack import DAYS, FaultyStack
from support.rule_fault import RuleFault
from support.world_faults import (
    disable_host,
    forget_host,
    leave_ports,
    move_without_hypervisor,
    stick,
    stick_migration,
    stop_without_hypervisor,
)

_FAILED: Final = 15
_LEFT: Final = 60
_HUGE_GIB: Final = 1_000_000
_WRITTEN: Final = 0.6
"""The share of a volume that the embedded cloud takes to be written."""
_AGENT: Final = ("neutron-l3-agent", "cn02")
_STEPS: Final = 200
"""Seconds after which a zone that fills up is full."""


def _fault(cloud: str, fault: str, **keys: Any) -> Callable[[FaultyStack], object]:
    return lambda stack: stack.clouds[cloud].fault(fault, **keys)


def _change(cloud: str, change: Callable[[World], object]) -> Callable[[FaultyStack], object]:
    return lambda stack: stack.clouds[cloud].change(change)


def _down(*hosts: str, service: str = "compute") -> Callable[[FaultyStack], object]:
    def make(stack: FaultyStack) -> None:
        for host in hosts:
            stack.clouds["hosts"].fault("down", service=service, host=host, seconds=0)

    return make


def _fail_boots(world: World) -> None:
    boots = Operations(world)
    for _ in range(_FAILED):
        boots.boot(draw(world), BOOT_ERRORS["no_valid_host"])


def _refuse(stack: FaultyStack) -> None:
    cloud = stack.clouds["refused"]

    def forget(world: World) -> None:
        next(user for user in world.users if user.name == "admin").password = uuid4().hex

    cloud.change(forget)
    cloud.fault("expire_token")


def _degrade(stack: FaultyStack) -> None:
    cloud = stack.clouds["partial"]

    def take(world: World) -> None:
        admin = next(user for user in world.users if user.name == "admin")
        admin.roles = dict.fromkeys(admin.roles, ("member",))

    cloud.change(take)
    cloud.fault("expire_token", count=1)


def _withdraw(stack: FaultyStack) -> None:
    """The exporter reads the catalogue when it logs in."""
    cloud = stack.clouds["hosts"]
    cloud.withdraw("image")
    cloud.fault("expire_token", count=1)


def _remove_agent(world: World) -> None:
    world.daemons[:] = [one for one in world.daemons if (one.binary, one.host) != _AGENT]


def _unwatch(stack: FaultyStack) -> None:
    exporter = stack.exporters["management"]
    clouds = [one for one in exporter.document["clouds"] if one["name"] != "gone"]
    exporter.reload({**exporter.document, "clouds": clouds})


def _free_mib(host: Host) -> int:
    return host.has.memory_mib - RESERVED_MIB - host.used.memory_mib


def _in(world: World, zone: str) -> Sequence[Host]:
    return [host for host in world.hosts.values() if host.zone == zone]


def _fill(stack: FaultyStack) -> None:
    """What VMs leave that end meanwhile is taken, too."""

    def take(world: World) -> None:
        for host in _in(world, "south"):
            if (free := _free_mib(host)) > 0:
                world.claim(host, world.dice.uuid(), Resources(memory_mib=free))

    stack.clouds["full"].change(take)
    stack.going.append(lambda: stack.clouds["full"].change(take))


def _fill_slowly(stack: FaultyStack) -> None:
    cloud = stack.clouds["full"]
    step = {host.name: _free_mib(host) // _STEPS for host in cloud.change(lambda world: _in(world, "north"))}

    def more(world: World) -> None:
        for host in _in(world, "north"):
            world.claim(host, world.dice.uuid(), Resources(memory_mib=step[host.name]))

    stack.going.append(lambda: cloud.change(more))


def _lose_memory(world: World) -> None:
    for host in _in(world, "edge"):
        host.has = host.has._replace(memory_mib=host.used.memory_mib // 2)
        host.generation += 1


def _fill_backend(pool: str, used: float) -> Callable[[World], None]:
    """One volume takes so much of a huge backend that those that come and go change nothing."""

    def fill(world: World) -> None:
        project = next(one for one in world.projects if one.name == "astronomy")
        volume = data_volume(world, project, world.users_of(project)[0])
        volume.pool = next(one for one in world.pools if one.name == pool)
        volume.pool.total_gib, volume.size_gib = _HUGE_GIB, round(used * _HUGE_GIB / _WRITTEN)
        volume.status = "available"
        world.add_volume(volume)

    return fill


def _take_addresses(world: World) -> None:
    assert world.external is not None
    subnet = world.external.subnets[0]
    subnet.taken |= set(range(2, 2 + subnet.total * 95 // 100))


def _limit(resource: str, limit: int) -> Callable[[World], None]:
    """Give a project this limit of a resource of which it has one."""

    def change(world: World) -> None:
        project: Project = next(one for one in world.projects if one.name == "astronomy")
        project.limits[resource] = limit

    return change


def _of(alert: str, words: str, make: Callable[[FaultyStack], object], **labels: str) -> RuleFault:
    return RuleFault(alert, labels, words, make)


_HOSTS: Final[Mapping[str, str]] = {"cloud": "hosts"}
FAULTS: Final = (
    _of(
        "StratoscopeAPIDown",
        "the network service hangs",
        _fault("api", "hang", service="network"),
        cloud="api",
        service="network",
    ),
    _of(
        "StratoscopeZoneDown",
        "nova-compute is stopped on all hosts of a zone",
        _down("cn04", "cn05"),
        zone="south",
        **_HOSTS,
    ),
    _of(
        "StratoscopeHostDown",
        "nova-compute is stopped on a host",
        _down("cn01"),
        host="cn01",
        zone="north",
        **_HOSTS,
    ),
    _of(
        "StratoscopeHostGone",
        "a host vanishes from the lists of services and hypervisors",
        _change("hosts", forget_host("cn06")),
        host="cn06",
        **_HOSTS,
    ),
    _of(
        "StratoscopeHostDisabledByCloud",
        "Nova disables a host that has lost its libvirt",
        _change("hosts", disable_host("cn02", "AUTO: Connection to libvirt lost: 0")),
        host="cn02",
        **_HOSTS,
    ),
    _of(
        "StratoscopeServiceDown",
        "the Open vSwitch agent is stopped on a host",
        _down("cn03", service="network"),
        host="cn03",
        binary="neutron-openvswitch-agent",
        **_HOSTS,
    ),
    _of(
        "StratoscopeAPIGone",
        "the image service leaves the catalogue",
        _withdraw,
        service="image",
        **_HOSTS,
    ),
    _of(
        "StratoscopeServiceGone",
        "an L3 agent is deleted",
        _change("hosts", _remove_agent),
        binary=_AGENT[0],
        host=_AGENT[1],
        **_HOSTS,
    ),
    _of(
        "StratoscopeZoneServiceDown",
        "nova-scheduler and nova-conductor are stopped",
        _down(CONTROLLER),
        zone="internal",
        binary="nova-scheduler",
        **_HOSTS,
    ),
    _of(
        "StratoscopeVMTransitionStuck",
        "a VM never ends its reboot",
        _change("full", stick),
        cloud="full",
        state="rebooting",
    ),
    _of(
        "StratoscopeMigrationStuck",
        "a live migration never ends",
        _change("full", stick_migration),
        cloud="full",
        kind="live-migration",
    ),
    _of(
        "StratoscopeVMMisplaced",
        "a VM is migrated, and goes on running on the host that it left",
        _change("layers", move_without_hypervisor),
        cloud="layers",
        reason="other_host",
    ),
    _of(
        "StratoscopeVMPowerStateDisagrees",
        "Nova has a VM as stopped that runs",
        _change("layers", stop_without_hypervisor),
        cloud="layers",
    ),
    _of(
        "StratoscopeEventsLost",
        "the broker of a cloud's events hangs",
        lambda stack: stack.broker.hang(),
        cloud="api",
    ),
    _of(
        "StratoscopeVMErrorsGrowing",
        f"the boots of {_FAILED} VMs find no valid host",
        _change("full", _fail_boots),
        cloud="full",
    ),
    _of(
        "StratoscopeCloudGone",
        "a cloud is taken out of the configuration, which is reloaded",
        _unwatch,
        cloud="gone",
    ),
    _of(
        "StratoscopeLogInRefused",
        "the password is changed, and the tokens are revoked",
        _refuse,
        cloud="refused",
    ),
    _of(
        "StratoscopeItemsMalformed",
        "the list of flavors has an item without an id",
        _fault("hosts", "malformed_item", service="compute", path="/flavors/detail", variant="no_id"),
        collector="flavors",
        **_HOSTS,
    ),
    _of("StratoscopeViewIncomplete", "the user loses the role admin", _degrade, cloud="partial", sort="vms"),
    _of(
        "StratoscopeFlavorFull",
        "allocations take the memory of a zone",
        _fill,
        cloud="full",
        zone="south",
        flavor="t1.nano",
    ),
    RuleFault(
        "StratoscopeFlavorFillingUp",
        {"cloud": "full", "zone": "north", "flavor": "t1.nano"},
        "allocations take the memory of a zone little by little",
        _fill_slowly,
        DAYS,
    ),
    _of(
        "StratoscopeAllocationsDisagree",
        "the allocation of a migration that ended is left behind",
        _fault("full", "misallocate", what="ended_migration", host="cn01"),
        cloud="full",
        reason="ended_migration",
    ),
    _of(
        "StratoscopeZoneOvercommitted",
        "a host comes up with less memory than its VMs have",
        _change("full", _lose_memory),
        cloud="full",
        zone="edge",
        resource="memory",
    ),
    _of(
        "StratoscopeBackendFull",
        "a huge volume fills its storage backend to 97 %",
        _change("full", _fill_backend("ceph", 0.97)),
        cloud="full",
        backend="control1@ceph#ceph",
    ),
    _of(
        "StratoscopeBackendFillingUp",
        "a huge volume fills its storage backend to 90 %",
        _change("full", _fill_backend("ssd", 0.9)),
        cloud="full",
        backend="control1@ssd#ssd",
    ),
    _of(
        "StratoscopeAddressesNearlyUsed",
        "95 % of the external network's addresses are taken",
        _change("full", _take_addresses),
        cloud="full",
        ip_version="4",
    ),
    RuleFault(
        "StratoscopeOrphansGrowing",
        {"cloud": "full", "sort": "ports"},
        f"{_LEFT} ports are left behind",
        _change("full", lambda world: leave_ports(world, _LEFT)),
        DAYS,
    ),
    _of(
        "StratoscopeQuotaNearlyUsed",
        "the quota of routers is lowered to what a project has",
        _change("full", _limit("router", 1)),
        cloud="full",
        resource="router",
    ),
    _of(
        "StratoscopeQuotaExceeded",
        "the quota of subnets is lowered to 0",
        _change("full", _limit("subnet", 0)),
        cloud="full",
        resource="subnet",
    ),
    _of(
        "StratoscopeCollectorStale",
        "the list of images is answered with status 500",
        _fault("api", "500", service="image", path="/v2/images"),
        cloud="api",
        collector="images",
    ),
    _of(
        "StratoscopeBudgetExhausted",
        "each answer takes 0.5 s longer, with two requests at once",
        _fault("slow", "latency", seconds=0.5),
        cloud="slow",
    ),
)
