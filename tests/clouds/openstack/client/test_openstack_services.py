"""Requests to services: token, 401, refusals, microversions, time-outs, TLS."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from stratoscope.clouds.client.limiter import Limits
from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.openstack.client.services import Ask, Client
from stratoscope.core.config import Duration
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason
from support import certificates
from support.fake_openstack import FakeOpenStack, config, entry, hangs, opened, running
from support.wheel import Wheel

PATH = "/compute/v2.1/servers/detail"
SERVERS = Ask("compute", "servers", "/servers/detail")


@pytest.fixture
async def cloud() -> AsyncIterator[FakeOpenStack]:
    async with running() as cloud:
        yield cloud


@pytest.fixture
async def client(cloud: FakeOpenStack, tmp_path: Path) -> AsyncIterator[Client]:
    async with opened(config(tmp_path, cloud.url)) as client:
        yield client


async def _fails(client: Client, ask: Ask = SERVERS) -> CollectError:
    with pytest.raises(CollectError) as caught:
        await client.send(ask)
    return caught.value


async def test_a_request_bears_token_name_and_query(cloud: FakeOpenStack, client: Client) -> None:
    cloud.says(PATH, b"{}")
    query = [("all_tenants", "1"), ("fields", "id"), ("fields", "a b")]
    await client.send(
        Ask("compute", "servers", "/servers/detail", query, headers={"X-Auth-All-Projects": "1"})
    )
    assert cloud.asked[-1] == f"GET {PATH}?all_tenants=1&fields=id&fields=a+b"
    assert cloud.headers[-1]["X-Auth-Token"] == "token-1"
    assert cloud.headers[-1]["X-Auth-All-Projects"] == "1"
    assert cloud.headers[-1]["User-Agent"].startswith("stratoscope/")
    assert cloud.headers[-1]["Accept"] == "application/json"
    assert "OpenStack-API-Version" not in cloud.headers[-1]


async def test_a_service_that_is_not_in_the_catalogue_is_absent(cloud: FakeOpenStack, client: Client) -> None:
    with pytest.raises(LeftOutError, match="load-balancer: not in the catalogue") as caught:
        await client.send(Ask("load-balancer", "loadbalancers", "/v2.0/lbaas/loadbalancers"))
    assert caught.value.reason is LeftOut.ABSENT
    assert cloud.count("GET /compute") == 0


async def test_an_old_name_in_the_catalogue_is_found(cloud: FakeOpenStack, client: Client) -> None:
    cloud.says("/volume/v3/11111111111111111111111111111111/volumes/detail", b"{}")
    assert await client.send(Ask("block-storage", "volumes", "/volumes/detail")) == b"{}"


async def test_401_leads_to_one_new_token_and_one_repetition(cloud: FakeOpenStack, client: Client) -> None:
    cloud.says(PATH, b"{}")
    await client.send(SERVERS)
    cloud.valid.clear()
    assert await client.send(SERVERS) == b"{}"
    assert cloud.logins == 2
    assert cloud.counted()[f"GET {PATH}"] == 3
    spent = client.budget.stats.spent()
    assert spent.requests["compute", "servers", "401"] == 1
    assert spent.retries == {("compute", "servers", "401"): 1}


async def test_many_401_at_once_lead_to_one_new_token(cloud: FakeOpenStack, client: Client) -> None:
    cloud.says(PATH, b"{}")
    cloud.says("/network/v2.0/ports", b"{}")
    await client.send(SERVERS)
    cloud.valid.clear()
    ports = Ask("network", "ports", "/v2.0/ports")
    await asyncio.gather(*(client.send(ask) for ask in (SERVERS, ports) * 5))
    assert cloud.logins == 2


async def test_a_refused_log_in_after_401_leaves_other_services_their_token(
    cloud: FakeOpenStack, client: Client
) -> None:
    cloud.says(PATH, web.Response(status=401))
    cloud.says("/network/v2.0/ports", b"{}")
    await client.access()
    cloud.password = "another"  # noqa: S105
    assert (await _fails(client)).reason is Reason.UNAUTHORIZED
    assert await client.send(Ask("network", "ports", "/v2.0/ports")) == b"{}"
    assert cloud.logins == 2


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, Reason.MALFORMED),
        (406, Reason.MALFORMED),
        (500, Reason.UNAVAILABLE),
        (502, Reason.UNAVAILABLE),
        (503, Reason.UNAVAILABLE),
        (429, Reason.BUSY),
    ],
)
async def test_refusals_have_their_reasons(
    cloud: FakeOpenStack, client: Client, status: int, reason: Reason
) -> None:
    error = {"computeFault": {"code": status, "message": "Because\nof this. "}}
    cloud.says(PATH, web.json_response(error, status=status, headers={"Retry-After": "300"}))
    failure = await _fails(client)
    assert failure.reason is reason
    assert f"answered {status}" in str(failure)
    if status not in {429, 503}:
        assert str(failure) == f"compute: servers: answered {status}: Because of this."
    assert client.budget.stats.spent().requests["compute", "servers", str(status)] == 1


@pytest.mark.parametrize("status", [201, 202, 204, 206, 207])
async def test_a_part_of_an_answer_is_none(cloud: FakeOpenStack, client: Client, status: int) -> None:
    cloud.says(PATH, web.json_response({"servers": [{"description": "a"}]}, status=status))
    failure = await _fails(client)
    assert failure.reason is Reason.MALFORMED
    assert str(failure) == f"compute: servers: answered {status}: the answer is incomplete"


async def test_403_leaves_the_collector_out(cloud: FakeOpenStack, client: Client) -> None:
    cloud.says(PATH, 403)
    with pytest.raises(ForbiddenError, match="answered 403: as told") as caught:
        await client.send(SERVERS)
    assert caught.value.reason is LeftOut.UNAUTHORIZED


@pytest.mark.parametrize(
    "body", [b'{"error": {"message": "' + b"x" * 100_000 + b'"}}', b'{"error":' * 1000 + b"[" * 9000]
)
async def test_a_refusal_of_many_words_is_told_without_them(
    cloud: FakeOpenStack, client: Client, body: bytes
) -> None:
    cloud.says(PATH, web.Response(status=500, body=body))
    assert str(await _fails(client)) == "compute: servers: answered 500"


async def test_404_is_told_apart(cloud: FakeOpenStack, client: Client) -> None:
    cloud.says(PATH, web.Response(status=404, text="<html>not here</html>", content_type="text/html"))
    with pytest.raises(NotThereError, match=r"answered 404$") as caught:
        await client.send(SERVERS)
    assert caught.value.reason is Reason.UNAVAILABLE


async def test_a_service_that_hangs_is_a_time_out(cloud: FakeOpenStack, tmp_path: Path) -> None:
    cloud.says(PATH, hangs)
    cloud.says("/network/v2.0/ports", b"{}")
    limits = Limits(timeout=Duration(1.5), concurrency=2)
    async with opened(config(tmp_path, cloud.url, limits)) as client:
        await client.access()
        hanging = asyncio.create_task(_fails(client))
        await asyncio.sleep(0.05)
        assert await client.send(Ask("network", "ports", "/v2.0/ports")) == b"{}"  # it has its own share
        assert (await hanging).reason is Reason.TIMEOUT
        assert client.budget.stats.spent().requests["compute", "servers", "timeout"] == 1


async def test_a_connection_cut_in_the_body_is_unavailable(cloud: FakeOpenStack, client: Client) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"servers": [')
        assert request.transport is not None
        request.transport.abort()
        return response

    cloud.says(PATH, cut)
    failure = await _fails(client)
    assert failure.reason is Reason.UNAVAILABLE
    assert client.budget.stats.spent().requests["compute", "servers", "connection"] == 1


def _microversions(newest: str) -> dict[str, object]:
    return {"version": {"id": "v2.1", "status": "CURRENT", "version": newest, "min_version": "2.1"}}


@pytest.mark.parametrize(
    ("theirs", "ours", "asked"),
    [("2.100", "2.96", "2.96"), ("2.79", "2.96", "2.79"), ("2.96", "2.100", "2.96")],
)
async def test_the_newest_microversion_that_both_know_is_asked_for(
    cloud: FakeOpenStack, client: Client, theirs: str, ours: str, asked: str
) -> None:
    cloud.says("/compute/v2.1/", _microversions(theirs))
    cloud.says(PATH, b"{}")
    ask = Ask("compute", "servers", "/servers/detail", version=ours)
    await asyncio.gather(*(client.send(ask) for _ in range(5)))
    assert cloud.headers[-1]["OpenStack-API-Version"] == f"compute {asked}"
    assert cloud.headers[-1]["X-OpenStack-Nova-API-Version"] == asked
    assert cloud.counted()["GET /compute/v2.1/"] == 1
    assert client.budget.stats.spent().requests["compute", "versions", "200"] == 1


async def test_microversions_are_looked_up_again_after_an_hour_and_after_406(
    cloud: FakeOpenStack, tmp_path: Path
) -> None:
    wheel = Wheel()
    cloud.lives_s = 10_000
    cloud.says("/compute/v2.1/", _microversions("2.79"), _microversions("2.90"), _microversions("2.60"))
    cloud.says(PATH, b"{}", b"{}", 406, b"{}")
    ask = Ask("compute", "servers", "/servers/detail", version="2.96")
    async with opened(config(tmp_path, cloud.url), wheel.clock) as client:
        await client.send(ask)
        wheel.time_s += 3601
        await client.send(ask)
        assert cloud.headers[-1]["X-OpenStack-Nova-API-Version"] == "2.90"
        await _fails(client, ask)
        await client.send(ask)
        assert cloud.headers[-1]["X-OpenStack-Nova-API-Version"] == "2.60"


@pytest.mark.parametrize("document", [403, 404, {"versions": [{"id": "v2.0"}]}])
async def test_without_a_document_none_is_asked_for(
    cloud: FakeOpenStack, client: Client, document: int | dict[str, object]
) -> None:
    cloud.says("/compute/v2.1/", document)
    cloud.says(PATH, b"{}")
    await client.send(Ask("compute", "servers", "/servers/detail", version="2.96"))
    assert "OpenStack-API-Version" not in cloud.headers[-1]


async def test_a_service_that_is_down_is_not_taken_for_an_old_one(
    cloud: FakeOpenStack, client: Client
) -> None:
    cloud.says("/compute/v2.1/", 500)
    failure = await _fails(client, Ask("compute", "servers", "/servers/detail", version="2.96"))
    assert str(failure).startswith("compute: versions: answered 500")
    assert cloud.count(f"GET {PATH}") == 0


async def test_a_service_whose_version_document_is_garbage_is_not_asked_without_a_version(
    cloud: FakeOpenStack, client: Client
) -> None:
    cloud.says("/compute/v2.1/", b"<html>so sorry</html>", _microversions("2.90"))
    cloud.says(PATH, b"{}")
    ask = Ask("compute", "servers", "/servers/detail", version="2.96")
    assert (await _fails(client, ask)).reason is Reason.MALFORMED
    assert cloud.count(f"GET {PATH}") == 0
    await client.send(ask)
    assert cloud.headers[-1]["X-OpenStack-Nova-API-Version"] == "2.90"


async def test_a_list_of_choices_is_a_document(cloud: FakeOpenStack, client: Client) -> None:
    document = {"versions": [{"id": "v1.0", "max_version": "1.39", "min_version": "1.0"}]}
    cloud.says("/placement/", web.json_response(document, status=300))
    cloud.says("/placement/resource_providers", b"{}")
    await client.send(Ask("placement", "resource_providers", "/resource_providers", version="1.40"))
    assert cloud.headers[-1]["OpenStack-API-Version"] == "placement 1.39"


async def test_services_without_microversions_are_not_asked_for_one(
    cloud: FakeOpenStack, client: Client
) -> None:
    cloud.says("/network/v2.0/ports", b"{}")
    await client.send(Ask("network", "ports", "/v2.0/ports", version="2.0"))
    assert "OpenStack-API-Version" not in cloud.headers[-1]


async def test_several_regions_must_be_told_apart(cloud: FakeOpenStack, tmp_path: Path) -> None:
    cloud.entries = [
        entry("compute", f"{cloud.url}/compute/v2.1", region=region) for region in ("two", "one")
    ]
    async with opened(config(tmp_path, cloud.url, region_name="")) as client:
        failure = await _fails(client)
    assert failure.reason is Reason.UNAVAILABLE
    assert str(failure) == "identity: the catalogue has several regions; set `region:` to one of: one, two"
    async with opened(config(tmp_path, cloud.url, region_name="three")) as client:
        assert str(await _fails(client)).endswith(
            "the region three is not in the catalogue; it has: one, two"
        )


async def test_the_configured_region_is_asked(cloud: FakeOpenStack, tmp_path: Path) -> None:
    cloud.entries = [
        entry("compute", f"{cloud.url}/one/v2.1", region="one"),
        entry("compute", f"{cloud.url}/two/v2.1", region="two"),
    ]
    cloud.says("/two/v2.1/servers/detail", b"{}")
    async with opened(config(tmp_path, cloud.url, region_name="two")) as client:
        assert await client.send(SERVERS) == b"{}"


async def _over_tls(folder: Path, **more: object) -> bytes:
    """What a client with such a clouds.yaml gets from a server whose authority nobody knows."""
    certificates.write(folder, certificates.Authority())
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(folder / "server.crt", folder / "server.key")
    async with running(tls) as cloud:
        cloud.says(PATH, b"{}")
        async with opened(config(folder, cloud.url, **more)) as client:
            return await client.send(SERVERS)


async def test_an_authority_of_ones_own_is_trusted_for_log_in_and_services(tmp_path: Path) -> None:
    assert await _over_tls(tmp_path, cacert=str(tmp_path / "ca.crt")) == b"{}"


async def test_verify_false_trusts_anybody(tmp_path: Path) -> None:
    assert await _over_tls(tmp_path, verify=False) == b"{}"


async def test_verify_false_makes_an_authority_of_no_account(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert await _over_tls(tmp_path, verify=False, cacert=str(tmp_path / "ca.crt")) == b"{}"
    assert "will not be verified" in caplog.text


async def test_an_unknown_authority_is_refused_and_named(tmp_path: Path) -> None:
    with pytest.raises(CollectError, match="certificate verify failed") as caught:
        await _over_tls(tmp_path)
    assert caught.value.reason is Reason.UNAVAILABLE


async def test_proxies_of_the_environment_are_used_as_the_log_in_uses_them(
    cloud: FakeOpenStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.says(PATH, b"{}")
    monkeypatch.setenv("http_proxy", cloud.url)
    configured = config(tmp_path, "http://keystone.invalid")
    cloud_url, cloud.url = cloud.url, "http://keystone.invalid"
    async with opened(configured) as client:
        assert await client.send(SERVERS) == b"{}"
    assert cloud.headers[-1]["Host"] == "keystone.invalid"
    monkeypatch.setenv("no_proxy", "keystone.invalid")
    cloud.url = cloud_url
    async with opened(configured) as client:
        assert (await _fails(client)).reason is Reason.UNAVAILABLE


@pytest.mark.parametrize("url", ["http://[nova", "nova:8774/v2.1", "", "file:///etc/passwd"])
async def test_an_endpoint_that_is_no_url_costs_its_service(
    cloud: FakeOpenStack, tmp_path: Path, url: str
) -> None:
    cloud.entries = [entry("compute", url), entry("network", f"{cloud.url}/network")]
    cloud.says("/network/v2.0/ports", b"{}")
    async with opened(config(tmp_path, cloud.url)) as client:
        failure = await _fails(client)
        assert str(failure) == "compute: its URL in the catalogue is invalid"
        assert failure.reason is Reason.UNAVAILABLE
        with pytest.raises(CollectError, match="compute: its URL"):
            await client.check("compute", (await client.places())["compute"], "check", 1)
        assert await client.send(Ask("network", "ports", "/v2.0/ports")) == b"{}"
