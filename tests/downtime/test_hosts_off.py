"""A host that is disabled and down is switched off on purpose; one that is disabled and up is at risk."""

from typing import Any

import pytest
from msgspec.structs import replace

from stratoscope.clouds.model import Service
from stratoscope.downtime.hosts_off.described import host_downtime
from stratoscope.downtime.hosts_off.disabled import DisabledHost, disabled_hosts
from stratoscope.downtime.hosts_off.hosts import hosts_off
from stratoscope.downtime.hosts_off.plan import Plan, plan
from stratoscope.downtime.matchers import Matcher
from stratoscope.downtime.model import DAY_S, Downtime, Rearm, Severity

NOW = 1_800_000_000
CAP_S = 7 * DAY_S
OFF = DisabledHost("n1", "az1", is_in_use=False, reason="saves power", heartbeat=NOW - 600.0)
NOTHING = Plan([], [], [], [])


def service(**fields: Any) -> Service:
    usual = Service(
        "compute", "nova-compute", "n1", "az1", is_up=False, is_enabled=False, reason="r", heartbeat=5.0,
        is_forced_down=False, runs_vms=True,
    )  # fmt: skip
    return replace(usual, **fields)


def downtime(**fields: Any) -> Downtime:
    usual = Downtime(
        id="a", title="n1 switched off", start=NOW - 60, end=NOW + DAY_S - 60, silences=True,
        matcher_sets=((Matcher("cloud", "uni"), Matcher("host", "n1")),), author="cloud:uni",
        source="cloud:uni", external_id="off: n1", created_at=NOW - 60, changed_at=NOW - 60,
    )  # fmt: skip
    return replace(usual, **fields)


def planned(*hosts: DisabledHost, filed: Any = (), by_hand: Any = ()) -> Plan:
    return plan("uni", hosts, filed, NOW, cap_s=CAP_S, by_hand=by_hand)


@pytest.mark.parametrize(
    ("fields", "is_there"),
    [
        ({}, True),
        ({"reason": ""}, True),
        ({"is_up": True}, True),
        ({"is_forced_down": None}, True),
        ({"host": "n\x001"}, False),
        ({"is_enabled": True}, False),
        ({"is_enabled": None}, False),
        ({"is_forced_down": True}, False),
        ({"is_disabled_by_source": True, "reason": "AUTO: Connection to libvirt lost: 1"}, False),
        ({"runs_vms": False, "binary": "nova-conductor"}, False),
    ],
)
def test_a_host_is_disabled_on_purpose_if_a_person_disabled_what_runs_vms(
    fields: dict[str, Any], is_there: bool
) -> None:
    assert bool(disabled_hosts([service(**fields)])) is is_there


def test_hosts_come_with_their_reason_by_name() -> None:
    assert disabled_hosts([service(host="n2", is_up=True), service()]) == [
        DisabledHost("n1", "az1", is_in_use=False, reason="r", heartbeat=5.0),
        DisabledHost("n2", "az1", is_in_use=True, reason="r", heartbeat=5.0),
    ]


@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize(
    ("other", "seen"),
    [
        ({"is_up": True, "is_enabled": True}, None),
        ({"is_enabled": True}, None),
        ({"is_enabled": None}, None),
        ({"is_forced_down": True}, None),
        ({"is_disabled_by_source": True}, None),
        ({"is_up": True, "reason": "up"}, (True, "up")),
        ({"vms_left": 2, "reason": "left"}, (True, "left")),
        ({"vms_left": 0, "heartbeat": 6.0, "reason": "none left"}, (False, "none left")),
        ({"heartbeat": 6.0, "reason": "later"}, (False, "later")),
        ({"heartbeat": None, "reason": "never"}, (False, "r")),
        ({"runs_vms": False, "is_enabled": True, "is_up": True}, (False, "r")),
    ],
)
def test_a_host_that_stands_there_twice_is_off_only_if_nothing_speaks_against_it(
    other: dict[str, Any], seen: tuple[bool, str] | None, turn: int
) -> None:
    found = disabled_hosts([service(), service(**other)][::turn])
    assert [(one.is_in_use, one.reason) for one in found] == ([seen] if seen else [])


def test_a_host_that_is_off_is_an_outage_that_silences_it_for_a_day() -> None:
    ((_, filed),) = planned(OFF).file
    assert filed.title == "n1 switched off: saves power"
    assert (filed.severity, filed.silences) == (Severity.OUTAGE, True)
    assert [*map(str, filed.matcher_sets[0])] == ['cloud="uni"', 'host="n1"']
    assert (filed.start, filed.end) == (NOW, NOW + DAY_S)


def test_a_host_that_is_disabled_and_up_is_at_risk_and_silences_nothing() -> None:
    ((_, filed),) = planned(replace(OFF, is_in_use=True, reason="")).file
    assert filed.title == "n1 disabled, its VMs go on"
    assert (filed.severity, filed.silences) == (Severity.AT_RISK, False)


def test_reasons_are_cut_and_printed_safely() -> None:
    ((_, filed),) = planned(replace(OFF, reason="\x1b[2J" + "x" * 5000)).file
    assert (len(filed.title), len(filed.text)) == (200, 4000)
    assert filed.title.isprintable()
    assert filed.text.isprintable()


@pytest.mark.parametrize(
    ("fields", "end"),
    [
        ({}, None),
        ({"end": NOW + DAY_S // 2 + 1}, None),
        ({"end": NOW + DAY_S // 2}, NOW + DAY_S),
        ({"start": NOW - CAP_S + 3600, "end": NOW + 60}, NOW + 3600),
        ({"start": NOW - CAP_S + 60, "end": NOW + 60}, None),
    ],
)
def test_a_downtime_is_extended_while_its_host_is_off_up_to_the_cap(
    fields: dict[str, Any], end: int | None
) -> None:
    one = downtime(**fields)
    extend = [Rearm("a", one.end, end)] if end else []
    assert planned(OFF, filed=[one]) == NOTHING._replace(extend=extend)


def test_a_downtime_ends_when_its_host_is_back() -> None:
    assert planned(filed=[downtime()]) == NOTHING._replace(end=["a"])
    assert planned(filed=[downtime(end=NOW - 1)]) == NOTHING


def test_a_host_at_risk_that_goes_off_has_one_downtime_after_the_other() -> None:
    found = planned(OFF, filed=[downtime(id="b", external_id="at risk: n1", severity=Severity.AT_RISK)])
    assert found.end == ["b"]
    assert [one.external_id for one in found.file] == ["off: n1"]


@pytest.mark.parametrize(
    ("heartbeat", "is_up", "is_filed"),
    [(NOW - 600.0, False, False), (None, False, False), (NOW - 5.0, True, False), (NOW - 5.0, False, True)],
)
def test_a_host_that_is_off_beyond_the_cap_becomes_an_alarm_until_it_has_reported_again(
    heartbeat: float | None, is_up: bool, is_filed: bool
) -> None:
    host = replace(OFF, heartbeat=heartbeat, is_in_use=is_up)
    last = downtime(start=NOW - 60 - CAP_S, end=NOW - 60, external_id="at risk: n1" if is_up else "off: n1")
    found = planned(host, filed=[last])
    assert (bool(found.file), found.over_cap) == (is_filed, [] if is_filed or is_up else ["n1"])


def test_a_downtime_that_ended_since_its_host_was_back_is_filed_anew() -> None:
    assert planned(OFF, filed=[downtime(end=NOW - 60)]).file


def test_what_a_person_cancelled_is_not_filed_again_while_the_host_stays_off() -> None:
    cancelled = downtime(title="n1 switched off: saves power", text="saves power", cancelled_at=NOW - 30)
    assert planned(OFF, filed=[cancelled]) == NOTHING
    assert planned(replace(OFF, heartbeat=NOW - 5.0), filed=[cancelled]).file
    assert planned(replace(OFF, reason="broken fan"), filed=[cancelled]).file


def test_what_a_person_ended_is_not_filed_again_while_the_host_stays_off() -> None:
    ended = downtime(title="n1 switched off: saves power", text="saves power", end=NOW - 30)
    assert planned(OFF, filed=[ended], by_hand=["a"]) == NOTHING
    assert planned(OFF, filed=[ended]).file
    assert planned(replace(OFF, heartbeat=NOW - 5.0), filed=[ended], by_hand=["a"]).file
    assert planned(replace(OFF, reason="broken fan"), filed=[ended], by_hand=["a"]).file


def test_a_downtime_lasts_no_longer_than_a_cap_of_less_than_a_day() -> None:
    assert host_downtime("uni", "n1", "", NOW, cap_s=3600).end == NOW + 3600
    assert host_downtime("uni", "n1", "", NOW, cap_s=CAP_S).end == NOW + DAY_S


def test_what_a_person_ended_is_filed_again_under_another_title() -> None:
    ended = downtime(title="n1 switched off", text="saves power", end=NOW - 30)
    assert planned(OFF, filed=[ended], by_hand=["a"]).file


def test_only_hosts_of_active_downtimes_are_off() -> None:
    over, upcoming = downtime(id="b", end=NOW), downtime(id="c", start=NOW + 1)
    cancelled = downtime(id="d", cancelled_at=NOW - 1)
    (found,) = hosts_off([over, upcoming, cancelled, downtime()], NOW, CAP_S)
    assert found.downtime_ids == ("a",)
    assert hosts_off([over, upcoming, cancelled], NOW, CAP_S) == []
