"""Tokens: how they are had, how long they last, and what a wrong password leads to."""

from typing import Any

import pytest
from aiohttp import ClientSession

from demo.client import client, log_in
from stratoscope.demo.world.seed.identity import CREDENTIAL_ID, PASSWORD
from support.demo_cloud import DemoCloud, demo_cloud


async def tokens(cloud: DemoCloud, identity: object, scope: object = None) -> tuple[int, Any, str]:
    """Status, body and token of a log-in."""
    auth = {"identity": identity} if scope is None else {"identity": identity, "scope": scope}
    async with (
        ClientSession() as session,
        session.post(f"{cloud.url}/identity/v3/auth/tokens", json={"auth": auth}) as response,
    ):
        return response.status, await response.json(), response.headers.get("X-Subject-Token", "")


async def test_token_ends_after_an_hour() -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        assert (await admin.ask("/identity/v3/projects")).status == 200
        cloud.after(3599)
        assert (await admin.ask("/identity/v3/projects")).status == 200
        cloud.after(2)
        assert (await admin.ask("/identity/v3/projects")).status == 401
        assert (await admin.ask("/compute/v2.1/servers")).status == 401


async def test_token_that_is_given_back_is_worth_nothing() -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        subject = {"X-Subject-Token": admin.token}
        path = "/identity/v3/auth/tokens"
        assert (await admin.ask(path, method="HEAD", headers=subject)).status == 200
        assert (await admin.ask(path, method="DELETE", headers=subject)).status == 204
        assert (await admin.ask(path, headers=subject)).status == 401


async def test_token_of_others_is_shown_to_administrators_alone() -> None:
    async with demo_cloud() as cloud, client(cloud) as admin, client(cloud, "user1") as user:
        path = "/identity/v3/auth/tokens"
        shown = await admin.ask(path, headers={"X-Subject-Token": user.token})
        assert (await shown.json())["token"]["user"]["name"] == "user1"
        assert (await user.ask(path, headers={"X-Subject-Token": admin.token})).status == 403
        assert (await admin.ask(path, headers={"X-Subject-Token": "nope"})).status == 404


async def test_catalogue_has_three_endpoints_of_each_service() -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        entries = (await admin.get("/identity/v3/auth/catalog"))["catalog"]
        assert {entry["type"] for entry in entries} == {
            "identity", "compute", "placement", "network", "block-storage", "image",
        }  # fmt: skip
        for entry in entries:
            assert {one["interface"] for one in entry["endpoints"]} == {"public", "internal", "admin"}
            assert all(one["url"].startswith(f"{cloud.url}/") for one in entry["endpoints"])


async def test_old_token_is_a_way_to_a_new_one() -> None:
    async with demo_cloud() as cloud, ClientSession() as session:
        old = (await log_in(session, cloud, "user1")).token
        status, body, token = await tokens(cloud, {"methods": ["token"], "token": {"id": old}})
        assert (status, body["token"]["user"]["name"]) == (201, "user1")
        assert token != old


@pytest.mark.parametrize(
    ("secret", "status"),
    [
        ({"id": CREDENTIAL_ID, "secret": PASSWORD}, 201),
        ({"name": "demo", "user": {"name": "user1"}, "secret": PASSWORD}, 201),
        ({"name": "demo", "user": {"name": "user2"}, "secret": PASSWORD}, 401),
        ({"id": CREDENTIAL_ID, "secret": "wrong"}, 401),
        ({"id": "nope", "secret": PASSWORD}, 401),
    ],
)
async def test_application_credential_is_checked(secret: object, status: int) -> None:
    identity = {"methods": ["application_credential"], "application_credential": secret}
    async with demo_cloud() as cloud:
        assert (await tokens(cloud, identity))[0] == status


@pytest.mark.parametrize("method", ["password", "token", "application_credential"])
async def test_method_without_what_it_needs_is_refused(method: str) -> None:
    async with demo_cloud() as cloud:
        status, body, _ = await tokens(cloud, {"methods": [method]})
        assert status == 400
        assert f"Expecting to find {method} in identity" in body["error"]["message"]


async def test_token_without_a_project_has_no_roles() -> None:
    user = {"name": "user1", "domain": {"id": "default"}, "password": PASSWORD}
    identity = {"methods": ["password"], "password": {"user": user}}
    async with demo_cloud() as cloud:
        status, body, token = await tokens(cloud, identity, "unscoped")
        assert status == 201
        assert not {"project", "roles", "catalog"} & set(body["token"])
        async with client(cloud, "user1") as someone:
            someone.token = token
            assert (await someone.ask("/compute/v2.1/os-services")).status == 403
            assert await someone.get("/compute/v2.1/servers") == {"servers": []}
            assert (await someone.ask("/compute/v2.1/servers", method="POST", body={})).status == 403
