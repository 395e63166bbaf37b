"""Objects that steps have created: what is left of them, whose they are, and their deletion."""

from collections.abc import Collection, Iterable, Sequence
from types import NoneType

from stratoscope.clouds.errors import NotThereError
from stratoscope.clouds.lifecycle import Object
from stratoscope.clouds.openstack.client.api import BadRequestError
from stratoscope.clouds.openstack.client.fields import segment
from stratoscope.clouds.openstack.client.session import Session
from stratoscope.clouds.openstack.lifecycle.errors import is_left_out
from stratoscope.clouds.openstack.lifecycle.ports import PORT
from stratoscope.clouds.openstack.lifecycle.requests import check_gone, check_same, found
from stratoscope.clouds.openstack.lifecycle.server import SERVER
from stratoscope.clouds.openstack.lifecycle.steps.table import KINDS
from stratoscope.clouds.openstack.lifecycle.steps.volume import VOLUME, is_being_deleted
from stratoscope.core.errors import LeftOutError

_PLACES = {
    SERVER: ("compute", "/servers"),
    PORT: ("network", "/v2.0/ports"),
    **{name: (kind.service, kind.path) for name, kind in KINDS.items()},
}
"""By kind of object: its service, and where its objects are."""


async def delete(api: Session, one: Object) -> None:
    """Request a deletion; an object that is gone, or a volume that is being deleted, is no error."""
    service, path = _PLACES[one.kind]
    where = f"{path}/{segment(one.id)}"
    try:
        await api.change("DELETE", service, where, NoneType, operation=f"{one.kind}_delete")
    except NotThereError as error:
        check_gone(one.id, error)
    except BadRequestError:
        if one.kind != VOLUME or not await is_being_deleted(api, one.id):
            raise


async def still_there(api: Session, objects: Iterable[Object]) -> Sequence[Object]:
    """Those of the objects that are not gone, as they are now: one request for each."""
    there = []
    for one in objects:
        kind = KINDS[one.kind]
        answer = await found(api, kind.service, kind.path, one.id, kind.answer, one.kind)
        if answer is not None:
            check_same(one.kind, one.id, answer.item.id)
            there.append(answer.item.object)
    return there


async def marked(api: Session, tag: str, kinds: Collection[str]) -> Sequence[Object]:
    """The project's objects of these kinds that carry the tag.

    A service that is absent, or that the credential may not list, has none: nothing could be created there.
    """
    project_id = (await api.access()).project_id
    objects: list[Object] = []
    for name in sorted(kinds):
        kind = KINDS[name]
        try:
            items, _ = await api.items(kind.listing, kind.query(tag, project_id))
        except LeftOutError as error:
            if not is_left_out(error):
                raise
            continue
        objects += [item.object for item in items]
    return [one for one in objects if one.mark is not None and one.mark.tag == tag]
