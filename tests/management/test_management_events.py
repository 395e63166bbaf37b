"""Events of a cloud on the exporter's page: from event to metric, and what is said when they are lost."""

import time
from pathlib import Path
from typing import Any

import pytest

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.events import Events, Missed, Outcome
from stratoscope.core.errors import CollectError, ConfigError, Reason
from stratoscope.management.events import EventsCollector
from stratoscope.management.exporter import EXPORTER
from support.demo_cloud import demo_cloud
from support.fake_broker import PASSWORD, USER, broker
from support.golden import assert_golden
from support.notifications import about
from support.pages import promtool_findings, rendered
from support.watching import watching

SELDOM = {"interval": "10m", "timeout": "30s", "max_age": "1h"}
STATE = "stratoscope_management_vm_state"
UP = "stratoscope_management_events_up"
LOST = "stratoscope_management_events_lost"


async def test_account_of_events() -> None:
    events = Events(Clock(monotonic=lambda: 100.0, now=lambda: 1795305600.0))
    events.begin()
    for outcome in Outcome:
        events.count("instance.update", outcome)
    events.count("aggregate.create.end", Outcome.IGNORED)
    events.end(CollectError(Reason.UNAUTHORIZED, "refused"))
    collector = EventsCollector("uni", events)
    page = rendered(collector.samples(await collector.fetch()), collector.families)
    assert_golden("management_events.prom", page)
    assert promtool_findings(page) == ""


async def test_missed_changes_are_counted_by_what_the_list_had() -> None:
    now = [100.0]
    events = Events(Clock(monotonic=lambda: now[0], now=lambda: 1795305600.0))
    events.begin()
    events.found("a", Missed.ADDED)
    events.found("b", Missed.REMOVED)
    events.says("b")
    now[0] += 30
    events.settle()
    page = rendered(EventsCollector("uni", events).samples(events.account()), EventsCollector.families)
    assert 'stratoscope_management_events_missed_total{cloud="uni",change="added"} 1\n' in page
    assert 'stratoscope_management_events_missed_total{cloud="uni",change="removed"} 0\n' in page
    assert f'{UP}{{cloud="uni"}} 1\n' in page
    assert LOST + "{" not in page


async def test_event_is_on_the_page_soon_and_a_lost_stream_says_so(
    tmp_path: Path,
) -> None:
    login = tmp_path / "rabbit"
    login.write_text(f"{USER}:{PASSWORD}")
    chosen: dict[str, Any] = {"servers": SELDOM, "events": {}}
    async with demo_cloud() as cloud, broker() as rabbit:
        events = {"urls": [rabbit.url], "credentials_file": str(login)}
        async with watching(cloud.clouds_yaml(tmp_path), chosen, events=events) as exporter:
            await exporter.until(lambda page: page.value(UP) == 1 and page.all(STATE), "events arrive")
            before = time.time()
            rabbit.publish(about("instance.create.end", "said-by-event", time.time()))
            seen = await exporter.until(
                lambda page: page.all(STATE, vm_id="said-by-event"),
                "the VM is shown",
            )
            assert time.time() - before < 30  # 2 s where nothing else runs; the list comes after 10 minutes
            assert "instance.create.end" in seen.text
            rabbit.is_silent = True
            rabbit.lose()
            lost = await exporter.until(lambda page: page.value(UP) == 0, "the loss is shown")
            assert lost.value(LOST, reason="unavailable") == 1
            assert PASSWORD not in lost.text


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ({}, "clouds[0].events.urls: missing; allowed: such as [amqps://"),
        ({"urls": []}, "clouds[0].events.urls: "),
        ({"urls": ["amqp://h"], "port": 1}, "clouds[0].events.port: unknown key; allowed: "),
        (
            {"urls": ["http://h"]},
            "clouds[0].events.urls: expected such as `amqps://rabbit.example.org:5671/nova`",
        ),
        (
            {"urls": ["amqp://u:s3cr3t@h"]},
            "clouds[0].events.urls: a user or a password stands in one; allowed: ",
        ),
        ({"urls": ["amqp://u:s3cr3t@[h"]}, "clouds[0].events.urls: expected such as `amqps://"),
        ({"urls": ["amqp://h?heartbeat=1"]}, "clouds[0].events.urls: expected such as `amqps://"),
        ({"urls": ["amqp://h"]}, "clouds: demo/openstack: events.credentials_file: missing; a file with"),
        (
            {"urls": ["amqp://h"], "credentials_file": "/none"},
            "clouds: demo/openstack: events.credentials_file: /none: ",
        ),
        (
            {"urls": ["amqps://h"], "credentials_file": "LOGIN", "ca_file": "/none"},
            "clouds: demo/openstack: events.ca_file: /none: No such file",
        ),
        (
            {"urls": ["amqps://h"], "credentials_file": "LOGIN", "key_file": "/none"},
            "clouds: demo/openstack: events.cert_file: missing; the certificate of which key_file is the key",
        ),
    ],
)
def test_mistake_is_named_with_what_is_allowed_and_no_password(
    tmp_path: Path, events: dict[str, Any], message: str
) -> None:
    (tmp_path / "login").write_text("user:s3cr3t")
    clouds = tmp_path / "clouds.yaml"
    auth = {"auth_url": "http://keystone.invalid", "token": "t"}
    clouds.write_text(str({"clouds": {"admin": {"auth": auth, "auth_type": "token", "region_name": "one"}}}))
    given = {key: str(tmp_path / "login") if one == "LOGIN" else one for key, one in events.items()}
    entry = {
        "name": "demo",
        "kind": "openstack",
        "os_cloud": "admin",
        "clouds_file": str(clouds),
        "events": given,
    }
    with pytest.raises(ConfigError) as refused:
        EXPORTER.parse({"clouds": [entry]}, {})
    assert str(refused.value).startswith(message)
    assert "s3cr3t" not in str(refused.value)
