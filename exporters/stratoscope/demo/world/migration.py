"""What the embedded cloud knows of one migration."""

import msgspec

from stratoscope.demo.world.models import VM, Flavor, Host


class Migration(msgspec.Struct, eq=False):
    """A live migration or a resize.

    Attributes:
        vm_state: The VM's when it began.
        kind, status: As Nova spells them.
        old_flavor: The VM's when it began.
    """

    id: str
    vm: VM
    source: Host
    target: Host
    flavor: Flavor
    vm_state: str
    number: int
    kind: str
    status: str
    created: float
    updated: float
    old_flavor: Flavor
