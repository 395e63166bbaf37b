"""The form: what is sent becomes a draft, and what cannot stands beside its field with all that was typed."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from stratoscope.downtime.draft import Draft, FieldError, checked
from stratoscope.downtime.model import Downtime, Severity
from stratoscope.downtime.pages import forms
from support.fake_downtimes import HOUR_S, NOW, downtime, few

BERLIN = ZoneInfo("Europe/Berlin")
FIELDS = {
    "title": " new switch ", "text": "of rack 7\r\nand 8", "planned": "planned", "severity": "outage",
    "start": "2026-12-01T08:00", "end": "2026-12-01T10:30", "zone": "Europe/Berlin",
    "matcher_sets": 'cloud="uni", host="n1"\r\n\r\n{service=~"nova,.*"}\r\n', "silences": "", "do": "store",
}  # fmt: skip
START = 1_796_108_400


def refused(**fields: str) -> dict[str, str]:
    """What stands beside the fields."""
    form, draft = forms.sent(FIELDS | fields)
    assert draft is None
    return dict(form.errors)


def test_sent_form_is_the_draft_that_it_says() -> None:
    form, draft = forms.sent(FIELDS)
    assert form.errors == {}
    assert draft == Draft(
        title=" new switch ", text="of rack 7\r\nand 8", start=START, end=START + 9000,
        matcher_sets=(('cloud="uni"', 'host="n1"'), ('service=~"nova,.*"',)),
    )  # fmt: skip
    fields = {"planned": "unplanned", "severity": "at_risk", "silences": "no", "confirm": "yes"}
    _, other = forms.sent(FIELDS | fields)
    assert other is not None
    assert (other.planned, other.severity, other.silences, other.confirm) == (
        False, Severity.AT_RISK, False, True,
    )  # fmt: skip


@pytest.mark.parametrize("end", ["2026-12-01T10:30", "", "x"])
def test_end_does_not_count_until_further_notice(end: str) -> None:
    form, draft = forms.sent(FIELDS | {"until_further_notice": "yes", "end": end})
    assert draft is not None
    assert (draft.end, draft.until_further_notice, form.values["end"]) == (None, True, end)


def test_nothing_typed_is_lost_and_all_that_is_wrong_is_said() -> None:
    fields = FIELDS | {
        "planned": "perhaps", "severity": "bad", "start": "tomorrow", "end": "", "zone": "Europe/Berlni",
        "silences": "some", "matcher_sets": "\n".join(["host=n1"] * 21),
    }  # fmt: skip
    form, draft = forms.sent(fields)
    assert draft is None
    assert {name: text for name, text in form.values.items() if text} == {
        name: text for name, text in fields.items() if name != "do" and text
    }
    assert form.errors == {
        "planned": "'perhaps'; allowed: planned, unplanned",
        "severity": "'bad'; allowed: outage, degraded, at_risk",
        "start": "'tomorrow' is no date with a time; allowed: such as 2026-12-01T08:00",
        "end": "missing; allowed: such as 2026-12-01T08:00",
        "zone": "unknown time zone 'Europe/Berlni'; allowed: Europe/Berlin or Europe/Dublin or Europe/Riga?",
        "silences": "'some'; allowed: nothing, yes, no",
        "matcher_sets": "21 lines; allowed: 1 to 20, each with a set",
    }


def test_form_without_any_field_is_refused_field_by_field() -> None:
    form, draft = forms.sent({})
    assert draft is None
    assert {*form.errors} == {"planned", "severity", "start", "end", "zone"}


@pytest.mark.parametrize(
    ("start", "what"),
    [
        ("2026-12-01T08:00+01:00", "is no date with a time"),
        ("9999-12-31T23:59", "is no date with a time"),
        ("0001-01-01T00:00", "is no date with a time"),
        ("x" * 1000, f"'{'x' * 40}' is no date"),
        ("2027-03-28T02:30", "2027-03-28 02:30 does not exist in Europe/Berlin: the clocks leave it out"),
        ("2026-10-25T02:30", "exists twice in Europe/Berlin: the clocks change; allowed: the zone UTC"),
    ],
)
def test_time_that_is_none_is_refused(start: str, what: str) -> None:
    assert what in refused(start=start)["start"]


def test_what_cannot_be_stored_stands_beside_its_field_and_names_its_set() -> None:
    form, draft = forms.sent(FIELDS | {"matcher_sets": "host=n1\nhots=n1"})
    assert draft is not None
    with pytest.raises(FieldError) as raised:
        checked(draft, NOW)
    assert form.with_error(raised.value).errors["matcher_sets"].startswith("set 2: unknown label hots")
    assert form.with_error(FieldError("end", "not after start")).errors == {"end": "not after start"}
    two = form.with_error(FieldError("labels", "some")).with_error(FieldError("title", "none"))
    assert two.errors == {"": "labels: some", "title": "none"}


def test_new_form_is_for_the_next_full_hour_and_has_a_key() -> None:
    values = forms.empty(NOW, BERLIN, key="k1").values
    assert (values["start"], values["end"], values["zone"]) == (
        "2026-11-30T02:00", "2026-11-30T03:00", "Europe/Berlin",
    )  # fmt: skip
    assert (values["key"], values["revision"], values["planned"]) == ("k1", "", "planned")


@pytest.mark.parametrize(
    "one",
    [
        *few(),
        downtime(start=1_792_888_200, end=1_792_888_200 + HOUR_S),  # 02:30, the first one
        downtime(start=1_792_891_800, end=1_792_891_800 + HOUR_S),  # 02:30, the second one
        downtime(1, 'host="a\\"b,\\\\n c", cloud=~"\\\\d+"', silences=False, planned=False),
    ],
)
@pytest.mark.parametrize("zone", [BERLIN, dt.UTC, ZoneInfo("America/Sao_Paulo")])
def test_form_of_a_downtime_that_is_sent_back_changes_nothing(one: Downtime, zone: dt.tzinfo) -> None:
    form = forms.of(one, zone)
    _, draft = forms.sent(form.values)
    assert draft is not None
    found = checked(draft, NOW)
    for name, value in found._asdict().items():
        if name != "end" or not one.until_further_notice:
            assert (name, value) == (name, getattr(one, name))
    assert form.values["revision"] == str(one.revision)


def test_form_that_is_refused_keeps_what_was_typed() -> None:
    form, _ = forms.sent(FIELDS | {"title": "a", "key": "old"})
    refused = form.refused("sent twice").with_value("key", "new")
    assert (refused.errors, refused.values["title"], refused.values["key"]) == (
        {"": "sent twice"},
        "a",
        "new",
    )


def test_sets_that_are_far_too_long_are_not_taken_apart() -> None:
    form, draft = forms.sent(FIELDS | {"matcher_sets": '"' * 900_000})
    assert (draft, form.errors) == (None, {"matcher_sets": "900000 characters; allowed: 100000"})
