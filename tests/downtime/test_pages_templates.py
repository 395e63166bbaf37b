"""The pages as HTML, over loopback and from values alone."""

from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from stratoscope.core.errors import Reason
from stratoscope.core.runner import Status
from stratoscope.core.web.templates import Frame, Templates
from stratoscope.downtime.pages import forms
from stratoscope.downtime.pages.history import history
from stratoscope.downtime.pages.preview import Preview
from stratoscope.downtime.pages.timeline import MOST_LOOKED_AT
from stratoscope.downtime.silences.record import SilenceRecord, Standing
from stratoscope.downtime.silences.report import Report
from support import downtime_pages as pages
from support.fake_downtimes import BAD, NOW, alertmanagers, changes, downtime, few, many
from support.html_page import Element, parsed

FRAME = Frame("stratoscope downtime", "1", "What is down.")


def page(template: str, *, name: str = "alice", **values: Any) -> Element:
    request = SimpleNamespace(asker=SimpleNamespace(name=name), csrf="token")
    return parsed(Templates("stratoscope.downtime").render(template, frame=FRAME, request=request, **values))


def front(*downtimes: Any, **more: Any) -> Element:
    return page("overview.html", **{**pages.front(downtimes, {}, NOW), **more.pop("values", {})}, **more)


def single(one: Any, **more: Any) -> Element:
    return page("downtime.html", **(pages.single(one, NOW) | more))


def test_overview_shows_what_is_down_each_alertmanager_and_each_import() -> None:
    shown = front(*few())
    assert shown.all("title")[0].text == "3 downtimes are active, 3 upcoming: stratoscope downtime"
    states = shown.one("ul", **{"class": "states"}).all("li")
    assert [one.text.partition(" silences")[0] for one in states] == [
        "✓ am-1: in step 4 of 4", "✗ am-2: failed 1 of 4", "◌ am-3: not asked yet 0 of 4",
        "◌ am-4: not in step 2 of 4",
    ]  # fmt: skip
    assert "1 expired by hand, last success 5 s ago" in states[0].text
    assert BAD in states[1].text
    assert "2 changes would be made, dry run" in states[3].text
    table = shown.all("table")[1]
    assert [row.text for row in table.one("tbody").all("tr")] == [
        "✓ ok gocdb:egi 60 s 40 23 3", "✗ timeout osg:uni 2 d 0 0 0 no answer within 30 s",
        "◌ not run yet ical:uni nothing yet 0 0 0",
    ]  # fmt: skip
    details = shown.one("details").text
    assert f"G43 {BAD}; hosts ce.example.org, se.example.org; services CREAM-CE" in details
    assert "2 of 23 are shown" in details
    assert "G45: ends before it starts" in details


def test_each_bar_is_a_link_with_words() -> None:
    shown = front(*few())
    bars = [one for one in shown.all("a") if one.all("title")]
    assert {one.attributes["href"] for one in bars} == {
        f"/downtimes/a00000000{n}" for n in (1, 2, 3, 4, 5, 6, 8)
    }
    assert any(one.text.startswith(f"{BAD}: active, planned at risk, ") for one in bars)
    assert [one.text for one in shown.all("a", aria_current="true")] == ["Week"]


def test_what_is_held_of_a_source_is_said() -> None:
    held = "2 that vanished are held for two answers: a row without id may be one of them."
    assert held in front(*few()).one("main").text


def test_without_any_downtime_it_says_so() -> None:
    shown = front().one("main").text
    assert "✓ Nothing is down on purpose As of" in shown
    assert "None is configured: nothing is silenced." in shown
    assert "No downtime lies in this week." in shown
    assert "Imports" not in shown


def test_who_is_not_logged_in_sees_counts_alone() -> None:
    shown = front(*few(), name="", values={"is_reader": False})
    assert shown.one("main").text == (
        "◌ 3 downtimes are active, 3 upcoming As of 2026-11-30 00:53:20 UTC."
        " Who is not logged in, or has no role here, sees these counts alone. Log in"
    )
    assert [one.attributes["href"] for one in shown.one("main").all("a")] == ["/downtimes"]
    assert "Log in" not in front(*few(), values={"is_reader": False}).text


@pytest.mark.parametrize(("is_editor", "links"), [(True, 1), (False, 0)])
def test_who_may_not_change_anything_gets_no_forms(is_editor: bool, links: int) -> None:
    values = {"is_editor": is_editor}
    assert len(front(*few(), values=values).all("a", href="/downtimes/new")) == links
    assert len(single(downtime(), may_change=is_editor, may_close=is_editor).all("form")) == 3 * links


def test_pages_and_rows_that_are_left_out_are_said() -> None:
    values = pages.front([*many(hosts=3000)], {"page": "2", "view": "month"}, NOW)
    shown = page("overview.html", **values)
    assert "Page 2 of 101" in shown.text
    assert [one.attributes["href"] for one in shown.all("a", rel="next")] == [
        "/?view=month&from=2026-11-30&page=3#list"
    ]
    assert "more rows are left out" in shown.text


@pytest.mark.parametrize(
    ("fields", "buttons"),
    [
        ({}, ["Extend", "End now", "Cancel this downtime"]),
        ({"after": 60}, ["Extend", "Cancel this downtime"]),
        ({"lasts": 60}, []),
        ({"cancelled_at": NOW}, []),
        ({"until_further_notice": True}, ["End now", "Cancel this downtime"]),
    ],
)
def test_downtime_has_the_buttons_that_its_state_allows(fields: dict[str, Any], buttons: list[str]) -> None:
    shown = single(downtime(**fields))
    assert [one.text for one in shown.all("button")] == buttons
    for form in shown.all("form"):
        fields = {one.attributes["name"]: one.attributes["value"] for one in form.all("input")}
        assert fields == {"csrf": "token", "revision": "1"}


def test_what_a_source_filed_can_be_ended_and_cancelled_alone() -> None:
    shown = single(downtime(source="gocdb:egi"), may_change=False)
    assert [one.text for one in shown.all("button")] == ["End now", "Cancel this downtime"]
    assert shown.all("a", **{"class": "button"}) == []


def test_downtime_shows_facts_silences_and_what_went_wrong() -> None:
    record = SilenceRecord(
        alertmanager="am-1", downtime_id="a", matchers='{host="n1"}', silence_id="s1",
        standing=Standing.OVERRIDDEN, starts_at=0, ends_at=0, revision=1, changed_at=0,
    )  # fmt: skip
    one = downtime(text=BAD, external_id="G1", source="gocdb:egi", window_id="w1", until_further_notice=True)
    shown = single(one, silences=[record, replace(record, standing=Standing.WRITING, silence_id="")])
    for words in (
        BAD, "there G1", "windoww1", ", until further notice",
        'am-1: overridden {host="n1"}, id s1: a person expired it', 'am-1: writing {host="n1"}',
    ):  # fmt: skip
        assert words in shown.text
    assert single(one, error="changed by bob").one("p", role="alert").text == "changed by bob"
    none = single(one, silencing="it is over: it silences nothing")
    assert "None is written: it is over: it silences nothing." in none.text


@pytest.mark.parametrize(("cancelled_at", "warnings"), [(None, 0), (NOW, 1)])
def test_silence_that_was_taken_over_is_said_and_after_the_end_a_warning(
    cancelled_at: int | None, warnings: int
) -> None:
    record = SilenceRecord(
        alertmanager="am-1", downtime_id="a", matchers='{host="n1"}', silence_id="s1", owner=BAD,
        standing=Standing.TAKEN_OVER, starts_at=0, ends_at=NOW, revision=1, changed_at=0,
    )  # fmt: skip
    shown = single(downtime(cancelled_at=cancelled_at), silences=[record])
    until = "2026-11-30 00:53:20 UTC"
    assert f'am-1: taken over {{host="n1"}}, id s1: {BAD} took it over, it mutes until {until}' in shown.text
    said = f"a silence that {BAD} took over mutes on in am-1 until {until}. Expire it there: s1."
    assert [said in one.text for one in shown.all("p", role="alert")] == [True] * warnings
    unnamed = single(downtime(), silences=[replace(record, owner="")])
    assert "id s1: a person took it over" in unnamed.text


def test_overview_warns_of_what_still_mutes_though_its_downtime_is_over() -> None:
    record = SilenceRecord(
        alertmanager="am-1", downtime_id="d7", matchers='{host="n1"}', silence_id="s1", owner=BAD,
        standing=Standing.TAKEN_OVER, starts_at=0, ends_at=NOW, revision=1, changed_at=0,
    )  # fmt: skip
    report = replace(next(iter(alertmanagers())), taken_over=2, left=[record] * 9)
    shown = front(*few(), values={"alertmanagers": [report]}).one("ul", **{"class": "states"})
    assert "1 expired by hand, 2 taken over" in shown.text
    assert len(shown.all("a", href="/downtimes/d7#silences")) == 5
    assert f"✗ still mutes: {BAD} took over a silence that its downtime does not want any more" in shown.text


@pytest.mark.parametrize(("fields", "buttons"), [({}, 1), ({"cancelled_at": NOW}, 0)])
def test_what_lasts_can_be_silenced_again(fields: dict[str, Any], buttons: int) -> None:
    record = SilenceRecord(
        alertmanager="am-1", downtime_id="a", matchers='{host="n1"}', silence_id="s1",
        standing=Standing.OVERRIDDEN, starts_at=0, ends_at=0, revision=1, changed_at=0,
    )  # fmt: skip
    for may, count in ((True, buttons), (False, 0)):
        shown = single(downtime(**fields), silences=[record], may_silence=may)
        assert [one.text for one in shown.all("button")].count("Silence again") == count


def test_history_is_read_aloud_as_before_and_after() -> None:
    entry = single(downtime()).one("ol").all("li")[1]
    assert entry.all("dd")[1].text == "before: no → after: yes"
    assert entry.all("dd")[2].text == f"line {BAD}"
    assert entry.all("dd")[5].text.endswith("→ after: nothing")


def test_form_says_what_is_wrong_beside_the_field_and_above() -> None:
    form, _ = forms.sent({"title": BAD, "zone": "x", "until_further_notice": "yes", "confirm": "yes"})
    shown = page("form.html", **pages.filled(form))
    zone = shown.one("input", name="zone")
    assert zone.attributes["aria-invalid"] == "true"
    assert zone.attributes["aria-describedby"] == "zone-error zone-hint"
    assert "unknown time zone 'x'" in shown.one("p", id="zone-error").text
    assert "unknown time zone 'x'" in shown.one("section", role="alert").text
    assert shown.one("input", name="title").attributes["value"] == BAD
    boxes = shown.all("input", type="checkbox")
    assert {one.attributes["name"] for one in boxes if "checked" in one.attributes} == {
        "until_further_notice", "confirm",
    }  # fmt: skip
    controls = [one for tag in ("input", "select", "textarea") for one in shown.all(tag)]
    labels = {one.attributes["for"] for one in shown.all("label")}
    assert labels == {one.attributes["id"] for one in controls if "id" in one.attributes}


def test_what_is_wrong_with_no_field_is_said_above() -> None:
    form = forms.Form(forms.empty(NOW, pages.ZONE, key="k").values, {"": "changed by bob", "confirm": "no"})
    shown = page("form.html", **pages.filled(form))
    assert [one.text for one in shown.one("section", role="alert").all("li")] == [
        "changed by bob",
        "confirm: no",
    ]


def test_text_of_several_lines_comes_back_as_it_was() -> None:
    form, _ = forms.sent({"text": "\n a\n\n b\n"})
    (area,) = (
        one
        for one in page("form.html", **pages.filled(form)).all("textarea")
        if one.attributes["id"] == "text"
    )
    assert area.content == ["\n\n a\n\n b\n"], "a browser leaves out the first line break"


@pytest.mark.parametrize(
    ("preview", "words"),
    [
        (Preview(pages.ALERTS, 3, 40), "3 of 40 current alerts match. HostDown cloud="),
        (Preview([{"a": BAD}], 3, 40), f'3 of 40 current alerts match; 1 are shown. no name a="{BAD}"'),
        (Preview([], 0, 0, silences=False), "It silences nothing; these alerts are explained by it. 0 of 0"),
        (Preview([], 0, 0, is_everything=True), "It would silence every alert. Tick the box below"),
        (
            Preview([], 0, 0, failed={"am-2": BAD}),
            f"✗ am-2 could not be asked, and its alerts are not counted: {BAD}",
        ),
        (Preview([], 0, 0, 0), "No Alertmanager is configured: nothing is silenced."),
        (Preview(pages.ALERTS, 3, 3), "3 of 3 current alerts match. That is every current alert."),
        (Preview([], 0, 0, silences=False, is_everything=True), "It matches every alert."),
    ],
)
def test_preview_says_what_would_be_silenced(preview: Preview, words: str) -> None:
    shown = page("form.html", **pages.filled(forms.empty(NOW, pages.ZONE, key="k"), preview))
    assert words in shown.one("section", role="status").text
    assert len(shown.all("input", name="confirm")) == preview.needs_confirmation


def test_preview_without_an_answer_counts_nothing() -> None:
    preview = Preview([], 0, 0, 0, failed={"am-2": "away"})
    shown = page("form.html", **pages.filled(forms.empty(NOW, pages.ZONE, key="k"), preview))
    assert shown.one("section", role="status").text == (
        "Preview ✗ am-2 could not be asked, and its alerts are not counted: away"
    )


def test_form_shows_what_others_have_done_meanwhile() -> None:
    done = history(changes(), pages.ZONE)
    shown = page("form.html", **pages.filled(forms.empty(NOW, pages.ZONE, key="k"), others=done))
    section = shown.one("section", aria_labelledby="others")
    assert "changed by bob, 2026-11-30 00:53:20 +01:00 revision 2" in section.text
    assert "until further noticebefore: no → after: yes" in section.text


def test_another_process_that_leads_is_said() -> None:
    words = "Another process with this database writes the silences, and shows how they stand."
    assert words in front(*few(), values={"is_leader": False}).text
    assert words not in front(*few()).text


def test_timeline_that_is_drawn_from_some_says_so() -> None:
    shown = front(*many(count=MOST_LOOKED_AT, hosts=3))
    assert "it is drawn from 1000 of them" in shown.text
    assert "it is drawn" not in front(*few()).text


def test_overview_shows_how_each_cloud_stands() -> None:
    failed = Status(success=False, reason=Reason.TIMEOUT, message=BAD, last_success=NOW - 300)
    clouds = {"lab": Status(success=True, last_success=NOW - 5), "uni": failed, "hpc": Status()}
    shown = front(values={"clouds": clouds})
    states = shown.one("ul", **{"class": "states"}).all("li")
    assert [one.text for one in states] == [
        "✓ lab: read last success 5 s ago", f"✗ uni: failed last success 5 min ago: {BAD}",
        "◌ hpc: not asked yet",
    ]  # fmt: skip


def test_what_an_alertmanager_has_is_unknown_while_it_is_away() -> None:
    away = Report(alertmanager="am", wanted=29, trouble="refused")
    shown = front(values={"alertmanagers": [away]})
    assert shown.one("ul", **{"class": "states"}).text == "✗ am: failed ? of 29 silences: refused"
