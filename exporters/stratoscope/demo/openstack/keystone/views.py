"""Keystone's things as it shows them."""

from typing import Final

from stratoscope.demo.openstack.asking import Ask, Json
from stratoscope.demo.openstack.seed.identity import role_id
from stratoscope.demo.openstack.service import keystone
from stratoscope.demo.openstack.things import ApplicationCredential, Project, User

DOMAIN: Final = {"id": "default", "name": "Default"}


def link_to(ask: Ask, sort: str, identity: str) -> Json:
    return {"links": {"self": f"{keystone(ask)}/{sort}/{identity}"}}


def version(ask: Ask) -> Json:
    media = {"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}
    return {
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": f"{keystone(ask)}/"}],
        "media-types": [media],
    }


def project(ask: Ask, project: Project) -> Json:
    shown: Json = {
        "id": project.project_id,
        "name": project.name,
        "domain_id": "default",
        "description": project.description,
        "enabled": True,
        "parent_id": "default",
        "is_domain": False,
        "tags": [],
        "options": {},
    }
    return shown | link_to(ask, "projects", project.project_id)


def user(ask: Ask, user: User) -> Json:
    shown: Json = {"id": user.user_id, "name": user.name, "domain_id": "default", "enabled": True}
    if user.default_project is not None:
        shown["default_project_id"] = user.default_project.project_id
    shown |= {"password_expires_at": None, "options": {}}
    return shown | link_to(ask, "users", user.user_id)


def domain(ask: Ask) -> Json:
    shown: Json = {**DOMAIN, "description": "The default domain", "enabled": True, "tags": [], "options": {}}
    return shown | link_to(ask, "domains", "default")


def _plain_role(name: str) -> Json:
    return {
        "id": role_id(name),
        "name": name,
        "domain_id": None,
        "description": None,
        "options": {"immutable": True},
    }


def role(ask: Ask, name: str) -> Json:
    return _plain_role(name) | link_to(ask, "roles", role_id(name))


def assignment(ask: Ask, user: User, project: Project, role: str, *, names: bool) -> Json:
    identities = (project.project_id, user.user_id, role_id(role))
    link = "{}/projects/{}/users/{}/roles/{}".format(keystone(ask), *identities)
    parts: list[Json] = [{"id": identity} for identity in identities]
    scope, who, what = parts
    if names:
        scope |= {"name": project.name, "domain": DOMAIN}
        who |= {"name": user.name, "domain": DOMAIN}
        what["name"] = role
    return {"links": {"assignment": link}, "scope": {"project": scope}, "user": who, "role": what}


def credential(ask: Ask, credential: ApplicationCredential) -> Json:
    shown: Json = {
        "id": credential.credential_id,
        "name": credential.name,
        "description": None,
        "user_id": credential.user.user_id,
        "project_id": credential.project.project_id,
        "system": None,
        "expires_at": None,
        "unrestricted": None,
        "roles": [_plain_role(name) for name in ("reader", "member")],
    }
    return shown | link_to(ask, "application_credentials", credential.credential_id)
