"""Access: users, certificates, rate limit, and files that change; over real connections."""

import asyncio
import base64
import ipaddress
import logging
import os
import ssl
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import aiohttp
import bcrypt
import pytest
from aiohttp import ClientSession
from cryptography import x509

from stratoscope.core.errors import ConfigError
from stratoscope.core.web.auth import Access
from support import certificates
from support.certificates import Authority, trusting
from support.services import FakeService, served
from support.source import Clock

STORED = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
CHANGED = bcrypt.hashpw(b"changed", bcrypt.gensalt(4)).decode()
TLS = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n"
VERIFIED = (
    "tls_server_config: {cert_file: server.crt, key_file: server.key, client_ca_file: ca.crt,"
    " client_auth_type: RequireAndVerifyClientCert%s}\n"
)
PATHS = ("/", "/metrics", "/config", "/-/healthy", "/-/ready", "/-/reload", "/nothing")


def basic(user: str, password: str) -> dict[str, str]:
    """The header of a log-in."""
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


ALICE, MALLORY = basic("alice", "secret"), basic("alice", "guess")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority()
    certificates.write(tmp_path, made)
    return made


@pytest.fixture
def access(tmp_path: Path, clock: Clock) -> Callable[[str], Access]:
    def make(text: str) -> Access:
        write(tmp_path, text)
        return Access(tmp_path / "web.yml", monotonic=clock)

    return make


def write(folder: Path, text: str) -> None:
    """By rename, as configuration management does it: another inode each time."""
    (folder / "new.yml").write_text(text)
    (folder / "new.yml").rename(folder / "web.yml")


def users(stored: str) -> str:
    return f"basic_auth_users: {{alice: {stored}}}\n"


async def status(
    url: str, *, login: dict[str, str] | None = None, context: ssl.SSLContext | None = None
) -> int:
    async with ClientSession() as session, session.get(url, headers=login, ssl=context or True) as response:
        return response.status


async def served_name(url: str, context: ssl.SSLContext) -> str:
    """The common name of the certificate that a new connection is shown."""
    host, port = url.removeprefix("https://").split(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    subject = writer.get_extra_info("peercert")["subject"]
    writer.close()
    await writer.wait_closed()
    return str(subject[0][0][1])


async def test_without_a_file_everybody_is_let_in() -> None:
    access = Access.open(None)
    assert (access.protects, access.in_force.context, access.warnings) == (False, None, [])
    async with served(FakeService(), access) as url:
        assert await status(url) == 200


def test_file_that_cannot_be_used_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yml"):
        Access.open(str(tmp_path / "absent.yml"))


@pytest.mark.parametrize("path", PATHS)
async def test_every_path_asks_for_a_password(path: str, access: Callable[[str], Access]) -> None:
    guarded = access(users(STORED))
    assert guarded.protects
    async with served(FakeService(), guarded) as url, ClientSession() as session:
        async with session.get(url + path) as response:
            assert response.status == 401
            assert response.headers["WWW-Authenticate"] == 'Basic realm="stratoscope"'
        assert await status(url + path, login=ALICE) not in (401, 403)
        assert await status(url + path, login=MALLORY) == 401


async def test_header_of_another_scheme_is_asked_for_a_password(access: Callable[[str], Access]) -> None:
    async with served(FakeService(), access(users(STORED))) as url:
        assert await status(url, login={"Authorization": "Bearer x"}) == 401


async def test_guessing_is_slowed_down_and_says_for_how_long(access: Callable[[str], Access]) -> None:
    async with served(FakeService(), access(users(STORED))) as url, ClientSession() as session:
        assert await status(url, login=ALICE) == 200
        assert [await status(url, login=MALLORY) for _ in range(10)] == [401] * 10
        async with session.get(url, headers=MALLORY) as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "1")
        assert await status(url, login=ALICE) == 200


async def test_log_in_that_cannot_be_checked_now_is_told_to_come_back(
    access: Callable[[str], Access], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stratoscope.core.web.passwords._MOST_WAITING", 0)
    async with served(FakeService(), access(users(STORED))) as url:
        assert await status(url, login=ALICE) == 503


async def test_no_password_is_logged(
    access: Callable[[str], Access], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with served(FakeService(), access(users(STORED))) as url:
            assert await status(url, login=basic("alice", "hunter2")) == 401
    assert "hunter2" not in caplog.text
    assert STORED[7:] not in caplog.text


async def test_changed_user_file_is_in_force_at_the_next_request(
    tmp_path: Path, access: Callable[[str], Access]
) -> None:
    async with served(FakeService(), access(users(STORED))) as url:
        assert await status(url, login=ALICE) == 200
        write(tmp_path, users(CHANGED))
        assert await status(url, login=ALICE) == 401
        assert await status(url, login=basic("alice", "changed")) == 200


async def test_broken_file_leaves_the_old_in_force_and_is_logged_once(
    tmp_path: Path, access: Callable[[str], Access], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    guarded = access(users(STORED))
    async with served(FakeService(), guarded) as url, ClientSession() as session:
        write(tmp_path, "basic_auth_user: {}")
        for _ in range(3):
            assert await status(url, login=ALICE) == 200
            clock.time_s += 6
        refused = [record.message for record in caplog.records if record.levelname == "ERROR"]
        assert len(refused) == 1
        assert "basic_auth_user: unknown key" in refused[0]
        async with session.get(url, headers=ALICE) as response:
            assert "basic_auth_user: unknown key" in await response.text()
        write(tmp_path, users(CHANGED))
        assert await status(url, login=ALICE) == 401
        assert guarded.warnings == []


async def test_file_that_vanishes_leaves_the_old_in_force(
    tmp_path: Path, access: Callable[[str], Access]
) -> None:
    guarded = access(users(STORED))
    (tmp_path / "web.yml").unlink()
    assert (await guarded.renewed()).users
    assert "No such file" in guarded.warnings[0]
    write(tmp_path, users(STORED))
    assert (await guarded.renewed()).users
    assert guarded.warnings == []


@pytest.mark.usefixtures("authority")
async def test_broken_file_is_tried_again_after_a_while(
    tmp_path: Path, access: Callable[[str], Access], clock: Clock
) -> None:
    guarded = access(TLS)
    write(tmp_path, TLS.replace("server.", "later."))
    await guarded.renewed()
    for end in ("crt", "key"):
        (tmp_path / f"server.{end}").rename(tmp_path / f"later.{end}")
    await guarded.renewed()
    clock.time_s += 6
    await guarded.renewed()
    assert guarded.warnings == []


async def test_rate_limit_counts_all_requests(access: Callable[[str], Access], clock: Clock) -> None:
    async with (
        served(FakeService(), access("rate_limit: {interval: 10s, burst: 2}")) as url,
        ClientSession() as session,
    ):
        assert [await status(url) for _ in range(2)] == [200, 200]
        clock.time_s += 4
        async with session.get(url) as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "6")
        clock.time_s += 6
        assert [await status(url) for _ in range(2)] == [200, 429]


async def test_changed_rate_limit_starts_full(tmp_path: Path, access: Callable[[str], Access]) -> None:
    async with served(FakeService(), access("rate_limit: {interval: 1h, burst: 1}")) as url:
        assert [await status(url) for _ in range(2)] == [200, 429]
        write(tmp_path, "rate_limit: {interval: 1h, burst: 2}")
        assert [await status(url) for _ in range(3)] == [200, 200, 429]


async def test_headers_are_on_every_response(access: Callable[[str], Access]) -> None:
    guarded = access("http_server_config: {headers: {X-Frame-Options: deny}}")
    async with served(FakeService(), guarded) as url, ClientSession() as session:
        for path in PATHS:
            async with session.get(url + path) as response:
                assert (response.headers["X-Frame-Options"], response.headers["Server"]) == (
                    "deny",
                    "stratoscope",
                )


@pytest.mark.usefixtures("authority")
async def test_pages_are_served_over_tls(tmp_path: Path, access: Callable[[str], Access]) -> None:
    async with served(FakeService(), access(TLS)) as url:
        assert url.startswith("https://")
        assert await status(url, context=trusting(tmp_path)) == 200


async def test_new_certificate_is_shown_without_a_restart(
    tmp_path: Path, access: Callable[[str], Access], authority: Authority
) -> None:
    async with served(FakeService(), access(TLS)) as url:
        context = trusting(tmp_path)
        assert await served_name(url, context) == "server"
        certificate, key = authority.issue("renewed")
        (tmp_path / "server.crt").write_bytes(certificate)
        assert await served_name(url, context) == "server", "half of a pair is not taken over"
        (tmp_path / "server.key").write_bytes(key)
        assert await served_name(url, context) == "renewed"


@pytest.mark.usefixtures("authority")
async def test_tls_is_not_turned_off_while_running(tmp_path: Path, access: Callable[[str], Access]) -> None:
    guarded = access(TLS)
    write(tmp_path, "")
    assert (await guarded.renewed()).context is not None
    assert "TLS is turned on or off by a restart only" in guarded.warnings[0]


async def test_client_without_the_authoritys_certificate_is_turned_away(
    tmp_path: Path, access: Callable[[str], Access], authority: Authority
) -> None:
    guarded = access(VERIFIED % "")
    assert guarded.protects
    async with served(FakeService(), guarded) as url:
        for stranger in (trusting(tmp_path), trusting(tmp_path, Authority().issue("stranger"))):
            with pytest.raises((aiohttp.ClientError, ConnectionError, ssl.SSLError)):
                await status(url, context=stranger)
        assert await status(url, context=trusting(tmp_path, authority.issue("prometheus"))) == 200


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([x509.DNSName("other.example"), x509.DNSName("prometheus.example")], 200),
        ([x509.RFC822Name("ops@example.org")], 200),
        ([x509.IPAddress(ipaddress.ip_address("2001:db8::1"))], 200),
        ([x509.UniformResourceIdentifier("spiffe://example.org/prometheus")], 200),
        ([x509.DNSName("sub.prometheus.example")], 403),
        ([], 403),
    ],
)
async def test_only_allowed_names_of_a_certificate_are_let_in(
    names: Sequence[x509.GeneralName],
    expected: int,
    tmp_path: Path,
    access: Callable[[str], Access],
    authority: Authority,
) -> None:
    allowed = "[prometheus.example, ops@example.org, '2001:db8::1', 'spiffe://example.org/prometheus']"
    async with served(FakeService(), access(VERIFIED % f", client_allowed_sans: {allowed}")) as url:
        client = trusting(tmp_path, authority.issue("client", names))
        assert await status(url, context=client) == expected


async def test_closing_waits_for_no_password(access: Callable[[str], Access]) -> None:
    guarded = access(users(STORED))
    await guarded.close()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("bcrypt")]


async def test_same_looks_mean_no_reading(tmp_path: Path, access: Callable[[str], Access]) -> None:
    guarded = access(users(STORED))
    before = await guarded.renewed()
    assert (await guarded.renewed()) is before
    os.utime(tmp_path / "web.yml", ns=(1, 1))
    assert (await guarded.renewed()) is not before
