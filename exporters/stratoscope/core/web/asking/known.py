"""What an authenticator finds out: who it is, or why what was shown is refused."""

from dataclasses import dataclass
from typing import Final, TypeAlias

from aiohttp import web

UNKNOWN = 401
"""The status of an answer to a wrong or missing log-in; what can be logged in with is added to it."""
OF_TOKENS: Final = "token:"
"""What the names of bearer tokens begin with, and the name of no person."""


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody who has shown who they are.

    Attributes:
        groups: As a trusted proxy names them.
        roles: A token's own. None of a person: the configuration gives roles by name and group.
    """

    name: str
    groups: frozenset[str] = frozenset()
    roles: frozenset[str] | None = None


Outcome: TypeAlias = Known | web.Response | None
"""Who it is; the answer to a wrong log-in; None where the authenticator was shown nothing."""


def refused(status: int, text: str, **headers: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n", headers=headers)
