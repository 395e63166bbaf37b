"""What is filed is checked field by field."""

from typing import Any

import pytest

from stratoscope.downtime.draft import Draft, FieldError, checked
from stratoscope.downtime.model import DAY_S, Severity

NOW = 1_800_000_000


def draft(**fields: Any) -> Draft:
    return Draft(**({"title": "t", "start": NOW, "end": NOW + 60, "matcher_sets": (("host=n1",),)} | fields))


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"title": " \n "}, "title: '' is no title; allowed: one line of 1 to 200 characters"),
        ({"title": "x" * 201}, "title: 201 characters; allowed: one line of 1 to 200"),
        ({"title": "a\x1b[2J"}, r"title: 'a\x1b[2J' is no title"),
        ({"text": "x" * 4001}, "text: 4001 characters; allowed: 4000"),
        ({"text": "a\x07"}, r"text: the character '\x07'"),
        ({"start": -1}, "start: too far away; allowed: Unix seconds from 1970 up to two years from now"),
        ({"start": NOW + 800 * 86_400, "end": NOW + 801 * 86_400}, "start: "),
        ({"end": None}, "end: missing; allowed: a moment after start, or until further notice"),
        ({"end": NOW}, "end: not after start; allowed: a later moment"),
        ({"end": NOW + 400 * 86_400}, "end: 400.0 days after start; allowed: 365 days at most"),
        ({"until_further_notice": True}, "end: stands beside until further notice; allowed: one of both"),
        ({"start": 0, "end": None, "until_further_notice": True}, "start: too long ago; allowed: up to 365"),
        ({"start": NOW - 364 * DAY_S - 1, "end": None, "until_further_notice": True}, "start: too long ago"),
        ({"matcher_sets": ()}, "matcher_sets: 0 sets; allowed: 1 to 20"),
        ({"matcher_sets": (("host=n1",),) * 21}, "matcher_sets: 21 sets"),
        ({"matcher_sets": (("host=n1",), ())}, "matcher_sets[1]: 0 matchers; allowed: 1 to 10"),
        ({"matcher_sets": (("host=n1",) * 11,)}, "matcher_sets[0]: 11 matchers"),
        ({"matcher_sets": (("host=n1", "hots=n2"),)}, "matcher_sets[0][1]: unknown label hots"),
        (
            {"matcher_sets": (("rack=r1",),)},
            "matcher_sets[0][0]: unknown label rack; allowed: alertname, cloud, host, instance, job, ",
        ),
        ({"matcher_sets": (("host=~n(",),)}, "matcher_sets[0][0]: 'n(' is no pattern of RE2"),
        ({"matcher_sets": ((f"host={'n' * 500}",),)}, "matcher_sets[0][0]: 505 characters; allowed: 500"),
        (
            {"matcher_sets": (("host=n1", "host=n2"),)},
            'matcher_sets[0]: host="n1" and host="n2" match no alert together; allowed: another set',

        ),
        ({"matcher_sets": (("host=n1", "host!=n1"),)}, 'matcher_sets[0]: host="n1" and host!="n1" match no'),
        ({"matcher_sets": (("host=n1", "host=~m.*"),)}, 'matcher_sets[0]: host="n1" and host=~"m.*"'),
        ({"matcher_sets": (("host=*",),)}, "matcher_sets[0][0]: 'host=*' is one value, no pattern"),
        (
            {"matcher_sets": (("host!=n1",),)},
            'matcher_sets[0]: {host!="n1"} matches an alert that lacks all its labels; allowed: beside it',
        ),
        ({"matcher_sets": (("host=~.+",),)}, 'matcher_sets[0]: {host=~".+"} matches every alert'),
    ],
)  # fmt: skip
def test_a_field_that_cannot_be_stored_is_named(fields: dict[str, Any], error: str) -> None:
    with pytest.raises(FieldError) as raised:
        checked(draft(**fields), NOW)
    assert str(raised.value).startswith(error)


def test_what_would_be_allowed_is_said_as_it_is_typed() -> None:
    with pytest.raises(FieldError, match=r"; others once the key downtime\.labels of the "):
        checked(draft(matcher_sets=(("rack=r1",),)), NOW)
    said = r'such as cloud="uni"; or, if all is meant, host=~"\.\+" and `confirm`$'
    with pytest.raises(FieldError, match=said):
        checked(draft(matcher_sets=(("host=~.*",),)), NOW)


def test_a_set_for_every_alert_is_stored_when_confirmed() -> None:
    assert checked(draft(matcher_sets=(("host=~.+",),), confirm=True), NOW).matcher_sets


def test_a_label_of_the_configuration_may_be_named() -> None:
    assert checked(draft(matcher_sets=(("team=a",),)), NOW, labels=["team"]).matcher_sets


def test_texts_are_trimmed_and_equal_sets_stand_once() -> None:
    fields = checked(
        draft(
            title="  new \n switch ",
            text="\n a  \r\nb\t\n",
            matcher_sets=(("host=n2",), ("service=a", "host=n1"), ("host=n1", "service=a")),
        ),
        NOW,
    )
    assert (fields.title, fields.text) == ("new switch", " a\nb")
    assert [[str(one) for one in matchers] for matchers in fields.matcher_sets] == [
        ['host="n1"', 'service="a"'],
        ['host="n2"'],
    ]


@pytest.mark.parametrize(
    ("fields", "silences"),
    [
        ({}, True),
        ({"severity": Severity.DEGRADED}, True),
        ({"severity": Severity.AT_RISK}, False),
        ({"planned": False}, False),
        ({"planned": False, "silences": True}, True),
        ({"silences": False}, False),
    ],
)
def test_unplanned_downtimes_and_risks_silence_only_if_asked(fields: dict[str, Any], silences: bool) -> None:
    assert checked(draft(**fields), NOW).silences is silences


@pytest.mark.parametrize(
    ("start", "end"),
    [(NOW - 50, NOW + DAY_S), (NOW + 50, NOW + 50 + DAY_S), (NOW - 364 * DAY_S, NOW + DAY_S)],
)
def test_until_further_notice_ends_a_day_from_now_or_from_its_start(start: int, end: int) -> None:
    assert checked(draft(start=start, end=None, until_further_notice=True), NOW).end == end
