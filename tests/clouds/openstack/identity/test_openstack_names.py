"""Names of projects and users: who reads them when, and what is left without the right."""

import asyncio
import time
import traceback
from collections.abc import Mapping
from typing import Any

import pytest

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.errors import ForbiddenError
from stratoscope.clouds.openstack.client.api import Access
from stratoscope.clouds.openstack.identity.names import Names
from stratoscope.clouds.owners import Project
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason
from support.fake_api import PROJECT, USER, Answer, FakeApi
from support.openstack_answers import answer, spoilt
from support.patience import FAR_S

FORBIDDEN = ForbiddenError("identity: 403")
DOWN = CollectError(Reason.UNAVAILABLE, "identity: 503")


def keystone(**changed: Answer) -> FakeApi:
    """For an admin. Args: changed: Answers by the last part of their path."""
    answers: Mapping[str, Answer] = {
        "projects": answer("projects"),
        "users": answer("users"),
        "domains": answer("domains"),
    } | changed
    return FakeApi({("identity", f"/v3/{name}"): body for name, body in answers.items()})


def plain(**changed: Answer) -> FakeApi:
    api = keystone(projects=FORBIDDEN, users=FORBIDDEN, domains=FORBIDDEN, **changed)
    api.answers["identity", "/v3/auth/projects"] = answer("own_projects")
    api.be(roles=frozenset({"member"}), project_name="project1", user_name="user1")
    return api


class Time:
    """Attributes: now: On the monotonic clock."""

    now = 1000.0

    def clock(self) -> Clock:
        return Clock(monotonic=lambda: self.now)


async def test_projects_come_with_the_name_of_their_domain() -> None:
    read = await Names(keystone()).read()
    assert {project.name for project in read.projects} == {
        "admin", "service", "probe", *(f"project{n}" for n in range(1, 6)),
    }  # fmt: skip
    assert {project.keystone_domain for project in read.projects} == {"Default"}
    assert read.users is not None
    assert "exporter" in {user.name for user in read.users}
    assert read.malformed == 0


async def test_names_are_read_once_for_all_who_ask_at_once() -> None:
    api = keystone()
    names = Names(api)
    projects, users, again = await asyncio.gather(names.projects(), names.users(()), names.projects())
    assert len(projects) == 9  # 8 listed and the token's own
    assert users[USER] == "admin"
    assert again == projects
    assert len(api.calls) == 3


async def test_the_question_reads_anew_and_others_see_what_it_read() -> None:
    api, clock = keystone(), Time()
    names = Names(api, clock.clock())
    await names.projects()
    clock.now += 599
    api.answers["identity", "/v3/projects"] = {"projects": []}
    assert "project1" in (await names.projects()).values()
    assert (await names.read()).projects == ()
    assert await names.projects() == {PROJECT: "admin"}


async def test_project_that_is_deleted_disappears_without_the_question_too() -> None:
    api, clock = keystone(), Time()
    names = Names(api, clock.clock())
    before = await names.owners()
    api.answers["identity", "/v3/projects"] = {"projects": answer("projects")["projects"][1:]}
    clock.now += 901
    assert len(await names.owners()) == len(before) - 1


async def test_plain_credential_knows_its_own_names() -> None:
    names = Names(plain())
    read = await names.read()
    assert [project.name for project in read.projects] == ["project1"]
    assert read.users is None
    assert await names.users(()) == {USER: "user1"}
    assert (await names.projects())[PROJECT] == "project1"
    assert await names.owners() == [PROJECT]


async def test_empty_lists_without_the_role_are_no_answer() -> None:
    api = plain()
    api.answers["identity", "/v3/projects"] = {"projects": []}
    api.answers["identity", "/v3/users"] = {"users": []}
    read = await Names(api).read()
    assert [project.name for project in read.projects] == ["project1"]
    assert read.users is None


async def test_domain_that_may_not_be_read_is_shown_by_its_id() -> None:
    read = await Names(keystone(domains=FORBIDDEN)).read()
    assert {project.keystone_domain for project in read.projects} == {"default"}


async def test_credential_without_a_project_owns_no_quotas() -> None:
    api = plain()
    api.be(project_id="", project_name="")
    with pytest.raises(LeftOutError) as caught:
        await Names(api).owners()
    assert caught.value.reason is LeftOut.UNAUTHORIZED
    assert "" not in await Names(api).projects()


@pytest.mark.parametrize("value", ["x" * 1025, None])
async def test_project_that_makes_no_sense_costs_itself(value: str | None) -> None:
    read = await Names(keystone(projects=spoilt("projects", "projects", field="id", value=value))).read()
    assert len(read.projects) == 7
    assert read.malformed == 1


@pytest.mark.parametrize(("value", "malformed"), [(None, 0), ("yes", 1)])
async def test_user_of_whom_a_directory_does_not_tell_whether_he_is_enabled_keeps_the_name(
    value: object, malformed: int
) -> None:
    read = await Names(keystone(users=spoilt("users", "users", field="enabled", value=value))).read()
    known = answer("users")["users"]
    assert read.users is not None
    assert [user.name for user in read.users] == [user["name"] for user in known]
    assert [user.is_enabled for user in read.users].count(None) == 1
    assert read.malformed == malformed


@pytest.mark.parametrize(("value", "malformed"), [(None, 0), (7, 1)])
async def test_project_without_a_name_is_shown_without_one(value: object, malformed: int) -> None:
    read = await Names(keystone(projects=spoilt("projects", "projects", field="name", value=value))).read()
    assert (len(read.projects), read.projects[0].name, read.malformed) == (8, "", malformed)


async def test_names_are_empty_while_keystone_is_down_and_the_question_says_why() -> None:
    api = keystone(projects=DOWN)
    names = Names(api)
    assert await names.projects() == {}
    assert await names.users(()) == {}
    with pytest.raises(CollectError) as caught:
        await names.read()
    assert caught.value.reason is Reason.UNAVAILABLE
    assert len(api.calls) == 2  # asked once a minute by those who only want names, and by the question


async def test_names_last_read_stay_while_keystone_is_down() -> None:
    api, clock = keystone(), Time()
    names = Names(api, clock.clock())
    before = await names.projects()
    api.answers["identity", "/v3/projects"] = DOWN
    clock.now += 901
    assert await names.projects() == before
    assert len(await names.owners()) == 8


async def test_quotas_have_no_owners_before_keystone_was_ever_read() -> None:
    with pytest.raises(CollectError):
        await Names(keystone(projects=DOWN)).owners()


async def test_question_reads_anew_however_short_ago_others_have_read() -> None:
    api, clock = keystone(), Time()
    names = Names(api, clock.clock())
    await names.projects()
    api.answers["identity", "/v3/projects"] = {"projects": []}
    clock.now += 1
    assert (await names.read()).projects == ()
    api.answers["identity", "/v3/projects"] = DOWN
    clock.now += 1
    with pytest.raises(CollectError, match="503"):
        await names.read()


async def test_question_shares_a_reading_that_is_under_way_when_it_is_asked() -> None:
    api, clock = keystone(), Time()
    names, keystones = Names(api, clock.clock()), Hanging(api)
    others = asyncio.ensure_future(names.projects())
    asked = asyncio.ensure_future(names.read())
    await asyncio.sleep(0)
    clock.now += 1
    keystones.end()
    assert len((await asked).projects) == 8
    assert len(await others) == 9
    assert keystones.logins == 1


async def test_question_shares_the_failure_of_a_reading_that_is_under_way() -> None:
    api, clock = keystone(projects=DOWN), Time()
    names, keystones = Names(api, clock.clock()), Hanging(api)
    others = asyncio.ensure_future(names.projects())
    asked = asyncio.ensure_future(names.read())
    await asyncio.sleep(0)
    clock.now += 1
    keystones.end()
    with pytest.raises(CollectError, match="503"):
        await asked
    assert (await others, keystones.logins) == ({}, 1)


async def test_users_that_own_vms_come_first() -> None:
    names = Names(keystone())
    before = (await names.read()).users or ()
    last, first = before[-1], before[0]
    await names.users({last.user_id})
    users = (await names.read()).users or ()
    assert users[:2] == (last, first)
    assert set(users) == set(before)


async def test_users_that_cannot_be_understood_at_all_are_counted_as_one() -> None:
    read = await Names(keystone(users=CollectError(Reason.MALFORMED, "more than 16 MiB"))).read()
    assert (read.users, read.malformed) == (None, 1)


async def test_users_and_domains_that_fail_cost_themselves_alone() -> None:
    api, clock = keystone(), Time()
    names = Names(api, clock.clock())
    before = await names.read()
    api.answers["identity", "/v3/users"] = api.answers["identity", "/v3/domains"] = DOWN
    clock.now += 901
    read = await names.read()
    assert (read.projects, read.users) == (before.projects, before.users)
    assert read.truncated == {"projects": False, "users": True}  # no longer all of them
    without = await Names(keystone(users=DOWN, domains=DOWN)).read()
    assert without.users is None
    assert len(without.projects) == 8


async def test_users_and_domains_that_fail_for_an_hour_are_shown_no_longer() -> None:
    api, clock = keystone(), Time()
    names = Names(api, clock.clock())
    await names.read()
    api.answers["identity", "/v3/users"] = api.answers["identity", "/v3/domains"] = DOWN
    for minutes in range(0, 70, 10):
        read = await names.read()
        assert (read.users is None) is (minutes > 45)
        assert (read.projects[0].keystone_domain == "default") is (minutes > 45)
        clock.now += 600
    assert await names.users(()) == {USER: "admin"}


async def test_names_come_back_a_minute_after_keystone_does() -> None:
    api, clock = keystone(projects=DOWN), Time()
    names = Names(api, clock.clock())
    assert await names.projects() == {}
    api.answers["identity", "/v3/projects"] = answer("projects")
    assert await names.projects() == {}
    clock.now += 61
    assert len(await names.projects()) == 9


async def test_who_asks_while_names_are_read_anew_gets_those_at_hand() -> None:
    api, clock = keystone(), Time()
    names = Names(api, clock.clock())
    before = await names.projects()
    clock.now += 901
    hang, asked = asyncio.Event(), asyncio.Event()

    async def access() -> Any:
        asked.set()
        await hang.wait()

    api.access = access  # type: ignore[method-assign]  # Keystone hangs
    reading = asyncio.ensure_future(names.read())
    await asked.wait()
    assert await names.projects() is before
    reading.cancel()


async def test_disabled_project_is_listed_as_such() -> None:
    projects = spoilt("projects", "projects", field="enabled", value=False)
    read = await Names(keystone(projects=projects)).read()
    assert [project.is_enabled for project in read.projects].count(False) == 1
    assert isinstance(read.projects[0], Project)


class Hanging:
    """Attributes: logins: How often it was waited for."""

    def __init__(self, api: FakeApi) -> None:
        self.logins, self._is_over = 0, asyncio.Event()
        self._access, api.access = api.access, self.access  # type: ignore[method-assign]  # to count

    async def access(self) -> Access:
        self.logins += 1
        await self._is_over.wait()
        return await self._access()

    def end(self) -> None:
        self._is_over.set()


@pytest.fixture
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stratoscope.clouds.openstack.identity.names._PATIENCE_S", 0.01)  # seconds are long


@pytest.mark.usefixtures("_hasty")
async def test_slow_keystone_holds_up_who_only_wants_names_once_a_minute() -> None:
    api, clock = keystone(), Time()
    names, keystones = Names(api, clock.clock()), Hanging(api)
    assert await names.projects() == await names.users(()) == {}
    assert keystones.logins == 1
    clock.now += 59
    assert await names.projects() == {}
    assert keystones.logins == 1
    clock.now += 2
    assert await names.projects() == {}
    assert keystones.logins == 2


async def test_slow_keystone_costs_others_at_most_half_of_the_time_that_they_have() -> None:
    api = keystone()
    keystones = Hanging(api)
    token = DEADLINE.set(time.monotonic() + 0.05)
    async with asyncio.timeout(5):
        assert await Names(api).projects() == {}
    DEADLINE.reset(token)
    assert keystones.logins == 1


@pytest.mark.usefixtures("_hasty")
async def test_impatience_of_others_costs_the_question_nothing() -> None:
    api = keystone()
    names, keystones = Names(api), Hanging(api)
    reading = asyncio.ensure_future(names.read())
    assert await names.projects() == {}
    keystones.end()
    assert len((await reading).projects) == 8
    assert len(await names.projects()) == 9


@pytest.mark.usefixtures("_hasty")
async def test_slow_keystone_does_not_hold_up_quotas_of_owners_that_are_known() -> None:
    api, clock = keystone(), Time()
    names = Names(api, clock.clock())
    before = await names.owners()
    Hanging(api)
    clock.now += 901
    async with asyncio.timeout(FAR_S):
        assert await names.owners() == before


async def test_a_failure_that_serves_many_is_each_time_another() -> None:
    """Raised again and again the kept one would take its traceback along, longer each time."""
    api = keystone(projects=DOWN)
    names = Names(api)
    failures = []
    for _ in range(300):
        with pytest.raises(CollectError, match="identity: 503") as caught:
            await names.owners()
        failures.append(caught.value)
    assert len({id(one) for one in failures}) == 300
    assert len(traceback.extract_tb(failures[-1].__traceback__)) == len(
        traceback.extract_tb(failures[1].__traceback__)
    )
    assert len(api.calls) == 1
