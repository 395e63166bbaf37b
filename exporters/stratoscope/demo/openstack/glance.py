"""Glance: version 2 of its API."""

from collections.abc import Iterable
from typing import Final

from stratoscope.demo.openstack.collection import Collection
from stratoscope.demo.openstack.http_request import HttpError, Json, Request, Response
from stratoscope.demo.openstack.service import Route, Service
from stratoscope.demo.openstack.texts import moment, shown
from stratoscope.demo.world.models import Image
from stratoscope.demo.world.world import World


class Glance(Service):
    """The images."""

    kind, name, prefix, version, version_path = "image", "glance", "/image", "v2.17", "/v2"
    denial = "You are not authorized to complete {} action."

    def own_routes(self) -> Iterable[Route]:
        yield _IMAGES.route
        yield Route("GET", "/v2/images/{image}", _show)
        yield Route("DELETE", "/v2/images/{image}", _delete)


def visible_image(request: Request, identity: str) -> Image | None:
    """The image of an id; None for an unknown one and for a private one of another project."""
    image = request.world.images.get(identity)
    is_visible = image is not None and (image.visibility != "private" or request.caller.sees(image.owner))
    return image if is_visible else None


def _find(request: Request) -> Image:
    image = visible_image(request, request.args["image"])
    if image is None:
        raise HttpError(404, f"No image found with ID {request.args['image']}")
    return image


def _show(request: Request) -> Response:
    return Response(_view(request, _find(request)))


def _delete(request: Request) -> Response:
    image = _find(request)
    request.only_member("delete_image")
    if not request.caller.sees(image.owner):
        raise request.denied("delete_image")
    request.world.images.remove(image)
    return Response(status=204)


def _newest_first(world: World) -> list[Image]:
    return sorted(world.images, key=lambda image: image.created)[::-1]


def _is_listed(request: Request, image: Image) -> bool:
    """Whether an image is in a list: community images and hidden ones only on request."""
    visibility = request.query.get("visibility")
    if image.visibility == "community" and visibility is None and not request.caller.owns(image.owner):
        return False
    if image.is_hidden is not request.flag("os_hidden") or visibility not in (None, "all", image.visibility):
        return False
    return image.visibility in ("public", "community") or request.caller.sees(image.owner)


def _next(request: Request, _: str, marker: str) -> Json:
    return {"next": request.url(marker=marker).removeprefix(request.base)}


def _view(_: Request, image: Image) -> Json:
    return {
        **image.properties,
        **shown(image, "id", "name", "visibility", "size", "status", os_hidden="is_hidden"),
        "disk_format": "raw",
        "container_format": "bare",
        "protected": False,
        "owner": image.owner.id,
        "created_at": moment(image.created),
        "updated_at": moment(image.created),
    }


_IMAGES: Final = Collection(
    "/v2/images",
    _newest_first,
    _view,
    sees=_is_listed,
    tested=frozenset({"visibility", "os_hidden", "member_status"}),
    next_link=_next,
)
