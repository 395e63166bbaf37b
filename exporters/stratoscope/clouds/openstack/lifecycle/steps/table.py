"""The optional steps in their order, and the kinds of objects that they create."""

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from stratoscope.clouds.abilities import Step
from stratoscope.clouds.openstack.client.listing import Listing, Query
from stratoscope.clouds.openstack.client.session import Session
from stratoscope.clouds.openstack.lifecycle.description import Description
from stratoscope.clouds.openstack.lifecycle.steps import floating_ip, image, volume
from stratoscope.clouds.openstack.lifecycle.steps.server import (
    ReadingConsole,
    Resizing,
    Starting,
    Stopping,
    console_log,
)
from stratoscope.clouds.steps.reachable import Reaching


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of objects that a step creates.

    Attributes:
        service: Its type in the catalogue.
        path: Of the collection.
        answer: The type of the answer for one of them: its `item` has an `object`.
        listing: All of them; each item has an `object`.
        query: The query for the list, of a tag and a project's id.
    """

    service: str
    path: str
    answer: type[Any]
    listing: Listing[Any]
    query: Callable[[str, str], Query]


KINDS: Final[Mapping[str, Kind]] = {
    volume.VOLUME: Kind(volume.SERVICE, volume.PATH, volume.VolumeAnswer, volume.VOLUMES, volume.query),
    floating_ip.FLOATING_IP: Kind(
        floating_ip.SERVICE,
        floating_ip.PATH,
        floating_ip.FloatingIPAnswer,
        floating_ip.FLOATING_IPS,
        floating_ip.query,
    ),
    image.IMAGE: Kind(image.SERVICE, image.PATH, image.Image, image.IMAGES, image.query),
}
"""By the kind of an Object."""


def steps(api: Session, described: Description, addresses: MutableMapping[str, str]) -> Iterator[Step]:
    """The steps that a description wants, in the order of Phase.

    Args: addresses: Of floating IPs, by the VM's id; the step that creates one adds it.
    """
    if described.floating_ip:
        yield floating_ip.AddingFloatingIP(api, addresses)
    if described.reachable is not None:
        yield Reaching(described.reachable, console_log=partial(console_log, api))
    if described.console:
        yield ReadingConsole(api, described.console)
    if described.volume_size:
        yield volume.CreatingVolume(api, described)
    if described.volume is not None:
        yield volume.AttachingVolume(api)
    if described.stop_start:
        yield Stopping(api)
        yield Starting(api)
    if described.resize:
        yield Resizing(api)
    if described.snapshot:
        yield image.TakingSnapshot(api)
