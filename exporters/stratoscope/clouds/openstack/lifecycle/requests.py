"""Requests to OpenStack for single objects; any role."""

from types import NoneType
from typing import TypeVar

import msgspec

from stratoscope.clouds.errors import NotThereError
from stratoscope.clouds.lifecycle import RunReason, StepError
from stratoscope.clouds.openstack.client.fields import segment
from stratoscope.clouds.openstack.client.session import Session
from stratoscope.clouds.openstack.lifecycle.server import Server, ServerAnswer
from stratoscope.core.errors import CollectError, Reason

T = TypeVar("T", bound=msgspec.Struct)


async def found(api: Session, service: str, path: str, one: str, kind: type[T], operation: str) -> T | None:  # noqa: PLR0913, PLR0917 - what makes up a request
    """The answer for an object; None if it is gone. Args: path: Of its collection; one: Its id."""
    try:
        return await api.get(service, f"{path}/{segment(one)}", kind, operation=operation)
    except NotThereError as error:
        check_gone(one, error)
        return None


async def server_of(api: Session, vm_id: str) -> Server | None:
    """A server; None if it is gone."""
    answer = await found(api, "compute", "/servers", vm_id, ServerAnswer, "server")
    if answer is None:
        return None
    check_same("server", vm_id, answer.server.id)
    return answer.server


async def living_server(api: Session, vm_id: str) -> Server:
    """A server. Raises StepError if it is gone or in error."""
    server = await server_of(api, vm_id)
    if server is None:
        raise StepError(RunReason.UNKNOWN, "the VM has disappeared, not by the probe")
    if server.failure is not None:
        raise server.failure
    return server


async def act(api: Session, vm_id: str, action: str, argument: object = None, *, operation: str) -> None:
    """Request an action of a server."""
    path = f"/servers/{segment(vm_id)}/action"
    await api.change("POST", "compute", path, NoneType, operation=operation, body={action: argument})


def check_same(kind: str, asked: str, answered: str) -> None:
    """Raise CollectError if an answer is about another object: that may be somebody else's."""
    if asked != answered:
        raise CollectError(Reason.MALFORMED, f"{kind} {asked}: the answer is about another, {answered!r}")


def check_gone(one: str, error: NotThereError) -> None:
    """Raise a 404 again unless its words name the object: a gateway's says nothing of what exists."""
    if not is_named(one, error):
        raise error


def is_named(one: str, error: NotThereError) -> bool:
    """Whether the words of a 404 name an object. A path does not count: a gateway may repeat it."""
    return one.lower() in str(error).lower().replace(f"/{one.lower()}", "")
