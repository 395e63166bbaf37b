"""XML-RPC: bodies of calls, and the answers in bodies that oned, or something else, sent."""

import xmlrpc.client

import pytest

from stratoscope.clouds.opennebula.client.envelope import Answer, answer, call
from support.replayed_oned import enveloped, refused


def test_a_call_is_read_by_another_implementation() -> None:
    body = call("one.vmpool.info", "user:<&>\"'ü", -2, True)
    assert xmlrpc.client.loads(body) == (("user:<&>\"'ü", -2, True), "one.vmpool.info")


def test_what_was_asked_for_is_the_value() -> None:
    assert answer(enveloped("<VM_POOL>a &amp; b</VM_POOL>")) == Answer(True, "<VM_POOL>a &amp; b</VM_POOL>")


def test_a_failure_has_its_text_and_code() -> None:
    text = "[one.vmpool.info] User couldn't be authenticated, aborting call."
    assert answer(refused("bad_password")) == Answer(False, text, 0x100)


def test_a_fault_has_its_text_and_code() -> None:
    assert answer(refused("unknown_method")) == Answer(False, "Method 'one.nosuch.method' not defined", -506)


def test_an_answer_of_50_mb_is_read() -> None:
    assert len(answer(enveloped("<" * 16_000_000)).value) == 16_000_000


def test_bytes_that_no_xml_may_have_are_left_out() -> None:
    assert answer(enveloped("<A>\x1b[31mred\x00</A>")).value == "<A>[31mred</A>"


@pytest.mark.parametrize(
    ("odd", "read"),
    [(b"\xe9", "\ufffd"), (b"\xe2\x82", "\ufffd"), (b"\xed\xa0\x80", "\ufffd" * 3), (b"\xef\xbf\xbf", "")],
    ids=["latin-1", "half", "surrogate", "no character"],
)
def test_what_is_no_character_costs_itself_alone(odd: bytes, read: str) -> None:
    body = enveloped("<A>Zürich !</A>").replace(b"!", odd)
    assert answer(body).value == f"<A>Zürich {read}</A>"


def test_a_character_on_the_border_of_two_parts_is_read() -> None:
    text = "<A>" + "€" * 1_000_000 + "</A>"
    assert answer(enveloped(text)).value == text


BOMB = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<methodResponse><params><param><value><string>&b;</string></value></param></params></methodResponse>"""


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "no XML"),
        (b"<html><body>Bad gateway</body></html>", "no answer of XML-RPC"),
        (enveloped("<VM_POOL/>")[:-40], "no XML"),
        (BOMB, "document type"),
        (b"<a>" * 40, "deeper than any answer"),
        (b"<a>" + b"<i4/>" * 300 + b"</a>", "more elements than any answer has"),
        (b"<methodResponse><string>1</string><string>2</string></methodResponse>", "no answer of XML-RPC"),
    ],
    ids=["empty", "page", "cut_off", "bomb", "deep", "many", "other_values"],
)
def test_what_is_no_answer_is_said(body: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        answer(body)
