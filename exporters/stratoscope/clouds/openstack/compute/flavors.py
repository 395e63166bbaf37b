"""Flavors. Source: Nova's GET /flavors/detail; any role.

An administrator is told all of them, any other the public ones and those that its project was given.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Final, Literal

import msgspec
from msgspec.structs import replace

from stratoscope.clouds import model
from stratoscope.clouds.abilities import Question
from stratoscope.clouds.clock import CLOCK, Clock
from stratoscope.clouds.openstack.api import Api
from stratoscope.clouds.openstack.fields import GIB, MIB, Id, Text
from stratoscope.clouds.openstack.listing import WHOLE_PAGE, Listing
from stratoscope.clouds.openstack.recent import Recent
from stratoscope.core.collector import Every

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
        extra_specs: None where they are not told: before 2.61, or by the cloud's policy.
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

    def flavor(self) -> model.Flavor:
        disk = (self.disk + self.ephemeral) * GIB + (self.swap or 0) * MIB
        return model.Flavor(self.id, self.name, self.vcpus, self.ram * MIB, disk, self.is_public)


_FLAVORS: Final = Listing("compute", "/flavors/detail", "flavors", Flavor, version="2.96")


class Flavors:
    """The flavors of one cloud, read once for all who ask."""

    def __init__(self, api: Api, clock: Clock = CLOCK) -> None:
        self._api = api
        self._list = Recent(self._ask, clock)

    def questions(self) -> Sequence[Question[model.Flavors]]:
        return (
            Question(
                "flavors",
                model.Flavors,
                self.read,
                Every(60, 30, 180),
                cost="1 for each 1,000 flavors",
                role="any; admin sees private ones of all projects",
            ),
        )

    async def read(self) -> model.Flavors:
        """Flavors as they are now. Raises as Api."""
        flavors, malformed = await self._list.anew()
        return model.Flavors(tuple(one.flavor() for one in flavors), malformed)

    async def listed(self, max_age_s: float) -> tuple[Sequence[Flavor], int]:
        """The flavors, no older than that, and how many made no sense. Raises as Api."""
        return await self._list.not_older_than(max_age_s)

    async def _ask(self) -> tuple[Sequence[Flavor], int]:
        flavors, malformed = await self._api.items(_FLAVORS, {**WHOLE_PAGE, "is_public": "None"})
        return _told_apart(flavors), malformed


def _told_apart(flavors: Sequence[Flavor]) -> Sequence[Flavor]:
    """Nova keeps names apart; should two ever be the same, both go by name and id."""
    known = Counter(one.name for one in flavors)
    return [one if known[one.name] == 1 else replace(one, name=f"{one.name} ({one.id})") for one in flavors]
