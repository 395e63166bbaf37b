"""The interface through which readers send requests to a cloud; session.py implements it."""

from collections.abc import AsyncGenerator, Iterable
from typing import Protocol, TypeVar

import msgspec

from stratoscope.clouds.openstack.client.listing import Listing, Page, Query
from stratoscope.core.errors import CollectError, Reason

T = TypeVar("T")


class BadRequestError(CollectError):
    """400: the service does not understand the request, or does not know the object of the request."""

    def __init__(self, message: str) -> None:
        super().__init__(Reason.MALFORMED, message)


class OverLimitError(CollectError):
    """413 with Retry-After: too many requests, before 429 was usual, or a quota of Cinder's."""

    def __init__(self, message: str) -> None:
        super().__init__(Reason.BUSY, message)


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of a token.

    Attributes:
        roles: Names in lower case: the policies of all services ignore the case.
        project_id, domain_id: The token's scope; "" if its scope is another one.
        services: Types in the catalogue of the region, as openstacksdk names them: `block-storage`.
        is_system: The token is for the system.
    """

    roles: frozenset[str]
    project_id: str
    project_name: str
    user_id: str
    user_name: str
    services: frozenset[str]
    domain_id: str = ""
    is_system: bool = False

    @property
    def is_admin(self) -> bool:
        return "admin" in self.roles

    @property
    def scope(self) -> str:
        """The token's scope, as text."""
        if self.project_id:
            return f"the project {self.project_id}"
        return f"the domain {self.domain_id}" if self.domain_id else "the system"

    def sees_all_domains(self, domains: Iterable[str | None] = ()) -> bool:
        """Whether Keystone lists the items of all domains. Args: domains: The domains of the items in a list.

        A token for a domain gets only the items of that domain. For a token that has neither the role admin
        nor the scope system, the list is of all domains only if it has items of several domains.
        """
        return not self.domain_id and (self.is_admin or self.is_system or len({*domains} - {None}) > 1)


class Api(Protocol):
    """One cloud and region, requested within its budget.

    Every method raises these errors, and those that its docstring names:
        CollectError: `timeout`; `unavailable` (no connection, 5xx, too old); `unauthorized` (log-in refused);
            `malformed`; `busy` (429, or the budget of this refresh is used up).
        LeftOutError: `absent`: the service is not in the catalogue.
        ForbiddenError, NotThereError, BadRequestError: 403, 404, 400.
    """

    cloud: str

    async def access(self) -> Access:
        """The facts of the token in use; logs in if there is none."""

    async def knows(self, service: str, version: str) -> bool:
        """Whether a service supports this microversion."""

    async def require(self, service: str, version: str) -> None:
        """Raise `unavailable` with the service's own range if it does not support this microversion."""

    async def get(  # noqa: PLR0913 - what makes up a request
        self,
        service: str,
        path: str,
        kind: type[T],
        *,
        operation: str,
        params: Query = ...,
        version: str = "",
    ) -> T:
        """The response to one GET, decoded as `kind`."""

    def pages(self, listing: Listing[T], params: Query = ...) -> AsyncGenerator[Page[T], None]:
        """A list, page by page; a caller that does not read it to its end must close it (`aclosing`)."""

    async def items(self, listing: Listing[T], params: Query = ...) -> tuple[list[T], int]:
        """A complete list, and the number of malformed items; raises `malformed` if all items are."""
