"""The embedded OpenStack answers each call as a real one did when it was recorded.

Compared are the status, the names of headers, the body's keys and types; of errors the text.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.calls import Call, calls, changes
from demo.exchange import Answer, Asked, log_in
from demo.places import places
from demo.shapes import differences
from stratoscope.demo.world.seed.identity import CREDENTIAL_ID, PASSWORD
from support.demo_cloud import DemoCloud, demo_cloud_in_thread

FIXTURES = Path(__file__).parents[1] / "fixtures" / "openstack"
BEGAN = 1_790_000_000.0
PREFIXES = {
    "identity": "/identity",
    "compute": "/compute",
    "placement": "/placement",
    "network": "/network",
    "block-storage": "/volume",
    "image": "/image",
}
KNOWN = {
    ".pools[].capabilities: lacks": "the driver of another backend has other capabilities",
    ".pools[].capabilities.free_capacity_gb": "the fake driver's capacity is the text `infinite`",
    ".pools[].capabilities.total_capacity_gb": "as above",
    ".volumes[]: lacks ['volume_image_metadata']": "the volumes in error were no copies of images here",
}
"""Beginnings of differences that are none."""
OTHER_WORDS = {
    "Quota exceeded for": "which quotas are exceeded is data",
    "Object missing required field": "of what is wrong with a body, JSON schema has other words",
    "task_state powering-off": "time stands still here between two calls",
}
"""Parts of our messages that differ from the recorded ones, and why."""


@pytest.fixture(scope="module")
def cloud() -> Iterator[DemoCloud]:
    """One that has lived for an hour; which volume is looked at depends on when it began."""
    with demo_cloud_in_thread(200, 12, 20, now=BEGAN) as running:
        running.after(3600)
        yield running


@pytest.fixture(scope="module")
def asked(cloud: DemoCloud) -> Asked:
    clouds = {"admin": "admin", "reader": "admin", "user1": "astronomy"}
    logged_in = {
        user: log_in(f"{cloud.url}/identity", user, PASSWORD, project) for user, project in clouds.items()
    }
    found = Asked(
        {service: cloud.url + prefix for service, prefix in PREFIXES.items()},
        {"compute": "/v2.1", "block-storage": "/v3"},
        {**{user: token for user, (token, _) in logged_in.items()}, "stale": "gAAAAnone"},
        projects={user: project for user, (_, project) in logged_in.items()},
    )
    secrets = {"password": PASSWORD, "secret": PASSWORD, "credential": CREDENTIAL_ID}
    found.values = {**places(found), **secrets}
    return found


def recorded(name: str) -> list[dict[str, Any]]:
    text = (FIXTURES / "demo" / f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def pairs() -> Iterator[tuple[Call, dict[str, Any]]]:
    """Each call with what was recorded of it."""
    by_service: dict[str, Iterator[dict[str, Any]]] = {}
    for call in calls():
        if call.service not in by_service:
            by_service[call.service] = iter(recorded(call.service))
        theirs = next(by_service[call.service])
        assert theirs["call"] == call.name
        yield call, theirs


PAIRS = list(pairs())


@pytest.mark.parametrize(
    ("call", "theirs"), PAIRS, ids=[f"{n}-{call.name}" for n, (call, _) in enumerate(PAIRS)]
)
def test_answer_is_as_recorded(asked: Asked, call: Call, theirs: dict[str, Any]) -> None:
    assert_same(asked.make(call), theirs)


@pytest.fixture(scope="module")
def changed(asked: Asked) -> list[Answer]:
    """The answers to changes: servers that failed, without a port, are there from then on."""
    return [asked.make(call) for call in changes()]


def test_answers_to_changes_are_as_recorded(changed: list[Answer]) -> None:
    for call, ours, theirs in zip(changes(), changed, recorded("changes"), strict=True):
        assert theirs["call"] == call.name
        assert_same(ours, theirs)


def assert_same(ours: Answer, theirs: dict[str, Any]) -> None:
    __tracebackhide__ = True
    assert (ours.status, ours.reason) == (theirs["status"], theirs["reason"])
    # A 204 has no length: Nova's says 0 all the same, which HTTP forbids.
    assert ours.names == [
        name for name in theirs["headers"] if name != "Content-Length" or ours.status != 204
    ]
    assert ours.kind == theirs["type"]
    found = differences(theirs["body"], ours.body)
    assert [one for one in found if not one.startswith(tuple(KNOWN))] == []
    if ours.status >= 400 and not any(words in str(ours.body) for words in OTHER_WORDS):
        assert blurred(ours.body) == blurred(theirs["body"])


def blurred(body: object) -> str:
    """An error without what is each cloud's own: ids, names, numbers; as long as what is recorded of it."""
    text = json.dumps(body, sort_keys=True)[:200]
    text = re.sub(r"req-[0-9a-f-]{36}|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}", "ID", text)
    return re.sub(r"http://[^/\"]+|made-by-a-test|[0-9]+", "#", text)[:120]


FILES = sorted((FIXTURES / "recorded").glob("*.json"))


@pytest.mark.usefixtures("changed")
@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_answer_is_as_in_the_first_recording(asked: Asked, file: Path) -> None:
    """Of another incarnation of the real cloud: with 200 servers, many of them failed."""
    theirs = json.loads(file.read_text(encoding="utf-8"))
    request = theirs["request"]
    ours = asked("admin", request["service"], request["path"], request["version"])
    assert ours.status == theirs["status"]
    found = differences(theirs["body"], ours.body)
    assert [one for one in found if not one.startswith(tuple(KNOWN))] == []
    if "headers" in theirs:
        # That recording left these two out.
        names = {name.lower() for name in ours.names} - {"cache-control", "last-modified"}
        assert names == {name.lower() for name in theirs["headers"]}


@pytest.mark.usefixtures("changed")
def test_servers_of_every_status_that_was_recorded_are_compared(asked: Asked) -> None:
    body: Any = asked("admin", "compute", "/servers/detail?all_tenants=1&changes-since={since}", "2.96").body
    found = {one["status"] for one in body["servers"]}
    assert {"ACTIVE", "BUILD", "DELETED", "ERROR", "SHUTOFF"} <= found
