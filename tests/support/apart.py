"""The embedded cloud with a port for each service, as real clouds have them: one may stop, or tell lies."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml
from aiohttp import web
from aiohttp.typedefs import Handler

from stratoscope.demo.config_writer import clouds
from stratoscope.demo.server import application
from support.demo_cloud import DemoCloud, demo_cloud

_PATHS: Final[Mapping[str, str]] = {
    "identity": "/identity/v3",
    "compute": "/compute/v2.1",
    "placement": "/placement",
    "network": "/network",
    "block-storage": "/volume/v3",
    "image": "/image",
}

Lie = Callable[[web.Request, dict[str, Any]], dict[str, Any] | web.Response]
"""What a body, decoded, is changed to before it is sent; or what is sent in the answer's place."""


class Apart:
    """One cloud, whose services listen each for itself.

    Attributes:
        demo: The cloud: its world, its faults, its request counts, its clock.
        lies: By the beginning of a path; of several the first that fits.
    """

    def __init__(self, demo: DemoCloud) -> None:
        self.demo = demo
        self.lies: dict[str, Lie] = {}
        self._runners: dict[str, web.AppRunner] = {}
        self._ports: dict[str, int] = {}

    async def start(self, service: str) -> None:
        """Listen; on the port of before, if it has listened before."""
        app = application(self.demo.cloud)
        app.middlewares.append(self._tell)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self._ports.get(service, 0)).start()
        self._runners[service] = runner
        self._ports[service] = runner.addresses[0][1]

    async def stop(self, service: str) -> None:
        """Cut all its connections; new ones are refused."""
        await self._runners.pop(service).cleanup()

    async def stop_all(self) -> None:
        for service in list(self._runners):
            await self.stop(service)

    def asked(self, service: str, end: str = "", *, method: str = "GET", status: int | None = None) -> int:
        """How many requests a service has answered.

        Args:
            end: Of the path as it stands in the embedded cloud's routes.
            status: That they were answered with; None for any.
        """
        return sum(
            number
            for (whose, its_method, path, code), number in self.demo.cloud.request_counts.items()
            if whose == service and its_method == method and path.endswith(end) and status in (None, code)
        )

    def clouds_yaml(self, folder: Path, **of_auth: str) -> Path:
        """A clouds.yaml of which the cloud `admin` leads to all of its ports.

        Args:
            of_auth: What stands otherwise below `auth`.
        """
        known = clouds(self._url("identity"))
        admin = known["admin"]
        assert isinstance(admin, dict)
        admin["auth"] |= of_auth
        for service in _PATHS.keys() - {"identity"}:
            override = f"{service.replace('-', '_')}_endpoint_override"
            admin[override] = self._url(service) + _PATHS[service]
        file = folder / "clouds.yaml"
        file.write_text(yaml.safe_dump({"clouds": known}), encoding="utf-8")
        return file

    def _url(self, service: str) -> str:
        return f"http://127.0.0.1:{self._ports[service]}"

    @web.middleware
    async def _tell(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The answer, or the lie that is told in its place."""
        response = await handler(request)
        lie = next((lie for start, lie in self.lies.items() if request.path.startswith(start)), None)
        if lie is None or not isinstance(response, web.Response) or not isinstance(response.body, bytes):
            return response
        told = lie(request, msgspec.json.decode(response.body))
        if isinstance(told, web.Response):
            return told
        return web.Response(
            body=msgspec.json.encode(told), status=response.status, content_type="application/json"
        )


@asynccontextmanager
async def apart(vms: int = 60, hosts: int = 6, projects: int = 5, *, seed: int = 1) -> AsyncIterator[Apart]:
    """An embedded OpenStack in the test's own loop, each of its services on a port of its own."""
    async with demo_cloud(vms, hosts, projects, seed=seed) as demo:
        cloud = Apart(demo)
        try:
            for service in _PATHS:
                await cloud.start(service)
            yield cloud
        finally:
            await cloud.stop_all()
