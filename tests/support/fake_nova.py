"""A Nova with state, for tests of what is kept over refreshes: servers that come, change and go."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import msgspec

from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.openstack.client.api import Access
from stratoscope.clouds.openstack.client.listing import Listing, Page, Query
from stratoscope.core.errors import CollectError, Reason
from support.fake_api import PROJECT, USER, page_of
from support.openstack_answers import answer

T = TypeVar("T")

WEB: Final[dict[str, Any]] = next(one for one in answer("servers")["servers"] if one["name"] == "web")
START: Final = 1_800_000_000.0


def text(moment: float) -> str:
    """As Nova writes a moment."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class FakeNova:
    """Implements Api, for servers.

    Attributes:
        now: Unix seconds, on all clocks.
        page: Servers on a page.
        queries: Of every page asked for.
        fails: Raised by the requests to come, by number (0 is the next one).
        hidden: Ids that lists of servers leave out: their cell does not answer.
        lists_faults: Whether lists tell faults.
        hangs: A question for one server is never answered.
        broken: Ids of servers that cannot be asked for one by one.
    """

    cloud = "uni"

    def __init__(self) -> None:
        self.now, self.page = START, 1000
        self.is_admin, self.lists_faults, self.hangs = True, True, False
        self.broken: set[str] = set()
        self.queries: list[dict[str, str]] = []
        self.asked: list[str] = []
        self.fails: dict[int, Exception] = {}
        self.hidden: set[str] = set()
        self._servers: dict[str, dict[str, Any]] = {}

    def put(self, vm_id: str, **changes: Any) -> None:
        """A new server, or a change of one; it is updated now."""
        server = self._servers.get(vm_id) or {**WEB, "id": vm_id, "name": vm_id, "created": text(self.now)}
        self._servers[vm_id] = {**server, "updated": text(self.now), **changes}

    def delete(self, vm_id: str, status: str = "DELETED") -> None:
        self.put(vm_id, status=status)

    def forget(self, vm_id: str) -> None:
        """As if it had never been there."""
        del self._servers[vm_id]

    async def access(self) -> Access:
        roles = frozenset({"admin" if self.is_admin else "member"})
        return Access(
            roles=roles,
            project_id=PROJECT,
            project_name="admin",
            user_id=USER,
            user_name="admin",
            services=frozenset({"compute"}),
        )

    async def pages(self, listing: Listing[T], params: Query = ()) -> AsyncGenerator[Page[T], None]:
        query = dict(params)
        while True:
            self._ask(query)
            body, more = self._page(query)
            yield page_of(listing, msgspec.json.encode(body))
            if more is None:
                return
            query = more

    async def items(self, listing: Listing[T], params: Query = ()) -> tuple[list[T], int]:
        found: list[T] = []
        async for page in self.pages(listing, params):
            found += page.items
        return found, 0

    async def knows(self, service: str, version: str) -> bool:  # noqa: ARG002 - it is new
        return True

    async def require(self, service: str, version: str) -> None:
        """It is new."""

    async def get(  # noqa: PLR0913 - as Api has it
        self,
        service: str,
        path: str,
        kind: type[T],
        *,
        operation: str,
        params: Query = (),
        version: str = "",
    ) -> T:
        assert (service, operation, params, version) == ("compute", "server", (), "2.96")
        vm_id = path.removeprefix("/servers/")
        self.asked.append(vm_id)
        self._fail()
        if self.hangs:
            await asyncio.Event().wait()
        if vm_id in self.broken:
            raise CollectError(Reason.UNAVAILABLE, "500")
        if vm_id not in self._servers:
            raise NotThereError("404")
        return msgspec.json.decode(msgspec.json.encode({"server": self._servers[vm_id]}), type=kind)

    def _ask(self, query: dict[str, str]) -> None:
        self.queries.append(query)
        self._fail()
        if "all_tenants" in query and not self.is_admin:
            raise ForbiddenError("403")

    def _fail(self) -> None:
        self.fails, fails = {number - 1: error for number, error in self.fails.items() if number}, self.fails
        if 0 in fails:
            raise fails[0]

    def _page(self, query: dict[str, str]) -> tuple[dict[str, Any], dict[str, str] | None]:
        found = [one for one in self._servers.values() if self._is_listed(one, query)]
        ids = [one["id"] for one in found]
        if query.get("marker", ids[0] if ids else None) not in [*ids, None]:
            raise CollectError(Reason.UNAVAILABLE, f"400: marker [{query['marker']}] not found")
        start = ids.index(query["marker"]) + 1 if "marker" in query else 0
        shown = [
            one if self.lists_faults else _without_fault(one) for one in found[start : start + self.page]
        ]
        if start + self.page >= len(found):
            return {"servers": shown}, None
        more = {**query, "marker": shown[-1]["id"]}
        link = {"rel": "next", "href": f"http://nova/v2.1/servers/detail?{urlencode(more)}"}
        return {"servers": shown, "servers_links": [link]}, more

    def _is_listed(self, server: dict[str, Any], query: dict[str, str]) -> bool:
        if server["id"] in self.hidden:
            return False
        if "all_tenants" not in query and server["tenant_id"] != PROJECT:
            return False
        if "changes-since" in query:
            return (server["updated"] or "") >= query["changes-since"]
        return server["status"] not in ("DELETED", "SOFT_DELETED") and (
            server["status"] == query.get("status", server["status"])
        )


def _without_fault(server: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in server.items() if key != "fault"}
