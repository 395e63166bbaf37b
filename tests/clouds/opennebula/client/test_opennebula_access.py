"""Who sees all of a pool: oneadmin's group, or a rule of the access control list."""

import pytest

from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.opennebula.client import access as module
from stratoscope.clouds.opennebula.client.access import Access, kept, own
from stratoscope.clouds.opennebula.client.pools import Pools
from stratoscope.core.errors import LeftOut, LeftOutError
from support.replayed_oned import client_of, recorded, replayed

OF_ALICE = recorded("of-a-user/user.info")


async def access(user: str, rules: str = "", zones: str = "") -> Access:
    answers = {"user.info": user}
    answers |= {"acl.info": f"<ACL_POOL>{rules}</ACL_POOL>"} if rules else {}
    answers |= {"zonepool.info": zones} if zones else {}
    async with replayed(answers) as oned, client_of(oned, clock=CLOCK) as client:
        return await kept(own(client, Pools(client)))


def rule(user: str, resource: str, rights: str, zone: str = "100000000") -> str:
    fields = {"ID": "9", "USER": user, "RESOURCE": resource, "RIGHTS": rights, "ZONE": zone}
    return "<ACL>" + "".join(f"<{tag}>{text}</{tag}>" for tag, text in fields.items()) + "</ACL>"


async def test_the_group_oneadmin_sees_everything() -> None:
    found = await access(recorded("user.info"))
    assert all(found.sees_all(pool) for pool in module.RESOURCES)


async def test_the_recorded_rules_let_a_plain_group_use_networks_and_datastores() -> None:
    found = await access(OF_ALICE)
    assert {pool for pool in module.RESOURCES if found.sees_all(pool)} == {"NET", "DATASTORE"}


@pytest.mark.parametrize(
    ("rules", "granted"),
    [
        (rule("100000002", "3000000000", "1"), False),
        (rule("100000002", "1400000000", "1"), True),
        (rule("200000064", "1400000000", "1"), True),
        (rule("400000000", "1400000000", "3", "400000000"), True),
        (rule("100000003", "1400000000", "1"), False),
        (rule("100000002", "1400000000", "2"), False),
        (rule("100000002", "1100000007", "1"), False),
        (rule("100000002", "2400000000", "1"), False),
    ],
    ids=["no_all", "own", "group", "everybody", "other_user", "manage", "one_vm", "other_pool"],
)
async def test_a_rule_counts_if_it_lets_the_user_use_all_vms(rules: str, *, granted: bool) -> None:
    assert (await access(OF_ALICE, rules)).sees_all("VM") is granted


async def test_a_rule_for_one_of_several_zones_does_not_count() -> None:
    zones = "<ZONE_POOL><ZONE><ID>0</ID></ZONE><ZONE><ID>100</ID></ZONE></ZONE_POOL>"
    assert not (await access(OF_ALICE, rule("100000002", "1400000000", "1"), zones)).sees_all("VM")
    everywhere = rule("100000002", "1400000000", "1", "400000000")
    assert (await access(OF_ALICE, everywhere, zones)).sees_all("VM")


def test_an_empty_pool_is_believed_from_who_sees_all_of_it_alone() -> None:
    plain = Access("2", is_admin=False, granted=frozenset({"NET"}))
    plain.check("NET", [], "oned: vnpool.info")
    plain.check("HOST", ["one"], "oned: hostpool.info")
    with pytest.raises(LeftOutError, match=r"needed: the group oneadmin, or a rule `HOST/\* USE`") as caught:
        plain.check("HOST", [], "oned: hostpool.info")
    assert caught.value.reason is LeftOut.UNAUTHORIZED


async def test_a_right_that_is_granted_later_is_seen_after_ten_minutes() -> None:
    now = 0.0
    rules = rule("100000002", "1400000000", "1")
    clock = Clock(monotonic=lambda: now)
    async with replayed({"user.info": OF_ALICE}) as oned, client_of(oned, clock=clock) as client:
        cache = own(client, Pools(client))
        assert not (await kept(cache)).sees_all("VM")
        oned.answers["acl.info"] = f"<ACL_POOL>{rules}</ACL_POOL>"
        now = 600.0
        assert not (await kept(cache)).sees_all("VM")
        now = 600.1
        assert (await kept(cache)).sees_all("VM")
