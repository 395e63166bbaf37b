"""Objects that steps have created: what is left of them, whose they are, and their deletion."""

from collections.abc import Iterable, Mapping, Sequence
from types import NoneType
from typing import Final, TypeVar

from stratoscope.clouds.errors import NotThereError
from stratoscope.clouds.lifecycle import BusyError, Object, RunReason, StepError
from stratoscope.clouds.openstack.client.api import BadRequestError
from stratoscope.clouds.openstack.client.fields import segment
from stratoscope.clouds.openstack.client.session import Session
from stratoscope.clouds.openstack.lifecycle.errors import is_left_out
from stratoscope.clouds.openstack.lifecycle.ports import PORT
from stratoscope.clouds.openstack.lifecycle.requests import check_gone, check_same, found
from stratoscope.clouds.openstack.lifecycle.server import SERVER
from stratoscope.clouds.openstack.lifecycle.steps.table import KINDS
from stratoscope.clouds.openstack.lifecycle.steps.volume import VOLUME, status_of
from stratoscope.core.errors import LeftOutError

T = TypeVar("T")

_PLACES: Final = {
    SERVER: ("compute", "/servers"),
    PORT: ("network", "/v2.0/ports"),
    **{name: (kind.service, kind.path) for name, kind in KINDS.items()},
}
"""By kind of object: its service, and where its objects are."""


async def delete(api: Session, one: Object) -> None:
    """Request a deletion; an object that is gone, or a volume that is being deleted, is no error.

    Raises BusyError for a volume with which Cinder still does something, such as detach it from a VM that is
    gone.
    """
    service, path = _known(_PLACES, one)
    where = f"{path}/{segment(one.id)}"
    try:
        await api.change("DELETE", service, where, NoneType, operation=f"{one.kind}_delete")
    except NotThereError as error:
        check_gone(one.id, error)
    except BadRequestError as error:
        if one.kind != VOLUME:
            raise
        status = await status_of(api, one.id)
        if status is None or status == "deleting":
            return
        if status.startswith("error"):
            raise
        raise BusyError(RunReason.VOLUME, f"the volume is {status}: {error}") from error


async def still_there(api: Session, objects: Iterable[Object]) -> Sequence[Object]:
    """Those of the objects that are not gone, as they are now: one request for each."""
    there = []
    for one in objects:
        kind = _known(KINDS, one)
        answer = await found(api, kind.service, kind.path, one.id, kind.answer, one.kind)
        if answer is not None:
            check_same(one.kind, one.id, answer.item.id)
            there.append(answer.item.object)
    return there


async def marked(api: Session, tag: str, name: str) -> Sequence[Object]:
    """The project's objects of a kind that carry the tag.

    A service that is absent, or that the credential may not list, has none: nothing could be created there.
    """
    project_id = (await api.access()).project_id
    kind = KINDS[name]
    try:
        items, _ = await api.items(kind.listing, kind.query(tag, project_id))
    except LeftOutError as error:
        if not is_left_out(error):
            raise
        return ()
    objects = [item.object for item in items]
    return [one for one in objects if one.mark is not None and one.mark.tag == tag]


def _known(table: Mapping[str, T], one: Object) -> T:
    """What a table has for the kind of an object. Raises StepError for a kind of a newer version."""
    if one.kind not in table:
        what = f"{one.kind} {one.id}: this version knows no such objects, and leaves it alone"
        raise StepError(RunReason.INTERNAL, what)
    return table[one.kind]
