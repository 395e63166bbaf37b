"""Keystone's domains, groups and regions, counted."""

import time
from typing import Any

import pytest

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.errors import ForbiddenError
from stratoscope.clouds.model import Count, OtherService
from stratoscope.clouds.openstack.identity.objects import Keystone
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason
from support.fake_api import Answer, FakeApi

DOMAINS = {
    "domains": [{"id": "a", "enabled": True}, {"id": "b", "enabled": False}, {"id": "c", "enabled": None}]
}


GROUPS = {"groups": [{"id": "g", "domain_id": "a"}, {"id": "h", "domain_id": "b"}]}


class Cloud:
    """Attributes: now: On the monotonic clock."""

    def __init__(self, domains: Answer = DOMAINS, groups: Answer = GROUPS, **by_domain: Answer) -> None:
        """Args: by_domain: The groups of a domain."""
        self.api = FakeApi(
            {
                ("identity", "/v3/domains"): domains,
                ("identity", "/v3/groups"): groups,
                ("identity", "/v3/regions"): {"regions": [{"id": "RegionOne"}]},
            }
        )
        for domain, body in by_domain.items():
            self.api.answers["identity", f"/v3/groups?domain_id={domain}"] = body
        self.now = 1000.0
        self.keystone = Keystone(self.api, Clock(monotonic=lambda: self.now))

    async def read(self) -> OtherService:
        DEADLINE.set(time.monotonic() + 60)
        self.now += 600
        self.api.calls.clear()
        return await self.keystone.read()

    async def groups(self) -> tuple[int | None, bool]:
        """How many are shown, None for no count, and whether these are said to be all."""
        groups = (await self.read()).objects[1]
        assert groups.sort == "groups"
        return groups.by_state[""].number if groups.by_state else None, groups.is_whole

    def asked(self) -> list[str]:
        """The domains whose groups were asked for, "" for none."""
        return [
            dict(call.params).get("domain_id", "") for call in self.api.calls if call.path == "/v3/groups"
        ]


def groups_of(domain: str, number: int) -> Answer:
    return {"groups": [{"id": f"{domain}{one}", "domain_id": domain} for one in range(number)]}


async def ask(domains: Answer = DOMAINS, groups: Answer = GROUPS) -> OtherService:
    cloud = Cloud(domains, groups)
    (question,) = Keystone.questions()
    assert (question.name, question.is_on) == ("identity", False)
    return await cloud.read()


async def test_domains_are_counted_by_whether_they_are_enabled_and_groups_and_regions_at_all() -> None:
    read = await ask()
    assert (read.service, read.agents, read.malformed) == ("identity", (), 0)
    assert {one.sort: one.by_state for one in read.objects} == {
        "keystone_domains": {"enabled": Count(1), "disabled": Count(1), "": Count(1)},
        "groups": {"": Count(2)},
        "regions": {"": Count(1)},
    }


async def test_regions_that_may_not_be_read_cost_themselves() -> None:
    cloud = Cloud()
    cloud.api.answers["identity", "/v3/regions"] = ForbiddenError("403")
    domains, groups, regions = (await cloud.read()).objects
    assert (domains.is_whole, groups.is_whole) == (True, True)
    assert (regions.by_state, regions.is_whole) == ({}, False)


async def test_no_groups_are_none() -> None:
    assert (await ask(groups={"groups": []})).objects[1].by_state == {}


async def test_groups_that_keystone_cuts_are_not_counted() -> None:
    cut = {"groups": [{"id": "g"}], "links": {"next": None}, "truncated": True}
    groups = (await ask(groups=cut)).objects[1]
    assert (groups.by_state, groups.is_whole) == ({}, False)


async def test_group_that_makes_no_sense_costs_itself() -> None:
    read = await ask(groups={"groups": [{"id": None}, *GROUPS["groups"]]})
    assert (read.objects[1].by_state, read.malformed) == ({"": Count(2)}, 1)


@pytest.mark.parametrize("error", [ForbiddenError("403"), CollectError(Reason.UNAVAILABLE, "503")])
async def test_source_that_refuses_or_is_down_says_so(error: Exception) -> None:
    with pytest.raises(type(error)):
        await ask(domains=error)


async def test_groups_of_domains_with_drivers_of_their_own_are_asked_for_domain_by_domain() -> None:
    cloud = Cloud(groups=groups_of("a", 3), b=groups_of("b", 7), c=groups_of("c", 0))
    assert (await cloud.groups(), cloud.asked()) == ((10, True), ["", "b", "c"])
    cloud.api.answers["identity", "/v3/groups?domain_id=b"] = CollectError(Reason.UNAVAILABLE, "503")
    assert await cloud.groups() == (None, False)


async def test_groups_that_one_answer_tells_of_several_domains_are_asked_for_once() -> None:
    cloud = Cloud()
    assert (await cloud.groups(), len(cloud.api.calls)) == ((2, True), 3)


async def test_token_for_the_system_asks_for_the_groups_of_each_domain() -> None:
    cloud = Cloud(a=groups_of("a", 4), b=groups_of("b", 5), c=groups_of("c", 6))
    cloud.api.be(project_id="", is_system=True, roles=frozenset({"reader"}))
    assert (await cloud.groups(), cloud.asked()) == ((17, True), ["", "a", "b", "c"])


@pytest.mark.parametrize(
    "access",
    [{"domain_id": "a", "project_id": ""}, {"roles": frozenset({"manager"})}],
    ids=["domain", "manager"],
)
async def test_who_is_told_one_domain_alone_sees_no_total(access: dict[str, Any]) -> None:
    cloud = Cloud({"domains": [{"id": "a", "enabled": True}]}, groups_of("a", 3))
    cloud.api.be(**access)
    read = await cloud.read()
    assert [(one.sort, one.by_state, one.is_whole) for one in read.objects[:2]] == [
        ("keystone_domains", {}, False),
        ("groups", {}, False),
    ]


@pytest.mark.parametrize(
    "error",
    [
        ForbiddenError("403"),
        CollectError(Reason.UNAVAILABLE, "503"),
        CollectError(Reason.UNAUTHORIZED, "401"),
        LeftOutError(LeftOut.UNAUTHORIZED, "401"),
    ],
)
async def test_groups_that_cannot_be_read_cost_themselves(error: Exception) -> None:
    cloud = Cloud(groups=error)
    assert await cloud.groups() == (None, False)
    assert (await cloud.read()).objects[2].by_state == {"": Count(1)}


async def test_groups_that_make_no_sense_at_all_are_counted_as_such() -> None:
    read = await Cloud(groups={"groups": [{"id": None}]}).read()
    assert (read.malformed, read.objects[1].by_state, read.objects[1].is_whole) == (1, {}, False)
