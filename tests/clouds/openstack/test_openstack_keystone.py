"""Keystone's domains, groups and regions, counted."""

import pytest

from stratoscope.clouds.model import Count, Extra
from stratoscope.clouds.openstack.api import ForbiddenError
from stratoscope.clouds.openstack.extras.keystone import Keystone
from stratoscope.core.errors import CollectError, Reason
from support.fake_api import Answer, FakeApi

DOMAINS = {
    "domains": [{"id": "a", "enabled": True}, {"id": "b", "enabled": False}, {"id": "c", "enabled": None}]
}


async def ask(domains: Answer = DOMAINS, groups: Answer | None = None) -> Extra:
    api = FakeApi(
        {
            ("identity", "/v3/domains"): domains,
            ("identity", "/v3/groups"): groups or {"groups": [{"id": "g"}, {"id": "h"}]},
            ("identity", "/v3/regions"): {"regions": [{"id": "RegionOne"}]},
        }
    )
    (question,) = Keystone(api).questions()
    assert (question.name, question.cost, question.is_on) == ("identity", "3", False)
    read = await question.ask()
    assert len(api.calls) == 3
    return read


async def test_domains_are_counted_by_whether_they_are_enabled_and_groups_and_regions_at_all() -> None:
    read = await ask()
    assert (read.service, read.agents, read.malformed) == ("identity", (), 0)
    assert {one.sort: one.by_state for one in read.objects} == {
        "keystone_domains": {"enabled": Count(1), "disabled": Count(1), "": Count(1)},
        "groups": {"": Count(2)},
        "regions": {"": Count(1)},
    }


async def test_no_groups_are_none() -> None:
    assert (await ask(groups={"groups": []})).objects[1].by_state == {}


async def test_groups_that_keystone_cuts_are_not_counted() -> None:
    cut = {"groups": [{"id": "g"}], "links": {"next": None}, "truncated": True}
    groups = (await ask(groups=cut)).objects[1]
    assert (groups.by_state, groups.is_whole) == ({}, False)


async def test_group_that_makes_no_sense_costs_itself() -> None:
    read = await ask(groups={"groups": [{"id": None}, {"id": "g"}]})
    assert (read.objects[1].by_state, read.malformed) == ({"": Count(1)}, 1)


@pytest.mark.parametrize("error", [ForbiddenError("403"), CollectError(Reason.UNAVAILABLE, "503")])
async def test_source_that_refuses_or_is_down_says_so(error: Exception) -> None:
    with pytest.raises(type(error)):
        await ask(domains=error)
