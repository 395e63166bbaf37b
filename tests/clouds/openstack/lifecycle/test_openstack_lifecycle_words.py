"""Each group of words of a service by itself, and which failure of a step leaves it out."""

import pytest

from stratoscope.clouds.client.request import OutcomeUnknownError
from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.lifecycle import RunReason, StepError, StepLeftOutError
from stratoscope.clouds.openstack.client.api import BadRequestError
from stratoscope.clouds.openstack.lifecycle.errors import reason_of, step_reason, step_translated
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason

HEAD = "image: volume_network_quota: answered"
"""Words of the request itself, which say nothing."""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Policy doesn't allow it", RunReason.POLICY),
        ("it is disallowed by policy", RunReason.POLICY),
        ("Quota exceeded", RunReason.QUOTA),
        ("Maximum number of ports exceeded", RunReason.QUOTA),
        ("servers is over limit of 5", RunReason.QUOTA),
        ("Security group limit exceeded", RunReason.QUOTA),
        ("larger than maximum allowed limit 1000G", RunReason.QUOTA),
        ("Invalid input for field/attribute image", RunReason.PROBE_MISCONFIGURED),
        ("Invalid key_name provided.", RunReason.PROBE_MISCONFIGURED),
        ("Keypair data is invalid", RunReason.PROBE_MISCONFIGURED),
        ("Unable to find security_group 'a'", RunReason.PROBE_MISCONFIGURED),
        ("Security group a not found.", RunReason.PROBE_MISCONFIGURED),
        ("Multiple possible networks found", RunReason.PROBE_MISCONFIGURED),
        ("Size of specified image 2GB is larger than volume size 1GB.", RunReason.PROBE_MISCONFIGURED),
        ("smaller than the image minDisk size 10GB", RunReason.PROBE_MISCONFIGURED),
        ("Volume type with name ssd could not be found.", RunReason.PROBE_MISCONFIGURED),
        ("When resizing, instances must change flavor!", RunReason.PROBE_MISCONFIGURED),
        ("volume 2 not in the same availability_zone", RunReason.PROBE_MISCONFIGURED),
        ("External network 1 is not reachable from subnet 2", RunReason.PROBE_MISCONFIGURED),
        ("port 1 that has no fixed IPv4 addresses", RunReason.PROBE_MISCONFIGURED),
        ("Port 1 has multiple fixed IPv4 addresses", RunReason.PROBE_MISCONFIGURED),
        ("The requested availability zone is not available", RunReason.NO_VALID_HOST),
        ("Compute host cn99 could not be found.", RunReason.NO_VALID_HOST),
        ("No valid host was found.", RunReason.NO_VALID_HOST),
        ("Can not find requested image", RunReason.IMAGE),
        ("The created instance's disk would be too small.", RunReason.IMAGE),
        ("Flavor a could not be found.", RunReason.FLAVOR),
        ("Block Device Mapping is Invalid", RunReason.VOLUME),
        ("failed to get volume 1", RunReason.VOLUME),
        ("Network 1 could not be found.", RunReason.NETWORK),
        ("no subnet", RunReason.NETWORK),
        ("Fixed IP address 10.0.0.1 is already in use", RunReason.NETWORK),
        ("the port is still in use.", RunReason.NETWORK),
        ("not supported, in words that nobody knows", RunReason.HYPERVISOR),
    ],
)
def test_words_of_a_refusal_have_their_reason(text: str, reason: RunReason) -> None:
    assert step_reason(BadRequestError(f"{HEAD} 400: {text}"), RunReason.HYPERVISOR) is reason
    in_404 = RunReason.API_ERROR if reason is RunReason.HYPERVISOR else reason
    assert step_reason(NotThereError(f"{HEAD} 404: {text}"), RunReason.HYPERVISOR) is in_404


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NotThereError("compute: flavors: answered 404"), RunReason.API_ERROR),
        (CollectError(Reason.INTERNAL, "a mistake"), RunReason.INTERNAL),
        (LeftOutError(LeftOut.NOT_CONFIGURED, "nothing wanted"), RunReason.PROBE_MISCONFIGURED),
    ],
)
def test_failure_without_words_has_its_reason(error: CollectError | LeftOutError, reason: RunReason) -> None:
    assert reason_of(error) is reason


@pytest.mark.parametrize(
    "error",
    [
        ForbiddenError(f"{HEAD} 403: Policy doesn't allow it"),
        ForbiddenError(f"{HEAD} 403: Forbidden"),
        LeftOutError(LeftOut.ABSENT, "image: not in the catalogue"),
    ],
)
def test_step_without_a_service_or_a_right_is_left_out(error: LeftOutError) -> None:
    with pytest.raises(StepLeftOutError), step_translated(RunReason.HYPERVISOR):
        raise error


@pytest.mark.parametrize(
    ("error", "reason", "is_unknown"),
    [
        (ForbiddenError(f"{HEAD} 403: Quota exceeded for cores"), RunReason.QUOTA, False),
        (LeftOutError(LeftOut.UNAUTHORIZED, "image: refuses a new token"), RunReason.API_ERROR, False),
        (LeftOutError(LeftOut.NOT_CONFIGURED, "image"), RunReason.PROBE_MISCONFIGURED, False),
        (BadRequestError(f"{HEAD} 400: no"), RunReason.HYPERVISOR, False),
        (OutcomeUnknownError(Reason.MALFORMED, f"{HEAD} 200: no image"), RunReason.API_ERROR, True),
    ],
)
def test_other_failure_of_a_step_is_one_of_the_run(
    error: CollectError | LeftOutError, reason: RunReason, is_unknown: bool
) -> None:
    with pytest.raises(StepError) as caught, step_translated(RunReason.HYPERVISOR):
        raise error
    assert (caught.value.reason, caught.value.is_unknown) == (reason, is_unknown)
