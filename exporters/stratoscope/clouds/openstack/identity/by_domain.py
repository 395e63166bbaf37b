"""Users and groups. Source: Keystone's /v3/users and /v3/groups; role admin. If such a list may be of one
domain only, it is read again by domain.

A Keystone with a driver for each domain (a directory behind each) lists only the credential's own domain,
unless the request has a `domain_id`: then one domain is read at a time, the one read longest ago first. A
token for the system gets the domains without their own driver, or, up to Queens, a 401.
"""

import logging
from collections.abc import Collection, Mapping
from typing import Final

from msgspec.structs import replace

from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.errors import ForbiddenError
from stratoscope.clouds.openstack.client.api import Access, Api
from stratoscope.clouds.openstack.client.listing import Listing, Page
from stratoscope.clouds.openstack.identity.named import Named, read, seen_by
from stratoscope.clouds.round_robin import RoundRobin
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason

log = logging.getLogger(__name__)

MOST: Final = 60
_PER_SECOND: Final = 1.0
_CACHED_S: Final = 2700.0
"""How long lists that cannot be read again are shown."""

_MOST_NAMED: Final = 3


class ByDomain:
    """The users, or the groups, of one cloud."""

    def __init__(self, api: Api, key: str, clock: Clock = CLOCK) -> None:
        """Args: key: `users` or `groups`."""
        self._api, self._key, self._clock = api, key, clock
        self._all = Listing("identity", f"/v3/{key}", key, Named)
        # A call of its own: that the other one is answered 401 must not keep it from being made.
        self._of_one = Listing("identity", f"/v3/{key}", key, Named, operation=f"{key}_of_domain")
        self._last: tuple[float, Page[Named]] | None = None
        self._by_domain: RoundRobin[Page[Named]] = RoundRobin(
            key, per_second=_PER_SECOND, most=MOST, clock=clock
        )

    async def read(
        self, access: Access, domain_ids: Collection[str], *, are_all: bool
    ) -> tuple[Page[Named] | None, int]:
        """All that can be read, and the number of malformed ones; None if they may not be read.

        Args:
            domain_ids: The domains; empty if they may not be read.
            are_all: There are no others.
        """
        refusal: CollectError | LeftOutError | None = None
        try:
            found = await read(self._api, self._all)
        except ForbiddenError:
            return None, 0
        except (CollectError, LeftOutError) as error:
            # 401 for this list, now or before, is no matter of the log-in; else it is a slow directory.
            if error.reason not in (Reason.UNAUTHORIZED, LeftOut.UNAUTHORIZED):
                return self._stay(error)
            found, refusal = Page[Named]([], is_cut=True), error
        else:
            if not (found.items or found.malformed or access.is_admin or access.is_system):
                return None, 0
        others, are_told = _others(access, found, domain_ids)
        if others:
            found = await self._with_others(found, others)
        if refusal is not None and not found.items:
            return self._stay(refusal)
        if not (are_all or are_told):
            found = replace(found, is_cut=True)
        found = seen_by(access, found)
        self._last = self._clock.monotonic(), found
        return found, found.malformed

    async def _with_others(self, own: Page[Named], domain_ids: Collection[str]) -> Page[Named]:
        """The list, with those of these domains as far as they are known."""
        failure = ""
        try:
            await self._by_domain.turn(domain_ids, self._of_domain)
        except (CollectError, LeftOutError) as error:
            failure = str(error)
        if failure or self._by_domain.failed:
            log.warning(
                "%s of some domains stay as last read cloud=%s error=%r",
                *(self._key, self._api.cloud, _faults_text(self._by_domain.faults) or failure),
            )
        known = self._by_domain.values()
        items = {one.id: one for found in (own, *known.values()) for one in found.items}
        malformed = own.malformed + sum(found.malformed for found in known.values())
        is_old = len(known) < len(domain_ids) or self._by_domain.failed > 0
        is_cut = is_old or any(found.is_cut for found in known.values())
        return Page([*items.values()], malformed, is_cut=is_cut)

    async def _of_domain(self, domain_id: str) -> Page[Named]:
        return await read(self._api, self._of_one, {"domain_id": domain_id})

    def _stay(self, error: CollectError | LeftOutError) -> tuple[Page[Named] | None, int]:
        """What was last read, which may be incomplete now; empty if that is too long ago."""
        log.warning("%s stay as last read cloud=%s error=%r", self._key, self._api.cloud, str(error))
        malformed = int(error.reason is Reason.MALFORMED)
        if self._last is None or self._clock.monotonic() - self._last[0] > _CACHED_S:
            return None, malformed
        return replace(self._last[1], is_cut=True), malformed


def _faults_text(faults: Mapping[str, str]) -> str:
    """The domains that cannot be read, with id and error of the first ones; "" if there are none."""
    if not faults:
        return ""
    first = [f"{domain_id} ({fault})" for domain_id, fault in sorted(faults.items())[:_MOST_NAMED]]
    others = f" and {len(faults) - _MOST_NAMED} more" if len(faults) > _MOST_NAMED else ""
    return f"cannot be read: domain {', '.join(first)}{others}"


def _others(access: Access, found: Page[Named], domain_ids: Collection[str]) -> tuple[Collection[str], bool]:
    """The domains to request, and whether the list is of all domains.

    All domains, if the list was truncated or the token is for the system: then domains with their own driver
    may be missing. Else, if the list has one domain only, the others. A token for a domain gets no other
    domain.
    """
    if access.domain_id:
        return (), False
    if found.is_cut or access.is_system:
        return domain_ids, False
    listed = {one.domain_id for one in found.items}
    lists_all = len(listed) > 1
    return [] if lists_all else [one for one in domain_ids if one not in listed], lists_all
