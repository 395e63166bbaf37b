"""A VM of a probe as `vm.info` has it."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from stratoscope.clouds.lifecycle import Object
from stratoscope.clouds.opennebula import states
from stratoscope.clouds.opennebula.client.items import ADDRESSES, Element, fields, number
from stratoscope.clouds.opennebula.lifecycle.names import mark_in

VM: Final = "vm"
"""The kind of its Object."""
HOLD: Final = "HOLD"
RUNNING: Final = "RUNNING"


class Look(msgspec.Struct, frozen=True):
    """A VM as one call saw it.

    Attributes:
        state: The LCM state of an active VM, else its state.
        host: "" while it is on none.
        sched_message, error: Why it has no host, and why it failed; "" for nothing.
        networks, images: The ids of what it uses.
        created: Unix second, by oned's clock.
    """

    vm_id: str
    name: str
    state: str
    host: str
    sched_message: str
    error: str
    addresses: Sequence[str]
    nics: int
    networks: Sequence[str]
    images: Sequence[str]
    created: int

    @property
    def is_done(self) -> bool:
        """It is deleted; oned remembers it nevertheless."""
        return self.state == "DONE"

    @property
    def object(self) -> Object:
        return object_of(self.vm_id, self.name)


def object_of(vm_id: str, name: str) -> Object:
    """A VM as an object: a name that is a mark is that of the run, as the run itself has it."""
    mark = mark_in(name)
    return Object(VM, vm_id, name if mark is None else mark.name, mark)


def look(element: Element) -> Look:
    """Raises ValueError, KeyError if it makes no sense."""
    found, messages = fields(element), fields(element.find("USER_TEMPLATE"))
    nics = [fields(one) for tag in ("NIC", "NIC_ALIAS") for one in element.iterfind(f"TEMPLATE/{tag}")]
    disks = [fields(one) for one in element.iterfind("TEMPLATE/DISK")]
    history = [fields(one) for one in element.iterfind("HISTORY_RECORDS/HISTORY")]
    state = int(found["STATE"])
    is_placed = state in states.ON_A_HOST and bool(history)
    return Look(
        vm_id=number(found["ID"]),
        name=found["NAME"],
        state=states.vm(state, int(found["LCM_STATE"])),
        host=history[-1].get("HOSTNAME", "") if is_placed else "",
        sched_message=messages.get("SCHED_MESSAGE", ""),
        error=messages.get("ERROR", ""),
        addresses=[nic[name] for nic in nics for name in ADDRESSES if nic.get(name)],
        nics=len(nics),
        networks=_distinct(nic.get("NETWORK_ID", "") for nic in nics),
        images=_distinct(disk.get("IMAGE_ID", "") for disk in disks),
        created=int(found["STIME"]),
    )


def _distinct(found: Iterable[str]) -> Sequence[str]:
    return [*dict.fromkeys(one for one in found if one)]
