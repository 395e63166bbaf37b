"""Tokens: their owners, and when they expire."""

import secrets
from dataclasses import dataclass
from typing import Final

from stratoscope.demo.openstack.http_request import Caller
from stratoscope.demo.world.models import ApplicationCredential, Project, User
from stratoscope.demo.world.world import World

LIFETIME_S: Final = 3600.0
_IMPLIED: Final = {"admin": ("admin", "manager", "member", "reader"), "member": ("member", "reader")}
"""The roles that a role has in it; others have themselves alone."""
_BYTES: Final = 132


@dataclass(frozen=True, slots=True)
class Token:
    """Attributes: issued, expires: In Unix seconds."""

    caller: Caller
    issued: float
    expires: float


class Tokens:
    """The valid tokens."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tokens: dict[str, Token] = {}

    def issue(
        self, user: User, project: Project | None, credential: ApplicationCredential | None = None
    ) -> tuple[str, Token]:
        """A new token, with the user's roles in the project, or those of the credential."""
        now = self._world.now
        self._tokens = {one: token for one, token in self._tokens.items() if token.expires > now}
        direct = () if project is None else user.roles.get(project.id, ())
        given = credential.roles if credential else direct
        roles = frozenset(one for role in given for one in _IMPLIED.get(role, (role,)))
        token = Token(Caller(user, project, roles), now, now + LIFETIME_S)
        text = f"gAAAAA{secrets.token_urlsafe(_BYTES)}"
        self._tokens[text] = token
        return text, token

    def find(self, text: str) -> Token | None:
        """The token; None for an unknown, revoked or expired one."""
        token = self._tokens.get(text)
        return token if token is not None and token.expires > self._world.now else None

    def revoke(self, text: str) -> None:
        self._tokens.pop(text, None)
