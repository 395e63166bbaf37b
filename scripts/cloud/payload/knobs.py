# Nova is inside alone:
# mypy: disable-error-code="import-not-found,import-untyped,misc,no-any-return"
"""Nova's virt driver of the cloud: hosts that only pretend to run VMs, and fail or dawdle as they are told.

/data/knobs/<host>.json is read at each spawn and destroy: {"spawn_seconds": 5, "spawn_error": "no disk",
"destroy_seconds": 2, "destroy_error": "stuck"}; no file, no trouble. A host with pinned CPUs tells one NUMA
cell with huge pages, so that flavors that ask for either work there and nowhere else.
"""

import json
import time
from pathlib import Path
from typing import Any

from nova import context, exception, objects
from nova.virt import fake, hardware, node

SIZES = {"compute3": (10, 8192, 1024)}
"""vCPUs, MiB, GiB; the others have `LARGE`."""
LARGE = (48, 262144, 4096)
HUGE_PAGES, HUGE_KIB, SMALL_KIB = 4096, 2048, 4


class Driver(fake.FakeDriver):
    """Beside what the module says: it keeps its identity and its VMs over a restart, as a real one does."""

    def init_host(self, host: str) -> None:
        super().init_host(host)
        self._pinned = hardware.get_cpu_dedicated_set() or set()
        cpus, self.memory_mb, self.local_gb = SIZES.get(host, LARGE)
        self._shared = set(range(cpus)) - self._pinned
        self.vcpus = len(self._shared)
        self.resources = fake.Resources(vcpus=self.vcpus, memory_mb=self.memory_mb, local_gb=self.local_gb)
        for vm in objects.InstanceList.get_by_host(context.get_admin_context(), host):
            if vm.power_state is not None:
                self.instances[vm.uuid] = fake.FakeInstance(vm.name, vm.power_state, vm.uuid)

    def get_nodenames_by_uuid(self, refresh: bool = False) -> dict[str, str]:  # noqa: ARG002 - Nova's signature
        return {node.get_local_node_uuid(): self._host}

    def get_available_resource(self, nodename: str) -> dict[str, Any]:
        found = super().get_available_resource(nodename)
        found["uuid"] = node.get_local_node_uuid()
        if self._pinned:
            found["numa_topology"] = self._numa()._to_json()  # noqa: SLF001 - as Nova's own drivers do
        return found

    def update_provider_tree(self, provider_tree: Any, nodename: str, allocations: Any = None) -> None:
        super().update_provider_tree(provider_tree, nodename, allocations)
        if self._pinned:
            inventory = provider_tree.data(nodename).inventory
            number = len(self._pinned)
            inventory["PCPU"] = {
                "total": number,
                "max_unit": number,
                "min_unit": 1,
                "step_size": 1,
                "allocation_ratio": 1.0,
                "reserved": 0,
            }
            provider_tree.update_inventory(nodename, inventory)

    def spawn(self, *given: Any, **more: Any) -> None:
        self._obey("spawn")
        super().spawn(*given, **more)

    def destroy(self, *given: Any, **more: Any) -> None:
        self._obey("destroy")
        super().destroy(*given, **more)

    def _obey(self, what: str) -> None:
        try:
            knobs = json.loads(Path(f"/data/knobs/{self._host}.json").read_text())
        except FileNotFoundError:
            return
        time.sleep(knobs.get(f"{what}_seconds", 0))
        reason = knobs.get(f"{what}_error")
        if reason and what == "spawn":  # this one is not tried again on another host
            raise exception.BuildAbortException(instance_uuid="?", reason=reason)
        if reason:
            raise exception.NovaException(reason)

    def _numa(self) -> Any:
        huge_kib = HUGE_PAGES * HUGE_KIB
        small = objects.NUMAPagesTopology(
            size_kb=SMALL_KIB, total=(self.memory_mb * 1024 - huge_kib) // SMALL_KIB, used=0, reserved=0
        )
        huge = objects.NUMAPagesTopology(size_kb=HUGE_KIB, total=HUGE_PAGES, used=0, reserved=0)
        cell = objects.NUMACell(
            id=0,
            socket=0,
            cpuset=self._shared,
            pcpuset=self._pinned,
            memory=self.memory_mb,
            cpu_usage=0,
            memory_usage=0,
            pinned_cpus=set(),
            siblings=[{cpu} for cpu in self._shared | self._pinned],
            mempages=[small, huge],
            network_metadata=objects.NetworkMetadata(physnets=set(), tunneled=False),
        )
        return objects.NUMATopology(cells=[cell])
