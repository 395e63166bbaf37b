"""The whole OpenStack as one aiohttp application: requests pass faults, token and microversion."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Final

from aiohttp import web

from stratoscope.demo.clock import Clock
from stratoscope.demo.faults import Fault, Faults
from stratoscope.demo.openstack.asking import Answer, Ask, RefusalError
from stratoscope.demo.openstack.cinder.service import Cinder
from stratoscope.demo.openstack.glance import Glance
from stratoscope.demo.openstack.ids import Dice
from stratoscope.demo.openstack.keystone.catalogue import catalogue
from stratoscope.demo.openstack.keystone.service import Keystone
from stratoscope.demo.openstack.keystone.tokens import Tokens
from stratoscope.demo.openstack.life import Life
from stratoscope.demo.openstack.neutron.service import Neutron
from stratoscope.demo.openstack.nova.boots import Boots
from stratoscope.demo.openstack.nova.flavors import Flavors
from stratoscope.demo.openstack.nova.history import History
from stratoscope.demo.openstack.nova.hosts import Hosts
from stratoscope.demo.openstack.nova.projects import Projects
from stratoscope.demo.openstack.nova.servers import Servers
from stratoscope.demo.openstack.nova.service import Nova
from stratoscope.demo.openstack.nova.usage import Usage
from stratoscope.demo.openstack.operations import Operations
from stratoscope.demo.openstack.placement.service import Placement
from stratoscope.demo.openstack.service import Route, Service, encoded
from stratoscope.demo.openstack.troubles import broken, cut_off, silence
from stratoscope.demo.openstack.world import World

_JSON: Final = "application/json"
_LOUD: Final = "identity"
"""Keystone alone writes the reason of its status in capitals."""


class OpenStack:
    """Attributes:
    world: Its state.
    faults: What is wrong with it on purpose.
    services: What it consists of.
    asked: How often each service was asked for which method and path (as `/v2.1/servers/{server}`), and
        answered with which status.
    """

    def __init__(self, world: World, clock: Clock) -> None:
        self.world, self._clock = world, clock
        self.faults = Faults(lambda *what: silence(world, *what))
        self.asked: Counter[tuple[str, str, str, int]] = Counter()
        self._tokens = Tokens(world)
        self._request_ids = Dice()
        operations = Operations(world)
        Life(world, operations)
        keystone = Keystone(world, self._tokens)
        self.services: Sequence[Service] = (
            keystone,
            Nova(world, self._nova(operations)),
            Placement(world),
            Neutron(world),
            Cinder(world),
            Glance(world),
        )
        keystone.entries = catalogue(self.services, world.dice)

    def _nova(
        self, operations: Operations
    ) -> Sequence[Servers | Flavors | Hosts | Projects | Usage | History | Boots]:
        boots = Boots(self.world, operations, self.faults.refusal)
        parts = (Flavors, Hosts, Projects, Usage, History, Servers)
        return [boots, *(part(self.world) for part in parts)]

    def add_to(self, app: web.Application) -> None:
        """Its paths, each service below its own prefix."""
        for service in self.services:
            for route in service.routes():
                app.router.add_route(route.method, service.prefix + route.path, self._handler(service, route))
            unknown = Route("*", "/{rest:.*}", service.unknown)
            app.router.add_route("*", service.prefix + unknown.path, self._handler(service, unknown))

    def advance(self) -> None:
        """Let happen what is due by now."""
        self.world.timeline.advance(self._clock())

    def _handler(
        self, service: Service, route: Route
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            ask = await self._ask(service, request)
            has_token = "X-Auth-Token" in request.headers
            faults = self.faults.hit(service.kind, ask.path, request.method, has_token=has_token)
            answer = await self._troubled(service, ask, faults)
            if answer is None:
                answer = self._answer(service, route, ask)
            self.asked[service.kind, request.method, route.path, answer.status] += 1
            service.headers(ask, answer)
            return await _send(request, service, answer, faults)

        return handle

    async def _ask(self, service: Service, request: web.Request) -> Ask:
        content = await request.read()
        self.advance()
        is_above = not request.path.startswith(service.root)
        return Ask(
            request=request,
            world=self.world,
            base=f"{request.scheme}://{request.host}{service.prefix}",
            path="" if is_above else request.path.removeprefix(service.root) or "/",
            args=request.match_info,
            content=content,
            request_id=self._request_ids.request_id(),
        )

    async def _troubled(self, service: Service, ask: Ask, faults: Sequence[Fault]) -> Answer | None:
        """What faults answer in the service's place; None where they leave it to the service."""
        for fault in faults:
            if fault.fault == "latency":
                await asyncio.sleep(fault.seconds or 0)
                self.advance()
            elif fault.fault == "hang":
                await (asyncio.sleep(fault.seconds) if fault.seconds else asyncio.Event().wait())
            elif fault.fault == "expire_token":
                self._tokens.revoke(ask.request.headers.get("X-Auth-Token", ""))
            elif fault.fault.isdigit():
                answer = service.failure(ask, int(fault.fault), fault.text)
                if fault.retry_after is not None:
                    answer.headers["Retry-After"] = str(fault.retry_after)
                return answer
        return None

    def _answer(self, service: Service, route: Route, ask: Ask) -> Answer:
        token = self._tokens.find(ask.request.headers.get("X-Auth-Token", ""))
        if token is None and not route.is_open:
            return service.unauthorized(ask)
        ask.caller = token.caller if token else None
        try:
            service.negotiate(ask)
            return route.handler(ask)
        except RefusalError as error:
            return service.refusal(ask, error)


async def _send(
    request: web.Request, service: Service, answer: Answer, faults: Sequence[Fault]
) -> web.StreamResponse:
    """The answer, or what faults leave of it."""
    body = encoded(answer.body)
    reason = HTTPStatus(answer.status).phrase.upper() if service.kind == _LOUD else None
    if answer.status != HTTPStatus.NO_CONTENT:
        answer.headers.setdefault("Content-Type", _JSON)
    for fault in faults:
        if fault.fault == "cut":
            return await cut_off(request, answer, body)
        if fault.fault in ("malformed_item", "garbage"):
            body = broken(body, fault)
    return web.Response(body=body, status=answer.status, reason=reason, headers=answer.headers)
