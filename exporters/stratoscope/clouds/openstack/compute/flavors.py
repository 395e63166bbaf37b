"""Flavors. Source: Nova's GET /flavors/detail; any role.

An administrator gets all of them, others get the public ones and those of their project. Before microversion
2.61 (Rocky) the list lacks extra specs: then they are read flavor by flavor, a few at each refresh.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Final, Literal

import msgspec
from msgspec.structs import replace

from stratoscope.clouds import flavors as vocabulary
from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.fields import GIB, MIB, Id, Text, segment
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing
from stratoscope.clouds.round_robin import RoundRobin
from stratoscope.clouds.ttl_cache import TTLCache
from stratoscope.core.collector import Every
from stratoscope.core.errors import CollectError, LeftOutError

_Size = Annotated[int, msgspec.Meta(ge=0, le=2**40)]


class Flavor(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={
        "ephemeral": "OS-FLV-EXT-DATA:ephemeral",
        "is_disabled": "OS-FLV-DISABLED:disabled",
        "is_public": "os-flavor-access:is_public",
    },
):
    """One of `flavors`; MiB and GiB.

    Attributes:
        swap: "" for none, before 2.75.
        extra_specs: None if they have not been read yet, or the cloud's policy hides them.
    """

    id: Id
    name: Text
    vcpus: _Size
    ram: _Size
    disk: _Size
    ephemeral: _Size = 0
    swap: _Size | Literal[""] = 0
    is_disabled: bool = False
    is_public: bool = True
    extra_specs: dict[Text, Text] | None = None

    def flavor(self) -> vocabulary.Flavor:
        disk = (self.disk + self.ephemeral) * GIB + (self.swap or 0) * MIB
        return vocabulary.Flavor(
            flavor_id=self.id,
            name=self.name,
            vcpus=self.vcpus,
            memory=self.ram * MIB,
            disk=disk,
            is_public=self.is_public,
        )


class _Specs(msgspec.Struct, frozen=True, gc=False):
    extra_specs: dict[Text, Text]


_WITH_SPECS: Final = "2.61"
_PER_SECOND: Final = 0.2
_MOST: Final = 30
"""Limit on the flavors whose extra specs are read one by one in a refresh."""

_FLAVORS: Final = Listing("compute", "/flavors/detail", "flavors", Flavor, version="2.96")


class Flavors(Reader):
    """The flavors of one cloud, read once for all callers."""

    def __init__(self, api: Api, clock: Clock = CLOCK) -> None:
        self._api = api
        self._list = TTLCache(self._ask, clock)
        self._specs: RoundRobin[Mapping[str, str]] = RoundRobin(
            "flavors", per_second=_PER_SECOND, most=_MOST, clock=clock
        )

    @question(
        "flavors",
        Every(60, 30, 180),
        cost="1 for each 1,000 flavors; before Nova 2.61 1 more for each flavor in turn, at most "
        f"{_MOST}, and {_PER_SECOND:g} a second",
        role="any; admin sees private ones of all projects",
    )
    async def read(self) -> vocabulary.Flavors:
        """The current flavors. Raises as Api."""
        flavors, malformed = await self._list.anew()
        return vocabulary.Flavors(tuple(one.flavor() for one in flavors), malformed)

    async def listed(self, max_age_s: float) -> tuple[Sequence[Flavor], int]:
        """The flavors, not older than that, and the number of malformed ones. Raises as Api."""
        return await self._list.not_older_than(max_age_s)

    async def _ask(self) -> tuple[Sequence[Flavor], int]:
        flavors, malformed = await self._api.items(_FLAVORS, {**WHOLE_PAGE, "is_public": "None"})
        if not await self._api.knows("compute", _WITH_SPECS):
            flavors = await self._with_specs(flavors)
        return _told_apart(flavors), malformed

    async def _with_specs(self, flavors: Sequence[Flavor]) -> list[Flavor]:
        """Flavors with their extra specs, as far as these can be read: without them, room is an upper
        bound.
        """
        with suppress(CollectError, LeftOutError):
            await self._specs.turn([one.id for one in flavors], self._read_specs)
        known = self._specs.values()
        return [replace(one, extra_specs=known.get(one.id)) for one in flavors]

    async def _read_specs(self, flavor_id: str) -> Mapping[str, str]:
        path = f"/flavors/{segment(flavor_id)}/os-extra_specs"
        return (await self._api.get("compute", path, _Specs, operation="os-extra_specs")).extra_specs


def _told_apart(flavors: Sequence[Flavor]) -> Sequence[Flavor]:
    """Make names unique: if two flavors have the same name, which Nova does not allow, both get name and
    id.
    """
    known = Counter(one.name for one in flavors)
    return [one if known[one.name] == 1 else replace(one, name=f"{one.name} ({one.id})") for one in flavors]
