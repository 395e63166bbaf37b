"""Cinder's single volumes: POST /volumes, GET and DELETE /volumes/{volume}; and the volume types."""

from typing import Final

from stratoscope.demo.openstack.cinder import views
from stratoscope.demo.openstack.cinder.create_volume import read
from stratoscope.demo.openstack.http_request import HttpError, Request, Response
from stratoscope.demo.openstack.service import Route
from stratoscope.demo.world import storage
from stratoscope.demo.world.models import Volume

_FREE: Final = frozenset({"available", "error", "error_restoring", "error_extending", "error_managing"})
_NOT_FREE: Final = (
    "Invalid volume: Volume status must be available or error or error_restoring or error_extending or "
    "error_managing and must not be migrating, attached, belong to a group, have snapshots, awaiting a "
    "transfer, or be disassociated from snapshots after volume transfer."
)
"""cinder/volume/api.py, delete."""


def _create(request: Request) -> Response:
    volume = storage.create(request.world, read(request))
    return Response({"volume": views.accepted(request, volume)}, 202)


def _show(request: Request) -> Response:
    return Response({"volume": views.volume(request, find(request, request.args["volume"]))})


def _delete(request: Request) -> Response:
    volume = find(request, request.args["volume"])
    if "member" not in request.caller.roles:
        raise request.denied("volume:delete")
    has_snapshots = any(one.volume is volume for one in request.world.snapshots)
    if volume.status not in _FREE or volume.vm is not None or has_snapshots:
        raise HttpError(400, _NOT_FREE)
    storage.delete(request.world, volume)
    return Response(status=202)


def _types(request: Request) -> Response:
    types = [views.volume_type(request, one) for one in request.world.volume_types]
    return Response({"volume_types": types})


ROUTES: Final = (
    Route("POST", "/v3/volumes", _create),
    Route("GET", "/v3/volumes/{volume}", _show),
    Route("DELETE", "/v3/volumes/{volume}", _delete),
    Route("GET", "/v3/types", _types),
)


def find(request: Request, identity: str) -> Volume:
    """A volume. Raises HttpError for an unknown one and for one of another project."""
    one = request.world.volumes.get(identity)
    if one is None or not (request.caller.is_admin or request.caller.owns(one.project)):
        raise HttpError(404, f"Volume {identity} could not be found.")
    return one
