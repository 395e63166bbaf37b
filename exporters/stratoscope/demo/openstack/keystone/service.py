"""Keystone: log-ins, the catalogue, projects and users."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from stratoscope.demo.openstack.collection import Collection
from stratoscope.demo.openstack.http_request import Json, Request, Response
from stratoscope.demo.openstack.keystone.catalogue import REGION, entry
from stratoscope.demo.openstack.keystone.login import log_in
from stratoscope.demo.openstack.keystone.tokens import Tokens
from stratoscope.demo.openstack.service import Route, Service
from stratoscope.demo.openstack.texts import micro, shown
from stratoscope.demo.world.models import Project, User
from stratoscope.demo.world.seed.identity import role_id
from stratoscope.demo.world.world import World

_DOMAIN: Final = {"id": "default", "name": "Default"}
_OF_PROJECTS: Final = {"domain_id": "default", "parent_id": "default", "enabled": True, "tags": []}


def _project(_: Request, one: Project) -> Json:
    return shown(one, "id", "name", "description") | _OF_PROJECTS


def _user(_: Request, one: User) -> Json:
    return shown(one, "id", "name") | {"domain_id": "default", "enabled": True}


def _fixed(_: Request, one: Json) -> Json:
    return one


_DEFAULT: Final[Json] = {**_DOMAIN, "description": "The default domain", "enabled": True}
_REGION: Final[Json] = {"id": REGION}
_COLLECTIONS: Final[tuple[Collection[Any], ...]] = (
    Collection("/v3/projects", lambda world: world.projects, _project, rule="list_projects"),
    Collection(
        "/v3/auth/projects",
        lambda world: world.projects,
        _project,
        sees=lambda request, one: one.id in request.caller.user.roles,
    ),
    Collection("/v3/users", lambda world: world.users, _user, rule="list_users"),
    Collection("/v3/groups", lambda _: (), _fixed, rule="list_groups"),
    Collection("/v3/domains", lambda _: (_DEFAULT,), _fixed, rule="list_domains"),
    Collection("/v3/regions", lambda _: (_REGION,), _fixed),
)


class Keystone(Service):
    """Version 3 of its API.

    Attributes:
        entries: The services in the catalogue; set once all are known.
    """

    kind, name, prefix, endpoint, version = "identity", "keystone", "/identity", "/v3", "v3.14"
    denial = "You are not authorized to perform the requested action: identity:{}."

    def __init__(self, world: World, tokens: Tokens) -> None:
        super().__init__(world)
        self._tokens = tokens
        self.entries: Sequence[Service] = ()

    @property
    def root(self) -> str:
        return self.prefix

    def own_routes(self) -> Iterable[Route]:
        yield Route("POST", "/v3/auth/tokens", self._log_in, is_open=True)
        yield from (one.route for one in _COLLECTIONS)

    def _log_in(self, request: Request) -> Response:
        text, token = log_in(request, self._tokens)
        caller, project = token.caller, token.caller.project
        body: Json = {
            "user": {"domain": _DOMAIN, "id": caller.user.id, "name": caller.user.name},
            "expires_at": micro(token.expires) + "Z",
            "issued_at": micro(token.issued) + "Z",
        }
        if project is not None:
            body |= {
                "project": {"domain": _DOMAIN, "id": project.id, "name": project.name},
                "roles": [{"id": role_id(role), "name": role} for role in sorted(caller.roles)],
                "catalog": [entry(request, one) for one in self.entries],
            }
        return Response({"token": body}, 201, {"X-Subject-Token": text})
