"""Alertmanager's API v2: silences, alerts, status. Source: `/api/v2` of the members of one cluster."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Final, TypeVar
from urllib.parse import quote

import msgspec
from yarl import URL

from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.client.clock_skew import second_of
from stratoscope.clouds.client.http import Http
from stratoscope.clouds.client.request import CallError, Method, Response
from stratoscope.core.errors import ConfigError
from stratoscope.core.errors import Reason as CallReason
from stratoscope.downtime.matchers import Matcher
from stratoscope.downtime.odd_answers import REDIRECTS, content_type, is_page, target
from stratoscope.downtime.silences.errors import AlertmanagerError, Reason
from stratoscope.downtime.silences.settings import AlertmanagerSettings
from stratoscope.downtime.silences.silence import LONGEST_ID, Silence, Written, decode, encode

T = TypeVar("T")

LARGEST: Final = 64 << 20
"""Limit on a body, in bytes."""

_OK: Final = 200
_NOT_FOUND: Final = 404
_UNAUTHORIZED: Final = frozenset({401, 403})
_LIMIT: Final = re.compile(r"maximum number of silences", re.IGNORECASE)
_JSON: Final = {"Accept": "application/json", "Content-Type": "application/json"}
_HALF_S: Final = 0.5
"""The header `Date` says in which second it was: on average it was in the middle of it."""


class SilenceList(msgspec.Struct, frozen=True):
    """The silences of an Alertmanager.

    Attributes:
        malformed: How many others there are.
        ahead_s: By how much its clock is ahead of ours.
    """

    silences: Sequence[Silence]
    malformed: int
    ahead_s: float


class Alert(msgspec.Struct, frozen=True):
    """An alert."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str] = {}


class _Versions(msgspec.Struct, frozen=True):
    version: str = ""


class _Peer(msgspec.Struct, frozen=True):
    name: str = ""


class _Cluster(msgspec.Struct, frozen=True):
    """Without a name, and without peers, where the cluster is switched off."""

    name: str = ""
    peers: tuple[_Peer, ...] | None = None


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    uptime: str
    version_info: _Versions = _Versions()
    cluster: _Cluster = _Cluster()

    @property
    def members(self) -> frozenset[str]:
        names = {self.cluster.name, *(one.name for one in self.cluster.peers or ())} - {""}
        return frozenset(names or {self.uptime})


class Status(msgspec.Struct, frozen=True):
    """How it runs.

    Attributes:
        process: Another one after a restart, and of another member.
        members: The names of all members of the cluster; each has another one after a restart. Of one whose
            cluster is switched off, when it was started, in milliseconds.
    """

    process: str
    version: str
    members: frozenset[str] = frozenset()


class _Posted(msgspec.Struct, frozen=True):
    silence_id: Annotated[str, LONGEST_ID] = msgspec.field(name="silenceID")


class Alertmanager:
    """A client of one Alertmanager or cluster; in the loop that will use it.

    All methods raise AlertmanagerError. Reading goes on to the next member when one does not answer; writing
    goes to the member that was read from last; one that does not answer a write is asked last from then on.
    """

    def __init__(self, settings: AlertmanagerSettings, clock: Clock = CLOCK) -> None:
        """Raises ConfigError: `ca_file` cannot be used."""
        self.name = settings.name
        self._settings, self._clock = settings, clock
        self._members = [URL(url) for url in settings.urls]
        # Thousands of silences go over a few connections. One that is closed meanwhile fails the round; the
        # next round lists what has been written.
        self._http = Http(settings.name, settings.tls(), largest=LARGEST, once=())

    async def close(self) -> None:
        await self._http.close()

    async def silences(self) -> SilenceList:
        """All that it lists."""
        return await self._first(self._silences)

    async def status(self, timeout_s: float | None = None) -> Status:
        async def ask(member: URL) -> Status:
            answer = await self._call("GET", member / "api/v2/status", timeout_s=timeout_s)
            status = _decoded(member, answer, _Status)
            return Status(f"{member} {status.uptime}", status.version_info.version, status.members)

        return await self._first(ask)

    async def alerts(self, matchers: Sequence[Matcher]) -> Sequence[Alert]:
        """The alerts that match all of these, silenced ones too."""

        async def ask(member: URL) -> Sequence[Alert]:
            url = (member / "api/v2/alerts").with_query([("filter", str(one)) for one in matchers])
            return _decoded(member, await self._call("GET", url), tuple[Alert, ...])

        return await self._first(ask)

    async def write(self, silence: Written) -> str:
        """Create or update it; the id that it has then. One to be updated that has vanished is created."""
        with self._written_to() as member:
            url = member / "api/v2/silences"
            answer = await self._call("POST", url, encode(silence), vanished=bool(silence.id))
            if answer.status == _NOT_FOUND:
                answer = await self._call("POST", url, encode(msgspec.structs.replace(silence, id="")))
            return _decoded(member, answer, _Posted).silence_id

    async def expire(self, silence_id: str) -> None:
        """Expire it; one that has vanished is as good as expired."""
        name = quote(silence_id, safe="")  # an Alertmanager could give out one with `../` in it
        with self._written_to() as member:
            url = (member / "api/v2/silence").joinpath(name, encoded=True)
            await self._call("DELETE", url, vanished=True)

    @contextmanager
    def _written_to(self) -> Iterator[URL]:
        """The member that was read from last; if it does not answer a write, all ask it last from now on."""
        member = self._members[0]
        try:
            yield member
        except AlertmanagerError as error:
            if error.is_away:
                self._members.sort(key=lambda one: one == member)
            raise

    async def _silences(self, member: URL) -> SilenceList:
        sent = self._clock.now()
        answer = await self._call("GET", member / "api/v2/silences")
        received = self._clock.now()
        with _decoding(member, answer):
            found, malformed = decode(answer.body)
        second = second_of(answer.headers.get("date"))
        ahead_s = 0.0 if second is None else second + _HALF_S - (sent + received) / 2
        return SilenceList(found, malformed, ahead_s)

    async def _first(self, ask: Callable[[URL], Awaitable[T]]) -> T:
        """What the first member answers that does; it is the first to be asked from now on."""
        failure: AlertmanagerError | None = None
        for member in [*self._members]:
            try:
                answer = await ask(member)
            except AlertmanagerError as error:
                failure = failure or error
                continue
            self._members.sort(key=lambda one: one != member)
            return answer
        assert failure is not None  # noqa: S101 - there is a member
        raise failure

    async def _call(
        self,
        method: Method,
        url: URL,
        body: bytes = b"",
        *,
        vanished: bool = False,
        timeout_s: float | None = None,
    ) -> Response:
        """The answer: 200, or if `vanished` is allowed, 404."""
        timeout_s = timeout_s or self._settings.timeout
        try:
            headers = {**_JSON, **self._settings.credentials()}
            async with asyncio.timeout(timeout_s):
                answer = await self._http.request(method, url, headers, None, body)
        except ConfigError as error:
            raise AlertmanagerError(Reason.CREDENTIALS, str(error)) from error
        except TimeoutError as error:
            what = f"{url.with_query(None)}: no answer within {timeout_s:g} s"
            raise AlertmanagerError(Reason.TIMEOUT, what) from error
        except CallError as error:
            is_malformed = error.reason is CallReason.MALFORMED
            reason = Reason.MALFORMED if is_malformed else Reason.UNREACHABLE
            raise AlertmanagerError(reason, str(error)) from error
        if answer.status != _OK and not (vanished and answer.status == _NOT_FOUND):
            raise _refusal(url, answer)
        return answer


def _decoded(member: URL, answer: Response, kind: type[T]) -> T:
    with _decoding(member, answer):
        return msgspec.json.decode(answer.body, type=kind)


@contextmanager
def _decoding(member: URL, answer: Response) -> Iterator[None]:
    try:
        yield
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        what = "an HTML page" if is_page(answer.body) else str(error)
        words = f"{member}: no answer of API v2, but {content_type(answer)}: {what}"
        raise AlertmanagerError(Reason.MALFORMED, words) from error


def _refusal(url: URL, answer: Response) -> AlertmanagerError:
    if answer.status in REDIRECTS:
        leads = target(url, answer)
        where = "" if leads is None else f", to {leads}"
        words = f"{url.with_query(None)}: {answer.status}, a redirect, which is not followed{where}"
        return AlertmanagerError(Reason.MALFORMED, words)
    text = "an HTML page" if is_page(answer.body) else answer.body.decode(errors="replace").strip()
    words = f"{url.with_query(None)}: {answer.status} {text}".strip()
    if answer.status in _UNAUTHORIZED:
        return AlertmanagerError(Reason.UNAUTHORIZED, words)
    if _LIMIT.search(text):
        return AlertmanagerError(Reason.LIMIT, words)
    if answer.status >= 500:  # noqa: PLR2004 - HTTP's
        return AlertmanagerError(Reason.FAILED, words)
    return AlertmanagerError(Reason.REJECTED if answer.status >= 400 else Reason.MALFORMED, words)  # noqa: PLR2004
