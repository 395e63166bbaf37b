"""Notifications from a broker: the queue is our own, each loss says so, and no password is cited."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from traceback import walk_tb
from typing import Any

import pytest

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.events import Events, Outcome
from stratoscope.clouds.openstack import amqp_transport
from stratoscope.clouds.openstack import events as listening
from stratoscope.clouds.openstack.compute.notification import Notification
from stratoscope.clouds.openstack.config import Notifications
from stratoscope.clouds.openstack.events import Listener
from stratoscope.core.errors import CollectError, Reason
from support.certificates import Authority, write
from support.fake_broker import PASSWORD, USER, FakeBroker, broker
from support.fake_nova import START
from support.notifications import about, message
from support.patience import FAR_S
from support.source import until

DEEP = "[" * 100_000 + "]" * 100_000


def settings(folder: Path, *urls: str, login: str = f"{USER}:{PASSWORD}", **more: Any) -> Notifications:
    file = folder / "rabbit"
    file.write_text(login + "\n")
    return Notifications(urls=[*urls], credentials_file=str(file), **more)


class Hears:
    """Attributes: said: What was heard."""

    def __init__(self) -> None:
        self.said: list[Notification] = []

    def __call__(self, one: Notification) -> Outcome:
        self.said.append(one)
        return Outcome.APPLIED if one.server else Outcome.IGNORED


@asynccontextmanager
async def listened(chosen: Notifications, events: Events, hear: Hears) -> AsyncIterator[asyncio.Task[None]]:
    """A listener that has begun."""
    listens = asyncio.create_task(Listener("uni", chosen, events, hear).listen())
    try:
        await until(lambda: events.account().is_up or listens.done())
        yield listens
    finally:
        listens.cancel()
        async with asyncio.timeout(FAR_S):
            await asyncio.gather(listens, return_exceptions=True)


async def lost(chosen: Notifications, events: Events) -> CollectError:
    """Why a listener ends."""
    with pytest.raises(CollectError) as failed:
        async with asyncio.timeout(FAR_S):
            await Listener("uni", chosen, events, Hears()).listen()
    assert PASSWORD not in str(failed.value)
    assert events.account().lost is failed.value.reason
    return failed.value


async def test_queue_is_our_own_and_bounded(tmp_path: Path) -> None:
    async with broker() as rabbit, listened(settings(tmp_path, rabbit.url), Events(), Hears()):
        [(queue, arguments)] = rabbit.queues.items()
        assert queue.startswith("stratoscope-")
        assert arguments == {"x-expires": 900_000, "x-max-length": 20_000, "x-max-length-bytes": 67_108_864}
        assert rabbit.bindings == {(queue, "nova", "versioned_notifications.*"), (queue, queue, "")}
        assert (rabbit.durable, rabbit.prefetch) == ({queue}, 200)
        async with listened(settings(tmp_path, rabbit.url), Events(), Hears()):
            assert len(rabbit.queues) == 2


async def test_messages_are_heard_counted_and_acknowledged(tmp_path: Path) -> None:
    events, hears = Events(), Hears()
    async with broker() as rabbit, listened(settings(tmp_path, rabbit.url), events, hears):
        rabbit.publish(about("instance.create.end", "a", START), about("instance.pause.end", "a", START))
        await until(lambda: len(rabbit.acknowledged) == 2)
    assert [one.event for one in hears.said] == ["instance.create.end", "instance.pause.end"]
    assert events.account().counts == {
        ("instance.create.end", Outcome.APPLIED): 1,
        ("instance.pause.end", Outcome.APPLIED): 1,
    }


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"", "other"),
        (b"\xff\xfe", "other"),
        (b'{"oslo.version": "2.0"}', "other"),
        (b'{"oslo.message": "no JSON"}', "other"),
        (message("instance.update", {}), "instance.update"),
        (about("instance.update", "a", START, flavor=None), "instance.update"),
        (about("instance.update", "a", START, created_at="yesterday"), "instance.update"),
        (about("instance.update", "a" * 300, START), "instance.update"),
        (b'{"x": ' + DEEP.encode() + b', "oslo.message": "{}"}', "other"),
        (message("instance.update", {}).replace(b'payload\\": {}', b'payload\\": ' + DEEP.encode()), "other"),
        (
            about("instance.update", "a", START, metadata="DEEP").replace(b'\\"DEEP\\"', DEEP.encode()),
            "other",
        ),
        (about("instance.update", "a" * (4 << 20), START), "other"),
        (
            about("instance.update", "a", START).replace(b'version\\": \\"2.1', b'version\\": \\"3.0'),
            "instance.update",
        ),
    ],
)
async def test_malformed_message_is_counted_and_the_next_is_heard(
    tmp_path: Path, body: bytes, name: str
) -> None:
    events, hears = Events(), Hears()
    async with broker() as rabbit, listened(settings(tmp_path, rabbit.url), events, hears):
        rabbit.publish(body, about("instance.create.end", "a", START))
        await until(lambda: len(rabbit.acknowledged) == 2)
    assert events.account().counts[name, Outcome.MALFORMED] == 1
    assert [one.event for one in hears.said] == ["instance.create.end"]


async def test_names_that_nova_does_not_have_are_one_and_take_no_room_from_those_it_has(
    tmp_path: Path,
) -> None:
    events, hears = Events(), Hears()
    async with broker() as rabbit, listened(settings(tmp_path, rabbit.url), events, hears):
        rabbit.publish(*(message(f"instance.x{number}.end", {}) for number in range(400)))
        rabbit.publish(message("nova.no_such", {}), about("instance.create.end", "a", START))
        await until(lambda: len(rabbit.acknowledged) == 402)
    assert events.account().counts == {
        ("other", Outcome.MALFORMED): 400,
        ("other", Outcome.IGNORED): 1,
        ("instance.create.end", Outcome.APPLIED): 1,
    }


async def test_lost_connection_says_so_and_the_same_queue_is_read_again(tmp_path: Path) -> None:
    events, hears = Events(), Hears()
    async with broker() as rabbit:
        listener = Listener("uni", settings(tmp_path, rabbit.url), events, hears)
        for _ in range(2):
            listens = asyncio.create_task(listener.listen())
            await until(lambda: events.account().is_up)
            rabbit.lose()
            async with asyncio.timeout(FAR_S):
                await asyncio.wait({listens})
            error = listens.exception()
            assert isinstance(error, CollectError)
            assert (error.reason, events.account().is_up) == (Reason.UNAVAILABLE, False)
        assert len(rabbit.queues) == 1


async def test_queue_that_the_broker_deletes_is_a_lost_stream(tmp_path: Path) -> None:
    events = Events()
    async with broker() as rabbit, listened(settings(tmp_path, rabbit.url), events, Hears()) as listens:
        rabbit.expire()
        async with asyncio.timeout(FAR_S):
            await asyncio.wait({listens})
        assert ": the broker has deleted the queue, after events had arrived" in str(listens.exception())
        assert events.account().lost is Reason.UNAVAILABLE


async def test_orderly_end_takes_the_queue_along(tmp_path: Path) -> None:
    async with broker() as rabbit:
        async with listened(settings(tmp_path, rabbit.url), Events(), Hears()):
            assert len(rabbit.queues) == 1
        assert rabbit.queues == {}


async def test_broker_that_takes_no_messages_is_a_lost_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "_ECHO_EVERY_S", 0.01)  # 10 s otherwise
    monkeypatch.setattr(listening, "ECHO_S", 0.2)  # 20 s otherwise
    events = Events()
    async with broker() as rabbit, listened(settings(tmp_path, rabbit.url), events, Hears()) as listens:
        rabbit.has_alarm = True
        async with asyncio.timeout(FAR_S):
            await asyncio.wait({listens})
        assert "passes no message on within 0.2 s: an alarm" in str(listens.exception())
        assert events.account().lost is Reason.BUSY
        assert (await lost(settings(tmp_path, rabbit.url), Events())).reason is Reason.BUSY


FRAME_OF_4_GB = b"\3\0\1" + b"\xff" * 4


async def test_frame_that_claims_4_gb_is_refused_before_it_is_read(tmp_path: Path) -> None:
    events, claimed = Events(), "a frame of 4,294,967,296 bytes"
    async with broker() as rabbit:
        async with listened(settings(tmp_path, rabbit.url), events, Hears()) as listens:
            rabbit.sends(FRAME_OF_4_GB + bytes(1 << 20))
            async with asyncio.timeout(FAR_S):
                await asyncio.wait({listens})
            assert f"{claimed}, after events" in str(listens.exception())
            assert events.account().lost is Reason.MALFORMED
        rabbit.greeting = FRAME_OF_4_GB
        error = await lost(settings(tmp_path, rabbit.url), Events())
        assert (error.reason, f"no AMQP ({claimed})" in str(error)) == (Reason.MALFORMED, True)


async def test_message_that_does_not_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amqp_transport, "MESSAGE", 500_000)  # 65 MiB otherwise
    events = Events()
    async with broker() as rabbit, listened(settings(tmp_path, rabbit.url), events, Hears()) as listens:
        for number in range(1, 21):  # together they are larger than one may be
            rabbit.publish(bytes(100_000))
            await until(lambda at=number: len(rabbit.acknowledged) == at)
        rabbit.claims(1 << 50)
        for _ in range(6):
            rabbit.continues(bytes(100_000))
        async with asyncio.timeout(FAR_S):
            await asyncio.wait({listens})
        assert "a message of more than 500,000 bytes, after events" in str(listens.exception())
        assert events.account().lost is Reason.MALFORMED


async def test_refused_login_is_sent_again_after_five_minutes_or_when_it_is_another(tmp_path: Path) -> None:
    now = [100.0]
    events = Events()
    async with broker() as rabbit:
        chosen = settings(tmp_path, rabbit.url, rabbit.url, login=f"{USER}:x{PASSWORD}")
        listener = Listener("uni", chosen, events, Hears(), Clock(monotonic=lambda: now[0]))
        lengths = set[int]()
        for after_s, logins in ((0, 1), (200, 1), (99, 1), (1, 2), (60, 2)):
            now[0] += after_s
            with pytest.raises(CollectError) as refused:
                await listener.listen()
            assert (refused.value.reason, rabbit.logins) == (Reason.UNAUTHORIZED, logins)
            lengths.add(len([*walk_tb(refused.value.__traceback__)]))
        assert len(lengths) == 1  # the same error would get a longer traceback with each
        settings(tmp_path, rabbit.url)
        listens = asyncio.create_task(listener.listen())
        await until(lambda: events.account().is_up)
        listens.cancel()
        await asyncio.gather(listens, return_exceptions=True)
        settings(tmp_path, rabbit.url, login=f"{USER}:x{PASSWORD}")  # it may have been made valid since
        with pytest.raises(CollectError):
            await listener.listen()
        assert rabbit.logins == 4


async def _wrong_password(rabbit: FakeBroker, folder: Path) -> Notifications:
    return settings(folder, rabbit.url, login=f"{USER}:x{PASSWORD}")


async def _no_file(rabbit: FakeBroker, folder: Path) -> Notifications:
    return Notifications(urls=[rabbit.url], credentials_file=str(folder / "none"))


async def _virtual_host(rabbit: FakeBroker, folder: Path) -> Notifications:
    return settings(folder, f"{rabbit.url}/other")


async def _exchange(rabbit: FakeBroker, folder: Path) -> Notifications:
    return settings(folder, rabbit.url, exchange="nova2")


async def _nobody_listens(rabbit: FakeBroker, folder: Path) -> Notifications:  # noqa: ARG001 - as the others
    return settings(folder, "amqp://127.0.0.1:1")


async def _no_tls(rabbit: FakeBroker, folder: Path) -> Notifications:
    return settings(folder, rabbit.url.replace("amqp:", "amqps:"))


@pytest.mark.parametrize(
    ("chosen", "reason", "words"),
    [
        (_wrong_password, Reason.UNAUTHORIZED, "log-in refused"),
        (_no_file, Reason.UNAUTHORIZED, "events.credentials_file: "),
        (_virtual_host, Reason.UNAUTHORIZED, "no such virtual host, or no right to it"),
        (_exchange, Reason.UNAVAILABLE, "no exchange 'nova2'; Nova makes the exchange with its first"),
        (_nobody_listens, Reason.UNAVAILABLE, "127.0.0.1:1: Connection refused"),
        (_no_tls, Reason.UNAVAILABLE, ": it does not speak TLS ("),
    ],
)
async def test_each_failure_has_its_reason_and_names_what_to_look_at(
    tmp_path: Path, chosen: Any, reason: Reason, words: str
) -> None:
    async with broker() as rabbit:
        error = await lost(await chosen(rabbit, tmp_path), Events())
    assert error.reason is reason
    assert words in str(error)


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            Reason.MALFORMED,
            "no AMQP (a frame of 1,345,270,063 bytes): a ",
        ),
        (
            b"SSH-2.0-OpenSSH_9.2\r\n",
            Reason.MALFORMED,
            "no AMQP (a frame of 758,263,345 bytes): a wrong port?",
        ),
        (
            b"",
            Reason.UNAVAILABLE,
            "no AMQP: the connection was closed before it began: a wrong port, or one ",
        ),
        (None, Reason.TIMEOUT, "no answer in AMQP within 0.5 s: a wrong port?"),
    ],
)
async def test_what_is_no_broker_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes | None, reason: Reason, words: str
) -> None:
    monkeypatch.setattr(listening, "CONNECT_S", 0.5)  # 20 s otherwise

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer or b"")
        await (reader.read() if answer is None else reader.readexactly(8))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        error = await lost(settings(tmp_path, f"amqp://127.0.0.1:{port}"), Events())
    assert error.reason is reason
    assert str(error).startswith(f"127.0.0.1:{port}: {words}")


async def test_next_broker_of_the_cluster_is_used(tmp_path: Path) -> None:
    events = Events()
    async with (
        broker() as rabbit,
        listened(settings(tmp_path, "amqp://127.0.0.1:1", rabbit.url), events, Hears()),
    ):
        assert events.account().is_up


async def test_silent_broker_is_a_time_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "CONNECT_S", 0.05)  # 20 s otherwise
    async with broker() as rabbit:
        rabbit.is_silent = True
        assert (await lost(settings(tmp_path, rabbit.url), Events())).reason is Reason.TIMEOUT


async def test_broker_is_reached_over_tls_if_its_authority_is_trusted(tmp_path: Path) -> None:
    authority, other = Authority(), Authority("other")
    write(tmp_path, authority)
    (tmp_path / "other.crt").write_bytes(other.certificate)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    events = Events()
    async with broker(tls) as rabbit:
        async with listened(
            settings(tmp_path, rabbit.url, ca_file=str(tmp_path / "ca.crt")), events, Hears()
        ):
            assert events.account().is_up
        error = await lost(settings(tmp_path, rabbit.url, ca_file=str(tmp_path / "other.crt")), Events())
    assert error.reason is Reason.UNAVAILABLE
    assert "certificate verify failed" in str(error).lower()
