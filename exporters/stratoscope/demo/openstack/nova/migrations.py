"""Nova's migrations: the list of all, and the live ones of a server that are in progress."""

from collections.abc import Callable
from typing import Final

from stratoscope.demo.openstack.http_request import HttpError, Json, Request, Response
from stratoscope.demo.openstack.nova.paging import cut, moment_of, only
from stratoscope.demo.openstack.nova.servers import find
from stratoscope.demo.openstack.service import Route
from stratoscope.demo.openstack.texts import micro
from stratoscope.demo.world.migration import Migration
from stratoscope.demo.world.migrations import LIVE

_EQUAL: Final[dict[str, Callable[[Migration], str]]] = {
    "host": lambda one: one.source.name,
    "source_compute": lambda one: one.source.name,
    "instance_uuid": lambda one: one.vm.id,
    "migration_type": lambda one: one.kind,
    "status": lambda one: one.status,
    "project_id": lambda one: one.vm.project.id,
    "user_id": lambda one: one.vm.user.id,
}
_KNOWN: Final = (*_EQUAL, "changes-before", "changes-since", "hidden", "limit", "marker")
_RUNNING: Final = frozenset({"queued", "preparing", "running"})
_COPIED_IN_S: Final = 6.0
_FROM_LINKS: Final = 23
_FROM_PAGES: Final = 59


def _all(request: Request) -> Response:
    """The newest first, as Nova sorts them."""
    request.only_admin("os-migrations:index")
    only(request, *_KNOWN)
    since = moment_of(request, "changes-since")
    wanted = {name: request.query[name] for name in _EQUAL if name in request.query}
    found = [
        one
        for one in reversed(request.world.past_migrations)
        if (since is None or one.updated >= since)
        and all(_EQUAL[name](one) == value for name, value in wanted.items())
    ]
    more: Json = {}
    if request.since(_FROM_PAGES):
        found, more = cut(request, "migrations", found, lambda one: one.id)
    return Response({"migrations": [_view(request, one) for one in found], **more})


def _of_server(request: Request) -> Response:
    if not request.since(_FROM_LINKS):
        raise HttpError(404, "The resource could not be found.")
    request.only_admin("servers:migrations:index")
    one = request.world.migrations.get(find(request).id)
    is_shown = one is not None and one.kind == LIVE and one.status in _RUNNING
    return Response({"migrations": [_progress(request, one)] if one is not None and is_shown else []})


def _hosts(one: Migration) -> Json:
    return {
        "source_compute": one.source.name,
        "source_node": one.source.name,
        "dest_compute": one.target.name,
        "dest_node": one.target.name,
        "dest_host": one.target.address,
        "status": one.status,
        "created_at": micro(one.created),
        "updated_at": micro(one.updated),
    }


def _view(request: Request, one: Migration) -> Json:
    flavors = list(request.world.flavors.values())
    additions: dict[int, Json] = {
        _FROM_LINKS: {"migration_type": one.kind, **_links(request, one)},
        _FROM_PAGES: {"uuid": one.id},
        80: {"user_id": one.vm.user.id, "project_id": one.vm.project.id},
    }
    return {
        "id": one.number,
        "instance_uuid": one.vm.id,
        "old_instance_type_id": flavors.index(one.old_flavor) + 1,
        "new_instance_type_id": flavors.index(one.flavor) + 1,
        **_hosts(one),
        **request.newer(additions),
    }


def _links(request: Request, one: Migration) -> Json:
    if one.kind != LIVE or one.status not in _RUNNING:
        return {}
    path = f"/servers/{one.vm.id}/migrations/{one.number}"
    self_ = {"rel": "self", "href": f"{request.base}/v2.1{path}"}
    return {"links": [self_, {"rel": "bookmark", "href": f"{request.base}{path}"}]}


def _progress(request: Request, one: Migration) -> Json:
    """Memory is copied evenly; of a migration that is stuck the last tenth is never copied."""
    memory = one.vm.flavor.memory_mib << 20
    share = min(0.9, (request.now - one.created) / _COPIED_IN_S)
    additions: dict[int, Json] = {
        _FROM_PAGES: {"uuid": one.id},
        80: {"user_id": one.vm.user.id, "project_id": one.vm.project.id},
    }
    return {
        "id": one.number,
        "server_uuid": one.vm.id,
        "memory_total_bytes": memory,
        "memory_processed_bytes": int(memory * share),
        "memory_remaining_bytes": memory - int(memory * share),
        "disk_total_bytes": 0,
        "disk_processed_bytes": 0,
        "disk_remaining_bytes": 0,
        **_hosts(one),
        **request.newer(additions),
    }


ROUTES: Final = (
    Route("GET", "/os-migrations", _all),
    Route("GET", "/servers/{server}/migrations", _of_server),
)
