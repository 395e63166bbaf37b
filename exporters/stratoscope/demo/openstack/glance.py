"""Glance: version 2.17 of its API."""

import hashlib
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from stratoscope.demo.openstack.http_request import HttpError, Json, Request, Response
from stratoscope.demo.openstack.service import Route, Service, webob_error
from stratoscope.demo.openstack.texts import moment
from stratoscope.demo.world.models import Image

_NEWEST: Final = 17
_VERSIONS: Final = (15, 13, 12, 11, 10, 9, 8, 17, 7, 6, 5, 4, 3, 2, 1, 0)
"""Minor versions in the order of a real Glance without an image cache."""
_USUAL: Final = 25
_MOST: Final = 1000
_CONTROLS: Final = frozenset(
    {"limit", "marker", "visibility", "os_hidden", "sort", "sort_key", "sort_dir", "member_status"}
)
"""Query parameters that are no attributes or properties of images."""
_UNAUTHORIZED: Final = (
    "This server could not verify that you are authorized to access the document you requested. Either you "
    "supplied the wrong credentials (e.g., bad password), or your browser does not understand how to supply "
    "the credentials required."
)


class Glance(Service):
    """The images."""

    kind, name, prefix = "image", "glance", "/image"

    def routes(self) -> Iterable[Route]:
        yield Route("GET", "", _versions, is_open=True)
        yield Route("GET", "/", _versions, is_open=True)
        yield Route("GET", "/v2/images", _images)
        yield Route("GET", "/v2/images/{image}", _image)
        yield Route("DELETE", "/v2/images/{image}", _delete)

    def error(self, request: Request, error: HttpError) -> Response:
        return webob_error(request, error.status, error.message)

    def unauthorized(self, request: Request) -> Response:
        response = webob_error(request, 401, _UNAUTHORIZED)
        response.headers["WWW-Authenticate"] = f'Keystone uri="{request.keystone}"'
        return response

    def headers(self, request: Request, response: Response) -> None:
        if response.status != HTTPStatus.UNAUTHORIZED and request.path.startswith("/v2"):
            super().headers(request, response)


def _versions(request: Request) -> Response:
    versions = [
        {
            "id": f"v2.{minor}",
            "status": "CURRENT" if minor == _NEWEST else "SUPPORTED",
            "links": [{"rel": "self", "href": f"{request.base}/v2/"}],
        }
        for minor in _VERSIONS
    ]
    return Response({"versions": versions}, 300)


def _images(request: Request) -> Response:
    limit, marker = _limit(request), request.query.get("marker", "")
    visible = (image for image in request.world.images if _is_listed(request, image))
    images = sorted(visible, key=lambda image: image.created)[::-1]
    ids = [image.id for image in images]
    if marker and marker not in ids:
        raise HttpError(400, f"No image found with ID {marker}")
    start = ids.index(marker) + 1 if marker else 0
    page = images[start : start + limit]
    body: Json = {
        "images": [_view(image) for image in page],
        "first": f"/v2/images?{request.query_for({}, ('marker',))}".rstrip("?"),
        "schema": "/v2/schemas/images",
    }
    if page and len(page) == limit and request.query:
        body["next"] = f"/v2/images?{request.query_for({'marker': page[-1].id})}"
    return Response(body)


def _image(request: Request) -> Response:
    image = visible_image(request, request.args["image"])
    if image is None:
        raise HttpError(404, f"No image found with ID {request.args['image']}")
    return Response(_view(image))


def _delete(request: Request) -> Response:
    image = visible_image(request, request.args["image"])
    if image is None:
        raise HttpError(404, f"Failed to find image {request.args['image']} to delete")
    if not _owns(request, image) or "member" not in request.caller.roles:
        raise HttpError(403, "You are not authorized to complete delete_image action.")
    request.world.images.remove(image)
    return Response(status=204)


def visible_image(request: Request, identity: str) -> Image | None:
    """The image of an id; None for an unknown one and for a private one of another project."""
    image = request.world.images.get(identity)
    if image is None or not (image.visibility != "private" or _owns(request, image)):
        return None
    return image


def _limit(request: Request) -> int:
    text = request.query.get("limit", str(_USUAL))
    if not text.isdecimal():
        raise HttpError(400, "limit param must be an integer")
    return min(_MOST, int(text))


def _is_listed(request: Request, image: Image) -> bool:
    """Whether an image is in a list: community images and hidden ones only on request."""
    visibility = request.query.get("visibility")
    if image.visibility == "community" and visibility is None and not request.caller.owns(image.owner):
        return False
    if image.is_hidden is not request.flag("os_hidden"):
        return False
    if visibility not in (None, "all", image.visibility):
        return False
    wanted = {name: value for name, value in request.query.items() if name not in _CONTROLS}
    if wanted and not wanted.items() <= _view(image).items():
        return False
    return image.visibility in ("public", "community") or _owns(request, image)


def _owns(request: Request, image: Image) -> bool:
    return request.caller.is_admin or request.caller.owns(image.owner)


def _view(image: Image) -> Json:
    has_data = image.size is not None
    digest = hashlib.sha512(image.id.encode()).hexdigest()
    return {
        **image.properties,
        "name": image.name,
        "disk_format": "raw",
        "container_format": "bare",
        "visibility": image.visibility,
        "size": image.size,
        "virtual_size": image.size,
        "status": image.status,
        "checksum": digest[:32] if has_data else None,
        "protected": False,
        "min_ram": image.min_memory_mib,
        "min_disk": image.min_disk_gib,
        "owner": image.owner.id,
        "os_hidden": image.is_hidden,
        "os_hash_algo": "sha512" if has_data else None,
        "os_hash_value": digest if has_data else None,
        "id": image.id,
        "created_at": moment(image.created),
        "updated_at": moment(image.created),
        "tags": [],
        "self": f"/v2/images/{image.id}",
        "file": f"/v2/images/{image.id}/file",
        "schema": "/v2/schemas/image",
        **({"stores": "file"} if has_data else {}),
    }
