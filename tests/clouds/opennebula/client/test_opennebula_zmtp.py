"""What a publisher sends is put together within bounds, however it is cut; what is none is refused."""

import random

import pytest

from stratoscope.clouds.opennebula.client import zmtp
from stratoscope.clouds.opennebula.client.zmtp import Stream
from support.raw_publisher import GREETING, READY, part

KEY, SAID = b"EVENT STATE VM/ACTIVE/BOOT/7 ", b"x" * 300
MESSAGE = part(KEY, is_last=False) + part(SAID, is_last=True)


@pytest.fixture
def stream() -> Stream:
    """One after its handshake."""
    one = Stream(b"EVENT STATE VM/")
    assert one.feed(GREETING + READY) == []
    assert one.answers().endswith(b"\0\x10\1EVENT STATE VM/")
    assert one.is_ready
    return one


@pytest.mark.parametrize("seed", range(5))
def test_messages_are_the_same_however_they_are_cut(seed: int) -> None:
    one, found = Stream(b""), []
    chance = random.Random(seed)  # noqa: S311 - it chooses lengths
    content = GREETING + READY + MESSAGE + part(b"y" * 70_000, is_last=True) + b"\0\2ab" + MESSAGE
    while content:
        piece, content = content[: (size := chance.choice((1, 7, 100, 8_192)))], content[size:]
        found += one.feed(piece)
    assert found == [[KEY, SAID], [b"y" * 70_000], [b"ab"], [KEY, SAID]]


def test_a_heartbeat_is_answered_also_within_a_message(stream: Stream) -> None:
    ping = b"\4\x0b\4PING\0\x0aabcd"
    assert stream.feed(ping + MESSAGE[:38] + ping + MESSAGE[38:]) == [[KEY, SAID]]
    assert stream.answers() == b"\4\x09\4PONGabcd" * 2
    assert stream.answers() == b""
    assert stream.ping() == b"\4\7\4PING\0\0"


@pytest.mark.parametrize(
    "parts",
    [[KEY, bytes(2_000)], [bytes(2_000)], [KEY, b"", b""], [bytes(600), bytes(600)], [b""] * 500],
    ids=["content", "key", "three parts", "two halves", "many"],
)
def test_a_message_that_is_too_large_has_no_parts_and_the_next_is_whole(
    stream: Stream, monkeypatch: pytest.MonkeyPatch, parts: list[bytes]
) -> None:
    monkeypatch.setattr(zmtp, "LARGEST", 1_000)  # 1 MiB otherwise
    sent = b"".join(part(one, is_last=at == len(parts)) for at, one in enumerate(parts, 1)) + MESSAGE
    found = [message for at in range(0, len(sent), 50) for message in stream.feed(sent[at : at + 50])]
    assert found == [[], [KEY, SAID]]


@pytest.mark.parametrize("more", [b"x" * 100, b""])
def test_a_message_that_does_not_end_is_refused(
    stream: Stream, monkeypatch: pytest.MonkeyPatch, more: bytes
) -> None:
    monkeypatch.setattr(zmtp, "ENDLESS", 10_000)  # 64 MiB otherwise
    with pytest.raises(ValueError, match="a message of more than 10000 bytes"):
        stream.feed(part(more, is_last=False) * 2_000)


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"HTTP/1.1 400 Bad Request", "it does not speak ZeroMQ's protocol"),
        (b"\xff" * 64, "it does not speak ZeroMQ's protocol"),
        (GREETING.replace(b"\x7f\3", b"\x7f\1")[:12], "an older protocol"),
        (GREETING.replace(b"NULL", b"PLAI"), "wants a log-in"),
        (GREETING + b"\x08\0", "it does not speak ZeroMQ's protocol"),
        (GREETING + b"\5\0", "it does not speak ZeroMQ's protocol"),
        (GREETING + b"\6" + b"\xff" * 8, "a command of 18446744073709551615 bytes"),
        (GREETING + b"\4\x0b\5ERROR\4go a", "it refuses: b'go a'"),
        (GREETING + READY + b"\2" + b"\xff" * 8, "a message of more than 67108864 bytes"),
    ],
)
def test_what_no_publisher_sends_is_refused(sent: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Stream(b"").feed(sent)
