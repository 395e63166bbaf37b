"""Keystone's objects as its API shows them."""

from typing import Final

from stratoscope.demo.openstack.http_request import Json, Request
from stratoscope.demo.openstack.keystone.catalogue import REGION
from stratoscope.demo.world.models import Project, User

DOMAIN: Final = {"id": "default", "name": "Default"}


def _linked(request: Request, kind: str, identity: str, fields: Json) -> Json:
    links = {"self": f"{request.keystone}/{kind}/{identity}"}
    return {"id": identity, **fields, "links": links}


def version(request: Request) -> Json:
    media = {"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}
    return {
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": f"{request.keystone}/"}],
        "media-types": [media],
    }


def project(request: Request, one: Project) -> Json:
    fields: Json = {
        "name": one.name,
        "domain_id": "default",
        "description": one.description,
        "enabled": True,
        "parent_id": "default",
        "is_domain": False,
        "tags": [],
        "options": {},
    }
    return _linked(request, "projects", one.id, fields)


def user(request: Request, one: User) -> Json:
    fields: Json = {
        "name": one.name,
        "domain_id": "default",
        "enabled": True,
        "password_expires_at": None,
        "options": {},
    }
    if one.default_project is not None:
        fields["default_project_id"] = one.default_project.id
    return _linked(request, "users", one.id, fields)


def domain(request: Request) -> Json:
    fields: Json = {"description": "The default domain", "enabled": True, "tags": [], "options": {}}
    return _linked(request, "domains", "default", DOMAIN | fields)


def region(request: Request) -> Json:
    return _linked(request, "regions", REGION, {"description": "", "parent_region_id": None})
