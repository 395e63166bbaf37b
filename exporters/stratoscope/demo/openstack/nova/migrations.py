"""Nova's list of migrations: those under way, and the last that ended."""

from itertools import chain
from typing import Final

from stratoscope.demo.openstack.http_request import Json, Request, Response
from stratoscope.demo.openstack.service import Route
from stratoscope.demo.world.models import Migration

_UNCONFIRMED: Final = "resized"


def _migrations(request: Request) -> Response:
    """The newest first, without pages."""
    world = request.world
    under_way = ((one, _state(one)) for one in world.migrations.values())
    listed = [*chain(world.ended, under_way)][::-1]
    rows = [
        _row(request, one, state) for one, state in listed if request.query.get("status") in (None, state)
    ]
    return Response({"migrations": rows})


def _state(one: Migration) -> str:
    return "finished" if one.vm.vm_state == _UNCONFIRMED else "running"


def _row(request: Request, one: Migration, state: str) -> Json:
    additions: dict[int, Json] = {59: {"uuid": one.id}}
    return {
        "instance_uuid": one.vm.id,
        "source_compute": one.source.name,
        "source_node": one.source.name,
        "dest_compute": one.target.name,
        "dest_node": one.target.name,
        "status": state,
        **request.newer(additions),
    }


ROUTES: Final = (Route("GET", "/os-migrations", _migrations, "os-migrations:index"),)
