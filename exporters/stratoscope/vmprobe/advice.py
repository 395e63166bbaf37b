"""What each reason means and what to do about it: the words of the table in docs/vmprobe.md."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from stratoscope.clouds.lifecycle import RunReason


class Advice(NamedTuple):
    """Of one reason.

    Attributes:
        meaning: What happened.
        action: What to do about it.
    """

    meaning: str
    action: str


ADVICE: Final[Mapping[RunReason, Advice]] = {
    RunReason.NO_VALID_HOST: Advice(
        "No host takes the VM: all are full, disabled or down, or filters leave none.",
        "Check that hypervisors are up, enabled and have room for the flavor; read the scheduler's log.",
    ),
    RunReason.QUOTA: Advice(
        "The project's quota has no room for the VM.",
        "Delete what is left over in the project, or have its quota raised.",
    ),
    RunReason.IMAGE: Advice(
        "The image is not active, does not fit the flavor, or cannot be fetched by the host.",
        "Before the VM is accepted: name another image or flavor. Later: check the image service.",
    ),
    RunReason.NETWORK: Advice(
        "A port is refused, not made or not bound; or the VM does not answer, or another machine does.",
        "Before the VM is accepted: name another network. Later: check the network service and its agents;"
        " if the VM does not answer, its security group and the way from the probe to it, too.",
    ),
    RunReason.VOLUME: Advice(
        "The volume is refused, not made or not attached, or fails while the VM runs.",
        "Before the VM is accepted: correct the description. Later: check the volume service.",
    ),
    RunReason.HYPERVISOR: Advice(
        "The host's hypervisor cannot start the VM, or the VM ended.",
        "Check the hypervisor's log on the host that the run names.",
    ),
    RunReason.TIMEOUT: Advice(
        "The phase did not end within its time-out, or a request had no answer in time.",
        "Check the service that does the phase; in `console`, whether the image writes the text. If the"
        " cloud is only slow, raise the phase's time-out.",
    ),
    RunReason.MESSAGING: Advice(
        "Services of the cloud do not reach each other.",
        "Check the message queue and the services at both of its ends.",
    ),
    RunReason.UNKNOWN: Advice(
        "The VM failed, or disappeared, with words that match no reason.",
        "Read the message on the probe's page, and report words that should match.",
    ),
    RunReason.AUTH: Advice(
        "The log-in is refused: password, account, project or role.",
        "Mend the credential. Log-ins wait after a refusal: see the questions below.",
    ),
    RunReason.FLAVOR: Advice(
        "The cloud refuses the flavor.",
        "Name another flavor, or give the project access to this one.",
    ),
    RunReason.API_ERROR: Advice(
        "A service answers with an error, or with what cannot be read.",
        "Check the log of the service that the message names.",
    ),
    RunReason.API_UNREACHABLE: Advice(
        "No connection to a service, a connection that broke, or no such service in the catalogue.",
        "Check that the service runs, its endpoint in the catalogue, and the network in between.",
    ),
    RunReason.POLICY: Advice(
        "The credential lacks the right.",
        "Give it the role or the right that the page of its kind names.",
    ),
    RunReason.CLEANUP: Advice(
        "The VM is not deleted, or something of it is left.",
        "Wait for the sweep, which tries again; if the object stays, the cloud's operators must delete it.",
    ),
    RunReason.PROBE_MISCONFIGURED: Advice(
        "The probe's description names what does not exist, or what cannot be together.",
        "Correct the entry; the message has the nearest names that exist.",
    ),
    RunReason.INTERNAL: Advice(
        "A bug, or the cloud's budget had no turn for the request.",
        "Raise the cloud's `budget` or run fewer probes; report a bug with its traceback from the log.",
    ),
}
"""Every reason has its advice."""
