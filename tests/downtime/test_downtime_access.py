"""Every way to log in, on the running exporter."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from support.asking import OTHER_ADDRESS, ask, basic, bearer, sha256, web_config
from support.downtime_app import DowntimeApp, downtime_app

READ, WRITE, COUNTS, FEED = "downtimes", "downtimes/x/cancel", "counts", "/feeds/t0ken/downtimes.ics"
ROLES = {"viewer": ["bob"], "editor": ["alice"]}
PROXY = {"addresses": ["127.0.0.1"], "user_header": "X-Remote-User", "groups_header": "X-Remote-Groups"}
MAY_WRITE, MAY_READ, MAY_NOTHING = (200, 404), (200, 403), (401, 401)
"""Statuses of READ and WRITE; what is written to does not exist."""


async def may(
    app: DowntimeApp, headers: Mapping[str, str] | None = None, source: str = "127.0.0.1"
) -> tuple[int, int]:
    read = await ask(f"{app.url}/api/v1/{READ}", headers=headers, source=source)
    written = await ask(f"{app.url}/api/v1/{WRITE}", "POST", headers=headers, source=source)
    counts = await ask(f"{app.url}/api/v1/{COUNTS}", headers=headers, source=source)
    assert counts.status == 200  # whoever asks
    return read.status, written.status


async def test_users_of_the_web_configuration_have_the_roles_of_their_names(tmp_path: Path) -> None:
    async with downtime_app(tmp_path, web_config(tmp_path), downtime={"access": {"roles": ROLES}}) as app:
        assert await may(app, basic("alice")) == MAY_WRITE
        assert await may(app, basic("bob")) == MAY_READ
        assert await may(app, basic("bob", "guess")) == MAY_NOTHING
        assert await may(app) == MAY_NOTHING


async def test_a_token_has_its_roles_until_its_line_is_removed(tmp_path: Path) -> None:
    ci = {"name": "ci", "sha256": sha256("of-ci"), "roles": ["editor"]}
    reader = {"name": "reader", "sha256": sha256("of-reader"), "roles": ["viewer"]}
    old = {"name": "old", "sha256": sha256("of-old"), "roles": ["admin"], "expires": "2026-01-01T00:00:00Z"}
    async with downtime_app(tmp_path, downtime={"access": {"tokens": [ci, reader, old]}}) as app:
        assert await may(app, bearer("of-ci")) == MAY_WRITE
        assert await may(app, bearer("of-reader")) == MAY_READ
        assert await may(app, bearer("of-old")) == MAY_NOTHING
        assert await may(app) == MAY_NOTHING
        one = await ask(
            f"{app.url}/api/v1/{READ}", "POST", headers=bearer("of-ci"),
            json={"title": "a", "start": 0, "end": 60, "matcher_sets": [["host=n1"]]},
        )  # fmt: skip
        assert '"author":"token:ci"' in one.text
        (tmp_path / "downtime.yml").write_text(json.dumps({"downtime": {"access": {"tokens": [reader]}}}))
        assert await app.app.reload() is None
        assert await may(app, bearer("of-ci")) == MAY_NOTHING
        assert await may(app, bearer("of-reader")) == MAY_READ


async def test_a_trusted_proxy_names_user_and_groups_from_its_own_addresses_only(tmp_path: Path) -> None:
    access = {"roles": ROLES | {"editor": ["alice", "group:ops"]}, "trusted_proxy": PROXY}
    async with downtime_app(tmp_path, downtime={"access": access}) as app:
        assert await may(app, {"X-Remote-User": "alice"}) == MAY_WRITE
        assert await may(app, {"X-Remote-User": "carol", "X-Remote-Groups": "staff, ops"}) == MAY_WRITE
        assert await may(app, {"X-Remote-User": "bob", "X-Remote-Groups": "staff"}) == MAY_READ
        assert await may(app, {"X-Remote-User": "carol"}) == (403, 403)
        assert await may(app, {"X-Remote-User": "alice"}, OTHER_ADDRESS) == (403, 403)
        assert await may(app) == (403, 403)


async def test_where_nobody_can_log_in_this_machine_alone_may_do_all(tmp_path: Path) -> None:
    async with downtime_app(tmp_path, downtime={}) as app:
        assert await may(app) == MAY_WRITE
        assert await may(app, {"X-Forwarded-For": "10.0.0.1"}) == (403, 403)
        assert await may(app, {"Host": "rebound.example.org"}) == (403, 403)
        assert await may(app, {"Authorization": "Bearer x"}) == MAY_WRITE


async def test_a_feed_is_revoked_by_removing_its_line(tmp_path: Path) -> None:
    feed = {"name": "ops", "sha256": sha256("t0ken")}
    own = {"url": "https://ops.example.org", "access": {"roles": ROLES | {"admin": ["alice"]}}}
    async with downtime_app(tmp_path, web_config(tmp_path), downtime=own | {"feeds": [feed]}) as app:
        assert (await ask(app.url + FEED)).status == 200
        assert (await ask(f"{app.url}/feeds/guess/downtimes.ics", headers=basic("alice"))).status == 404
        assert "t0ken" not in (await ask(f"{app.url}/config", headers=basic("alice"))).text
        (tmp_path / "downtime.yml").write_text("")
        reloaded = await ask(f"{app.url}/-/reload", "POST", headers=basic("alice"))
        assert (reloaded.status, reloaded.text) == (200, "reloaded\n")
        assert (await ask(app.url + FEED)).status == 404


PUBLISHED = {"url": "https://ops.example.org/downtime"}


async def test_where_people_come_by_another_address_and_nobody_can_log_in_nobody_may(tmp_path: Path) -> None:
    async with downtime_app(tmp_path, downtime=PUBLISHED) as app:
        assert await may(app) == (403, 403)
        answer = await ask(f"{app.url}/api/v1/{READ}")
        assert "downtime.url is set: configure users (--web.config.file)" in answer.text
    async with downtime_app(tmp_path, downtime={"url": "http://localhost:10974/"}) as app:
        assert await may(app) == MAY_WRITE


@pytest.mark.parametrize(
    "own",
    [
        {"access": {"tokens": [{"name": "ci", "sha256": sha256("of-ci"), "roles": ["admin"]}]}},
        {"access": {"trusted_proxy": PROXY | {"addresses": [OTHER_ADDRESS]}}},
        PUBLISHED,
    ],
    ids=["tokens", "proxy", "url"],
)
async def test_a_file_that_is_truncated_lets_nobody_in(tmp_path: Path, own: dict[str, object]) -> None:
    async with downtime_app(tmp_path, downtime=own) as app:
        (tmp_path / "downtime.yml").write_text("")
        why = await app.app.reload()
        assert why == (
            "not reloaded, the old configuration stays: downtime: all clients on this "
            "machine would have all roles; that needs a restart"
        )
        assert (await ask(f"{app.url}/api/v1/{READ}")).status in (401, 403)
        (tmp_path / "downtime.yml").write_text(json.dumps({"downtime": own | {"notice": "2h"}}))
        assert await app.app.reload() is None


async def test_the_last_token_may_go_where_users_can_log_in(tmp_path: Path) -> None:
    tokens = [{"name": "ci", "sha256": sha256("of-ci"), "roles": ["admin"]}]
    own = {"access": {"tokens": tokens, "roles": ROLES}}
    async with downtime_app(tmp_path, web_config(tmp_path), downtime=own) as app:
        assert await may(app, bearer("of-ci")) == MAY_WRITE
        (tmp_path / "downtime.yml").write_text(json.dumps({"downtime": {"access": {"roles": ROLES}}}))
        assert (await ask(f"{app.url}/-/reload", "POST", headers=bearer("of-ci"))).status == 200
        assert await may(app, bearer("of-ci")) == MAY_NOTHING


async def test_a_viewer_reads_the_configuration_and_does_not_reload_it(tmp_path: Path) -> None:
    roles = ROLES | {"admin": ["alice"]}
    async with downtime_app(tmp_path, web_config(tmp_path), downtime={"access": {"roles": roles}}) as app:
        for path in ("config", "collectors"):
            assert (await ask(f"{app.url}/{path}", headers=basic("bob"))).status == 200
            assert (await ask(f"{app.url}/{path}")).status == 401
        assert (await ask(f"{app.url}/-/reload", "POST", headers=basic("bob"))).status == 403
        assert (await ask(f"{app.url}/-/reload", "POST", headers=basic("alice"))).status == 200
