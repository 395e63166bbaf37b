"""Datastores as storage backends, and images: `datastorepool.info`, `imagepool.info`."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.model import Backend, Backends, Count, Image, Images, Objects
from stratoscope.clouds.opennebula import states
from stratoscope.clouds.opennebula.client.access import Access, checked
from stratoscope.clouds.opennebula.client.items import (
    MIB,
    Element,
    amount,
    fields,
    ids,
    number,
    optional,
    sensible,
)
from stratoscope.clouds.opennebula.client.oned import Oned
from stratoscope.clouds.opennebula.client.pools import Pools
from stratoscope.clouds.orphans import Orphan, OrphanReason, orphans_of
from stratoscope.clouds.resources import Listed, by_number
from stratoscope.clouds.ttl_cache import TTLCache
from stratoscope.core.collector import Every
from stratoscope.core.errors import LeftOutError

_KEPT_S: Final = 300.0
_TYPES: Final[Mapping[int, str]] = {0: "IMAGE", 1: "SYSTEM", 2: "FILE", 3: "BACKUP"}
_PASSING: Final = frozenset({"LOCKED", "LOCKED_USED", "LOCKED_USED_PERS", "DELETE"})
"""States that end by themselves, unless the driver died; oned does not date them."""
_LEFT_S: Final = 3600.0
_DATABLOCK: Final = "2"
"""The type of an image that is a disk of its own, as a volume is; others are what VMs are made of."""


class _Image(msgspec.Struct, frozen=True, gc=False):
    image_id: str
    name: str
    project_id: str
    visibility: str
    state: str
    size: int
    is_volume: bool
    changed: int | None
    vm_ids: tuple[str, ...]


class Storage(Reader):
    """The datastores and images of one zone."""

    def __init__(
        self,
        oned: Oned,
        pools: Pools,
        access: TTLCache[Access],
        vms: Callable[[], Collection[str] | None] = lambda: None,
    ) -> None:
        """Args: vms: The ids of all VMs; None while they are not known."""
        self._pools, self._access, self._vms, self._clock = pools, access, vms, oned.budget.clock
        self._left_since: dict[tuple[str, OrphanReason], float] = {}
        self._images = TTLCache(self._read, oned.budget.clock)

    async def image_sizes(self) -> Mapping[str, int]:
        """The size of each image that the credential may see, in bytes, by id; none if it may see none.

        Raises as Pools.
        """
        try:
            images, _ = await self._images.not_older_than(_KEPT_S)
        except LeftOutError:
            return {}
        return {one.image_id: one.size for one in images}

    @question("datastores", Every(120, 60, 360), cost="1", role="group oneadmin, or DATASTORE/* USE")
    async def backends(self) -> Backends:
        """Raises as Pools, and LeftOutError."""
        found, malformed = await self._pools.whole("datastorepool.info", "DATASTORE", datastore)
        access = await checked(self._access, "DATASTORE", found, malformed, "datastorepool.info")
        return Backends(tuple(found), malformed, access.sees_all("DATASTORE"))

    @question(
        "images",
        Every(300, 60, 900),
        cost="1 for each 2,000 images",
        role="group oneadmin, or IMAGE/* USE; any other sees what it may use",
        lists=by_number("volumes"),
    )
    async def images(self) -> Images:
        """Raises as Pools, and LeftOutError."""
        found, malformed = await self._images.anew()
        access = await checked(self._access, "IMAGE", found, malformed, "imagepool.info")
        objects = Objects(
            "images",
            _counts([(one.state, one.size) for one in found]),
            None,
            _counts([(one.project_id, one.size) for one in found]),
            access.sees_all("IMAGE") and not self._pools.is_cut("imagepool.info"),
            malformed,
            named=orphans_of([*_orphans(found), *self._left(found)]),
            listed=Listed({one.image_id: one.state for one in found}, not malformed),
        )
        named = (Image(one.image_id, one.name, one.project_id, one.visibility) for one in found)
        return Images(objects, tuple(named))

    def _left(self, images: Sequence[_Image]) -> Iterable[Orphan]:
        """Those that a VM or a driver has left behind, as they have been for an hour or more."""
        vms, now = self._vms(), self._clock.monotonic()
        left = {(one.image_id, why): one for one in images if (why := _left_behind(one, vms)) is not None}
        self._left_since = {key: self._left_since.get(key, now) for key in left}
        for (_, why), one in left.items():
            since = self._left_since[one.image_id, why]
            if now - since >= _LEFT_S:
                yield Orphan(one.image_id, one.name, one.project_id, why, one.state, self._clock.unix(since))

    async def _read(self) -> tuple[Sequence[_Image], int]:
        return await self._pools.paged("imagepool.info", "IMAGE", image)


def datastore(element: Element) -> Backend:
    """A datastore of the pool. Raises ValueError, KeyError if it makes no sense.

    One that oned does not monitor by itself (a system datastore on the hosts' own disks) has a size of 0,
    which is no size.
    """
    found = fields(element)
    total, free, used = (sensible(found, f"{name}_MB", MIB) for name in ("TOTAL", "FREE", "USED"))
    is_known = bool(total)
    kind = int(found["TYPE"])
    return Backend(
        name=found["NAME"],
        total=total if is_known else None,
        free=free if is_known else None,
        provisioned=None,
        allocated=None,
        ratio=None,
        backend_id=number(found["ID"]),
        kind=_TYPES.get(kind, f"TYPE_{kind}"),
        used=used if is_known else None,
        images=len(ids(element.find("IMAGES"))),
    )


def image(element: Element) -> _Image:
    """An image of the pool. Raises ValueError, KeyError if it makes no sense."""
    found, rights = fields(element), fields(element.find("PERMISSIONS"))
    return _Image(
        image_id=number(found["ID"]),
        name=found["NAME"],
        project_id=number(found["GID"]),
        visibility=_visibility(rights),
        state=states.image(int(found["STATE"])),
        size=amount(found, "SIZE", MIB),
        is_volume=found.get("TYPE") == _DATABLOCK and found.get("PERSISTENT") == "1",
        changed=optional(found, "MODTIME"),
        vm_ids=tuple(ids(element.find("VMS"))),
    )


def _reason(one: _Image) -> OrphanReason | None:
    """Why an image is named: it is in error, or a persistent data block that no VM has."""
    if one.state == "ERROR":
        return OrphanReason.ERROR
    return OrphanReason.UNBOUND if one.is_volume and one.state == "READY" else None


def _orphans(images: Iterable[_Image]) -> Iterable[Orphan]:
    for one in images:
        if (why := _reason(one)) is not None:
            yield Orphan(one.image_id, one.name, one.project_id, why, one.state, one.changed)


def _left_behind(one: _Image, vms: Collection[str] | None) -> OrphanReason | None:
    """Why it may be left behind: no VM has it though it is in use, or it is locked or being deleted.

    Args: vms: The ids of all VMs; None while they are not known.
    """
    if one.state in _PASSING:
        return OrphanReason.STUCK
    has_vm = bool(one.vm_ids) if vms is None else any(vm in vms for vm in one.vm_ids)
    return OrphanReason.UNBOUND if one.state == "USED_PERS" and not has_vm else None


def _visibility(rights: Mapping[str, str]) -> str:
    """Who may use it besides its owner: everybody, its group, nobody."""
    if rights.get("OTHER_U") == "1":
        return "public"
    return "group" if rights.get("GROUP_U") == "1" else "private"


def _counts(images: Sequence[tuple[str, int]]) -> Mapping[str, Count]:
    number = Counter(key for key, _ in images)
    size: Counter[str] = Counter()
    for key, of_image in images:
        size[key] += of_image
    return {key: Count(number[key], size[key]) for key in number}
