"""oned's errors with their codes and texts (7.4), and how its drivers let boots fail."""

from typing import Final

from stratoscope.demo.world.boot_errors import BootError, BootErrors

AUTHENTICATION: Final = 0x100
AUTHORIZATION: Final = 0x200
NO_EXISTS: Final = 0x400
ACTION: Final = 0x800
XML_RPC_API: Final = 0x1000
INTERNAL: Final = 0x2000


class OneError(Exception):
    """A call that oned refuses. Attributes: number: Of the object that it names; -1 for none."""

    def __init__(self, code: int, text: str, number: int = -1) -> None:
        super().__init__(text)
        self.code, self.text, self.number = code, text, number


def no_exists(what: str, number: int) -> OneError:
    """Args: what: As oned calls it: `virtual machine`."""
    return OneError(NO_EXISTS, f"Error getting {what} [{number}].", number)


BOOT_ERRORS: Final = {
    "quota": BootError(0x200, "{user} : group {group} limit of 0 reached for RUNNING_VMS quota in VM."),
    "leases": BootError(0x2000, "Cannot get IP/MAC lease from virtual network {network}."),
    "image": BootError(0x2000, "DISK 0: Image with ID: {image} does not exist"),
    "internal": BootError(0x2000, "Cannot store VM in the database"),
    "no_valid_host": BootError(0, "Cannot dispatch VM: No host meets SCHED_REQUIREMENTS", True),
    "no_room": BootError(0, "[HOST] Not enough CPU on hosts: 0,1,2", True),
    "boot_failure": BootError(0, "DEPLOY: ERROR: deploy: process exited while connecting to monitor"),
    "network_failed": BootError(0, "DEPLOY: Error executing network driver: pre: ip link show failed"),
    "prolog_failure": BootError(0, "Error executing image transfer script: No space left on device"),
    "stuck": BootError(0, ""),
}
"""By their names in faults. A status is the code of oned's answer; `{network}` and the like stand for ids."""

ERRORS: Final = BootErrors(BOOT_ERRORS, ("boot_failure", "prolog_failure"), lambda _: "")
OF_DRIVER: Final = "DEPLOY: "
"""So the message of a driver begins that boots VMs; all others move their disks."""
