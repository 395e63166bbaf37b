"""Log-ins: the body of POST /v3/auth/tokens, and the user and project that it names."""

from collections.abc import Iterable
from typing import Annotated, TypeVar

import msgspec

from stratoscope.demo.openstack.http_request import HttpError
from stratoscope.demo.openstack.keystone.tokens import Token, Tokens
from stratoscope.demo.openstack.service import UNAUTHORIZED
from stratoscope.demo.world.models import ApplicationCredential, Project, User
from stratoscope.demo.world.world import World

T = TypeVar("T", bound=User | Project)

_METHODS = ("password", "token", "application_credential")
_DOMAIN = ("default", "Default")


class _Domain(msgspec.Struct, frozen=True):
    id: str = ""
    name: str = ""


class _Named(msgspec.Struct, frozen=True):
    """A user or a project, by id or by name."""

    id: str = ""
    name: str = ""
    domain: _Domain = _Domain()
    password: str = ""

    def is_for(self, one: User | Project) -> bool:
        if self.id:
            return one.id == self.id
        return one.name == self.name and (self.domain.id or self.domain.name) in _DOMAIN


class _Password(msgspec.Struct, frozen=True):
    user: _Named


class _Secret(msgspec.Struct, frozen=True):
    id: str = ""
    name: str = ""
    secret: str = ""
    user: _Named = _Named()


class _OldToken(msgspec.Struct, frozen=True):
    id: str


class _Identity(msgspec.Struct, frozen=True):
    methods: Annotated[list[str], msgspec.Meta(min_length=1)]
    password: _Password | None = None
    token: _OldToken | None = None
    application_credential: _Secret | None = None


class _Scope(msgspec.Struct, frozen=True):
    project: _Named | None = None


class _Auth(msgspec.Struct, frozen=True):
    identity: _Identity
    scope: _Scope | str | None = None


class _Body(msgspec.Struct, frozen=True):
    auth: _Auth | None = None


class Login:
    """Checks log-ins; each method raises HttpError for a refused one."""

    def __init__(self, world: World, tokens: Tokens) -> None:
        self._world, self._tokens = world, tokens

    def token(self, content: bytes) -> tuple[str, Token]:
        """A new token for the body of a log-in."""
        try:
            auth = msgspec.json.decode(content, type=_Body).auth
        except msgspec.DecodeError as error:
            raise HttpError(400, str(error)) from error
        if auth is None:
            raise _missing("auth", "request body")
        methods = auth.identity.methods
        if unknown := [method for method in methods if method not in _METHODS]:
            raise HttpError(401, "Attempted to authenticate with an unsupported method.", unknown[0])
        if methods[0] == "application_credential":
            credential = self._credential(auth.identity.application_credential)
            return self._tokens.issue(credential.user, credential.project, methods, credential)
        user = self._user(auth.identity)
        return self._tokens.issue(user, self._project(user, auth.scope), methods)

    def _user(self, identity: _Identity) -> User:
        if identity.methods[0] == "token":
            return self._of_token(identity.token)
        if identity.password is None:
            raise _missing("password", "identity")
        named = identity.password.user
        return _found(
            user for user in self._world.users if named.is_for(user) and user.password == named.password
        )

    def _of_token(self, old: _OldToken | None) -> User:
        if old is None:
            raise _missing("token", "identity")
        token = self._tokens.find(old.id)
        if token is None:
            raise HttpError(404, "Could not recognize Fernet token")
        return token.caller.user

    def _credential(self, named: _Secret | None) -> ApplicationCredential:
        if named is None:
            raise _missing("application_credential", "identity")
        for credential in self._world.credentials.values():
            owner = (named.user.id or named.user.name) in (credential.user.id, credential.user.name)
            if credential.id == named.id or (credential.name == named.name and owner):
                if credential.secret == named.secret:
                    return credential
                break
        raise HttpError(401, UNAUTHORIZED)

    def _project(self, user: User, scope: _Scope | str | None) -> Project | None:
        """The project of the scope; refused where the user has no role there."""
        if scope is None:
            return user.default_project
        if isinstance(scope, str):
            return None
        named = scope.project
        return _found(
            project
            for project in self._world.projects
            if named is not None and named.is_for(project) and project.id in user.roles
        )


def _found(candidates: Iterable[T]) -> T:
    for one in candidates:
        return one
    raise HttpError(401, UNAUTHORIZED)


def _missing(what: str, where: str) -> HttpError:
    return HttpError(
        400,
        f"Expecting to find {what} in {where}. The server could not comply with the request since it is "
        "either malformed or otherwise incorrect. The client is assumed to be in error.",
    )
