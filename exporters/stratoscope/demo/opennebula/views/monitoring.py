"""What oned's probes have measured last of hosts and VMs: made up of who they are and of the time."""

import math
from typing import Final

from stratoscope.demo.opennebula import states
from stratoscope.demo.world.models import VM, Host
from stratoscope.demo.world.world import World

_EACH_S: Final = 20
"""How often the probes report."""
_GOLDEN: Final = 0.618033988749895


def of_vm(world: World, vm: VM) -> dict[str, object] | None:
    """The last record of a VM; None for one that has never run."""
    if vm.launched is None:
        return None
    moment = _moment(world, vm.host, vm.terminated)
    is_running = states.of_vm(vm, world.now)[1] == states.RUNNING
    share = _share(vm, moment) if is_running else 0.0
    ran_s = max(0.0, moment - vm.booted) if is_running else 0.0
    moved = int(ran_s * (1_000 + 40_000 * _spread(vm.serial)))
    resident = 0.3 + 0.6 * _spread(vm.serial + 7)
    return {
        "CPU": f"{100 * vm.flavor.vcpus * share:.2f}", "DISKRDBYTES": moved * 3, "DISKRDIOPS": moved // 9_000,
        "DISKWRBYTES": moved * 5, "DISKWRIOPS": moved // 6_000, "ID": vm.serial,
        "MEMORY": int((vm.flavor.memory_mib << 10) * resident) if is_running else 0,
        "NETRX": moved, "NETTX": moved // 2, "TIMESTAMP": moment,
    }  # fmt: skip


def of_host(world: World, host: Host) -> dict[str, object]:
    """The last record of a host: older than usual if its probes are silent."""
    moment = _moment(world, host, None)
    running = [vm for vm in host.vms.values() if vm.vm_state == "active"]
    cpu = sum(_share(vm, moment) * vm.flavor.vcpus * 100 for vm in running)
    memory = int((host.used.memory_mib << 10) * 0.7) + (2 << 20)
    used = {
        "USED_CPU": min((host.has.vcpus + host.has.pcpus) * 100, int(cpu)),
        "USED_MEMORY": min(host.has.memory_mib << 10, memory),
    }
    return {"TIMESTAMP": moment, "ID": host.number - 1, "CAPACITY": used}


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
