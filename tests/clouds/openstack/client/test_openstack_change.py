"""Requests that change something, over real HTTP: what is sent twice, and what is not."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import NoneType

import msgspec
import pytest
from aiohttp import web

from stratoscope.clouds.client.limiter import Limits
from stratoscope.clouds.client.request import Method, OutcomeUnknownError
from stratoscope.clouds.openstack.client.session import Session
from stratoscope.core.config import Duration
from stratoscope.core.errors import CollectError, Reason
from support.fake_openstack import FakeOpenStack, config, entry, hangs, opened, running

PATH = "/compute/v2.1/servers"


class Made(msgspec.Struct):
    """What Nova answers when a server was accepted."""

    id: str


class Answer(msgspec.Struct):
    server: Made


@pytest.fixture
async def cloud() -> AsyncIterator[FakeOpenStack]:
    async with running() as cloud:
        yield cloud


@pytest.fixture
async def session(cloud: FakeOpenStack, tmp_path: Path) -> AsyncIterator[Session]:
    limits = Limits(requests_per_second=1000, timeout=Duration(1))
    async with opened(config(tmp_path, cloud.url, limits)) as client:
        yield Session("uni", client)


async def make(session: Session, method: Method = "POST") -> Answer:
    body = {"server": {"name": "ä"}}
    return await session.change(method, "compute", "/servers", Answer, operation="server", body=body)


def sent(cloud: FakeOpenStack) -> int:
    return sum(one.endswith(f" {PATH}") for one in cloud.asked)


async def hang_up(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def test_what_is_asked_for_arrives_once_as_json(cloud: FakeOpenStack, session: Session) -> None:
    bodies = []

    async def accept(request: web.Request) -> web.Response:
        bodies.append(await request.json())
        assert request.content_type == "application/json"
        assert request.headers["X-Auth-Token"] == "token-1"
        return web.json_response({"server": {"id": "a"}}, status=202)

    cloud.says(PATH, accept)
    assert (await make(session)).server.id == "a"
    assert bodies == [{"server": {"name": "ä"}}]
    assert cloud.count(f"POST {PATH}") == 1


async def test_what_has_no_answer_is_none(cloud: FakeOpenStack, session: Session) -> None:
    cloud.says(f"{PATH}/a", web.Response(status=204))
    answer: None = await session.change("DELETE", "compute", "/servers/a", NoneType, operation="server")
    assert answer is None
    assert cloud.headers[-1].get("Content-Type") != "application/json"
    assert cloud.count(f"DELETE {PATH}/a") == 1


async def test_token_that_expired_is_no_reason_not_to_send_it_again(
    cloud: FakeOpenStack, session: Session
) -> None:
    await session.access()
    cloud.valid.clear()
    cloud.says(PATH, {"server": {"id": "a"}})
    assert (await make(session)).server.id == "a"
    assert sent(cloud) == 2


async def test_service_that_is_busy_has_done_nothing_and_is_asked_again(
    cloud: FakeOpenStack, session: Session
) -> None:
    cloud.says(PATH, web.Response(status=429, headers={"Retry-After": "0"}), {"server": {"id": "a"}})
    with pytest.raises(CollectError) as caught:
        await make(session)  # a pause lasts a second at least, and there is no more time
    assert caught.value.reason is Reason.BUSY
    assert not isinstance(caught.value, OutcomeUnknownError)
    assert sent(cloud) == 1


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (503, Reason.UNAVAILABLE),
        (500, Reason.UNAVAILABLE),
        (504, Reason.UNAVAILABLE),
        (hangs, Reason.TIMEOUT),
        (hang_up, Reason.UNAVAILABLE),
        (b"{", Reason.MALFORMED),
        (web.json_response({"server": {}}), Reason.MALFORMED),
    ],
)
async def test_outcome_that_nobody_knows_is_told_so_and_nothing_is_sent_twice(
    reply: object, reason: Reason, method: Method, cloud: FakeOpenStack, session: Session
) -> None:
    cloud.says(PATH, reply)  # type: ignore[arg-type]  # one of its kinds
    with pytest.raises(OutcomeUnknownError, match="may have been carried out") as caught:
        await make(session, method)
    assert caught.value.reason is reason
    assert sent(cloud) == 1


@pytest.mark.parametrize(("status", "reason"), [(400, Reason.MALFORMED), (404, Reason.UNAVAILABLE)])
async def test_refusal_is_no_unknown_outcome(
    status: int, reason: Reason, cloud: FakeOpenStack, session: Session
) -> None:
    cloud.says(PATH, web.json_response({"badRequest": {"message": "no such flavor"}}, status=status))
    with pytest.raises(CollectError, match="no such flavor") as caught:
        await make(session)
    assert caught.value.reason is reason
    assert not isinstance(caught.value, OutcomeUnknownError)


async def test_service_that_cannot_be_reached_was_sent_nothing(
    cloud: FakeOpenStack, session: Session
) -> None:
    cloud.entries = [entry("compute", "http://127.0.0.1:9/v2.1")]
    with pytest.raises(CollectError, match=r"http://127\.0\.0\.1:9: Connection refused") as caught:
        await make(session)
    assert caught.value.reason is Reason.UNAVAILABLE
    assert not isinstance(caught.value, OutcomeUnknownError)


@pytest.mark.parametrize("reply", [b"{", hang_up])
async def test_what_may_be_done_twice_fails_as_a_question_does(
    reply: object, cloud: FakeOpenStack, session: Session
) -> None:
    cloud.says(PATH, reply)  # type: ignore[arg-type]  # one of its kinds
    with pytest.raises(CollectError) as caught:
        await make(session, "PUT")
    assert not isinstance(caught.value, OutcomeUnknownError)


async def test_body_is_what_json_can_hold(cloud: FakeOpenStack, session: Session) -> None:
    seen = []

    async def keep(request: web.Request) -> web.Response:
        seen.append(json.loads(await request.text()))
        return web.Response(status=202)

    cloud.says(f"{PATH}/a/action", keep)
    body = {"os-start": None}
    await session.change("POST", "compute", "/servers/a/action", NoneType, operation="action", body=body)
    assert seen == [body]


async def test_version_document_that_hangs_is_no_unknown_outcome(
    cloud: FakeOpenStack, session: Session
) -> None:
    cloud.says("/compute/v2.1/", hangs)
    with pytest.raises(CollectError, match="compute: versions: no answer") as caught:
        await session.change(
            "POST", "compute", "/servers", Answer, operation="server", body={}, version="2.1"
        )
    assert not isinstance(caught.value, OutcomeUnknownError)
    assert sent(cloud) == 0
