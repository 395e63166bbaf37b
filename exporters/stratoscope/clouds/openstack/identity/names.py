"""Names of projects and users. Source: Keystone's /v3/projects and /v3/domains, and by_domain.py; role admin.

Without that role: /v3/auth/projects, the projects that the credential's user has a role on.
"""

import asyncio
import logging
import math
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

import msgspec
from msgspec.structs import replace

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.errors import ForbiddenError
from stratoscope.clouds.openstack.client.api import Access, Api
from stratoscope.clouds.openstack.client.listing import Listing, Page
from stratoscope.clouds.openstack.identity.by_domain import MOST, ByDomain
from stratoscope.clouds.openstack.identity.named import Named, read, seen_by
from stratoscope.clouds.owners import Project, Projects, User
from stratoscope.clouds.ttl_cache import TTLCache
from stratoscope.core.collector import Every
from stratoscope.core.deadline import at_most_s
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError

log = logging.getLogger(__name__)

_STALE_S: Final = 900.0
"""Names are read for a caller if the question `projects` has not read them for this time."""
_CACHED_S: Final = 3 * _STALE_S
"""How long domains are used if they alone cannot be read again."""
_RECENT_S: Final = 60.0
"""For this time a failure is returned to all callers, and no caller waits for names again after its own wait
has timed out."""
_PATIENCE_S: Final = 10.0
"""How long other collectors wait for names, and only once in a while: a slow Keystone must not make them
fail."""


_PROJECTS: Final = Listing("identity", "/v3/projects", "projects", Named)
_OWN_PROJECTS: Final = Listing("identity", "/v3/auth/projects", "projects", Named, operation="auth/projects")
_DOMAINS: Final = Listing("identity", "/v3/domains", "domains", Named)


class _Known(msgspec.Struct, frozen=True):
    """What was read. Attributes: is_whole: All projects of the cloud, not only the user's."""

    answer: Projects
    projects: Mapping[str, str]
    users: Mapping[str, str]
    own: str
    is_whole: bool


class Names(Reader):
    """Names of projects and users of one cloud, read once for all callers. Deleted ones disappear."""

    def __init__(self, api: Api, clock: Clock = CLOCK) -> None:
        self._api, self._clock = api, clock
        self._cache = TTLCache(self._read_all, clock, failure_s=_RECENT_S)
        self._users = ByDomain(api, "users", clock)
        self._owners: Collection[str] = ()
        self._domains: tuple[float, Mapping[str, str], bool] | None = None
        self._cut: frozenset[str] = frozenset()
        self._impatient_until = -math.inf

    @question(
        "projects",
        Every(600, 60, 1800),
        cost="3; where Keystone lists one Keystone domain's users alone, or the token is for the system, 1 "
        f"more for each Keystone domain in turn, at most {MOST}; without the role admin 4",
        role="admin; any other sees the projects it has a role on, and no users",
    )
    async def read(self) -> Projects:
        """The current projects and users; users that own VMs first. Raises as Api."""
        answer = (await self._cache.anew()).answer
        if not answer.users:
            return answer
        owners_first = sorted(answer.users, key=lambda user: user.user_id not in self._owners)
        return replace(answer, users=tuple(owners_first))

    async def projects(self) -> Mapping[str, str]:
        """Names by id, as far as they can be read; those last read while Keystone does not answer."""
        known = await self._at_hand()
        return known.projects if known else {}

    async def users(self, owners: Collection[str]) -> Mapping[str, str]:
        """As `projects`. Args: owners: Ids of users that own VMs; they come first if there are too many
        users.
        """
        self._owners = owners
        known = await self._at_hand()
        return known.users if known else {}

    async def owners(self) -> Sequence[str]:
        """Ids of the projects whose quotas can be read: all, the credential's first; or only the
        credential's.

        Raises as Api; LeftOutError `unauthorized` if the credential has no project.
        """
        known = self._cache.last and (await self._at_hand() or self._cache.last)
        known = known or await self._cache.not_older_than(_STALE_S)
        if known.is_whole:
            ids = (project.project_id for project in known.answer.projects)
            return sorted(ids, key=lambda one: one != known.own)
        if not known.own:
            raise LeftOutError(
                LeftOut.UNAUTHORIZED, "the credential has neither a project nor the role admin"
            )
        return [known.own]

    async def _at_hand(self) -> _Known | None:
        """The known names; read first if they are unknown or old, unless that takes long."""
        last = self._cache.last
        is_read_anew = last is not None and self._cache.is_being_read
        if is_read_anew or self._clock.monotonic() < self._impatient_until:
            return last
        try:
            async with asyncio.timeout(at_most_s(_PATIENCE_S)):
                return await self._cache.not_older_than(_STALE_S)
        except TimeoutError:
            self._impatient_until = self._clock.monotonic() + _RECENT_S
            return last
        except (CollectError, LeftOutError):
            return last

    async def _read_all(self) -> _Known:
        access = await self._api.access()
        projects, is_whole = await self._read_projects(access)
        domains, are_all = await self._read_domains()
        found, malformed = await self._users.read(access, domains, are_all=are_all)
        users = found or Page[Named]([])
        answer = Projects(
            tuple(Project(*_identity(one, domains)) for one in projects.items),
            None if found is None else tuple(User(*_identity(one, domains)) for one in users.items),
            projects.malformed + malformed,
            truncated={"projects": projects.is_cut, "users": users.is_cut},
        )
        self._note({sort for sort, is_cut in answer.truncated.items() if is_cut}, access)
        return _Known(
            answer,
            _by_id(access.project_id, access.project_name, projects.items),
            _by_id(access.user_id, access.user_name, users.items),
            access.project_id,
            is_whole,
        )

    def _note(self, cut: AbstractSet[str], access: Access) -> None:
        """Log it when a list becomes incomplete or complete."""
        why = "Keystone truncated the list (list_limit), lists one domain only, or a domain cannot be read"
        if access.domain_id:
            why = f"the token is for {access.scope}, and Keystone lists only that domain"
        for sort in sorted(cut - self._cut):
            log.warning(
                "list incomplete cloud=%s sort=%s: %s; no total is shown", *(self._api.cloud, sort, why)
            )
        for sort in sorted(self._cut - cut):
            log.info("list complete again cloud=%s sort=%s", self._api.cloud, sort)
        self._cut = frozenset(cut)

    async def _read_projects(self, access: Access) -> tuple[Page[Named], bool]:
        """The projects, and whether these are all of the cloud, not only those of the credential's user."""
        try:
            projects = await read(self._api, _PROJECTS)
        except ForbiddenError:
            projects = Page[Named]([])
        if projects.items or projects.malformed or access.is_admin:
            return seen_by(access, projects), True
        return await read(self._api, _OWN_PROJECTS), False

    async def _read_domains(self) -> tuple[Mapping[str, str], bool]:
        """Names by id, empty if they may not be read, and whether these are all domains."""
        try:
            domains = await read(self._api, _DOMAINS)
        except ForbiddenError:
            return {}, False
        except (CollectError, LeftOutError) as error:
            log.warning("domains stay as last read cloud=%s error=%r", self._api.cloud, str(error))
            return self._cached_domains()
        names = {domain.id: domain.name for domain in domains.items}
        self._domains = self._clock.monotonic(), names, not (domains.is_cut or domains.malformed)
        return self._domains[1:]

    def _cached_domains(self) -> tuple[Mapping[str, str], bool]:
        """The domains that were last read; empty if that is too long ago."""
        last = self._domains
        return (
            last[1:] if last is not None and self._clock.monotonic() - last[0] <= _CACHED_S else ({}, False)
        )


def _identity(item: Named, domains: Mapping[str, str]) -> tuple[str, str, str, bool | None]:
    domain_id = item.domain_id or ""
    return item.id, item.name, domains.get(domain_id, domain_id), item.enabled


def _by_id(own_id: str, own_name: str, items: Sequence[Named]) -> Mapping[str, str]:
    """Names by id, always including the credential's own."""
    own = {own_id: own_name} if own_id else {}
    return own | {item.id: item.name for item in items}
