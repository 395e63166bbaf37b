"""Looks up what a description names. Sources: `templatepool.info`, `imagepool.info`, `hostpool.info`."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from stratoscope.clouds.lifecycle import Resolved, RunReason, StepError
from stratoscope.clouds.nearest_names import only, unknown
from stratoscope.clouds.opennebula import states
from stratoscope.clouds.opennebula.client.items import Element, fields, number, optional
from stratoscope.clouds.opennebula.client.pools import Pools
from stratoscope.clouds.opennebula.lifecycle.description import Description

_USER: Final = "the user"
"""Who has the names of messages: pools have what a credential may use."""
_MONITORED: Final = "MONITORED"
_USABLE: Final = frozenset({"READY", "USED", "LOCKED", "LOCKED_USED"})
"""States of an image of which oned makes a VM; for one that is locked the VM waits."""


class _Disk(msgspec.Struct, frozen=True):
    """A disk of a template that names an image, by its id or by its name and owner; "" where it does not."""

    image_id: str
    image: str
    user_id: str
    user: str


class Template(msgspec.Struct, frozen=True):
    """A template.

    Attributes:
        cpu: Of one CPU; None if it does not say.
        memory: In MiB; None if it does not say.
        networks: The ids of the networks of its NICs, one for each NIC that has one.
        is_on_hold: Its VMs wait until somebody releases them.
    """

    id: str
    name: str
    cpu: float | None
    memory: int | None
    disks: tuple[_Disk, ...]
    networks: tuple[str, ...]
    is_on_hold: bool


class Image(msgspec.Struct, frozen=True):
    id: str
    name: str
    user_id: str
    user: str
    state: str
    is_persistent: bool


class Host(msgspec.Struct, frozen=True):
    id: str
    name: str
    state: str


class Plan(msgspec.Struct, frozen=True):
    """What a description stands for.

    Attributes:
        images: The ids of the images of its disks.
        host_id: Of the host on which it is deployed; None leaves it to the scheduler.
    """

    template: Template
    images: Sequence[str] = ()
    host_id: int | None = None


async def resolve(pools: Pools, described: Description, user_id: str) -> Resolved:
    """Raises StepError; as Pools."""
    host_id = await host_id_of(pools, described.host) if described.host else None
    template = await _template(pools, described.template)
    if template.is_on_hold and host_id is None:
        what = f"template: {template.name!r} has SUBMIT_ON_HOLD, so that nobody starts its VMs"
        raise StepError(RunReason.PROBE_MISCONFIGURED, f"{what}; allowed: with host, or without that")
    images = await _images(pools, template, user_id)
    return Resolved(images[0] if images else "", Plan(template, images, host_id))


async def hosts_of(pools: Pools) -> Sequence[Host]:
    """The hosts that the credential sees. Raises as Pools."""
    found, _ = await pools.whole("hostpool.info", "HOST", _host)
    return found


async def host_id_of(pools: Pools, wanted: str) -> int:
    """The id of a host by its name; an id is not looked up. Raises StepError; as Pools."""
    if wanted.isdecimal():
        return int(wanted)
    hosts = await hosts_of(pools)
    if not hosts:
        need = "the group oneadmin, or a rule `HOST/* USE+MANAGE`, and ADMIN of the VM"
        raise StepError(RunReason.POLICY, f"host: the user sees none; needed: {need}")
    matching = [one for one in hosts if one.name == wanted]
    if not matching:
        raise unknown("host", wanted, [one.name for one in hosts], _USER)
    return int(only(matching, "host", wanted).id)


def is_usable(host: Host) -> bool:
    """Whether the scheduler would take it."""
    return host.state == _MONITORED


async def _template(pools: Pools, wanted: str) -> Template:
    templates, _ = await pools.paged("templatepool.info", "VMTEMPLATE", _template_of)
    matching = [one for one in templates if one.id == wanted] or [
        one for one in templates if one.name == wanted
    ]
    if not matching:
        raise unknown("template", wanted, [one.name for one in templates], _USER)
    return only(matching, "template", wanted)


async def _images(pools: Pools, template: Template, user_id: str) -> Sequence[str]:
    """The ids of a template's images. Raises StepError for one of which no VM can be made, or should be."""
    if not template.disks:
        return ()
    images, _ = await pools.paged("imagepool.info", "IMAGE", _image_of)
    found = [_image(template, disk, images, user_id) for disk in template.disks]
    for one in found:
        if one.is_persistent:
            what = f"template: {template.name!r} has the image {one.name!r}, which is persistent"
            raise StepError(RunReason.PROBE_MISCONFIGURED, f"{what}: the VM would change it")
        if one.state not in _USABLE:
            raise StepError(RunReason.IMAGE, f"image {one.name!r} is not READY: {one.state}")
    return [*dict.fromkeys(one.id for one in found)]


def _image(template: Template, disk: _Disk, images: Sequence[Image], user_id: str) -> Image:
    """The image of a disk. One that is named without an owner is the user's own."""
    if disk.image_id:
        matching = [one for one in images if one.id == disk.image_id]
    else:
        named = [one for one in images if one.name == disk.image]
        matching = [
            one
            for one in named
            if one.user_id == disk.user_id
            or (not disk.user_id and one.user == disk.user)
            or (not disk.user_id and not disk.user and one.user_id == user_id)
        ]
    if not matching:
        what = f"template {template.name!r}: its image {disk.image_id or disk.image!r} is not there"
        raise StepError(RunReason.IMAGE, f"{what}, or the user may not use it")
    return matching[0]


def _template_of(element: Element) -> Template:
    """Raises ValueError, KeyError if it makes no sense."""
    found, inner = fields(element), element.find("TEMPLATE")
    said = fields(inner)
    nics = [] if inner is None else [fields(one) for one in inner.iterchildren("NIC")]
    return Template(
        id=number(found["ID"]),
        name=found["NAME"],
        cpu=float(said["CPU"]) if said.get("CPU") else None,
        memory=optional(said, "MEMORY"),
        disks=tuple(_disks(inner)),
        networks=tuple(nic["NETWORK_ID"] for nic in nics if nic.get("NETWORK_ID")),
        is_on_hold=said.get("SUBMIT_ON_HOLD", "").upper() == "YES",
    )


def _disks(inner: Element | None) -> Iterator[_Disk]:
    """The disks that are made of an image; others are empty."""
    for element in () if inner is None else inner.iterchildren("DISK"):
        disk = fields(element)
        if disk.get("IMAGE_ID") or disk.get("IMAGE"):
            names = ("IMAGE_ID", "IMAGE", "IMAGE_UID", "IMAGE_UNAME")
            yield _Disk(*(disk.get(name, "") for name in names))


def _image_of(element: Element) -> Image:
    """Raises ValueError, KeyError if it makes no sense."""
    found = fields(element)
    return Image(
        id=number(found["ID"]),
        name=found["NAME"],
        user_id=found["UID"],
        user=found["UNAME"],
        state=states.image(int(found["STATE"])),
        is_persistent=found.get("PERSISTENT") == "1",
    )


def _host(element: Element) -> Host:
    """Raises ValueError, KeyError if it makes no sense."""
    found = fields(element)
    return Host(number(found["ID"]), found["NAME"], states.host(int(found["STATE"])))
