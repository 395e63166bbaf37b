"""How Nova refuses a boot, or lets it fail later: the messages of release 2025.1."""

from typing import Final

from stratoscope.demo.world.boot_errors import BootError, BootErrors

BOOT_ERRORS: Final = {
    "quota_instances": BootError(
        403, "Quota exceeded for instances: Requested 1, but already used {used} of {used} instances"
    ),
    "quota_cores": BootError(
        403, "Quota exceeded for cores: Requested {cores}, but already used {used} of {used} cores"
    ),
    "quota_ram": BootError(
        403, "Quota exceeded for ram: Requested {ram}, but already used {used} of {used} ram"
    ),
    "quota_ports": BootError(403, "Maximum number of ports exceeded"),
    "policy": BootError(403, "Policy doesn't allow os_compute_api:servers:create to be performed."),
    "image_not_found": BootError(400, "Can not find requested image"),
    "flavor_not_found": BootError(400, "Flavor {flavor} could not be found."),
    "network_not_found": BootError(400, "Network {network} could not be found."),
    "zone_not_available": BootError(400, "The requested availability zone is not available"),
    "flavor_memory_too_small": BootError(400, "Flavor's memory is too small for requested image."),
    "flavor_disk_too_small": BootError(
        400,
        "Flavor's disk is too small for requested image. Flavor disk is {disk} bytes, image is {size} bytes.",
    ),
    "key_not_found": BootError(400, "Invalid key_name provided."),
    "networks_ambiguous": BootError(
        409, "Multiple possible networks found, use a Network ID to be more specific."
    ),
    "no_valid_host": BootError(0, "No valid host was found. ", is_of_scheduling=True),
    "build_aborted": BootError(
        0,
        "Build of instance {vm} aborted: internal error: process exited while connecting to monitor: "
        "qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory",
    ),
    "retries_exceeded": BootError(
        0,
        "Exceeded maximum number of retries. Exhausted all hosts available for retrying build failures for "
        "instance {vm}.",
        is_of_scheduling=True,
    ),
    "network_failed": BootError(
        0, "Build of instance {vm} aborted: Failed to allocate the network(s), not rescheduling."
    ),
    "port_binding_failed": BootError(
        0,
        "Build of instance {vm} aborted: Binding failed for port {port}, please check neutron logs for more "
        "information.",
    ),
    "volume_failed": BootError(
        0,
        "Build of instance {vm} aborted: Volume {volume} did not finish being created even after we waited "
        "187 seconds or 61 attempts. And its status is downloading.",
    ),
    "image_unacceptable": BootError(
        0,
        "Build of instance {vm} aborted: Image {image} is unacceptable: Converted to raw, but format is now "
        "qcow2",
    ),
    "image_download_failed": BootError(
        0,
        "Build of instance {vm} aborted: Connection to glance host http://image.example:9292 failed: timed "
        "out",
    ),
    "image_lost": BootError(
        0, "Build of instance {vm} aborted: Image {image} is unacceptable: Image has no associated data"
    ),
    "messaging_timeout": BootError(
        0, "Timed out waiting for a reply to message ID 0c5a1f7d2b7e4a0f9a4d5f3f6f8f1b2c"
    ),
    "stuck": BootError(0, ""),
}
"""By their names in faults."""

_OF_CHURN: Final = (
    "build_aborted",
    "network_failed",
    "port_binding_failed",
    "image_download_failed",
    "messaging_timeout",
)
"""The errors that the churn brings about."""


def traceback(message: str) -> str:
    """The details of a fault, for administrators."""
    return (
        "Traceback (most recent call last):\n"
        '  File "/usr/lib/python3/dist-packages/nova/compute/manager.py", line 2463, in '
        "_do_build_and_run_instance\n"
        "    self._build_and_run_instance(context, instance, image,\n"
        f"nova.exception.BuildAbortException: {message}\n"
    )


ERRORS: Final = BootErrors(BOOT_ERRORS, _OF_CHURN, traceback)
