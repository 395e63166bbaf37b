"""Every error that a real oned answered with 200, and what it is taken for."""

import pytest

from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.opennebula.client.envelope import answer
from stratoscope.clouds.opennebula.client.errors import QuotaError, RefusedError, error
from stratoscope.core.errors import LeftOut, LeftOutError, Reason
from support.replayed_oned import FIXTURES, refused

UNAUTHORIZED = (RefusedError, Reason.UNAUTHORIZED)
FORBIDDEN = (ForbiddenError, LeftOut.UNAUTHORIZED)
GONE = (NotThereError, Reason.UNAVAILABLE)
FAILED = (RefusedError, Reason.UNAVAILABLE)
MISTAKEN = (RefusedError, Reason.MALFORMED)
QUOTA = (QuotaError, Reason.BUSY)
MEANT = {
    "bad_password": UNAUTHORIZED, "no_such_user": UNAUTHORIZED, "malformed_session": UNAUTHORIZED,
    "user_vm_of_other": FORBIDDEN, "user_create_host": FORBIDDEN, "restricted_attr": FORBIDDEN,
    "quota_cpu": FORBIDDEN, "quota_ips": FORBIDDEN,
    "quota_alice_vm3": QUOTA, "quota_alice_vm4": QUOTA, "quota_alice_vm5": QUOTA,
    "no_such_vm": GONE, "no_such_template": GONE, "no_such_host_deploy": GONE, "deploy_no_such_ds": GONE,
    "deploy_wrong_state": FAILED, "deploy_no_capacity": FAILED, "deploy_offline_host": FAILED,
    "action_wrong_state": FAILED, "action_unknown": FAILED, "delete_host_with_vms": FAILED,
    "bad_template_syntax": FAILED, "template_missing_cpu": FAILED, "template_missing_memory": FAILED,
    "template_negative_cpu": FAILED, "template_bad_image": FAILED, "template_bad_network": FAILED,
    "template_bad_image_name": FAILED, "no_more_leases": FAILED, "dup_host": FAILED,
    "vmpool_bad_filter": MISTAKEN, "bad_state_filter": MISTAKEN, "missing_params": MISTAKEN,
    "wrong_type": MISTAKEN, "unknown_method": (LeftOutError, LeftOut.ABSENT),
}  # fmt: skip
"""quota_cpu and quota_ips were refused for want of a right before any quota was looked at."""


def test_every_recorded_error_is_here() -> None:
    assert {file.stem for file in (FIXTURES / "errors").iterdir()} == MEANT.keys()


@pytest.mark.parametrize("name", MEANT)
def test_an_error_has_the_reason_of_its_code(name: str) -> None:
    found = answer(refused(name))
    raised = error("oned: call", found.code, found.value)
    kind, reason = MEANT[name]
    assert (type(raised), raised.reason) == (kind, reason)
    assert found.value in str(raised)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (0x8000, Reason.BUSY),
        (0x10000, Reason.UNAVAILABLE),
        (-500, Reason.UNAVAILABLE),
        (77, Reason.MALFORMED),
    ],
)
def test_a_code_that_was_not_recorded_has_a_reason_too(code: int, reason: Reason) -> None:
    assert error("oned: call", code, "").reason is reason


def test_an_error_without_a_text_says_its_code() -> None:
    assert str(error("oned: call", 0x10000, " ")) == "oned: call: no text (code 0x10000)"


@pytest.mark.parametrize("text", ["Not authorized to perform MANAGE quota", "limit of 3 rights"])
def test_a_right_that_is_missing_is_no_quota_whatever_it_is_for(text: str) -> None:
    assert isinstance(error("oned: call", 0x200, text), ForbiddenError)
