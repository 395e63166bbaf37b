"""Who may see the pages: the web configuration in force, which is read again when it changes."""

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from aiohttp import web

from stratoscope.core.errors import ConfigError
from stratoscope.core.web.asking.basic import Basic
from stratoscope.core.web.asking.known import UNKNOWN, Known, Outcome, refused
from stratoscope.core.web.certificates import names_of
from stratoscope.core.web.config_file import Rate, WebConfig, load
from stratoscope.core.web.listen import Address
from stratoscope.core.web.passwords import Failures

log = logging.getLogger(__name__)

BASIC: Final = 'Basic realm="stratoscope"'
_RETRY_S: Final = 5.0


class Access:
    """Decides who is admitted. All of core's paths are guarded, including `/-/healthy`, as in
    exporter-toolkit.

    An exporter's own routes are guarded one by one, by judging.py; the checks of connections apply to all.

    The files are checked at each request and each connection. If they cannot be used, or lack a guard that is
    in force (a file that is written in place is empty for a moment), the old configuration stays in force,
    and the error is logged once.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._path, self.monotonic, self.now = path, monotonic, now
        self._reading = asyncio.Lock()
        self.failures = Failures(monotonic)
        self._basic = Basic(self.failures, monotonic)
        self._error, self._retry_at = "", 0.0
        self._places: Sequence[Address] = ()
        self._in_force, self._stamp = _read(path) if path else (WebConfig(), ())
        self._bucket = _Bucket(self._in_force.rate, monotonic)

    @classmethod
    def open(cls, path: str | None) -> "Access":
        """Access by a web configuration file; without one everybody is admitted.

        Raises:
            ConfigError: The file cannot be used.
        """
        return cls(Path(path) if path else None)

    @property
    def in_force(self) -> WebConfig:
        """The web configuration as last read."""
        return self._in_force

    @property
    def protects(self) -> bool:
        """Whether strangers are kept out: by a password, or by a certificate they do not have."""
        return bool(self._in_force.users) or self._in_force.requires_client_cert

    @property
    def warnings(self) -> Sequence[str]:
        """What the operator should know of the web configuration."""
        refused = (
            [f"web configuration rejected, the old one stays in force: {self._error}"] if self._error else []
        )
        return [*self._exposed(), *self._expired(), *refused, *self._in_force.warnings]

    @property
    def is_refused(self) -> bool:
        """Whether the current file is rejected."""
        return bool(self._error)

    def listens_on(self, places: Sequence[Address]) -> None:
        """Warn of addresses that others can reach without TLS or a password: now, and when that changes."""
        self._places = places
        self._warn()
        self._warn_of_expiry()

    async def renewed(self) -> WebConfig:
        """The web configuration, read again if one of its files has changed."""
        if self._path is not None and self._has_changed():
            async with self._reading:  # who comes meanwhile waits for the same reading
                if self._has_changed():
                    await self._renew(self._path)
        return self._in_force

    async def connection_refusal(self, request: web.Request) -> web.Response | None:
        """The refusal of a client whose connection is not admitted, or that sends too many requests; else
        None.
        """
        config = await self.renewed()
        if request.get_extra_info("sslcontext") is not config.context:
            # It was let in under another TLS configuration: a client CA or a version may be required by now.
            # Without an answer a client asks again, over a new connection.
            request.protocol.force_close()
            return refused(421, "this connection began under another TLS configuration", Connection="close")
        if config.allowed_sans is not None and not _bears(request, config.allowed_sans):
            return refused(403, "the client certificate's names are not allowed", Connection="close")
        wait_s = self._bucket.wait_s()
        return refused(429, "too many requests", **{"Retry-After": str(wait_s)}) if wait_s else None

    async def password_refusal(self, request: web.Request) -> web.Response | None:
        """The refusal of a client without a right password, if the web configuration has users; else None."""
        if not self._in_force.users:
            return None
        outcome = await self.user(request)
        if isinstance(outcome, Known):
            return None
        if outcome is None or outcome.status == UNKNOWN:
            return refused(UNKNOWN, "a password is needed", **{"WWW-Authenticate": BASIC})
        return outcome

    async def user(self, request: web.Request) -> Outcome:
        """The user of the web configuration who asks."""
        return await self._basic.outcome(request, self._in_force.users)

    async def close(self) -> None:
        await self._basic.close()

    def _has_changed(self) -> bool:
        is_due = bool(self._error) and self.monotonic() >= self._retry_at
        return is_due or _stamp(self._in_force.files) != self._stamp

    async def _renew(self, path: Path) -> None:
        stamp_before = _stamp(self._in_force.files)
        try:
            config, stamp = await asyncio.to_thread(_read, path)
            self._check_guards(config, path)
        except ConfigError as error:
            self._refuse(stamp_before, str(error))
            return
        except Exception as error:  # noqa: BLE001 - the border: a bug must keep nobody out who was let in
            self._refuse(stamp_before, f"{path}: a bug ({type(error).__name__})", bug=error)
            return
        if config.rate != self._in_force.rate:
            self._bucket = _Bucket(config.rate, self.monotonic)
        exposed = self._exposed()
        self._in_force, self._stamp, self._error = config, stamp, ""
        log.info("web configuration read again file=%s", path)
        if self._exposed() != exposed:
            self._warn()
        self._warn_of_expiry()

    def _refuse(self, stamp: Sequence[object], why: str, bug: Exception | None = None) -> None:
        self._stamp, self._retry_at = stamp, self.monotonic() + _RETRY_S
        if why != self._error:
            self._error = why
            log.error("web configuration rejected, the old one stays in force error=%r", why, exc_info=bug)

    def _check_guards(self, config: WebConfig, path: Path) -> None:
        """Reject a configuration with fewer guards than the one in force: it may be a file that is being
        written.
        """
        if (config.context is None) != (self._in_force.context is None):
            raise ConfigError(f"{path}: tls_server_config: TLS is turned on or off by a restart only")
        for key, strictness in self._in_force.guards.items():
            if config.guards.get(key, 0) < strictness:
                raise ConfigError(f"{path}: {key}: missing or less strict than before; that needs a restart")

    def _exposed(self) -> Sequence[str]:
        """A line for each address that others can reach although TLS or a password is missing."""
        has_tls = self._in_force.context is not None
        if has_tls and self.protects:
            return []
        missing = "authentication" if has_tls else "TLS" if self.protects else "TLS or authentication"
        return [f"no {missing} on {place}" for place in self._places if not place.is_loopback]

    def _warn(self) -> None:
        for text in self._exposed():
            log.warning("%s; see --web.config.file", text)

    def _expired(self) -> Sequence[str]:
        expires = self._in_force.expires
        if expires is None or expires > self.now():
            return []
        when = dt.datetime.fromtimestamp(expires, dt.UTC)
        return [f"tls_server_config: the server's certificate ended on {when:%Y-%m-%d %H:%M} UTC"]

    def _warn_of_expiry(self) -> None:
        for text in self._expired():
            log.warning("%s", text)


class _Bucket:
    """A bucket of `burst` requests, filled by one per interval; without a rate it never empties."""

    def __init__(self, rate: Rate | None, monotonic: Callable[[], float]) -> None:
        self._rate, self._monotonic = rate, monotonic
        self._left, self._at = float(rate.burst) if rate else 0.0, monotonic()

    def wait_s(self) -> int:
        """0 for a request that may pass, else after how many seconds one may."""
        if self._rate is None:
            return 0
        now = self._monotonic()
        self._left = min(self._rate.burst, self._left + (now - self._at) / self._rate.interval_s)
        self._at = now
        if self._left < 1:
            return max(1, round((1 - self._left) * self._rate.interval_s))
        self._left -= 1
        return 0


def _bears(request: web.Request, allowed: frozenset[str]) -> bool:
    """Whether the client's certificate, which the handshake has verified, has an allowed name."""
    certificate = request.get_extra_info("peercert")
    return bool(certificate) and not allowed.isdisjoint(names_of(certificate))


def _read(path: Path) -> tuple[WebConfig, Sequence[object]]:
    """The configuration and the state of its files; read twice, since the first reading yields the list of
    files.
    """
    stamp = _stamp(load(path).files)
    return load(path), stamp


def _stamp(files: Sequence[Path]) -> Sequence[object]:
    return [_looks(file) for file in files]


def _looks(file: Path) -> tuple[int, ...] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size)  # a copy may keep the first
