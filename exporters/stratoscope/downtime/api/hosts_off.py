"""`/api/v1/hosts-off`: hosts that are switched off on purpose, and the calls of a script that does it."""

from collections.abc import Collection
from typing import Final

import msgspec
from aiohttp import web

from stratoscope.core.web.routes import Request
from stratoscope.downtime.api.answering import done_answer, json_answer
from stratoscope.downtime.api.answers import HostBack, HostsOff
from stratoscope.downtime.draft import LONGEST_TEXT, FieldError
from stratoscope.downtime.hosts_off.described import host_downtime
from stratoscope.downtime.hosts_off.hosts import hosts_off
from stratoscope.downtime.serving import answered, service

_LONGEST: Final = 255
"""Characters of a name."""


class Off(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a request that a host is off.

    Attributes:
        until: Unix seconds; None until it is said to be back. Left out, it stays as it is, at first as None.
        reason: Free text. Left out, it stays as it is, at first as "".
    """

    until: int | msgspec.UnsetType | None = msgspec.UNSET
    reason: str | msgspec.UnsetType = msgspec.UNSET


@answered
async def find(request: Request) -> web.StreamResponse:
    """The hosts that are off or at risk now, whoever says so, by cloud and name."""
    served = service(request)
    now = served.second
    live = await served.store.live(now, ahead_s=1)
    return json_answer(HostsOff(now, tuple(hosts_off(live, now, served.hosts_cap_s))))


@answered
async def off(request: Request) -> web.StreamResponse:
    """A host is off from now, until a moment or until it is back; a request that comes again changes that."""
    served, now = service(request), service(request).second
    cloud, host = _names(request)
    body = await request.json(Off) if request.http.body_exists else Off()
    if served.clouds and cloud not in served.clouds:
        raise FieldError("cloud", f"no cloud {cloud!r} is configured; allowed: {', '.join(served.clouds)}")
    reason = "" if body.reason is msgspec.UNSET else body.reason
    if len(reason) > LONGEST_TEXT:
        raise FieldError("reason", f"{len(reason)} characters; allowed: {LONGEST_TEXT}")
    asked = host_downtime(cloud, host, reason, now, cap_s=served.hosts_cap_s)
    if body.until is None or body.until is msgspec.UNSET:
        asked = asked._replace(until_further_notice=True)
    elif body.until <= now:
        raise FieldError("until", f"{body.until}; allowed: Unix seconds after now, {now}")
    else:
        asked = asked._replace(end=min(body.until, now + served.hosts_cap_s))
    one = await served.store.hosts.off(
        cloud, host, asked, who=request.asker.name, now=now, cap_s=served.hosts_cap_s, kept=_kept(body)
    )
    served.changed()
    return await done_answer(served, one, now)


@answered
async def back(request: Request) -> web.StreamResponse:
    """A host is back: what a script has filed of it ends."""
    served, now = service(request), service(request).second
    cloud, host = _names(request)
    one = await served.store.hosts.back(cloud, host, who=request.asker.name, now=now)
    served.changed()
    ended, said = (None, None) if one is None else (one.id, await served.silencing(one, now))
    return json_answer(HostBack(now, cloud, host, ended, said))


def _kept(body: Off) -> Collection[str]:
    """The fields of a downtime that stay as they are."""
    end = ("end", "until_further_notice") if body.until is msgspec.UNSET else ()
    return (*end, *(("title", "text") if body.reason is msgspec.UNSET else ()))


def _names(request: Request) -> tuple[str, str]:
    """The cloud and the host of the path. Raises FieldError."""
    names = request.http.match_info["cloud"], request.http.match_info["host"]
    for field, name in zip(("cloud", "host"), names, strict=True):
        if len(name) > _LONGEST or not name.isprintable() or name != name.strip():
            raise FieldError(field, f"{name[:40]!r}; allowed: a name of {_LONGEST} characters at most")
    return names
