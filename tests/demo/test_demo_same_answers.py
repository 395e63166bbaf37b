"""The embedded OpenStack answers as a real one did when it was recorded, as far as exporters read it.

Compared are the status, the body's keys and types; of a server that is refused what a probe makes of that.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from demo.calls import Call, calls, changes
from demo.exchange import Answer, Asked, log_in
from demo.places import places
from demo.shapes import differences
from stratoscope.clouds.client.request import Response
from stratoscope.clouds.lifecycle import RunReason
from stratoscope.clouds.openstack.client import http_errors
from stratoscope.clouds.openstack.lifecycle.errors import refused_reason
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
    ".pools[].capabilities.free_capacity_gb": "the fake driver's capacity is the text `infinite`",
    ".pools[].capabilities.total_capacity_gb": "as above",
}
"""Beginnings of differences that are none."""
NOT_REQUESTED = {
    "compute", "identity", "placement", "identity_auth_tokens", "network_v2.0_extensions",
    "compute_os-hypervisors_detail-v2.96",
    "compute_os-server-groups_all_projects_True-v2.96", "network_v2.0_security-groups",
    "placement_resource_providers_RP_aggregates",
}  # fmt: skip
"""Of the first recording what no exporter requests, or not so."""


@pytest.fixture(scope="module")
def cloud() -> Iterator[DemoCloud]:
    """One that has lived for an hour; a user must have a stopped server and an attached volume then."""
    with demo_cloud_in_thread(200, 12, 20, seed=4, now=BEGAN) as running:
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
    assert ours.status == theirs["status"]
    found = differences(theirs["body"], ours.body)
    assert [one for one in found if not one.startswith(tuple(KNOWN))] == []
    if "POST compute/servers" in theirs["call"] and ours.status >= 400:
        assert verdict(ours.status, ours.body) is verdict(theirs["status"], theirs["body"])


def verdict(status: int, body: object) -> RunReason:
    """What a probe makes of an error."""
    return refused_reason(http_errors.error("compute", Response(status, msgspec.json.encode(body), {})))


FILES = sorted(file for file in (FIXTURES / "recorded").glob("*.json") if file.stem not in NOT_REQUESTED)


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


@pytest.mark.usefixtures("changed")
def test_servers_of_every_status_that_was_recorded_are_compared(asked: Asked) -> None:
    body: Any = asked("admin", "compute", "/servers/detail?all_tenants=1&changes-since={since}", "2.96").body
    found = {one["status"] for one in body["servers"]}
    assert {"ACTIVE", "BUILD", "DELETED", "ERROR", "SHUTOFF"} <= found
