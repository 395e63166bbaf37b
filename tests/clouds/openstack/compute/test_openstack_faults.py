"""Nova's fault texts and the reasons that they are sorted into."""

import pytest

from stratoscope.clouds.condition import FaultReason
from stratoscope.clouds.openstack.compute.faults import fault_reason

UUID = "58590cc4-a5e2-4ba5-b218-17a55ea58d21"
ABORTED = f"Build of instance {UUID} aborted: "
RETRIES = f"Exceeded maximum number of retries. Exceeded max scheduling attempts 3 for instance {UUID}. "


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("No valid host was found. ", FaultReason.NO_VALID_HOST),
        ("No valid host was found. There are not enough hosts available.", FaultReason.NO_VALID_HOST),
        ("No valid host was found. No valid host found for resize", FaultReason.NO_VALID_HOST),
        ("No valid host was found. Unable to move the ports with network QoS", FaultReason.NO_VALID_HOST),
        (
            ABORTED + "Insufficient compute resources: Free memory 100.00 MB < requested 512 MB.",
            FaultReason.NO_VALID_HOST,
        ),
        ("Anti-affinity instance group policy was violated", FaultReason.NO_VALID_HOST),
        (
            "Quota exceeded for instances: Requested 1, but already used 5 of 5 instances",
            FaultReason.QUOTA,
        ),
        ("Maximum number of ports exceeded", FaultReason.QUOTA),
        (ABORTED + "VolumeLimitExceeded: Maximum number of volumes allowed (10)", FaultReason.QUOTA),
        (ABORTED + "Failed to allocate the network(s), not rescheduling.", FaultReason.NETWORK),
        (
            ABORTED + "Failed to allocate the network(s) with error No fixed IP addresses available for "
            "network: 1, not rescheduling.",
            FaultReason.NETWORK,
        ),
        ("Virtual Interface creation failed", FaultReason.NETWORK),
        ("VirtualInterfaceCreateException", FaultReason.NETWORK),
        (
            RETRIES + "Last exception: Binding failed for port 1, please check neutron logs",
            FaultReason.NETWORK,
        ),
        ("Port id 1 could not be found.", FaultReason.NETWORK),
        (
            ABORTED
            + "Volume 1 did not finish being created even after we waited 187 seconds or 61 attempts. "
            "And its status is error.",
            FaultReason.VOLUME,
        ),
        (ABORTED + "Failure prepping block device.", FaultReason.VOLUME),
        (ABORTED + "Block Device Mapping is Invalid: failed to get volume 1.", FaultReason.VOLUME),
        ("Connection to cinder host failed: timed out", FaultReason.VOLUME),
        (
            ABORTED + "Image 1 is unacceptable: Converted to raw, but format is now qcow2",
            FaultReason.IMAGE,
        ),
        ("Could not fetch image 1", FaultReason.IMAGE),
        (ABORTED + "Flavor's disk is too small for requested image.", FaultReason.IMAGE),
        ("Connection to glance host http://1 failed: Connect timed out", FaultReason.IMAGE),
        ("MessagingTimeout", FaultReason.MESSAGING),
        ("Timed out waiting for a reply to message ID 1", FaultReason.MESSAGING),
        ("Timeout waiting for response from cell", FaultReason.MESSAGING),
        (ABORTED + "Timed out during operation: cannot acquire state change lock", FaultReason.TIMEOUT),
        ("ConnectTimeout", FaultReason.TIMEOUT),
        (ABORTED + "FakeBuildAbortDriver", FaultReason.HYPERVISOR),
        (f"Build of instance {UUID} was re-scheduled: internal error", FaultReason.HYPERVISOR),
        (
            "Exceeded maximum number of retries. Exhausted all hosts available for retrying build failures.",
            FaultReason.HYPERVISOR,
        ),
        ("libvirtError", FaultReason.HYPERVISOR),
        ("ProcessExecutionError", FaultReason.HYPERVISOR),
        ("Connection to the hypervisor is broken on host", FaultReason.HYPERVISOR),
        ("Migration pre-check error: CPU doesn't have compatibility.", FaultReason.HYPERVISOR),
        ("Compute service of node7 is unavailable at this time.", FaultReason.HYPERVISOR),
        ("KeyError", FaultReason.UNKNOWN),
        ("", FaultReason.UNKNOWN),
    ],
)
def test_fault_is_sorted_by_its_text(message: str, reason: FaultReason) -> None:
    assert fault_reason(message) is reason
