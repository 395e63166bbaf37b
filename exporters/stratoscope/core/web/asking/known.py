"""The outcome of an authenticator: who it is, or a refusal."""

from dataclasses import dataclass
from typing import Final, TypeAlias

from aiohttp import web

UNKNOWN = 401
"""The status of an answer to a wrong or missing log-in; the possible schemes are added to it."""
OF_TOKENS: Final = "token:"
"""The prefix of the names of bearer tokens; no user's name has it."""


@dataclass(frozen=True, slots=True)
class Known:
    """An authenticated user or token.

    Attributes:
        groups: The groups that a trusted proxy names.
        roles: The roles of a token; None for a user, whose roles the configuration gives by name and group.
    """

    name: str
    groups: frozenset[str] = frozenset()
    roles: frozenset[str] | None = None


Outcome: TypeAlias = Known | web.Response | None
"""Who it is; the answer to a wrong log-in; None if the request has nothing for this authenticator."""


def refused(status: int, text: str, **headers: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n", headers=headers)
