"""Feeds are read back by other libraries, and nothing that is filed can change what they are."""

import datetime as dt
import email.utils
import html
import json
import time
from collections.abc import Callable, Sequence
from typing import Any
from xml.etree.ElementTree import Element

import icalendar as calendars
import pytest
from defusedxml import ElementTree
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stratoscope.downtime.feeds.gocdb import gocdb
from stratoscope.downtime.feeds.ical import icalendar
from stratoscope.downtime.feeds.json_feed import json_feed
from stratoscope.downtime.feeds.rss import rss
from stratoscope.downtime.feeds.site import Site
from stratoscope.downtime.matchers import Matcher, matcher_set
from stratoscope.downtime.model import Downtime, Severity

START = 1_800_000_000
"""2027-01-15T08:00:00Z."""
SITE = Site("Downtimes of uni", "https://ops.example.org/downtime")
DOWNTIME = Downtime(
    id="k7m2p9x4qw",
    title="New switch",
    text="Room 1,\nrow 2; call \\N",
    start=START,
    end=START + 7200,
    matcher_sets=(matcher_set([Matcher("cloud", "uni"), Matcher("host", "n1"), Matcher("service", "nova")]),),
    silences=True,
    author="alice",
    revision=3,
    created_at=START - 90_000,
    changed_at=START - 3600,
)
EVIL = "a\r\nEND:VEVENT\r\nX-EVIL:1 ]]> <script>alert(1)</script> &amp; "
EVIL += "\x00\x08\x1b[2J \ud800 \ufffe \u2028 \u202e b\vc\x85d"


def event(downtime: Downtime) -> Any:
    calendar = calendars.Calendar.from_ical(icalendar([downtime], SITE))
    (found,) = calendar.walk("VEVENT")
    return found


def rows(*downtimes: Downtime) -> list[dict[str, str]]:
    """The rows of GOCDB's XML: attributes and elements."""
    root = ElementTree.fromstring(gocdb(downtimes, SITE))
    assert root.tag == "results"
    return [one.attrib | {child.tag: child.text or "" for child in one} for one in root]


def items(*downtimes: Downtime) -> list[Element]:
    return list(ElementTree.fromstring(rss(downtimes, SITE)).iterfind("channel/item"))


def of(*texts: str) -> Downtime:
    """A downtime of one set of matchers."""
    return replace(DOWNTIME, matcher_sets=(matcher_set(map(Matcher.parse, texts)),))


def test_an_event_has_all_that_a_calendar_wants() -> None:
    found = event(DOWNTIME)
    assert found["UID"] == "k7m2p9x4qw@stratoscope"
    assert found["SEQUENCE"] == 3
    assert found["DTSTAMP"].dt == dt.datetime.fromtimestamp(START - 3600, dt.UTC)
    assert found["DTSTART"].dt == dt.datetime.fromtimestamp(START, dt.UTC)
    assert found["DTEND"].dt == dt.datetime.fromtimestamp(START + 7200, dt.UTC)
    assert (found["STATUS"], found["TRANSP"]) == ("CONFIRMED", "TRANSPARENT")
    assert found["SUMMARY"] == "New switch"
    assert found["CATEGORIES"].cats == ["PLANNED", "OUTAGE"]
    assert found["URL"] == "https://ops.example.org/downtime/downtimes/k7m2p9x4qw"


def test_where_no_page_is_known_there_is_no_link() -> None:
    nowhere = Site("Downtimes", "")
    assert b"URL:" not in icalendar([DOWNTIME], nowhere)
    assert b"PORTAL_URL" not in gocdb([DOWNTIME], nowhere)


def test_text_is_escaped_as_rfc_5545_has_it() -> None:
    lines = icalendar([DOWNTIME], SITE).decode().replace("\r\n ", "").split("\r\n")
    (text,) = (line for line in lines if line.startswith("DESCRIPTION:"))
    sets = r'{cloud="uni"\, host="n1"\, service="nova"}'
    assert text == rf"DESCRIPTION:Planned outage\n{sets}\n\nRoom 1\,\nrow 2\; call \\N"


def test_a_cancelled_downtime_stays_in_the_calendar_as_cancelled() -> None:
    assert event(replace(DOWNTIME, cancelled_at=START - 60))["STATUS"] == "CANCELLED"


def test_words_say_what_kind_of_downtime_it_is() -> None:
    one = replace(DOWNTIME, planned=False, severity=Severity.AT_RISK, until_further_notice=True, text="")
    assert event(one)["DESCRIPTION"].startswith("Unplanned at risk, until further notice\n{cloud=")
    assert event(one)["DESCRIPTION"].endswith('"nova"}')
    assert event(one)["CATEGORIES"].cats == ["UNPLANNED", "AT_RISK"]


def test_lines_of_a_calendar_are_folded_between_characters_and_end_in_crlf() -> None:
    made = icalendar([replace(DOWNTIME, title="\N{GRINNING FACE}ä" * 90)], SITE)
    assert made.endswith(b"END:VCALENDAR\r\n")
    assert all(len(line) <= 75 and line.decode() for line in made.split(b"\r\n")[:-1])
    assert b"\n" not in made.replace(b"\r\n", b"")
    assert [line for line in made.split(b"\r\n") if line.startswith(b"X-")] == [
        b"X-WR-CALNAME:Downtimes of uni", b"X-PUBLISHED-TTL:PT15M",
    ]  # fmt: skip


def test_a_calendar_says_its_name_and_how_often_to_read_it_in_new_words_and_old() -> None:
    found = calendars.Calendar.from_ical(icalendar([DOWNTIME], Site("R&D; a, b", "")))
    assert found["NAME"] == found["X-WR-CALNAME"] == r"R&D\; a\, b"  # the library takes them as they are
    assert found["REFRESH-INTERVAL"].dt == dt.timedelta(minutes=15)
    assert found["X-PUBLISHED-TTL"] == "PT15M"


def test_an_rss_item_has_all_that_a_reader_wants() -> None:
    made = rss([DOWNTIME], SITE)
    channel = ElementTree.fromstring(made).find("channel")
    assert made.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0">')
    found = {one.tag: one.text for one in channel if one.tag != "item"}
    assert found == {
        "title": "Downtimes of uni",
        "link": "https://ops.example.org/downtime/",
        "description": "Downtimes, planned and unplanned",
        "lastBuildDate": "Fri, 15 Jan 2027 07:00:00 GMT",
    }
    (item,) = items(DOWNTIME)
    assert item.findtext("title") == "New switch"
    assert item.findtext("link") == "https://ops.example.org/downtime/downtimes/k7m2p9x4qw"
    assert email.utils.parsedate_to_datetime(item.findtext("pubDate") or "").timestamp() == START - 3600
    assert [one.text for one in item.iterfind("category")] == ["planned", "outage"]
    assert (item.findtext("description") or "").split("<br>\n")[
        0
    ] == "2027-01-15 08:00 to 2027-01-15 10:00 UTC"
    guid = item.find("guid")
    assert guid is not None
    assert (guid.text, guid.attrib) == ("k7m2p9x4qw/3", {"isPermaLink": "false"})


def test_a_reader_shows_a_downtime_again_when_somebody_changes_it() -> None:
    filed = replace(DOWNTIME, revision=1)
    rearmed = replace(filed, until_further_notice=True, end=START + 86_400, changed_at=START)
    cancelled = replace(DOWNTIME, revision=5, cancelled_at=START - 60, changed_at=START - 60)
    guids = [one.findtext("guid") for one in items(filed, rearmed, replace(DOWNTIME, revision=4), cancelled)]
    assert guids == ["k7m2p9x4qw/1", "k7m2p9x4qw/1", "k7m2p9x4qw/4", "k7m2p9x4qw/5"]
    assert items(rearmed)[0].findtext("pubDate") == "Thu, 14 Jan 2027 07:00:00 GMT"
    (item,) = items(cancelled)
    assert item.findtext("title") == "Cancelled: New switch"
    assert item.findtext("pubDate") == "Fri, 15 Jan 2027 07:59:00 GMT"


def test_the_json_feed_has_the_fields_of_the_downtime_and_its_state() -> None:
    found = json.loads(json_feed([DOWNTIME], START))
    (one,) = found.pop("downtimes")
    assert found == {"as_of": START}
    assert {*one} == {*Downtime.__struct_fields__, "state"}
    assert one["state"] == "active"
    assert one["matcher_sets"] == [['cloud="uni"', 'host="n1"', 'service="nova"']]
    assert (one["start"], one["severity"], one["cancelled_at"]) == (START, "outage", None)


def test_a_row_has_the_names_and_times_of_gocdb() -> None:
    assert rows(DOWNTIME) == [
        {
            "ID": "k7m2p9x4qw",
            "PRIMARY_KEY": "k7m2p9x4qw",
            "CLASSIFICATION": "SCHEDULED",
            "HOSTNAME": "n1",
            "SERVICE_TYPE": "nova",
            "ENDPOINT": "n1nova",
            "HOSTED_BY": "uni",
            "GOCDB_PORTAL_URL": "https://ops.example.org/downtime/downtimes/k7m2p9x4qw",
            "AFFECTED_ENDPOINTS": "",
            "SEVERITY": "OUTAGE",
            "DESCRIPTION": "New switch\nRoom 1,\nrow 2; call \\N",
            "INSERT_DATE": str(START - 90_000),
            "START_DATE": str(START),
            "END_DATE": str(START + 7200),
            "FORMATED_START_DATE": "2027-01-15 08:00",
            "FORMATED_END_DATE": "2027-01-15 10:00",
        }
    ]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, ("SCHEDULED", "OUTAGE")),
        ({"severity": Severity.AT_RISK}, ("SCHEDULED", "WARNING")),
        ({"silences": False}, ("SCHEDULED", "WARNING")),
        ({"created_at": START - 86_401}, ("SCHEDULED", "OUTAGE")),
        ({"created_at": START - 86_400}, ("UNSCHEDULED", "OUTAGE")),
        ({"created_at": START + 60}, ("UNSCHEDULED", "OUTAGE")),
        ({"planned": False}, ("UNSCHEDULED", "OUTAGE")),
        ({"planned": False, "silences": False}, ("UNSCHEDULED", "OUTAGE")),
        ({"planned": False, "severity": Severity.DEGRADED}, ("UNSCHEDULED", "WARNING")),
    ],
)
def test_only_what_was_announced_a_day_ahead_and_silences_is_a_scheduled_outage(
    fields: dict[str, Any], words: tuple[str, str]
) -> None:
    (row,) = rows(replace(DOWNTIME, **fields))
    assert (row["CLASSIFICATION"], row["SEVERITY"]) == words


@pytest.mark.parametrize(
    ("texts", "names", "is_all"),
    [
        (["host=n1"], [("n1", "host", "")], True),
        (["cloud=uni"], [("uni", "cloud", "uni")], True),
        (["cloud=uni", "host=n1"], [("n1", "host", "uni")], True),
        (["cloud=uni", "service=nova"], [("uni", "nova", "uni")], True),
        (["service=nova"], [("unknown", "nova", "")], True),
        ([r"host=~n1|n2\.example\.org", "service=nova"],
         [("n1", "nova", ""), ("n2.example.org", "nova", "")], True),
        (["host=n1", "service=~a|b"], [("n1", "a", ""), ("n1", "b", "")], True),
        (["host=~n.*", "cloud=uni"], [("uni", "cloud", "uni")], False),
        (["host=~n1|n2", "host!=n2"], [("n1", "host", "")], True),
        (["host=n1", "host=n2"], [("unknown", "cloud", "")], False),
        (["host=n1", "alertname=HostDown"], [("n1", "host", "")], False),
        (["host=n1", "service=host"], [("n1", "host", "")], False),
        (["host=n1", 'service=" nova"'], [("n1", " nova", "")], False),
        (["host!=n1", "cloud=uni"], [("uni", "cloud", "uni")], False),
        (["host=", "cloud=uni"], [("uni", "cloud", "uni")], False),
        (["project_id=a"], [("unknown", "cloud", "")], False),
        ([f"host=~{'|'.join(f'n{n}' for n in range(101))}"], [("unknown", "cloud", "")], False),
        ([f"service=~{'|'.join(f's{n}' for n in range(51))}", "host=~n1|n2"],
         [("n1", "host", ""), ("n2", "host", "")], False),
    ],
)  # fmt: skip
def test_there_is_a_row_per_host_and_service_that_a_set_names_and_what_it_cannot_say_is_a_warning(
    texts: Sequence[str], names: Sequence[tuple[str, str, str]], is_all: bool
) -> None:
    found = rows(of(*texts))
    assert [
        tuple(row.get(key, "") for key in ("HOSTNAME", "SERVICE_TYPE", "HOSTED_BY")) for row in found
    ] == names
    assert {("(only {" not in row["DESCRIPTION"], row["SEVERITY"]) for row in found} == {
        (is_all, "OUTAGE" if is_all else "WARNING")
    }


def test_a_set_that_says_as_much_as_the_row_outweighs_those_that_say_more() -> None:
    disk, full, whole = (of(*texts).matcher_sets[0] for texts in (
        ["host=n1", "alertname=Disk"], ["host=n1", "alertname=Full"], ["host=n1"],
    ))  # fmt: skip
    (row,) = rows(replace(DOWNTIME, matcher_sets=(disk, full)))
    only = '(only {alertname="Disk", host="n1"} or {alertname="Full", host="n1"})'
    assert row["DESCRIPTION"].partition("\n")[0] == f"New switch {only}"
    for sets in ((disk, full, whole), (whole, disk)):
        (row,) = rows(replace(DOWNTIME, matcher_sets=sets))
        assert (row["SEVERITY"], "only" in row["DESCRIPTION"]) == ("OUTAGE", False)


def test_equal_rows_stand_once_and_cancelled_downtimes_are_absent() -> None:
    sets = (of("host=n1").matcher_sets[0], of("host=~n1|n2").matcher_sets[0])
    assert [row["HOSTNAME"] for row in rows(replace(DOWNTIME, matcher_sets=sets))] == ["n1", "n2"]
    assert rows(replace(DOWNTIME, cancelled_at=START)) == []


def test_a_description_is_as_long_as_gocdb_allows() -> None:
    assert len(rows(replace(DOWNTIME, text="x" * 4000))[0]["DESCRIPTION"]) == 4000
    assert rows(replace(DOWNTIME, text=""))[0]["DESCRIPTION"] == "New switch"


def test_feeds_without_downtimes_are_valid() -> None:
    assert calendars.Calendar.from_ical(icalendar([], SITE))["NAME"] == "Downtimes of uni"
    assert items() == []
    assert rows() == []
    assert json.loads(json_feed([], START)) == {"as_of": START, "downtimes": []}


def evil(text: str) -> Downtime:
    sets = (matcher_set([Matcher("host", text or "n"), Matcher("service", text), Matcher("cloud", text)]),)
    return replace(DOWNTIME, title=text, text=text, matcher_sets=sets)


def check_calendar(text: str) -> None:
    site = Site(text, SITE.url)
    calendar = calendars.Calendar.from_ical(icalendar([evil(text), DOWNTIME], site))
    first, second = calendar.walk("VEVENT")
    assert [*first] == [*second]
    assert second["SUMMARY"] == "New switch"


def check_rss(text: str) -> None:
    root = ElementTree.fromstring(rss([evil(text)], Site(text, SITE.url)), forbid_dtd=True)
    assert {one.tag for one in root.iter()} <= {
        "rss", "channel", "title", "link", "description", "lastBuildDate", "item", "category", "guid",
        "pubDate",
    }  # fmt: skip
    shown = root.findtext("channel/item/description") or ""
    assert "<" not in shown.replace("<br>", "")
    assert "<" not in (root.findtext("channel/item/title") or "")


def check_gocdb(text: str) -> None:
    (row,) = rows(evil(text))
    assert {*row} <= {*rows(DOWNTIME)[0]}
    assert "\n" not in row.get("HOSTNAME", "")


@pytest.mark.parametrize("check", [check_calendar, check_rss, check_gocdb])
def test_a_text_that_looks_like_the_format_stays_text(check: Callable[[str], None]) -> None:
    check(EVIL)
    check("BEGIN:VEVENT\nUID:2\r\n .\rEND:VCALENDAR")
    check("<![CDATA[<!DOCTYPE a [<!ENTITY b 'c'>]>&b;]]><item/>")


@pytest.mark.parametrize("check", [check_calendar, check_rss, check_gocdb])
@given(text=st.text(max_size=100))
def test_any_text_stays_text(check: Callable[[str], None], text: str) -> None:
    check(text)


def test_what_can_be_printed_is_shown_as_it_was_filed() -> None:
    text = 'R&D <5 "x" \N{GRINNING FACE} ä, b; c\\n'
    one = replace(DOWNTIME, title=text)
    assert event(one)["SUMMARY"] == text
    assert html.unescape(items(one)[0].findtext("title") or "") == text
    assert rows(one)[0]["DESCRIPTION"].startswith(text)


def test_what_cannot_be_printed_is_replaced() -> None:
    found = rows(replace(DOWNTIME, title="a\x1b[2J\tb\xa0c", text="d\r\ne\x0cf"))[0]["DESCRIPTION"]
    assert found == "a\N{REPLACEMENT CHARACTER}[2J b c\nd\ne\nf"


def test_a_thousand_downtimes_are_written_in_a_second() -> None:
    text = "All guests were moved before.\n" * 10
    many = [replace(of(f"host=n{n}"), id=f"k{n}", text=text) for n in range(1000)]
    for write in (lambda: icalendar(many, SITE), lambda: rss(many, SITE), lambda: gocdb(many, SITE)):
        began = time.process_time()
        assert write().count(b"/k999") >= 1
        assert time.process_time() - began < 1
    assert len(json.loads(json_feed(many, START))["downtimes"]) == 1000
