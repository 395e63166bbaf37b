"""oned as an aiohttp application: calls pass faults, the log-in, and the check of their parameters."""

import asyncio
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final
from xml.parsers.expat import ExpatError
from xmlrpc.client import Error as XmlRpcError
from xmlrpc.client import Fault as XmlRpcFault
from xmlrpc.client import dumps, loads

from aiohttp import web

from stratoscope.demo.clock import Clock
from stratoscope.demo.faults import Fault, Faults
from stratoscope.demo.http_faults import cut_off
from stratoscope.demo.opennebula.access import Access
from stratoscope.demo.opennebula.actions import Actions
from stratoscope.demo.opennebula.create import Creation
from stratoscope.demo.opennebula.directory import Account, Directory
from stratoscope.demo.opennebula.elements import document
from stratoscope.demo.opennebula.errors import AUTHENTICATION, BOOT_ERRORS, OneError
from stratoscope.demo.opennebula.life import OneOperations
from stratoscope.demo.opennebula.method import Answer, Method
from stratoscope.demo.opennebula.pools import Reads
from stratoscope.demo.world.churn import Churn
from stratoscope.demo.world.world import World

SERVICE: Final = "oned"
_NO_METHOD: Final = -506
_SERVED_BY: Final = "compute"
"""The daemons of the world that stand for oned's probes of hosts."""
_GARBAGE: Final = "<html><body>This is not what you have asked for.</body>"
_MALFORMED: Final = {
    "no_flavor": ("<TEMPLATE>.*?</TEMPLATE>", ""), "null_host": ("<HOSTNAME>.*?</HOSTNAME>", "<HOSTNAME/>"),
    "huge_name": ("<NAME>", "<NAME>" + "x" * (10 << 20)), "no_id": (r"<ID>\d+</ID>", ""),
    "no_object": ("<ID>.*?</NAME>", "17"), "odd_state": (r"<STATE>\d+</STATE>", "<STATE>99</STATE>"),
}  # fmt: skip
"""What is replaced in an answer, the first of its kind: by variant."""


class OpenNebula:
    """Attributes:
    world, faults: Its state, and the faults in force.
    kind, entrance: For the page about it.
    directory: Its numbers of what the world has.
    request_counts: By method, and the code of oned's answer (0 for what was done).
    """

    kind = "OpenNebula"
    entrance = "/RPC2   oned's XML-RPC"

    def __init__(self, world: World, clock: Clock) -> None:
        self.world, self._clock = world, clock
        self.directory = Directory(world)
        self.faults = Faults(
            self._silence, lambda: [image.name for image in world.images], BOOT_ERRORS, [SERVICE]
        )
        self.request_counts: Counter[tuple[str, int]] = Counter()
        operations = OneOperations(world)
        Churn(world, operations)
        access = Access(self.directory)
        reads = Reads(access)
        self._methods: Mapping[str, Method] = {
            "zonepool.info": Method(self._zones),
            **reads.methods(),
            **Creation(access, operations, self.faults).methods(),
            **Actions(access, reads, operations).methods(),
        }
        self._url = ""
        self._accounts = {one.name: one for one in self.directory.accounts.values()}

    def add_to(self, app: web.Application) -> None:
        """Add its path."""
        app.router.add_post("/RPC2", self._handle)

    def advance(self) -> None:
        """Run what is due by now."""
        self.world.timeline.advance(self._clock())

    def _silence(self, service: str, host: str, seconds: float | None) -> Any:
        return self.world.silence(_SERVED_BY if service == SERVICE else service, host, seconds)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        content = await request.read()
        self.advance()
        try:
            args, method = loads(content)
        except (ExpatError, XmlRpcError, ValueError, TypeError) as error:
            return web.Response(status=400, text=f"no call: {error}\n")
        name = str(method)
        faults = self.faults.hit(SERVICE, name, request.method, has_token=False)
        for fault in faults:
            if fault.fault in ("latency", "hang"):
                await (asyncio.sleep(fault.seconds) if fault.seconds else asyncio.Event().wait())
                self.advance()
            elif fault.fault.isdigit():
                later = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
                return web.Response(status=int(fault.fault), text=fault.text, headers=later)
        self._url = str(request.url)
        body = self._body(name, args, faults)
        response = web.Response(body=body, content_type="text/xml", charset="utf-8")
        if any(fault.fault == "cut" for fault in faults):
            return await cut_off(request, response, body)
        return response

    def _body(self, name: str, args: Sequence[Any], faults: Sequence[Fault]) -> bytes:
        code: int = 0
        answer: list[object] | XmlRpcFault
        try:
            answer = [True, self._answer(name, args, faults), 0]
        except OneError as error:
            code, answer = error.code, [False, f"[{name}] {error.text}", error.code, error.number, -1]
        except XmlRpcFault as error:
            code, answer = error.faultCode, error
        self.request_counts[name, code] += 1
        text = dumps(answer if isinstance(answer, XmlRpcFault) else (answer,), methodresponse=True)
        # oned has another name for integers; texts have no `<`, since they are escaped.
        return text.replace("<int>", "<i4>").replace("</int>", "</i4>").encode()

    def _answer(self, name: str, args: Sequence[Any], faults: Sequence[Fault]) -> Answer:
        """What a call answers. Raises OneError, and XML-RPC's own Fault."""
        method = self._methods.get(name.removeprefix("one."))
        if method is None or not name.startswith("one."):
            raise XmlRpcFault(_NO_METHOD, f"Method '{name}' not defined")
        method.check(args[1:])
        answer = method.answer(self._caller(args[0] if args else None), args[1:])
        for fault in faults:
            if fault.fault == "garbage":
                return fault.text or _GARBAGE
            if fault.fault == "malformed_item" and isinstance(answer, str):
                answer = re.sub(*_MALFORMED[fault.variant], answer, count=1)
        return answer

    def _zones(self, _: Account) -> Answer:
        zone = {"ID": 0, "NAME": "OpenNebula", "STATE": 0, "TEMPLATE": {"ENDPOINT": self._url}}
        return document("ZONE_POOL", {"ZONE": zone})

    def _caller(self, session: object) -> Account:
        """Whose `user:password` it is. Raises OneError."""
        name, _, password = str(session).partition(":")
        account = self._accounts.get(name)
        if account is None or password != account.user.password:
            raise OneError(AUTHENTICATION, "User couldn't be authenticated, aborting call.")
        return account
