"""From a source's hosts and services to our labels, and which rows silence."""

import pytest

from stratoscope.downtime.draft import FieldError
from stratoscope.downtime.imports.mapping import MappingEntry, Silences, Table, filed
from stratoscope.downtime.matchers import Matcher
from stratoscope.downtime.model import Severity
from support.announcements import announced

NOW = 1_800_000_000
N1, N2 = ('cloud="uni"', 'host="n1"'), ('host="n2"',)
TABLE = Table(
    [
        MappingEntry(host="CE01.example.org", service="ce", labels={"host": "n1", "cloud": "uni"}),
        MappingEntry(host="ce01.example.org", labels={"host": "n2"}),
        MappingEntry(service="SRM", labels={"host": "n2"}),
    ]
)


@pytest.mark.parametrize(
    ("hosts", "services", "sets"),
    [
        (["ce01.example.org"], ["CE"], (N1, N2)),
        (["ce01.EXAMPLE.org"], ["XRootD"], (N2,)),
        (["other"], ["SRM", "CE"], (N2,)),
        (["other", "ce01.example.org"], ["SRM"], (N2,)),
        (["ce01"], ["CE"], ()),
        (["ce01.example.org.evil.example"], ["CE"], ()),
        ([], [], ()),
        (["*"], ["*"], ()),
    ],
)
def test_a_row_has_the_sets_of_all_entries_that_match(
    hosts: list[str], services: list[str], sets: tuple[tuple[str, ...], ...]
) -> None:
    row = announced(hosts=tuple(hosts), services=tuple(services))
    assert {*TABLE.matcher_sets(row)} == {*sets}
    assert len(TABLE.matcher_sets(row)) == len(sets)


def test_an_entry_for_anything_matches_every_row() -> None:
    table = Table([MappingEntry(labels={"cloud": 'u"ni'})])
    (sets,) = table.matcher_sets(announced(hosts=(), services=()))
    stored = filed(announced(), [sets], "none", NOW)
    assert stored.matcher_sets == ((Matcher("cloud", 'u"ni'),),)


@pytest.mark.parametrize(
    ("silences", "planned", "severity", "expected"),
    [
        ("scheduled_outages", True, Severity.OUTAGE, True),
        ("scheduled_outages", False, Severity.OUTAGE, False),
        ("scheduled_outages", True, Severity.DEGRADED, False),
        ("scheduled_outages", True, Severity.AT_RISK, False),
        ("none", True, Severity.OUTAGE, False),
        ("all", False, Severity.AT_RISK, True),
    ],
)
def test_by_default_scheduled_outages_alone_silence(
    silences: Silences, planned: bool, severity: Severity, expected: bool
) -> None:
    stored = filed(announced(planned=planned, severity=severity), [N1], silences, NOW)
    assert stored.silences is expected
    assert (stored.planned, stored.severity) == (planned, severity)


def test_what_nobody_may_file_is_refused() -> None:
    with pytest.raises(FieldError, match=r"end: 400\.0 days after start"):
        filed(announced(end=NOW + 400 * 86_400), [N1], "all", NOW)
    assert filed(announced(), [('team="a"',)], "all", NOW, labels=["team"]).matcher_sets
