"""The body of a log-in, and whose it is."""

from typing import Annotated

import msgspec

from stratoscope.demo.openstack.asking import RefusalError
from stratoscope.demo.openstack.keystone.tokens import Token, Tokens
from stratoscope.demo.openstack.things import ApplicationCredential, Project, User
from stratoscope.demo.openstack.world import World

_KNOWN = ("password", "token", "application_credential")
_DOMAIN = ("default", "Default")


class _Domain(msgspec.Struct, frozen=True):
    id: str = ""
    name: str = ""

    @property
    def is_default(self) -> bool:
        return (self.id or self.name) in _DOMAIN


class _Named(msgspec.Struct, frozen=True):
    """A user or a project, by id or by name."""

    id: str = ""
    name: str = ""
    domain: _Domain = _Domain()
    password: str = ""


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
    domain: _Domain | None = None
    system: dict[str, bool] | None = None


class _Auth(msgspec.Struct, frozen=True):
    identity: _Identity
    scope: _Scope | str | None = None


class _Body(msgspec.Struct, frozen=True):
    auth: _Auth | None = None


class Login:
    """One log-in; each method raises RefusalError when it is to be refused."""

    def __init__(self, world: World, tokens: Tokens) -> None:
        self._world, self._tokens = world, tokens

    def token(self, content: bytes) -> tuple[str, Token]:
        """A new token for what a body says."""
        try:
            auth = msgspec.json.decode(content, type=_Body).auth
        except msgspec.DecodeError as error:
            raise RefusalError(400, str(error)) from error
        if auth is None:
            raise _missing("auth", "request body")
        methods = auth.identity.methods
        if unknown := [method for method in methods if method not in _KNOWN]:
            raise RefusalError(401, "Attempted to authenticate with an unsupported method.", unknown[0])
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
        said = identity.password.user
        for user in self._world.users:
            is_meant = (
                user.user_id == said.id if said.id else user.name == said.name and said.domain.is_default
            )
            if is_meant and user.password == said.password:
                return user
        raise _refused()

    def _of_token(self, said: _OldToken | None) -> User:
        if said is None:
            raise _missing("token", "identity")
        token = self._tokens.find(said.id)
        if token is None:
            raise RefusalError(404, "Could not recognize Fernet token")
        return token.caller.user

    def _credential(self, said: _Secret | None) -> ApplicationCredential:
        if said is None:
            raise _missing("application_credential", "identity")
        for credential in self._world.credentials.values():
            owner = (said.user.id or said.user.name) in (credential.user.user_id, credential.user.name)
            if credential.credential_id == said.id or (credential.name == said.name and owner):
                if credential.secret == said.secret:
                    return credential
                break
        raise _refused()

    def _project(self, user: User, scope: _Scope | str | None) -> Project | None:
        """Where the user is to have roles; refused where there are none."""
        if scope is None:
            return user.default_project
        if isinstance(scope, str):
            return None
        said = scope.project
        for project in self._world.projects if said else ():
            is_meant = said is not None and (
                project.project_id == said.id
                if said.id
                else project.name == said.name and said.domain.is_default
            )
            if is_meant and project.project_id in user.roles:
                return project
        raise _refused()


def _refused() -> RefusalError:
    return RefusalError(401, "The request you have made requires authentication.")


def _missing(what: str, where: str) -> RefusalError:
    return RefusalError(
        400,
        f"Expecting to find {what} in {where}. The server could not comply with the request since it is "
        "either malformed or otherwise incorrect. The client is assumed to be in error.",
    )
