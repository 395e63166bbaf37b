"""Which collector shows a VM that several URIs of one cloud know.

That happens while a VM migrates, and where a definition stays behind; the same series must not stand twice.
"""

from collections.abc import Mapping


class VMOwnership:
    """The claims of one cloud's collectors. A VM is shown where it is active, and by one collector alone."""

    def __init__(self) -> None:
        self._owners: dict[str, tuple[str, bool]] = {}

    def granted(self, collector: str, listed: Mapping[str, bool]) -> frozenset[str]:
        """The VM ids that a collector shows now.

        Args:
            collector: Its name.
            listed: VM id -> whether the VM is active, of all VMs that it has; its claims to others end.
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
        """The collector cannot be asked: where another one has its VMs, that one shows them."""
        self._owners = {vm_id: owner for vm_id, owner in self._owners.items() if owner[0] != collector}

    def is_elsewhere(self, vm_id: str, collector: str) -> bool:
        """Whether another collector shows this VM."""
        return self._owners.get(vm_id, (collector, False))[0] != collector
