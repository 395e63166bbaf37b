"""Users of all domains, and lists that Keystone cuts."""

import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.errors import ForbiddenError
from stratoscope.clouds.openstack.client.session import Session
from stratoscope.clouds.openstack.identity.by_domain import MOST
from stratoscope.clouds.openstack.identity.names import Names
from stratoscope.clouds.owners import Projects
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason
from support.fake_api import Answer, FakeApi
from support.fake_openstack import config, opened, running

DOWN = CollectError(Reason.UNAVAILABLE, "identity: 503")
REFUSED = CollectError(Reason.UNAUTHORIZED, "identity: users answered 401")
LEFT_ALONE = LeftOutError(LeftOut.UNAUTHORIZED, "identity: users: refuses (401) a new token")


@pytest.fixture(autouse=True)
def _patience() -> Iterator[None]:
    token = DEADLINE.set(time.monotonic() + 60)
    yield
    DEADLINE.reset(token)


def users(*names: str, domain: str = "default", **more: Any) -> Answer:
    """A list of users, all in one domain."""
    return {"users": [{"id": f"id-{name}", "name": name, "domain_id": domain} for name in names], **more}


class Keystone:
    """Attributes: now: On the monotonic clock; names: Its readers."""

    def __init__(self, listed: Answer, **by_domain: Answer) -> None:
        """Args: listed: Without a domain. by_domain: With one."""
        domains = [{"id": one, "name": one.title()} for one in ("default", *by_domain)]
        self.api = FakeApi(
            {
                ("identity", "/v3/projects"): {"projects": []},
                ("identity", "/v3/domains"): {"domains": domains},
                ("identity", "/v3/users"): listed,
            }
        )
        for domain, body in by_domain.items():
            self.api.answers["identity", f"/v3/users?domain_id={domain}"] = body
        self.now = 1000.0
        self.names = Names(self.api, Clock(monotonic=lambda: self.now))

    async def read(self) -> Projects:
        self.now += 600
        self.api.calls.clear()
        return await self.names.read()

    def asked(self) -> list[str]:
        """The domains whose users were asked for, "" for none."""
        return [dict(call.params).get("domain_id", "") for call in self.api.calls if call.path == "/v3/users"]


def names_of(read: Projects) -> list[str]:
    return [user.name for user in read.users or ()]


async def test_keystone_with_a_driver_for_each_domain_is_asked_for_the_users_of_the_others() -> None:
    cloud = Keystone(users("ada"), uni=users("bob", domain="uni"), lab=users("cy", "dan", domain="lab"))
    read = await cloud.read()
    assert names_of(read) == ["ada", "bob", "cy", "dan"]
    assert [user.keystone_domain for user in read.users or ()] == ["Default", "Uni", "Lab", "Lab"]
    assert cloud.asked() == ["", "uni", "lab"]
    assert read.truncated == {"projects": False, "users": False}
    assert (await cloud.names.users(()))["id-dan"] == "dan"


async def test_keystone_that_lists_users_of_several_domains_is_asked_once() -> None:
    listed = {"users": [{"id": "a", "domain_id": "default"}, {"id": "b", "domain_id": "uni"}]}
    cloud = Keystone(listed, uni=DOWN)
    assert len((await cloud.read()).users or ()) == 2
    assert cloud.asked() == [""]


@pytest.mark.parametrize("error", [DOWN, ForbiddenError("403")], ids=["503", "403"])
async def test_domain_that_cannot_be_read_costs_itself_and_the_total(error: Exception) -> None:
    cloud = Keystone(users("ada"), uni=users("bob", domain="uni"), lab=error)
    read = await cloud.read()
    assert (names_of(read), read.truncated["users"]) == (["ada", "bob"], True)
    cloud.api.answers["identity", "/v3/users?domain_id=lab"] = users("cy", domain="lab")
    assert (await cloud.read()).truncated["users"] is False


async def test_users_of_a_domain_that_fails_later_stay_without_a_total(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cloud = Keystone(users("ada"), uni=users("bob", domain="uni"))
    await cloud.read()
    cloud.api.answers["identity", "/v3/users?domain_id=uni"] = DOWN
    read = await cloud.read()
    assert (names_of(read), read.truncated["users"]) == (["ada", "bob"], True)
    assert "users of some domains stay as last read" in caplog.text
    assert "cannot be read: domain uni (identity: 503)" in caplog.text


async def test_the_first_domains_that_cannot_be_read_are_named(caplog: pytest.LogCaptureFixture) -> None:
    odd = CollectError(Reason.MALFORMED, "identity: odd")
    cloud = Keystone(users("ada"), uni=users("bob", domain="uni"), **dict.fromkeys("edcba", odd))
    await cloud.read()
    first = ", ".join(
        f"domain {one} (identity: odd)".removeprefix("" if one == "a" else "domain ") for one in "abc"
    )
    assert f"cannot be read: {first} and 2 more" in caplog.text


async def test_users_of_a_domain_that_is_deleted_are_gone() -> None:
    cloud = Keystone(users("ada"), uni=users("bob", domain="uni"))
    await cloud.read()
    cloud.api.answers["identity", "/v3/domains"] = {"domains": [{"id": "default", "name": "Default"}]}
    assert names_of(await cloud.read()) == ["ada"]


async def test_of_very_many_domains_so_many_are_read_in_turn() -> None:
    many = {f"d{number}": users(f"u{number}", domain=f"d{number}") for number in range(MOST + 5)}
    cloud = Keystone(users("ada"), **many)
    first = await cloud.read()
    assert (len(cloud.asked()), len(names_of(first)), first.truncated["users"]) == (1 + MOST, 1 + MOST, True)
    second = await cloud.read()
    assert (len(names_of(second)), second.truncated["users"]) == (1 + MOST + 5, False)


async def test_domains_that_may_not_be_read_leave_the_users_that_are_listed() -> None:
    cloud = Keystone(users("ada"), uni=users("bob", domain="uni"))
    cloud.api.answers["identity", "/v3/domains"] = ForbiddenError("403")
    read = await cloud.read()
    assert (names_of(read), read.truncated["users"]) == (["ada"], True)


@pytest.mark.parametrize(
    "domains",
    [
        {"domains": [{"id": "default", "name": "Default"}], "truncated": True},
        {"domains": [{"id": "default", "name": "Default"}, {"id": 7}]},
        CollectError(Reason.TIMEOUT, "slow"),
    ],
)
async def test_domains_that_are_not_all_told_leave_no_total_of_users(domains: Answer) -> None:
    cloud = Keystone(users("ada"), uni=users("bob", domain="uni"))
    cloud.api.answers["identity", "/v3/domains"] = domains
    read = await cloud.read()
    assert (names_of(read), read.truncated["users"]) == (["ada"], True)


async def test_where_all_users_are_listed_at_once_domains_do_not_matter() -> None:
    listed = {"users": [*users("ada")["users"], *users("bob", domain="uni")["users"]]}
    cloud = Keystone(listed)
    cloud.api.answers["identity", "/v3/domains"] = ForbiddenError("403")
    assert (await cloud.read()).truncated["users"] is False


async def test_list_that_is_cut_says_so_once_and_has_no_total(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    cut = users("ada", truncated=True)
    cloud = Keystone(cut)
    cloud.api.answers["identity", "/v3/users?domain_id=default"] = cut
    cloud.api.answers["identity", "/v3/projects"] = {"projects": [{"id": "p"}], "truncated": True}
    for _ in range(2):
        read = await cloud.read()
        assert read.truncated == {"projects": True, "users": True}
    assert caplog.text.count("list incomplete cloud=uni sort=projects") == 1
    assert caplog.text.count("list incomplete cloud=uni sort=users") == 1
    cloud.api.answers["identity", "/v3/projects"] = {"projects": [{"id": "p"}]}
    assert (await cloud.read()).truncated == {"projects": False, "users": True}
    assert caplog.text.count("list complete again cloud=uni sort=projects") == 1


async def test_list_of_users_that_is_cut_is_made_whole_domain_by_domain() -> None:
    cloud = Keystone(users("ada", truncated=True), uni=users("bob", domain="uni"))
    cloud.api.answers["identity", "/v3/users?domain_id=default"] = users("ada", "eve")
    read = await cloud.read()
    assert (names_of(read), read.truncated["users"]) == (["ada", "eve", "bob"], False)


@pytest.mark.parametrize("listed", [users("ada"), users("ada", truncated=True)])
async def test_token_for_a_domain_is_told_that_domain_alone_so_there_is_no_total(
    listed: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    cloud = Keystone(listed, uni=users("bob", domain="uni"))
    cloud.api.answers["identity", "/v3/projects"] = {"projects": [{"id": "p", "domain_id": "default"}]}
    cloud.api.be(project_id="", project_name="", domain_id="default")
    for _ in range(2):
        read = await cloud.read()
        assert (names_of(read), len(read.projects), cloud.asked()) == (["ada"], 1, [""])
        assert read.truncated == {"projects": True, "users": True}
    assert caplog.text.count("the token is for the domain default, and Keystone lists only that") == 2
    cloud.api.be(project_id="p", domain_id="")
    assert (await cloud.read()).truncated["projects"] is False


@pytest.mark.parametrize(
    ("access", "domain", "is_cut"),
    [
        ({"roles": frozenset({"manager"})}, "default", True),
        ({"roles": frozenset({"reader"})}, "uni", False),
        ({"roles": frozenset({"reader"}), "project_id": "", "is_system": True}, "default", False),
    ],
    ids=["manager of one domain", "reader of several", "reader of the system"],
)
async def test_list_of_one_domain_is_all_for_an_admin_or_the_system_alone(
    access: Mapping[str, Any], domain: str, is_cut: bool
) -> None:
    listed = {"users": [*users("ada")["users"], *users("bob", domain=domain)["users"]]}
    cloud = Keystone(listed)
    cloud.api.answers["identity", "/v3/users?domain_id=default"] = listed
    cloud.api.answers["identity", "/v3/projects"] = {
        "projects": [{"id": "p", "domain_id": "default"}, {"id": "q", "domain_id": domain}]
    }
    cloud.api.be(**access)
    assert (await cloud.read()).truncated == {"projects": is_cut, "users": is_cut}


@pytest.mark.parametrize("seen", [0, 3])
async def test_token_for_the_system_asks_each_domain_also_those_that_are_told_in_part(seen: int) -> None:
    people = [f"person{number}" for number in range(50)]
    listed = [users("svc"), users("stackuser", domain="heat"), users(*people[:seen], domain="ldap")]
    cloud = Keystone(
        {"users": [user for part in listed for user in part["users"]]},
        heat=users("stackuser", domain="heat"),
        ldap=users(*people, domain="ldap"),
    )
    cloud.api.answers["identity", "/v3/users?domain_id=default"] = users("svc")
    cloud.api.be(project_id="", project_name="", is_system=True)
    read = await cloud.read()
    assert sorted(names_of(read)) == sorted(["svc", "stackuser", *people])
    assert (cloud.asked(), read.truncated["users"]) == (["", "default", "heat", "ldap"], False)


@pytest.mark.parametrize("error", [REFUSED, LEFT_ALONE])
async def test_list_of_users_that_is_answered_401_is_read_domain_by_domain(error: Exception) -> None:
    cloud = Keystone(error, uni=users("bob", domain="uni"))
    cloud.api.answers["identity", "/v3/users?domain_id=default"] = users("ada")
    cloud.api.answers["identity", "/v3/projects"] = {"projects": [{"id": "p", "domain_id": "default"}]}
    read = await cloud.read()
    assert (len(read.projects), names_of(read)) == (1, ["ada", "bob"])
    assert read.truncated == {"projects": False, "users": False}


@pytest.mark.parametrize("error", [REFUSED, LEFT_ALONE])
async def test_users_of_whom_all_is_answered_401_cost_themselves_and_stay_as_last_read(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    cloud = Keystone(error, uni=error)
    assert (await cloud.read()).users is None
    cloud.api.answers["identity", "/v3/users"] = users("ada")
    cloud.api.answers["identity", "/v3/users?domain_id=uni"] = users()
    assert names_of(await cloud.read()) == ["ada"]
    cloud.api.answers["identity", "/v3/users"] = cloud.api.answers["identity", "/v3/users?domain_id=uni"] = (
        error
    )
    read = await cloud.read()
    assert (names_of(read), read.truncated["users"]) == (["ada"], True)
    assert "users stay as last read" in caplog.text


async def test_domains_that_are_answered_401_cost_themselves() -> None:
    cloud = Keystone(users("ada"), uni=users("bob", domain="uni"))
    cloud.api.answers["identity", "/v3/domains"] = LEFT_ALONE
    read = await cloud.read()
    assert (names_of(read), read.truncated["users"]) == (["ada"], True)
    cloud.api.answers["identity", "/v3/domains"] = {"domains": [{"id": "default", "name": "Default"}]}
    await cloud.read()
    cloud.api.answers["identity", "/v3/domains"] = LEFT_ALONE
    read = await cloud.read()
    assert [user.keystone_domain for user in read.users or ()] == ["Default"]


async def test_keystone_that_answers_401_without_a_domain_is_asked_by_domain_with_each_token(
    tmp_path: Path,
) -> None:
    async def by_domain(request: web.Request) -> web.StreamResponse:
        domain = request.query.get("domain_id")
        error = {"error": {"code": 401, "message": "The request you have made requires authentication."}}
        if not domain:
            return web.json_response(error, status=401)
        return web.json_response(users(f"of-{domain}", domain=domain))

    async with running() as cloud, opened(config(tmp_path, cloud.url)) as client:
        cloud.scope = {"system": {"all": True}}
        cloud.says("/identity/v3/projects", {"projects": [{"id": "p", "domain_id": "default"}]})
        cloud.says("/identity/v3/domains", {"domains": [{"id": "default"}, {"id": "uni"}]})
        cloud.says("/identity/v3/users", by_domain)
        now = [1000.0]
        names = Names(Session("uni", client), Clock(monotonic=lambda: now[0]))
        for _ in range(3):
            read = await names.read()
            assert (names_of(read), len(read.projects)) == (["of-default", "of-uni"], 1)
            assert read.truncated == {"projects": False, "users": False}
            now[0] += 600
        assert cloud.logins == 2
