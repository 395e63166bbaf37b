"""Core's own pages of an exporter whose routes need roles: who may ask for them."""

from pathlib import Path
from typing import Any

import pytest

from stratoscope.core.web.asking.settings import Guard
from stratoscope.core.web.routes import Role, Route
from support.asking import (
    OTHER_ADDRESS,
    WHOAMI,
    access_settings,
    ask,
    basic,
    bearer,
    sha256,
    web_config,
    whoami,
)
from support.services import FakeService, served

TOKENS = [
    {"name": "ci", "sha256": sha256("of-ci"), "roles": ["editor"]},
    {"name": "reader", "sha256": sha256("of-reader"), "roles": ["viewer"]},
    {"name": "nobody", "sha256": sha256("of-nobody")},
]
PROXY = {"addresses": [OTHER_ADDRESS], "user_header": "X-User"}
ROLED = tuple(route for route in WHOAMI if isinstance(route.who, Role))
PAGES = ("/", "/config")


def guarded(**access: Any) -> FakeService:
    return FakeService(routes=ROLED, guard=Guard(access_settings(**access), managers=("editor",)))


async def test_pages_need_a_role_and_a_reload_the_one_that_manages() -> None:
    async with served(guarded(tokens=TOKENS)) as url:
        for path in PAGES:
            assert (await ask(url + path)).status == 401
            assert (await ask(url + path, headers=bearer("of-nobody"))).status == 403
            assert (await ask(url + path, headers=bearer("of-reader"))).status == 200
        reload = f"{url}/-/reload"
        assert (await ask(reload, "POST")).status == 401
        refused = await ask(reload, "POST", headers=bearer("of-reader"))
        assert (refused.status, refused.text) == (403, "token:reader may not: it needs the role editor\n")
        assert (await ask(reload, "POST", headers=bearer("of-ci"))).text == "reloaded\n"
        for path in ("/metrics", "/-/healthy", "/-/ready"):
            assert (await ask(url + path)).status == 200, "Prometheus has no role"


async def test_users_have_the_roles_of_the_configuration(tmp_path: Path) -> None:
    access = {"roles": {"viewer": ["bob"], "editor": ["alice"]}}
    async with served(guarded(**access), web_config(tmp_path)) as url:
        assert (await ask(f"{url}/config", headers=basic("bob"))).status == 200
        assert (await ask(f"{url}/-/reload", "POST", headers=basic("bob"))).status == 403
        assert (await ask(f"{url}/-/reload", "POST", headers=basic("alice"))).status == 200
        assert (await ask(f"{url}/-/reload", "POST", headers=basic("alice", "guess"))).status == 401


async def test_where_nobody_has_a_role_all_users_may(tmp_path: Path) -> None:
    async with served(guarded(), web_config(tmp_path)) as url:
        assert (await ask(f"{url}/-/reload", "POST", headers=basic("bob"))).status == 200
        assert (await ask(f"{url}/config", headers=basic("bob"))).status == 200
        assert (await ask(f"{url}/config")).status == 401


async def test_users_of_a_proxy_reach_the_pages() -> None:
    async with served(guarded(trusted_proxy=PROXY, roles={"viewer": ["carol"]})) as url:
        assert (await ask(f"{url}/config", headers={"X-User": "carol"}, source=OTHER_ADDRESS)).status == 200
        assert (await ask(f"{url}/config", headers={"X-User": "dave"}, source=OTHER_ADDRESS)).status == 403
        assert (await ask(f"{url}/config", headers={"X-User": "carol"})).status == 403


async def test_exporter_with_pages_for_all_who_log_in_shows_them_its_own_too(tmp_path: Path) -> None:
    shown = FakeService(routes=WHOAMI, guard=Guard(access_settings(roles={"editor": ["alice"]})))
    async with served(shown, web_config(tmp_path)) as url:
        assert (await ask(f"{url}/config", headers=basic("bob"))).status == 200
        assert (await ask(f"{url}/-/reload", "POST", headers=basic("bob"))).status == 403


@pytest.mark.parametrize("headers", [{"Host": "rebound.example"}, {"X-Forwarded-For": "192.0.2.1"}])
async def test_where_nobody_can_log_in_clients_of_this_machine_alone_may(headers: dict[str, str]) -> None:
    async with served(guarded()) as url:
        for path in PAGES:
            assert (await ask(url + path)).status == 200
            assert (await ask(url + path, headers=headers)).status == 403
        assert (await ask(f"{url}/-/reload", "POST")).status == 200
        assert (await ask(f"{url}/-/reload", "POST", headers=headers)).status == 403
        assert (await ask(f"{url}/metrics", headers=headers)).status == 200, "by whatever name"


async def test_page_of_another_site_reloads_nothing() -> None:
    async with served(guarded()) as url:
        answer = await ask(f"{url}/-/reload", "POST", headers={"Sec-Fetch-Site": "cross-site"})
        assert (answer.status, answer.text) == (403, "a page of another site may not request this\n")


async def test_exporter_without_roles_keeps_its_pages_open() -> None:
    only_open = FakeService(routes=[Route("GET", "/a", whoami, WHOAMI[0].who)])
    for shown in (FakeService(), only_open):
        async with served(shown) as url:
            for path in PAGES:
                assert (await ask(url + path, headers={"Host": "exporter.example"})).status == 200
            assert (await ask(f"{url}/-/reload", "POST", headers={"Host": "exporter.example"})).status == 200
