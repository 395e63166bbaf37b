"""A cloud that answers from memory: what tests of OpenStack's readers give them for an Api."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import parse_qsl

import msgspec

from stratoscope.clouds.openstack.client.api import Access
from stratoscope.clouds.openstack.client.listing import Listing, Page, Query, pairs
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason

T = TypeVar("T")

Body = bytes | Mapping[str, Any] | Exception
Answer = Body | Sequence[Body]
"""A body (bytes, or what becomes JSON), an error that is raised instead, or a list's pages in their order."""

PROJECT: Final = "11111111111111111111111111111111"
USER: Final = "22222222222222222222222222222222"


class Call(NamedTuple):
    """One request; a list's further pages are requests, too."""

    service: str
    path: str
    params: Sequence[tuple[str, str]]
    operation: str
    version: str


class FakeApi:
    """Implements Api.

    Attributes:
        answers: By service and path, or path and query (`/servers/detail?all_tenants=1`: for requests whose
            parameters include these; the one with most of them wins). May be changed between calls.
        calls: Every request made, in order.
        now: What `access` answers; change it with `be`.
        newest: The newest microversion of each service that does not have all that is known.
    """

    def __init__(
        self,
        answers: Mapping[tuple[str, str], Answer],
        *,
        roles: Iterable[str] = ("admin",),
        services: Iterable[str] = (),
        cloud: str = "uni",
    ) -> None:
        """Args: services: In the catalogue, besides those that have answers."""
        self.cloud = cloud
        self.answers = dict(answers)
        self.calls: list[Call] = []
        self.newest: dict[str, str] = {}
        known = frozenset({service for service, _ in answers} | {*services})
        self.now = Access(
            roles=frozenset(roles),
            project_id=PROJECT,
            project_name="admin",
            user_id=USER,
            user_name="admin",
            services=known,
        )

    def be(self, **changes: Any) -> None:
        """Change what the token says: `be(roles=frozenset({"reader"}))`."""
        self.now = msgspec.structs.replace(self.now, **changes)

    async def access(self) -> Access:
        return self.now

    async def knows(self, service: str, version: str) -> bool:
        newest = self.newest.get(service, version)
        return [int(one) for one in newest.split(".")] >= [int(one) for one in version.split(".")]

    async def require(self, service: str, version: str) -> None:
        if not await self.knows(service, version):
            what = f"{service}: too old: microversion {version} is needed, and its newest is"
            raise CollectError(Reason.UNAVAILABLE, f"{what} {self.newest[service]}")

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
        (body,) = self.bodies(Call(service, path, pairs(params), operation, version))
        try:
            return msgspec.json.decode(_bytes(body), type=kind)
        except msgspec.DecodeError as error:
            raise CollectError(Reason.MALFORMED, f"{service}: {operation}: {error}") from error

    async def pages(self, listing: Listing[T], params: Query = ()) -> AsyncGenerator[Page[T], None]:
        call = Call(listing.service, listing.path, pairs(params), listing.operation, listing.version)
        deduplicate = listing.deduplicate()
        for number, body in enumerate(self.bodies(call)):
            if number:
                self.calls.append(call)
            page = page_of(listing, _bytes(body))
            yield msgspec.structs.replace(page, items=deduplicate(page.items))

    async def items(self, listing: Listing[T], params: Query = ()) -> tuple[list[T], int]:
        items: list[T] = []
        malformed = 0
        async for page in self.pages(listing, params):
            items += page.items
            malformed += page.malformed
        listing.check(len(items), malformed)
        return items, malformed

    def bodies(self, call: Call) -> Sequence[Body]:
        """The bodies that answer a call."""
        if call.service not in self.now.services:
            raise LeftOutError(LeftOut.ABSENT, f"{call.service}: not in the catalogue")
        self.calls.append(call)
        fitting = [key for key in self.answers if _fits(key, call)]
        assert fitting, f"the test has no answer for {call}"
        answer = self.answers[max(fitting, key=lambda key: len(key[1]))]
        return [answer] if isinstance(answer, bytes | Mapping | Exception) else answer


def page_of(listing: Listing[T], body: bytes) -> Page[T]:
    """What a body says. Raises CollectError as Listing."""
    items, malformed = listing.items(body)
    return Page(items, malformed, listing.next_query(body), listing.is_cut(body))


def _fits(key: tuple[str, str], call: Call) -> bool:
    path, _, wanted = key[1].partition("?")
    query = parse_qsl(wanted, keep_blank_values=True)
    return (key[0], path) == (call.service, call.path) and set(query) <= set(call.params)


def _bytes(body: Body) -> bytes:
    if isinstance(body, Exception):
        raise body
    return body if isinstance(body, bytes) else msgspec.json.encode(body)
