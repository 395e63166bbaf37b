"""What the credential may see: pools leave out, without a word, what it may not."""

from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from stratoscope.clouds.opennebula.client.items import Element, fields, ids
from stratoscope.clouds.opennebula.client.oned import Oned
from stratoscope.clouds.opennebula.client.pools import Pools
from stratoscope.clouds.ttl_cache import TTLCache
from stratoscope.core.errors import LeftOut, LeftOutError

RESOURCES: Final[Mapping[str, int]] = {
    "VM": 0x1000000000,
    "HOST": 0x2000000000,
    "NET": 0x4000000000,
    "IMAGE": 0x8000000000,
    "USER": 0x10000000000,
    "TEMPLATE": 0x20000000000,
    "GROUP": 0x40000000000,
    "DATASTORE": 0x100000000000,
    "CLUSTER": 0x200000000000,
}
"""The bit of a pool in the rules of the access control list (Pool: PoolObjectSQL of oned)."""
_ONE, _GROUP, _ALL = 0x100000000, 0x200000000, 0x400000000
"""Bits that say what the number in the lower half is: an object's id, a group's id, nothing."""
_LOWER: Final = 0xFFFFFFFF
_USE: Final = 1
_ONEADMIN: Final = "0"
_KEPT_S: Final = 600.0


class Access(msgspec.Struct, frozen=True):
    """The credential's user.

    Attributes:
        is_admin: It is oneadmin, or in its group: it sees everything.
        granted: The pools of which it may use every object.
    """

    user_id: str
    is_admin: bool
    granted: frozenset[str]

    def sees_all(self, pool: str) -> bool:
        """Args: pool: A key of RESOURCES."""
        return self.is_admin or pool in self.granted

    def check(self, pool: str, found: Collection[object], what: str) -> None:
        """Reject an empty pool of a user who may not see all of it: it is as empty if there are thousands.

        Raises:
            LeftOutError: `unauthorized`.
        """
        if not found and not self.sees_all(pool):
            need = f"needed: the group oneadmin, or a rule `{pool}/* USE`"
            raise LeftOutError(LeftOut.UNAUTHORIZED, f"{what}: an empty pool, and not all is visible; {need}")


class _Rule(msgspec.Struct, frozen=True):
    user: int
    resource: int
    rights: int
    zone: int


def own(oned: Oned, pools: Pools) -> TTLCache[Access]:
    """The access of the credential; rights that are granted later are seen after 10 minutes."""

    async def read() -> Access:
        user = await pools.one("user.info", -1)
        user_id, groups = user.findtext("ID", ""), ids(user.find("GROUPS"))
        is_admin = _ONEADMIN in (user_id, *groups)
        if is_admin:
            return Access(user_id, is_admin, frozenset())
        rules, _ = await pools.whole("acl.info", "ACL", _rule)
        zones, _ = await pools.whole("zonepool.info", "ZONE", lambda zone: int(zone.findtext("ID", "")))
        return Access(user_id, is_admin, granted(user_id, groups, rules, zones))

    return TTLCache(read, oned.budget.clock)


async def kept(cache: TTLCache[Access]) -> Access:
    """The access as last read, within 10 minutes. Raises as Oned.call."""
    return await cache.not_older_than(_KEPT_S)


async def checked(
    cache: TTLCache[Access], pool: str, found: Collection[object], malformed: int, method: str
) -> Access:
    """The access, for what a method found in a pool. Raises as Access.check for an empty one, and `kept`.

    Args:
        malformed: Number of malformed items: with one of them the pool is not empty.
    """
    access = await kept(cache)
    if not malformed:
        access.check(pool, found, f"oned: {method}")
    return access


def granted(
    user_id: str, groups: Collection[str], rules: Collection[_Rule], zones: Collection[int]
) -> frozenset[str]:
    """The pools of which rules let a user use every object.

    A rule for one zone counts if there is no other: oned does not tell in which zone it is.
    """
    users = {_ALL, _ONE | int(user_id), *(_GROUP | int(group) for group in groups)}
    places = {_ALL, *(_ONE | zone for zone in zones if len(zones) == 1)}
    good = [
        rule.resource
        for rule in rules
        if rule.user in users and rule.zone in places and rule.rights & _USE and _is_for_all(rule.resource)
    ]
    return frozenset(name for name, bit in RESOURCES.items() if any(resource & bit for resource in good))


def _is_for_all(resource: int) -> bool:
    return bool(resource & _ALL) and not resource & _LOWER


def _rule(element: Element) -> _Rule:
    found = fields(element)
    return _Rule(*(int(found[name], 16) for name in ("USER", "RESOURCE", "RIGHTS", "ZONE")))
