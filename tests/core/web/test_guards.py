"""Guards do not fall: a web configuration that is truncated, replaced or laxer; over real connections."""

import asyncio
import logging
import os
import shutil
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import bcrypt
import pytest
from aiohttp import ClientSession, TCPConnector

from stratoscope.core.web import auth
from stratoscope.core.web.auth import Access
from stratoscope.core.web.config_file import load
from support import certificates
from support.certificates import Authority
from support.logs import logged
from support.services import FakeService, served

HASH = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
USERS = f"basic_auth_users:\n  alice: {HASH}\n  bob: {HASH}\n"
TLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
CLIENTS = f"{TLS}  client_auth_type: RequireAndVerifyClientCert\n"
VERIFIED = f"{CLIENTS}  client_ca_file: ca.crt\n"
SUITE = "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n"

LAXER = {
    "users": (USERS, "", "basic_auth_users"),
    "rate limit": ("rate_limit: {interval: 1s, burst: 5}", "", "rate_limit"),
    "rate limit off": ("rate_limit: {interval: 1s, burst: 5}", "rate_limit: {interval: 0}", "rate_limit"),
    "header": (
        "http_server_config: {headers: {X-Frame-Options: deny, X-XSS-Protection: 0}}",
        "http_server_config: {headers: {X-XSS-Protection: 0}}",
        "http_server_config.headers.X-Frame-Options",
    ),
    "client certificate": (VERIFIED, TLS, "tls_server_config.client_ca_file"),
    "client certificate optional": (
        VERIFIED,
        VERIFIED.replace("RequireAndVerifyClientCert", "VerifyClientCertIfGiven"),
        "tls_server_config.client_auth_type",
    ),
    "client authority": (VERIFIED, CLIENTS, "tls_server_config.client_ca_file"),
    "client authority empty": (VERIFIED, VERIFIED.replace("ca.crt", "empty"), "no certificate in PEM"),
    "client names": (f"{VERIFIED}  client_allowed_sans: [a]\n", VERIFIED, "client_allowed_sans"),
    "lowest version": (f"{TLS}  min_version: TLS13\n", TLS, "tls_server_config.min_version"),
    "cipher suites": (TLS + SUITE, TLS, "tls_server_config.cipher_suites"),
    "curve": (f"{TLS}  curve_preferences: [CurveP384]\n", TLS, "tls_server_config.curve_preferences"),
    "tls": (TLS, "", "TLS is turned on or off by a restart only"),
    "certificate empty": (TLS, TLS.replace("server.crt", "empty"), "no certificate in PEM"),
    "key a directory": (TLS, TLS.replace("server.key", "folder"), "a directory; allowed: a regular file"),
}
STRICTER = {
    "a user less": (USERS, USERS.replace("  bob", "  #bob")),
    "another user": (USERS, USERS.replace("alice", "carol")),
    "users added": (TLS, TLS + USERS),
    "other rate": ("rate_limit: {interval: 1s, burst: 5}", "rate_limit: {interval: 1s, burst: 9}"),
    "client certificates": (TLS, VERIFIED),
    "version": (TLS, f"{TLS}  min_version: TLS13\n"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    certificates.write(tmp_path, Authority())
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    return tmp_path


def access(folder: Path, text: str) -> Access:
    (folder / "web.yml").write_text(text)
    return Access.open(str(folder / "web.yml"))


@pytest.mark.parametrize(("before", "after", "said"), LAXER.values(), ids=LAXER)
async def test_running_exporter_refuses_a_configuration_without_one_of_its_guards(
    before: str, after: str, said: str, folder: Path
) -> None:
    guarded = access(folder, before)
    in_force = guarded.in_force
    (folder / "web.yml").write_text(f"{after}\n# another size\n")
    assert await guarded.renewed() is in_force
    assert said in guarded.warnings[0]
    assert guarded.is_refused
    if "restart" in guarded.warnings[0]:
        load(folder / "web.yml")  # which takes it


@pytest.mark.parametrize(("before", "after"), STRICTER.values(), ids=STRICTER)
async def test_running_exporter_takes_over_what_is_as_strict_or_stricter(
    before: str, after: str, folder: Path
) -> None:
    guarded = access(folder, before)
    in_force = guarded.in_force
    (folder / "web.yml").write_text(f"{after}\n# another size\n")
    assert await guarded.renewed() is not in_force
    assert not guarded.is_refused


@pytest.mark.parametrize("file", ["web.yml", "server.crt", "server.key", "ca.crt"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.9])
async def test_truncated_file_lets_nobody_in(file: str, share: float, folder: Path) -> None:
    guarded = access(folder, VERIFIED + USERS)
    whole = (folder / file).read_bytes()
    (folder / file).write_bytes(whole[: int(share * len(whole))])
    config = await guarded.renewed()
    assert config.users
    assert config.context is not None
    assert (config.context.verify_mode, config.requires_client_cert) == (ssl.CERT_REQUIRED, True)
    (folder / file).write_bytes(whole)
    await guarded.renewed()
    assert not guarded.is_refused


async def test_copies_over_the_file_in_place_let_nobody_in_without_a_password(folder: Path) -> None:
    guarded = access(folder, USERS)
    (folder / "new").write_text(f"{USERS}# {'x' * 20_000}\n")
    (folder / "old").write_text(USERS)
    copying = True

    def copy() -> None:
        while copying:
            for name in ("new", "old"):
                shutil.copyfile(folder / name, folder / "web.yml")

    copies = asyncio.create_task(asyncio.to_thread(copy))
    async with served(FakeService(), guarded) as url, ClientSession() as session:
        answers = set()
        for _ in range(300):
            async with session.get(url) as response:
                answers.add(response.status)
        copying = False
        await copies
    assert answers == {401}


def fifo(path: Path) -> None:
    os.mkfifo(path)


def directory(path: Path) -> None:
    path.mkdir()


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 40)


def unreadable(path: Path) -> None:
    path.symlink_to(path)


ODD = {
    fifo: "a FIFO; allowed: a regular file",
    directory: "a directory; allowed: a regular file",
    device: "a device; allowed: a regular file",
    huge: "too large; allowed: ",
    unreadable: "Too many levels of symbolic links",
}


@pytest.mark.parametrize("file", ["web.yml", "server.crt", "server.key", "ca.crt"])
@pytest.mark.parametrize(("put", "said"), ODD.items())
async def test_odd_file_keeps_nobody_waiting_and_is_named(
    put: Callable[[Path], None], said: str, file: str, folder: Path
) -> None:
    guarded = access(folder, VERIFIED)
    (folder / file).unlink()
    put(folder / file)
    async with asyncio.timeout(5):
        assert (await guarded.renewed()).requires_client_cert
    assert f"{folder / file}: {said}" in guarded.warnings[0]


async def test_many_requests_at_once_are_one_reading(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    guarded = access(folder, USERS)
    (folder / "web.yml").write_text(f"{USERS}# more\n")
    with caplog.at_level(logging.INFO):
        await asyncio.gather(*(guarded.renewed() for _ in range(50)))
    assert logged(caplog) == [f"web configuration read again file={folder / 'web.yml'}"]


Ask = Callable[[], Awaitable[int]]


async def kept_open(folder: Path, url: str, context: ssl.SSLContext | None, after: str) -> int | str:
    """The second answer over one connection, after the configuration has changed."""
    connector = TCPConnector(limit=1)
    async with ClientSession(connector=connector) as session:
        async with session.get(url, ssl=context or True) as response:
            assert response.status == 200
        (folder / "web.yml").write_text(after)
        session._retry_connection = False
        try:
            async with session.get(url, ssl=context or True) as response:
                return response.status
        except aiohttp.ClientError:
            return "hung up"


@pytest.mark.parametrize(
    ("before", "after", "answer"),
    [
        (TLS, VERIFIED, "hung up"),
        (TLS, f"{TLS}  min_version: TLS13\n", "hung up"),
        (VERIFIED, VERIFIED.replace("ca.crt", "other.crt"), "hung up"),
        (VERIFIED, f"{VERIFIED}  client_allowed_sans: [other]\n", "hung up"),
        (TLS, TLS + USERS, "hung up"),
        (VERIFIED, f"{VERIFIED}# the same\n", "hung up"),
    ],
    ids=["client certificate", "version", "authority", "names", "users", "the same"],
)
async def test_open_connection_does_not_outlive_a_new_tls_configuration(
    before: str, after: str, answer: str, folder: Path
) -> None:
    authority = Authority()
    certificates.write(folder, authority)
    (folder / "other.crt").write_bytes(Authority("other").certificate)
    for name, pem in zip(("client.crt", "client.key"), authority.issue("client"), strict=True):
        (folder / name).write_bytes(pem)
    context = ssl.create_default_context(cafile=folder / "ca.crt")
    context.load_cert_chain(folder / "client.crt", folder / "client.key")
    async with served(FakeService(), access(folder, before)) as url:
        assert await kept_open(folder, url, context, after) == answer


async def test_open_connection_is_asked_for_a_password_once_there_is_one(folder: Path) -> None:
    async with served(FakeService(), access(folder, "")) as url:
        assert await kept_open(folder, url, None, USERS) == 401


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (b"Basic \xff\xfe", 401),
        (b"Basic \xc3\xa4", 401),
        (b"Basic \xed\xa0\x80", 401),
        (b"Basic ", 401),
        (b"Basic", 401),
        (b"Basic /////w==", 401),  # bytes that are no UTF-8
        (b"Basic YWxpY2U6c2VjcmV0AA==", 401),  # alice:secret and a NUL
        (b"Basic YWxpY2U6c2VjcmV0", 200),
        (b"Basic w6Rubmk6cMOkc3M=", 200),  # änni:päss in UTF-8
        (b"Basic 5G5uaTpw5HNz", 401),  # the same in Latin 1
        (b"Basic w6Rubmk6cORzcw==", 401),  # the name in UTF-8, the password in Latin 1
    ],
)
async def test_log_in_of_any_bytes_is_right_or_401(header: bytes, status: int, folder: Path) -> None:
    stored = bcrypt.hashpw("päss".encode(), bcrypt.gensalt(4)).decode()
    async with served(FakeService(), access(folder, f"{USERS}  änni: {stored}\n")) as url:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nAuthorization: " + header + b"\r\n\r\n")
        assert int((await reader.readline()).split()[1]) == status
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    "text", ["a: " + "[" * 20_000, "basic_auth_users: !!bool maybe", "rate_limit: !!map [a]"]
)
async def test_file_that_no_yaml_reader_likes_keeps_nobody_out_and_lets_nobody_in(
    text: str, folder: Path
) -> None:
    guarded = access(folder, USERS)
    async with served(FakeService(), guarded) as url, ClientSession() as session:
        (folder / "web.yml").write_text(text)
        async with session.get(url) as response:
            assert response.status == 401
        async with session.get(url, headers={"Authorization": "Basic YWxpY2U6c2VjcmV0"}) as response:
            assert response.status == 200
    assert guarded.is_refused


async def test_bug_in_reading_the_file_keeps_nobody_out_and_is_told_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    guarded = access(folder, USERS)
    in_force = guarded.in_force

    def broken(_: Path) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(auth, "load", broken)  # a bug that is not known cannot be had otherwise
    for size in range(3):
        (folder / "web.yml").write_text(f"{USERS}{'#' * size}\n")
        assert await guarded.renewed() is in_force
    assert guarded.warnings[-1].endswith("web.yml: a bug (RuntimeError)")
    told = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [bool(record.exc_info) for record in told] == [True]


async def test_file_that_is_written_in_place_with_its_time_kept_is_read_again(folder: Path) -> None:
    guarded, file = access(folder, USERS), folder / "web.yml"
    before = file.stat()
    await asyncio.sleep(0.02)  # the kernel's clock of files ticks every 4 ms or so
    file.write_text(USERS.replace("alice", "carol"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert set((await guarded.renewed()).users) == {"carol", "bob"}
