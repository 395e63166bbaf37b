"""GOCDB's downtimes: both forms give the same, and a row that is wrong costs that row."""

import pytest
from yarl import URL

from stratoscope.downtime.imports import gocdb
from stratoscope.downtime.imports.announced import DocumentError, Parsed, Rows, Skip
from stratoscope.downtime.model import Severity
from support.announcements import parsed, sample


def read(body: bytes) -> Parsed:
    return parsed(lambda rows: gocdb.Pages(rows).take(body))


def one(extra: str = "", **elements: str) -> bytes:
    """A page with one row, in which some elements are others; "" leaves one out."""
    given = {
        "HOSTNAME": "n1", "SERVICE_TYPE": "CE", "SEVERITY": "OUTAGE", "START_DATE": "1800000000",
        "END_DATE": "1800003600",
    } | elements  # fmt: skip
    row = "".join(f"<{name}>{value}</{name}>" for name, value in given.items() if value)
    return f'<results><DOWNTIME ID="7" CLASSIFICATION="SCHEDULED">{row}</DOWNTIME>{extra}</results>'.encode()


def test_each_affected_service_is_a_row() -> None:
    first, second, third = read(sample("gocdb_flat.xml")).rows
    assert first.external_id == "4101 ce01.grid.example.org org.opensciencegrid.htcondorce"
    assert first.title == "ce01.grid.example.org org.opensciencegrid.htcondorce: New switch in row 4"
    assert first.text == (
        "New switch in row 4\n<b>nothing</b> works meanwhile\nSite: EXAMPLE-T2\n"
        "Endpoints: ce01-main, ce01-test\n"
        "GOCDB: https://gocdb.example.org/portal/index.php?Page_Type=Downtime&id=4101"
    )
    assert (first.planned, first.severity) == (True, Severity.OUTAGE)
    assert (first.start, first.end) == (1_800_000_000, 1_800_014_400)
    assert (first.hosts, first.services) == (
        ("ce01.grid.example.org",),
        ("org.opensciencegrid.htcondorce",),
    )
    assert second.external_id == "4101 se01.grid.example.org XRootD"
    assert (third.planned, third.severity) == (False, Severity.AT_RISK)
    assert (third.title, third.text) == (
        "cloud.example.net org.openstack.nova",
        "Site: EXAMPLE-CLOUD",
    )


def test_nested_services_give_the_same_rows() -> None:
    assert read(sample("gocdb_nested.xml")) == read(sample("gocdb_flat.xml"))


def test_the_first_page_has_what_lasts_is_to_come_or_ended_lately() -> None:
    url = gocdb.first(URL("https://gocdb.example.org/?method=get_downtime&scope="), 1_800_000_000)
    assert url.query_string == "method=get_downtime&scope=&windowstart=2027-01-08&next_cursor=0"


def test_of_the_link_to_the_next_page_the_cursor_alone_counts() -> None:
    assert gocdb.Pages(Rows()).take(sample("gocdb_flat.xml")) == "4102"


@pytest.mark.parametrize(
    "meta",
    [
        "",
        "<meta><count>0</count><link rel='next' href='/?next_cursor=9'/></meta>",
        "<meta><count>3</count><link rel='self' href='/?next_cursor=0'/></meta>",
    ],
)
def test_the_last_page_has_no_next_one(meta: str) -> None:
    assert gocdb.Pages(Rows()).take(one(meta)) == ""


def test_a_source_without_downtimes_has_none() -> None:
    assert read(b"<results></results>") == Parsed()
    last = b'<results><meta><count>0</count><link rel="next" href="/?next_cursor=9"/></meta></results>'
    assert read(last) == Parsed()


@pytest.mark.parametrize("href", ["/?method=get_downtime", "/?next_cursor=-1", "http://[/?next_cursor=2", ""])
def test_a_next_page_without_cursor_is_no_complete_answer(href: str) -> None:
    page = one(f"<meta><count>3</count><link rel='next' href='{href}'/></meta>")
    with pytest.raises(DocumentError, match="the link to the next page"):
        gocdb.Pages(Rows()).take(page)


@pytest.mark.parametrize(
    ("elements", "skip", "words"),
    [
        ({"HOSTNAME": ""}, Skip.MISSING, "7: HOSTNAME and HOSTED_BY are missing"),
        ({"SEVERITY": ""}, Skip.MISSING, "7: SEVERITY is missing"),
        ({"SEVERITY": "DIRE"}, Skip.UNKNOWN, "7: SEVERITY is 'DIRE'; known: OUTAGE, WARNING"),
        ({"START_DATE": ""}, Skip.MISSING, "7: START_DATE is missing"),
        (
            {"START_DATE": "2027-01-15"},
            Skip.MALFORMED,
            "7: START_DATE is '2027-01-15'; expected Unix",
        ),
        ({"END_DATE": "1800000000"}, Skip.MALFORMED, "7: its end, 1800000000, is not after its start"),
        ({"END_DATE": "999999999999"}, Skip.MALFORMED, "7: its end, 999999999999, is not after"),
        ({"HOSTNAME": "n" * 256}, Skip.MALFORMED, "7: its id is no line of 255 characters at most"),
        ({"HOSTNAME": "n\x85n"}, Skip.MALFORMED, "7: its id is no line"),
    ],
)
def test_a_row_that_is_wrong_is_counted_and_the_others_stay(
    elements: dict[str, str], skip: Skip, words: str
) -> None:
    rows = Rows()
    gocdb.Pages(rows).take(one(**elements))
    gocdb.Pages(rows).take(sample("gocdb_flat.xml"))
    found = rows.parsed()
    assert (len(found.rows), found.skipped) == (3, {skip: 1})
    assert found.words[0].startswith(words)
    assert found.unread == {"7"}


def test_a_row_without_a_host_concerns_its_site() -> None:
    (row,) = read(one(HOSTNAME="", SERVICE_TYPE="", HOSTED_BY="EXAMPLE-T2", DESCRIPTION="Power")).rows
    assert (row.external_id, row.title) == ("7 EXAMPLE-T2", "EXAMPLE-T2: Power")
    assert (row.hosts, row.services) == (("EXAMPLE-T2",), ())


def test_a_row_without_id_or_classification_is_counted() -> None:
    body = one().replace(b' ID="7"', b"")
    assert read(body).words == ("a row without id: it has no id",)
    assert read(one().replace(b' CLASSIFICATION="SCHEDULED"', b"")).skipped == {Skip.MISSING: 1}


def test_a_row_that_stands_there_twice_counts_once() -> None:
    rows = Rows()
    gocdb.Pages(rows).take(one())
    gocdb.Pages(rows).take(one(SEVERITY="WARNING"))
    assert [row.severity for row in rows.parsed().rows] == [Severity.OUTAGE]
    assert rows.parsed().skipped == {Skip.DUPLICATE: 1}


def test_a_title_and_a_text_that_are_too_long_are_cut() -> None:
    (row,) = read(one(DESCRIPTION="x" * 5000)).rows
    assert (len(row.title), row.title[-1]) == (200, "…")
    assert (len(row.text), row.text[-1]) == (4000, "…")


def test_gocdbs_error_is_an_error_with_its_words() -> None:
    body = b"<error>Unsupported parameter:\n windowsend</error>"
    with pytest.raises(
        DocumentError, match="it is <error> that says: Unsupported parameter: windowsend; expected <results>"
    ):
        read(body)
