"""What oned's probes have measured of hosts and VMs: made up of who they are and of the time."""

import math
from collections.abc import Iterator
from typing import Final

from stratoscope.demo.opennebula import states
from stratoscope.demo.world.models import VM, Host
from stratoscope.demo.world.world import World

_EACH_S: Final = 20
"""How often the probes report."""
_KEPT_S: Final = 300
"""For so long their records are kept."""
_GOLDEN: Final = 0.618033988749895


def of_vm(world: World, vm: VM, ago_s: int = 0) -> dict[str, object] | None:
    """The last record of a VM; None for one that has never run."""
    if vm.launched is None:
        return None
    moment = _moment(world, vm.host, vm.terminated) - ago_s
    is_running = states.of_vm(vm, world.now)[1] == states.RUNNING
    share = _share(vm, moment) if is_running else 0.0
    ran_s = max(0.0, moment - vm.booted) if is_running else 0.0
    rate = 1_000 + 40_000 * _spread(vm.serial)
    resident = 0.3 + 0.6 * _spread(vm.serial + 7)
    return {
        "CPU": f"{100 * vm.flavor.vcpus * share:.2f}",
        "DISKRDBYTES": int(ran_s * rate * 3), "DISKRDIOPS": int(ran_s * rate / 9_000),
        "DISKWRBYTES": int(ran_s * rate * 5), "DISKWRIOPS": int(ran_s * rate / 6_000), "ID": vm.serial,
        "MEMORY": int((vm.flavor.memory_mib << 10) * resident) if is_running else 0,
        "NETRX": int(ran_s * rate), "NETTX": int(ran_s * rate / 2), "TIMESTAMP": moment,
    }  # fmt: skip


def of_host(world: World, host: Host, ago_s: int = 0) -> dict[str, object]:
    """The last record of a host: older than usual if its probes are silent."""
    moment = _moment(world, host, None) - ago_s
    used = sum(
        _share(vm, moment) * vm.flavor.vcpus * 100 for vm in host.vms.values() if vm.vm_state == "active"
    )
    cpu, memory = (host.has.vcpus + host.has.pcpus) * 100, host.has.memory_mib << 10
    busy, held = min(cpu, int(used)), min(memory, int((host.used.memory_mib << 10) * 0.7) + (2 << 20))
    half = {"FREE": (memory - held) // 2, "USED": held // 2}
    pages = [{"FREE": 0, "SIZE": size} for size in (2048, 1048576)]
    return {
        "TIMESTAMP": moment,
        "ID": host.number - 1,
        "CAPACITY": {
            "FREE_CPU": cpu - busy, "FREE_MEMORY": memory - held, "USED_CPU": busy, "USED_MEMORY": held
        },
        "SYSTEM": {"NETRX": moment * 1_000 * host.number, "NETTX": moment * 700 * host.number},
        "NUMA_NODE": [{"HUGEPAGE": pages, "MEMORY": half, "NODE_ID": node} for node in (0, 1)],
    }  # fmt: skip


def records(seconds: int) -> Iterator[int]:
    """How old the records of a request are, the oldest first: 0 is the last one, -1 all, N of N seconds."""
    most = 0 if seconds == 0 else _KEPT_S if seconds < 0 else min(seconds, _KEPT_S)
    yield from range(most // _EACH_S * _EACH_S, -1, -_EACH_S)


def _moment(world: World, host: Host | None, ended: float | None) -> int:
    """When the probes last reported."""
    seen = ended or (world.now if host is None else host.daemon.heartbeat(world.now))
    return int(seen - seen % _EACH_S)


def _share(vm: VM, moment: float) -> float:
    """The share of its virtual CPUs that a VM uses: more and less in turn."""
    mean, phase = 0.05 + 0.5 * _spread(vm.serial), _spread(vm.serial + 3)
    return mean * (1 + 0.6 * math.sin(2 * math.pi * (moment / 1_500 + phase)))


def _spread(number: int) -> float:
    """A number between 0 and 1, the same for the same number."""
    return number * _GOLDEN % 1
