"""Glance: version 2.17 of its API, with one store."""

import hashlib
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from stratoscope.demo.openstack.asking import Answer, Ask, Json, RefusalError
from stratoscope.demo.openstack.service import Route, Service, webob
from stratoscope.demo.openstack.texts import moment
from stratoscope.demo.openstack.things import Image

_VERSIONS: Final = (15, 13, 12, 11, 10, 9, 8, 17, 7, 6, 5, 4, 3, 2, 1, 0)
"""In the order in which Glance tells them."""
_CURRENT: Final = 17
_USUAL: Final = 25
_MOST: Final = 1000
_UNAUTHORIZED: Final = (
    "This server could not verify that you are authorized to access the document you requested. Either you "
    "supplied the wrong credentials (e.g., bad password), or your browser does not understand how to supply "
    "the credentials required."
)


class Glance(Service):
    """The images."""

    kind, name, prefix = "image", "glance", "/image"

    def routes(self) -> Iterable[Route]:
        yield Route("GET", "", self._versions, is_open=True)
        yield Route("GET", "/", self._versions, is_open=True)
        yield Route("GET", "/versions", lambda ask: Answer({"versions": _versions(ask)}), is_open=True)
        yield Route("GET", "/v2/images", self._images)
        yield Route("GET", "/v2/images/{image}", self._image)
        yield Route("GET", "/v2/info/stores", lambda _: Answer({"stores": [_STORE]}))
        yield Route("GET", "/v2/info/stores/detail", self._stores)
        yield Route("GET", "/v2/info/import", lambda _: Answer({"import-methods": _METHODS}))

    def refusal(self, ask: Ask, error: RefusalError) -> Answer:
        return webob(ask, error.status, error.message)

    def unauthorized(self, ask: Ask) -> Answer:
        answer = webob(ask, 401, _UNAUTHORIZED)
        answer.headers["WWW-Authenticate"] = (
            f'Keystone uri="{ask.request.scheme}://{ask.request.host}/identity/v3"'
        )
        return answer

    def headers(self, ask: Ask, answer: Answer) -> None:
        if answer.status != HTTPStatus.UNAUTHORIZED and ask.path.startswith("/v2"):
            super().headers(ask, answer)

    def _versions(self, ask: Ask) -> Answer:
        return Answer({"versions": _versions(ask)}, 300)

    def _images(self, ask: Ask) -> Answer:
        limit, marker = _limit(ask), ask.query.get("marker", "")
        seen = sorted(
            (image for image in self.world.images if _sees(ask, image)), key=lambda image: image.created
        )[::-1]
        ids = [image.image_id for image in seen]
        if marker and marker not in ids:
            raise RefusalError(400, f"No image found with ID {marker}")
        start = ids.index(marker) + 1 if marker else 0
        page = seen[start : start + limit]
        query = ask.url({})
        body: Json = {
            "images": [_image(image) for image in page],
            "first": f"/v2/images?{_without_marker(ask)}".rstrip("?"),
            "schema": "/v2/schemas/images",
        }
        if page and len(page) == limit and query:
            body["next"] = f"/v2/images?{ask.url({'marker': page[-1].image_id})}"
        return Answer(body)

    def _image(self, ask: Ask) -> Answer:
        image = self.world.images.get(ask.args["image"])
        if image is None or not (image.visibility != "private" or _owns(ask, image)):
            raise RefusalError(404, f"No image found with ID {ask.args['image']}")
        return Answer(_image(image))

    def _stores(self, ask: Ask) -> Answer:
        if not ask.who.is_admin:
            raise RefusalError(403, "You are not authorized to complete stores_info_detail action.")
        properties: Json = {"data_dir": "/var/lib/glance", "chunk_size": 65536, "thin_provisioning": False}
        return Answer({"stores": [{**_STORE, "type": "file", "properties": properties, "weight": 0}]})


_STORE: Final[Json] = {"id": "file", "default": "true"}
_METHODS: Final[Json] = {
    "description": "Import methods available.",
    "type": "array",
    "value": ["glance-direct", "web-download", "copy-image", "glance-download"],
}


def _versions(ask: Ask) -> list[Json]:
    return [
        {
            "id": f"v2.{minor}",
            "status": "CURRENT" if minor == _CURRENT else "SUPPORTED",
            "links": [{"rel": "self", "href": f"{ask.base}/v2/"}],
        }
        for minor in _VERSIONS
    ]


def _limit(ask: Ask) -> int:
    said = ask.query.get("limit", str(_USUAL))
    if not said.isdecimal():
        raise RefusalError(400, "limit param must be an integer")
    return min(_MOST, int(said))


def _sees(ask: Ask, image: Image) -> bool:
    """Whether it is in a list: community images and hidden ones only where they are asked for."""
    wanted = ask.query.get("visibility")
    if image.visibility == "community" and wanted is None and not ask.who.owns(image.owner):
        return False
    if image.is_hidden is not ask.flag("os_hidden"):
        return False
    if wanted not in (None, "all", image.visibility):
        return False
    if (
        ask.query.get("status", image.status) != image.status
        or ask.query.get("name", image.name) != image.name
    ):
        return False
    return image.visibility in ("public", "community") or _owns(ask, image)


def _owns(ask: Ask, image: Image) -> bool:
    return ask.who.is_admin or ask.who.owns(image.owner)


def _image(image: Image) -> Json:
    has_data = image.size is not None
    digest = hashlib.sha512(image.image_id.encode()).hexdigest()
    shown: Json = {
        **image.properties,
        "name": image.name,
        "disk_format": "raw",
        "container_format": "bare",
        "visibility": image.visibility,
        "size": image.size,
        "virtual_size": image.virtual_size,
        "status": image.status,
        "checksum": digest[:32] if has_data else None,
        "protected": False,
        "min_ram": image.min_memory_mib,
        "min_disk": image.min_disk_gib,
        "owner": image.owner.project_id,
        "os_hidden": image.is_hidden,
        "os_hash_algo": "sha512" if has_data else None,
        "os_hash_value": digest if has_data else None,
        "id": image.image_id,
        "created_at": moment(image.created),
        "updated_at": moment(image.created),
        "tags": [],
        "self": f"/v2/images/{image.image_id}",
        "file": f"/v2/images/{image.image_id}/file",
        "schema": "/v2/schemas/image",
    }
    return shown | ({"stores": "file"} if has_data else {})


def _without_marker(ask: Ask) -> str:
    return "&".join(f"{name}={value}" for name, value in ask.query.items() if name != "marker")
