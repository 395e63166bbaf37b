"""Decides which collector shows a VM that several URIs of one cloud list.

Several URIs list a VM while it migrates, or if a definition was left behind; each series may appear once.
"""

from collections.abc import Mapping


class VMOwnership:
    """The claims of one cloud's collectors. Only one collector shows a VM: the one where it is active."""

    def __init__(self) -> None:
        self._owners: dict[str, tuple[str, bool]] = {}

    def granted(self, collector: str, listed: Mapping[str, bool]) -> frozenset[str]:
        """The VM ids that a collector shows now.

        Args:
            collector: Its name.
            listed: VM id -> whether the VM is active, for all VMs that it lists; its claims to other VMs end.
        """
        self._owners = {
            vm_id: owner for vm_id, owner in self._owners.items() if owner[0] != collector or vm_id in listed
        }
        granted = set()
        for vm_id, is_active in listed.items():
            owner, was_active = self._owners.get(vm_id, (collector, False))
            if owner == collector or (is_active and not was_active):
                self._owners[vm_id] = (collector, is_active)
                granted.add(vm_id)
        return frozenset(granted)

    def released(self, collector: str) -> None:
        """End the claims of a collector that cannot read its source, so that others can show its VMs."""
        self._owners = {vm_id: owner for vm_id, owner in self._owners.items() if owner[0] != collector}

    def is_elsewhere(self, vm_id: str, collector: str) -> bool:
        """Whether another collector shows this VM."""
        return self._owners.get(vm_id, (collector, False))[0] != collector
