"""Whatever bytes a source answers, a parser takes rows or says why it does not."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratoscope.downtime.imports import announced, gocdb, ical, osg, xml_rows
from stratoscope.downtime.imports.announced import DocumentError, Rows
from support.announcements import sample

NOW = 1_800_000_000
TAKERS: dict[str, Callable[[bytes, Rows], object]] = {
    "gocdb_flat.xml": lambda body, rows: gocdb.Pages(rows).take(body),
    "gocdb_nested.xml": lambda body, rows: gocdb.Pages(rows).take(body),
    "osg.xml": osg.take,
    "osg.yaml": osg.take,
    "site.ics": lambda body, rows: ical.take(body, rows, NOW),
}
LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE results [<!ENTITY a0 "ha">'
    + b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 10))
    + b"]><results>&a9;</results>"
)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (LAUGHS, "a DTD or entities, which are refused: DTDForbidden"),
        (
            b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><results>&x;</results>',
            "a DTD or entities, which are refused",
        ),
        (b'<!DOCTYPE results SYSTEM "http://127.0.0.1/x.dtd"><results/>', "a DTD or entities, which are"),
        (b"<results>&x;</results>", "no XML, or cut short: undefined entity"),
        (b"<results><DOWNTIME>", "no XML, or cut short: no element found"),
        (b"<results/><results/>", "no XML, or cut short: junk after document element"),
        (b"", "no XML, or cut short: no element found"),
        (b'<?xml version="1.0" encoding="klingon"?><results/>', "no XML"),
        (b"<a>" * 100_000, "nested more than 20 levels deep"),
        (b"<results><DOWNTIME>" + b"<a/>" * 60_000, "more than 50000 elements in one row"),
        (b"<!DOCTYPE html><html><br>", "an HTML page; expected <results>"),
        (b"\n<html><p>Maintenance", "an HTML page; expected <results>"),
        (b"<other><a/></other>", "it is <other>; expected <results>"),
    ],
)
def test_xml_that_is_not_allowed_is_refused(body: bytes, words: str) -> None:
    with pytest.raises(DocumentError) as raised:
        gocdb.Pages(Rows()).take(body)
    assert str(raised.value).startswith(words)


def test_of_a_row_the_text_outside_is_none_of_it() -> None:
    seen = []
    body = b"<r>before<row>in<part>side</part></row>after</r>"
    xml_rows.read(body, "r", ("row", "part"), seen.append)
    assert [(one.tag, one.text, one.findtext("part")) for one in seen] == [("row", "in", "side")]


def test_more_rows_than_allowed_are_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announced, "MOST_ROWS", 2)
    with pytest.raises(DocumentError, match="more than 2 rows"):
        gocdb.Pages(Rows()).take(sample("gocdb_flat.xml"))


def test_of_many_rows_that_are_wrong_some_are_told() -> None:
    rows = Rows()
    osg.take(b"- 1\n" * 50, rows)
    assert (sum(rows.parsed().skipped.values()), len(rows.parsed().words)) == (50, 20)


@pytest.mark.parametrize("name", TAKERS)
@given(body=st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_rows_or_an_error(name: str, body: bytes) -> None:
    _take(name, body)


@pytest.mark.parametrize("name", TAKERS)
@given(seed=st.integers(0, 1 << 32))
@settings(max_examples=150, deadline=None)
def test_a_damaged_sample_is_rows_or_an_error(name: str, seed: int) -> None:
    chance, body = random.Random(seed), bytearray(sample(name))  # noqa: S311 - a test
    for _ in range(chance.randrange(1, 8)):
        begin = chance.randrange(len(body))
        length = chance.choice([0, 1, 1, 5, 50])
        put = chance.choice([b"", b"9", b"-", b"\n", b":", b";", b"\x00", b"\xff", b"0" * 30, b"BEGIN:X\n"])
        body[begin : begin + length] = put
    _take(name, bytes(body))


def _take(name: str, body: bytes) -> None:
    rows, words = Rows(), ""
    try:
        TAKERS[name](body, rows)
    except DocumentError as error:
        words = str(error)
    assert words.isprintable()
    assert all(row.start < row.end for row in rows.parsed().rows)
    assert all(words.isprintable() for words in rows.parsed().words)
