"""Tokens: how they are had, how long they last, and what a wrong password leads to."""

from typing import Any

import pytest
from aiohttp import ClientSession

from demo.client import client
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


async def test_catalogue_has_three_endpoints_of_each_service() -> None:
    user = {"name": "user1", "domain": {"id": "default"}, "password": PASSWORD}
    async with demo_cloud() as cloud:
        _, body, _ = await tokens(cloud, {"password": {"user": user}})
        entries = body["token"]["catalog"]
        assert {entry["type"] for entry in entries} == {
            "identity", "compute", "placement", "network", "block-storage", "image",
        }  # fmt: skip
        for entry in entries:
            assert {one["interface"] for one in entry["endpoints"]} == {"public", "internal", "admin"}
            assert all(one["url"].startswith(f"{cloud.url}/") for one in entry["endpoints"])


@pytest.mark.parametrize(
    ("secret", "status"),
    [
        ({"id": CREDENTIAL_ID, "secret": PASSWORD}, 201),
        ({"id": CREDENTIAL_ID, "secret": "wrong"}, 401),
        ({"id": "nope", "secret": PASSWORD}, 401),
    ],
)
async def test_application_credential_is_checked(secret: object, status: int) -> None:
    identity = {"methods": ["application_credential"], "application_credential": secret}
    async with demo_cloud() as cloud:
        assert (await tokens(cloud, identity))[0] == status


async def test_log_in_without_a_password_is_refused() -> None:
    async with demo_cloud() as cloud:
        assert (await tokens(cloud, {"methods": ["password"]}))[0] == 401
        assert (await tokens(cloud, {"password": {}}))[0] == 400
