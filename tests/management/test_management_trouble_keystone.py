"""What the exporter shows while Keystone fails, and when tokens end; over HTTP."""

import asyncio
import logging
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stratoscope.clouds.openstack.identity import names
from support.apart import Apart, apart
from support.patience import FAR_S
from support.series import Page
from support.source import until
from support.watching import HASTY, OFTEN, Seen, configuration, failing, succeeding, watching

pytestmark = pytest.mark.no_cover  # a whole exporter, traced, is slow; each part has tests of its own

OTHERS = ("servers", "volumes", "ports", "network_agents", "images")
TOKENS = "/v3/auth/tokens"


@pytest.fixture
async def cloud() -> AsyncIterator[Apart]:
    async with apart() as running:
        yield running


def logins(page: Page, result: str = "ok") -> float:
    return page.total("stratoscope_cloud_logins_total", result=result)


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the exporter logs beside what goes well."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.WARNING and record.name.startswith("stratoscope")
    ]


async def in_flight(cloud: Apart, path: str) -> None:
    """Wait until the fault that hits this path once has done so."""
    async with asyncio.timeout(FAR_S):
        while any(fault.path == path for fault in cloud.demo.cloud.faults.shown()):  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)


async def test_a_keystone_killed_amid_a_refresh_costs_its_own_collector_alone(
    cloud: Apart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(names, "_RECENT_S", 0.1)  # else an answer or a failure stands for a minute
    collectors = dict.fromkeys((*OTHERS, "endpoints", "projects"), OFTEN)
    async with watching(cloud.clouds_yaml(tmp_path), collectors) as exporter:
        cloud.demo.cloud.faults.add(
            {"fault": "hang", "service": "identity", "path": "/v3/projects", "count": 1}
        )
        await in_flight(cloud, "/v3/projects")
        await cloud.stop("identity")
        page = await exporter.until(
            lambda page: page.success("projects") == 0, "the request that was cut fails"
        )
        assert page.errors("projects", "unavailable") == page.errors("projects")
        page = await exporter.until(
            lambda page: page.value("endpoint_up", service="identity") == 0, "its endpoint is down"
        )
        page = await exporter.refreshed(OTHERS)
        assert page.by("endpoint_up", "service") == dict.fromkeys(page.by("endpoint_up", "service"), 1) | {
            "identity": 0
        }
        assert page.all("project_info"), "what was last seen is still young enough"
        await until(lambda: bool(complaints(caplog)))  # it waits a second for others
        assert len(complaints(caplog)) == 1, complaints(caplog)
        await cloud.start("identity")
        await exporter.until(
            lambda page: page.success("projects") and page.value("endpoint_up", service="identity"),
            "all is well again",
        )
        assert logins(await exporter.page()) == 1


async def test_without_a_keystone_a_token_that_ends_fails_all_until_it_is_back(
    cloud: Apart, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with watching(cloud.clouds_yaml(tmp_path), dict.fromkeys(OTHERS, HASTY)) as exporter:
        await cloud.stop("identity")
        cloud.demo.clock.goes_on(3600)
        began = time.monotonic()

        def always(seen: Seen) -> None:
            seen.check_shown_while_young("servers", "vm_info")
            seen.check_shown_while_young("ports", "ports")

        page = await exporter.until(
            lambda page: (
                failing(page, OTHERS)
                and not page.all("vm_info")
                and all(page.errors(name, "unavailable") for name in OTHERS)
            ),
            "old data vanish",
            always=always,
        )
        assert page.errors(reason="internal") == 0
        assert not page.all("vms"), "no invented zero"
        lasted_s = time.monotonic() - began
        assert logins(page, "failed") <= 1 + lasted_s / 5, "not each refresh is an attempt"
        assert len(complaints(caplog)) == 1, complaints(caplog)
        await cloud.start("identity")
        page = await exporter.recovered(OTHERS)
        assert page.all("vm_info")
        assert logins(page) == 2


@pytest.mark.parametrize("end", ["expires", "is revoked"])
async def test_a_token_that_ends_costs_one_log_in_and_no_gap(
    cloud: Apart, tmp_path: Path, end: str, caplog: pytest.LogCaptureFixture
) -> None:
    collectors = dict.fromkeys((*OTHERS, "projects", "compute_services", "hypervisors"), OFTEN)
    async with watching(cloud.clouds_yaml(tmp_path), collectors) as exporter:
        assert logins(await exporter.refreshed(OTHERS, 1)) == 1
        if end == "expires":
            cloud.demo.clock.goes_on(3600)
        else:
            cloud.demo.cloud.faults.add({"fault": "expire_token", "count": 1})

        def always(seen: Seen) -> None:
            assert succeeding(seen.page, collectors)
            assert seen.page.all("vm_info")

        await exporter.until(lambda page: logins(page) > 1, "it logs in anew", always=always)
        page = await exporter.refreshed(OTHERS)
        assert logins(page) == 2
        assert page.requests(code="401") >= 1
        assert page.total("stratoscope_cloud_retries_total", code="401") == page.requests(code="401")
        assert page.errors() == 0
        assert cloud.asked("identity", TOKENS, method="POST") == 2
        assert complaints(caplog) == []


async def test_a_wrong_password_is_shown_to_keystone_once(
    cloud: Apart, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    collectors = dict.fromkeys((*OTHERS, "endpoints", "compute_quotas"), OFTEN)
    wrong = cloud.clouds_yaml(tmp_path, password="no-such-password")  # noqa: S106 - it is none
    async with watching(wrong, collectors) as exporter:
        asked = [name for name in collectors if name != "endpoints"]
        page = await exporter.until(
            lambda page: all(page.errors(name, "unauthorized") >= 4 for name in asked), "they all try again"
        )
        assert page.errors() == page.errors(reason="unauthorized")
        assert (logins(page, "refused"), logins(page, "failed"), logins(page)) == (1, 0, 0)
        assert cloud.asked("identity", TOKENS, method="POST") == 1
        assert page.value("endpoint_up", service="identity") == 1
        (line,) = complaints(caplog)
        assert "log-in failed" in line
        assert "unauthorized" in line
        assert "no-such-password" not in caplog.text + page.text
        assert "Traceback" not in caplog.text


async def test_an_unknown_cloud_ends_the_start_with_status_2_and_the_known_ones(
    cloud: Apart, tmp_path: Path
) -> None:
    file = tmp_path / "stratoscope.yml"
    text = configuration(cloud.clouds_yaml(tmp_path), {}).replace('"admin"', '"nowhere"')
    file.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "stratoscope", "management", f"--config.file={file}"]
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "nowhere" in line
    assert all(known in line for known in ("admin", "reader", "user1", "credential"))
