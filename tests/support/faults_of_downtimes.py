"""Faults that the downtime exporter meets, and downtimes themselves."""

import datetime as dt
import signal
import time
from contextlib import suppress
from typing import Any, Final
from urllib.error import HTTPError

from support.faulty_stack import CALENDAR, FACTOR, FaultyStack, event
from support.rule_fault import RuleFault
from support.world_faults import disable_host

_LASTS_S: Final = 40


def _draft(lasts_s: int) -> dict[str, Any]:
    now = int(time.time())
    return {
        "title": "new switch",
        "start": now,
        "end": now + lasts_s,
        "matcher_sets": [['cloud="off"', 'host="cn03"']],
    }


def _file(stack: FaultyStack) -> None:
    stack.exporters["downtime"].post("/api/v1/downtimes", _draft(_LASTS_S))


def _freeze_alertmanager(stack: FaultyStack) -> None:
    stack.alertmanagers["other"].signal(signal.SIGSTOP)


def _set_clock(stack: FaultyStack) -> None:
    stack.ahead.ahead_s = 60


def _hold_database(stack: FaultyStack) -> None:
    exporter = stack.exporters["downtime-held"]
    stack.hold(exporter.state / "downtimes.db")
    with suppress(HTTPError):  # that it is refused is what is wanted
        exporter.post("/api/v1/downtimes", _draft(_LASTS_S))


def _freeze_leader(stack: FaultyStack) -> None:
    leaders = [
        dict(labels)["instance"]
        for labels, value in stack.prometheus[FACTOR].ask("stratoscope_downtime_leader{job='pair'}").items()
        if value
    ]
    for name in ("pair-leader", "pair-follower"):
        if stack.exporters[name].url.endswith(leaders[0]):
            stack.exporters[name].signal(signal.SIGSTOP)


def _break_source(stack: FaultyStack) -> None:
    del stack.pages.texts["/late.ics"]


def _announce(stack: FaultyStack) -> None:
    stack.pages.texts["/unmapped.ics"] = CALENDAR.format(event("cn01") + event("unknown"))


def _lose_zone(stack: FaultyStack) -> None:
    exporter = stack.exporters["downtime-zone"]
    window = {
        "title": "patches",
        "matcher_sets": [['cloud="off"', 'host="cn03"']],
        "rrule": "FREQ=WEEKLY",
        "zone": "Europe/Ours",
        "first": f"{dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)}T22:00:00",
        "duration_s": 3600,
    }
    exporter.post("/api/v1/windows", window)
    exporter.stop()
    (stack.zones / "Europe/Ours").unlink()
    exporter.launch()


def _switch_off(stack: FaultyStack) -> None:
    stack.clouds["off"].change(disable_host("cn02", "saves power"))
    stack.clouds["off"].fault("down", service="compute", host="cn02", seconds=0)


def _remove_database(stack: FaultyStack) -> None:
    (stack.exporters["downtime-removed"].state / "downtimes.db").unlink()


FAULTS: Final = (
    RuleFault(
        "StratoscopeDowntimeActive",
        {"cloud": "off", "host": "cn03", "scope": "host"},
        "somebody files a downtime",
        _file,
    ),
    RuleFault(
        "StratoscopeDowntimeEndsSoon", {"job": "downtime", "of": "end"}, "a downtime comes to its end", _file
    ),
    RuleFault(
        "StratoscopeSilencesNotInStep",
        {"alertmanager": "other"},
        "an Alertmanager is frozen (SIGSTOP)",
        _freeze_alertmanager,
    ),
    RuleFault(
        "StratoscopeDowntimesNotStored",
        {"reason": "busy"},
        "another program locks the database",
        _hold_database,
    ),
    RuleFault(
        "StratoscopeDowntimesWithoutLeader",
        {"job": "pair"},
        "of two exporters, the one that leads is frozen (SIGSTOP)",
        _freeze_leader,
    ),
    RuleFault(
        "StratoscopeDowntimeImportLate",
        {"source": "icalendar:late"},
        "a calendar answers with status 500",
        _break_source,
    ),
    RuleFault(
        "StratoscopeDowntimeImportUnmapped",
        {"source": "icalendar:unmapped"},
        "a calendar announces a host that no entry of the mapping names",
        _announce,
    ),
    RuleFault(
        "StratoscopeDowntimeWindowStuck",
        {"reason": "zone"},
        "the time zone of a window is gone after an update",
        _lose_zone,
    ),
    RuleFault(
        "StratoscopeHostOffTooLong",
        {"cloud": "off", "host": "cn02"},
        "a host is switched off for longer than hosts_off.cap, 20 s here",
        _switch_off,
    ),
    RuleFault(
        "StratoscopeDowntimeClockSkewed",
        {"alertmanager": "ahead"},
        "a proxy sets the clock of an Alertmanager a minute ahead",
        _set_clock,
    ),
    RuleFault(
        "StratoscopeCollectorFailing",
        {"job": "downtime", "collector": "downtimes"},
        "the file of the downtimes is removed",
        _remove_database,
    ),
)
