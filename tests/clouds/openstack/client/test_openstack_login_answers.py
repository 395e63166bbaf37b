"""Answers of a Keystone that is broken or hostile: bounded and readable, and a log-in comes to its end."""

import gzip
import json
import resource
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import yaml
from aiohttp import web

from stratoscope.clouds.openstack.client.login_transport import LARGEST
from stratoscope.clouds.openstack.client.services import Ask, Client
from stratoscope.core.errors import CollectError, LeftOutError, Reason
from support.fake_openstack import PASSWORD, FakeOpenStack, config, opened, running

TOKENS = "/identity/v3/auth/tokens"


@pytest.fixture
async def cloud() -> AsyncIterator[FakeOpenStack]:
    async with running() as cloud:
        yield cloud


@pytest.fixture
async def client(cloud: FakeOpenStack, tmp_path: Path) -> AsyncIterator[Client]:
    async with opened(config(tmp_path, cloud.url)) as client:
        yield client


async def _fails(client: Client) -> CollectError:
    with pytest.raises(CollectError) as caught:
        await client.access()
    return caught.value


def _sends(cloud: FakeOpenStack, body: bytes, **headers: str) -> None:
    """Let the log-in answer this with a token."""
    cloud.valid.add("token")
    sent = {"X-Subject-Token": "token", "Content-Type": "application/json"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    cloud.says(TOKENS, web.Response(status=201, body=body, headers=sent))


def _token(cloud: FakeOpenStack, **more: Any) -> bytes:
    token = dict(cloud._token()["token"], **more)
    return json.dumps({"token": token}).encode()


@pytest.mark.parametrize("packed", ["gzip", "deflate"])
async def test_what_was_packed_unasked_is_unpacked(cloud: FakeOpenStack, client: Client, packed: str) -> None:
    pack = gzip.compress if packed == "gzip" else zlib.compress
    _sends(cloud, pack(_token(cloud)), Content_Encoding=packed)
    assert (await client.access()).project_name == "admin"
    assert {headers.get("Accept-Encoding") for headers in cloud.headers} == {"identity"}


@pytest.mark.parametrize("status", [200, 401, 500])
@pytest.mark.parametrize("path", [TOKENS, "/identity"])
async def test_a_bomb_is_malformed_and_takes_no_memory(
    cloud: FakeOpenStack, client: Client, path: str, status: int
) -> None:
    bomb = gzip.compress(bytes(100 << 20), 1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cloud.says(path, web.Response(status=status, body=bomb, headers={"Content-Encoding": "gzip"}))
    error = await _fails(client)
    assert error.reason is Reason.MALFORMED
    assert str(error) == f"identity: a body of more than {LARGEST} bytes"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # KiB
    assert client.budget.stats.spent().requests["identity", "auth_tokens", "malformed"] == 1


async def test_a_body_without_an_end_is_malformed(cloud: FakeOpenStack, client: Client) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while request.transport is not None:
            await response.write(bytes(1 << 20))
        return response

    cloud.says(TOKENS, endless)
    assert "a body of more than" in str(await _fails(client))


@pytest.mark.parametrize("packed", ["br", "zstd", "gzip, gzip", "\xfcmlaut"])
async def test_what_is_packed_in_another_way_is_malformed(
    cloud: FakeOpenStack, client: Client, packed: str
) -> None:
    _sends(cloud, b"x", Content_Encoding=packed)
    error = await _fails(client)
    assert error.reason is Reason.MALFORMED
    assert "identity: a body packed as " in str(error)


async def test_what_cannot_be_unpacked_is_malformed(cloud: FakeOpenStack, client: Client) -> None:
    _sends(cloud, b"no gzip", Content_Encoding="gzip")
    assert str(await _fails(client)) == "identity: a body that cannot be unpacked"


async def test_names_that_are_no_text_are_repaired(cloud: FakeOpenStack, client: Client) -> None:
    domain = {"id": "default", "name": "Default"}
    body = _token(cloud, project={"id": "p", "name": "p\ud800", "domain": domain})
    _sends(cloud, body.replace(b'"admin"', b'"adm\xffin"'))
    access = await client.access()
    assert (access.project_name, access.user_name) == ("p\ufffd", "adm\ufffdin")
    assert access.roles == {"adm\ufffdin", "reader"}
    str(access).encode()


async def test_a_refusal_in_bytes_that_are_no_text_is_said_with_words(
    cloud: FakeOpenStack, client: Client
) -> None:
    body = b'{"error": {"code": 401, "message": "verw\xe4hrt \\ud800", "title": "U"}}'
    headers = {"Content-Type": "application/json"}
    cloud.says(TOKENS, web.Response(status=401, body=body, headers=headers))
    assert str(await _fails(client)) == "identity: log-in refused (401): verw\ufffdhrt \ufffd"


@pytest.mark.parametrize("depth", [101, 100_000])
@pytest.mark.parametrize("status", [201, 401, 500])
async def test_what_is_nested_too_deep_is_malformed(
    cloud: FakeOpenStack, client: Client, depth: int, status: int
) -> None:
    cloud.says(TOKENS, web.Response(status=status, body=b"[" * depth + b"]" * depth))
    error = await _fails(client)
    assert error.reason is Reason.MALFORMED
    assert str(error) == "identity: malformed answer: nested too deep"


@pytest.mark.parametrize("path", ["/identity", "/identity/", "/identity/v3", "/identity/v3/"])
async def test_401_to_the_question_for_versions_ends_the_log_in(
    cloud: FakeOpenStack, tmp_path: Path, path: str
) -> None:
    """keystoneauth would log in to ask again, and wait for itself for ever."""
    refuses = web.json_response({"error": {"message": "no"}}, status=401)
    cloud.says(path.rstrip("/"), refuses)
    cloud.says(f"{path.rstrip('/')}/", refuses)
    auth = {"auth_url": cloud.url + path, "username": "admin", "password": PASSWORD}
    auth |= {"project_name": "admin", "user_domain_name": "Default", "project_domain_name": "Default"}
    async with opened(config(tmp_path, cloud.url, auth=auth)) as client:
        error = await _fails(client)
    assert error.reason is Reason.UNAVAILABLE
    assert "answered 401 to the question for its versions" in str(error)
    assert cloud.logins == 0


@pytest.mark.parametrize("token", ["", "a\tb", "a\x01b", "a\x7fb", "t\u00f6ken"])
async def test_a_token_that_no_header_holds_is_none(cloud: FakeOpenStack, client: Client, token: str) -> None:
    async def says(request: web.Request) -> web.StreamResponse:
        body = _token(cloud)
        head = f"HTTP/1.1 201 Created\r\nX-Subject-Token: {token}\r\nContent-Length: {len(body)}\r\n\r\n"
        assert request.transport is not None
        request.transport.write(head.encode("latin-1") + body)
        request.protocol.force_close()
        return web.Response()

    cloud.says(TOKENS, says)
    failure = await _fails(client)
    assert (failure.reason, str(failure)) == (
        Reason.MALFORMED,
        "identity: what answers is no Keystone: ValueError",
    )


async def test_what_answers_instead_of_keystone_is_told_in_one_short_line(
    cloud: FakeOpenStack, client: Client
) -> None:
    async def says(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(b"\x00\xff\x1b[31m" * 1_000 + b"\r\n\r\n")
        request.protocol.force_close()
        return web.Response()

    cloud.says(TOKENS, says)
    failure = str(await _fails(client))
    assert failure.startswith("identity: no connection to Keystone: \\x00")
    assert failure.isprintable()
    assert len(failure) < 1_100


@pytest.mark.parametrize("status", [302, 400, 401, 403, 500, 503])
@pytest.mark.parametrize("word", [PASSWORD, 'qu"ote\\back', "p\u00e4ss w\u00f6rd&", "\U0001f511/key"])
async def test_a_password_that_is_cited_is_not_told(
    cloud: FakeOpenStack, tmp_path: Path, status: int, word: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def cites(request: web.Request) -> web.StreamResponse:
        asked = (await request.read()).decode()
        message = f"no: {asked} {json.loads(asked)['auth']['identity']['password']['user']['password']}"
        headers = {"Location": f"/login?{quote(asked)}&{quote_plus(word)}"} if status == 302 else {}
        return web.json_response({"error": {"message": message}}, status=status, headers=headers)

    cloud.says(TOKENS, cites)
    configured = config(tmp_path, cloud.url)
    file = tmp_path / "clouds.yaml"
    described = yaml.safe_load(file.read_text())
    described["clouds"]["test"]["auth"]["password"] = word
    file.write_text(yaml.safe_dump(described))
    async with opened(configured) as client:
        told = f"{await _fails(client)} {caplog.text}"
    assert "<secret>" in told
    in_json = json.dumps(word)[1:-1]
    for spelled in (word, in_json, json.dumps(in_json)[1:-1], quote(word), quote(in_json), quote_plus(word)):
        assert spelled not in told


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 500])
async def test_a_token_that_is_cited_is_not_told(cloud: FakeOpenStack, client: Client, status: int) -> None:
    async def cites(request: web.Request) -> web.StreamResponse:
        token = request.headers["X-Auth-Token"]
        headers = {"Location": f"https://sso.invalid/?token={token}"} if status == 302 else {}
        body = {"error": {"message": f"Could not find token: {token}"}}
        return web.json_response(body, status=status, headers=headers)

    cloud.says("/compute/v2.1/servers", cites)
    with pytest.raises((CollectError, LeftOutError)) as caught:
        await client.send(Ask("compute", "servers", "/servers"))
    assert "token-" not in str(caught.value)
    assert "<secret>" in str(caught.value)


async def test_a_password_that_is_a_word_of_the_versions_document_hides_none_of_it(
    cloud: FakeOpenStack, tmp_path: Path
) -> None:
    word = "identity"
    cloud.password = word
    configured = config(tmp_path, cloud.url)
    file = tmp_path / "clouds.yaml"
    file.write_text(file.read_text().replace(PASSWORD, word))
    async with opened(configured) as client:
        assert (await client.access()).is_admin
