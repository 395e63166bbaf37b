"""The exporter from its configuration to its page, with an Alertmanager of a few lines."""

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from prometheus_client import CollectorRegistry

from stratoscope.core.errors import ConfigError
from stratoscope.core.part import Site
from stratoscope.downtime.exporter import EXPORTER
from stratoscope.downtime.settings import parse
from support.demo_cloud import DemoCloud, demo_cloud
from support.downtime_app import alertmanager, downtime_app
from support.html_page import parsed
from support.pages import promtool_findings


def draft(**fields: Any) -> dict[str, Any]:
    now = int(time.time())
    usual = {
        "title": "new switch",
        "start": now - 60,
        "end": now + 3600,
        "matcher_sets": [["cloud=uni", "host=n1"]],
    }
    return usual | fields


@pytest.mark.parametrize(
    ("database", "why"),
    [
        ("", "/state/downtimes.db: is no regular file; allowed: a file to write to"),
        ("postgresql://u@127.0.0.1:1/d?sslmode=disable", "?sslmode=disable: cannot be reached: "),
    ],
)
async def test_a_database_that_cannot_be_used_is_a_mistake_of_the_configuration(
    tmp_path: Path, database: str, why: str
) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "downtimes.db").symlink_to(tmp_path / "other")
    with pytest.raises(ConfigError) as raised:
        async with downtime_app(tmp_path, downtime={"database": database}):
            pass
    assert why in str(raised.value)
    assert not (tmp_path / "other").exists()


async def test_a_downtime_is_a_silence_and_a_series_until_it_is_cancelled(tmp_path: Path) -> None:
    async with alertmanager() as am:
        own = {"alertmanagers": [{"name": "main", "urls": [am.url]}]}
        async with downtime_app(tmp_path, downtime=own) as app:
            one = await app.ask("POST", "/downtimes", draft())
            page = await app.until(lambda page: page.value("stratoscope_downtime_silences_present") == 1)
            assert (
                page.value("stratoscope_downtime_active", downtime_id=one["id"], scope="host", host="n1") == 1
            )
            assert page.value("stratoscope_downtime_silences_in_step", alertmanager="main") == 1
            assert promtool_findings(page.text) == ""
            (silence,) = am.silences.values()
            assert silence["createdBy"] == "stratoscope-downtime"
            assert {(m["name"], m["value"]) for m in silence["matchers"]} == {
                ("cloud", "uni"),
                ("host", "n1"),
            }
        async with downtime_app(tmp_path, downtime=own) as app:
            assert (await app.ask("GET", "/active?cloud=uni&host=n1"))["ids"] == [one["id"]]
            await app.ask("POST", f"/downtimes/{one['id']}/cancel")
            await app.until(lambda page: page.value("stratoscope_downtime_silences_wanted") == 0)
            await app.until(lambda _: not am.silences)


async def test_a_host_that_is_off_by_two_downtimes_is_silent_until_the_later_one_ends(tmp_path: Path) -> None:
    async with alertmanager() as am:
        own = {"alertmanagers": [{"name": "main", "urls": [am.url]}]}
        async with downtime_app(tmp_path, downtime=own) as app:
            other = await app.ask("POST", "/downtimes", draft(title="rack off"))
            await app.ask("PUT", "/hosts-off/uni/n1", {"reason": "saves power"})
            page = await app.until(lambda page: page.value("stratoscope_downtime_silences_present") == 2)
            off = {"cloud": "uni", "host": "n1"}
            assert page.value("stratoscope_downtime_host_off_by_script", **off) == 1
            matchers = [sorted(m["value"] for m in one["matchers"]) for one in am.silences.values()]
            assert matchers == [["n1", "uni"]] * 2
            await app.ask("DELETE", "/hosts-off/uni/n1")
            await app.until(lambda page: page.value("stratoscope_downtime_silences_wanted") == 1)
            await app.until(lambda _: len(am.silences) == 1)
            (silence,) = am.silences.values()
            assert other["id"] in silence["comment"]


async def test_a_reload_changes_what_is_kept_in_step(tmp_path: Path) -> None:
    async with alertmanager() as first, alertmanager() as second:
        own = {"alertmanagers": [{"name": "first", "urls": [first.url]}]}
        async with downtime_app(tmp_path, downtime=own) as app:
            await app.ask("POST", "/downtimes", draft())
            await app.until(lambda _: first.silences)
            both = {"alertmanagers": [*own["alertmanagers"], {"name": "second", "urls": [second.url]}]}
            assert await app.reload(downtime=both) == (200, "reloaded\n")
            await app.until(lambda _: second.silences)
            status, text = await app.reload(downtime={"alertmanagers": [{"name": "first"}]})
            assert (status, "downtime.alertmanagers[0].urls: missing" in text) == (500, True)


async def test_an_alertmanager_that_is_away_is_a_reason_and_nothing_else_suffers(tmp_path: Path) -> None:
    async with alertmanager() as am:
        gone = am.url
    own = {"alertmanagers": [{"name": "main", "urls": [gone]}]}
    async with downtime_app(tmp_path, downtime=own) as app:
        await app.ask("POST", "/downtimes", draft())
        errors = {"alertmanager": "main", "reason": "unreachable"}
        page = await app.until(lambda page: page.value("stratoscope_downtime_sync_errors_total", **errors))
        assert page.value("stratoscope_downtime_silences_in_step", alertmanager="main") == 0
        assert page.value("stratoscope_downtime_downtimes", state="active") == 1


@pytest.fixture
async def cloud() -> AsyncIterator[DemoCloud]:
    async with demo_cloud() as running:
        yield running


async def test_the_hosts_of_a_cloud_and_an_import_are_watched(cloud: DemoCloud, tmp_path: Path) -> None:
    clouds_file = str(cloud.clouds_yaml(tmp_path))
    entry = {"name": "demo", "kind": "openstack", "os_cloud": "admin", "clouds_file": clouds_file}
    source = {
        "name": "egi", "kind": "gocdb", "url": "http://127.0.0.1:1/?method=get_downtime",
        "mapping": [{"labels": {"cloud": "demo"}}],
    }  # fmt: skip
    own = {"hosts_off": {"clouds": ["demo"]}, "imports": [source]}
    async with downtime_app(tmp_path, clouds=[entry], downtime=own) as app:
        hosts_off = {"cloud": "demo", "collector": "hosts_off"}
        page = await app.until(lambda page: page.value("stratoscope_collector_success", **hosts_off))
        assert page.value("stratoscope_cloud_budget_concurrency", cloud="demo")
        failed = {"source": "gocdb:egi", "reason": "unavailable"}
        await app.until(lambda page: page.value("stratoscope_downtime_import_errors_total", **failed))


async def test_what_does_not_work_is_in_the_headline_and_a_cloud_stands_beside_alertmanagers(
    tmp_path: Path,
) -> None:
    auth = {
        "auth_url": "http://127.0.0.1:1/v3", "username": "u", "password": "p", "project_name": "p",
        "user_domain_name": "d", "project_domain_name": "d",
    }  # fmt: skip
    clouds = {"clouds": {"admin": {"auth": auth, "region_name": "RegionOne"}}}
    (tmp_path / "clouds.yaml").write_text(json.dumps(clouds))
    entry = {
        "name": "uni", "kind": "openstack", "os_cloud": "admin", "clouds_file": str(tmp_path / "clouds.yaml"),
    }  # fmt: skip
    async with downtime_app(tmp_path, clouds=[entry], downtime={"hosts_off": {"clouds": ["uni"]}}) as app:
        await app.until(
            lambda page: page.value("stratoscope_collector_success", cloud="uni", collector="hosts_off") == 0
        )
        async with ClientSession() as session, session.get(f"{app.url}/") as answer:
            page = parsed(await answer.text())
    headline = page.one("section", **{"aria-label": "Summary"}).all("p")[0].text
    assert headline == "✗ Trouble with cloud uni; nothing is down on purpose"
    (cloud,) = page.one("ul", **{"class": "states"}).all("li")
    assert cloud.text.startswith("✗ uni: failed ")
    assert cloud.text.endswith("no connection to Keystone: Connection refused")


async def test_an_exporter_without_a_folder_is_a_bug() -> None:
    (part,) = EXPORTER.parts(parse({}, {}), Site(CollectorRegistry()))
    with pytest.raises(ValueError, match="keeps state"):
        async with part.open():
            pass
