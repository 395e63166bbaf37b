"""What a description names is looked up, and what cannot work is said before a VM is requested."""

from collections.abc import Mapping
from typing import Any

import pytest

from stratoscope.clouds.lifecycle import RunReason, StepError
from stratoscope.clouds.opennebula.lifecycle.resolve import Plan
from support.fake_oned import FakeOned, fake_oned
from support.opennebula_vms import opened, vms
from support.replayed_oned import SESSION, recorded, refused

DISK = "<DISK><IMAGE_ID><![CDATA[0]]></IMAGE_ID></DISK>"
ALICE = recorded("of-a-user/user.info")
GROUP = recorded("group.info")


async def resolved(answers: Mapping[str, str] = {}, session: str = SESSION, **described: Any) -> Plan:
    async with fake_oned() as oned, opened(oned, session) as zone:
        oned.answers = dict(answers)
        plan = (await vms(zone, **described).resolve()).plan
        assert isinstance(plan, Plan)
        return plan


async def refusal(answers: Mapping[str, str] = {}, session: str = SESSION, **described: Any) -> StepError:
    with pytest.raises(StepError) as caught:
        await resolved(answers, session, **described)
    return caught.value


def with_disk(disk: str) -> Mapping[str, str]:
    """The templates, with another disk of `small`."""
    text = recorded("templatepool.info")
    assert DISK in text
    return {"templatepool.info": text.replace(DISK, f"<DISK>{disk}</DISK>")}


def with_image(old: str, new: str) -> Mapping[str, str]:
    """The images, with something else of `alpine`, which is the last one."""
    before, found, after = recorded("imagepool.info").rpartition(old)
    assert found
    return {"imagepool.info": f"{before}{new}{after}"}


@pytest.mark.parametrize("template", ["small", "0"])
async def test_template_is_found_by_name_and_by_id(template: str) -> None:
    plan = await resolved(template=template)
    assert (plan.template.name, plan.template.cpu, plan.template.memory) == ("small", 0.05, 64)
    assert (plan.images, plan.template.networks, plan.host_id) == (["0"], ("0",), None)


async def test_unknown_template_has_the_nearest_names() -> None:
    error = await refusal(template="smal")
    assert error.reason is RunReason.PROBE_MISCONFIGURED
    assert str(error).startswith("template: the user has no 'smal'; the nearest it has: small")


async def test_template_of_several_with_the_name_must_be_named_by_its_id() -> None:
    text = recorded("templatepool.info").replace("<NAME>nodisk</NAME>", "<NAME>small</NAME>")
    error = await refusal({"templatepool.info": text})
    assert str(error) == "template: 2 have the name 'small'; name one by its id: 0, 1"


async def test_template_without_a_disk_needs_no_image() -> None:
    async with fake_oned() as oned, opened(oned) as zone:
        assert (await vms(zone, template="nodisk").resolve()).image_id == ""
        assert oned.calls["imagepool.info"] == 0


@pytest.mark.parametrize(
    "disk",
    [
        "<IMAGE>alpine</IMAGE><IMAGE_UNAME>oneadmin</IMAGE_UNAME>",
        "<IMAGE>alpine</IMAGE><IMAGE_UID>0</IMAGE_UID>",
        "<IMAGE>alpine</IMAGE>",
    ],
)
async def test_image_is_found_by_name_and_owner(disk: str) -> None:
    assert (await resolved(with_disk(disk))).images == ["0"]


@pytest.mark.parametrize(
    "disk",
    ["<IMAGE>nope</IMAGE>", "<IMAGE>alpine</IMAGE><IMAGE_UNAME>x</IMAGE_UNAME>", "<IMAGE_ID>7</IMAGE_ID>"],
)
async def test_image_that_is_not_there_is_named(disk: str) -> None:
    error = await refusal(with_disk(disk))
    assert error.reason is RunReason.IMAGE
    assert "is not there, or the user may not use it" in str(error)


async def test_image_without_an_owner_is_the_users_own() -> None:
    error = await refusal(with_disk("<IMAGE>alpine</IMAGE>"), "alice:alice-secret")
    assert error.reason is RunReason.IMAGE


async def test_disk_that_a_template_makes_itself_has_no_image() -> None:
    assert (await resolved(with_disk("<TYPE>fs</TYPE><SIZE>100</SIZE>"))).images == ()


@pytest.mark.parametrize(("state", "name"), [("5", "ERROR"), ("3", "DISABLED"), ("77", "STATE_77")])
async def test_image_of_which_no_vm_is_made_is_said(state: str, name: str) -> None:
    error = await refusal(with_image("<STATE>2</STATE>", f"<STATE>{state}</STATE>"))
    assert (error.reason, str(error)) == (RunReason.IMAGE, f"image 'alpine' is not READY: {name}")


async def test_persistent_image_is_refused_since_the_vm_would_change_it() -> None:
    error = await refusal(with_image("<PERSISTENT>0</PERSISTENT>", "<PERSISTENT>1</PERSISTENT>"))
    assert error.reason is RunReason.PROBE_MISCONFIGURED
    assert "persistent: the VM would change it" in str(error)


async def test_template_that_holds_its_vms_is_refused_unless_a_host_is_named() -> None:
    text = recorded("templatepool.info").replace(DISK, "<SUBMIT_ON_HOLD>YES</SUBMIT_ON_HOLD>")
    assert (await refusal({"templatepool.info": text})).reason is RunReason.PROBE_MISCONFIGURED
    assert (await resolved({"templatepool.info": text}, host="dummy-a2")).host_id == 1


async def test_unknown_host_has_the_nearest_names() -> None:
    error = await refusal(host="dummy-a3")
    assert error.reason is RunReason.PROBE_MISCONFIGURED
    assert "host: the user has no 'dummy-a3'" in str(error)


async def test_host_of_a_user_who_sees_none_needs_rights() -> None:
    error = await refusal(session="alice:alice-secret", host="dummy-a1")
    assert (error.reason, "needed: the group oneadmin" in str(error)) == (RunReason.POLICY, True)


async def test_hosts_that_take_vms_are_listed_and_none_to_who_may_not_see_them() -> None:
    async with fake_oned() as oned:
        async with opened(oned, SESSION) as zone:
            assert await vms(zone).hosts() == ["dummy-a1", "dummy-a2", "dummy-b1"]
        async with opened(oned) as zone:
            assert await vms(zone).hosts() == []


async def lacks(oned: FakeOned) -> str:
    """What a user with USE alone has no room for; "" for nothing."""
    async with opened(oned) as zone:
        lifecycle = vms(zone)
        try:
            await lifecycle.check_quota(await lifecycle.resolve())
        except StepError as error:
            return f"{error.reason}: {error}".removeprefix("quota: no room in a quota: ")
    return ""


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("<VMS_USED><![CDATA[0]]>", "<VMS_USED><![CDATA[4]]>", "VMS of the user: 4 of 4 used, 1 needed"),
        (
            "<RUNNING_VMS_USED><![CDATA[0]]>", "<RUNNING_VMS_USED><![CDATA[3]]>",
            "RUNNING_VMS of the user: 3 of 3 used, 1 needed",
        ),
        (
            "<CPU_USED><![CDATA[0]]>", "<CPU_USED><![CDATA[1.96]]>",
            "CPU of the user: 1.96 of 2 used, 0.05 needed",
        ),
        ("<VMS><![CDATA[4]]>", "<VMS><![CDATA[0]]>", "VMS of the user: 0 of 0 used, 1 needed"),
        ("<CPU_USED><![CDATA[0]]>", "<CPU_USED><![CDATA[1.95]]>", ""),
        ("<VMS><![CDATA[4]]>", "<VMS><![CDATA[-2]]>", ""),
        (
            "<VMS_USED><![CDATA[0]]>", "<CLUSTER_IDS><![CDATA[100]]></CLUSTER_IDS><VMS_USED><![CDATA[4]]>",
            "",
        ),
    ],
)  # fmt: skip
async def test_quota_of_the_user_has_to_have_room(old: str, new: str, what: str) -> None:
    async with fake_oned() as oned:
        assert old in ALICE
        oned.answers["user.info"] = ALICE.replace(old, new).replace(
            "<RUNNING_CPU_USED><![CDATA[1.96]]>", "<RUNNING_CPU_USED><![CDATA[0]]>"
        )
        assert await lacks(oned) == what


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("<VMS><![CDATA[150]]>", "<VMS><![CDATA[20]]>", "VMS of the group: 20 of 20 used, 1 needed"),
        (
            "<LEASES><![CDATA[120]]>", "<LEASES><![CDATA[20]]>",
            "LEASES of network 0 of the group: 20 of 20 used, 1 needed",
        ),
        (
            "<RVMS><![CDATA[130]]>", "<RVMS><![CDATA[20]]>",
            "RVMS of image 0 of the group: 20 of 20 used, 1 needed",
        ),
    ],
)  # fmt: skip
async def test_quota_of_the_group_has_to_have_room(old: str, new: str, what: str) -> None:
    async with fake_oned() as oned:
        assert old in GROUP
        oned.answers["group.info"] = GROUP.replace(old, new)
        assert await lacks(oned) == what


async def test_default_quota_holds_for_who_has_none_of_his_own() -> None:
    default = "<DEFAULT_USER_QUOTAS><VM_QUOTA><VM><VMS>3</VMS><VMS_USED>0</VMS_USED></VM></VM_QUOTA>"
    async with fake_oned() as oned:
        oned.answers["user.info"] = (
            ALICE.replace("<VMS><![CDATA[4]]>", "<VMS><![CDATA[-1]]>")
            .replace("<VMS_USED><![CDATA[0]]>", "<VMS_USED><![CDATA[3]]>")
            .replace("<DEFAULT_USER_QUOTAS>", default)
        )
        assert await lacks(oned) == "VMS of the user: 3 of 3 used, 1 needed"


async def test_group_that_is_not_shown_and_oneadmin_have_room() -> None:
    async with fake_oned() as oned:
        oned.fail("group.info", refused("user_vm_of_other"))
        assert await lacks(oned) == ""
        async with opened(oned, SESSION) as zone:
            lifecycle = vms(zone)
            await lifecycle.check_quota(await lifecycle.resolve())
        assert oned.calls["group.info"] == 1


async def test_quota_that_makes_no_sense_is_malformed_and_no_room() -> None:
    async with fake_oned() as oned, opened(oned) as zone:
        oned.answers["user.info"] = ALICE.replace("<VMS><![CDATA[4]]>", "<VMS><![CDATA[few]]>")
        lifecycle = vms(zone)
        resolved = await lifecycle.resolve()
        with pytest.raises(StepError) as caught:
            await lifecycle.check_quota(resolved)
        assert caught.value.reason is RunReason.API_ERROR
