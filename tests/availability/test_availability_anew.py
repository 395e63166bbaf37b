"""Days that are counted anew with planned outages that were filed late, against the reference."""

import asyncio
import json
from argparse import Namespace
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import pytest
from aiohttp import web

from stratoscope.__main__ import main
from stratoscope.availability import command
from stratoscope.availability import downtimes as downtimes_of
from support import argo
from support.argo import State, all_of
from support.little_server import listening
from support.worked_days import HOUR

OK, WARNING, UNKNOWN, MISSING, DOWNTIME, CRITICAL = State
BEGINS = 1738368000
"""2025-02-01."""
DAY_S = 86400
Timeline = Sequence[tuple[int, State]]
Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

GOOD: Timeline = [(0, OK), (20 * HOUR, WARNING)]
BROKEN: Timeline = [(0, OK), (3 * HOUR, CRITICAL), (5 * HOUR, OK), (8 * HOUR, UNKNOWN), (9 * HOUR, OK)]
GONE: Timeline = [(0, MISSING), (4 * HOUR, OK), (22 * HOUR, DOWNTIME)]
PROBES: dict[tuple[str, str, str], Timeline] = {
    ("boot", "a", "i"): GOOD, ("boot-b", "b", "i"): BROKEN, ("third", "b", "j"): GONE,
}  # fmt: skip
"""By name, zone and image."""
SERVICES: dict[tuple[str, str], Timeline] = {
    ("", "compute"): [(0, OK), (12 * HOUR, CRITICAL), (13 * HOUR, OK)],
    ("", 'the "image"'): GOOD,
    ("a", "compute"): [(0, OK), (12 * HOUR, WARNING), (14 * HOUR, OK)],
    ("a", ""): [(0, OK), (16 * HOUR, CRITICAL), (17 * HOUR, OK)],
}
"""By zone and name."""
WITHOUT_SERVICES: Timeline = [(0, OK), (20 * HOUR, MISSING), (21 * HOUR, OK)]
"""What is known of a zone whose services are not there any more."""


def states(timeline: Timeline) -> list[State]:
    """That of each minute of the day."""
    return [[state for begins, state in timeline if begins <= 60 * minute][-1] for minute in range(1440)]


def series(name: str, timeline: Iterable[State], **labels: str) -> dict[str, Any]:
    """In the middle of each minute of the first of February."""
    values = [[BEGINS + 60 * minute + 30, str([*State].index(one))] for minute, one in enumerate(timeline)]
    return {"metric": {"__name__": name, "cloud": "lab", **labels}, "values": values}


def worst(timelines: Iterable[Iterable[State]]) -> list[State]:
    return [all_of(minute) for minute in zip(*timelines, strict=True)]


def recorded(**labels: str) -> list[dict[str, Any]]:
    """What the rules recorded. Args: labels: Such as of a replica of Prometheus."""
    zones = {zone for zone, _ in SERVICES}
    of_zones = {zone: worst(states(SERVICES[one]) for one in SERVICES if one[0] == zone) for zone in zones}
    of_zones["without"] = states(WITHOUT_SERVICES)
    found = [
        series("probe:stratoscope_availability:badness", states(one), probe=probe, zone=zone, image_id=image)
        for (probe, zone, image), one in PROBES.items()
    ]
    found += [
        series("service:stratoscope_management:badness", states(one), zone=zone, service=service)
        for (zone, service), one in SERVICES.items()
    ]
    found += [series("zone:stratoscope_management:known", one, zone=zone) for zone, one in of_zones.items()]
    return [{**one, "metric": {**one["metric"], **labels}} for one in found]


class Prometheus:
    """It has the first of February."""

    def __init__(self, found: Sequence[dict[str, Any]], bounds: Sequence[dict[str, Any]] = ()) -> None:
        self._found, self._bounds, self.asked = found, bounds, list[str]()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        query = request.query["query"]
        self.asked.append(query)
        found = self._bounds if "ola_" in query else self._found if "badness" in query else []
        return web.json_response({"status": "success", "data": {"result": found}})


def outage(start: int, end: int, *matchers: str, **fields: object) -> dict[str, object]:
    """A downtime as the API shows it, in seconds of the day."""
    return {
        "planned": True, "severity": "outage", "start": BEGINS + start, "end": BEGINS + end,
        "cancelled_at": None, "matcher_sets": [matchers], "title": "moved", **fields,
    }  # fmt: skip


def downtimes(*found: dict[str, object]) -> Answer:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        assert request.path == "/api/v1/export/json"
        assert dict(request.query) == {"from": str(BEGINS), "to": str(BEGINS + 28 * DAY_S)}
        if request.headers.get("Authorization") != "Bearer secret":
            return web.Response(status=401, text="log in")
        return web.json_response({"as_of": 1, "downtimes": found})

    return answer


async def run(prometheus: Prometheus, there: Answer, *flags: str) -> int:
    async with listening(prometheus) as url, listening(there) as other:
        arguments = [f"--url={url}", f"--downtimes-url={other}", "--month=2025-02", *flags]
        return await asyncio.to_thread(main, ["availability", *arguments])


@pytest.fixture
def token(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("secret") / "token"
    file.write_text("secret\n")
    return f"--downtimes-token-file={file}"


def over(timeline: Timeline, start: int, end: int, *, is_down: bool) -> list[State]:
    """The states with an outage of it, if it is down."""
    found = states(timeline)
    return [
        DOWNTIME if is_down and start <= 60 * minute + 30 < end else one for minute, one in enumerate(found)
    ]


def rows_of_reference(start: int, end: int, labels: dict[str, str]) -> dict[tuple[str, str, str], argo.Day]:
    """By scope, zone and image: what ARGO makes of that day with an outage of what has the labels."""
    zone, service = labels.get("zone", ""), labels.get("service", "")
    probes = {
        one: over(timeline, start, end, is_down=not service and zone in ("", one[1]))
        for one, timeline in PROBES.items()
    }
    services = [
        over(timeline, start, end, is_down=service in ("", of_it) and zone in ("", its_zone))
        for (its_zone, of_it), timeline in SERVICES.items()
    ]
    services.append(over(WITHOUT_SERVICES, start, end, is_down=not service and not zone))
    parts = {
        ("cloud", "", ""): [*probes.values(), *services],
        **{("zone", one, ""): [probes[each] for each in probes if each[1] == one] for one in "ab"},
        **{("image", "", one): [probes[each] for each in probes if each[2] == one] for one in "ij"},
    }
    return {
        subject: argo.day([(60 * minute, one) for minute, one in enumerate(worst(timelines))])
        for subject, timelines in parts.items()
    }


@pytest.mark.parametrize(
    "labels",
    [{"cloud": "lab"}, {"cloud": "lab", "zone": "b"}, {"cloud": "lab", "zone": "a"},
     {"cloud": "lab", "service": "compute"}, {"cloud": "lab", "service": 'the "image"'},
     {"cloud": "lab", "service": "of no zone"}],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize(
    ("start", "end"), [(3 * HOUR, 5 * HOUR), (-HOUR, 4 * HOUR + 90), (11 * HOUR, 30 * HOUR)]
)
async def test_month_is_counted_anew_as_the_reference_has_it(
    start: int, end: int, labels: dict[str, str], token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    matchers = [f"{name}={json.dumps(value)}" for name, value in labels.items()]
    assert await run(Prometheus(recorded()), downtimes(outage(start, end, *matchers)), token) == 0
    found = {(row["scope"], row["zone"], row["image_id"]): row for row in json.loads(capsys.readouterr().out)}
    expected = rows_of_reference(start, end, labels)
    assert found.keys() == expected.keys()
    nothing = [argo.Day(0, DAY_S, 0)] * 27
    for subject, day in expected.items():
        row = found[subject]
        availability, reliability = argo.month([day, *nothing])
        assert (row["availability_percent"], row["reliability_percent"]) == (
            float(availability),
            float(reliability),
        ), subject


@pytest.mark.parametrize(
    "other",
    [
        outage(0, DAY_S, 'cloud="lab"', planned=False),
        outage(0, DAY_S, 'cloud="lab"', severity="at_risk"),
        outage(0, DAY_S, 'cloud="lab"', cancelled_at=1),
        outage(0, DAY_S, 'cloud="lab"', 'host="n1"'),
        outage(0, DAY_S, 'cloud=~"l.*"'),
        outage(0, DAY_S, 'cloud!="lib"'),
        outage(0, DAY_S, 'zone="b"'),
        outage(-2 * DAY_S, 0, 'cloud="lab"'),
        outage(28 * DAY_S, 29 * DAY_S, 'cloud="lab"'),
    ],
    ids=str,
)
async def test_nothing_is_counted_anew_for_what_is_no_planned_outage_of_a_whole(
    other: dict[str, object], token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    prometheus = Prometheus(recorded())
    assert await run(prometheus, downtimes(other), token) == 1
    assert "it has no record of this month" in capsys.readouterr().err
    assert not [query for query in prometheus.asked if "badness" in query]


@pytest.mark.parametrize("value", ['"\\x41"', '"a\nb"', '"\\ud800"'], ids=ascii)
async def test_matcher_that_no_downtime_exporter_writes(
    value: str, token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run(Prometheus(recorded()), downtimes(outage(0, HOUR, f"cloud={value}")), token) == 1
    assert "no downtime exporter answers there" in capsys.readouterr().err


async def test_of_two_replicas_the_one_that_saw_more_counts_anew(
    token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, part = recorded(replica="a"), recorded(replica="b")
    for one in part:
        one["values"] = one["values"][:100]
    outputs = []
    for found in (whole, part + whole):
        assert await run(Prometheus(found), downtimes(outage(0, HOUR, 'cloud="lab"')), token) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]


async def test_minutes_of_other_days_count_for_nothing(
    token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In Prometheus 2, a window holds the last moment of the day before."""
    more = recorded()
    for one in more:
        one["values"] = [[BEGINS - 0.001, "5"], *one["values"], [BEGINS + DAY_S, "5"]]
    outputs = []
    for found in (recorded(), more):
        assert await run(Prometheus(found), downtimes(outage(0, HOUR, 'cloud="lab"')), token) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]


async def test_time_that_the_downtime_exporter_takes_is_not_there_for_prometheus(
    monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    left = list[float]()

    def asked(flags: Namespace, *_: object) -> dict[object, object]:
        left.append(flags.timeout)
        return {}

    async def late(request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(0.2)
        return await downtimes()(request)

    monkeypatch.setattr(command, "asked", asked)  # the time-out that is left shows nowhere else
    assert await run(Prometheus([]), late, token, "--timeout=30s") == 1
    assert 0 < left[0] <= 29.8


async def test_bounds_are_those_of_the_rules_of_that_prometheus(
    token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bounds = [
        {"metric": {"of": of}, "value": [1, value]}
        for of, value in {"availability": "0.5", "reliability": "0.5", "unknown": "1"}.items()
    ]
    expected = []
    for given in ((), bounds):
        outages = downtimes(outage(0, HOUR, 'cloud="lab"'))
        assert await run(Prometheus(recorded(), given), outages, token) == 0
        expected.append([row["is_within_ola"] for row in json.loads(capsys.readouterr().out)])
    assert expected == [[False] * 5, [True] * 5]


async def test_downtime_exporter_that_refuses_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    async with listening(downtimes()) as other:
        arguments = ["--url=http://127.0.0.1:1", f"--downtimes-url={other}", "--month=2025-02"]
        assert await asyncio.to_thread(main, ["availability", *arguments]) == 1
    assert capsys.readouterr().err == f"stratoscope availability: {other}: HTTP 401: log in\n"


def test_downtime_exporter_is_asked_with_its_own_token_and_the_ca_of_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = list[Namespace]()

    def fetched(flags: Namespace, *_: object, **__: object) -> Any:
        asked.append(flags)
        return {"downtimes": []}

    monkeypatch.setattr(downtimes_of, "fetched", fetched)  # servers of tests have no CA and no log-in
    own = {"url": "https://other", "token_file": "other", "user": "me", "password_file": "secret"}
    both = {"ca_file": "ca", "timeout": 3.0}
    there = {"downtimes_url": "https://there", "downtimes_token_file": "token"}
    assert downtimes_of.planned_outages(Namespace(**own, **both, **there), BEGINS, BEGINS + DAY_S) == []
    (found,) = asked
    assert (found.url, found.token_file, found.user) == ("https://there", "token", None)
    assert (found.ca_file, found.timeout) == ("ca", 3.0)


async def test_another_server_is_no_downtime_exporter(capsys: pytest.CaptureFixture[str]) -> None:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.json_response([])

    assert await run(Prometheus(recorded()), answer) == 1
    assert "no downtime exporter answers there; allowed: --downtimes-url" in capsys.readouterr().err
