"""Nova's own words for a boot that it refuses, or that fails later: those of release 2025.1."""

from typing import Final, NamedTuple

import msgspec


class Refusal(NamedTuple):
    """Attributes: status: Of the answer; 0 where Nova accepts the VM, which then ends in ERROR with the text.
    text: `{vm}`, `{image}`, `{network}` stand for ids.
    """

    status: int
    text: str


class NamedRefusal(NamedTuple):
    """Attributes: name: Its key in REFUSALS."""

    name: str
    status: int
    text: str


class Doom(msgspec.Struct, frozen=True):
    """What will become of a boot that was accepted.

    Attributes:
        text: The message of its fault; "" leaves it in BUILD for ever.
        is_of_scheduling: It fails before it has a host.
    """

    text: str
    is_of_scheduling: bool = False


REFUSALS: Final = {
    "quota_instances": Refusal(
        403, "Quota exceeded for instances: Requested 1, but already used {used} of {used} instances"
    ),
    "quota_cores": Refusal(
        403, "Quota exceeded for cores: Requested {cores}, but already used {used} of {used} cores"
    ),
    "quota_ram": Refusal(
        403, "Quota exceeded for ram: Requested {ram}, but already used {used} of {used} ram"
    ),
    "quota_ports": Refusal(403, "Maximum number of ports exceeded"),
    "policy": Refusal(403, "Policy doesn't allow os_compute_api:servers:create to be performed."),
    "image_not_found": Refusal(400, "Can not find requested image"),
    "flavor_not_found": Refusal(400, "Flavor {flavor} could not be found."),
    "network_not_found": Refusal(400, "Network {network} could not be found."),
    "zone_not_available": Refusal(400, "The requested availability zone is not available"),
    "flavor_memory_too_small": Refusal(400, "Flavor's memory is too small for requested image."),
    "flavor_disk_too_small": Refusal(
        400,
        "Flavor's disk is too small for requested image. Flavor disk is {disk} bytes, image is {size} bytes.",
    ),
    "key_not_found": Refusal(400, "Invalid key_name provided."),
    "networks_ambiguous": Refusal(
        409, "Multiple possible networks found, use a Network ID to be more specific."
    ),
    "no_valid_host": Refusal(0, "No valid host was found. "),
    "build_aborted": Refusal(
        0,
        "Build of instance {vm} aborted: internal error: process exited while connecting to monitor: "
        "qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory",
    ),
    "retries_exceeded": Refusal(
        0,
        "Exceeded maximum number of retries. Exhausted all hosts available for retrying build failures for "
        "instance {vm}.",
    ),
    "network_failed": Refusal(
        0, "Build of instance {vm} aborted: Failed to allocate the network(s), not rescheduling."
    ),
    "port_binding_failed": Refusal(
        0,
        "Build of instance {vm} aborted: Binding failed for port {port}, please check neutron logs for more "
        "information.",
    ),
    "volume_failed": Refusal(
        0,
        "Build of instance {vm} aborted: Volume {volume} did not finish being created even after we waited "
        "187 seconds or 61 attempts. And its status is downloading.",
    ),
    "image_unacceptable": Refusal(
        0,
        "Build of instance {vm} aborted: Image {image} is unacceptable: Converted to raw, but format is now "
        "qcow2",
    ),
    "image_download_failed": Refusal(
        0,
        "Build of instance {vm} aborted: Connection to glance host http://image.example:9292 failed: timed "
        "out",
    ),
    "messaging_timeout": Refusal(
        0, "Timed out waiting for a reply to message ID 0c5a1f7d2b7e4a0f9a4d5f3f6f8f1b2c"
    ),
    "stuck": Refusal(0, ""),
}
"""By the name under which faults.py knows them."""

OF_SCHEDULING: Final = frozenset({"no_valid_host", "retries_exceeded"})
"""Those that come before the VM has a host."""

OF_LIFE: Final = (
    "build_aborted",
    "network_failed",
    "port_binding_failed",
    "image_download_failed",
    "messaging_timeout",
)
"""Those that happen without anybody's doing."""


def traceback(message: str) -> str:
    """What an administrator is shown of a fault."""
    return (
        "Traceback (most recent call last):\n"
        '  File "/usr/lib/python3/dist-packages/nova/compute/manager.py", line 2463, in '
        "_do_build_and_run_instance\n"
        "    self._build_and_run_instance(context, instance, image,\n"
        f"nova.exception.BuildAbortException: {message}\n"
    )
