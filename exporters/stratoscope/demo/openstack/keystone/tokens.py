"""Tokens: who has which, and until when."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from stratoscope.demo.openstack.asking import Caller
from stratoscope.demo.openstack.things import ApplicationCredential, Project, User
from stratoscope.demo.openstack.world import World

LIFETIME_S: Final = 3600.0
_IMPLIED: Final = {
    "admin": ("manager", "member", "reader"),
    "manager": ("member", "reader"),
    "member": ("reader",),
}
"""Whoever has the role has these as well."""
_LONG: Final = 132


@dataclass(frozen=True, slots=True)
class Token:
    """Attributes: credential: The application credential that it was had for."""

    caller: Caller
    issued: float
    expires: float
    audit_id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    credential: ApplicationCredential | None = None


class Tokens:
    """Those in force."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tokens: dict[str, Token] = {}

    def issue(
        self,
        user: User,
        project: Project | None,
        methods: Sequence[str],
        credential: ApplicationCredential | None = None,
    ) -> tuple[str, Token]:
        """A new one, with the roles that the user has there, or the credential gives."""
        now = self._world.now
        self._tokens = {one: token for one, token in self._tokens.items() if token.expires > now}
        direct = () if project is None else user.roles.get(project.project_id, ())
        caller = Caller(user, project, with_implied(credential.roles if credential else direct), methods)
        token = Token(caller, now, now + LIFETIME_S, credential=credential)
        text = f"gAAAAA{secrets.token_urlsafe(_LONG)}"
        self._tokens[text] = token
        return text, token

    def find(self, text: str) -> Token | None:
        """The token; None for one that is unknown, revoked or too old."""
        token = self._tokens.get(text)
        return token if token is not None and token.expires > self._world.now else None

    def revoke(self, text: str) -> None:
        self._tokens.pop(text, None)


def with_implied(roles: Sequence[str]) -> frozenset[str]:
    """Roles, and those that they imply."""
    return frozenset(one for role in roles for one in (role, *_IMPLIED.get(role, ())))
