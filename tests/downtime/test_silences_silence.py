"""A silence in Alertmanager's JSON, and whose it is."""

import json

import msgspec
import pytest
from msgspec.structs import replace

from stratoscope.downtime.matchers import Matcher, written
from stratoscope.downtime.silences.silence import Key, Written, comment, decode, encode, set_hash, text_hash
from support.fake_alertmanager import downtime, on

LISTED = {
    "id": "7d9b2c2e",
    "status": {"state": "active"},
    "startsAt": "2027-01-15T08:00:00.000Z",
    "endsAt": "2027-01-15T09:00:00.250Z",
    "updatedAt": "2027-01-15T08:00:00.123456789+00:00",
    "createdBy": "stratoscope-downtime",
    "comment": f"x [stratoscope-downtime d1 {set_hash(on(host='n1'))}]",
    "matchers": [{"name": "host", "value": "n1", "isRegex": False}],
    "annotations": {"new": "field"},
}


def test_a_listed_silence_is_read_with_fields_that_are_not_known() -> None:
    (one,), malformed = decode(json.dumps([LISTED]).encode())
    assert (one.starts_at, one.ends_at, malformed) == (1_800_000_000, 1_800_003_600.25, 0)
    assert (one.matchers, one.is_live, one.is_expired_by_request) == (on(host="n1"), True, False)
    assert one.key == Key("d1", set_hash(on(host="n1")))


@pytest.mark.parametrize("change", [{"createdBy": "bob"}, {"comment": "x"}, {"matchers": []}])
def test_one_that_somebody_edited_is_foreign(change: dict[str, object]) -> None:
    (one,), _ = decode(json.dumps([LISTED | change]).encode())
    assert one.key is None


def test_one_malformed_silence_costs_itself_alone() -> None:
    body = json.dumps([LISTED, LISTED | {"status": {"state": "odd"}}, LISTED | {"matchers": None}, 3])
    found, malformed = decode(body.encode())
    assert (len(found), malformed) == (1, 3)


@pytest.mark.parametrize("body", [b"", b"{}", b"null", json.dumps([LISTED]).encode()[:-9]])
def test_what_is_no_whole_list_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(body)


def test_expired_by_request_is_what_ended_when_it_was_updated() -> None:
    (one,), _ = decode(json.dumps([LISTED]).encode())
    ended = replace(one, state="expired")
    assert not ended.is_expired_by_request
    assert replace(ended, updated_at=ended.ends_at).is_expired_by_request


def test_a_written_silence_has_all_fields_of_the_api() -> None:
    silence = Written(starts_at=1_800_000_000, ends_at=1_800_003_600, matchers=on(host="n1"), comment="c")
    assert json.loads(encode(silence)) == {
        "matchers": [{"name": "host", "value": "n1", "isRegex": False, "isEqual": True}],
        "startsAt": "2027-01-15T08:00:00Z",
        "endsAt": "2027-01-15T09:00:00Z",
        "createdBy": "stratoscope-downtime",
        "comment": "c",
    }
    assert json.loads(encode(replace(silence, id="7d9b")))["id"] == "7d9b"


def test_a_comment_is_one_line_that_ends_in_the_key() -> None:
    one, matchers = downtime(title="a\nb\x1b[31m", author="gocdb:egi"), on(host="n1")
    assert comment(one, matchers, "https://down.example/") == (
        "a\\nb\\x1b[31m (gocdb:egi) https://down.example/downtimes/d1"
        f" [stratoscope-downtime d1 {set_hash(matchers)}]"
    )


def test_the_hash_is_that_of_the_written_set() -> None:
    matchers = (Matcher("a", "\ud800"), Matcher("b", ".*", is_regex=True))
    assert set_hash(matchers) == text_hash(written(matchers))
    assert len(set_hash(matchers)) == 12
