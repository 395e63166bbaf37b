"""Log-ins: the body of POST /v3/auth/tokens, and the user and project that it names."""

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from stratoscope.demo.openstack.http_request import HttpError, Request
from stratoscope.demo.openstack.keystone.tokens import Token, Tokens
from stratoscope.demo.openstack.service import UNAUTHORIZED
from stratoscope.demo.world.models import Project, User

T = TypeVar("T")

_DOMAIN = ("default", "Default")


class _Domain(msgspec.Struct, frozen=True):
    id: str = ""
    name: str = ""


class _Named(msgspec.Struct):
    """A user or a project, by id or by name."""

    id: str = ""
    name: str = ""
    domain: _Domain = _Domain()
    password: str = ""

    def is_for(self, one: User | Project) -> bool:
        if self.id:
            return one.id == self.id
        return one.name == self.name and (self.domain.id or self.domain.name) in _DOMAIN


class _Password(msgspec.Struct):
    user: _Named


class _Secret(msgspec.Struct):
    id: str
    secret: str


class _Identity(msgspec.Struct):
    password: _Password | None = None
    application_credential: _Secret | None = None


class _Scope(msgspec.Struct):
    project: _Named


class _Auth(msgspec.Struct):
    identity: _Identity
    scope: _Scope | None = None


class _Body(msgspec.Struct):
    auth: _Auth


def log_in(request: Request, tokens: Tokens) -> tuple[str, Token]:
    """A new token for a password, or for an application credential. Raises HttpError for a wrong log-in."""
    auth = request.body(_Body).auth
    secret, password = auth.identity.application_credential, auth.identity.password
    if secret is not None:
        credential = request.world.credentials.get(secret.id)
        if credential is None or credential.secret != secret.secret:
            raise HttpError(401, UNAUTHORIZED)
        return tokens.issue(credential.user, credential.project, credential)
    if password is None:
        raise HttpError(401, UNAUTHORIZED)
    named, scope = password.user, auth.scope
    user = _found(one for one in request.world.users if named.is_for(one) and one.password == named.password)
    if scope is None:
        return tokens.issue(user, user.default_project)
    projects = request.world.projects
    return tokens.issue(
        user, _found(one for one in projects if scope.project.is_for(one) and one.id in user.roles)
    )


def _found(candidates: Iterable[T]) -> T:
    for one in candidates:
        return one
    raise HttpError(401, UNAUTHORIZED)
