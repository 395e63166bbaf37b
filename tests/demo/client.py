"""A small client of the embedded cloud for tests in the same loop."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientResponse, ClientSession

from stratoscope.demo.world.seed.identity import PASSWORD
from support.demo_cloud import DemoCloud

NOVA = {"OpenStack-API-Version": "compute 2.96"}
PLACEMENT = {"OpenStack-API-Version": "placement 1.39"}


class Client:
    """One user's view."""

    def __init__(self, session: ClientSession, cloud: DemoCloud, token: str) -> None:
        self._session, self._url, self.token = session, cloud.url, token

    async def ask(
        self, path: str, *, method: str = "GET", body: object = None, headers: Mapping[str, str] = NOVA
    ) -> ClientResponse:
        """The answer, whatever its status."""
        headers = {"X-Auth-Token": self.token, **headers}
        response = await self._session.request(method, self._url + path, json=body, headers=headers)
        await response.read()
        return response

    async def get(self, path: str, headers: Mapping[str, str] = NOVA) -> Any:
        """The body of a good answer."""
        response = await self.ask(path, headers=headers)
        assert response.status == 200, await response.text()
        return await response.json()

    async def post(self, path: str, body: object) -> ClientResponse:
        return await self.ask(path, method="POST", body=body)


async def log_in(session: ClientSession, cloud: DemoCloud, user: str = "admin") -> Client:
    project = "astronomy" if user == "user1" else "admin"
    who = {"name": user, "domain": {"name": "Default"}, "password": PASSWORD}
    scope = {"project": {"name": project, "domain": {"name": "Default"}}}
    identity = {"methods": ["password"], "password": {"user": who}}
    body = {"auth": {"identity": identity, "scope": scope}}
    async with session.post(f"{cloud.url}/identity/v3/auth/tokens", json=body) as response:
        assert response.status == 201
        return Client(session, cloud, response.headers["X-Subject-Token"])


@asynccontextmanager
async def client(cloud: DemoCloud, user: str = "admin") -> AsyncIterator[Client]:
    """A client that is logged in."""
    async with ClientSession() as session:
        yield await log_in(session, cloud, user)


def server_request(cloud: DemoCloud, **more: object) -> dict[str, object]:
    """A server that user1 may have."""
    world = cloud.world
    project = next(project for project in world.projects if project.name == "astronomy")
    assert project.network is not None
    flavor = next(flavor for flavor in world.flavors.values() if flavor.name == "t1.nano")
    image = next(image for image in world.images if image.name == "cirros")
    server = {
        "name": "mine",
        "flavorRef": flavor.id,
        "imageRef": image.id,
        "networks": [{"uuid": project.network.id}],
    }
    return {"server": {**server, **more}}
