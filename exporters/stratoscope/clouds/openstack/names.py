"""Names of projects and users. Source: Keystone's /v3/projects, /v3/users and /v3/domains; role admin.

Without that role: /v3/auth/projects, the projects that the credential's user has a role on.
"""

import asyncio
import logging
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Final, TypeAlias, TypeVar

import msgspec
from msgspec.structs import replace

from stratoscope.clouds.clock import CLOCK, Clock
from stratoscope.clouds.model import Project, Projects, User
from stratoscope.clouds.openstack.api import Access, Api, ForbiddenError
from stratoscope.clouds.openstack.fields import Text
from stratoscope.clouds.openstack.listing import Listing
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason, again

log = logging.getLogger(__name__)

T = TypeVar("T")
_Told: TypeAlias = tuple[float, T]
"""What was read, and when, on the monotonic clock."""

_STALE_S: Final = 900.0
"""Names are read anew when somebody asks and the question `projects` has not done so for so long."""
_KEPT_S: Final = 3 * _STALE_S
"""So long users and domains are kept that alone cannot be read again."""
_RECENT_S: Final = 60.0
"""So long the same answer, or the same failure, serves all who ask."""
_PATIENCE_S: Final = 10.0
"""So long others wait for names, no more than once in a while: a slow Keystone must not cost them their own
answers."""


class _Item(msgspec.Struct, frozen=True, gc=False):
    """A project, user or domain."""

    id: Text
    name: Text
    domain_id: Text | None = None
    enabled: bool = True


_PROJECTS: Final = Listing("identity", "/v3/projects", "projects", _Item)
_OWN_PROJECTS: Final = Listing("identity", "/v3/auth/projects", "projects", _Item, operation="auth/projects")
_USERS: Final = Listing("identity", "/v3/users", "users", _Item)
_DOMAINS: Final = Listing("identity", "/v3/domains", "domains", _Item)


class _Known(msgspec.Struct, frozen=True):
    """Attributes: is_whole: All projects of the cloud, or only those of the credential's user."""

    answer: Projects
    projects: Mapping[str, str]
    users: Mapping[str, str]
    own: str
    is_whole: bool
    read: float


class Names:
    """Who is who in one cloud, read once for all who ask. What Keystone no longer lists disappears."""

    def __init__(self, api: Api, clock: Clock = CLOCK) -> None:
        self._api, self._clock = api, clock
        self._one_at_a_time = asyncio.Lock()
        self._known: _Known | None = None
        self._users: _Told[list[_Item]] | None = None
        self._owners: Collection[str] = ()
        self._domains: _Told[Mapping[str, str]] | None = None
        self._impatient_until = -math.inf
        self._failure: tuple[float, CollectError | LeftOutError] | None = None

    async def read(self) -> Projects:
        """Projects and users as they are now, at most a minute ago; users that own VMs first.

        Raises:
            CollectError, LeftOutError: As Api.
        """
        answer = (await self._not_older_than(_RECENT_S)).answer
        return replace(answer, users=_first(answer.users, self._owners)) if answer.users else answer

    async def projects(self) -> Mapping[str, str]:
        """Names by id, as far as they can be read now; those last read while Keystone does not answer."""
        known = await self._at_hand()
        return known.projects if known else {}

    async def users(self, owners: Collection[str]) -> Mapping[str, str]:
        """As `projects`. Args: owners: Ids of those that own VMs; of very many users these matter most."""
        self._owners = owners
        known = await self._at_hand()
        return known.users if known else {}

    async def owners(self) -> Sequence[str]:
        """Ids of the projects whose quotas can be asked for: all of them, or the credential's own alone.

        Raises:
            CollectError, LeftOutError: As Api; and `unauthorized`, when the credential has no project.
        """
        known = await self._known_owners()
        if known.is_whole:
            return [project.project_id for project in known.answer.projects]
        if not known.own:
            raise LeftOutError(
                LeftOut.UNAUTHORIZED, "the credential has neither a project nor the role admin"
            )
        return [known.own]

    async def _known_owners(self) -> _Known:
        """What is known; Keystone's silence does not matter once it has been read."""
        known = self._known
        return await self._not_older_than(_STALE_S) if known is None else await self._at_hand() or known

    async def _at_hand(self) -> _Known | None:
        """What is known; read first where it is not, or is stale, as long as that does not take long."""
        is_being_read = self._known is not None and self._one_at_a_time.locked()
        if is_being_read or self._clock.monotonic() < self._impatient_until:
            return self._known
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await self._not_older_than(_STALE_S)
        except TimeoutError:
            self._impatient_until = self._clock.monotonic() + _RECENT_S
            return self._known
        except (CollectError, LeftOutError):
            return self._known

    async def _not_older_than(self, seconds: float) -> _Known:
        async with self._one_at_a_time:
            now = self._clock.monotonic()
            if self._known is not None and now - self._known.read < seconds:
                return self._known
            if self._failure is not None and now - self._failure[0] < _RECENT_S:
                raise again(self._failure[1])
            try:
                self._known = await self._read_all()
            except (CollectError, LeftOutError) as error:
                self._failure = (now, error)
                raise
            self._failure = None
            return self._known

    async def _read_all(self) -> _Known:
        access = await self._api.access()
        projects, malformed, is_whole = await self._read_projects(access)
        domains = await self._read_domains()
        users, malformed_users = await self._read_users(access)
        answer = Projects(
            tuple(Project(*_identity(one, domains)) for one in projects),
            None if users is None else tuple(User(*_identity(one, domains)) for one in users),
            malformed + malformed_users,
        )
        return _Known(
            answer,
            _by_id(access.project_id, access.project_name, projects),
            _by_id(access.user_id, access.user_name, users or ()),
            access.project_id,
            is_whole,
            self._clock.monotonic(),
        )

    async def _read_projects(self, access: Access) -> tuple[list[_Item], int, bool]:
        """The projects, how many made no sense, and whether these are all of the cloud's."""
        try:
            projects, malformed = await self._api.items(_PROJECTS)
        except ForbiddenError:
            projects, malformed = [], 0
        if projects or malformed or access.is_admin:
            return projects, malformed, True
        return *await self._api.items(_OWN_PROJECTS), False

    async def _read_users(self, access: Access) -> tuple[list[_Item] | None, int]:
        """Keystone with a driver for each domain tells only the users of the credential's own domain."""
        try:
            users, malformed = await self._api.items(_USERS)
        except ForbiddenError:
            return None, 0
        except CollectError as error:  # a directory behind Keystone that is slow, or very large
            log.warning("users stay as last read cloud=%s error=%r", self._api.cloud, str(error))
            return self._kept(self._users), int(error.reason is Reason.MALFORMED)
        self._users = self._clock.monotonic(), users
        if users or malformed or access.is_admin:
            return users, malformed
        return None, 0

    async def _read_domains(self) -> Mapping[str, str]:
        """Names by id; empty where they may not be read."""
        try:
            domains, _ = await self._api.items(_DOMAINS)
        except ForbiddenError:
            return {}
        except CollectError as error:
            log.warning("domains stay as last read cloud=%s error=%r", self._api.cloud, str(error))
            return self._kept(self._domains) or {}
        names = {domain.id: domain.name for domain in domains}
        self._domains = self._clock.monotonic(), names
        return names

    def _kept(self, told: _Told[T] | None) -> T | None:
        """What was last read; nothing when that is too long ago."""
        return told[1] if told is not None and self._clock.monotonic() - told[0] <= _KEPT_S else None


def _identity(item: _Item, domains: Mapping[str, str]) -> tuple[str, str, str, bool]:
    domain_id = item.domain_id or ""
    return item.id, item.name, domains.get(domain_id, domain_id), item.enabled


def _by_id(own_id: str, own_name: str, items: Sequence[_Item]) -> Mapping[str, str]:
    """Names, the credential's own in any case."""
    own = {own_id: own_name} if own_id else {}
    return own | {item.id: item.name for item in items}


def _first(users: Sequence[User], owners: Collection[str]) -> tuple[User, ...]:
    """The users, those among `owners` first."""
    return (
        *(user for user in users if user.user_id in owners),
        *(user for user in users if user.user_id not in owners),
    )
