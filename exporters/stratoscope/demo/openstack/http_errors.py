"""How Nova refuses a boot, or lets it fail later: the messages of release 2025.1."""

from typing import Final

from stratoscope.demo.world.boot_errors import BootError, BootErrors

_REFUSED: Final = {
    "quota_instances": (
        403,
        "Quota exceeded for instances: Requested 1, but already used 9 of 9 instances",
    ),
    "quota_cores": (403, "Quota exceeded for cores: Requested {cores}, but already used 20 of 20 cores"),
    "quota_ram": (403, "Quota exceeded for ram: Requested {ram}, but already used 20480 of 20480 ram"),
    "quota_ports": (403, "Maximum number of ports exceeded"),
    "policy": (403, "Policy doesn't allow os_compute_api:servers:create to be performed."),
    "image_not_found": (400, "Can not find requested image"),
    "flavor_not_found": (400, "Flavor {flavor} could not be found."),
    "network_not_found": (400, "Network {network} could not be found."),
    "zone_not_available": (400, "The requested availability zone is not available"),
    "flavor_memory_too_small": (400, "Flavor's memory is too small for requested image."),
    "flavor_disk_too_small": (400, "Flavor's disk is too small for requested image."),
    "key_not_found": (400, "Invalid key_name provided."),
    "networks_ambiguous": (409, "Multiple possible networks found, use a Network ID to be more specific."),
}
"""Status and text of the response."""
_OF_SCHEDULING: Final = {
    "no_valid_host": "No valid host was found. ",
    "retries_exceeded": "Exceeded maximum number of retries. Exhausted all hosts available for retrying "
    "build failures for instance {vm}.",
}
_ABORTED: Final = {
    "build_aborted": "internal error: process exited while connecting to monitor: qemu-system-x86_64: cannot "
    "set up guest memory 'pc.ram': Cannot allocate memory",
    "network_failed": "Failed to allocate the network(s), not rescheduling.",
    "port_binding_failed": "Binding failed for port {port}, please check neutron logs for more information.",
    "volume_failed": "Volume {volume} did not finish being created even after we waited 187 seconds or 61 "
    "attempts. And its status is downloading.",
    "image_unacceptable": "Image {image} is unacceptable: Converted to raw, but format is now qcow2",
    "image_download_failed": "Connection to glance host http://image.example:9292 failed: timed out",
    "image_lost": "Image {image} is unacceptable: Image has no associated data",
}
"""What follows `Build of instance ... aborted: `."""
BOOT_ERRORS: Final = {
    **{name: BootError(status, text) for name, (status, text) in _REFUSED.items()},
    **{name: BootError(0, text, is_of_scheduling=True) for name, text in _OF_SCHEDULING.items()},
    **{name: BootError(0, f"Build of instance {{vm}} aborted: {text}") for name, text in _ABORTED.items()},
    "messaging_timeout": BootError(0, "Timed out waiting for a reply to message ID 0c5a1f7d2b7e4a0f9a4d5f3f"),
    "stuck": BootError(0, ""),
}
"""By their names in faults."""
_OF_CHURN: Final = (
    "build_aborted", "network_failed", "port_binding_failed", "image_download_failed", "messaging_timeout",
)  # fmt: skip
"""The errors that the churn brings about."""


def traceback(message: str) -> str:
    """The details of a fault, for administrators."""
    return f"Traceback (most recent call last):\nnova.exception.BuildAbortException: {message}\n"


ERRORS: Final = BootErrors(BOOT_ERRORS, _OF_CHURN, traceback)
