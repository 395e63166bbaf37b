"""What domains a host can run. Source: virConnectGetCapabilities."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import Final

_FASTEST_FIRST: Final = ("kvm", "qemu")


@dataclass(frozen=True, slots=True)
class Guests:
    """The guests of a host that its own processor can run, with their BIOS.

    Attributes:
        type: The type of a domain: `kvm`, or `qemu` where there is no KVM.
        arch: As libvirt calls it.
        has_dac: libvirt changes the owner of files of guests.
    """

    type: str
    arch: str
    has_dac: bool = False


def guests(capabilities: str) -> Guests | None:
    """What a host can run; None without full virtualisation.

    Raises:
        ET.ParseError: It is malformed.
    """
    root = ET.fromstring(capabilities)  # noqa: S314 - libvirt wrote it
    own = root.findtext("host/cpu/arch", "")
    for guest in root.iterfind("guest"):
        arch = guest.find("arch")
        if guest.findtext("os_type") != "hvm" or arch is None or arch.get("name") != own:
            continue
        types = [one.get("type", "") for one in arch.iterfind("domain")]
        if types:
            best = next((one for one in _FASTEST_FIRST if one in types), types[0])
            models = {one.text for one in root.iterfind("host/secmodel/model")}
            return Guests(best, own, "dac" in models)
    return None
