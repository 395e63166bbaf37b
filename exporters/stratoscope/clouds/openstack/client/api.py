"""What the readers of this folder ask a cloud through; session.py is the real one."""

from collections.abc import AsyncGenerator, Iterable
from typing import Protocol, TypeVar

import msgspec

from stratoscope.clouds.openstack.client.listing import Listing, Page, Query
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason

T = TypeVar("T")


class ForbiddenError(LeftOutError):
    """403: the credential lacks the right. Uncaught, the collector is left out as `unauthorized`."""

    def __init__(self, message: str) -> None:
        super().__init__(LeftOut.UNAUTHORIZED, message)


class NotThereError(CollectError):
    """404: what was asked for is gone, or the cloud does not know the call."""

    def __init__(self, message: str) -> None:
        super().__init__(Reason.UNAVAILABLE, message)


class BadRequestError(CollectError):
    """400: the service does not understand what it is asked, or knows nothing of what it is asked about."""

    def __init__(self, message: str) -> None:
        super().__init__(Reason.MALFORMED, message)


class Access(msgspec.Struct, frozen=True):
    """What the token says.

    Attributes:
        roles: Names in small letters: the policies of all services take no notice of the case.
        project_id: The credential's project; "" where it has none (system or domain scope).
        services: Types in the catalogue of the configured region, as openstacksdk names them:
            `block-storage`, not `volumev3`.
        domain_id: The domain that the token is for; "" where it is for a project or the system.
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

    def sees_all_domains(self, told: Iterable[str | None] = ()) -> bool:
        """Whether Keystone tells it what is in all domains.

        It tells a token for a domain of that domain alone, whatever the role; without the role admin, or the
        system, a list is of all domains only where it shows several.

        Args:
            told: The domains that a list shows.
        """
        return not self.domain_id and (self.is_admin or self.is_system or len({*told} - {None}) > 1)


class Api(Protocol):
    """One cloud and region, asked within its budget.

    Every method raises, besides what it says itself:
        CollectError: `timeout`, `unavailable` (no connection, 5xx; the service is older than what is asked of
            it), `unauthorized` (the log-in is refused), `malformed`, `busy` (429, or the budget of this
            refresh is used up).
        LeftOutError: `absent`, when the catalogue does not have the service.
        ForbiddenError: 403.
        NotThereError: 404.
        BadRequestError: 400.
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
