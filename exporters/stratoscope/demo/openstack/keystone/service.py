"""Keystone: who somebody is, what there is, and where."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Final

from multidict import CIMultiDict

from stratoscope.demo.openstack.asking import Answer, Ask, Json, RefusalError
from stratoscope.demo.openstack.keystone import views
from stratoscope.demo.openstack.keystone.catalogue import REGION, Entry
from stratoscope.demo.openstack.keystone.login import Login
from stratoscope.demo.openstack.keystone.tokens import Token, Tokens
from stratoscope.demo.openstack.seed.identity import ROLES, role_id
from stratoscope.demo.openstack.service import Route, Service, keystone
from stratoscope.demo.openstack.texts import micro
from stratoscope.demo.openstack.things import Project, User
from stratoscope.demo.openstack.world import World

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

    def __init__(self, world: World, tokens: Tokens) -> None:
        super().__init__(world)
        self._tokens, self._login = tokens, Login(world, tokens)
        self.entries: Sequence[Entry] = ()

    @property
    def root(self) -> str:
        return self.prefix

    def routes(self) -> Iterable[Route]:
        yield Route("GET", "", self._versions, is_open=True)
        yield Route("GET", "/", self._versions, is_open=True)
        yield Route("GET", "/v3", self._version, is_open=True)
        yield Route("GET", "/v3/", self._version, is_open=True)
        yield Route("POST", "/v3/auth/tokens", self._log_in, is_open=True)
        yield Route("GET", "/v3/auth/tokens", self._show_token)
        yield Route("HEAD", "/v3/auth/tokens", self._show_token)
        yield Route("DELETE", "/v3/auth/tokens", self._log_out)
        yield Route("GET", "/v3/auth/catalog", self._catalogue)
        yield Route("GET", "/v3/auth/projects", self._own_projects)
        yield Route("GET", "/v3/auth/domains", lambda ask: _list(ask, "domains", []))
        yield Route("GET", "/v3/projects", self._projects)
        yield Route("GET", "/v3/projects/{project}", self._project)
        yield Route("GET", "/v3/users", self._users)
        yield Route("GET", "/v3/users/{user}", self._user)
        yield Route("GET", "/v3/users/{user}/projects", self._projects_of)
        yield Route("GET", "/v3/users/{user}/application_credentials", self._credentials)
        yield Route("GET", "/v3/groups", self._groups)
        yield Route("GET", "/v3/domains", self._domains)
        yield Route("GET", "/v3/domains/default", lambda ask: Answer({"domain": views.domain(ask)}))
        yield Route("GET", "/v3/roles", self._roles)
        yield Route("GET", "/v3/role_assignments", self._assignments)
        yield Route("GET", "/v3/regions", self._regions)
        yield Route("GET", "/v3/services", self._services)
        yield Route("GET", "/v3/endpoints", self._endpoints)

    def refusal(self, ask: Ask, error: RefusalError) -> Answer:
        body: Json = {"code": error.status}
        if error.status == HTTPStatus.UNAUTHORIZED and error.kind:
            body["identity"] = {"methods": ["external", "password"]}
        body |= {"message": error.message, "title": HTTPStatus(error.status).phrase}
        answer = Answer({"error": body}, error.status)
        if error.status == HTTPStatus.UNAUTHORIZED:
            answer.headers["WWW-Authenticate"] = f'Keystone uri="{keystone(ask)}"'
        return answer

    def unauthorized(self, ask: Ask) -> Answer:
        return self.refusal(ask, RefusalError(401, "The request you have made requires authentication."))

    def unknown(self, ask: Ask) -> Answer:  # noqa: ARG002 - the same for all
        return Answer(_UNKNOWN, 404, CIMultiDict({"Content-Type": "text/html; charset=utf-8"}))

    def headers(self, ask: Ask, answer: Answer) -> None:
        answer.headers["Vary"] = "X-Auth-Token"
        super().headers(ask, answer)

    # -- Versions and tokens -----------------------------------------------------------------------

    def _versions(self, ask: Ask) -> Answer:
        headers = CIMultiDict({"Location": f"{keystone(ask)}/"})
        return Answer({"versions": {"values": [views.version(ask)]}}, 300, headers)

    def _version(self, ask: Ask) -> Answer:
        return Answer({"version": views.version(ask)})

    def _log_in(self, ask: Ask) -> Answer:
        text, token = self._login.token(ask.content)
        return Answer(self._shown(ask, token), 201, CIMultiDict({"X-Subject-Token": text}))

    def _show_token(self, ask: Ask) -> Answer:
        text, token = self._subject(ask)
        return Answer(self._shown(ask, token), 200, CIMultiDict({"X-Subject-Token": text}))

    def _log_out(self, ask: Ask) -> Answer:
        text, _ = self._subject(ask)
        self._tokens.revoke(text)
        return Answer(status=204)

    def _subject(self, ask: Ask) -> tuple[str, Token]:
        """The token that is asked about: one's own, or for administrators anybody's."""
        text = ask.request.headers.get("X-Subject-Token", "")
        token = self._tokens.find(text)
        if token is None:
            raise RefusalError(404, "Could not recognize Fernet token")
        if token.caller.user is not ask.who.user:
            _administrators(ask, "validate_token")
        return text, token

    def _shown(self, ask: Ask, token: Token) -> Json:
        caller, project = token.caller, token.caller.project
        user: Json = {
            "domain": views.DOMAIN,
            "id": caller.user.user_id,
            "name": caller.user.name,
            "password_expires_at": None,
        }
        shown: Json = {
            "methods": list(caller.methods),
            "user": user,
            "audit_ids": [token.audit_id],
            "expires_at": micro(token.expires) + "Z",
            "issued_at": micro(token.issued) + "Z",
        }
        if project is not None:
            shown["project"] = {"domain": views.DOMAIN, "id": project.project_id, "name": project.name}
            shown["is_domain"] = False
            shown["roles"] = [{"id": role_id(role), "name": role} for role in sorted(caller.roles)]
            shown["catalog"] = [entry.shown(ask) for entry in self.entries]
        if token.credential is not None:
            credential = token.credential
            shown["application_credential"] = {
                "id": credential.credential_id,
                "name": credential.name,
                "restricted": True,
            }
        return {"token": shown}

    def _catalogue(self, ask: Ask) -> Answer:
        links = {"self": f"{keystone(ask)}/auth/catalog"}
        return Answer({"catalog": [entry.shown(ask) for entry in self.entries], "links": links})

    # -- Projects, users and what they may do ------------------------------------------------------

    def _own_projects(self, ask: Ask) -> Answer:
        return _list(ask, "projects", [views.project(ask, one) for one in self._of(ask.who.user)])

    def _projects(self, ask: Ask) -> Answer:
        _administrators(ask, "list_projects")
        name = ask.query.get("name")
        chosen = [project for project in self.world.projects if name in (None, project.name)]
        return _list(ask, "projects", [views.project(ask, project) for project in chosen])

    def _project(self, ask: Ask) -> Answer:
        project = self.world.projects.get(ask.args["project"])
        if not ask.who.owns(project):
            _administrators(ask, "get_project")
        if project is None:
            raise RefusalError(404, f"Could not find project: {ask.args['project']}.")
        return Answer({"project": views.project(ask, project)})

    def _users(self, ask: Ask) -> Answer:
        _administrators(ask, "list_users")
        name = ask.query.get("name")
        return _list(
            ask, "users", [views.user(ask, user) for user in self.world.users if name in (None, user.name)]
        )

    def _user(self, ask: Ask) -> Answer:
        return Answer({"user": views.user(ask, self._find_user(ask, "get_user"))})

    def _projects_of(self, ask: Ask) -> Answer:
        user = self._find_user(ask, "list_user_projects")
        return _list(ask, "projects", [views.project(ask, project) for project in self._of(user)])

    def _credentials(self, ask: Ask) -> Answer:
        user = self._find_user(ask, "list_application_credentials")
        theirs = [one for one in self.world.credentials.values() if one.user is user]
        return _list(ask, "application_credentials", [views.credential(ask, one) for one in theirs])

    def _find_user(self, ask: Ask, action: str) -> User:
        """Oneself, or for administrators anybody."""
        user = self.world.users.get(ask.args["user"])
        if user is not ask.who.user:
            _administrators(ask, action)
        if user is None:
            raise RefusalError(404, f"Could not find user: {ask.args['user']}.")
        return user

    def _of(self, user: User) -> list[Project]:
        return [project for project in self.world.projects if project.project_id in user.roles]

    def _domains(self, ask: Ask) -> Answer:
        _administrators(ask, "list_domains")
        return _list(ask, "domains", [views.domain(ask)])

    def _groups(self, ask: Ask) -> Answer:
        """None: each user has its roles itself."""
        _administrators(ask, "list_groups")
        return _list(ask, "groups", [])

    def _roles(self, ask: Ask) -> Answer:
        _administrators(ask, "list_roles")
        return _list(ask, "roles", [views.role(ask, name) for name in ROLES])

    def _assignments(self, ask: Ask) -> Answer:
        _administrators(ask, "list_role_assignments")
        names = "include_names" in ask.query
        assigned = [
            views.assignment(ask, user, project, role, names=names)
            for user in self.world.users
            for project in self._of(user)
            for role in user.roles[project.project_id]
        ]
        return _list(ask, "role_assignments", assigned)

    # -- The catalogue's parts ---------------------------------------------------------------------

    def _regions(self, ask: Ask) -> Answer:
        region: Json = {"id": REGION, "description": "", "parent_region_id": None}
        return _list(ask, "regions", [region | views.link_to(ask, "regions", REGION)])

    def _services(self, ask: Ask) -> Answer:
        _administrators(ask, "list_services")
        shown: list[Json] = [
            {"name": entry.name, "id": entry.service_id, "type": entry.kind, "enabled": True}
            | views.link_to(ask, "services", entry.service_id)
            for entry in self.entries
        ]
        return _list(ask, "services", shown)

    def _endpoints(self, ask: Ask) -> Answer:
        _administrators(ask, "list_endpoints")
        shown: list[Json] = []
        for entry in self.entries:
            for endpoint in entry.endpoints:
                there = endpoint.shown(ask)
                url, region = there.pop("url"), there.pop("region")
                there |= {"service_id": entry.service_id, "url": url, "enabled": True, "region": region}
                shown.append(there | views.link_to(ask, "endpoints", endpoint.endpoint_id))
        return _list(ask, "endpoints", shown)


def _administrators(ask: Ask, action: str) -> None:
    """Refuse what is for administrators alone."""
    if not ask.who.is_admin:
        text = f"You are not authorized to perform the requested action: identity:{action}."
        raise RefusalError(403, text)


def _list(ask: Ask, key: str, items: list[Json]) -> Answer:
    here = str(ask.request.url.with_scheme(ask.request.scheme))
    return Answer({key: items, "links": {"next": None, "self": here, "previous": None}})
