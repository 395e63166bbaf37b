"""Why a server is in error: classifies Nova's fault texts into the closed set of reasons.

Source: `fault.message` of a server. It is the text of one of Nova's exceptions (nova/exception.py), often
inside that of BuildAbortException, and of any other exception only the name of its class (exception_to_dict
in nova/compute/utils.py); the database cuts it at 255 characters.
"""

from collections.abc import Mapping
from typing import Final

from stratoscope.clouds.condition import FaultReason

_TEXTS: Final[Mapping[FaultReason, tuple[str, ...]]] = {
    # The scheduler's own verdict comes first: what follows in its text is what the filters were asked.
    FaultReason.NO_VALID_HOST: (
        "no valid host",  # NoValidHost
        "novalidhost",
        "insufficient compute resources",  # ComputeResourcesUnavailable: the claim on the host failed
        "instance group policy was violated",  # GroupAffinityViolation
        "cannot fit the given host numa topology",  # the reason in ComputeResourcesUnavailable
    ),
    FaultReason.QUOTA: (
        "quota",  # OverQuota, TooManyInstances, Cinder's and Neutron's OverQuotaClient
        "maximum number of ports exceeded",  # PortLimitExceeded
        "maximum number of floating ips exceeded",  # FloatingIpLimitExceeded
        "maximum number of security groups",  # SecurityGroupLimitExceeded
        "limitexceeded",  # by class, Cinder's among them
    ),
    # What went wrong in a build goes before the frame of BuildAbortException or MaxRetriesExceeded round it.
    FaultReason.NETWORK: (
        "failed to allocate the network",  # BuildAbortException's reason in _build_resources
        "virtual interface",  # VirtualInterfaceCreateException, VirtualInterfacePlugException ...
        "virtualinterface",
        "binding failed for port",  # PortBindingFailed
        "failed to activate binding",  # PortBindingActivationFailed
        "failed to delete binding",  # PortBindingDeletionFailed
        "port id",  # PortNotFound
        "port update failed",  # PortUpdateFailed
        "portnotfound",
        "fixed ip",  # NoMoreFixedIps, FixedIpAlreadyInUse
        "floating ip",  # FloatingIpAssociateFailed
        "network",  # NetworkNotFound, NetworkRequiresSubnet, ExternalNetworkAttachForbidden
        "neutron",
        "security group",  # SecurityGroupNotFound
    ),
    FaultReason.VOLUME: (
        "volume",  # VolumeNotCreated, VolumeAttachFailed, VolumeNotFound, InvalidVolume
        "cinder",  # CinderConnectionFailed
        "block device",  # InvalidBDM, and "Failure prepping block device."
        "invalidbdm",
    ),
    FaultReason.IMAGE: (
        "image",  # ImageUnacceptable, ImageNotFound, CouldNotFetchImage, FlavorDiskSmallerThanImage
        "glance",  # GlanceConnectionFailed
        "disk format",  # InvalidDiskFormat
        "disk info file is invalid",  # InvalidDiskInfo
        "disk would be too small",  # FlavorDiskTooSmall
    ),
    FaultReason.MESSAGING: (
        "messagingtimeout",  # oslo_messaging, by class
        "messagedeliveryfailure",
        "timed out waiting for a reply",  # its text, before Nova 20
        "remoteerror",
        "rpc",  # MigrationSchedulerRPCError, UnsupportedRPCVersion
        "response from cell",  # CellTimeout
        "amqp",
    ),
    FaultReason.TIMEOUT: ("timed out", "timeout", "timedout"),
    FaultReason.HYPERVISOR: (
        "build of instance",  # BuildAbortException, RescheduledException: the driver's spawn failed
        "exceeded maximum number of retries",  # MaxRetriesExceeded: every host that was tried failed
        "exhausted all hosts",  # its reason
        "libvirt",  # libvirtError, by class
        "hypervisor",  # HypervisorUnavailable
        "qemu",
        "processexecutionerror",  # oslo_concurrency, by class
        "unexpected error while running command",  # its text, before Nova 20
        "internal error",  # libvirt's text, before Nova 20
        "compute service of",  # ComputeServiceUnavailable
        "migration",  # MigrationError, MigrationPreCheckError
        "resize error",  # ResizeError
        "unable to be resized",  # CannotResizeDisk
        "driver error",
        "pci device",  # PciDeviceRequestFailed
        "device detach failed",  # DeviceDetachFailed
        "failed to deploy",  # InstanceDeployFailure
        "failed to terminate",  # InstanceTerminationFailure
        "failed to power",  # InstancePowerOnFailure, InstancePowerOffFailure
        "failed to reboot",  # InstanceRebootFailure
        "failed to suspend",  # InstanceSuspendFailure
        "failed to resume",  # InstanceResumeFailure
        "rescue mode",  # InstanceRescueFailure
    ),
}  # fmt: skip


def fault_reason(message: str) -> FaultReason:
    """The reason for a fault's text; `unknown` if no rule matches, or without a text."""
    text = message.lower()
    fitting = (reason for reason, parts in _TEXTS.items() if any(part in text for part in parts))
    return next(fitting, FaultReason.UNKNOWN)
