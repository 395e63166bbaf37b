"""Why a run fails: every error that a real oned answered with 200, and what comes from elsewhere."""

import pytest

from stratoscope.clouds.client.request import CallError, OutcomeUnknownError
from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.lifecycle import RunReason, StepError
from stratoscope.clouds.opennebula.client.envelope import answer
from stratoscope.clouds.opennebula.client.errors import QuotaError, error
from stratoscope.clouds.opennebula.lifecycle.errors import (
    Failure,
    deploy_reason,
    instantiate_reason,
    reason_of,
    translated,
)
from stratoscope.core.errors import CollectError, ConfigError, LeftOut, LeftOutError, Reason
from support.replayed_oned import refused

OF_INSTANTIATE = {
    "quota_alice_vm3": RunReason.QUOTA,
    "quota_cpu": RunReason.POLICY, "quota_ips": RunReason.POLICY, "restricted_attr": RunReason.POLICY,
    "no_more_leases": RunReason.NETWORK, "template_bad_network": RunReason.NETWORK,
    "template_bad_image": RunReason.IMAGE, "template_bad_image_name": RunReason.IMAGE,
    "no_such_template": RunReason.FLAVOR, "bad_template_syntax": RunReason.FLAVOR,
    "template_missing_cpu": RunReason.FLAVOR, "template_missing_memory": RunReason.FLAVOR,
    "template_negative_cpu": RunReason.FLAVOR,
    "bad_password": RunReason.AUTH, "malformed_session": RunReason.AUTH, "no_such_user": RunReason.AUTH,
    "missing_params": RunReason.API_ERROR, "wrong_type": RunReason.API_ERROR,
    "unknown_method": RunReason.API_ERROR,
}  # fmt: skip
OF_DEPLOY = {
    "deploy_no_capacity": RunReason.NO_VALID_HOST, "deploy_offline_host": RunReason.NO_VALID_HOST,
    "no_such_host_deploy": RunReason.NO_VALID_HOST, "deploy_no_such_ds": RunReason.NO_VALID_HOST,
    "deploy_wrong_state": RunReason.API_ERROR, "user_create_host": RunReason.POLICY,
}  # fmt: skip
OTHERS = {
    "user_vm_of_other": RunReason.POLICY, "no_such_vm": RunReason.API_ERROR,
    "action_unknown": RunReason.API_ERROR, "action_wrong_state": RunReason.API_ERROR,
    "vmpool_bad_filter": RunReason.API_ERROR, "bad_password": RunReason.AUTH,
}  # fmt: skip


def failure(name: str) -> Failure:
    found = answer(refused(name))
    return error("oned: call", found.code, found.value)


@pytest.mark.parametrize("name", OF_INSTANTIATE)
def test_refused_template_has_the_reason_of_oneds_words(name: str) -> None:
    assert instantiate_reason(failure(name)) is OF_INSTANTIATE[name]


@pytest.mark.parametrize("name", OF_DEPLOY)
def test_refused_deployment_has_the_reason_of_oneds_words(name: str) -> None:
    assert deploy_reason(failure(name)) is OF_DEPLOY[name]


@pytest.mark.parametrize("name", OTHERS)
def test_other_refusal_has_the_reason_of_its_code(name: str) -> None:
    assert reason_of(failure(name)) is OTHERS[name]


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (CallError(Reason.TIMEOUT, "no answer within 30 s", "timeout"), RunReason.TIMEOUT),
        (CallError(Reason.UNAVAILABLE, "refused", "connection"), RunReason.API_UNREACHABLE),
        (CallError(Reason.UNAVAILABLE, "answered 502", "502"), RunReason.API_ERROR),
        (CallError(Reason.UNAUTHORIZED, "answered 403", "403"), RunReason.API_ERROR),
        (CallError(Reason.MALFORMED, "no XML", "malformed"), RunReason.API_ERROR),
        (CollectError(Reason.BUSY, "no turn"), RunReason.INTERNAL),
        (CollectError(Reason.UNAUTHORIZED, "the password is refused, again"), RunReason.AUTH),
        (error("oned: call", 0x8000, "locked"), RunReason.API_ERROR),
        (error("oned: call", 0x10000, "no leader"), RunReason.API_ERROR),
        (LeftOutError(LeftOut.ABSENT, "no such method"), RunReason.API_ERROR),
        (ForbiddenError("no right"), RunReason.POLICY),
        (NotThereError("gone"), RunReason.API_ERROR),
        (QuotaError("limit of 3 reached for VMS quota"), RunReason.QUOTA),
    ],
)
def test_failure_of_any_call_has_a_reason(raised: Failure, reason: RunReason) -> None:
    assert {reason_of(raised), instantiate_reason(raised), deploy_reason(raised)} == {reason}


def test_words_of_a_request_that_was_not_answered_decide_nothing() -> None:
    lost = CallError(Reason.UNAVAILABLE, "network is unreachable", "connection")
    assert instantiate_reason(lost) is RunReason.API_UNREACHABLE


def test_request_that_may_have_been_carried_out_is_unknown() -> None:
    with pytest.raises(StepError) as caught, translated():
        raise OutcomeUnknownError(Reason.TIMEOUT, "no answer")
    assert (caught.value.reason, caught.value.is_unknown) == (RunReason.TIMEOUT, True)


def test_file_that_is_gone_is_the_probes_mistake() -> None:
    with pytest.raises(StepError) as caught, translated():
        raise ConfigError("ca_file: /x: no such file")
    assert caught.value.reason is RunReason.PROBE_MISCONFIGURED
