"""Keystone: tokens, the catalogue, projects and users."""

from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from typing import Final

from multidict import CIMultiDict

from stratoscope.demo.openstack.http_request import HttpError, Json, Request, Response
from stratoscope.demo.openstack.keystone import views
from stratoscope.demo.openstack.keystone.catalogue import Entry
from stratoscope.demo.openstack.keystone.login import Login
from stratoscope.demo.openstack.keystone.tokens import Token, Tokens
from stratoscope.demo.openstack.service import UNAUTHORIZED, Handler, Route, Service
from stratoscope.demo.openstack.texts import micro
from stratoscope.demo.world.seed.identity import role_id
from stratoscope.demo.world.world import World

_UNKNOWN: Final = (
    b"<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n"
    b"<p>The requested URL was not found on the server. If you entered the URL manually please check your "
    b"spelling and try again.</p>\n"
)


class Keystone(Service):
    """Version 3.14 of its API.

    Attributes:
        entries: The catalogue; set once all services are known.
    """

    kind, name, prefix, endpoint = "identity", "keystone", "/identity", "/v3"
    denial = "You are not authorized to perform the requested action: identity:{}."

    def __init__(self, world: World, tokens: Tokens) -> None:
        super().__init__(world)
        self._tokens, self._login = tokens, Login(world, tokens)
        self.entries: Sequence[Entry] = ()

    def routes(self) -> Iterable[Route]:
        for path, handler in (("", _versions), ("/", _versions), ("/v3", _version), ("/v3/", _version)):
            yield Route("GET", path, handler, is_open=True)
        yield Route("POST", "/v3/auth/tokens", self._log_in, is_open=True)
        yield Route("GET", "/v3/auth/tokens", self._show_token)
        yield Route("HEAD", "/v3/auth/tokens", self._show_token)
        yield Route("DELETE", "/v3/auth/tokens", self._log_out)
        yield Route("GET", "/v3/auth/catalog", self._catalogue)
        yield Route("GET", "/v3/auth/projects", _own_projects)
        yield Route("GET", "/v3/projects", _projects, "list_projects")
        yield Route("GET", "/v3/projects/{project}", _project)
        yield Route("GET", "/v3/users", _users, "list_users")
        yield Route("GET", "/v3/users/{user}", _user)
        yield Route("GET", "/v3/groups", _fixed("groups"), "list_groups")
        yield Route("GET", "/v3/domains", _fixed("domains", views.domain), "list_domains")
        yield Route("GET", "/v3/regions", _fixed("regions", views.region))

    @property
    def root(self) -> str:
        return self.prefix

    def error(self, request: Request, error: HttpError) -> Response:
        body: Json = {
            "code": error.status,
            "message": error.message,
            "title": HTTPStatus(error.status).phrase,
        }
        if error.status == HTTPStatus.UNAUTHORIZED and error.kind:
            body["identity"] = {"methods": ["external", "password"]}
        response = Response({"error": body}, error.status)
        if error.status == HTTPStatus.UNAUTHORIZED:
            response.headers["WWW-Authenticate"] = f'Keystone uri="{request.keystone}"'
        return response

    def unauthorized(self, request: Request) -> Response:
        return self.error(request, HttpError(401, UNAUTHORIZED))

    def unknown(self, request: Request) -> Response:  # noqa: ARG002 - the same for all
        return Response(_UNKNOWN, 404, CIMultiDict({"Content-Type": "text/html; charset=utf-8"}))

    def headers(self, request: Request, response: Response) -> None:
        response.headers["Vary"] = "X-Auth-Token"
        super().headers(request, response)

    # -- Tokens ------------------------------------------------------------------------------------

    def _log_in(self, request: Request) -> Response:
        text, token = self._login.token(request.content)
        return self._token(request, text, token, 201)

    def _show_token(self, request: Request) -> Response:
        return self._token(request, *self._subject(request))

    def _log_out(self, request: Request) -> Response:
        text, _ = self._subject(request)
        self._tokens.revoke(text)
        return Response(status=204)

    def _subject(self, request: Request) -> tuple[str, Token]:
        """The token that the request names: the caller's own one, or any for administrators."""
        text = request.raw.headers.get("X-Subject-Token", "")
        token = self._tokens.find(text)
        if token is None:
            raise HttpError(404, "Could not recognize Fernet token")
        if token.caller.user is not request.caller.user:
            request.only_admin("validate_token")
        return text, token

    def _token(self, request: Request, text: str, token: Token, status: int = 200) -> Response:
        caller, project, credential = token.caller, token.caller.project, token.credential
        user: Json = {
            "domain": views.DOMAIN,
            "id": caller.user.id,
            "name": caller.user.name,
            "password_expires_at": None,
        }
        body: Json = {
            "methods": list(caller.methods),
            "user": user,
            "audit_ids": [token.audit_id],
            "expires_at": micro(token.expires) + "Z",
            "issued_at": micro(token.issued) + "Z",
        }
        if project is not None:
            body |= {
                "project": {"domain": views.DOMAIN, "id": project.id, "name": project.name},
                "is_domain": False,
                "roles": [{"id": role_id(role), "name": role} for role in sorted(caller.roles)],
                "catalog": self._entries(request),
            }
        if credential is not None:
            named = {"id": credential.id, "name": credential.name, "restricted": True}
            body["application_credential"] = named
        return Response({"token": body}, status, CIMultiDict({"X-Subject-Token": text}))

    def _catalogue(self, request: Request) -> Response:
        links = {"self": f"{request.keystone}/auth/catalog"}
        return Response({"catalog": self._entries(request), "links": links})

    def _entries(self, request: Request) -> list[Json]:
        return [entry.view(request) for entry in self.entries]


def _versions(request: Request) -> Response:
    headers = CIMultiDict({"Location": f"{request.keystone}/"})
    return Response({"versions": {"values": [views.version(request)]}}, 300, headers)


def _version(request: Request) -> Response:
    return Response({"version": views.version(request)})


def _fixed(key: str, *items: Callable[[Request], Json]) -> Handler:
    """The handler of a list that is the same in every world."""
    return lambda request: _list(request, key, [view(request) for view in items])


def _own_projects(request: Request) -> Response:
    roles = request.caller.user.roles
    own = [views.project(request, one) for one in request.world.projects if one.id in roles]
    return _list(request, "projects", own)


def _projects(request: Request) -> Response:
    chosen = [one for one in request.world.projects if request.matches(name=one.name)]
    return _list(request, "projects", [views.project(request, one) for one in chosen])


def _project(request: Request) -> Response:
    project = request.own_project("get_project")
    if project is None:
        raise HttpError(404, f"Could not find project: {request.args['project']}.")
    return Response({"project": views.project(request, project)})


def _users(request: Request) -> Response:
    chosen = [one for one in request.world.users if request.matches(name=one.name)]
    return _list(request, "users", [views.user(request, one) for one in chosen])


def _user(request: Request) -> Response:
    """The caller, or any user for administrators."""
    user = request.world.users.get(request.args["user"])
    if user is not request.caller.user:
        request.only_admin("get_user")
    if user is None:
        raise HttpError(404, f"Could not find user: {request.args['user']}.")
    return Response({"user": views.user(request, user)})


def _list(request: Request, key: str, items: list[Json]) -> Response:
    here = str(request.raw.url.with_scheme(request.raw.scheme))
    return Response({key: items, "links": {"next": None, "self": here, "previous": None}})
