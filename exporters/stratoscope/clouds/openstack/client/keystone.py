"""The log-in: keystoneauth with the plugin that clouds.yaml names. Blocking: called in a thread."""

import logging
import re
import ssl
from collections.abc import Mapping
from typing import Final

import msgspec
import requests
from keystoneauth1 import exceptions
from keystoneauth1.access.access import AccessInfo
from keystoneauth1.identity.base import BaseIdentityPlugin
from openstack.config.cloud_region import CloudRegion

from stratoscope.clouds.client.handshake import failed
from stratoscope.clouds.client.request import CallError
from stratoscope.clouds.openstack.client import clouds_yaml, tls
from stratoscope.clouds.openstack.client.api import Access
from stratoscope.clouds.openstack.client.catalogue import Endpoint, endpoint, endpoints, unusable
from stratoscope.clouds.openstack.client.http_errors import OF_PROXIES
from stratoscope.clouds.openstack.client.login_transport import Wire
from stratoscope.clouds.openstack.config import OpenStackCloud
from stratoscope.core.config import Secret
from stratoscope.core.errors import CollectError, ConfigError, Reason, one_line

REFUSED: Final = frozenset({400, 401, 403})
"""Statuses for a refused credential; an identity provider answers 400 (RFC 6749, 5.2)."""

_NO_TOKEN: Final = (AttributeError, KeyError, TypeError, ValueError, RecursionError)
"""Errors of keystoneauth for a malformed answer."""
_LONGEST_MESSAGE: Final = 300
_STATUS: Final = re.compile(r" \(HTTP \d+\).*\Z")
"""The text that keystoneauth appends to Keystone's message; the id of the request differs each time."""


class Granted(msgspec.Struct, frozen=True):
    """The result of a log-in.

    Attributes:
        lives_s: The lifetime of the token, from its issue.
        expires: Unix seconds.
    """

    token: Secret
    lives_s: float
    expires: float
    access: Access
    endpoints: Mapping[str, Endpoint]


class RefusedError(CollectError):
    """The credential is refused: another attempt could lock the account."""

    def __init__(self, message: str) -> None:
        super().__init__(Reason.UNAUTHORIZED, message)


class BusyError(CallError):
    """Keystone answered 429 or 503."""

    def __init__(self, status: int, retry_after: str | None, message: str) -> None:
        reason = Reason.BUSY if status == requests.codes.too_many else Reason.UNAVAILABLE
        super().__init__(reason, message, str(status))
        self.status, self.retry_after = status, retry_after


class Opened(msgspec.Struct, frozen=True):
    """The configuration in clouds.yaml, read before the first log-in."""

    region: CloudRegion
    tls: ssl.SSLContext

    @property
    def place(self) -> Endpoint:
        """Keystone's endpoint, which is known without a catalogue."""
        return endpoint("identity", str(self.region.get_auth_args().get("auth_url", "")))


class Keystone:
    """One cloud's identity service.

    Attributes:
        wire: The transport of log-ins.
        opened: None before the first attempt to log in.
    """

    def __init__(self, config: OpenStackCloud) -> None:
        self.wire = Wire()
        self._config = config
        self.opened: Opened | None = None

    def log_in(self, timeout_s: float) -> Granted:
        """A new token. Raises RefusedError; BusyError after 429 or 503; CollectError for other reasons.

        Args:
            timeout_s: Of each of its requests.
        """
        try:
            region = self._open().region
            plugin = region.get_auth()
            assert isinstance(plugin, BaseIdentityPlugin)  # noqa: S101 - clouds_yaml.py takes no other
            plugin.invalidate()
            session = region.get_session()
            session.timeout = timeout_s  # a reload may have changed it
            return _granted(plugin.get_access(session), region)
        except ConfigError as error:
            raise CollectError(Reason.UNAVAILABLE, str(error)) from error
        except exceptions.ClientException as error:
            raise self._redirected() or _translated(error, timeout_s, self.wire.through) from error
        except _NO_TOKEN as error:
            what = f"identity: what answers is no Keystone: {type(error).__name__}{self.wire.through}"
            raise self._redirected() or CollectError(Reason.MALFORMED, what) from error

    def close(self) -> None:
        self.wire.cut()
        if self.opened is not None:
            self.opened.region.get_session().close()

    def _redirected(self) -> CollectError | None:
        """The error text if the last answer was a redirect."""
        if not self.wire.redirect:
            return None
        what = f"identity: log-in {self.wire.redirect}; no log-in is sent on: put that into auth_url"
        return CollectError(Reason.UNAVAILABLE, what)

    def _open(self) -> Opened:
        if self.opened is None:
            # It warns at each attempt while Keystone is away, and at DEBUG it would tell too much.
            logging.getLogger("keystoneauth").setLevel(logging.ERROR)
            region = clouds_yaml.region(self._config)
            session = region.get_session()
            session.redirect = False  # it would send the password on, to wherever it is told
            self.wire.mount(session, region.get_auth_args())
            self.opened = Opened(region, tls.context(region))
        return self.opened


def _granted(access: AccessInfo, region: CloudRegion) -> Granted:
    issued, expires, token = access.issued, access.expires, access.auth_token
    if issued is None or expires is None or not token or not (token.isascii() and token.isprintable()):
        raise ValueError("no token, or none that a header can hold")
    project_id = access.project_id or ""
    if not (project_id or access.domain_id or access.system_scoped):
        what = "the token has no scope; set project_name or project_id in clouds.yaml"
        raise RefusedError(f"identity: log-in: {what}")
    catalogue = access.service_catalog.catalog
    found = endpoints(catalogue, region, project_id)
    if not catalogue and found.keys() <= {"identity"}:
        what = "the token's catalogue is empty; is project_name or project_id in clouds.yaml the right one?"
        raise RefusedError(f"identity: log-in: {what}")
    if fault := unusable(catalogue, found):
        what = f"nothing in the token's catalogue can be used: {fault}"
        raise CollectError(Reason.UNAVAILABLE, f"identity: log-in: {what}")
    return Granted(
        Secret(token),
        (expires - issued).total_seconds(),
        expires.timestamp(),
        Access(
            roles=frozenset(name.lower() for name in access.role_names or ()),
            project_id=project_id,
            project_name=access.project_name or "",
            user_id=access.user_id or "",
            user_name=access.username or "",
            services=frozenset(found),
            domain_id=access.domain_id or "",
            is_system=bool(access.system_scoped),
        ),
        found,
    )


def _translated(error: exceptions.ClientException, timeout_s: float, where: str) -> CollectError:
    """keystoneauth's error in one line, without ids of requests and addresses of objects.

    Args:
        where: The proxy in words, if there is one.
    """
    cause = error.__context__
    if isinstance(error, exceptions.DiscoveryFailure) and isinstance(cause, exceptions.ClientException):
        error = cause  # it cites the whole of it
    match error:
        case exceptions.HttpError():
            return _of_status(error, where if error.http_status in OF_PROXIES else "")
        case exceptions.ConnectTimeout():
            reason, what = Reason.TIMEOUT, f"{_short(error.message)} after {timeout_s:g} s"
        case exceptions.ConnectFailure():
            reason, what = Reason.UNAVAILABLE, f"no connection to Keystone: {_cause(error)}"
        case exceptions.InvalidResponse():
            reason, what = Reason.MALFORMED, "what answers is no Keystone"
        case exceptions.MissingAuthMethods() | exceptions.AuthPluginException():
            return RefusedError(f"identity: log-in refused: {_short(error.message)}")
        case _:
            reason, what = Reason.UNAVAILABLE, _short(error.message)
    return CollectError(reason, f"identity: {what}{where}")


def _of_status(error: exceptions.HttpError, where: str) -> CollectError:
    message = f"identity: log-in answered {error.http_status}{where}: {_short(error.message)}"
    if error.http_status in REFUSED:
        what = f"identity: log-in refused ({error.http_status}){where}: {_short(error.message)}"
        return RefusedError(what)
    if error.http_status in (requests.codes.too_many, requests.codes.unavailable):
        headers = error.response.headers if error.response is not None else {}
        return BusyError(error.http_status, headers.get("Retry-After"), message)
    return CallError(Reason.UNAVAILABLE, message, str(error.http_status))


def _cause(error: BaseException) -> str:
    """The innermost cause: the operating system's error, or the first one that was raised."""
    said, cause = "", error
    while True:
        if isinstance(cause, ssl.SSLError):
            return failed(cause)
        if isinstance(cause, OSError) and cause.strerror:
            said = cause.strerror
        below = [getattr(cause, "reason", None), *cause.args, cause.__cause__, cause.__context__]
        inner = next((one for one in below if isinstance(one, BaseException)), None)
        if inner is None:
            return said or str(cause) or type(cause).__name__
        cause = inner


def _short(text: str | None) -> str:
    line = _STATUS.sub("", one_line(text or "no reason given"))
    return line if len(line) <= _LONGEST_MESSAGE else f"{line[:_LONGEST_MESSAGE]}..."
