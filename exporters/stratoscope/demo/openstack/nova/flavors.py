"""Nova's flavors."""

from typing import Final

from stratoscope.demo.openstack.http_request import HttpError, Json, Request, Response
from stratoscope.demo.openstack.nova.paging import cut, only
from stratoscope.demo.openstack.nova.view import links
from stratoscope.demo.openstack.service import Route
from stratoscope.demo.world.models import Flavor


def _list(request: Request) -> Response:
    only(request, "limit", "marker", "is_public", "minRam", "minDisk", "sort_key", "sort_dir")
    flavors = [flavor for flavor in request.world.flavors.values() if _is_shown(request, flavor)]
    page, more = cut(request, "flavors", flavors, lambda flavor: flavor.id)
    view = _full if request.path.endswith("/detail") else _brief
    return Response({"flavors": [view(request, flavor) for flavor in page], **more})


def _find(request: Request) -> Flavor:
    flavor = request.world.flavors.get(request.args["flavor"])
    if flavor is None or not (flavor.is_public or request.caller.is_admin):
        raise HttpError(404, f"Flavor {request.args['flavor']} could not be found.")
    return flavor


def _is_shown(request: Request, flavor: Flavor) -> bool:
    """Public flavors, unless an administrator requests others."""
    wanted = request.query.get("is_public", "").lower()
    if not request.caller.is_admin or not wanted:
        return flavor.is_public
    return wanted == "none" or flavor.is_public is request.flag("is_public")


def _brief(request: Request, flavor: Flavor) -> Json:
    return {
        "id": flavor.id,
        "name": flavor.name,
        "links": links(request.base, "flavors", flavor.id),
        **request.newer({55: {"description": None}}),
    }


def _full(request: Request, flavor: Flavor) -> Json:
    return _brief(request, flavor) | {
        "ram": flavor.memory_mib,
        "disk": flavor.disk_gib,
        "swap": 0 if request.since(75) else "",
        "OS-FLV-EXT-DATA:ephemeral": 0,
        "OS-FLV-DISABLED:disabled": False,
        "vcpus": flavor.vcpus,
        "os-flavor-access:is_public": flavor.is_public,
        "rxtx_factor": 1.0,
        **request.newer({61: {"extra_specs": flavor.extra_specs}}),
    }


ROUTES: Final = (
    Route("GET", "/flavors", _list),
    Route("GET", "/flavors/detail", _list),
    Route("GET", "/flavors/{flavor}", lambda request: Response({"flavor": _full(request, _find(request))})),
    Route(
        "GET", "/flavors/{flavor}/os-extra_specs",
        lambda request: Response({"extra_specs": _find(request).extra_specs}),
    ),
)  # fmt: skip
