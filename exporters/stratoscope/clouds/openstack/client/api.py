"""What the readers of this folder ask a cloud through; session.py is the real one."""

from collections.abc import AsyncGenerator, Iterable
from typing import Protocol, TypeVar

import msgspec

from stratoscope.clouds.openstack.client.listing import Listing, Page, Query
from stratoscope.core.errors import CollectError, Reason

T = TypeVar("T")


class BadRequestError(CollectError):
    """400: the service does not understand what it is asked, or knows nothing of what it is asked about."""

    def __init__(self, message: str) -> None:
        super().__init__(Reason.MALFORMED, message)


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """What the token says.

    Attributes:
        roles: Names in small letters: the policies of all services ignore the case.
        project_id, domain_id: What the token is for; "" for another scope.
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
        """What the token is for, in words."""
        if self.project_id:
            return f"the project {self.project_id}"
        return f"the domain {self.domain_id}" if self.domain_id else "the system"

    def sees_all_domains(self, domains: Iterable[str | None] = ()) -> bool:
        """Whether Keystone lists the items of all domains. Args: domains: Those of the items in a list.

        A token for a domain gets that domain's alone; one without the role admin, or the system, gets those
        of several domains only where the list has several.
        """
        return not self.domain_id and (self.is_admin or self.is_system or len({*domains} - {None}) > 1)


class Api(Protocol):
    """One cloud and region, requested within its budget.

    Every method raises, besides what it says itself:
        CollectError: `timeout`; `unavailable` (no connection, 5xx, too old); `unauthorized` (log-in refused);
            `malformed`; `busy` (429, or the budget of this refresh is used up).
        LeftOutError: `absent`: the service is not in the catalogue.
        ForbiddenError, NotThereError, BadRequestError: 403, 404, 400.
    """

    cloud: str

    async def access(self) -> Access:
        """What the token in force says; logs in when there is none."""

    async def knows(self, service: str, version: str) -> bool:
        """Whether a service's microversions reach that one."""

    async def require(self, service: str, version: str) -> None:
        """`unavailable`, with what the service tells, where its microversions do not reach that one."""

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
        """One GET, its answer decoded as `kind`."""

    def pages(self, listing: Listing[T], params: Query = ...) -> AsyncGenerator[Page[T], None]:
        """A list, page by page, to its end; one who does not read to the end closes it (`aclosing`)."""

    async def items(self, listing: Listing[T], params: Query = ...) -> tuple[list[T], int]:
        """A whole list, and how many of its items made no sense; `malformed` when that is all of them."""
