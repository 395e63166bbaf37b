"""The OpenStack as one aiohttp application: requests pass faults, token, microversion and policy."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web

from stratoscope.demo.clock import Clock
from stratoscope.demo.faults import Fault, Faults
from stratoscope.demo.http_faults import cut_off
from stratoscope.demo.openstack.cinder.service import Cinder
from stratoscope.demo.openstack.fault_effects import broken
from stratoscope.demo.openstack.glance import Glance
from stratoscope.demo.openstack.http_errors import BOOT_ERRORS
from stratoscope.demo.openstack.http_request import HttpError, Request, Response
from stratoscope.demo.openstack.keystone.service import Keystone
from stratoscope.demo.openstack.keystone.tokens import Tokens
from stratoscope.demo.openstack.misallocation import misallocate
from stratoscope.demo.openstack.neutron.service import Neutron
from stratoscope.demo.openstack.nova.service import Nova
from stratoscope.demo.openstack.placement.service import Placement
from stratoscope.demo.openstack.service import Route, Service
from stratoscope.demo.world.churn import Churn
from stratoscope.demo.world.operations import Operations
from stratoscope.demo.world.world import World

_JSON: Final = "application/json"


class OpenStack:
    """Attributes:
    world: Its state.
    faults: The faults in force.
    services: Its services.
    kind, entrance: For the page about it.
    request_counts: By service, method, path (as `/v2.1/servers/{server}`) and status of the response.
    """

    kind = "OpenStack"
    entrance = "/identity/v3   Keystone; the other services stand in its catalogue"

    def __init__(self, world: World, clock: Clock) -> None:
        self.world, self._clock = world, clock
        self.faults = Faults(
            world.silence,
            lambda: [image.name for image in world.images],
            BOOT_ERRORS,
            misallocate=lambda *what: misallocate(world, *what),
        )
        self.request_counts: Counter[tuple[str, str, str, int]] = Counter()
        self._tokens = Tokens(world)
        operations = Operations(world)
        Churn(world, operations)
        keystone = Keystone(world, self._tokens)
        self.services: Sequence[Service] = (
            keystone,
            Nova(world, operations, self.faults.boot_error),
            Placement(world),
            Neutron(world),
            Cinder(world),
            Glance(world),
        )
        keystone.entries = self.services

    def add_to(self, app: web.Application) -> None:
        """Add its paths, each service below its own prefix."""
        for service in self.services:
            for route in service.routes():
                app.router.add_route(route.method, service.prefix + route.path, self._handler(service, route))

    def advance(self) -> None:
        """Run what is due by now."""
        self.world.timeline.advance(self._clock())

    def _handler(
        self, service: Service, route: Route
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(raw: web.Request) -> web.StreamResponse:
            content = await raw.read()
            self.advance()
            request = Request(
                raw=raw, world=self.world, prefix=service.prefix, content=content, denied=service.denied
            )
            path = raw.path.removeprefix(service.root) or "/" if raw.path.startswith(service.root) else ""
            faults = self.faults.hit(service.kind, path, raw.method, has_token="X-Auth-Token" in raw.headers)
            response = await self._faulty(service, request, faults) or self._respond(service, route, request)
            self.request_counts[service.kind, raw.method, route.path, response.status] += 1
            return await _send(raw, response, faults)

        return handle

    async def _faulty(self, service: Service, request: Request, faults: Sequence[Fault]) -> Response | None:
        """The response of a fault instead of the service's; None if there is none."""
        for fault in faults:
            if fault.fault == "latency":
                await asyncio.sleep(fault.seconds or 0)
                self.advance()
            elif fault.fault == "hang":
                await (asyncio.sleep(fault.seconds) if fault.seconds else asyncio.Event().wait())
            elif fault.fault == "expire_token":
                self._tokens.revoke(request.raw.headers.get("X-Auth-Token", ""))
            elif fault.fault.isdigit():
                status = int(fault.fault)
                response = service.error(HttpError(status, fault.text or HTTPStatus(status).phrase))
                if fault.retry_after is not None:
                    response.headers["Retry-After"] = str(fault.retry_after)
                return response
        return None

    def _respond(self, service: Service, route: Route, request: Request) -> Response:
        token = self._tokens.find(request.raw.headers.get("X-Auth-Token", ""))
        if token is None and not route.is_open:
            return service.unauthorized(request)
        request.token_owner = token.caller if token else None
        try:
            service.negotiate(request)
            if route.rule:
                request.only_admin(route.rule)
            return route.handler(request) if request.since(route.since) else service.unknown(request)
        except HttpError as error:
            return service.error(error)
        except msgspec.DecodeError as error:
            return service.error(HttpError(400, f"Invalid input for field/attribute body. {error}"))


async def _send(raw: web.Request, response: Response, faults: Sequence[Fault]) -> web.StreamResponse:
    """The response, possibly changed by faults."""
    body = response.body if isinstance(response.body, bytes) else msgspec.json.encode(response.body)
    body = b"" if response.body is None else body
    response.headers.setdefault("Content-Type", _JSON)
    for fault in faults:
        if fault.fault in ("malformed_item", "garbage"):
            body = broken(body, fault)
    sent = web.Response(body=body, status=response.status, headers=response.headers)
    return await cut_off(raw, sent, body) if any(fault.fault == "cut" for fault in faults) else sent
