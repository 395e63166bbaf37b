"""OSG's downtimes in XML and YAML: odd times, and rows that are wrong."""

import pytest

from stratoscope.downtime.imports import osg
from stratoscope.downtime.imports.announced import DocumentError, Parsed, Skip
from stratoscope.downtime.model import Severity
from support.announcements import parsed, sample


def read(body: bytes) -> Parsed:
    return parsed(lambda rows: osg.take(body, rows))


def one(**fields: str) -> bytes:
    """A list in YAML with one row, in which some fields are others."""
    given = {
        "ID": "7", "Class": "SCHEDULED", "Severity": "Outage", "ResourceName": "CE1",
        "StartTime": "Jan 15, 2027 08:00 +0000", "EndTime": "Jan 15, 2027 09:00 +0000",
    } | fields  # fmt: skip
    return "\n  ".join(["-", *(f"{name}: {value}" for name, value in given.items())]).encode()


def test_rows_of_xml_with_am_and_pm_that_say_nothing() -> None:
    first, second = read(sample("osg.xml")).rows
    assert (first.external_id, first.title) == ("1800000001 EXAMPLE-CE1", "EXAMPLE-CE1: New batch system")
    assert first.text == "New batch system\nServices: CE, Squid\nResource group: EXAMPLE_OSG"
    assert (first.start, first.end) == (1_800_000_000, 1_800_018_000)
    assert (first.hosts, first.services) == (("osg-ce1.example.edu", "EXAMPLE-CE1"), ("CE", "Squid"))
    assert (first.planned, first.severity) == (True, Severity.OUTAGE)
    assert (second.planned, second.severity) == (False, Severity.AT_RISK)
    assert (second.start, second.end) == (1_801_441_800, 1_801_524_600)
    assert second.title == "EXAMPLE-CACHE"


def test_rows_of_yaml_with_offsets_and_without_zone() -> None:
    first, second = read(sample("osg.yaml")).rows
    assert (first.start, first.end) == (1_800_000_000, 1_800_018_000)
    assert (second.start, second.end) == (1_801_441_800, 1_801_524_600)
    assert (second.title, second.severity) == ("EXAMPLE-CACHE: 2027", Severity.DEGRADED)
    assert (second.hosts, second.services) == (("EXAMPLE-CACHE",), ("XRootD cache server",))


@pytest.mark.parametrize(
    ("fields", "skip", "words"),
    [
        ({"StartTime": "Not Available"}, Skip.MISSING, "7: StartTime is missing"),
        ({"StartTime": "Feb 30, 2027 08:00 UTC"}, Skip.MALFORMED, "7: StartTime is 'Feb 30, 2027 08:00 UTC'"),
        ({"StartTime": "Jan 15, 2027 08:00 CST"}, Skip.MALFORMED, "7: StartTime is 'Jan 15, 2027 08:00 CST'"),
        ({"EndTime": "Jan 15, 2027 08:00 +9900"}, Skip.MALFORMED, "7: EndTime is"),
        ({"EndTime": "Jan 15, 2027 08:00 +0000"}, Skip.MALFORMED, "7: its end, 1800000000, is not after"),
        ({"Class": "URGENT"}, Skip.UNKNOWN, "7: Class is 'URGENT'; known: SCHEDULED, UNSCHEDULED"),
        ({"Severity": "Bad"}, Skip.UNKNOWN, "7: Severity is 'Bad'; known: Outage, Severe"),
        ({"ResourceName": "null"}, Skip.MISSING, "7: ResourceName is missing"),
        ({"ID": "[7]"}, Skip.MISSING, "a row without id: it has no id"),
        (
            {"Services": f"[{'x' * 256}]"},
            Skip.MALFORMED,
            "7: more than 100 hosts or services, or one of more",
        ),
    ],
)
def test_a_row_that_is_wrong_is_counted(fields: dict[str, str], skip: Skip, words: str) -> None:
    found = read(one(**fields) + b"\n" + sample("osg.yaml"))
    assert (len(found.rows), found.skipped) == (2, {skip: 1})
    assert found.words[0].startswith(words)
    assert found.unread == {"7" if fields.get("ID") is None else ""}


def test_an_item_that_is_no_mapping_is_counted() -> None:
    assert read(b"- 1\n" + one()).words == (
        "a row without id: it is no mapping, or a key in it stands twice",
    )


def test_two_rows_that_have_become_one_are_counted_and_the_others_stay() -> None:
    found = read(one() + one(ID="8").replace(b"-", b"\n ", 1) + b"\n" + sample("osg.yaml"))
    assert (len(found.rows), found.skipped) == (2, {Skip.MALFORMED: 1})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "neither XML nor a list in YAML"),
        (b"a: 1", "neither XML nor a list in YAML"),
        (b"- [", "YAML:1:4: while parsing a flow node"),
        (b"\xff\xfe", "YAML:1: not UTF-8"),
        (b"- !!python/object:os.system {}", "YAML:1:3: could not determine a constructor"),
        (b"- x\n" * 300_000, "YAML of more than 1048576 bytes"),
        (b"<html><body>Log in</body></html>", "an HTML page; expected <Downtimes>"),
    ],
)
def test_what_is_no_such_document_is_an_error(body: bytes, words: str) -> None:
    with pytest.raises(DocumentError) as raised:
        read(body)
    assert str(raised.value).startswith(words)


def test_aliases_of_aliases_are_refused() -> None:
    bomb = "a: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    with pytest.raises(DocumentError, match="anchors make it too large"):
        read(bomb.encode())
